/// A JSON value that knows where it stands, so that what is wrong in a data file is reported with its place. Numbers stay text.
struct PlacedJSON {
    enum Value {
        case object([Member])
        case list([PlacedJSON])
        case text(String)
        case number(String)
        case other
    }

    struct Member {
        var name: String
        var offset: Int
        var value: PlacedJSON
    }

    var value: Value
    /// Of its first byte.
    var offset: Int

    subscript(name: String) -> PlacedJSON? {
        guard case .object(let members) = value else { return nil }
        return members.first { $0.name == name }?.value
    }

    var text: String? { if case .text(let text) = value { text } else { nil } }
    var list: [PlacedJSON]? { if case .list(let list) = value { list } else { nil } }
    var members: [Member]? { if case .object(let members) = value { members } else { nil } }
    var whole: Int64? { if case .number(let text) = value { digits(text) } else { nil } }
}

/// Where a file stops being strict JSON.
struct JSONProblem: Error {
    var offset: Int
    var message: String
}

extension PlacedJSON {
    private static let depthMax = 16

    /// Reads one value and nothing else. A name that is written twice in an object is a problem: readers differ on which counts.
    static func parse(_ bytes: [UInt8]) throws(JSONProblem) -> PlacedJSON {
        var reader = Reader(bytes: bytes)
        let value = try reader.value(depth: 0)
        reader.space()
        guard reader.at == bytes.count else { throw reader.problem("Nothing may follow the value.") }
        return value
    }

    private struct Reader {
        let bytes: [UInt8]
        var at = 0

        var peek: UInt8 { at < bytes.count ? bytes[at] : 0 }

        func problem(_ message: String) -> JSONProblem { JSONProblem(offset: min(at, bytes.count), message: message) }

        mutating func space() {
            while peek == 0x20 || peek == 0x0A || peek == 0x0D || peek == 0x09 { at += 1 }
        }

        mutating func take(_ byte: UInt8) -> Bool {
            space()
            guard peek == byte, at < bytes.count else { return false }
            at += 1
            return true
        }

        mutating func value(depth: Int) throws(JSONProblem) -> PlacedJSON {
            space()
            guard depth < PlacedJSON.depthMax else { throw problem("This is nested too deep.") }
            let start = at
            let value: Value
            switch peek {
            case UInt8(ascii: "{"): value = .object(try object(depth))
            case UInt8(ascii: "["): value = .list(try list(depth))
            case UInt8(ascii: "\""): value = .text(try string())
            case UInt8(ascii: "-"), 0x30...0x39: value = .number(number())
            default:
                guard word("true") || word("false") || word("null") else { throw problem("A JSON value belongs here.") }
                value = .other
            }
            return PlacedJSON(value: value, offset: start)
        }

        mutating func object(_ depth: Int) throws(JSONProblem) -> [Member] {
            at += 1
            var members: [Member] = []
            var names: Set<String> = []
            if take(UInt8(ascii: "}")) { return members }
            repeat {
                space()
                let start = at
                guard peek == UInt8(ascii: "\"") else { throw problem("A name in double quotes belongs here.") }
                let name = try string()
                guard names.insert(name).inserted else {
                    throw JSONProblem(offset: start, message: "\(quoted(name, or: "This name")) is written twice in this object.")
                }
                guard take(UInt8(ascii: ":")) else { throw problem("A colon belongs here.") }
                members.append(Member(name: name, offset: start, value: try value(depth: depth + 1)))
            } while take(UInt8(ascii: ","))
            guard take(UInt8(ascii: "}")) else { throw problem("`,` or `}` belongs here.") }
            return members
        }

        mutating func list(_ depth: Int) throws(JSONProblem) -> [PlacedJSON] {
            at += 1
            var items: [PlacedJSON] = []
            if take(UInt8(ascii: "]")) { return items }
            repeat { items.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
            guard take(UInt8(ascii: "]")) else { throw problem("`,` or `]` belongs here.") }
            return items
        }

        mutating func string() throws(JSONProblem) -> String {
            at += 1
            var text: [UInt8] = []
            while true {
                let start = at
                while at < bytes.count, bytes[at] >= 0x20, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\") {
                    at += 1
                }
                text += bytes[start..<at]
                guard at < bytes.count else { throw problem("A string is not closed.") }
                if peek == UInt8(ascii: "\"") {
                    at += 1
                    return String(decoding: text, as: UTF8.self)
                }
                guard peek == UInt8(ascii: "\\") else { throw problem("A control character may not stand in a string.") }
                at += 1
                text += try escaped()
            }
        }

        /// What stands behind a backslash.
        private mutating func escaped() throws(JSONProblem) -> [UInt8] {
            let sign = peek
            at += 1
            switch sign {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [sign]
            case UInt8(ascii: "b"): return [0x08]
            case UInt8(ascii: "f"): return [0x0C]
            case UInt8(ascii: "n"): return [0x0A]
            case UInt8(ascii: "r"): return [0x0D]
            case UInt8(ascii: "t"): return [0x09]
            case UInt8(ascii: "u"):
                guard at + 4 <= bytes.count,
                    let code = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16),
                    let scalar = Unicode.Scalar(code)
                else { break }
                at += 4
                return Array(String(Character(scalar)).utf8)
            default: break
            }
            at -= 1
            throw problem("This escape is not known here.")
        }

        mutating func number() -> String {
            let start = at
            while at < bytes.count, isDigit(peek) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains(peek) { at += 1 }
            return String(decoding: bytes[start..<at], as: UTF8.self)
        }

        mutating func word(_ text: String) -> Bool {
            guard bytes[at...].starts(with: text.utf8) else { return false }
            at += text.utf8.count
            return true
        }
    }
}

extension Spot {
    /// The place of a byte of UTF-8 text.
    init(offset: Int, in bytes: [UInt8]) {
        self = .start
        for byte in bytes[..<min(offset, bytes.count)] {
            if byte == 0x0A { self = Spot(line: line + 1, column: 1) } else if byte & 0xC0 != 0x80 { column += 1 }
        }
    }
}
