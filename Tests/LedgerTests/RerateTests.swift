import Core
import Ledger
import TestKit
import Testing

private let day = CivilDate(year: 2026, month: 11, day: 1)

private func rates(_ input: Int64, _ output: Int64) -> Rates {
    Rates(input: TokenPrice(picos: input), output: TokenPrice(picos: output))
}

private func book(_ lists: [String: (Int64, Int64)]) -> PriceBook {
    PriceBook(lists.mapValues { [Price(from: day, brackets: [Price.Bracket(tiers: [.standard: rates($0, $1)])])] })
}

@Suite("A period rated by another price book")
struct RerateTests {
    private let period = day.start..<CivilDate(year: 2026, month: 12, day: 1).start
    private let noon = Timestamp(seconds: day.start.seconds + 43_200)

    private func hold(_ list: String) -> Entry {
        .hold(
            HoldEntry(
                attempt: AttemptID(high: 1, low: 2), call: "c", key: "k", window: november, amount: Money(nanos: 1_000_000),
                drawn: false, inputBound: 10, outputBound: 10, generation: 1, operation: .chat, stream: false,
                route: RouteFacts(
                    model: "m", upstreamModel: "m-\(list)", endpoint: "e", link: "e", operator: "o",
                    operatorCountry: "SE", processedIn: ["SE"], price: list)))
    }

    private func end(
        _ hold: UInt64, _ settled: Int64, _ usage: Usage, estimated: Bool = false, how: EndEntry.How = .settled,
        raw: [UInt8]? = nil
    ) -> Entry {
        .end(
            EndEntry(
                hold: hold, attempt: AttemptID(high: 0, low: hold), how: how, settled: Money(nanos: settled), usage: usage,
                estimated: estimated, rawUsage: raw))
    }

    @Test("What differs is listed, what cannot be rated is named, and estimates and voided attempts stay as they are")
    func rerates() {
        var rerate = Rerate(book: book(["a": (2_000, 4_000), "b": (1_000, 1_000)]), period: period)
        let used = Usage(input: 10, output: 5)
        let entries: [(UInt64, Entry)] = [
            (1, hold("a")), (2, end(1, 40, used)),
            (3, hold("a")), (4, .overrun(hold: 3, attempt: AttemptID(high: 0, low: 3), amount: Money(nanos: 10))),
            (5, end(3, 20, used)),
            (6, hold("b")), (7, end(6, 99, used, estimated: true)),
            (8, hold("b")), (9, end(8, 0, .zero, how: .voided)),
            (10, hold("gone")), (11, end(10, 7, used)),
            (12, hold("b")), (13, end(12, 7, Usage(input: 1, audioInput: 1))),
            (14, end(99, 7, used)),
        ]
        for (sequence, entry) in entries { rerate.take(entry, sequence: sequence, at: noon) }
        let place = Rerate.Place(model: "m-a", endpoint: "e")
        #expect(rerate.lines == [place: Rerate.Line(attempts: 2, charged: MoneyTotal(nanos: 70), would: MoneyTotal(nanos: 80))])
        #expect(rerate.total.difference == MoneyTotal(nanos: 10))
        #expect(rerate.differences.map(\.charged) == [Money(nanos: 30)])
        #expect(rerate.differences.map(\.would) == [Money(nanos: 40)])
        #expect(rerate.differing == 1)
        #expect(rerate.estimated.charged == MoneyTotal(nanos: 99))
        #expect(Set(rerate.unknown.keys) == [.price("gone"), .meter("b")])
        #expect(rerate.orphans == 1)
    }

    @Test("An attempt is rated by the tier that served it, and with the corrections that came after its end")
    func corrected() {
        let price = Price(
            from: day, brackets: [Price.Bracket(tiers: [.standard: rates(1_000, 1_000), .flex: rates(500, 500)])])
        var rerate = Rerate(book: PriceBook(["a": [price]]), period: period)
        let route = RouteFacts(
            model: "m", upstreamModel: "m-a", endpoint: "e", link: "e", operator: "o", operatorCountry: "SE",
            processedIn: ["SE"], price: "a")
        let flex = EndEntry(
            hold: 1, attempt: AttemptID(high: 0, low: 1), how: .settled, settled: Money(nanos: 10),
            usage: Usage(input: 20), tier: .flex)
        let entries: [(UInt64, Entry)] = [
            (1, hold("a")), (2, .end(flex)),
            (3, hold("a")), (4, end(3, 50, Usage(input: 50), estimated: true)),
            (
                5,
                .correction(
                    CorrectionEntry(
                        hold: 3, attempt: AttemptID(high: 0, low: 3), key: "k", before: Money(nanos: 50),
                        amount: Money(nanos: -20), usage: Usage() - Usage(input: 20), evidence: "row 7", why: "invoice",
                        route: route))
            ),
        ]
        for (_, entry) in entries { rerate.prepare(entry) }
        for (sequence, entry) in entries { rerate.take(entry, sequence: sequence, at: noon) }
        #expect(rerate.total == Rerate.Line(attempts: 2, charged: MoneyTotal(nanos: 40), would: MoneyTotal(nanos: 40)))
        #expect(rerate.differing == 0)
        #expect(rerate.estimated.attempts == 0)
    }

