import Core
import Foundation
import Gateway
import Ledger
import Simulator
import Testing

@Suite("Hedged calls")
struct HedgeTests {
    /// Every second call can have a second attempt, a tenth of a second after the first.
    private static let hedge = Hedge(afterMilliseconds: 100, percent: 50)

    static func scenario(_ first: String, _ second: String) -> String {
        """
        endpoints:
          - { name: first, provider: openai, output: 6, firstToken: \(first), models: [up-m] }
          - { name: second, provider: openai, output: 6, firstToken: \(second), models: [up-m] }
        """
    }

    /// Two endpoints, the first of which is tried first.
    private static func with(
        first: String = "900ms", second: String = "0ms", hedge: Hedge? = Self.hedge, limit: Money? = Money(dollars: "1000"),
        leaving: Endpoint.WhenCallerLeaves = .drain, limits: ListenerLimits = ListenerLimits(),
        _ body: (Harness) async throws -> Void
    ) async throws {
        var tenant = TenantPolicy.test
        tenant.hedge = hedge
        try await Harness.with(
            scenario: scenario(first, second), limit: limit, limits: limits, tenant: tenant, threads: 1,
            endpoints: { ports in
                ["first", "second"].enumerated().map { index, name in
                    .test(name, port: ports[name] ?? 0, provider: .openai, priority: index, whenCallerLeaves: leaving)
                }
            }, body)
    }

    /// The calls that earn the next one its second attempt: they are slow too, and have none.
    private static func earn(_ weir: Harness) throws {
        #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "first")
    }

    @Test(
        "What a slow endpoint leaves unsaid another says; both attempts have a hold, one end and their price",
        arguments: [Ask.chat, Ask.stream])
    func second(_ ask: String) async throws {
        try await Self.with { weir async throws in
            try Self.earn(weir)
            let started = Date()
            let answer = try weir.chat(ask)
            #expect(answer.status == 200 && answer.isWhole && answer.header("x-weir-endpoint") == "second")
            #expect(-started.timeIntervalSinceNow < 0.8)
            #expect(weir.settles())
            let holds = try weir.holds().suffix(2)
            #expect(holds.map(\.route.endpoint) == ["first", "second"])
            #expect(Set(holds.map(\.call)).count == 1 && Set(holds.map(\.attempt)).count == 2)
            let ends = try weir.ends().suffix(2)
            #expect(Set(ends.map(\.attempt)) == Set(holds.map(\.attempt)))
            // The loser was read to its end, and costs what its provider bills.
            #expect(ends.allSatisfy { $0.usage.output == 6 && !$0.estimated && $0.settled > .zero })
            #expect(answer.header("x-weir-attempt") == holds.last.map { "\($0.attempt)" })
            let metrics = try await weir.gateway.metrics()
            #expect(metrics.hedges == 1 && metrics.hedgesWon == 1 && metrics.calls == 2 && metrics.callersGone == 0)
            #expect(metrics.callsInFlight == 0)
        }
    }

    @Test("The first attempt answers if it is the sooner all the same, and the second pays what it costs")
    func first() async throws {
        try await Self.with(first: "300ms", second: "900ms") { weir async throws in
            try Self.earn(weir)
            let answer = try weir.chat(Ask.stream)
            #expect(answer.isWhole && answer.header("x-weir-endpoint") == "first")
            #expect(weir.settles())
            #expect(try weir.holds().map(\.route.endpoint) == ["first", "first", "second"])
            #expect(try weir.ends().allSatisfy { $0.usage.output == 6 })
            let metrics = try await weir.gateway.metrics()
            #expect(metrics.hedges == 1 && metrics.hedgesWon == 0)
        }
    }

