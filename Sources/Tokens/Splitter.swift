/// How an encoding cuts text into pieces, before any merging: no token spans two pieces. The patterns are facts of the encodings
/// (tiktoken 0.14.0, dashscope 2.0.2); they are given with each rule and followed by hand, since no regular expression engine in
/// reach is fast enough.
public enum SplitRule: UInt8, Sendable, CaseIterable {
    /// `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`
    case cl100k = 1
    /// With U = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, W = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`, C = `(?i:'s|'t|'re|'ve|'m|'ll|'d)?`:
    /// `[^\r\n\p{L}\p{N}]?U*W+C|[^\r\n\p{L}\p{N}]?U+W*C|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
    case o200k = 2
    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    /// over text in Unicode's normal form C.
    case qwen = 3
}

/// Finds the pieces of one text, each by at most a few looks at its characters, so the whole is linear.
///
/// Bytes that are not UTF-8 are outside of what the patterns speak of: each such byte is a piece, and so a token, of its own.
struct Splitter {
    let text: UnsafeRawBufferPointer
    let rule: SplitRule

    /// The end of the piece that begins at `start`, which is before the end of the text.
    func end(of start: Int) -> Int {
        let first = scalar(at: start)
        if first.kind & ScalarKind.invalid != 0 { return start + 1 }
        switch rule {
        case .cl100k, .qwen:
            if let end = contraction(at: start) ?? word(at: start, first) { return end }
        case .o200k:
            if let end = casedWord(at: start, first) { return end }
        }
        if first.kind & ScalarKind.number != 0 { return numbers(at: start, atMost: rule == .qwen ? 1 : 3) }
        if let end = symbols(at: start) { return end }
        return spaces(at: start)
    }

    // MARK: - The alternatives of the patterns

    /// `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll`, `'d` in either case. Unicode's long s (ſ) is a case of s, to the patterns too.
    private func contraction(at start: Int) -> Int? {
        guard start + 1 < text.count, text[start] == UInt8(ascii: "'") else { return nil }
        switch text[start + 1] | 0x20 {
        case UInt8(ascii: "s"), UInt8(ascii: "d"), UInt8(ascii: "m"), UInt8(ascii: "t"): return start + 2
        case UInt8(ascii: "l"): return follows(UInt8(ascii: "l"), at: start + 2)
        case UInt8(ascii: "v"), UInt8(ascii: "r"): return follows(UInt8(ascii: "e"), at: start + 2)
        default: return text[start + 1] == 0xC5 && start + 2 < text.count && text[start + 2] == 0xBF ? start + 3 : nil
        }
    }

    private func follows(_ letter: UInt8, at index: Int) -> Int? {
        index < text.count && text[index] | 0x20 == letter ? index + 1 : nil
    }

    /// `[^\r\n\p{L}\p{N}]`: one character that may stand before a word and belong to it.
    private func mayLead(_ kind: UInt8) -> Bool {
        kind & (ScalarKind.letter | ScalarKind.number | ScalarKind.newline | ScalarKind.invalid) == 0
    }

    /// `[^\r\n\p{L}\p{N}]?\p{L}+`
    private func word(at start: Int, _ first: Scalar) -> Int? {
        let begin = mayLead(first.kind) ? start + first.length : start
        let end = run(of: ScalarKind.letter, from: begin)
        return end > begin ? end : nil
    }

    /// The first two alternatives of o200k, in the order in which backtracking tries them.
    private func casedWord(at start: Int, _ first: Scalar) -> Int? {
        let lead = mayLead(first.kind) ? start + first.length : nil
        // Neither a letter nor a mark, and nothing of them after it.
        let end =
            lead.flatMap(lowerEnding) ?? lowerEnding(from: start) ?? lead.flatMap(upperBeginning) ?? upperBeginning(from: start)
        return end.map { contraction(at: $0) ?? $0 }
    }

