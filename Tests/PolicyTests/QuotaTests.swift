import Core
import Policy
import TestKit
import Testing

@Suite("What an endpoint still takes")
struct QuotaTests {
    private func isNone(_ room: Quota.Room) -> Bool { if case .none = room { true } else { false } }

    @Test("Without a pace and without reports there is always room, and counting changes nothing")
    func unlimited() {
        var quota = Quota()
        for step in 0..<100 {
            #expect(quota.room(tokens: .max / 2, at: after(Int64(step))) == .ample)
            quota.began(tokens: .max / 2, at: after(Int64(step)))
        }
        #expect(quota == Quota())
    }

    @Test("Numbers that no endpoint can mean overflow nothing")
    func huge() {
        var quota = Quota(pace: PaceLimit(requestsPerMinute: .max, tokensPerMinute: .max))
        let numbers: [Int64] = [.max, .max / 2, 4_000_000_000_000_000_000, 1, 0, -1, .min]
        for (step, number) in (numbers + numbers + numbers).enumerated() {
            let now = after(Int64(step) * 20_000)
            quota.learn(
                QuotaReport(
                    requests: QuotaReport.Left(remaining: number, limit: number, resetMilliseconds: .max),
                    tokens: QuotaReport.Left(remaining: -(number == .min ? .max : number), limit: number, resetMilliseconds: 1)),
                at: now)
            _ = quota.room(tokens: number, at: now)
            quota.began(tokens: number, at: now)
            quota.began(tokens: .max, at: now)
            _ = quota.room(tokens: .max, at: after(Int64(step) * 20_000 + 61_000))
            quota.gaveUp(tokens: number, at: now)
            quota.ended(beyond: number == .min ? .max : -number, at: now)
        }
        var full = Quota(pace: PaceLimit(tokensPerMinute: 1_000))
        full.began(tokens: 4_000_000_000_000_000_000, at: noon)
        #expect(isNone(full.room(tokens: 1, at: after(61_000))))
    }

    @Test("As many as the pace says at once, then one for each that ends")
    func concurrency() {
        var quota = Quota(pace: PaceLimit(concurrency: 2))
        for _ in 0..<2 {
            #expect(quota.room(tokens: 1, at: noon) == .ample)
            quota.began(tokens: 1, at: noon)
        }
        #expect(quota.room(tokens: 1, at: noon) == .none(until: after(Quota.concurrencyPauseMilliseconds)))
        quota.ended(beyond: 0, at: noon)
        #expect(quota.room(tokens: 1, at: noon) == .ample)
        for _ in 0..<5 { quota.ended(beyond: 0, at: noon) }
        #expect(quota.underWay == 0)
    }

    @Test("Requests a minute: used up, refused until the moment it names, then let through")
    func requests() throws {
        var quota = Quota(pace: PaceLimit(requestsPerMinute: 3))
        for _ in 0..<3 { quota.began(tokens: 9, at: noon) }
        guard case .none(let until) = quota.room(tokens: 9, at: after(10)) else {
            Issue.record("no room is left")
            return
        }
        #expect(until > after(60_000) && until <= after(120_000))
        #expect(isNone(quota.room(tokens: 9, at: until.advanced(byMilliseconds: -500))))
        #expect(!isNone(quota.room(tokens: 9, at: until)))
        #expect(quota.room(tokens: 9, at: after(180_000)) == .ample)
    }

    @Test("No schedule gets more through a minute than the pace and the window before allow", arguments: 0..<20)
    func neverMore(_ round: Int) {
        let seed = testSeed("Paces") &+ UInt64(round)
        var random = SeededRandom(seed: seed)
        let limit = Int64.random(in: 1...40, using: &random)
        var quota = Quota(pace: PaceLimit(requestsPerMinute: limit))
        var sent: [Int64] = []
        var now: Int64 = 0
        for _ in 0..<2_000 {
            now += Int64.random(in: 0...3_000, using: &random)
            guard !isNone(quota.room(tokens: 1, at: after(now))) else { continue }
            quota.began(tokens: 1, at: after(now))
            sent.append(now)
        }
        var first = 0
        for (index, moment) in sent.enumerated() {
            while sent[first] <= moment - 60_000 { first += 1 }
            // What the window before had is taken as spread evenly over it, so two windows meet at twice the limit at the most.
            #expect(Int64(index - first + 1) <= 2 * limit, "seed \(seed)")
        }
        #expect(Int64(sent.count) <= limit * (now / 60_000 + 2), "seed \(seed)")
    }

    @Test("Tokens count as they were asked for, and are put right when the attempt ends")
    func tokens() {
        var quota = Quota(pace: PaceLimit(tokensPerMinute: 1_000))
        quota.began(tokens: 800, at: noon)
        #expect(isNone(quota.room(tokens: 300, at: after(5))))
        quota.ended(beyond: -700, at: after(5))
        #expect(quota.room(tokens: 300, at: after(6)) == .ample)
        #expect(quota.room(tokens: 850, at: after(6)) == .tight)
        quota.ended(beyond: 5_000, at: after(7))
        #expect(isNone(quota.room(tokens: 1, at: after(8))))
    }

