/// A person whom calls are about, as 128 bits of a keyed hash: whoever lacks the tenant's key cannot tell who it is, nor find the same
/// person at another tenant.
public struct Pseudonym: Sendable, Hashable, Comparable {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

    public static func < (a: Pseudonym, b: Pseudonym) -> Bool { a.high == b.high ? a.low < b.low : a.high < b.high }
}

extension Pseudonym: CustomStringConvertible {
    /// 32 hexadecimal digits.
    public var description: String { hexadecimal(high) + hexadecimal(low) }
}

/// The person whose data an attempt takes out of mainland China.
public struct ExportedPerson: Sendable, Hashable {
    public var person: Pseudonym
    /// The data are of a kind that the law calls sensitive.
    public var isSensitive: Bool

    public init(_ person: Pseudonym, isSensitive: Bool) {
        self.person = person
        self.isSensitive = isSensitive
    }
}

/// The clock of mainland China, whose first of January begins a count.
public enum ChinaTime {
    /// UTC+8 all year. The last daylight saving time ended in September 1991 (IANA time zone database, `Asia/Shanghai`).
    public static let offsetSeconds: Int64 = 8 * 3_600
}

extension Timestamp {
    /// The calendar year in mainland China; right for moments since 1992.
    public var yearInChina: Int {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(ChinaTime.offsetSeconds * 1_000_000_000)
        return Timestamp(nanoseconds: overflow ? .max : sum).date.year
    }
}
