import Core
import Policy
import TestKit
import Testing

@Suite("Prompts that begin alike")
struct AffinityTests {
    private func first(
        _ endpoints: [Endpoint], health: [Health]? = nil, cost: [Int64?]? = nil, prompt: UInt64, seed: UInt64 = 1
    ) -> String? {
        var random = SeededRandom(seed: seed)
        let all = catalogue(endpoints)
        guard
            case .attempt(let order) = route(
                call(in: all), in: all, health: health ?? endpoints.map { _ in Health() }, serves: { _, _ in true },
                cost: { cost?[$0] }, promptKey: { prompt }, at: noon, using: &random)
        else { return nil }
        return endpoints[order[0]].name
    }

    /// As if they were hashes.
    private let prompts: [UInt64] = {
        var random = SeededRandom(seed: 5)
        return (0..<8_000).map { _ in random.next() }
    }()

    @Test("go to one endpoint, whatever is drawn for others")
    func stays() {
        let endpoints = [endpoint("a"), endpoint("b"), endpoint("c")]
        for prompt in prompts.prefix(50) {
            #expect(Set((1...20).map { first(endpoints, prompt: prompt, seed: $0) }).count == 1)
        }
        #expect(Set(prompts.prefix(50).map { first(endpoints, prompt: $0) }).count == 3)
    }

    @Test("spread over the endpoints by their weights", arguments: [(100, 100), (300, 100), (1, 9), (10_000, 1)])
    func shares(_ one: Int, _ other: Int) {
        let endpoints = [endpoint("a", weight: one), endpoint("b", weight: other)]
        let share = Double(prompts.count { first(endpoints, prompt: $0) == "a" }) / Double(prompts.count)
        #expect(abs(share - Double(one) / Double(one + other)) < 0.02, "\(share)")
    }

    @Test("stay where they are when another endpoint comes or goes")
    func moves() {
        let three = [endpoint("a"), endpoint("b"), endpoint("c")]
        for prompt in prompts.prefix(1_000) {
            let home = first(three, prompt: prompt)
            guard home != "c" else { continue }
            #expect(first(Array(three[..<2]), prompt: prompt) == home)
        }
    }

    @Test("leave an endpoint by halves that is twice as slow, and not for less")
    func slow() {
        let endpoints = [endpoint("a"), endpoint("b")]
        func share(_ microseconds: Int64) -> Double {
            let health = [answered(inMicroseconds: microseconds), answered(inMicroseconds: 100_000)]
            return Double(prompts.count { first(endpoints, health: health, prompt: $0) == "a" }) / Double(prompts.count)
        }
        #expect(share(199_000) == share(100_000))
        // Below a tenth of a second nobody is slow.
        let quick = [answered(inMicroseconds: 90_000), answered(inMicroseconds: 1_000)]
        #expect(prompts.prefix(200).allSatisfy { first(endpoints, health: quick, prompt: $0) == first(endpoints, prompt: $0) })
        #expect(abs(share(200_000) - 1.0 / 3) < 0.02)
        #expect(abs(share(800_000) - 1.0 / 9) < 0.02)
    }

    @Test("never go to a dearer endpoint, one without room or one of weight 0 for their cache's sake")
    func ranks() {
        var tight = Health()
        tight.quota.learn(
            QuotaReport(requests: QuotaReport.Left(remaining: 1, limit: 100, resetMilliseconds: 60_000), tokens: nil), at: noon)
        let endpoints = [endpoint("a"), endpoint("b")]
        for prompt in prompts.prefix(200) {
            #expect(first(endpoints, cost: [1_000, 2_000], prompt: prompt) == "a")
            #expect(first(endpoints, health: [tight, Health()], prompt: prompt) == "b")
            #expect(first([endpoint("a", weight: 0), endpoint("b")], prompt: prompt) == "b")
        }
    }
}

@Suite("What hedges cost a tenant")
struct HedgeBudgetTests {
    @Test(
        "At no moment more calls had a second attempt than the share says, whenever they are asked for",
        arguments: [1, 5, 33, 50])
    func share(_ percent: Int) {
        var random = SeededRandom(seed: UInt64(percent))
        var budget = HedgeBudget()
        var (calls, hedges) = (0, 0)
        for _ in 0..<10_000 {
            budget.called(percent: percent)
            calls += 1
            // In bursts: first nobody is slow, then all are.
            if random.next() % 1_000 < 300, budget.take() { hedges += 1 }
            #expect(hedges * 100 <= calls * percent)
        }
        #expect(hedges > 0)
    }

    @Test("A quiet hour saves up ten at most")
    func saved() {
        var budget = HedgeBudget()
        for _ in 0..<100_000 { budget.called(percent: 50) }
        var taken = 0
        while budget.take() { taken += 1 }
        #expect(taken == HedgeBudget.savedMax)
    }
}