    /// `U*W+`: as many of U as there are, then at least one of W; if none follows, U gives back until its last that is also of W.
    private func lowerEnding(from begin: Int) -> Int? {
        var at = begin
        var lastOfBoth: Int?
        while at < text.count {
            let next = scalar(at: at)
            if next.kind & ScalarKind.upper == 0 {
                return next.kind & ScalarKind.lower != 0 ? run(of: ScalarKind.lower, from: at) : lastOfBoth
            }
            at += next.length
            if next.kind & ScalarKind.lower != 0 { lastOfBoth = at }
        }
        return lastOfBoth
    }

    /// `U+W*`
    private func upperBeginning(from begin: Int) -> Int? {
        let end = run(of: ScalarKind.upper, from: begin)
        return end > begin ? run(of: ScalarKind.lower, from: end) : nil
    }

    private func numbers(at start: Int, atMost most: Int) -> Int {
        var at = start
        for _ in 0..<most where at < text.count {
            let next = scalar(at: at)
            guard next.kind & ScalarKind.number != 0 else { break }
            at += next.length
        }
        return at
    }

    /// ` ?[^\s\p{L}\p{N}]+[\r\n]*`; with o200k the end may have slashes too.
    private func symbols(at start: Int) -> Int? {
        let begin = text[start] == 0x20 ? start + 1 : start
        var at = begin
        while at < text.count {
            let next = scalar(at: at)
            let others = ScalarKind.letter | ScalarKind.number | ScalarKind.space | ScalarKind.invalid
            guard next.kind & others == 0 else { break }
            at += next.length
        }
        guard at > begin else { return nil }
        while at < text.count {
            let byte = text[at]
            guard byte == 0x0A || byte == 0x0D || (byte == UInt8(ascii: "/") && rule == .o200k) else { break }
            at += 1
        }
        return at
    }

    /// White space: up to its last line end; without one, all but the last, which belongs to the word that follows.
    private func spaces(at start: Int) -> Int {
        var at = start
        var last = start
        var lineEnd: Int?
        while at < text.count {
            let next = scalar(at: at)
            guard next.kind & ScalarKind.space != 0 else { break }
            last = at
            at += next.length
            if next.kind & ScalarKind.newline != 0 { lineEnd = at }
        }
        if at == text.count, rule == .cl100k { return at }
        if let lineEnd { return lineEnd }
        return at == text.count || last == start ? at : last
    }

    // MARK: - Characters

    struct Scalar {
        var kind: UInt8
        var length: Int
    }

    private func run(of kinds: UInt8, from begin: Int) -> Int {
        var at = begin
        while at < text.count {
            let next = scalar(at: at)
            guard next.kind & kinds != 0 else { break }
            at += next.length
        }
        return at
    }

    @inline(__always)
    private func scalar(at index: Int) -> Scalar {
        let byte = text[index]
        if byte < 0x80 { return Scalar(kind: ScalarKind.of(ascii: byte), length: 1) }
        guard let (value, length) = decodedScalar(text, at: index) else { return Scalar(kind: ScalarKind.invalid, length: 1) }
        return Scalar(kind: ScalarKind.of(value), length: length)
    }
}

/// The character of two to four bytes that begins at `index`, strictly: no longer form than needed, no surrogate.
func decodedScalar(_ text: UnsafeRawBufferPointer, at index: Int) -> (value: UInt32, length: Int)? {
    let first = UInt32(text[index])
    let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
    guard first >= 0xC2, first <= 0xF4, index + length <= text.count else { return nil }
    var value = first & (0x7F >> UInt32(length))
    var at = index + 1
    while at < index + length {
        let next = UInt32(text[at])
        guard next & 0xC0 == 0x80 else { return nil }
        value = value << 6 | (next & 0x3F)
        at += 1
    }
    switch length {
    case 3: guard value >= 0x800, value & 0xF800 != 0xD800 else { return nil }
    case 4: guard value >= 0x10000, value <= 0x10FFFF else { return nil }
    default: break
    }
    return (value, length)
}
