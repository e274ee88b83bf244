import Core
import Drill
import Ledger
import Policy
import TestKit
import Testing

@Suite("Calls of the past without some endpoints")
struct RehearsalTests {
    private let both = [endpoint("sweden"), endpoint("qwen", price: "dear", place: "CN", priority: 2)]

    @Test(
        "A call whose endpoint is left stays there at its charge and time; another moves, at the other's price for the same tokens"
    )
    func fates() {
        var drill = rehearsal(both, without: ["sweden"])
        let kept = drill.play(shape(0, endpoint: "qwen"))
        #expect(kept == Outcome(.kept("qwen"), cost: Money(nanos: 130_000), microseconds: 100_000))
        let moved = drill.play(shape(1))
        // 90 x 3,000 + 10 x 12,000; how fast qwen is, nothing has shown.
        #expect(moved == Outcome(.moved("qwen"), cost: Money(nanos: 390_000)))
    }

    @Test("Between equals a call stays where it was, whatever the draw says")
    func noDraw() {
        var drill = rehearsal([endpoint("a"), endpoint("b"), endpoint("c")], without: ["c"])
        for number in 0..<50 {
            let own = number % 2 == 0 ? "a" : "b"
            #expect(drill.play(shape(Int64(number), endpoint: own)).fate == .kept(own))
        }
    }

