import Core
import Foundation
import Ledger
import Simulator
import Testing

@Suite("Failover and routing")
struct FailoverTests {
    static func scenario(_ names: [String], more: String = "") -> String {
        "endpoints:\n"
            + names.map {
                """
                  - name: \($0)
                    provider: openai
                    output: 4
                    operations: [chat, completions, responses, embeddings]
                    models: [up-m]

                """
            }.joined()
    }

    private static let quick = EndpointTimeouts(connect: 500, firstByte: 600, idle: 600)

    private static func with(
        _ names: [String] = ["one", "two"], limits: ListenerLimits = ListenerLimits(), samePriority: Bool = false,
        weights: [Int] = [], _ body: (Harness) async throws -> Void
    ) async throws {
        try await Harness.with(
            scenario: scenario(names), limits: limits, threads: 1,
            endpoints: { ports in
                names.enumerated().map { index, name in
                    .test(
                        name, port: ports[name] ?? 0, provider: .openai, priority: samePriority ? 1 : index,
                        weight: weights.isEmpty ? 100 : weights[index], timeouts: quick)
                }
            }, body)
    }

    private static func counts(_ weir: Harness) -> [String: Int] {
        Dictionary(grouping: weir.simulator.record(), by: \.endpoint).mapValues(\.count)
    }

    @Test("The endpoint of the lowest priority number answers while it can")
    func priority() async throws {
        try await Self.with { weir async throws in
            for _ in 0..<5 { #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "one") }
            #expect(Self.counts(weir) == ["one": 5])
        }
    }

    @Test("Among equals the weights share the calls, and a weight of 0 gets none while others can")
    func weights() async throws {
        try await Self.with(["a", "b", "c"], samePriority: true, weights: [300, 100, 0]) { weir async throws in
            let client = try RawClient(port: weir.port)
            for _ in 0..<120 {
                try client.send(Harness.request(Ask.chat))
                #expect(try client.answer().status == 200)
            }
            let counts = Self.counts(weir)
            #expect(counts["c"] == nil)
            #expect((counts["a"] ?? 0) > (counts["b"] ?? 0) && (counts["b"] ?? 0) > 0, "\(counts)")
        }
    }

    @Test("A slow endpoint gets fewer calls than an equal that is fast")
    func latency() async throws {
        let scenario =
            Self.scenario(["fast"]) + """
                  - name: slow
                    provider: openai
                    output: 4
                    firstToken: 120ms
                    models: [up-m]
                """
        try await Harness.with(
            scenario: scenario, threads: 1, endpoints: { ports in ["fast", "slow"].map { .test($0, port: ports[$0] ?? 0) } }
        ) { weir async throws in
            let client = try RawClient(port: weir.port)
            for _ in 0..<60 {
                try client.send(Harness.request(Ask.chat))
                _ = try client.answer()
            }
            let counts = Self.counts(weir)
            #expect((counts["fast"] ?? 0) > 2 * (counts["slow"] ?? 0), "\(counts)")
        }
    }

    @Test(
        "What fails at one endpoint before the first byte is answered by the next, and each attempt has its own hold and end",
        arguments: [
            "status:500", "status:502", "status:503", "status:408", "status:429", "rate-limit:50", "status:401", "status:403",
            "status:404",
            "status:402", "refuse", "garbage", "no-answer", "stall-head", "error-event:0", "cut-stream:0", "malformed-event:0",
            "stall-stream:0", "end-early:0", "huge-head", "smuggle-lengths", "smuggle-encoding", "no-framing", "down",
        ])
    func failover(_ fault: String) async throws {
        try await Self.with { weir async throws in
            try await weir.simulator.setFault(Fault(fault), endpoint: "one")
            let answer = try weir.chat(Ask.stream)
            #expect(answer.status == 200 && answer.isWhole, "\(answer)")
            #expect(answer.header("x-weir-endpoint") == "two")
            #expect(weir.settles(holds: weir.ledger.doubtfulHolds.count))
            let holds = try weir.holds()
            #expect(holds.map(\.route.endpoint) == ["one", "two"])
            #expect(Set(holds.map(\.attempt)).count == 2 && Set(holds.map(\.call)).count == 1)
            #expect(try weir.ends().count + weir.ledger.doubtfulHolds.count == 2)
            let doubtful = weir.ledger.doubtfulHolds.reduce(MoneyTotal.zero) { $0 + MoneyTotal($1.amount) }
            #expect(weir.held == doubtful)
        }
    }

    @Test("A request at fault is told to its caller and not tried elsewhere", arguments: [400, 422])
    func callerFault(_ status: Int) async throws {
        try await Self.with { weir async throws in
            try await weir.simulator.setFault(.status(status, code: nil), endpoint: "one")
            let answer = try weir.chat(Ask.chat)
            #expect(answer.status == status && answer.isWhole)
            #expect(Self.counts(weir) == ["one": 1])
            #expect(weir.openHolds == 0 && weir.held == .zero)
        }
    }

    @Test(
        "retry-after-ms and retry-after are honoured: the endpoint is left alone until then",
        arguments: [
            (["retry-after-ms: 400", "retry-after: 30"], 0.4), (["Retry-After: 1"], 1.0), (["retry-after: 0.3"], 0.3),
        ])
    func cooldown(_ headers: [String], _ seconds: Double) async throws {
        let script: @Sendable (Int, ReceivedBytes) -> [ScriptedUpstream.Act] = { number, _ in
            [.send(number == 1 ? Say.error("429 Too Many Requests", code: "rate_limit_exceeded", headers: headers) : Say.whole)]
        }
        try await ScriptedUpstream.with(script) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                threads: 1,
                endpoints: { [.test("raw", port: port, priority: 0), .test("one", port: $0["one"] ?? 0, priority: 1)] }
            ) { weir async throws in
                let start = Date()
                #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "one")
                while Date().timeIntervalSince(start) < seconds * 0.8 {
                    let endpoint = try weir.chat(Ask.chat).header("x-weir-endpoint")
                    if Date().timeIntervalSince(start) < seconds { #expect(endpoint == "one") }
                    usleep(40_000)
                }
                // A fraction is rounded up to whole milliseconds or seconds, never down.
                #expect(eventually(within: 2) { (try? weir.chat(Ask.chat).header("x-weir-endpoint")) == "raw" })
                #expect(Date().timeIntervalSince(start) >= seconds)
            }
        }
    }

