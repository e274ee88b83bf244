import Cedar
import Foundation
import Testing

@Suite("Schema")
struct SchemaTests {
    private func found(_ read: (Source) throws(Diagnostics) -> Schema, _ text: String) -> [String] {
        do throws(Diagnostics) {
            _ = try read(Source(name: "s", text: text))
            return []
        } catch {
            return error.all.map(\.description)
        }
    }

    /// Readers may go on to say more about the same place; what they must say is in the case.
    private func compare(_ found: [String], _ block: CaseBlock) {
        for expected in block.expected {
            #expect(found.contains { $0.contains(expected) }, "found: \(found)")
        }
        #expect(found.isEmpty == block.expected.isEmpty, "found: \(found)")
    }

    @Test("What reading a schema finds, or that it finds nothing", arguments: try CaseBlock.load("schemas.txt"))
    func people(block: CaseBlock) {
        compare(found(Schema.parse, block.text), block)
    }
}

/// A text with what it is expected to do, from a case file.
struct CaseBlock: CustomTestStringConvertible, Sendable {
    let claim: String
    let text: String
    /// Parts of what is found; empty for nothing.
    let expected: [String]

    var testDescription: String { claim }

    /// The blocks of a case file: `## claim`, lines of text, and lines that begin with `expect `.
    static func load(_ file: String) throws -> [CaseBlock] {
        let text = try String(contentsOf: cases.appending(path: file), encoding: .utf8)
        return text.components(separatedBy: "\n## ").dropFirst().map { block in
            let lines = block.components(separatedBy: "\n")
            let marker = "expect "
            let expected = lines.filter { $0.hasPrefix(marker) }.map { String($0.dropFirst(marker.count)) }
            return CaseBlock(
                claim: lines[0],
                text: lines.dropFirst().prefix { !$0.hasPrefix(marker) }.map { $0 + "\n" }.joined(),
                expected: expected == ["nothing"] ? [] : expected)
        }
    }
}
