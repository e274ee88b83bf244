import Core

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The largest rest of an entry (without the journal's `{"v":2,"n":…,"s":"…",`), so that the whole stays within 65,535 bytes.
let largestEntryRest = 65_400

/// Writes entries as compact JSON into one buffer that is used again and again. Nothing here allocates after `init`.
/// Too much text marks the entry as overflowed instead of growing.
/// Unchecked: it cannot be copied, so its buffer has one owner.
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

    mutating func member(_ name: StaticString, _ value: String) {
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
        let length = name.utf8CodeUnitCount
        guard count + length + 4 <= largestEntryRest else { return overflowed = true }
        let start = base + count
        start[0] = UInt8(ascii: ",")
        start[1] = UInt8(ascii: "\"")
        memcpy(start + 2, name.utf8Start, length)
        start[length + 2] = UInt8(ascii: "\"")
        start[length + 3] = UInt8(ascii: ":")
        count += length + 4
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
        text.withUTF8 { raw(UnsafeRawBufferPointer($0)) }
    }

    mutating func digits(_ value: Int64) {
        guard count + 20 <= largestEntryRest else { return overflowed = true }
        var rest = value.magnitude
        // Written from the right end of the longest number, then moved to its place.
        var at = 20
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            guard let end = digits.baseAddress else { return }
            repeat {
                at -= 1
                end[at] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 {
                base[count] = UInt8(ascii: "-")
                count += 1
            }
            memcpy(base + count, end + at, 20 - at)
        }
        count += 20 - at
    }

    mutating func hex(_ value: UInt64) {
        guard count + 16 <= largestEntryRest else { return overflowed = true }
        for position in 0..<16 {
            let nibble = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * position)) & 15
            base[count + position] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble
        }
        count += 16
    }

    mutating func string(_ value: String) {
        var value = value
        byte(UInt8(ascii: "\""))
        value.withUTF8 { utf8 in
            if utf8.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5c || $0 == 0x7f }) {
                escaped(utf8)
            } else {
                raw(UnsafeRawBufferPointer(utf8))
            }
        }
        byte(UInt8(ascii: "\""))
    }

    private mutating func escaped(_ units: UnsafeBufferPointer<UInt8>) {
        for unit in units {
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
    }

    mutating func strings(_ name: StaticString, _ values: [String]) {
        self.name(name)
        array(values)
    }

    mutating func array(_ values: [String]) {
        byte(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { byte(UInt8(ascii: ",")) }
            string(value)
        }
        byte(UInt8(ascii: "]"))
    }
}
