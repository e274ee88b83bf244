import Core
import Testing

@testable import Invoices

@Suite("Amounts of invoices")
struct AmountTests {
    @Test(
        "A decimal is read exactly, also with an exponent",
        arguments: [
            ("0", "0.00"), ("12.5", "12.50"), ("-0.000125", "-0.000125"), ("1.25E-05", "0.0000125"), ("+3e2", "300.00"),
            ("0.00000000000000000001", "0.00000000000000000001"), ("999999999999999", "999999999999999.00"),
            ("1e-20", "0.00000000000000000001"),
            ("00012.50", "12.50"),
        ])
    func reads(text: String, as expected: String) throws {
        #expect(try #require(Amount(text)).description == expected)
    }

    @Test(
        "What is no decimal number, or none that is exact, is refused",
        arguments: [
            "", "-", ".5", "5.", "1,000.00", "$1", "1e", "1e-", "1.5e-20", "1e16", "0x10", "1 ", "--1", "1-", "NaN", "1.2.3",
            "1e+-5", "9999999999999999999999999999999999999999",
        ])
    func refuses(text: String) {
        #expect(Amount(text) == nil)
    }

    @Test(
        "Each rounding rule rounds credits as it rounds charges, mirrored",
        arguments: [
            (InvoiceRounding.Mode.halfUp, "0.125", "0.13"), (.halfEven, "0.125", "0.12"), (.halfEven, "0.135", "0.14"),
            (.up, "0.121", "0.13"), (.down, "0.129", "0.12"), (.up, "0.12", "0.12"),
        ])
    func rounds(mode: InvoiceRounding.Mode, text: String, expected: String) throws {
        let rounding = InvoiceRounding(mode: mode, decimals: 2, scope: .line)
        #expect(rounding.rounded(try #require(Amount(text))) == Amount(expected))
        #expect(rounding.rounded(try #require(Amount("-" + text))) == Amount("-" + expected))
        #expect((rounding.rounded(try #require(Amount(text))) - (try #require(Amount(text)))).magnitude <= rounding.bound)
    }

    @Test("Money goes to another currency exactly and comes back half-even")
    func converts() throws {
        let rate = try #require(ExchangeRate("7.1225", day: CivilDate(year: 2026, month: 11, day: 1)))
        let money = try #require(Money(dollars: "0.000000003"))
        #expect(rate.amount(MoneyTotal(money)) == Amount("0.0000000213675"))
        #expect(rate.money(rate.amount(MoneyTotal(money))) == money)
        #expect(rate.money(try #require(Amount("-7.1225"))) == Money(dollars: "-1"))
        #expect(ExchangeRate("0", day: CivilDate(year: 2026, month: 11, day: 1)) == nil)
    }

    @Test("Parts by largest remainder sum to the whole, and ties go to the first")
    func apportions() {
        #expect(apportion(100, [1, 1, 1]) == [34, 33, 33])
        #expect(apportion(-100, [1, 1, 1]) == [-34, -33, -33])
        #expect(apportion(10, [0, 0]) == [5, 5])
        #expect(apportion(7, [0, 5, 0, 2]) == [0, 5, 0, 2])
        #expect(apportion(0, [3, 4]) == [0, 0])
        #expect(apportion(5, []).isEmpty)
        let large = apportion(Int128(1) << 100, [Int128(1) << 90, Int128(3) << 90, 1])
        #expect(large.reduce(0, +) == Int128(1) << 100)
    }
}
