import Core

/// A decimal number that is not negative, exact: what contracts, discounts and exchange rates are written in.
struct ExactDecimal: Hashable {
    /// Digits that a number may have before and after its point; two such numbers multiply within 127 bits.
    static let wholeDigitsMax = 9
    static let decimalsMax = 12

    private var mantissa: Int128
    private var decimals: Int

    static let one = ExactDecimal(mantissa: 1, decimals: 0)
    var isZero: Bool { mantissa == 0 }

    private init(mantissa: Int128, decimals: Int) { (self.mantissa, self.decimals) = (mantissa, decimals) }

    /// Reads `12`, `0.1389`; nil for a sign, an exponent, or too many digits.
    init?(_ text: some StringProtocol, decimalsMax: Int = decimalsMax) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let whole = parts[0].drop { $0 == "0" }
        guard !parts[0].isEmpty, parts[0].utf8.allSatisfy(isDigit), parts[0].utf8.count <= 18,
            whole.utf8.count <= Self.wholeDigitsMax
        else { return nil }
        let fraction = parts.count == 2 ? String(parts[1]) : ""
        if parts.count == 2 {
            guard !fraction.isEmpty, fraction.utf8.allSatisfy(isDigit), fraction.utf8.count <= decimalsMax else { return nil }
        }
        let number = whole.utf8.reduce(Int128(0)) { $0 * 10 + Int128($1 - 0x30) }
        mantissa = fraction.utf8.reduce(number) { $0 * 10 + Int128($1 - 0x30) }
        decimals = fraction.utf8.count
    }

    init(_ price: TokenPrice) { self.init(mantissa: Int128(price.picos), decimals: 6) }

    /// What is left of one after so many percent of it were taken off.
    init?(afterDiscount percent: ExactDecimal) {
        let scale = Self.powerOfTen(percent.decimals + 2)
        guard percent.mantissa <= scale else { return nil }
        self.init(mantissa: scale - percent.mantissa, decimals: percent.decimals + 2)
    }

    /// nil when the product is too long; no price and no rate that a contract can have comes near.
    func times(_ other: ExactDecimal) -> ExactDecimal? {
        let (product, overflow) = mantissa.multipliedReportingOverflow(by: other.mantissa)
        let places = decimals + other.decimals
        return overflow || places > 36 ? nil : ExactDecimal(mantissa: product, decimals: places)
    }

    /// As pico-dollars a token, this being dollars a million tokens: rounded half-even once where it has more than six decimals.
    func tokenPrice() -> (price: TokenPrice, isExact: Bool)? {
        guard decimals > 6 else {
            let (picos, overflow) = mantissa.multipliedReportingOverflow(by: Self.powerOfTen(6 - decimals))
            return overflow ? nil : Int64(exactly: picos).map { (TokenPrice(picos: $0), true) }
        }
        let divisor = Self.powerOfTen(decimals - 6)
        var (picos, rest) = mantissa.quotientAndRemainder(dividingBy: divisor)
        if rest > divisor / 2 || (rest == divisor / 2 && picos % 2 == 1) { picos += 1 }
        return Int64(exactly: picos).map { (TokenPrice(picos: $0), rest == 0) }
    }

    private static func powerOfTen(_ exponent: Int) -> Int128 { (0..<exponent).reduce(1) { power, _ in power * 10 } }
}
