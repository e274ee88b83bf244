import Core
import Policy
import TestKit
import Testing

@Suite("Where a call goes")
struct RouteTests {
    /// How often each endpoint comes first, in percent of many draws.
    private func firsts(_ all: Catalogue, _ health: [Health], draws: Int = 60_000) -> [Double] {
        var random = SeededRandom(seed: testSeed("Draws"))
        var counts = [Int](repeating: 0, count: all.endpoints.count)
        let facts = call(in: all)
        for _ in 0..<draws {
            guard
                case .attempt(let order) = route(
                    facts, in: all, health: health, serves: { _, _ in true }, at: noon, using: &random)
            else { continue }
            counts[order[0]] += 1
        }
        return counts.map { Double($0) * 100 / Double(draws) }
    }

    private func decide(
        _ all: Catalogue, health: [Health]? = nil, operation: Operation = .chat, at now: Timestamp = noon,
        serves: (Int, Operation) -> Bool = { _, _ in true }
    ) -> Decision {
        var random = SeededRandom(seed: 1)
        return route(
            call(in: all, operation: operation), in: all,
            health: health ?? [Health](repeating: Health(), count: all.endpoints.count), serves: serves, at: now, using: &random)
    }

    @Test("A lower priority number is tried first, always, and each endpoint once")
    func priorities() {
        let seed = testSeed("Priorities")
        var random = SeededRandom(seed: seed)
        for _ in 0..<2_000 {
            let endpoints = (0..<Int.random(in: 1...8, using: &random)).map {
                endpoint("e\($0)", priority: .random(in: 0...3, using: &random), weight: .random(in: 0...200, using: &random))
            }
            let all = catalogue(endpoints)
            let health = endpoints.map { _ in
                Bool.random(using: &random) ? Health() : answered(inMicroseconds: .random(in: 1...10_000_000, using: &random))
            }
            let decision = route(call(in: all), in: all, health: health, serves: { _, _ in true }, at: noon, using: &random)
            guard case .attempt(let order) = decision else {
                Issue.record("seed \(seed): \(decision)")
                continue
            }
            let priorities = order.map { endpoints[$0].priority }
            if priorities != priorities.sorted() || order.sorted() != Array(endpoints.indices) {
                Issue.record("seed \(seed): \(order), \(priorities)")
            }
        }
    }

