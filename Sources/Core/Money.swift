/// An amount of US dollars for one entry, exact to the nano-dollar. Range ±9.2 × 10⁹ dollars.
public struct Money: Sendable, Hashable, Comparable {
    public var nanos: Int64

    public static let zero = Money(nanos: 0)
    public static let nanosPerDollar: Int64 = 1_000_000_000

    public init(nanos: Int64) { self.nanos = nanos }

    /// Reads a decimal number of dollars such as `12.50`; `nil` when it is not one, has more than nine decimals or is out of range.
    public init?(dollars text: some StringProtocol) {
        guard let nanos = fixedPoint(text, decimals: 9) else { return nil }
        self.nanos = nanos
    }

    public static func < (a: Money, b: Money) -> Bool { a.nanos < b.nanos }
    public static func + (a: Money, b: Money) -> Money { Money(nanos: a.nanos + b.nanos) }
    public static func - (a: Money, b: Money) -> Money { Money(nanos: a.nanos - b.nanos) }
    public static func += (a: inout Money, b: Money) { a.nanos += b.nanos }
    public static func -= (a: inout Money, b: Money) { a.nanos -= b.nanos }
}

extension Money: CustomStringConvertible {
    /// Dollars with as many decimals as needed and at least two: `0.00`, `12.50`, `0.000000125`.
    public var description: String { decimalDollars(Int128(nanos)) }
}

/// A sum of many amounts, in nano-dollars.
public struct MoneyTotal: Sendable, Hashable, Comparable {
    public var nanos: Int128

    public static let zero = MoneyTotal(nanos: 0)

    public init(nanos: Int128) { self.nanos = nanos }
    public init(_ money: Money) { nanos = Int128(money.nanos) }

    public static func < (a: MoneyTotal, b: MoneyTotal) -> Bool { a.nanos < b.nanos }
    public static func + (a: MoneyTotal, b: MoneyTotal) -> MoneyTotal { MoneyTotal(nanos: a.nanos + b.nanos) }
    public static func - (a: MoneyTotal, b: MoneyTotal) -> MoneyTotal { MoneyTotal(nanos: a.nanos - b.nanos) }
    public static func += (a: inout MoneyTotal, b: Money) { a.nanos += Int128(b.nanos) }
    public static func -= (a: inout MoneyTotal, b: Money) { a.nanos -= Int128(b.nanos) }
}

extension MoneyTotal: CustomStringConvertible {
    public var description: String { decimalDollars(nanos) }
}

/// A price in pico-dollars for one token: 2.50 dollars a million tokens is 2,500,000.
public struct TokenPrice: Sendable, Hashable {
    public var picos: Int64

    public init(picos: Int64) { self.picos = picos }

    /// Reads dollars per million tokens, exact to six decimals; `nil` when negative, malformed or out of range.
    public init?(dollarsPerMillion text: some StringProtocol) {
        guard let picos = fixedPoint(text, decimals: 6), picos >= 0 else { return nil }
        self.picos = picos
    }
}

/// How a product of price and tokens, in pico-dollars, becomes nano-dollars.
public enum Rounding: Sendable {
    /// For holds: never below the true amount.
    case up
    /// For charges: once per entry.
    case halfEven
}

extension Money {
    /// Rounds pico-dollars; saturates at the largest amount an entry can carry, which no account can hold.
    public init(picos: Int128, rounding: Rounding) {
        precondition(picos >= 0, "amounts of usage are not negative")
        let (quotient, remainder) = picos.quotientAndRemainder(dividingBy: 1000)
        let roundsUp: Bool
        switch rounding {
        case .up: roundsUp = remainder > 0
        case .halfEven: roundsUp = remainder > 500 || (remainder == 500 && quotient % 2 == 1)
        }
        let nanos = quotient + (roundsUp ? 1 : 0)
        self.nanos = nanos > Int128(Int64.max) ? Int64.max : Int64(nanos)
    }
}

/// Reads `-?digits(.digits)?` as an integer scaled by ten to the `decimals`.
func fixedPoint(_ text: some StringProtocol, decimals: Int) -> Int64? {
    var value: Int64 = 0
    var digits = 0
    var fraction: Int? = nil
    var bytes = text.utf8[...]
    let negative = bytes.first == UInt8(ascii: "-")
    if negative { bytes = bytes.dropFirst() }
    for byte in bytes {
        if byte == UInt8(ascii: "."), fraction == nil, digits > 0 {
            fraction = 0
            continue
        }
        guard byte >= 0x30, byte <= 0x39 else { return nil }
        if let places = fraction {
            guard places < decimals else { return nil }
            fraction = places + 1
        }
        digits += 1
        let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, carry) = scaled.addingReportingOverflow(Int64(byte - 0x30))
        if overflow || carry { return nil }
        value = sum
    }
    guard digits > 0, fraction != 0 else { return nil }
    for _ in 0..<(decimals - (fraction ?? 0)) {
        let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
        if overflow { return nil }
        value = scaled
    }
    return negative ? -value : value
}

private func decimalDollars(_ nanos: Int128) -> String {
    let (whole, rest) = nanos.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
    var fraction = String(rest)
    fraction = String(repeating: "0", count: 9 - fraction.utf8.count) + fraction
    while fraction.utf8.count > 2, fraction.utf8.last == UInt8(ascii: "0") { fraction.removeLast() }
    return (nanos < 0 ? "-" : "") + "\(whole).\(fraction)"
}
