import Foundation
import Testing
import Tokens

@Suite("Vocabulary files")
struct VocabularyTests {
    private func load(_ bytes: [UInt8]) throws(VocabularyError) -> Vocabulary {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).vocabulary")
        defer { try? FileManager.default.removeItem(at: file) }
        #expect(throws: Never.self) { try Data(bytes).write(to: file) }
        return try Vocabulary(path: file.path(percentEncoded: false))
    }

    /// A vocabulary of the single bytes and of "ab".
    private func small(special: String = "<s>") -> [UInt8] {
        var body: [UInt8] = (UInt8.min...UInt8.max).flatMap { [1, $0] }
        body += [2, 0x61, 0x62]
        body += [0, 1, 0, 0, UInt8(special.utf8.count)] + Array(special.utf8)
        return Array("weirvoc\n".utf8) + [1, 1, 1, 0, 1, 1, 0, 0] + [UInt8(body.count & 255), UInt8(body.count >> 8), 0, 0] + body
    }

    @Test("A file in the form that its reader describes is a vocabulary; special tokens decode and are not encoded")
    func reads() throws {
        let tokenizer = Tokenizer(try load(small()))
        #expect(tokenizer.encode(Array("abc<s>".utf8)) == [256, 0x63, 0x3C, 0x73, 0x3E])
        #expect(tokenizer.decode([256, 0x63, 256 + 1_000, -1]) == Array("abc".utf8))
    }

    @Test("A file that is cut, longer, of another version or kind, or lacks a byte's token is refused with what is wrong")
    func refuses() throws {
        let good = small()
        for size in 0..<good.count { #expect(throws: VocabularyError.self) { try load(Array(good[..<size])) } }
        #expect(throws: VocabularyError.self) { try load(good + [0]) }
        for index in 0..<20 {
            var changed = good
            changed[index] ^= 0x40
            #expect(throws: VocabularyError.self, "byte \(index)") { try load(changed) }
        }
        var twice = good
        twice[20 + 2 * 7 + 1] = 6
        #expect(throws: VocabularyError.malformed("a token twice")) { try load(twice) }
        var missing = good
        missing[20 + 2 * 7] = 2
        #expect(throws: VocabularyError.self) { try load(missing) }
    }

    @Test(
        "Those that come with Weir have the sizes that their makers name",
        arguments: [
            ("cl100k_base", 100_256, 5, SplitRule.cl100k), ("o200k_base", 199_998, 10, .o200k), ("qwen", 151_643, 208, .qwen),
        ])
    func shipped(name: String, count: Int, specials: Int, split: SplitRule) throws {
        let vocabulary = try Loaded.tokenizer(name).vocabulary
        #expect(vocabulary.count == count)
        #expect(vocabulary.specials.count == specials)
        #expect(vocabulary.split == split)
        let end = try #require(vocabulary.specials.first { $0.text == "<|endoftext|>" })
        #expect(Tokenizer(vocabulary).decode([end.number]) == Array("<|endoftext|>".utf8))
    }
}
