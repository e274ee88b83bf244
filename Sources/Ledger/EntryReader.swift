import Core

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Why bytes are no journal entry. Never quotes them.
public struct EntryError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Reason: String, Sendable {
        case malformed, depth, duplicateMember, missingMember, wrongType, badValue, unknownKind, unknownVersion
        case tooManyMembers
    }

    public var reason: Reason
    /// The member that is to blame, where it is one of ours.
    public var member: String?

    public var description: String { "entry: \(reason.rawValue)\(member.map { " (\($0))" } ?? "")" }
}

/// The deepest nesting that an entry has.
private let deepestNesting = 32
/// The most members that one object of an entry has.
private let mostMembers = 64

/// Reads one JSON object flatly: its members as ranges of the bytes, decoded when asked for.
struct EntryReader {
    private struct Member {
        var name: Range<Int>
        var value: Range<Int>
    }

    private let bytes: UnsafeRawBufferPointer
    private var members: [Member] = []

    init(_ bytes: UnsafeRawBufferPointer) throws(EntryError) {
        self.bytes = bytes
        var cursor = Cursor(bytes: bytes)
        try cursor.expect(UInt8(ascii: "{"))
        members.reserveCapacity(24)
        cursor.space()
        if cursor.take(UInt8(ascii: "}")) {
            try cursor.end()
            return
        }
        repeat {
            cursor.space()
            let name = try cursor.string()
            cursor.space()
            try cursor.expect(UInt8(ascii: ":"))
            cursor.space()
            let start = cursor.at
            try cursor.value(depth: 1)
            for other in members where same(other.name, name) { throw EntryError(reason: .duplicateMember) }
            guard members.count < mostMembers else { throw EntryError(reason: .tooManyMembers) }
            members.append(Member(name: name, value: start..<cursor.at))
            cursor.space()
        } while cursor.take(UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: "}"))
        try cursor.end()
    }

    private func same(_ a: Range<Int>, _ b: Range<Int>) -> Bool {
        guard let base = bytes.baseAddress, a.count == b.count else { return false }
        return memcmp(base + a.lowerBound, base + b.lowerBound, a.count) == 0
    }

    private func find(_ name: StaticString) -> UnsafeRawBufferPointer? {
        guard let base = bytes.baseAddress else { return nil }
        let length = name.utf8CodeUnitCount
        for member in members where member.name.upperBound - member.name.lowerBound == length {
            guard memcmp(base + member.name.lowerBound, name.utf8Start, length) == 0 else { continue }
            return UnsafeRawBufferPointer(rebasing: bytes[member.value])
        }
        return nil
    }

    private func need(_ name: StaticString) throws(EntryError) -> UnsafeRawBufferPointer {
        guard let value = find(name) else { throw EntryError(reason: .missingMember, member: "\(name)") }
        return value
    }

    /// A value as it stands.
    func bare(_ name: StaticString) -> UnsafeRawBufferPointer? { find(name) }

    func has(_ name: StaticString) -> Bool { find(name) != nil }

    // MARK: Typed members

    func string(_ name: StaticString) throws(EntryError) -> String {
        try Self.string(need(name), name)
    }

    func optionalString(_ name: StaticString) throws(EntryError) -> String? {
        guard let value = find(name) else { return nil }
        return try Self.string(value, name)
    }

    /// A decimal string without leading zeros or a plus sign.
    func integer(_ name: StaticString) throws(EntryError) -> Int64 {
        guard let value = Self.integer(try need(name)) else { throw EntryError(reason: .badValue, member: "\(name)") }
        return value
    }

    func optionalInteger(_ name: StaticString) throws(EntryError) -> Int64? {
        has(name) ? try integer(name) : nil
    }

    /// An amount or count that is not negative.
    func natural(_ name: StaticString) throws(EntryError) -> Int64 {
        let value = try integer(name)
        guard value >= 0 else { throw EntryError(reason: .badValue, member: "\(name)") }
        return value
    }

    func sequence(_ name: StaticString) throws(EntryError) -> UInt64 { UInt64(try natural(name)) }
    func money(_ name: StaticString) throws(EntryError) -> Money { Money(nanos: try natural(name)) }
    func moment(_ name: StaticString) throws(EntryError) -> Timestamp { Timestamp(nanoseconds: try integer(name)) }

    func flag(_ name: StaticString) throws(EntryError) -> Bool {
        guard let value = find(name) else { return false }
        if value.elementsEqual("true".utf8) { return true }
        if value.elementsEqual("false".utf8) { return false }
        throw EntryError(reason: .wrongType, member: "\(name)")
    }

    func window(_ name: StaticString) throws(EntryError) -> Window {
        // Years whose months end within a Timestamp.
        let value = try need(name)
        guard value.count == 9, let year = Self.number(value, 1, 4), value[5] == UInt8(ascii: "-"),
            let month = Self.number(value, 6, 2), (1970...2261).contains(year), (1...12).contains(month)
        else { throw EntryError(reason: .badValue, member: "\(name)") }
        return Window(months: Int32(year * 12 + month - 1))
    }

    private static func number(_ value: UnsafeRawBufferPointer, _ start: Int, _ count: Int) -> Int? {
        var number = 0
        for position in start..<(start + count) {
            guard value[position] >= 0x30, value[position] <= 0x39 else { return nil }
            number = number * 10 + Int(value[position] - 0x30)
        }
        return number
    }

    func attempt() throws(EntryError) -> AttemptID {
        let (high, low) = try hexadecimal32("attempt")
        return AttemptID(high: high, low: low)
    }

    /// 32 lower-case hexadecimal digits.
    func hexadecimal32(_ name: StaticString) throws(EntryError) -> (high: UInt64, low: UInt64) {
        let value = try need(name)
        guard value.count == 34, value[0] == UInt8(ascii: "\""), let high = Self.hexadecimal(value, 1),
            let low = Self.hexadecimal(value, 17)
        else { throw EntryError(reason: .badValue, member: "\(name)") }
        return (high, low)
    }

    func object(_ name: StaticString) throws(EntryError) -> EntryReader? {
        guard let value = find(name) else { return nil }
        guard value.first == UInt8(ascii: "{") else { throw EntryError(reason: .wrongType, member: "\(name)") }
        return try EntryReader(value)
    }

    private static func hexadecimal(_ value: UnsafeRawBufferPointer, _ start: Int) -> UInt64? {
        var word: UInt64 = 0
        for position in start..<(start + 16) {
            let digit = value[position]
            switch digit {
            case 0x30...0x39: word = word << 4 | UInt64(digit - 0x30)
            case 0x61...0x66: word = word << 4 | UInt64(digit - 0x57)
            default: return nil
            }
        }
        return word
    }

    func strings(_ name: StaticString) throws(EntryError) -> [String] {
        var result: [String] = []
        try each(name) { (value) throws(EntryError) in result.append(try Self.string(value, name)) }
        return result
    }

    func objects(_ name: StaticString) throws(EntryError) -> [EntryReader] {
        var result: [EntryReader] = []
        try each(name) { (value) throws(EntryError) in result.append(try EntryReader(value)) }
        return result
    }

    /// An object as it stands, to be kept raw.
    func rawObject(_ name: StaticString) throws(EntryError) -> [UInt8]? {
        guard let value = find(name) else { return nil }
        guard value.first == UInt8(ascii: "{") else { throw EntryError(reason: .wrongType, member: "\(name)") }
        return Array(value)
    }

    private func each(
        _ name: StaticString, _ body: (UnsafeRawBufferPointer) throws(EntryError) -> Void
    ) throws(EntryError) {
        let value = try need(name)
        var cursor = Cursor(bytes: value)
        guard cursor.take(UInt8(ascii: "[")) else { throw EntryError(reason: .wrongType, member: "\(name)") }
        cursor.space()
        if cursor.take(UInt8(ascii: "]")) { return }
        repeat {
            cursor.space()
            let start = cursor.at
            try cursor.value(depth: 1)
            try body(UnsafeRawBufferPointer(rebasing: value[start..<cursor.at]))
            cursor.space()
        } while cursor.take(UInt8(ascii: ","))
    }

    private static func string(_ value: UnsafeRawBufferPointer, _ name: StaticString) throws(EntryError) -> String {
        guard value.count >= 2, value.first == UInt8(ascii: "\"") else {
            throw EntryError(reason: .wrongType, member: "\(name)")
        }
        guard let text = unescaped(UnsafeRawBufferPointer(rebasing: value[1..<(value.count - 1)])) else {
            throw EntryError(reason: .badValue, member: "\(name)")
        }
        return text
    }

    private static func integer(_ value: UnsafeRawBufferPointer) -> Int64? {
        guard value.count >= 3, value[0] == UInt8(ascii: "\"") else { return nil }
        let negative = value[1] == UInt8(ascii: "-")
        let start = negative ? 2 : 1
        let end = value.count - 1
        guard end > start, end - start <= 19, end - start == 1 || value[start] != 0x30 else { return nil }
        var result: Int64 = 0
        for position in start..<end {
            let digit = value[position]
            guard digit >= 0x30, digit <= 0x39 else { return nil }
            let (scaled, overflow) = result.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(Int64(digit - 0x30))
            if overflow || carry { return nil }
            result = sum
        }
        return negative ? -result : result
    }
}