    @Test("What evidence charged for a send whose hold was lost keeps its charge, and is told apart")
    func allowances() {
        var rerate = Rerate(book: book(["a": (2_000, 4_000)]), period: period)
        let charge = AllowanceChargeEntry(
            doubt: 1, key: "k", amount: Money(nanos: 70), freed: .zero, usage: Usage(input: 10), evidence: "row 7", why: "invoice"
        )
        rerate.take(.allowanceCharged(charge), sequence: 2, at: noon)
        rerate.take(.allowanceCharged(charge), sequence: 3, at: period.upperBound)
        #expect(rerate.allowances == Rerate.Line(attempts: 1, charged: MoneyTotal(nanos: 70), would: MoneyTotal(nanos: 70)))
        #expect(rerate.lines.isEmpty && rerate.unknown.isEmpty && rerate.orphans == 0)
    }

    @Test("A kept usage object is read again, and only ends within the period count, by the price of the day they began")
    func raw() {
        let old = Price(from: day, brackets: [Price.Bracket(tiers: [.standard: rates(1_000, 1_000)])])
        let new = Price(
            from: CivilDate(year: 2026, month: 11, day: 2), brackets: [Price.Bracket(tiers: [.standard: rates(3_000, 1_000)])])
        var rerate = Rerate(book: PriceBook(["a": [old, new]]), period: period) { raw in raw == [7] ? Usage(input: 20) : nil }
        rerate.take(hold("a"), sequence: 1, at: noon)
        rerate.take(end(1, 10, Usage(input: 10), raw: [7]), sequence: 2, at: noon.advanced(byMilliseconds: 86_400_000))
        rerate.take(hold("a"), sequence: 3, at: noon)
        rerate.take(end(3, 10, Usage(input: 10), raw: [8]), sequence: 4, at: noon)
        rerate.take(hold("a"), sequence: 5, at: noon)
        rerate.take(end(5, 10, Usage(input: 10)), sequence: 6, at: period.upperBound)
        #expect(rerate.reread == 1)
        #expect(rerate.total == Rerate.Line(attempts: 2, charged: MoneyTotal(nanos: 20), would: MoneyTotal(nanos: 30)))
    }
}

@Suite("Prices with brackets, tiers and hours")
struct PriceShapeTests {
    /// A price with everything, every rate drawn; some meters unknown.
    private func price(_ random: inout SeededRandom) -> Price {
        func draw() -> Rates {
            var rates = Rates(
                input: TokenPrice(picos: .random(in: 1...99_999_999, using: &random)),
                output: TokenPrice(picos: .random(in: 1...99_999_999, using: &random)))
            for meter in Meter.allCases where meter != .input && meter != .output && Bool.random(using: &random) {
                rates[meter] = TokenPrice(picos: .random(in: 1...99_999_999, using: &random))
            }
            return rates
        }
        var brackets: [Price.Bracket] = []
        for above in [0, 1_000, 20_000] as [Int64] where above == 0 || Bool.random(using: &random) {
            var tiers = [ServiceTier.standard: draw()]
            for tier in ServiceTier.allCases where tier != .standard && Bool.random(using: &random) { tiers[tier] = draw() }
            brackets.append(Price.Bracket(aboveInputTokens: above, tiers: tiers))
        }
        let window = Price.OffPeak.Window(weekdays: [1, 2, 3, 7], fromMinute: 300, toMinute: 900)
        return Price(
            from: day, brackets: brackets, offPeak: Bool.random(using: &random) ? .init(windows: [window], rates: draw()) : nil)
    }

    @Test("No charge of any usage within the bound, at any hour, in the tier asked for or as standard, is above the upper bound")
    func covered() throws {
        var random = SeededRandom(seed: testSeed("PriceShapeTests.covered"))
        var charged = 0
        for _ in 0..<20_000 {
            let price = price(&random)
            let asked = ServiceTier.allCases.randomElement(using: &random) ?? .standard
            let bound = TokenBound(
                input: .random(in: 0...30_000, using: &random), output: .random(in: 0...5_000, using: &random),
                hasAudio: Bool.random(using: &random), tier: asked)
            guard let most = upperBound(bound, price) else { continue }
            var usage = Usage()
            var (input, output) = (bound.input, bound.output)
            for meter in Meter.allCases.shuffled(using: &random) {
                if !bound.hasAudio, meter == .audioInput || meter == .audioOutput { continue }
                let tokens = Int64.random(in: 0...(meter.isInput ? input : output), using: &random)
                usage[meter] = tokens
                if meter.isInput { input -= tokens } else { output -= tokens }
            }
            let moment = Timestamp(seconds: day.start.seconds + .random(in: 0...1_209_600, using: &random))
            for served in [asked, .standard] {
                // A meter whose price nobody knows is not charged at all; it is no lower charge.
                guard let amount = charge(usage, price, tier: served, startedAt: moment) else { continue }
                charged += 1
                #expect(amount <= most)
            }
        }
        #expect(charged > 1_000)
    }

    @Test("The bracket is picked by all input tokens, and applies to the whole request")
    func brackets() {
        let price = Price(
            from: day,
            brackets: [
                Price.Bracket(tiers: [.standard: rates(1_000, 2_000)]),
                Price.Bracket(aboveInputTokens: 100, tiers: [.standard: rates(3_000, 5_000)]),
            ])
        #expect(charge(Usage(input: 60, cachedInput: 40, output: 10), price, startedAt: day.start) == Money(nanos: 120))
        #expect(charge(Usage(input: 60, cachedInput: 41, output: 10), price, startedAt: day.start) == Money(nanos: 353))
        #expect(
            charge(Usage(input: 1), price, tier: .flex, startedAt: day.start) == nil, "a tier without a price is never another's")
        #expect(upperBound(TokenBound(input: 1, output: 0, tier: .flex), price) == nil)
    }
}
