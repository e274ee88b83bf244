import Foundation
import TestKit
import Testing
import Tokens

private let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
let tokenizerFolder = repository.appending(path: "share/tokenizers").path(percentEncoded: false)
let vocabularyNames = ["cl100k_base", "o200k_base", "qwen"]

/// Each vocabulary, loaded once for all tests.
enum Loaded {
    static let all: [String: Result<Vocabulary, VocabularyError>] = Dictionary(
        uniqueKeysWithValues: vocabularyNames.map { name in
            (name, Result { () throws(VocabularyError) in try Vocabulary(name: name, folder: tokenizerFolder) })
        })

    static func tokenizer(_ name: String) throws -> Tokenizer {
        Tokenizer(try #require(all[name]).get())
    }
}

private func cases(_ file: URL) throws -> [(text: String, tokens: [String: [Int32]])] {
    try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map { line in
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        var tokens: [String: [Int32]] = [:]
        for name in vocabularyNames { tokens[name] = try #require(object[name] as? [Int]).map(Int32.init) }
        return (try #require(object["text"] as? String), tokens)
    }
}

@Suite("Tokenizer")
struct TokenizerTests {
    @Test("Tokens are those of the encodings' own library, one by one")
    func vectors() throws {
        let folder = repository.appending(path: "Tests/Cases/tokenizers")
        var files = ["golden.jsonl", "vectors.jsonl"].map { folder.appending(path: $0) }
        if let more = ProcessInfo.processInfo.environment["WEIR_TOKEN_VECTORS"] { files.append(URL(filePath: more)) }
        let all = try files.flatMap(cases)
        #expect(all.count >= 348)
        for name in vocabularyNames {
            let tokenizer = try Loaded.tokenizer(name)
            for (text, tokens) in all {
                let found = tokenizer.encode(Array(text.utf8))
                #expect(found == tokens[name], "\(name): \(text.debugDescription)")
                #expect(tokenizer.count(Array(text.utf8)) == found.count)
            }
        }
    }

    @Test("Whatever the bytes, tokens put together are the text again, and no more than its bytes", arguments: vocabularyNames)
    func roundTrip(name: String) throws {
        let seed = testSeed("tokens of random bytes, \(name)")
        var random = SeededRandom(seed: seed)
        let tokenizer = try Loaded.tokenizer(name)
        for _ in 0..<300 {
            let size = Int.random(in: 0...200, using: &random)
            // Bytes below 0xCC or anything: with the former Qwen's composing has nothing to do, with the latter it is not UTF-8.
            let top: UInt8 = Bool.random(using: &random) ? 0x7F : 0xFF
            let bytes = (0..<size).map { _ in UInt8.random(in: 0...top, using: &random) } + (top == 0xFF ? [0xFF] : [])
            let tokens = tokenizer.encode(bytes)
            #expect(tokenizer.decode(tokens) == bytes, "seed \(seed)")
            #expect(tokens.count <= bytes.count, "seed \(seed)")
        }
    }

    @Test("A byte that is no text costs one token, and the text around it what it always costs", arguments: vocabularyNames)
    func invalid(name: String) throws {
        let tokenizer = try Loaded.tokenizer(name)
        let broken: [[UInt8]] = [
            [0xFF], [0x80], [0xC0, 0xAF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF8], [0xE4, 0xBD],
        ]
        let hello = tokenizer.count(Array("Hello".utf8))
        for bytes in broken {
            #expect(tokenizer.count(bytes) == bytes.count)
            #expect(tokenizer.count(Array("Hello".utf8) + bytes + Array("Hello".utf8)) == 2 * hello + bytes.count)
        }
    }

    @Test("A megabyte of one letter, of spaces or of line ends takes under a second", arguments: vocabularyNames)
    func longRuns(name: String) throws {
        let tokenizer = try Loaded.tokenizer(name)
        for letter in ["a", " ", "\n", "字", "'", "A"] {
            let text = Array(String(repeating: letter, count: 1_048_576 / letter.utf8.count).utf8)
            let clock = ContinuousClock()
            var tokens: [Int32] = []
            let took = clock.measure { tokens = tokenizer.encode(text) }
            #expect(took < .seconds(1), "\(letter.debugDescription) took \(took)")
            #expect(tokenizer.decode(tokens) == text)
        }
    }
}
