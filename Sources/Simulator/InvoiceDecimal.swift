/// The simulator's own decimal number, kept as decimal digits as a billing system's database does. It is slow and obvious, and
/// shares nothing with the arithmetic that it is used to judge.
struct InvoiceDecimal: Sendable, Equatable {
    /// Without a sign, least significant digit first, at least one; `digits[0]` stands `places` behind the point.
    private var digits: [UInt8]
    private(set) var places: Int
    private var isNegative = false

    static let zero = InvoiceDecimal(digits: [0], places: 0)

    private init(digits: [UInt8], places: Int, isNegative: Bool = false) {
        self.digits = digits
        self.places = places
        self.isNegative = isNegative
        while self.digits.count > places + 1, self.digits.last == 0 { self.digits.removeLast() }
        while self.digits.count < places + 1 { self.digits.append(0) }
        if self.digits.allSatisfy({ $0 == 0 }) { self.isNegative = false }
    }

    init(_ number: Int) {
        self.init(
            digits: String(number.magnitude).utf8.reversed().map { $0 - 0x30 }, places: 0, isNegative: number < 0)
    }

    /// Digits with at most one point, and perhaps a minus sign.
    init?(_ text: String) {
        let bare = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let halves = bare.split(separator: ".", omittingEmptySubsequences: false)
        guard halves.count <= 2, halves.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }) else {
            return nil
        }
        let all = halves.joined()
        self.init(
            digits: all.utf8.reversed().map { $0 - 0x30 }, places: halves.count == 2 ? halves[1].utf8.count : 0,
            isNegative: text.hasPrefix("-"))
    }

    var text: String {
        var characters = digits.reversed().map { Character(Unicode.Scalar($0 + 0x30)) }
        if places > 0 { characters.insert(".", at: characters.count - places) }
        return (isNegative ? "-" : "") + String(characters)
    }

    var negated: InvoiceDecimal { InvoiceDecimal(digits: digits, places: places, isNegative: !isNegative) }

    static func * (a: InvoiceDecimal, b: InvoiceDecimal) -> InvoiceDecimal {
        var product = [UInt8](repeating: 0, count: a.digits.count + b.digits.count)
        for (i, x) in a.digits.enumerated() where x != 0 {
            var carry: UInt8 = 0
            for (j, y) in b.digits.enumerated() {
                let sum = product[i + j] + x * y + carry
                product[i + j] = sum % 10
                carry = sum / 10
            }
            product[i + b.digits.count] += carry
        }
        return InvoiceDecimal(digits: product, places: a.places + b.places, isNegative: a.isNegative != b.isNegative)
    }

    static func + (a: InvoiceDecimal, b: InvoiceDecimal) -> InvoiceDecimal {
        let places = max(a.places, b.places)
        let x = a.lengthened(places)
        let y = b.lengthened(places)
        if a.isNegative == b.isNegative {
            return InvoiceDecimal(digits: added(x, y), places: places, isNegative: a.isNegative)
        }
        return isLess(x, y)
            ? InvoiceDecimal(digits: subtracted(y, x), places: places, isNegative: b.isNegative)
            : InvoiceDecimal(digits: subtracted(x, y), places: places, isNegative: a.isNegative)
    }

    /// Moves the point: divided by ten to the `count`.
    func dividedByTen(_ count: Int) -> InvoiceDecimal {
        InvoiceDecimal(digits: digits, places: places + count, isNegative: isNegative)
    }

    /// With so many places; what falls away rounds as the mode says.
    func rounded(_ wanted: Int, _ mode: InvoiceRoundingMode) -> InvoiceDecimal {
        guard places > wanted else { return InvoiceDecimal(digits: lengthened(wanted), places: wanted, isNegative: isNegative) }
        let cut = places - wanted
        let dropped = digits[..<cut]
        var kept = Array(digits[cut...])
        let first = dropped.last ?? 0
        let restIsZero = dropped.dropLast().allSatisfy { $0 == 0 }
        let away =
            switch mode {
            case .down: false
            case .up: first > 0 || !restIsZero
            case .halfUp: first >= 5
            case .halfEven: first > 5 || (first == 5 && (!restIsZero || kept[0] % 2 == 1))
            }
        if away { kept = InvoiceDecimal.added(kept, [1]) }
        return InvoiceDecimal(digits: kept, places: wanted, isNegative: isNegative)
    }

    /// The digits as if there were so many places.
    private func lengthened(_ wanted: Int) -> [UInt8] {
        [UInt8](repeating: 0, count: max(0, wanted - places)) + digits
    }

    private static func added(_ x: [UInt8], _ y: [UInt8]) -> [UInt8] {
        var sum: [UInt8] = []
        var carry: UInt8 = 0
        for index in 0..<max(x.count, y.count) {
            let digit = (index < x.count ? x[index] : 0) + (index < y.count ? y[index] : 0) + carry
            sum.append(digit % 10)
            carry = digit / 10
        }
        if carry > 0 { sum.append(carry) }
        return sum
    }

    /// `x` is not less than `y`.
    private static func subtracted(_ x: [UInt8], _ y: [UInt8]) -> [UInt8] {
        var difference: [UInt8] = []
        var borrow: UInt8 = 0
        for index in x.indices {
            let take = (index < y.count ? y[index] : 0) + borrow
            borrow = x[index] < take ? 1 : 0
            difference.append(x[index] + borrow * 10 - take)
        }
        return difference
    }

    private static func isLess(_ x: [UInt8], _ y: [UInt8]) -> Bool {
        for index in (0..<max(x.count, y.count)).reversed() {
            let (a, b) = (index < x.count ? x[index] : 0, index < y.count ? y[index] : 0)
            if a != b { return a < b }
        }
        return false
    }

    static func == (a: InvoiceDecimal, b: InvoiceDecimal) -> Bool {
        let places = max(a.places, b.places)
        let (x, y) = (a.lengthened(places), b.lengthened(places))
        return !isLess(x, y) && !isLess(y, x) && a.isNegative == b.isNegative
    }
}

/// How a provider rounds.
public enum InvoiceRoundingMode: String, Sendable {
    case halfUp = "half-up"
    case halfEven = "half-even"
    case up, down
}