/// Walks JSON without building anything.
private struct Cursor {
    let bytes: UnsafeRawBufferPointer
    var at = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    mutating func space() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { at += 1 }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        at += 1
        return true
    }

    mutating func expect(_ byte: UInt8) throws(EntryError) {
        guard take(byte) else { throw EntryError(reason: .malformed) }
    }

    func end() throws(EntryError) {
        guard at == bytes.count else { throw EntryError(reason: .malformed) }
    }

    /// The range inside the quotes; escapes and control characters are checked when the text is wanted.
    mutating func string() throws(EntryError) -> Range<Int> {
        try expect(UInt8(ascii: "\""))
        let start = at
        while at < bytes.count, let base = bytes.baseAddress,
            let found = memchr(base + at, Int32(UInt8(ascii: "\"")), bytes.count - at)
        {
            let end = UnsafeRawPointer(found) - base
            // A quote after an odd number of backslashes is part of the text.
            var escapes = end
            while escapes > start, bytes[escapes - 1] == UInt8(ascii: "\\") { escapes -= 1 }
            at = end + 1
            guard (end - escapes) % 2 == 0 else { continue }
            return start..<end
        }
        throw EntryError(reason: .malformed)
    }

    mutating func value(depth: Int) throws(EntryError) {
        guard depth <= deepestNesting else { throw EntryError(reason: .depth) }
        switch next {
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "{"):
            at += 1
            space()
            if take(UInt8(ascii: "}")) { return }
            repeat {
                space()
                _ = try string()
                space()
                try expect(UInt8(ascii: ":"))
                space()
                try value(depth: depth + 1)
                space()
            } while take(UInt8(ascii: ","))
            try expect(UInt8(ascii: "}"))
        case UInt8(ascii: "["):
            at += 1
            space()
            if take(UInt8(ascii: "]")) { return }
            repeat {
                space()
                try value(depth: depth + 1)
                space()
            } while take(UInt8(ascii: ","))
            try expect(UInt8(ascii: "]"))
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: try number()
        }
    }

    private mutating func word(_ word: StaticString) throws(EntryError) {
        let length = word.utf8CodeUnitCount
        guard at + length <= bytes.count,
            bytes[at..<(at + length)].elementsEqual(UnsafeRawBufferPointer(start: word.utf8Start, count: length))
        else { throw EntryError(reason: .malformed) }
        at += length
    }

    private mutating func number() throws(EntryError) {
        _ = take(UInt8(ascii: "-"))
        if !take(0x30) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
    }

    private mutating func digits() throws(EntryError) {
        let start = at
        while let byte = next, byte >= 0x30, byte <= 0x39 { at += 1 }
        guard at > start else { throw EntryError(reason: .malformed) }
    }
}

