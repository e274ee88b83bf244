/// Steps through one JSON text, byte by byte and without building values. Strict about structure: anything that is no JSON ends
/// the walk with an error. Strings are handed out as they stand in the text; `unescapedJSONText` resolves them.
struct JSONCursor {
    /// Deeper than any request; a deeper one is not walked.
    static let depthMax = 64

    enum Failure: Error { case malformed }

    private let text: UnsafeRawBufferPointer
    private var at = 0
    private var depth = 0

    init(_ text: UnsafeRawBufferPointer) { self.text = text }

    /// The first byte of the next value.
    mutating func peek() throws(Failure) -> UInt8 {
        while at < text.count {
            switch text[at] {
            case 0x20, 0x09, 0x0A, 0x0D: at += 1
            default: return text[at]
            }
        }
        throw .malformed
    }

    /// Whether nothing but white space is left.
    mutating func isAtEnd() -> Bool { (try? peek()) == nil }

    /// Calls `member` at the value of each member of the object; it must consume that value.
    mutating func object(
        _ member: (inout JSONCursor, UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        try open("{")
        if try closes("}") { return }
        while true {
            let name = try string()
            try take(":")
            try member(&self, name)
            if try closes("}") { return }
            try take(",")
        }
    }

    /// Calls `element` at each element of the array; it must consume it.
    mutating func array(_ element: (inout JSONCursor) throws(Failure) -> Void) throws(Failure) {
        try open("[")
        if try closes("]") { return }
        while true {
            try element(&self)
            if try closes("]") { return }
            try take(",")
        }
    }

    /// A string's content between its quotes, escapes and all.
    mutating func string() throws(Failure) -> UnsafeRawBufferPointer {
        try take("\"")
        let start = at
        while at < text.count {
            switch text[at] {
            case UInt8(ascii: "\""):
                at += 1
                return UnsafeRawBufferPointer(rebasing: text[start..<at - 1])
            case UInt8(ascii: "\\"): at += 2
            case 0..<0x20: throw .malformed
            default: at += 1
            }
        }
        throw .malformed
    }

    /// Steps over any value and gives its bytes.
    @discardableResult
    mutating func value() throws(Failure) -> UnsafeRawBufferPointer {
        let first = try peek()
        let start = at
        switch first {
        case UInt8(ascii: "{"): try object { cursor, _ throws(Failure) in try cursor.value() }
        case UInt8(ascii: "["): try array { cursor throws(Failure) in try cursor.value() }
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): try word()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): number()
        default: throw .malformed
        }
        return UnsafeRawBufferPointer(rebasing: text[start..<at])
    }

    private mutating func word() throws(Failure) {
        for word in ["true", "false", "null"] as [StaticString] where at + word.utf8CodeUnitCount <= text.count {
            let found = UnsafeRawBufferPointer(rebasing: text[at..<at + word.utf8CodeUnitCount])
            guard found.elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)) else { continue }
            at += word.utf8CodeUnitCount
            return
        }
        throw .malformed
    }

    private mutating func number() {
        while at < text.count {
            switch text[at] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
                UInt8(ascii: "e"), UInt8(ascii: "E"):
                at += 1
            default: return
            }
        }
    }

    private mutating func open(_ bracket: Unicode.Scalar) throws(Failure) {
        try take(bracket)
        depth += 1
        guard depth <= Self.depthMax else { throw .malformed }
    }

    private mutating func closes(_ bracket: Unicode.Scalar) throws(Failure) -> Bool {
        guard try peek() == UInt8(ascii: bracket) else { return false }
        at += 1
        depth -= 1
        return true
    }

    private mutating func take(_ mark: Unicode.Scalar) throws(Failure) {
        guard try peek() == UInt8(ascii: mark) else { throw .malformed }
        at += 1
    }
}

/// The text that the content of a JSON string means: escapes resolved, pairs of surrogates joined, a lone one replaced by U+FFFD.
/// Never longer than `content`. An escape that JSON does not know, or that is cut off at the end, stays as it is: what was
/// streamed until a connection broke is counted as far as it came.
public func unescapedJSONText(_ content: UnsafeRawBufferPointer) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(content.count)
    var at = 0
    while at < content.count {
        let byte = content[at]
        guard byte == UInt8(ascii: "\\"), at + 1 < content.count else {
            text.append(byte)
            at += 1
            continue
        }
        switch content[at + 1] {
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(content[at + 1])
        case UInt8(ascii: "u"):
            guard let unit = fourHex(content, at: at + 2) else {
                text.append(byte)
                at += 1
                continue
            }
            at += 6
            var value = unit
            if unit & 0xFC00 == 0xD800, at + 1 < content.count, content[at] == byte, content[at + 1] == UInt8(ascii: "u"),
                let low = fourHex(content, at: at + 2), low & 0xFC00 == 0xDC00
            {
                value = 0x10000 + (unit & 0x3FF) << 10 + (low & 0x3FF)
                at += 6
            }
            let scalar = Unicode.Scalar(value) ?? "\u{FFFD}"
            text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            continue
        default:
            text.append(byte)
            at += 1
            continue
        }
        at += 2
    }
    return text
}

public func unescapedJSONText(_ content: [UInt8]) -> [UInt8] { content.withUnsafeBytes(unescapedJSONText) }

private func fourHex(_ text: UnsafeRawBufferPointer, at index: Int) -> UInt32? {
    guard index + 4 <= text.count else { return nil }
    var value: UInt32 = 0
    for byte in text[index..<index + 4] {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
        default: return nil
        }
    }
    return value
}
