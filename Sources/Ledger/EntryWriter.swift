import Core

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The largest rest of an entry (without the journal's `{"v":1,"n":…,`), so that the whole stays within 65,535 bytes.
let largestEntryRest = 65_400

/// Writes entries as compact JSON into one buffer that is used again and again. Nothing here allocates after `init`.
/// Too much text marks the entry as overflowed instead of growing.
struct EntryWriter: ~Copyable, @unchecked Sendable {
    private let base: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private(set) var overflowed = false

    init() { base = .allocate(capacity: largestEntryRest) }
    deinit { base.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    mutating func begin(_ kind: StaticString, at moment: Timestamp) {
        count = 0
        overflowed = false
        text("\"t\":\"")
        text(kind)
        text("\",\"at\":\"")
        digits(moment.nanoseconds)
        text("\"")
    }

    /// Closes the entry; false when it did not fit.
    mutating func finish() -> Bool {
        byte(UInt8(ascii: "}"))
        return !overflowed
    }

    // MARK: Members, each with its comma before it

    mutating func member(_ name: StaticString, _ value: some StringProtocol) {
        self.name(name)
        string(value)
    }

    mutating func member(_ name: StaticString, _ value: StaticString) {
        self.name(name)
        byte(UInt8(ascii: "\""))
        text(value)
        byte(UInt8(ascii: "\""))
    }

    /// Amounts and counters are decimal strings: JSON numbers lose digits beyond 2^53.
    mutating func member(_ name: StaticString, _ value: Int64) {
        self.name(name)
        byte(UInt8(ascii: "\""))
        digits(value)
        byte(UInt8(ascii: "\""))
    }

    mutating func member(_ name: StaticString, sequence: UInt64) {
        member(name, Int64(clamping: sequence))
    }

    mutating func member(_ name: StaticString, _ value: Money) { member(name, value.nanos) }
    mutating func member(_ name: StaticString, _ value: Bool) {
        self.name(name)
        text(value ? "true" : "false")
    }

    mutating func member(_ name: StaticString, _ window: Window) {
        self.name(name)
        byte(UInt8(ascii: "\""))
        let year = window.months / 12
        let month = UInt8(window.months % 12) + 1
        digits(Int64(year))
        byte(UInt8(ascii: "-"))
        byte(0x30 + month / 10)
        byte(0x30 + month % 10)
        byte(UInt8(ascii: "\""))
    }

    mutating func name(_ name: StaticString) {
        text(",\"")
        text(name)
        text("\":")
    }

    // MARK: Pieces

    mutating func byte(_ byte: UInt8) {
        guard count < largestEntryRest else { return overflowed = true }
        base[count] = byte
        count += 1
    }

    mutating func text(_ text: StaticString) {
        raw(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func raw(_ bytes: UnsafeRawBufferPointer) {
        guard count + bytes.count <= largestEntryRest else { return overflowed = true }
        if let start = bytes.baseAddress { memcpy(base + count, start, bytes.count) }
        count += bytes.count
    }

    mutating func raw(_ text: String) {
        var text = text
        let fits = text.withUTF8 { utf8 -> Bool in
            guard count + utf8.count <= largestEntryRest else { return false }
            if let start = utf8.baseAddress { memcpy(base + count, start, utf8.count) }
            return true
        }
        if fits { count += text.utf8.count } else { overflowed = true }
    }

    mutating func digits(_ value: Int64) {
        guard count + 20 <= largestEntryRest else { return overflowed = true }
        if value < 0 { byte(UInt8(ascii: "-")) }
        var rest = value.magnitude
        var length = 1
        var bound: UInt64 = 10
        while length < 20, rest >= bound {
            length += 1
            let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
            if overflow { break }
            bound = next
        }
        var at = count + length
        count = at
        repeat {
            at -= 1
            base[at] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
    }

    mutating func hex(_ value: UInt64) {
        guard count + 16 <= largestEntryRest else { return overflowed = true }
        for position in 0..<16 {
            let nibble = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * position)) & 15
            base[count + position] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble
        }
        count += 16
    }

    mutating func string(_ value: some StringProtocol) {
        byte(UInt8(ascii: "\""))
        for unit in value.utf8 {
            switch unit {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                byte(UInt8(ascii: "\\"))
                byte(unit)
            case 0..<0x20, 0x7f:
                text("\\u00")
                byte(0x30 + unit >> 4)
                byte(unit & 15 < 10 ? 0x30 + unit & 15 : 0x57 + unit & 15)
            default: byte(unit)
            }
        }
        byte(UInt8(ascii: "\""))
    }

    mutating func strings(_ name: StaticString, _ values: [String]) {
        self.name(name)
        byte(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { byte(UInt8(ascii: ",")) }
            string(value)
        }
        byte(UInt8(ascii: "]"))
    }
}
