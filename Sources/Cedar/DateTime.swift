/// A moment, in milliseconds since 1970-01-01T00:00:00Z without leap seconds.
public struct DateTime: Hashable, Comparable, Sendable {
    public let milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    static let dayMilliseconds: Int64 = 86_400_000

    /// Reads `2024-10-15`, `2024-10-15T11:38:02Z`, with `.123` before the Z, and with an offset such as `+0130` in its place; nil
    /// for anything else.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        func number(_ start: Int, _ count: Int) -> Int64? {
            guard start + count <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[start..<(start + count)] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            return value
        }
        func has(_ character: Unicode.Scalar, at index: Int) -> Bool {
            index < bytes.count && bytes[index] == UInt8(ascii: character)
        }
        guard let year = number(0, 4), has("-", at: 4), let month = number(5, 2), has("-", at: 7), let day = number(8, 2),
            (1...12).contains(month), day >= 1, day <= Self.days(ofMonth: month, year)
        else { return nil }
        let date = Self.dayNumber(year, month, day) * Self.dayMilliseconds
        guard bytes.count > 10 else {
            milliseconds = date
            return
        }
        guard has("T", at: 10), let hour = number(11, 2), has(":", at: 13), let minute = number(14, 2), has(":", at: 16),
            let second = number(17, 2), hour < 24, minute < 60, second < 60
        else { return nil }
        var next = 19
        var fraction: Int64 = 0
        if has(".", at: next) {
            guard let value = number(next + 1, 3) else { return nil }
            fraction = value
            next += 4
        }
        var offset: Int64 = 0
        if has("Z", at: next) {
            next += 1
        } else {
            guard has("+", at: next) || has("-", at: next), let hours = number(next + 1, 2), let minutes = number(next + 3, 2),
                hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * 60_000 * (has("+", at: next) ? 1 : -1)
            next += 5
        }
        guard next == bytes.count else { return nil }
        milliseconds = date + ((hour * 60 + minute) * 60 + second) * 1000 + fraction - offset
    }

    private static func days(ofMonth month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970-01-01 in the Gregorian calendar, also before it was introduced. Years are counted from March, so that the
    /// leap day is the last of one.
    private static func dayNumber(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let marchYear = (month <= 2 ? year - 1 : year) + 400
        let marchMonth = (month + 9) % 12
        let dayOfYear = (marchMonth * 153 + 2) / 5 + day - 1
        return marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + dayOfYear - 719_468 - 146_097
    }

    public static func < (left: DateTime, right: DateTime) -> Bool { left.milliseconds < right.milliseconds }

    /// Nil when the sum does not fit.
    public func offset(by span: TimeSpan) -> DateTime? {
        let (sum, overflow) = milliseconds.addingReportingOverflow(span.milliseconds)
        return overflow ? nil : DateTime(milliseconds: sum)
    }

    /// Nil when the difference does not fit.
    public func since(_ other: DateTime) -> TimeSpan? {
        let (difference, overflow) = milliseconds.subtractingReportingOverflow(other.milliseconds)
        return overflow ? nil : TimeSpan(milliseconds: difference)
    }

    /// The time of day.
    public var time: TimeSpan {
        let rest = milliseconds % Self.dayMilliseconds
        return TimeSpan(milliseconds: rest < 0 ? rest + Self.dayMilliseconds : rest)
    }

    /// The moment at which the day began; nil when it does not fit.
    public var date: DateTime? { offset(by: TimeSpan(milliseconds: -time.milliseconds)) }
}

/// A length of time, in milliseconds; it may be negative.
public struct TimeSpan: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// The units in the order in which they may stand, with their milliseconds.
    private static let units: [(name: [UInt8], milliseconds: Int64)] = [
        (Array("d".utf8), 86_400_000), (Array("h".utf8), 3_600_000), (Array("m".utf8), 60_000), (Array("s".utf8), 1000),
        (Array("ms".utf8), 1),
    ]

    /// Reads `1d2h3m4s5ms`: any of the units, at least one, in this order, and with or without a minus before; nil for anything
    /// else and for what does not fit.
    public init?(_ text: String) {
        var rest = text.utf8[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative { rest.removeFirst() }
        guard !rest.isEmpty else { return nil }
        var total: Int64 = 0
        var nextUnit = 0
        while !rest.isEmpty {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            rest = rest.dropFirst(digits.count)
            let name = Array(rest.prefix { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.prefix(3))
            guard !digits.isEmpty, let unit = Self.units[nextUnit...].firstIndex(where: { $0.name == name }) else { return nil }
            rest = rest.dropFirst(name.count)
            nextUnit = unit + 1
            guard let value = Int64((isNegative ? "-" : "") + String(decoding: digits, as: UTF8.self)) else { return nil }
            let (product, tooLarge) = value.multipliedReportingOverflow(by: Self.units[unit].milliseconds)
            let (sum, overflow) = total.addingReportingOverflow(product)
            guard !tooLarge, !overflow else { return nil }
            total = sum
        }
        milliseconds = total
    }

    public static func < (left: TimeSpan, right: TimeSpan) -> Bool { left.milliseconds < right.milliseconds }

    /// As `init` reads it again.
    public var description: String { "\(milliseconds)ms" }
}
