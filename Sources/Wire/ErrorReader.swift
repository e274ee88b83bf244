public import NIOCore

/// What an error's body says, as far as it decides on trying again. Words are clipped and plain: they may be logged.
public struct ErrorFacts: Sendable, Hashable {
    /// The longest word that is kept, in bytes.
    public static let wordBytesMax = 64

    public var code: String?
    public var type: String?
    /// The request field that the provider names.
    public var parameter: String?
    /// Azure's `innererror.code`, e.g. `ResponsibleAIPolicyViolation`.
    public var innerCode: String?
    /// The message says that the request itself is too large, so that it never succeeds.
    public var saysTooLarge = false
    /// The message says that the account has no money left.
    public var saysNoCredit = false
    /// The body was one JSON object.
    public var isObject = false

    public init() {}
}

/// Reads the body of an error in any shape that providers use: `error` as object or text, or members at the top.
public func readError(_ body: UnsafeRawBufferPointer) -> ErrorFacts {
    var cursor = JSONCursor(body, depthMax: jsonDepthMax, isStrict: false)
    var flat = ErrorFacts()
    var nested: ErrorFacts?
    do throws(ScanError) {
        cursor.skipSpace()
        guard cursor.peek == UInt8(ascii: "{") else { return ErrorFacts() }
        try flat.read(&cursor, &nested)
        try cursor.finish()
    } catch {
        return ErrorFacts()
    }
    var facts = nested ?? flat
    facts.isObject = true
    return facts
}

public func readError(_ body: ByteBuffer) -> ErrorFacts {
    body.withUnsafeReadableBytes { readError($0) }
}

extension ErrorFacts {
    fileprivate mutating func read(_ cursor: inout JSONCursor, _ nested: inout ErrorFacts?) throws(ScanError) {
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            switch key.end - key.start {
            case 4 where cursor.matches(key, "code"): code = try cursor.word() ?? code
            case 4 where cursor.matches(key, "type"): type = try cursor.word() ?? type
            case 5 where cursor.matches(key, "param"): parameter = try cursor.word() ?? parameter
            case 5 where cursor.matches(key, "error"):
                if cursor.peek == UInt8(ascii: "{") {
                    var inner = ErrorFacts()
                    try inner.read(&cursor, &nested)
                    nested = inner
                } else {
                    try message(&cursor)
                }
            case 7 where cursor.matches(key, "message"): try message(&cursor)
            case 9 where cursor.matches(key, "error_msg"): try message(&cursor)
            case 10 where cursor.matches(key, "error_code"): code = try cursor.word() ?? code
            case 10 where cursor.matches(key, "innererror"): try innerError(&cursor)
            default: try cursor.skip()
            }
        }
    }

    private mutating func innerError(_ cursor: inout JSONCursor) throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "{") else { return try cursor.skip() }
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if cursor.matches(key, "code") { innerCode = try cursor.word() ?? innerCode } else { try cursor.skip() }
        }
    }

    private mutating func message(_ cursor: inout JSONCursor) throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "\"") else { return try cursor.skip() }
        let text = try cursor.string()
        if cursor.contains(text, "Request too large") { saysTooLarge = true }
        if cursor.contains(text, "credit balance is too low") { saysNoCredit = true }
    }
}

extension JSONCursor {
    /// Passes any value; a string or number of it as a plain word.
    fileprivate mutating func word() throws(ScanError) -> String? {
        let range: Range<Int>
        switch peek {
        case UInt8(ascii: "\""): range = try string().range
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): range = try number().range
        default:
            try skip()
            return nil
        }
        var bytes: [UInt8] = []
        for i in range.prefix(ErrorFacts.wordBytesMax) where isPlain(base[i]) { bytes.append(base[i]) }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    private func isPlain(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "-")
    }

    fileprivate func contains(_ text: JSONString, _ words: StaticString) -> Bool {
        let count = words.utf8CodeUnitCount
        guard text.end - text.start >= count else { return false }
        for i in text.start...text.end - count where matches(i..<i + count, words) { return true }
        return false
    }
}
