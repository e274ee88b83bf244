import Cedar
import Foundation
import TestKit
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

    @Test("What reading a schema in JSON finds, or that it finds nothing", arguments: try CaseBlock.load("schemas-json.txt"))
    func json(block: CaseBlock) {
        compare(found(Schema.parseJSON, block.text), block)
    }

    /// Every schema that the cases hold and that can be read.
    private func schemas() throws -> [(text: String, isJSON: Bool, schema: Schema)] {
        var all: [(String, Bool, Schema)] = []
        for block in try CaseBlock.load("schemas.txt") where block.expected.isEmpty {
            all.append((block.text, false, try Schema.parse(Source(name: "s", text: block.text))))
        }
        for block in try CaseBlock.load("schemas-json.txt") where block.expected.isEmpty {
            all.append((block.text, true, try Schema.parseJSON(Source(name: "s", text: block.text))))
        }
        let files = FileManager.default.enumerator(at: cases, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
        for file in files where file.pathExtension == "cedarschema" {
            let text = try String(contentsOf: file, encoding: .utf8)
            all.append((text, false, try Schema.parse(Source(name: "s", text: text))))
        }
        #expect(all.count >= 12)
        return all
    }

    @Test("A schema printed in either form reads back as the same schema")
    func printed() throws {
        for (_, _, schema) in try schemas() {
            let text = schema.description
            #expect(try Schema.parse(Source(name: "s", text: text)) == schema, "\(text)")
            let json = schema.json
            #expect(try Schema.parseJSON(Source(name: "s", text: json)) == schema, "\(json)")
        }
    }

    @Test("A mutated schema is read or refused with places inside of it, in either form; what is read prints and reads back")
    func mutations() throws {
        var random = SeededRandom(seed: testSeed("mutated schemas"))
        let seeds = try schemas()
        let pieces = [
            "{", "}", "[", "]", "<", ">", "::", ",", ";", "?", "\"", "\\", "Set<", "entity A", "@a", "é", "\u{0}", "__cedar",
        ]
        var read = 0
        for _ in 0..<5000 {
            let seed = seeds[Int.random(in: 0..<seeds.count, using: &random)]
            var bytes = Array((seed.isJSON ? seed.text : Bool.random(using: &random) ? seed.schema.description : seed.text).utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.insert(contentsOf: Array(pieces[Int.random(in: 0..<pieces.count, using: &random)].utf8), at: place)
                case 2: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...12, using: &random)))
                default:
                    let other = Int.random(in: 0..<bytes.count, using: &random)
                    bytes.insert(contentsOf: bytes[min(place, other)..<min(max(place, other), min(place, other) + 80)], at: place)
                }
            }
            let source = Source(name: "s", text: String(decoding: bytes, as: UTF8.self))
            do throws(Diagnostics) {
                let schema = try seed.isJSON ? Schema.parseJSON(source) : Schema.parse(source)
                read += 1
                #expect(try Schema.parse(Source(name: "s", text: schema.description)) == schema, "\(source.text)")
                #expect(try Schema.parseJSON(Source(name: "s", text: schema.json)) == schema, "\(source.text)")
            } catch {
                let lines = source.text.utf8.count(where: { $0 == 0x0A }) + 1
                #expect(error.all.allSatisfy { (1...lines).contains($0.position.line) && !$0.hint.isEmpty }, "\(source.text)")
            }
        }
        #expect(read > 100)
    }

    @Test("A schema that nests deep or is large is refused")
    func limits() {
        func refusal(_ text: String) -> String { found(Schema.parse, text).first ?? "none" }
        let deep = String(repeating: "Set<", count: 150) + "Long" + String(repeating: ">", count: 150)
        #expect(refusal("type A = \(deep);").contains("levels once its common types are put in place"))
        let deeper = String(repeating: "{a: ", count: 100_000)
        #expect(refusal("type A = \(deeper);").contains("nests deeper than"))
        let chain = (0..<1000).map { "type T\($0) = T\($0 + 1);" }.joined() + "type T1000 = Long;"
        #expect(refusal(chain).contains("levels once its common types are put in place"))
        let many = (0...20_000).map { "entity E\($0);" }.joined()
        #expect(refusal(many).contains("at most 20000 are taken"))
        let all = (0..<1500).map { "E\($0)" }.joined(separator: ",")
        #expect(refusal("entity \(all) in [\(all)];").contains("too large to follow"))
        let json =
            String(repeating: "{\"type\":\"Set\",\"element\":", count: 300)
            + "{\"type\":\"Long\"}" + String(repeating: "}", count: 300)
        #expect(
            found(Schema.parseJSON, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"A\":\(json)}}}").first?
                .contains("levels once its common types") == true)
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