    @Test("A loser is cancelled where its provider stops then, and settled at what is known of it")
    func cancelled() async throws {
        try await Self.with(leaving: .cancel) { weir async throws in
            try Self.earn(weir)
            #expect(try weir.chat(Ask.stream).header("x-weir-endpoint") == "second")
            #expect(weir.settles(within: 0.5))
            let lost = try weir.ends().suffix(2).first { $0.estimated }
            #expect(lost != nil && lost?.usage.output == 0)
            #expect(eventually { weir.simulator.record().contains { $0.endpoint == "first" && $0.outcome != .completed } })
        }
    }

    @Test("No more than the share of calls have a second attempt, and none where the tenant has not asked for it")
    func share() async throws {
        try await Self.with(first: "150ms", hedge: Hedge(afterMilliseconds: 50, percent: 20)) { weir async throws in
            for _ in 0..<11 { _ = try weir.chat(Ask.chat) }
            #expect(weir.settles())
            #expect(try weir.holds().count { $0.route.endpoint == "second" } == 2)
        }
        try await Self.with(first: "300ms", hedge: nil) { weir async throws in
            for _ in 0..<3 { _ = try weir.chat(Ask.chat) }
            #expect(try weir.holds().count { $0.route.endpoint == "second" } == 0)
        }
        try await Self.with(first: "300ms", hedge: Hedge(afterMilliseconds: 50, percent: 50, models: ["other"])) {
            weir async throws in
            for _ in 0..<3 { _ = try weir.chat(Ask.chat) }
            #expect(try weir.holds().count { $0.route.endpoint == "second" } == 0)
        }
    }

    @Test(
        "When one of the two comes to nothing, the other answers; when both do, the caller hears it once",
        arguments: ["status:500", "status:429", "no-answer", "cut-stream:0", "error-event:0", "garbage"])
    func faults(_ fault: String) async throws {
        // The second is at fault at once, while the first takes its time.
        try await Self.with(first: "400ms") { weir async throws in
            try Self.earn(weir)
            try await weir.simulator.setFault(Fault(fault), endpoint: "second")
            let answer = try weir.chat(Ask.stream)
            #expect(answer.status == 200 && answer.isWhole && answer.header("x-weir-endpoint") == "first")
            #expect(weir.settles(holds: weir.ledger.doubtfulHolds.count))
            #expect(try weir.holds().map(\.route.endpoint) == ["first", "first", "second"])
        }
        // The first is at fault, later than the second started.
        try await Self.with(first: "250ms", second: "700ms") { weir async throws in
            try Self.earn(weir)
            try await weir.simulator.setFault(Fault("stall-head:250"), endpoint: "first")
            let client = try RawClient(port: weir.port)
            try client.send(Harness.request(Ask.stream))
            #expect(eventually { weir.simulator.record().contains { $0.endpoint == "second" } })
            try await weir.simulator.setFault(nil, endpoint: "first")
            #expect(try client.answer().status == 200)
            #expect(weir.settles(holds: weir.ledger.doubtfulHolds.count))
        }
        try await Self.with(first: "250ms", second: "400ms") { weir async throws in
            try Self.earn(weir)
            try await weir.simulator.setFault(Fault(fault), endpoint: "first")
            try await weir.simulator.setFault(Fault(fault), endpoint: "second")
            let answer = try weir.chat(Ask.stream)
            #expect(answer.status >= 400 && answer.isWhole)
            #expect(weir.settles(holds: weir.ledger.doubtfulHolds.count))
            let metrics = try await weir.gateway.metrics()
            #expect(metrics.callsInFlight == 0)
        }
    }

    @Test("A caller that leaves while two attempts are out leaves both, and each has its end")
    func leaves() async throws {
        try await Self.with(second: "900ms") { weir async throws in
            try Self.earn(weir)
            let client = try RawClient(port: weir.port)
            try client.send(Harness.request(Ask.stream))
            #expect(eventually { weir.simulator.record().contains { $0.endpoint == "second" } })
            client.close()
            #expect(weir.settles())
            #expect(try weir.ends().suffix(2).allSatisfy { $0.usage.output == 6 && !$0.estimated })
            let metrics = try await weir.gateway.metrics()
            #expect(metrics.callersGone == 1 && metrics.callsInFlight == 0)
        }
    }

