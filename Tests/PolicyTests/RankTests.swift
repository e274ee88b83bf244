import Core
import Policy
import TestKit
import Testing

@Suite("Among endpoints of one priority")
struct RankTests {
    private func order(
        _ endpoints: [Endpoint], health: [Health]? = nil, cost: [Int64?], seed: UInt64 = 1
    ) -> [Int] {
        var random = SeededRandom(seed: seed)
        let all = catalogue(endpoints)
        guard
            case .attempt(let order) = route(
                call(in: all), in: all, health: health ?? endpoints.map { _ in Health() }, serves: { _, _ in true },
                cost: { cost[$0] }, at: noon, using: &random)
        else { return [] }
        return order
    }

    private func reserved(_ name: String, priority: Int = 1) -> Endpoint {
        var one = endpoint(name, priority: priority)
        one.isReserved = true
        return one
    }

    @Test(
        "what is paid for comes first, then the cheapest, whatever their weights; then what has no price, and last what has no weight"
    )
    func ranks() {
        let endpoints = [
            endpoint("dear", weight: 1_000), endpoint("unknown", weight: 1_000), endpoint("cheap", weight: 1), reserved("own"),
            endpoint("first", priority: 0), endpoint("spare", weight: 0),
        ]
        for seed in 1...50 {
            #expect(order(endpoints, cost: [900, nil, 300, 2_000, 9_000, 1], seed: UInt64(seed)) == [4, 3, 2, 0, 1, 5])
        }
    }

    @Test("prices that differ by 5 percent or less count as the same, and share by weight")
    func same() {
        let endpoints = [endpoint("a", weight: 50), endpoint("b", weight: 50), endpoint("c", weight: 1_000)]
        let firsts = (1...2_000).map { order(endpoints, cost: [1_000, 1_050, 1_051], seed: UInt64($0))[0] }
        let share = firsts.count { $0 == 1 }
        #expect((800...1_200).contains(share) && !firsts.contains(2), "\(share)")
    }

    @Test("a quota that is nearly used up comes behind a dearer one that is not")
    func tight() {
        var tight = Health()
        tight.quota.learn(
            QuotaReport(requests: QuotaReport.Left(remaining: 1, limit: 100, resetMilliseconds: 60_000), tokens: nil), at: noon)
        let endpoints = [endpoint("cheap"), endpoint("dear")]
        #expect(order(endpoints, health: [tight, Health()], cost: [1, 1_000]) == [1, 0])
    }

    @Test("whoever writes faster is drawn more often, by first token and pace together")
    func pace() {
        func streamed(first: Int64, tokensPerSecond: Int64) -> Health {
            var health = Health()
            health.record(
                .streamed(firstTokenMicroseconds: first * 1_000, tokens: tokensPerSecond, microseconds: 1_000_000), at: noon)
            return health
        }
        // 256 tokens: 0.5 + 2.56 s and 0.1 + 10.24 s.
        let health = [streamed(first: 500, tokensPerSecond: 100), streamed(first: 100, tokensPerSecond: 25)]
        #expect(health[0].expectedMicroseconds == 3_060_000 && health[1].expectedMicroseconds == 10_340_000)
        let endpoints = [endpoint("quick"), endpoint("slow")]
        let firsts = (1...4_000).map { order(endpoints, health: health, cost: [1, 1], seed: UInt64($0))[0] }
        let share = Double(firsts.count { $0 == 0 }) / 4_000
        // 10.34 / (3.06 + 10.34) = 77 %.
        #expect(abs(share - 0.77) < 0.04, "\(share)")
    }

    @Test("a few tokens say nothing of a pace")
    func short() {
        var health = Health()
        health.record(
            .streamed(firstTokenMicroseconds: 1_000, tokens: Health.streamTokensMin - 1, microseconds: 10), at: noon)
        #expect(health.firstTokenMicroseconds == 1_000 && health.tokensInThousandSeconds == nil)
        health.record(.streamed(firstTokenMicroseconds: 1_000, tokens: .max, microseconds: 1), at: noon)
        #expect(health.tokensInThousandSeconds != nil)
    }

    @Test("an endpoint that refuses its credential rests longer and longer, once for each time it was asked, until it takes it")
    func credential() {
        var health = Health()
        var now = noon
        var pauses: [Int64] = []
        for _ in 0..<9 {
            health.record(.credentialRefused, at: now)
            // Others that were under way change nothing.
            health.record(.credentialRefused, at: now.advanced(byMilliseconds: 10))
            guard case .cooling(let until) = health.availability(at: now) else { return #expect(Bool(false), "it is in use") }
            pauses.append(until.milliseconds(since: now))
            now = until
            #expect(health.availability(at: now) == .ready)
        }
        #expect(pauses == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600].map { $0 * 1_000 })
        #expect(health.credentialRefusals == 9)
        health.record(.answered(latencyMicroseconds: 1), at: now)
        #expect(health.credentialRefusals == 0)
    }
}