    @Test(
        "What no endpoint answers is refused with its reason: none left, lists, operation, suspension, price, a tenant that has gone"
    )
    func reasons() {
        func fate(_ drill: Rehearsal, _ shape: Shape) -> Outcome.Fate {
            var drill = drill
            return drill.play(shape).fate
        }
        #expect(
            fate(rehearsal(both, without: ["sweden", "qwen"]), shape())
                == .refused(.init(.noEndpoint, "nothing that is left serves m")))
        #expect(
            fate(rehearsal(both, without: ["sweden"]), shape(model: "old"))
                == .refused(.init(.noEndpoint, "nothing that is left serves old")))
        let only = [tenant(operators: .only(["Contoso"]))]
        let foreign = [both[0], endpoint("qwen", operator: "Other")]
        #expect(
            fate(rehearsal(foreign, tenants: only, without: ["sweden"]), shape())
                == .refused(.init(.policy, "qwen: the tenant's policy does not permit operator Other")))
        var embedding = shape()
        embedding.operation = .embeddings
        #expect(
            fate(rehearsal(both, without: ["sweden"]), embedding)
                == .refused(.init(.operation, "qwen does not serve embeddings")))
        #expect(
            fate(rehearsal(both, without: ["sweden"], suspended: ["qwen"]), shape())
                == .refused(.init(.unavailable, "qwen is suspended")))
        #expect(
            fate(rehearsal(both, without: ["sweden"], book: PriceBook(["round": [price(1)]])), shape())
                == .refused(.init(.price, "qwen has no price for m")))
        #expect(
            fate(rehearsal(both, without: ["sweden"]), shape(key: key("left")))
                == .refused(.init(.policy, "the configuration has no tenant left")))
    }

    @Test(
        "A key's fallbacks answer what no endpoint of the model is left for or has quota for, and nothing that policy or money refuses"
    )
    func standIns() {
        var record = key()
        record.fallbacks = ["m": ["gone", "n"]]
        let three = [both[0], endpoint("qwen", models: ["n"], price: "dear")]
        var drill = rehearsal(three, without: ["sweden"])
        #expect(drill.play(shape(key: record)).fate == .moved("qwen"))
        #expect(drill.play(shape(1, key: record)).cost == Money(nanos: 390_000))
        #expect(drill.play(shape(2)).fate == .refused(.init(.noEndpoint, "nothing that is left serves m")))
        var narrow = rehearsal([endpoint("sweden", pace: PaceLimit(requestsPerMinute: 1)), three[1]], without: ["other"])
        #expect((0..<3).map { narrow.play(shape($0, key: record)).fate } == [.kept("sweden"), .moved("qwen"), .moved("qwen")])
        var denied = rehearsal(three, tenants: [tenant(operators: .only(["Other"]))], without: ["none"])
        var reason: Outcome.Refused.Reason?
        if case .refused(let refused) = denied.play(shape(key: record)).fate { reason = refused.reason }
        #expect(reason == .policy)
    }

    @Test("What is left has to carry the load: of 20 calls of 100 tokens in a minute, 1,000 tokens a minute take ten")
    func quota() {
        let narrow = [both[0], endpoint("qwen", price: "dear", pace: PaceLimit(tokensPerMinute: 1_000))]
        var drill = rehearsal(narrow, without: ["sweden"])
        let fates = (0..<20).map { drill.play(shape(Int64($0))).fate }
        #expect(fates[..<10].allSatisfy { $0 == .moved("qwen") })
        #expect(fates[10...].allSatisfy { $0 == .refused(.init(.quota, "qwen has no quota left")) })
        // Two minutes later it is whole again.
        #expect(drill.play(shape(140)).fate == .moved("qwen"))
        // What stayed there takes from the same quota as what comes.
        var shared = rehearsal(narrow, without: ["sweden"])
        let mixed = (0..<20).map { shared.play(shape(Int64($0), endpoint: $0 < 10 ? "qwen" : "sweden")).fate }
        #expect(mixed[..<10].allSatisfy { $0 == .kept("qwen") })
        #expect(mixed[10...].allSatisfy { if case .refused(let refused) = $0 { refused.reason == .quota } else { false } })
    }

    @Test("An endpoint that takes two at once takes the third when one has ended, in the calls' own time")
    func concurrency() {
        let pair = [both[0], endpoint("qwen", pace: PaceLimit(concurrency: 2))]
        var drill = rehearsal(pair, without: ["sweden"])
        // Nothing is known of qwen's speed, so each takes as long as it took: 100 ms.
        #expect(drill.play(shape(at: 0)).fate == .moved("qwen"))
        #expect(drill.play(shape(at: 50)).fate == .moved("qwen"))
        #expect(drill.play(shape(at: 99)).fate == .refused(.init(.quota, "qwen has no quota left")))
        #expect(drill.play(shape(at: 100)).fate == .moved("qwen"))
    }

    @Test("A budget that held at the old price refuses at the new one, to the call: held in full, then settled")
    func budget() {
        // Held at qwen: 180 x 3,000 + 74 x 12,000 = 1,428,000; settled 390,000 each.
        let limit = AccountLimits(monthly: Money(nanos: 2_598_000))
        let account = AccountName.team(tenant: "acme", team: "t")
        var drill = rehearsal(both, without: ["sweden"], limits: [(account, limit)])
        let outcomes = (0..<8).map { drill.play(shape(Int64($0))) }
        // Three have settled 1,170,000 when the fourth is held: 2,598,000 in all, the limit. Then the output is cut: 2,598,000 - 1,560,000
        // pay for 180 tokens in and 41 out, which is more than these answers said.
        #expect(outcomes[..<4].allSatisfy { $0.fate == .moved("qwen") && !$0.isClamped })
        #expect(outcomes[4].fate == .moved("qwen"))
        // 648,000 are left after five: 540,000 for what comes in, and 9 tokens out are too few to be worth it.
        #expect(outcomes[5...].allSatisfy { $0.fate == .refused(.init(.limit, "team acme/t, month")) })
        var unlimited = rehearsal(both, without: ["sweden"])
        #expect((0..<8).allSatisfy { unlimited.play(shape(Int64($0))).cost == Money(nanos: 390_000) })
    }

    @Test("An answer that is longer than what a limit leaves is cut, and is charged for what is left of it")
    func clamped() {
        // 180 x 3,000 = 540,000 for what comes in; 360,000 more pay for 30 of its 60 tokens.
        let limit = AccountLimits(monthly: Money(nanos: 900_000))
        var drill = rehearsal(both, without: ["sweden"], limits: [(.tenant("acme"), limit)])
        let cut = drill.play(shape(usage: Usage(input: 90, output: 40, reasoning: 20)))
        #expect(cut.isClamped && cut.cost == Money(nanos: 90 * 3_000 + 30 * 12_000))
    }

    @Test("A limit of pace refuses by the name of its account")
    func pace() {
        let limit = AccountLimits(pace: PaceLimit(requestsPerMinute: 3))
        var drill = rehearsal(both, without: ["sweden"], limits: [(.tenant("acme"), limit)])
        let fates = (0..<5).map { drill.play(shape(at: $0)).fate }
        #expect(fates[..<3].allSatisfy { $0 == .moved("qwen") })
        #expect(fates[3...].allSatisfy { $0 == .refused(.init(.pace, "tenant acme, requestsPerMinute")) })
    }

    @Test("What did not answer a call then does not in the drill either, and takes its time again")
    func failures() {
        let three = [endpoint("north"), endpoint("sweden", priority: 2), endpoint("qwen", price: "dear", priority: 3)]
        var tried = shape()
        var failed = Shape.Attempt(endpoint: "north", at: noon)
        (failed.ended, failed.ending) = (after(30), .voided("status_503"))
        tried.attempts.insert(failed, at: 0)
        var drill = rehearsal(three, without: ["qwen"])
        #expect(drill.play(tried) == Outcome(.kept("sweden"), cost: Money(nanos: 130_000), microseconds: 130_000))
        var moved = rehearsal(three, without: ["sweden"])
        #expect(moved.play(tried).fate == .moved("qwen"))
        var none = rehearsal(three, without: ["sweden", "qwen"])
        #expect(none.play(tried).fate == .refused(.init(.unavailable, "north did not answer this call then")))
    }

    @Test("Writing to a cache is input where that has no price of its own, and what has no price at all is no cost, not zero")
    func meters() {
        var drill = rehearsal(both, without: ["sweden"])
        #expect(drill.play(shape(usage: Usage(cacheWrite: 90, output: 10))).cost == Money(nanos: 390_000))
        #expect(drill.play(shape(usage: Usage(cachedInput: 90, output: 10))).cost == Money(nanos: 255_000))
        let audio = drill.play(shape(usage: Usage(audioInput: 90, output: 10)))
        #expect(audio.fate == .moved("qwen") && audio.cost == nil)
    }

    @Test("Every call is kept, moved or refused, in each line and in total, and the same seed gives the same report")
    func conservation() throws {
        var random = SeededRandom(seed: 99)
        let world = [
            endpoint("a", models: ["m", "n"], pace: PaceLimit(tokensPerMinute: 3_000)), endpoint("b", models: ["m", "p"]),
            endpoint("c", models: ["n", "o"], price: "dear", pace: PaceLimit(concurrency: 3)),
            endpoint("d", models: ["m", "o", "p"], operator: "Other"),
        ]
        let tenants = [tenant(), tenant("beta", operators: .only(["Contoso"]))]
        var at: Int64 = 0
        let shapes = (0..<2_000).map { number -> Shape in
            at += .random(in: 0...800, using: &random)
            let own = world.randomElement(using: &random)!
            return shape(
                Int64(number), at: at, endpoint: own.name, model: own.models.keys.sorted().randomElement(using: &random)!,
                key: key(Bool.random(using: &random) ? "acme" : "beta"),
                usage: Usage(input: .random(in: 1...180, using: &random), output: .random(in: 1...74, using: &random)),
                microseconds: .random(in: 1_000...3_000_000, using: &random), stream: .random(using: &random))
        }
        let gone = try Without(["b"], of: world, zones: [:], countries: Countries())
        func report(_ seed: UInt64) -> DrillReport {
            var drill = rehearsal(
                world, tenants: tenants, without: gone.endpoints,
                limits: [(.tenant("beta"), AccountLimits(monthly: Money(nanos: 60_000_000)))], seed: seed)
            var tally = DrillTally()
            for shape in shapes { tally.add(shape, drill.play(shape)) }
            return DrillReport(
                tally, without: gone, span: noon..<after(10), seed: seed, speed: nil, sources: [:], notes: [])
        }
        let first = report(7)
        #expect(first == report(7))
        #expect(first.total.calls == 2_000 && first.total.kept > 0 && first.total.moved > 0 && first.total.refused > 0)
        for line in first.lines + [first.total] {
            #expect(line.calls == line.kept + line.moved + line.refused)
            #expect(line.refused == line.refusals.reduce(0) { $0 + $1.calls })
            #expect(line.kept + line.moved == line.answeredAt.reduce(0) { $0 + $1.calls })
            #expect(!line.answeredAt.contains { $0.endpoint == "b" })
        }
        for number in [\DrillReport.Line.calls, \.kept, \.moved, \.refused, \.unanswered] {
            #expect(first.lines.reduce(0) { $0 + $1[keyPath: number] } == first.total[keyPath: number])
        }
        let reasons = Set(first.total.refusals.map(\.reason))
        #expect(reasons.isSuperset(of: ["quota", "policy", "limit"]), "\(reasons)")
    }

    @Test("A report of one tenant tells its calls alone, though all take from the same quota")
    func oneTenant() {
        let narrow = [endpoint("sweden"), endpoint("qwen", pace: PaceLimit(requestsPerMinute: 4))]
        var drill = rehearsal(narrow, tenants: [tenant(), tenant("beta")], without: ["sweden"])
        var tally = DrillTally(tenant: "beta")
        for number in 0..<8 {
            let shape = shape(at: Int64(number), key: key(number % 2 == 0 ? "acme" : "beta"))
            tally.add(shape, drill.play(shape))
        }
        #expect(tally.lines.map(\.tenant) == ["beta"])
        #expect(tally.totalLine.calls == 4 && tally.totalLine.moved == 2 && tally.totalLine.refused == 2)
    }
}
