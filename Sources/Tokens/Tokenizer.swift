/// Text to the tokens of one vocabulary, as the encodings' own libraries count ordinary text: the names of special tokens in it
/// are text like any other.
///
/// A text has at most as many tokens as bytes; with Qwen, as bytes in normal form C, which is rarely the longer one.
/// What is not UTF-8 costs a token a byte. What a provider would make of such bytes is not known.
public struct Tokenizer: Sendable {
    public let vocabulary: Vocabulary

    public init(_ vocabulary: Vocabulary) { self.vocabulary = vocabulary }

    public func encode(_ text: UnsafeRawBufferPointer) -> [Int32] {
        var tokens: [Int32] = []
        tokens.reserveCapacity(text.count / 3)
        forEachPart(text) { tokens.append(contentsOf: $0) }
        return tokens
    }

    public func encode(_ text: [UInt8]) -> [Int32] { text.withUnsafeBytes(encode) }

    /// How many tokens `encode` would give, without keeping them.
    public func count(_ text: UnsafeRawBufferPointer) -> Int {
        var count = 0
        forEachPart(text) { count += $0.count }
        return count
    }

    public func count(_ text: [UInt8]) -> Int { text.withUnsafeBytes(count) }

    /// The bytes of these tokens, special ones by their text; unknown numbers have none.
    public func decode(_ tokens: [Int32]) -> [UInt8] {
        var bytes: [UInt8] = []
        for token in tokens {
            if token >= 0, Int(token) < vocabulary.count {
                bytes.append(contentsOf: vocabulary[token])
            } else if let special = vocabulary.specials.first(where: { $0.number == token }) {
                bytes.append(contentsOf: special.text.utf8)
            }
        }
        return bytes
    }

    private func forEachPart(_ text: UnsafeRawBufferPointer, _ body: (UnsafeBufferPointer<Int32>) -> Void) {
        guard !text.isEmpty else { return }
        if vocabulary.split == .qwen, let composed = composedIfNeeded(text) {
            composed.withUnsafeBytes { forEachPart(composed: $0, body) }
        } else {
            forEachPart(composed: text, body)
        }
    }

    private func forEachPart(composed text: UnsafeRawBufferPointer, _ body: (UnsafeBufferPointer<Int32>) -> Void) {
        let merging = Merging(vocabulary, textBytes: text.count)
        let splitter = Splitter(text: text, rule: vocabulary.split)
        var start = 0
        while start < text.count {
            let end = splitter.end(of: start)
            while start < end {
                let cut = partEnd(text, from: start, to: end)
                body(merging.tokens(of: UnsafeRawBufferPointer(rebasing: text[start..<cut])))
                start = cut
            }
        }
    }

    /// Where the part that begins at `start` ends: at the piece's end, or at the last character's edge before it is too long.
    private func partEnd(_ text: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Int {
        guard end - start > Merging.partMax else { return end }
        var cut = start + Merging.partMax
        // A piece of over one byte is whole characters, so at most three steps.
        while text[cut] & 0xC0 == 0x80 { cut -= 1 }
        return cut
    }
}
