/// Values deeper than this are refused.
private let depthMax = 3

/// A value in the body of an administrative request.
enum BodyValue: Hashable {
    case text(String)
    case whole(Int64)
    case flag(Bool)
    case nothing
    case list([BodyValue])
}

/// The members of a request's body or query, strictly: each is asked for by name, and what nobody asked for is refused.
struct Members {
    private var values: [String: BodyValue]
    private let refuse: @Sendable (String) -> AdminError

    /// Reads a body that is one JSON object; an empty body has no members.
    init(body: [UInt8]) throws(AdminError) {
        refuse = AdminError.body
        values = [:]
        var parser = BodyParser(bytes: body)
        parser.space()
        if parser.atEnd { return }
        for (name, value) in try parser.object() {
            guard values.updateValue(value, forKey: name) == nil else {
                throw refuse("A member is given twice: `\(shown(name))`.")
            }
        }
        parser.space()
        guard parser.atEnd else { throw refuse("Something follows the JSON object.") }
    }

    /// Reads the pairs of a query.
    init(query: some Sequence<(String, String)>) throws(AdminError) {
        refuse = AdminError.query
        values = [:]
        for (name, value) in query {
            guard values.updateValue(.text(value), forKey: name) == nil else {
                throw refuse("A parameter is given twice: `\(shown(name))`.")
            }
        }
    }

    mutating func text(_ name: String) throws(AdminError) -> String? {
        switch values.removeValue(forKey: name) {
        case nil, .nothing?: return nil
        case .text(let text)?: return text
        case .some: throw AdminError.value(name, "text")
        }
    }

    /// A text that has to be there, of at most so many bytes and without control characters.
    mutating func name(_ name: String, bytes: Int) throws(AdminError) -> String {
        guard let value = try text(name), (1...bytes).contains(value.utf8.count), value.unicodeScalars.allSatisfy(isVisible)
        else {
            throw AdminError.value(name, "text of 1 to \(bytes) bytes without control characters")
        }
        return value
    }

    mutating func whole(_ name: String, in range: ClosedRange<Int64>) throws(AdminError) -> Int64? {
        switch values.removeValue(forKey: name) {
        case nil, .nothing?: return nil
        case .whole(let value)? where range.contains(value): return value
        case .some: throw AdminError.value(name, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    /// - Parameter least: 0 where an empty list says something of its own.
    mutating func texts(_ name: String, least: Int = 1, count: Int, bytes: Int) throws(AdminError) -> [String]? {
        let value = values.removeValue(forKey: name)
        if value == nil || value == .nothing { return nil }
        guard case .list(let items)? = value, (least...count).contains(items.count) else {
            throw AdminError.value(name, "a list of \(least) to \(count) texts")
        }
        var texts: [String] = []
        for item in items {
            guard case .text(let text) = item, (1...bytes).contains(text.utf8.count), text.unicodeScalars.allSatisfy(isVisible)
            else {
                throw AdminError.value(name, "a list of texts of 1 to \(bytes) bytes")
            }
            texts.append(text)
        }
        return texts
    }

    /// Refuses what nobody asked for, by name.
    func finish() throws(AdminError) {
        guard let name = values.keys.min() else { return }
        throw refuse("There is no member `\(shown(name))`.")
    }
}

/// Not a control, format, surrogate or separator character: nothing that changes how a line is shown.
func isVisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .lineSeparator, .paragraphSeparator, .unassigned: false
    default: true
    }
}

/// A name that somebody sent, short and visible; a key in the wrong place is not repeated.
private func shown(_ name: String) -> String {
    if KeyMaker.isKey(name) { return "weir_…" }
    return String(String.UnicodeScalarView(name.unicodeScalars.prefix(64).map { isVisible($0) ? $0 : "\u{FFFD}" }))
}

/// A strict reader of small JSON objects (RFC 8259) whose numbers are whole.
private struct BodyParser {
    let bytes: [UInt8]
    var index = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var atEnd: Bool { index == bytes.count }

    mutating func space() {
        while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard index < bytes.count, bytes[index] == byte else { return false }
        index += 1
        return true
    }

    private mutating func take(_ word: String) -> Bool {
        guard bytes[index...].starts(with: word.utf8) else { return false }
        index += word.utf8.count
        return true
    }

    private var malformed: AdminError { .body("The body is not a JSON object as this route takes it (at byte \(index)).") }

    mutating func object() throws(AdminError) -> [(String, BodyValue)] {
        guard take(UInt8(ascii: "{")) else { throw malformed }
        var members: [(String, BodyValue)] = []
        space()
        if take(UInt8(ascii: "}")) { return members }
        repeat {
            space()
            let name = try string()
            space()
            guard take(UInt8(ascii: ":")) else { throw malformed }
            members.append((name, try value(depth: 1)))
            space()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw malformed }
        return members
    }

    private mutating func value(depth: Int) throws(AdminError) -> BodyValue {
        guard depth <= depthMax else { throw malformed }
        space()
        guard index < bytes.count else { throw malformed }
        switch bytes[index] {
        case UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "["):
            index += 1
            var items: [BodyValue] = []
            space()
            if take(UInt8(ascii: "]")) { return .list(items) }
            repeat {
                items.append(try value(depth: depth + 1))
                space()
            } while take(UInt8(ascii: ","))
            guard take(UInt8(ascii: "]")) else { throw malformed }
            return .list(items)
        default:
            if take("null") { return .nothing }
            if take("true") { return .flag(true) }
            if take("false") { return .flag(false) }
            return .whole(try whole())
        }
    }

    private mutating func whole() throws(AdminError) -> Int64 {
        let start = index
        _ = take(UInt8(ascii: "-"))
        let digits = index
        while index < bytes.count, (0x30...0x39).contains(bytes[index]) { index += 1 }
        guard index > digits, bytes[digits] != 0x30 || index == digits + 1,
            let number = Int64(String(decoding: bytes[start..<index], as: UTF8.self))
        else { throw malformed }
        if index < bytes.count, [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(bytes[index]) {
            throw AdminError.body("Numbers are whole here; amounts of money are text, such as \"12.50\".")
        }
        return number
    }

    private mutating func string() throws(AdminError) -> String {
        guard take(UInt8(ascii: "\"")) else { throw malformed }
        var content: [UInt8] = []
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: content, as: UTF8.self) else { throw malformed }
                return text
            case UInt8(ascii: "\\"): content += String(try escape()).utf8
            case 0..<0x20: throw malformed
            default: content.append(byte)
            }
        }
        throw malformed
    }

    private mutating func escape() throws(AdminError) -> Character {
        guard index < bytes.count else { throw malformed }
        let byte = bytes[index]
        index += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            var code = try unit()
            if (0xD800..<0xDC00).contains(code) {
                guard take("\\u") else { throw malformed }
                let low = try unit()
                guard (0xDC00..<0xE000).contains(low) else { throw malformed }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw malformed }
            return Character(scalar)
        default: throw malformed
        }
    }

    private mutating func unit() throws(AdminError) -> UInt32 {
        guard index + 4 <= bytes.count else { throw malformed }
        let digits = bytes[index..<index + 4]
        guard digits.allSatisfy({ (0x30...0x39).contains($0) || (0x41...0x46).contains($0 & 0xDF) }),
            let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw malformed }
        index += 4
        return code
    }
}
