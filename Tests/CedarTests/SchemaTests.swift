import Foundation
import Testing

@testable import Cedar

@Suite("Schema")
struct SchemaTests {
    @Test("What reading a schema finds, or that it finds nothing", arguments: try cases(in: "schemas.txt"))
    func finds(block: CaseBlock) {
        let found: String
        do {
            _ = try Schema.parse(Source(name: "s", text: block.text))
            found = "nothing"
        } catch {
            found = error.description
        }
        for expected in block.expected {
            #expect(expected == "nothing" ? found == "nothing" : found.contains(expected), "found: \(found)")
        }
    }
}

/// A text with what it is expected to do, from a case file.
struct CaseBlock: CustomTestStringConvertible, Sendable {
    let claim: String
    let text: String
    let expected: [String]

    var testDescription: String { claim }
}

/// The blocks of a case file: `## claim`, lines of text, and lines that begin with `expect `.
func cases(in file: String) throws -> [CaseBlock] {
    let url = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Cases/\(file)")
    let blocks = try String(contentsOf: url, encoding: .utf8).components(separatedBy: "\n## ").dropFirst()
    return blocks.map { block in
        let lines = block.components(separatedBy: "\n")
        let marker = "expect "
        return CaseBlock(
            claim: lines[0],
            text: lines.dropFirst().prefix { !$0.hasPrefix(marker) }.map { $0 + "\n" }.joined(),
            expected: lines.filter { $0.hasPrefix(marker) }.map { String($0.dropFirst(marker.count)) })
    }
}
