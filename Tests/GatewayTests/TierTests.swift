import Core
import Foundation
import Gateway
import Ledger
import Testing

@Suite("Tiers and audio are held and charged at their own prices")
struct TierTests {
    private static func rates(_ input: Int64, _ output: Int64) -> Rates {
        Rates(input: TokenPrice(picos: input), output: TokenPrice(picos: output))
    }

    /// A dollar a million in and four out; priority twice that, flex half.
    private static let tiered = Price(
        from: CivilDate(year: 2020, month: 1, day: 1),
        brackets: [
            Price.Bracket(tiers: [
                .standard: rates(1_000_000, 4_000_000), .priority: rates(2_000_000, 8_000_000), .flex: rates(500_000, 2_000_000),
            ])
        ])

    private static func whole(_ tier: String, _ usage: String = Say.usage) -> String {
        Say.json(
            #"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"ok"}}],"service_tier":"\#(tier)","usage":\#(usage)}"#
        )
    }

    private static func stream(_ tier: String) -> String {
        Say.stream([
            Say.delta("a").replacingOccurrences(of: #""id":"c""#, with: #""id":"c","service_tier":"\#(tier)""#), Say.usageEvent,
            Say.done,
        ])
    }

    private static func ask(_ tier: String?, stream: Bool = false) -> String {
        let member = tier.map { #","service_tier":"\#($0)""# } ?? ""
        return #"{"model":"m"\#(member),"stream":\#(stream),"max_tokens":100,"messages":[{"role":"user","content":"hello"}]}"#
    }

    private static func with(
        _ says: String, price: Price = tiered, limit: Money? = Money(dollars: "1000"), tier: ServiceTier = .standard,
        audio: Int64? = nil, _ body: (Harness, ScriptedUpstream) async throws -> Void
    ) async throws {
        try await ScriptedUpstream.with({ _, _ in [.send(says)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                limit: limit, price: price,
                endpoints: { _ in
                    var made = Endpoint.test("raw", port: port)
                    made.serviceTier = tier
                    made.models["m"]?.maxTokensPerAudio = audio
                    return [made]
                }
            ) { weir async throws in try await body(weir, upstream) }
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var asked: String?
        var own = ServiceTier.standard
        var served: String
        var held: ServiceTier
        /// Nanos of ten input and two output tokens.
        var charged: Int64
        var testDescription: String { "\(asked ?? "none") at \(own), served \(served)" }
    }

    static let cases = [
        Case(served: "default", held: .standard, charged: 18_000),
        Case(asked: "auto", own: .priority, served: "priority", held: .priority, charged: 36_000),
        Case(asked: "priority", served: "priority", held: .priority, charged: 36_000),
        // Under load a provider serves priority as standard, and bills it so.
        Case(asked: "priority", served: "default", held: .priority, charged: 18_000),
        Case(asked: "flex", served: "flex", held: .flex, charged: 9_000),
        Case(asked: "default", own: .priority, served: "default", held: .standard, charged: 18_000),
    ]

    @Test("Held at the tier that was asked for, charged at the one that was served", arguments: cases, [true, false])
    func tiers(_ example: Case, _ streams: Bool) async throws {
        let says = streams ? Self.stream(example.served) : Self.whole(example.served)
        try await Self.with(says, tier: example.own) { weir, _ async throws in
            let body = Self.ask(example.asked, stream: streams)
            #expect(try weir.chat(body).status == 200)
            #expect(weir.settles())
            let hold = try #require(try weir.holds().first)
            let bound = TokenBound(input: hold.inputBound, output: hold.outputBound, tier: example.held)
            #expect(hold.amount == upperBound(bound, Self.tiered))
            let end = try #require(try weir.ends().first)
            #expect(end.settled.nanos == example.charged && !end.estimated)
            #expect(weir.held == .zero)
        }
    }

    @Test(
        "A tier without a price is refused by name, and one that is served without a price is settled at its hold, as an estimate"
    )
    func unpriced() async throws {
        try await Self.with(Self.whole("default"), price: .test) { weir, upstream async throws in
            let answer = try weir.chat(Self.ask("flex"))
            #expect(answer.status == 403 && answer.code == "weir_price_missing", "\(answer)")
            #expect(answer.error?["param"] as? String == "service_tier" && upstream.requests.isEmpty)
        }
        try await Self.with(Self.whole("priority"), price: .test) { weir, _ async throws in
            #expect(try weir.chat(Self.ask(nil)).status == 200)
            #expect(weir.settles())
            let end = try #require(try weir.ends().first)
            #expect(try end.estimated && end.settled == weir.holds()[0].amount)
            #expect(try await weir.gateway.metrics().unpricedUsages == 1)
        }
    }

    @Test("A tier whose word nobody knows is settled at its hold, as an estimate; auto states nothing", arguments: [true, false])
    func unknownTier(_ streams: Bool) async throws {
        for (word, isKnown) in [("scale", false), ("auto", true), ("on_demand", true)] {
            try await Self.with(streams ? Self.stream(word) : Self.whole(word)) { weir, _ async throws in
                #expect(try weir.chat(Self.ask(nil, stream: streams)).status == 200)
                #expect(weir.settles())
                let end = try #require(try weir.ends().first)
                let hold = try #require(try weir.holds().first)
                #expect(end.estimated == !isKnown && end.settled == (isKnown ? Money(nanos: 18_000) : hold.amount), "\(word)")
                #expect(end.usage == Usage(input: 10, output: 2))
                #expect(try await weir.gateway.metrics().unpricedUsages == (isKnown ? 0 : 1))
            }
        }
    }

    // MARK: Audio

    private static let spoken =
        #"{"model":"m","max_tokens":50,"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"","format":"wav"}}]}]}"#
    private static let speaks =
        #"{"model":"m","max_tokens":50,"modalities":["text","audio"],"audio":{"voice":"alloy"},"messages":[]}"#
    private static let audioUsage =
        #"{"prompt_tokens":30,"completion_tokens":12,"total_tokens":42,"prompt_tokens_details":{"audio_tokens":20},"completion_tokens_details":{"audio_tokens":10}}"#

    private static var audioPrice: Price {
        var rates = rates(1_000_000, 4_000_000)
        rates[.audioInput] = TokenPrice(picos: 10_000_000)
        rates[.audioOutput] = TokenPrice(picos: 40_000_000)
        return Price(from: CivilDate(year: 2020, month: 1, day: 1), brackets: [Price.Bracket(tiers: [.standard: rates])])
    }

    @Test("Audio is held at its bound and its price, and charged by its own meters", arguments: [true, false])
    func audio(_ isSpoken: Bool) async throws {
        try await Self.with(Self.whole("default", Self.audioUsage), price: Self.audioPrice, audio: 500) { weir, _ async throws in
            let answer = try weir.chat(isSpoken ? Self.spoken : Self.speaks)
            #expect(answer.status == 200, "\(answer)")
            #expect(weir.settles())
            let hold = try #require(try weir.holds().first)
            if isSpoken { #expect(hold.inputBound >= 500) }
            #expect(hold.amount.nanos >= hold.inputBound * 10_000 + 50 * 40_000)
            let end = try #require(try weir.ends().first)
            // 10 text and 20 audio tokens in, 2 text and 10 audio tokens out.
            let expected: Int64 = 10_000 + 200_000 + 8_000 + 400_000
            #expect(end.settled.nanos == expected && !end.estimated)
        }
    }

    @Test("Audio that nobody has bounded or priced is refused by name under a limit, and served without one")
    func unboundedAudio() async throws {
        for (price, bound, body, field) in [
            (Price.test, Int64(500), Self.spoken, "input_audio"), (Self.audioPrice, nil, Self.spoken, "input_audio"),
            (.test, 500, Self.speaks, "modalities"),
        ] {
            try await Self.with(Self.whole("default"), price: price, audio: bound) { weir, upstream async throws in
                let answer = try weir.chat(body)
                #expect(answer.status == 400 && answer.code == "weir_unbounded_field", "\(answer)")
                #expect(answer.error?["param"] as? String == field && upstream.requests.isEmpty && weir.openHolds == 0)
            }
            try await Self.with(Self.whole("default"), price: price, limit: nil, audio: bound) { weir, _ async throws in
                #expect(try weir.chat(body).status == 200)
                #expect(weir.settles())
            }
        }
    }
}
