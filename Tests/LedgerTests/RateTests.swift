import Core
import Ledger
import TestKit
import Testing

@Suite("Prices and rating")
struct RateTests {
    private func price(_ input: Int64, _ cached: Int64, _ output: Int64, from: String = "2026-01-01", attested: String? = nil)
        throws -> Price
    {
        Price(
            from: try #require(CivilDate(from)), input: TokenPrice(picos: input), cachedInput: TokenPrice(picos: cached),
            output: TokenPrice(picos: output), attested: attested)
    }

    @Test("The price of a moment is the latest that has begun on its day, whatever the order of the list")
    func effectiveDates() throws {
        let old = try price(1, 1, 1)
        let new = try price(2, 2, 2, from: "2026-11-23")
        let book = PriceBook(["m": [new, old]])
        #expect(book.price("m", at: noon) == new)
        #expect(
            book.price("m", at: Timestamp(nanoseconds: CivilDate(year: 2026, month: 11, day: 23).start.nanoseconds - 1)) == old)
        #expect(book.price("m", at: CivilDate(year: 2025, month: 12, day: 31).start) == nil)
        #expect(book.price("other", at: noon) == nil)
    }

    @Test("A zero that nobody attests is unknown; an attested zero is free")
    func zeros() throws {
        for zero in [try price(0, 1, 1), try price(1, 1, 0)] {
            #expect(PriceBook(["m": [zero]]).price("m", at: noon) == nil)
        }
        let unknownCache = try #require(PriceBook(["m": [try price(1_000, 0, 1)]]).price("m", at: noon))
        #expect(charge(Usage(cachedInput: 5), unknownCache, startedAt: noon) == nanos(5), "charged as input read anew")
        let free = try price(0, 0, 0, attested: "platform team, 2026-11-23")
        let found = try #require(PriceBook(["m": [free]]).price("m", at: noon))
        #expect(try #require(charge(Usage(input: 1 << 40, output: 1 << 40), found, startedAt: noon)) == .zero)
    }

    @Test("A charge rounds half-even once; reasoning is billed as output")
    func charges() throws {
        let gpt4o = try price(2_500_000, 1_250_000, 10_000_000)
        // 100 × 2.5 + 50 × 1.25 + (7 + 3) × 10 micro-dollars.
        let used = Usage(input: 100, cachedInput: 50, output: 7, reasoning: 3)
        #expect(charge(used, gpt4o, startedAt: noon) == nanos(412_500))
        let half = try price(500, 500, 500)
        #expect(try #require(charge(Usage(input: 1), half, startedAt: noon)) == nanos(0))
        #expect(try #require(charge(Usage(input: 3), half, startedAt: noon)) == nanos(2))
        #expect(charge(Usage(input: 1, output: 1), half, startedAt: noon) == nanos(1), "the sum is rounded, not each meter")
    }

    @Test("The upper bound is never below the charge of any usage within its bounds")
    func boundsCover() throws {
        var random = SeededRandom(seed: 4)
        for _ in 0..<2_000 {
            let price = try price(
                .random(in: 0...9_999_999, using: &random), .random(in: 0...9_999_999, using: &random),
                .random(in: 0...9_999_999, using: &random))
            let bytes = Int.random(in: 0...100_000, using: &random)
            let messages = Int.random(in: 0...50, using: &random)
            let output = Int64.random(in: 0...100_000, using: &random)
            let choices = Int64.random(in: 1...5, using: &random)
            let tokens = try #require(inputTokenBound(inputBytes: bytes, messages: messages, images: 0, imageBound: nil))
            let bound = try #require(upperBound(TokenBound(input: tokens, output: output * choices), price))
            let input = Int64(bytes) + Int64(messages) * 16 + 64
            let cached = Int64.random(in: 0...input, using: &random)
            let used = Usage(input: input - cached, cachedInput: cached, output: output * choices)
            #expect(try #require(charge(used, price, startedAt: noon)) <= bound)
            let affordable = try #require(affordableOutput(bound, TokenBound(input: input, output: 0), choices: choices, price))
            #expect(affordable >= output)
            let clamped = try #require(
                upperBound(TokenBound(input: input, output: min(affordable, 1 << 40) * choices), price))
            #expect(clamped <= bound)
        }
    }

    @Test("Absurd sizes saturate at an amount that no account can hold, instead of wrapping round")
    func saturates() throws {
        let dear = try price(.max, .max, .max)
        let input = try #require(inputTokenBound(inputBytes: .max, messages: .max, images: 3, imageBound: .max))
        let bound = upperBound(TokenBound(input: input, output: .max), dear)
        #expect(bound == nanos(.max))
        var accounts = Accounts()
        let key = accounts.addKey("k", tenant: "t", team: "m")
        guard case .refused = accounts.hold(key: key, amount: nanos(.max), at: noon) else {
            Issue.record("held what nothing can hold")
            return
        }
    }

    @Test("Images without a bound have no upper bound")
    func images() {
        #expect(inputTokenBound(inputBytes: 1, messages: 1, images: 1, imageBound: nil) == nil)
    }
}
