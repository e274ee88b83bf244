/// A JSON text as it was written: members in their order, whole numbers exact, and each value with its place.
public struct JSON: Sendable {
    public let kind: Kind
    public let range: SourceRange

    public enum Kind: Sendable {
        case null
        case bool(Bool)
        /// A whole number that fits.
        case integer(Int64)
        /// Any other number, as it was written.
        case number(String)
        case string(Text)
        case array([JSON])
        case object([Member])
    }

    /// One name and value of an object. Names in an object are distinct.
    public struct Member: Sendable {
        public let name: Text
        public let nameRange: SourceRange
        public let value: JSON

        public init(name: Text, nameRange: SourceRange = SourceRange(0, 0), value: JSON) {
            self.name = name
            self.nameRange = nameRange
            self.value = value
        }
    }

    /// A value that no text holds, to be written.
    public init(_ kind: Kind, range: SourceRange = SourceRange(0, 0)) {
        self.kind = kind
        self.range = range
    }

    /// Reads strict JSON (RFC 8259): no comments, no trailing commas, no name twice, nothing after the value, and at most
    /// `Limits.jsonDepth` levels.
    public static func parse(_ source: Source) throws(Diagnostics) -> JSON {
        try source.check()
        var reader = JSONReader(source: source)
        do {
            return try reader.document()
        } catch {
            throw Diagnostics(error)
        }
    }

    /// The members, if this is an object.
    public var members: [Member]? {
        if case .object(let members) = kind { members } else { nil }
    }

    public var elements: [JSON]? {
        if case .array(let elements) = kind { elements } else { nil }
    }

    public var text: Text? {
        if case .string(let text) = kind { text } else { nil }
    }

    public var bool: Bool? {
        if case .bool(let value) = kind { value } else { nil }
    }

    /// The member of a name; nil as well when this is no object.
    public subscript(name: Text) -> JSON? {
        members?.first { $0.name == name }?.value
    }