    @Test("When every endpoint cools down, callers get 503, a code and the time to come back")
    func allCooling() async throws {
        try await Self.with { weir async throws in
            for name in ["one", "two"] { try await weir.simulator.setFault(.rateLimit(milliseconds: 5_000), endpoint: name) }
            let first = try weir.chat(Ask.chat)
            #expect(first.status == 429, "the last provider's own word: \(first)")
            let second = try weir.chat(Ask.chat)
            #expect(second.status == 503 && second.code == "weir_no_endpoint_available")
            let pause = try #require(second.header("retry-after-ms").flatMap { Int($0) })
            #expect((3_000...5_000).contains(pause))
            #expect(["4", "5"].contains(second.header("retry-after") ?? ""))
            #expect(weir.simulator.record().count == 2 && weir.openHolds == 0)
        }
    }

    @Test("One call has one retry budget")
    func budget() async throws {
        try await Self.with(["a", "b", "c", "d", "e"]) { weir async throws in
            for name in ["a", "b", "c", "d", "e"] { try await weir.simulator.setFault(.status(500, code: nil), endpoint: name) }
            let answer = try weir.chat(Ask.chat)
            #expect(answer.status == 500)
            #expect(Self.counts(weir) == ["a": 1, "b": 1, "c": 1])
            #expect(try weir.holds().count == 3)
            #expect(weir.openHolds == 0 && weir.held == .zero)
        }
    }

    @Test("Five failures in a row open the breaker; after its pause one trial goes, and a good answer closes it")
    func breaker() async throws {
        try await Self.with { weir async throws in
            try await weir.simulator.setFault(.status(500, code: nil), endpoint: "one")
            for _ in 0..<5 { #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "two") }
            #expect(Self.counts(weir)["one"] == 5)
            for _ in 0..<3 { _ = try weir.chat(Ask.chat) }
            #expect(Self.counts(weir)["one"] == 5, "an open breaker lets nothing through")
            try await weir.simulator.setFault(nil, endpoint: "one")
            #expect(eventually(within: 7) { (try? weir.chat(Ask.chat).header("x-weir-endpoint")) == "one" })
            #expect(Self.counts(weir)["one"] == 6)
            #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "one")
        }
    }

    @Test("A credential that the provider refuses is Weir's fault: 502, never the provider's words", arguments: [401, 403])
    func credential(_ status: Int) async throws {
        try await Self.with(["one"]) { weir async throws in
            try await weir.simulator.setFault(.status(status, code: nil), endpoint: "one")
            let answer = try weir.chat(Ask.chat)
            #expect(answer.status == 502 && answer.code == "weir_endpoint_credential")
            #expect(!answer.body.contains("Incorrect API key") && answer.header("x-should-retry") == "false")
            let next = try weir.chat(Ask.chat)
            #expect(next.status == 503, "the endpoint is left alone for a while")
            #expect(weir.openHolds == 0 && weir.held == .zero)
        }
    }

    @Test("Nobody listening at the only endpoint is 502 with a code")
    func down() async throws {
        try await Self.with(["one"]) { weir async throws in
            try await weir.simulator.setFault(.down, endpoint: "one")
            let answer = try weir.chat(Ask.chat)
            #expect(answer.status == 502 && answer.code == "weir_endpoint_connection_refused")
            #expect(weir.openHolds == 0 && weir.held == .zero && weir.ledger.doubtfulHolds.isEmpty)
        }
    }
}