    @Test("A call larger than the whole limit goes when nothing else does")
    func larger() {
        var quota = Quota(pace: PaceLimit(tokensPerMinute: 100))
        #expect(!isNone(quota.room(tokens: 5_000, at: noon)))
        quota.began(tokens: 1, at: noon)
        #expect(isNone(quota.room(tokens: 5_000, at: noon)))
    }

    @Test("What an answer says is left counts down with each attempt, until it is whole again")
    func learned() {
        var quota = Quota()
        quota.learn(QuotaReport(requests: .init(remaining: 2, limit: 100, resetMilliseconds: 20_000)), at: noon)
        #expect(quota.room(tokens: 1, at: noon) == .tight)
        quota.began(tokens: 1, at: noon)
        quota.began(tokens: 1, at: noon)
        #expect(quota.room(tokens: 1, at: after(100)) == .none(until: after(20_000)))
        quota.gaveUp(tokens: 1, at: after(100))
        #expect(quota.room(tokens: 1, at: after(100)) == .tight)
        #expect(quota.room(tokens: 1, at: after(20_000)) == .ample)
    }

    @Test("Tokens left are compared with what this call asks for")
    func learnedTokens() {
        var quota = Quota()
        quota.learn(QuotaReport(tokens: .init(remaining: 500, limit: 1_000, resetMilliseconds: 9_000)), at: noon)
        #expect(quota.room(tokens: 100, at: noon) == .ample)
        #expect(quota.room(tokens: 450, at: noon) == .tight)
        #expect(quota.room(tokens: 501, at: noon) == .none(until: after(9_000)))
        // Without a limit of its own a report still says what is left.
        quota.learn(QuotaReport(tokens: .init(remaining: 0)), at: noon)
        #expect(quota.room(tokens: 1, at: noon) == .none(until: after(Quota.resetDefaultMilliseconds)))
    }

    @Test("No report keeps an endpoint away for longer than an hour, nor does a clock that steps back")
    func longest() {
        var quota = Quota()
        quota.learn(QuotaReport(requests: .init(remaining: 0, resetMilliseconds: .max / 10_000_000)), at: noon)
        #expect(quota.room(tokens: 1, at: noon) == .none(until: after(Quota.resetLongestMilliseconds)))
        #expect(quota.room(tokens: 1, at: after(-86_400_000)) == .ample)
        quota.pace = PaceLimit(requestsPerMinute: 1)
        quota.began(tokens: 1, at: noon)
        #expect(!isNone(quota.room(tokens: 1, at: after(-86_400_000))))
    }

    // MARK: Route

    private func decide(_ healths: [Health], priorities: [Int], tokens: Int64 = 10, at now: Timestamp = noon) -> Decision {
        let endpoints = priorities.enumerated().map { endpoint("e\($0)", priority: $1) }
        let catalogue = catalogue(endpoints)
        var facts = call(in: catalogue)
        facts.tokens = tokens
        var random = SeededRandom(seed: 1)
        return route(facts, in: catalogue, health: healths, serves: { _, _ in true }, at: now, using: &random)
    }

    private func left(_ tokens: Int64, of limit: Int64 = 1_000) -> Health {
        var health = Health()
        health.quota.learn(QuotaReport(tokens: .init(remaining: tokens, limit: limit, resetMilliseconds: 5_000)), at: noon)
        return health
    }

    @Test("An endpoint without quota for this call is skipped until it has it again; a smaller call still goes there")
    func skips() {
        #expect(decide([left(5), Health()], priorities: [1, 2]) == .attempt([1]))
        #expect(decide([left(5), Health()], priorities: [1, 2], tokens: 5) == .attempt([0, 1]))
        #expect(decide([left(5), Health()], priorities: [1, 2], at: after(5_000)) == .attempt([0, 1]))
        #expect(decide([left(5), left(3)], priorities: [1, 2]) == .refused(.unavailable(until: after(5_000))))
    }

    @Test("Among equals those with room come first; priority still goes before it")
    func prefers() {
        for _ in 0..<20 {
            #expect(decide([left(50), left(900)], priorities: [1, 1]) == .attempt([1, 0]))
            #expect(decide([left(50), left(900)], priorities: [1, 2]) == .attempt([0, 1]))
        }
        guard case .attempt(let order) = decide([left(50), left(900), left(60), Health()], priorities: [1, 1, 1, 1]) else {
            Issue.record("somewhere to go")
            return
        }
        #expect(Set(order.prefix(2)) == [1, 3] && Set(order.suffix(2)) == [0, 2])
    }

    @Test("An attempt takes its place only where there is room, and gives it back when it is not sent")
    func takes() {
        var health = Health()
        health.quota.pace = PaceLimit(requestsPerMinute: 5, concurrency: 1)
        var taken = [health.begin(tokens: 10, at: noon), health.begin(tokens: 10, at: noon)]
        health.gaveUp(tokens: 10, at: noon)
        taken.append(health.begin(tokens: 10, at: noon))
        #expect(taken == [true, false, true])
    }
}
