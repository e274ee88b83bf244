public import NIOCore

/// A whole JSON value, for bodies that are translated. Texts and numbers stay as they were written, so that what goes through a translation is
/// not changed by it: an escape stays an escape, also half of a surrogate pair whose other half comes with the next event.
public enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(String)
    /// The inside of the quotes, escapes and all.
    case string(String)
    case array([JSON])
    case object([Member])

    public struct Member: Sendable, Hashable {
        /// As it was written too.
        public var key: String
        public var value: JSON

        public init(_ key: String, _ value: JSON) { (self.key, self.value) = (key, value) }
    }
}

extension JSON {
    /// Reads one value from end to end.
    ///
    /// - Parameter isStrict: text from a caller; what parsers disagree on is refused.
    public init(_ text: UnsafeRawBufferPointer, isStrict: Bool = false) throws(ScanError) {
        var cursor = JSONCursor(text, depthMax: jsonDepthMax, isStrict: isStrict)
        cursor.skipSpace()
        self = try cursor.tree()
        try cursor.finish()
    }

    public init(_ text: ByteBuffer, isStrict: Bool = false) throws(ScanError) {
        self = try text.withUnsafeReadableBytes { bytes throws(ScanError) in try JSON(bytes, isStrict: isStrict) }
    }

    /// The JSON that a text holds, whose escapes are resolved first; nil if it holds none.
    public init?(within text: String) {
        var plain = JSON.plain(text)
        let tree = plain.withUTF8 { bytes in try? JSON(UnsafeRawBufferPointer(bytes)) }
        guard let tree else { return nil }
        self = tree
    }

    /// A text that is not yet written as JSON.
    public static func text(_ plain: String) -> JSON { .string(written(plain)) }

    public static func integer(_ value: Int64) -> JSON { .number(String(value)) }

    // MARK: Looking

    /// The value of a member; nil where there is none, and also where it is null.
    public subscript(key: String) -> JSON? {
        guard case .object(let members) = self, let found = members.first(where: { $0.key == key })?.value, found != .null else {
            return nil
        }
        return found
    }

    /// The inside of a string.
    public var string: String? { if case .string(let text) = self { text } else { nil } }
    public var array: [JSON]? { if case .array(let items) = self { items } else { nil } }
    public var members: [Member]? { if case .object(let members) = self { members } else { nil } }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var integer: Int64? { if case .number(let text) = self { Int64(text) } else { nil } }

    // MARK: Writing

    public func write(to out: inout String) {
        switch self {
        case .null: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .number(let text): out += text
        case .string(let text):
            out += "\""
            out += text
            out += "\""
        case .array(let items):
            out += "["
            for (index, item) in items.enumerated() {
                if index > 0 { out += "," }
                item.write(to: &out)
            }
            out += "]"
        case .object(let members):
            out += "{"
            for (index, member) in members.enumerated() {
                out += index > 0 ? ",\"" : "\""
                out += member.key
                out += "\":"
                member.value.write(to: &out)
            }
            out += "}"
        }
    }

    public var description: String {
        var out = ""
        write(to: &out)
        return out
    }

    /// Plain text as the inside of a JSON string.
    public static func written(_ plain: String) -> String {
        if plain.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x22 && $0 != 0x5C }) { return plain }
        var out: [UInt8] = []
        out.reserveCapacity(plain.utf8.count + 16)
        for byte in plain.utf8 {
            switch byte {
            case 0x22, 0x5C: out += [0x5C, byte]
            case 0x0A: out += [0x5C, UInt8(ascii: "n")]
            case 0x0D: out += [0x5C, UInt8(ascii: "r")]
            case 0x09: out += [0x5C, UInt8(ascii: "t")]
            case 0..<0x20:
                let low = byte & 0xF
                out += Array("\\u00".utf8) + [0x30 + byte >> 4, low < 10 ? 0x30 + low : 0x57 + low]
            default: out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The inside of a JSON string with its escapes resolved. Half of a surrogate pair becomes U+FFFD.
    public static func plain(_ written: String) -> String {
        guard written.utf8.contains(0x5C) else { return written }
        var units: [UInt16] = []
        var out = ""
        func flush() {
            if !units.isEmpty { out += String(decoding: units, as: UTF16.self) }
            units.removeAll(keepingCapacity: true)
        }
        var rest = written.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "\\", let kind = rest.popFirst() else {
                flush()
                out.unicodeScalars.append(scalar)
                continue
            }
            if kind == "u" {
                units.append(UInt16(String(String.UnicodeScalarView(rest.prefix(4))), radix: 16) ?? 0xFFFD)
                rest = rest.dropFirst(4)
                continue
            }
            flush()
            switch kind {
            case "n": out += "\n"
            case "r": out += "\r"
            case "t": out += "\t"
            case "b": out += "\u{8}"
            case "f": out += "\u{C}"
            default: out.unicodeScalars.append(kind)
            }
        }
        flush()
        return out
    }
}

extension JSONCursor {
    fileprivate mutating func tree() throws(ScanError) -> JSON {
        switch peek {
        case UInt8(ascii: "\""): return .string(text(try string().range))
        case UInt8(ascii: "{"):
            var members: [JSON.Member] = []
            try enter()
            var first = true
            while let key = try nextKey(&first) { members.append(JSON.Member(text(key.range), try tree())) }
            return .object(members)
        case UInt8(ascii: "["):
            var items: [JSON] = []
            try enter()
            var first = true
            while try nextElement(&first) { items.append(try tree()) }
            return .array(items)
        case UInt8(ascii: "t"):
            try literal("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try literal("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try literal("null")
            return .null
        default: return .number(text(try number().range))
        }
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: UnsafeBufferPointer(start: base + range.lowerBound, count: range.count), as: UTF8.self)
    }
}