    /// What kind of value this is, in words for messages.
    public var kindName: String {
        switch kind {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "a whole number"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// The reader behind `JSON.parse`.
private struct JSONReader {
    let source: Source
    let bytes: [UInt8]
    var index = 0
    var depth = 0

    init(source: Source) {
        self.source = source
        bytes = Array(source.text.utf8)
    }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    private func failure(
        _ message: String, from start: Int? = nil, hint: String = "JSON wants strings in double quotes and no trailing commas"
    ) -> Diagnostic {
        source.diagnostic(SourceRange(start ?? index, start ?? index), message, hint: hint)
    }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
    }

    mutating func document() throws(Diagnostic) -> JSON {
        let value = try self.value()
        skipSpace()
        guard next == nil else {
            throw failure("there is text after the end of the JSON value", hint: "a JSON text holds exactly one value")
        }
        return value
    }

    private mutating func value() throws(Diagnostic) -> JSON {
        skipSpace()
        let start = index
        guard let byte = next else { throw failure("the JSON text ends where a value is expected") }
        let kind: JSON.Kind
        switch byte {
        case UInt8(ascii: "{"): kind = .object(try object())
        case UInt8(ascii: "["): kind = .array(try array())
        case UInt8(ascii: "\""): kind = .string(try string())
        case UInt8(ascii: "t"): kind = try word("true", .bool(true))
        case UInt8(ascii: "f"): kind = try word("false", .bool(false))
        case UInt8(ascii: "n"): kind = try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): kind = try number()
        default: throw failure("no JSON value begins like this")
        }
        return JSON(kind, range: SourceRange(start, index))
    }

    private mutating func word(_ word: StaticString, _ kind: JSON.Kind) throws(Diagnostic) -> JSON.Kind {
        let end = index + word.utf8CodeUnitCount
        guard end <= bytes.count, word.withUTF8Buffer({ $0.elementsEqual(bytes[index..<end]) }) else {
            throw failure("no JSON value begins like this")
        }
        index = end
        return kind
    }

    private mutating func digits() -> Int {
        let start = index
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { index += 1 }
        return index - start
    }

    private mutating func number() throws(Diagnostic) -> JSON.Kind {
        let start = index
        var whole = true
        if next == UInt8(ascii: "-") { index += 1 }
        let leadingZero = next == UInt8(ascii: "0")
        let count = digits()
        guard count > 0, count == 1 || !leadingZero else {
            throw failure("this is not a number", from: start, hint: "a number has digits and no leading zero")
        }
        if next == UInt8(ascii: ".") {
            whole = false
            index += 1
            guard digits() > 0 else { throw failure("a digit is missing after the point", hint: "write 1.0 or 1") }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            whole = false
            index += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { index += 1 }
            guard digits() > 0 else { throw failure("a digit is missing in the exponent", hint: "write 1e6 or 1000000") }
        }
        let written = String(decoding: bytes[start..<index], as: UTF8.self)
        if whole, let integer = Int64(written) { return .integer(integer) }
        return .number(written)
    }

    private mutating func enter() throws(Diagnostic) {
        depth += 1
        guard depth <= Limits.jsonDepth else {
            throw failure("JSON nests deeper than \(Limits.jsonDepth) levels", hint: "make the value flatter")
        }
        index += 1
        skipSpace()
    }

    private mutating func array() throws(Diagnostic) -> [JSON] {
        try enter()
        defer { depth -= 1 }
        var elements: [JSON] = []
        if next == UInt8(ascii: "]") {
            index += 1
            return elements
        }
        while true {
            elements.append(try value())
            skipSpace()
            switch next {
            case UInt8(ascii: ","): index += 1
            case UInt8(ascii: "]"):
                index += 1
                return elements
            default: throw failure("a comma or ] is missing in an array")
            }
        }
    }

    private mutating func object() throws(Diagnostic) -> [JSON.Member] {
        try enter()
        defer { depth -= 1 }
        var members: [JSON.Member] = []
        var names: Set<Text> = []
        if next == UInt8(ascii: "}") {
            index += 1
            return members
        }
        while true {
            skipSpace()
            let start = index
            guard next == UInt8(ascii: "\"") else { throw failure("a name in double quotes is missing in an object") }
            let name = try string()
            let nameRange = SourceRange(start, index)
            guard names.insert(name).inserted else {
                throw failure("the name \"\(name)\" stands twice in one object", from: start, hint: "keep one of the two")
            }
            skipSpace()
            guard next == UInt8(ascii: ":") else { throw failure("a colon is missing after a name") }
            index += 1
            members.append(JSON.Member(name: name, nameRange: nameRange, value: try value()))
            skipSpace()
            switch next {
            case UInt8(ascii: ","): index += 1
            case UInt8(ascii: "}"):
                index += 1
                return members
            default: throw failure("a comma or } is missing in an object")
            }
        }
    }

    private mutating func string() throws(Diagnostic) -> Text {
        let start = index
        index += 1
        var result: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                index += 1
                return Text(utf8: result)
            case UInt8(ascii: "\\"):
                index += 1
                result.append(contentsOf: try escape())
            case 0..<0x20:
                throw failure("a control character stands in a string", hint: "write it as an escape such as \\n or \\u0001")
            default:
                result.append(byte)
                index += 1
            }
        }
        throw failure("a string has no end", from: start, hint: "close it with a double quote")
    }

    private mutating func escape() throws(Diagnostic) -> [UInt8] {
        guard let byte = next else { throw failure("a string has no end", hint: "close it with a double quote") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [8]
        case UInt8(ascii: "f"): return [12]
        case UInt8(ascii: "n"): return [10]
        case UInt8(ascii: "r"): return [13]
        case UInt8(ascii: "t"): return [9]
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw failure("no JSON escape is written like this", from: index - 2, hint: "a backslash itself is written \\\\")
        }
    }

    private mutating func unicodeEscape() throws(Diagnostic) -> [UInt8] {
        let start = index - 2
        var value = try fourHexDigits()
        if (0xD800..<0xDC00).contains(value), index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"),
            bytes[index + 1] == UInt8(ascii: "u")
        {
            index += 2
            let low = try fourHexDigits()
            guard (0xDC00..<0xE000).contains(low) else {
                throw failure("half of a surrogate pair stands alone", from: start, hint: "write both halves, or the character")
            }
            value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else {
            throw failure("half of a surrogate pair stands alone", from: start, hint: "write both halves, or the character")
        }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func fourHexDigits() throws(Diagnostic) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = hexDigit(byte) else {
                throw failure("\\u wants four hexadecimal digits", hint: "write \\u00e9, for example")
            }
            value = value << 4 | UInt32(digit)
            index += 1
        }
        return value
    }
}

/// The value of a hexadecimal digit in ASCII.
func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