/// The text of a JSON string; `nil` on a bad escape or bad UTF-8.
private func unescaped(_ raw: UnsafeRawBufferPointer) -> String? {
    for byte in raw where byte < 0x20 { return nil }
    guard let base = raw.baseAddress, memchr(base, Int32(UInt8(ascii: "\\")), raw.count) != nil else {
        return String(validating: raw, as: UTF8.self)
    }
    var out: [UInt8] = []
    out.reserveCapacity(raw.count)
    var at = 0
    func unit(_ from: Int) -> UInt32? {
        guard from + 4 <= raw.count else { return nil }
        var value: UInt32 = 0
        for byte in raw[from..<(from + 4)] {
            guard let digit = Character(UnicodeScalar(byte)).hexDigitValue, byte < 0x80 else { return nil }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
    while at < raw.count {
        let byte = raw[at]
        at += 1
        guard byte == UInt8(ascii: "\\") else {
            out.append(byte)
            continue
        }
        guard at < raw.count else { return nil }
        let escape = raw[at]
        at += 1
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(escape)
        case UInt8(ascii: "b"): out.append(8)
        case UInt8(ascii: "f"): out.append(12)
        case UInt8(ascii: "n"): out.append(10)
        case UInt8(ascii: "r"): out.append(13)
        case UInt8(ascii: "t"): out.append(9)
        case UInt8(ascii: "u"):
            guard var value = unit(at) else { return nil }
            at += 4
            if (0xd800..<0xdc00).contains(value) {
                guard at + 6 <= raw.count, raw[at] == UInt8(ascii: "\\"), raw[at + 1] == UInt8(ascii: "u"),
                    let low = unit(at + 2), (0xdc00..<0xe000).contains(low)
                else { return nil }
                at += 6
                value = 0x10000 + (value - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = UnicodeScalar(value) else { return nil }
            out.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: return nil
        }
    }
    return String(validating: out, as: UTF8.self)
}
