/// A text that policies, a schema or entities were read from, with the name that its errors give.
public struct Source: Sendable {
    /// The file's name as the reader knows it.
    public let name: String
    public let text: String

    public init(name: String, text: String) {
        self.name = name
        self.text = text
    }

    /// Line and column of a byte offset, both counted from 1; columns count Unicode scalars.
    public func position(at offset: Int) -> SourcePosition {
        var line = 1
        var column = 1
        var rest = offset
        for byte in text.utf8 {
            guard rest > 0 else { break }
            rest -= 1
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return SourcePosition(line: line, column: column)
    }

    /// The piece of text in a range, cut to what a message can hold.
    public func quote(_ range: SourceRange) -> String {
        let bytes = text.utf8.dropFirst(range.start).prefix(range.end - range.start)
        let whole = String(decoding: bytes.prefix(Limits.quotedCharacters * 4), as: UTF8.self)
        return whole.count <= Limits.quotedCharacters ? whole : whole.prefix(Limits.quotedCharacters) + "…"
    }

    /// A diagnostic about a range of this text.
    public func diagnostic(_ range: SourceRange, _ message: String, hint: String) -> Diagnostic {
        Diagnostic(file: name, position: position(at: range.start), message: message, hint: hint)
    }

    func check() throws(Diagnostics) {
        guard text.utf8.count > Limits.sourceBytes else { return }
        throw Diagnostics(
            diagnostic(
                SourceRange(0, 0), "the text has \(text.utf8.count) bytes, and at most \(Limits.sourceBytes) are read",
                hint: "divide it into several files"))
    }
}

/// Where something stands in a file, both numbers from 1.
public struct SourcePosition: Hashable, Sendable {
    public let line: Int
    public let column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

/// A stretch of a source, in bytes of its UTF-8 from its start; `end` is the first byte after it.
public struct SourceRange: Hashable, Sendable {
    private let startOffset: UInt32
    private let endOffset: UInt32

    public var start: Int { Int(startOffset) }
    public var end: Int { Int(endOffset) }

    /// Offsets outside of what a source may have are brought to the nearest that it may.
    public init(_ start: Int, _ end: Int) {
        startOffset = UInt32(min(max(start, 0), Limits.sourceBytes))
        endOffset = UInt32(min(max(end, 0), Limits.sourceBytes))
    }

    /// From the start of this to the end of another.
    public func through(_ other: SourceRange) -> SourceRange { SourceRange(start, other.end) }
}

/// What is wrong with a text, where, and what to do about it.
public struct Diagnostic: Error, Hashable, Sendable, CustomStringConvertible {
    public let file: String
    public let position: SourcePosition
    public let message: String
    /// What to write instead, or where to look.
    public let hint: String

    public init(file: String, position: SourcePosition, message: String, hint: String) {
        self.file = file
        self.position = position
        self.message = message
        self.hint = hint
    }

    public var description: String { "\(file):\(position.line):\(position.column): \(message); \(hint)" }
}

/// Everything that was found wrong with a text, in its order: at least one diagnostic, at most `Limits.diagnostics`.
public struct Diagnostics: Error, Hashable, Sendable, CustomStringConvertible {
    public let all: [Diagnostic]

    public init(_ first: Diagnostic, _ more: [Diagnostic] = []) {
        all = [first] + more.prefix(Limits.diagnostics - 1)
    }

    /// Nothing wrong gives nil.
    public init?(_ all: [Diagnostic]) {
        guard let first = all.first else { return nil }
        self.init(first, Array(all.dropFirst()))
    }

    public var description: String { all.map(\.description).joined(separator: "\n") }
}
