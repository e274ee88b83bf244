public import Core

/// An exact amount of some currency as invoices state it: 20 decimals, so that nano-dollars times a rate, or pico-dollars times
/// tokens times a rate, need no rounding.
public struct Amount: Sendable, Hashable, Comparable {
    /// In units of 10^-20.
    public var units: Int128

    public static let decimals = 20
    public static let zero = Amount(units: 0)
    /// Larger amounts are refused, so that sums of a whole file stay within range: 10^15.
    static let largest: Int128 = powerOfTen(15 + decimals)

    public init(units: Int128) { self.units = units }

    public static func < (a: Amount, b: Amount) -> Bool { a.units < b.units }
    public static func + (a: Amount, b: Amount) -> Amount { Amount(units: a.units + b.units) }
    public static func - (a: Amount, b: Amount) -> Amount { Amount(units: a.units - b.units) }
    public static func += (a: inout Amount, b: Amount) { a.units += b.units }
    public static func -= (a: inout Amount, b: Amount) { a.units -= b.units }
    public static prefix func - (a: Amount) -> Amount { Amount(units: -a.units) }
    public var magnitude: Amount { Amount(units: units < 0 ? -units : units) }
}

extension Amount {
    /// Reads a decimal number such as `12.50`, `-0.000125` or `1.25E-05`, as exports write them; `nil` when it is none, has more
    /// than 20 decimals or is larger than 10^15. Separators of thousands and currency signs are none of a number.
    public init?(_ text: some StringProtocol) {
        var value: Int128 = 0
        var digits = 0
        var places = 0
        var exponent: Int? = nil
        var exponentIsNegative = false
        var seenPoint = false
        var bytes = text.utf8[...]
        let negative = bytes.first == UInt8(ascii: "-")
        if negative || bytes.first == UInt8(ascii: "+") { bytes = bytes.dropFirst() }
        var previous: UInt8 = 0
        for byte in bytes {
            defer { previous = byte }
            switch byte {
            case 0x30...0x39:
                let digit = Int128(byte - 0x30)
                if let sofar = exponent {
                    guard sofar < 100 else { return nil }
                    exponent = sofar * 10 + Int(digit)
                } else {
                    guard digits < 36 else { return nil }
                    // Leading zeros are no digits that count.
                    if value != 0 || digit != 0 { digits += 1 }
                    value = value * 10 + digit
                    if seenPoint { places += 1 }
                }
            case UInt8(ascii: "."):
                guard !seenPoint, exponent == nil, (0x30...0x39).contains(previous) else { return nil }
                seenPoint = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                guard exponent == nil, (0x30...0x39).contains(previous) else { return nil }
                exponent = 0
            case UInt8(ascii: "-") where previous | 0x20 == UInt8(ascii: "e"): exponentIsNegative = true
            case UInt8(ascii: "+") where previous | 0x20 == UInt8(ascii: "e"): break
            default: return nil
            }
        }
        guard (0x30...0x39).contains(previous) else { return nil }
        var shift = Amount.decimals - places + (exponentIsNegative ? -(exponent ?? 0) : exponent ?? 0)
        if value == 0 { shift = 0 }
        while shift < 0 {
            guard value % 10 == 0 else { return nil }
            value /= 10
            shift += 1
        }
        guard shift <= 36 else { return nil }
        for _ in 0..<shift {
            guard value <= Amount.largest else { return nil }
            value *= 10
        }
        guard value <= Amount.largest else { return nil }
        units = negative ? -value : value
    }

    /// The whole number this is; `nil` when it has a fraction or does not fit.
    public var whole: Int64? {
        let (quotient, remainder) = units.quotientAndRemainder(dividingBy: powerOfTen(Amount.decimals))
        return remainder == 0 ? Int64(exactly: quotient) : nil
    }
}