    @Test("Among equals the draw follows the weights")
    func weights() {
        let all = catalogue([endpoint("a", weight: 60), endpoint("b", weight: 30), endpoint("c", weight: 10)])
        let shares = firsts(all, [Health(), Health(), Health()])
        // Six standard deviations of the widest share are 1.2 percent.
        for (share, expected) in zip(shares, [60.0, 30, 10]) { #expect(abs(share - expected) < 1.2, "\(shares)") }
    }

    @Test("The second choice follows the weights of those that are left")
    func secondChoice() {
        let all = catalogue([endpoint("a", weight: 60), endpoint("b", weight: 30), endpoint("c", weight: 10)])
        var random = SeededRandom(seed: testSeed("Second draws"))
        let health = [Health](repeating: Health(), count: 3)
        let facts = call(in: all)
        var (afterA, thenB) = (0, 0)
        for _ in 0..<60_000 {
            guard
                case .attempt(let order) = route(
                    facts, in: all, health: health, serves: { _, _ in true }, at: noon, using: &random),
                order[0] == 0
            else { continue }
            afterA += 1
            if order[1] == 1 { thenB += 1 }
        }
        let share = Double(thenB) * 100 / Double(afterA)
        #expect(abs(share - 75) < 1.5, "\(share)")
    }

    @Test("A slower endpoint gets less, by its latency; one without a sample counts as fast as the fastest")
    func latency() {
        let all = catalogue([endpoint("a"), endpoint("b"), endpoint("c")])
        let shares = firsts(all, [answered(inMicroseconds: 100_000), answered(inMicroseconds: 400_000), Health()])
        for (share, expected) in zip(shares, [44.44, 11.11, 44.44]) { #expect(abs(share - expected) < 1.3, "\(shares)") }
    }

    @Test("Weight and latency work together, and only among equals")
    func weightAndLatency() {
        let all = catalogue([endpoint("a", weight: 100), endpoint("b", weight: 400), endpoint("c", priority: 2)])
        let health = [answered(inMicroseconds: 50_000), answered(inMicroseconds: 200_000), answered(inMicroseconds: 1)]
        let shares = firsts(all, health)
        #expect(abs(shares[0] - 50) < 1.3 && abs(shares[1] - 50) < 1.3, "\(shares)")
        #expect(shares[2] == 0)
    }

    @Test("Weight 0 is the last choice of its group, and the only one goes all the same")
    func weightZero() {
        let all = catalogue([endpoint("a", weight: 0), endpoint("b"), endpoint("c", weight: 0), endpoint("d", priority: 2)])
        let health = [Health](repeating: Health(), count: 4)
        #expect(firsts(all, health, draws: 1_000) == [0, 100, 0, 0])
        guard case .attempt(let order) = decide(all) else {
            Issue.record("it goes")
            return
        }
        #expect(Set(order[1...2]) == [0, 2])
        #expect(order[3] == 3)
        #expect(decide(catalogue([endpoint("a", weight: 0)])) == .attempt([0]))
    }

    @Test("Extreme weights and latencies neither overflow nor stop the draw")
    func extremes() {
        let all = catalogue([endpoint("a", weight: 10_000), endpoint("b", weight: 1), endpoint("c", weight: -5)])
        let health = [
            answered(inMicroseconds: 86_400_000_000), answered(inMicroseconds: 86_400_000_000), answered(inMicroseconds: 0),
        ]
        guard case .attempt(let order) = decide(all, health: health) else {
            Issue.record("it goes")
            return
        }
        #expect(order.sorted() == [0, 1, 2])
    }

    @Test("What cools, is open or is down is passed over; a half-open breaker may have its trial")
    func unhealthy() {
        let all = catalogue(["a", "b", "c", "d", "e"].map { endpoint($0) })
        let health = [cooling(milliseconds: 9_000), opened(), down(), Health(), opened(at: after(-5_000))]
        guard case .attempt(let order) = decide(all, health: health) else {
            Issue.record("two are left")
            return
        }
        #expect(Set(order) == [3, 4])
    }

    @Test("A refusal says what it is for")
    func refusals() {
        let all = catalogue([endpoint("a"), endpoint("b", labels: labels(processedIn: ["US"])), endpoint("c", models: ["n"])])
        var random = SeededRandom(seed: 1)
        let fine = [Health](repeating: Health(), count: 3)
        func ask(_ facts: CallFacts, _ health: [Health], serves: (Int, Operation) -> Bool = { _, _ in true }) -> Decision {
            route(facts, in: all, health: health, serves: serves, at: noon, using: &random)
        }
        #expect(ask(call("unheard-of", in: all), fine) == .refused(.unknownModel))
        #expect(ask(call("m", in: all, keyModels: ["n"]), fine) == .refused(.denied([.keyModel("m"), .keyModel("m")])))
        #expect(ask(call("n", in: all), fine) == .refused(.denied([.model("n")])))
        let strict = catalogue([endpoint("a", labels: labels(operator: "")), endpoint("b", labels: labels(processedIn: ["US"]))])
        #expect(decide(strict) == .refused(.denied([.operatorUnknown, .processedIn("US")])))
        #expect(
            ask(call("m", in: all, operation: .responses), fine, serves: { $1 != .responses }) == .refused(.operationNotServed))
        // What policy denies does not count as serving.
        #expect(ask(call("m", in: all), fine, serves: { endpoint, _ in endpoint == 1 }) == .refused(.operationNotServed))
        #expect(ask(call("m", in: all), [down(), Health(), Health()]) == .refused(.unavailable(until: nil)))
        #expect(ask(call("m", in: all), [opened(), Health(), Health()]) == .refused(.unavailable(until: after(5_000))))
    }

    @Test("When all must wait, the soonest return is told")
    func soonest() {
        let all = catalogue(["a", "b", "c"].map { endpoint($0) })
        let health = [cooling(milliseconds: 9_000), cooling(milliseconds: 3_000), opened()]
        #expect(decide(all, health: health) == .refused(.unavailable(until: after(3_000))))
        #expect(decide(all, health: health, at: after(3_000)) == .attempt([1]))
    }

    @Test("Explain lists every endpoint of the model: candidates in the order in which the route would take them, then the rest")
    func explained() {
        let seed = testSeed("Explain")
        var random = SeededRandom(seed: seed)
        for _ in 0..<2_000 {
            let endpoints = (0..<Int.random(in: 1...8, using: &random)).map { number in
                endpoint(
                    "e\(number)", labels: labels(processedIn: [Int.random(in: 0..<4, using: &random) == 0 ? "US" : "SE"]),
                    priority: .random(in: 0...2, using: &random), weight: [0, 1, 100].randomElement(using: &random) ?? 1)
            }
            let all = catalogue(endpoints)
            let states = [Health(), Health(), cooling(milliseconds: 10), opened(), down(), opened(at: after(-60_000))]
            let health = endpoints.map { _ in states.randomElement(using: &random) ?? Health() }
            let served = endpoints.map { _ in Int.random(in: 0..<5, using: &random) > 0 }
            let facts = call(in: all)
            let told = explain(facts, in: all, health: health, serves: { endpoint, _ in served[endpoint] }, at: noon)
            let decision = route(
                facts, in: all, health: health, serves: { endpoint, _ in served[endpoint] }, at: noon, using: &random)
            var order: [Int] = []
            if case .attempt(let attempts) = decision { order = attempts }
            let candidates = told.prefix { $0.standing == .candidate }.map(\.endpoint)
            func rank(_ endpoint: Int) -> [Int] { [endpoints[endpoint].priority, endpoints[endpoint].weight > 0 ? 0 : 1] }
            // Where weights draw, the order within a group is left open; the groups are not.
            let isRight =
                told.count == endpoints.count && Set(told.map(\.endpoint)).count == told.count
                && Set(candidates) == Set(order) && candidates.map(rank) == order.map(rank)
                && !told.dropFirst(candidates.count).contains { $0.standing == .candidate }
            if !isRight { Issue.record("seed \(seed): explained \(candidates), routed \(order)") }
        }
    }

    @Test("Explain gives the first reason against an endpoint: policy before operation before health")
    func reasons() {
        let all = catalogue([
            endpoint("a", labels: labels(processedIn: ["US"])), endpoint("b"), endpoint("c"), endpoint("d", priority: 2),
            endpoint("e"),
        ])
        let health = [down(), down(), opened(), Health(), cooling(milliseconds: 10)]
        let told = explain(call(in: all), in: all, health: health, serves: { endpoint, _ in endpoint != 1 }, at: noon)
        #expect(told.map(\.endpoint) == [3, 0, 1, 2, 4])
        #expect(
            told.map(\.standing) == [
                .candidate, .denied(.processedIn("US")), .operationNotServed, .unavailable(.open(until: after(5_000))),
                .unavailable(.cooling(until: after(10))),
            ])
        #expect(explain(call("unheard-of", in: all), in: all, health: health, serves: { _, _ in true }, at: noon).isEmpty)
    }
}
