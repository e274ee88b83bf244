import Core
import TestKit
import Testing

@Suite("Money is exact")
struct MoneyTests {
    static let amounts: [(text: String, nanos: Int64?)] = [
        ("0", 0), ("-0", 0), ("0.00", 0), ("1", 1_000_000_000), ("12.50", 12_500_000_000), ("0.000000001", 1),
        ("-0.000000001", -1), ("007", 7_000_000_000), ("1.123456789", 1_123_456_789),
        ("9223372036.854775807", .max), ("-9223372036.854775807", -Int64.max),
        ("9223372036.854775808", nil), ("9223372037", nil), ("99999999999999999999", nil), ("1.1234567890", nil),
        ("", nil), ("-", nil), (".", nil), (".5", nil), ("5.", nil), ("-.5", nil), ("+1", nil), ("--1", nil), ("1.2.3", nil),
        (" 1", nil), ("1 ", nil), ("1,5", nil), ("1e3", nil), ("0x1", nil), ("NaN", nil), ("inf", nil), ("1_000", nil),
        ("١", nil), ("１", nil), ("1.-5", nil), ("1\0", nil), ("$1", nil),
    ]

    @Test("A decimal number of dollars is read to the nano-dollar, or not at all", arguments: amounts.indices)
    func parsing(_ index: Int) {
        let (text, nanos) = Self.amounts[index]
        #expect(Money(dollars: text)?.nanos == nanos, "\(text)")
        #expect(Money(dollars: text[...])?.nanos == nanos, "as a part of a longer text: \(text)")
    }

    static let descriptions: [(nanos: Int64, text: String)] = [
        (0, "0.00"), (1, "0.000000001"), (-1, "-0.000000001"), (10_000_000, "0.01"), (1_000_000, "0.001"), (125, "0.000000125"),
        (12_500_000_000, "12.50"), (-12_500_000_000, "-12.50"), (100_000_000, "0.10"), (1_230_000_000, "1.23"),
        (.max, "9223372036.854775807"), (.min, "-9223372036.854775808"),
    ]

    @Test("It is written with as many decimals as needed, and at least two", arguments: descriptions.indices)
    func writing(_ index: Int) {
        let (nanos, text) = Self.descriptions[index]
        #expect(Money(nanos: nanos).description == text)
        #expect(MoneyTotal(nanos: Int128(nanos)).description == text)
    }

    @Test("What is written is read back")
    func roundTrip() {
        let seed = testSeed("Money, written and read")
        var random = SeededRandom(seed: seed)
        for _ in 0..<10_000 {
            let bits = Int64(truncatingIfNeeded: random.next()) >> Int64(random.next() % 64)
            // The least number has no positive twin, and no entry carries it.
            guard bits != .min else { continue }
            let money = Money(nanos: bits)
            if Money(dollars: money.description) != money { Issue.record("seed \(seed): \(bits)") }
        }
    }

    static let roundings: [(picos: Int128, up: Int64, halfEven: Int64)] = [
        (0, 0, 0), (1, 1, 0), (499, 1, 0), (500, 1, 0), (501, 1, 1), (999, 1, 1), (1_000, 1, 1), (1_001, 2, 1), (1_499, 2, 1),
        (1_500, 2, 2), (1_501, 2, 2), (2_000, 2, 2), (2_500, 3, 2), (2_501, 3, 3), (3_500, 4, 4), (4_500, 5, 4),
        (Int128(Int64.max) * 1000, .max, .max), (Int128(Int64.max) * 1000 - 1, .max, .max),
        (Int128(Int64.max) * 1000 - 500, .max, .max - 1), (Int128(Int64.max) * 1000 + 1, .max, .max), (.max, .max, .max),
    ]

    @Test(
        "A hold rounds up, a charge half to even, and neither passes what an entry can carry", arguments: roundings.indices)
    func rounding(_ index: Int) {
        let (picos, up, halfEven) = Self.roundings[index]
        #expect(Money(picos: picos, rounding: .up).nanos == up)
        #expect(Money(picos: picos, rounding: .halfEven).nanos == halfEven)
    }

    @Test("A hold is never below the true amount, and a charge is at most half a nano-dollar off")
    func roundingBounds() {
        let seed = testSeed("Rounding")
        var random = SeededRandom(seed: seed)
        for _ in 0..<10_000 {
            let picos = Int128(random.next() >> (random.next() % 64)) * Int128(random.next() % 700)
            guard picos < Int128(Int64.max) * 1000 else { continue }
            let up = Int128(Money(picos: picos, rounding: .up).nanos) * 1000
            let even = Int128(Money(picos: picos, rounding: .halfEven).nanos) * 1000
            let isRight = up >= picos && up - picos < 1000 && (even - picos).magnitude <= 500 && even <= up
            if !isRight { Issue.record("seed \(seed): \(picos)") }
        }
    }

    @Test("Totals go far beyond what one entry can carry")
    func totals() {
        var total = MoneyTotal.zero
        for _ in 0..<1_000 { total += Money(nanos: .max) }
        #expect(total.nanos == Int128(Int64.max) * 1_000)
        #expect(total.description == "9223372036854.775807")
        #expect((total + total).nanos == Int128(Int64.max) * 2_000)
        for _ in 0..<2_000 { total -= Money(nanos: .max) }
        #expect(total.description == "-9223372036854.775807")
        #expect(total < .zero)
        #expect(total - total == .zero)
        #expect(MoneyTotal(Money(nanos: -7)).nanos == -7)
        #expect(MoneyTotal(nanos: .max).description == "170141183460469231731687303715.884105727")
        #expect(MoneyTotal(nanos: .min).description == "-170141183460469231731687303715.884105728")
    }

    @Test("Amounts add, subtract and compare")
    func arithmetic() {
        var money = Money(nanos: 5) + Money(nanos: 7)
        money -= Money(nanos: 20)
        money += Money(nanos: 1)
        #expect(money == Money(nanos: -7))
        #expect(Money(nanos: 3) - Money(nanos: 4) == Money(nanos: -1))
        #expect(Money(nanos: -1) < .zero)
    }

    static let prices: [(text: String, picos: Int64?)] = [
        ("0", 0), ("2.50", 2_500_000), ("0.000001", 1), ("0.15", 150_000), ("9223372036854.775807", .max),
        ("9223372036854.775808", nil), ("0.0000001", nil), ("-1", nil), ("", nil), ("free", nil), ("1,25", nil), ("1.", nil),
    ]

    @Test("A price is dollars a million tokens, exact to the pico-dollar a token", arguments: prices.indices)
    func price(_ index: Int) {
        let (text, picos) = Self.prices[index]
        #expect(TokenPrice(dollarsPerMillion: text)?.picos == picos, "\(text)")
    }
}