extension Amount: CustomStringConvertible {
    /// With as many decimals as needed and at least two.
    public var description: String {
        let (whole, rest) = units.magnitude.quotientAndRemainder(dividingBy: UInt128(powerOfTen(Amount.decimals)))
        var fraction = String(rest)
        fraction = String(repeating: "0", count: Amount.decimals - fraction.utf8.count) + fraction
        while fraction.utf8.count > 2, fraction.utf8.last == UInt8(ascii: "0") { fraction.removeLast() }
        return (units < 0 ? "-" : "") + "\(whole).\(fraction)"
    }
}

/// What one dollar is in an invoice's currency, from a day on that somebody states: never looked up, never assumed.
public struct ExchangeRate: Sendable, Hashable {
    public static let decimals = 8

    /// In units of 10^-8 of the currency for one dollar.
    public var perDollar: Int64
    public var day: CivilDate?

    public static let one = ExchangeRate(perDollar: 100_000_000, day: nil)

    init(perDollar: Int64, day: CivilDate?) { (self.perDollar, self.day) = (perDollar, day) }

    /// Reads a rate of at most eight decimals, greater than zero and below 10^9.
    public init?(_ text: some StringProtocol, day: CivilDate) {
        guard let amount = Amount(text) else { return nil }
        let (units, rest) = amount.units.quotientAndRemainder(
            dividingBy: powerOfTen(Amount.decimals - ExchangeRate.decimals))
        guard rest == 0, units > 0, units < 100_000_000_000_000_000 else { return nil }
        self.init(perDollar: Int64(units), day: day)
    }

    /// Exact.
    public func amount(picos: Int128) -> Amount { Amount(units: picos * Int128(perDollar)) }
    public func amount(_ money: MoneyTotal) -> Amount { amount(picos: money.nanos * 1000) }

    /// Back to dollars, half-even.
    public func money(_ amount: Amount) -> Money? {
        let divisor = Int128(perDollar) * 1000
        let (quotient, remainder) = amount.units.magnitude.quotientAndRemainder(dividingBy: divisor.magnitude)
        let up = remainder * 2 > divisor.magnitude || (remainder * 2 == divisor.magnitude && quotient % 2 == 1)
        guard let nanos = Int64(exactly: quotient + (up ? 1 : 0)) else { return nil }
        return Money(nanos: amount.units < 0 ? -nanos : nanos)
    }
}

/// How an invoice rounds, and how far what it says can be from the exact amount for that reason alone.
public struct InvoiceRounding: Sendable, Hashable {
    public enum Mode: String, Sendable, CaseIterable {
        case halfUp = "half-up"
        case halfEven = "half-even"
        case up, down
    }

    /// What is rounded once.
    public enum Scope: String, Sendable, CaseIterable { case line, day, invoice }

    public var mode: Mode
    public var decimals: Int
    public var scope: Scope

    public init(mode: Mode, decimals: Int, scope: Scope) {
        precondition((0...Amount.decimals).contains(decimals), "an amount has at most 20 decimals")
        (self.mode, self.decimals, self.scope) = (mode, decimals, scope)
    }

    /// Away from zero for `up`, and for `half-up` at the half, as invoices do with credits.
    public func rounded(_ amount: Amount) -> Amount {
        let unit = powerOfTen(Amount.decimals - decimals).magnitude
        let (quotient, remainder) = amount.units.magnitude.quotientAndRemainder(dividingBy: unit)
        let away =
            switch mode {
            case .halfUp: remainder * 2 >= unit
            case .halfEven: remainder * 2 > unit || (remainder * 2 == unit && quotient % 2 == 1)
            case .up: remainder > 0
            case .down: false
            }
        let units = Int128((quotient + (away ? 1 : 0)) * unit)
        return Amount(units: amount.units < 0 ? -units : units)
    }

    /// The most that rounding once can change an amount by.
    public var bound: Amount {
        let unit = powerOfTen(Amount.decimals - decimals)
        switch mode {
        case .halfUp, .halfEven: return Amount(units: unit / 2)
        case .up, .down: return Amount(units: unit - 1)
        }
    }
}

func powerOfTen(_ exponent: Int) -> Int128 {
    var value: Int128 = 1
    for _ in 0..<exponent { value *= 10 }
    return value
}