    @Test("The connection serves its next calls after its call was answered by a second attempt")
    func next() async throws {
        try await Self.with { weir async throws in
            let client = try RawClient(port: weir.port)
            var endpoints: [String?] = []
            for ask in [Ask.chat, Ask.stream, Ask.chat, Ask.stream, Ask.chat] {
                try client.send(Harness.request(ask))
                let answer = try client.answer()
                #expect(answer.status == 200 && answer.isWhole)
                endpoints.append(answer.header("x-weir-endpoint"))
            }
            #expect(endpoints == ["first", "second", "first", "second", "first"])
            #expect(weir.settles())
            #expect(try weir.ends().count == 7)
        }
    }

    @Test("Without money for two there is one attempt, which answers")
    func money() async throws {
        // A hold is 1,000 output tokens and some input, 4.1 thousandths of a dollar, and what is left does not pay for sixteen tokens.
        try await Self.with(first: "300ms", limit: Money(dollars: "0.0042")) { weir async throws in
            let ask = #"{"model":"m","max_tokens":1000,"messages":[{"role":"user","content":"hello there"}]}"#
            #expect(try weir.chat(ask).status == 200)
            let answer = try weir.chat(ask)
            #expect(answer.status == 200 && answer.header("x-weir-endpoint") == "first")
            #expect(weir.settles())
            #expect(try weir.holds().map(\.route.endpoint) == ["first", "first"])
            let metrics = try await weir.gateway.metrics()
            #expect(metrics.hedges == 1 && metrics.hedgesWon == 0)
        }
    }

    @Test("Many calls at once, hedged or not: nothing is left open, and every call is answered once")
    func many() async throws {
        try await Self.with(first: "120ms", second: "60ms", hedge: Hedge(afterMilliseconds: 50, percent: 50)) {
            weir async throws in
            try await withThrowingTaskGroup(of: RawAnswer.self) { group in
                for number in 0..<40 { group.addTask { try weir.chat(number % 2 == 0 ? Ask.chat : Ask.stream) } }
                for try await answer in group { #expect(answer.status == 200 && answer.isWhole) }
            }
            #expect(weir.settles())
            let (holds, ends) = (try weir.holds(), try weir.ends())
            #expect(holds.count == ends.count && Set(ends.map(\.attempt)).count == ends.count)
            #expect(Set(holds.map(\.call)).count == 40 && holds.count > 40 && holds.count <= 60)
        }
    }
}

@Suite("Hedged calls over HTTP/2", .enabled(if: Certificate.canBeMade))
struct HedgeHTTP2Tests {
    @Test("A stream goes on with the attempt that won, and the connection with its next streams")
    func streams() async throws {
        let certificate = try Certificate()
        defer { certificate.remove() }
        var tenant = TenantPolicy.test
        tenant.hedge = Hedge(afterMilliseconds: 100, percent: 50)
        try await Harness.with(
            scenario: HedgeTests.scenario("900ms", "0ms"), tenant: tenant, threads: 1,
            tls: certificate.serverContext(protocols: ["h2"]),
            endpoints: { ports in
                ["first", "second"].enumerated().map { index, name in
                    .test(name, port: ports[name] ?? 0, provider: .openai, priority: index)
                }
            }
        ) { weir async throws in
            let client = try RawHTTP2(port: weir.port)
            let fields = [("content-type", "application/json"), ("authorization", "Bearer \(Harness.key)")]
                .map { (Array($0.utf8), Array($1.utf8)) }
            for ask in [Ask.chat, Ask.stream, Ask.chat, Ask.chat] {
                #expect(try client.ask(fields, body: Array(ask.utf8)) == .answered(well: true))
            }
            #expect(weir.settles())
            let metrics = try await weir.gateway.metrics()
            #expect(metrics.hedges == 2 && metrics.hedgesWon == 2 && metrics.callsInFlight == 0)
        }
    }
}
