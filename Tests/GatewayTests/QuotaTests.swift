import Core
import Foundation
import Gateway
import Ledger
import Policy
import Simulator
import Synchronization
import Testing

@Suite("Pace and quota over sockets")
struct QuotaTests {
    private static func scenario(_ extra: String = "", second: String = "") -> String {
        """
        endpoints:
          - name: one
            provider: openai
            output: 8
            models: [up-m]
        \(extra)
          - name: two
            provider: openai
            output: 8
            models: [up-m]
        \(second)
        """
    }

    private static func endpoints(_ pace: PaceLimit = .none, priority: Int = 2) -> @Sendable ([String: Int]) -> [Endpoint] {
        { ports in
            var one = Endpoint.test("one", port: ports["one"] ?? 0, provider: .openai, priority: 1)
            one.pace = pace
            return [one, .test("two", port: ports["two"] ?? 0, provider: .openai, priority: priority)]
        }
    }

    private func served(_ weir: Harness, by name: String) -> Int { weir.simulator.record().count { $0.endpoint == name } }

    @Test("An endpoint whose headers say that its requests are used up is left alone until they are back")
    func learnsRequests() async throws {
        let scenario = Self.scenario("    limits: {requests: 3, window: 60s}")
        try await Harness.with(scenario: scenario, endpoints: Self.endpoints()) { weir async throws in
            let answers = try (0..<8).map { _ in try weir.chat(Ask.chat) }
            #expect(answers.allSatisfy { $0.status == 200 })
            #expect(
                answers.map { $0.header("x-weir-endpoint") } == Array(repeating: "one", count: 3)
                    + Array(repeating: "two", count: 5))
            // It was never asked beyond its quota, so it never had to refuse.
            // The simulator notes how it went just after the last byte is out.
            #expect(eventually { weir.simulator.record().allSatisfy { $0.status == 200 } })
            #expect(weir.settles())
        }
    }

    @Test("When the quota is back the endpoint is used again")
    func learnsReset() async throws {
        let scenario = Self.scenario("    limits: {requests: 1, window: 400ms}")
        try await Harness.with(scenario: scenario, endpoints: Self.endpoints()) { weir async throws in
            var seen: [String?] = []
            for _ in 0..<2 { seen.append(try weir.chat(Ask.chat).header("x-weir-endpoint")) }
            usleep(450_000)
            seen.append(try weir.chat(Ask.chat).header("x-weir-endpoint"))
            #expect(seen == ["one", "two", "one"])
        }
    }

    @Test("A large call goes elsewhere while a small one still fits the tokens that are left")
    func learnsTokens() async throws {
        let scenario = Self.scenario("    limits: {tokens: 2000, window: 60s}")
        let large = #"{"model":"m","max_completion_tokens":1500,"messages":[{"role":"user","content":"hello there"}]}"#
        let small = #"{"model":"m","max_completion_tokens":20,"messages":[{"role":"user","content":"hello there"}]}"#
        try await Harness.with(scenario: scenario, endpoints: Self.endpoints()) { weir async throws in
            #expect(try weir.chat(large).header("x-weir-endpoint") == "one")
            #expect(try weir.chat(large).header("x-weir-endpoint") == "two")
            #expect(try weir.chat(small).header("x-weir-endpoint") == "one")
            // The simulator notes how it went just after the last byte is out.
            #expect(eventually { weir.simulator.record().allSatisfy { $0.status == 200 } })
        }
    }

    @Test("Alone and used up, the endpoint is not asked: the caller is told when to come back")
    func alone() async throws {
        let scenario = """
            endpoints:
              - name: one
                provider: azure
                credential: secret
                limits: {requests: 1, window: 30s}
                models: [up-m]
            """
        try await Harness.with(
            scenario: scenario,
            endpoints: { [.test("one", port: $0["one"] ?? 0, provider: .azure, basePath: "", credential: "secret")] }
        ) { weir async throws in
            #expect(try weir.chat(Ask.chat).status == 200)
            let refused = try weir.chat(Ask.chat)
            #expect(refused.status == 503 && refused.code == "weir_no_endpoint_available", "\(refused)")
            let wait = try #require(refused.header("retry-after-ms").flatMap { Int($0) })
            #expect((20_000...30_000).contains(wait))
            #expect(weir.simulator.record().count == 1 && weir.openHolds == 0)
            #expect(try weir.holds().count == 1)
        }
    }

    @Test("A configured concurrency holds over all loops, and places come back however attempts end")
    func concurrency() async throws {
        let busiest = Mutex((now: 0, most: 0))
        try await ScriptedUpstream.with({ number, _ in
            busiest.withLock { state in
                state.now += 1
                state.most = max(state.most, state.now)
            }
            usleep(30_000)
            busiest.withLock { $0.now -= 1 }
            return number.isMultiple(of: 3)
                ? [.reset] : number.isMultiple(of: 5) ? [.send(Say.error("500 Oops"))] : [.send(Say.whole)]
        }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                threads: 4,
                endpoints: { _ in
                    var one = Endpoint.test("one", port: port)
                    one.pace = PaceLimit(concurrency: 3)
                    return [one]
                }
            ) { weir async throws in
                MoneyPromiseTests.together(24) { _ in
                    for _ in 0..<4 { _ = try? weir.chat(Ask.chat) }
                }
                #expect(busiest.withLock { $0.most } <= 3)
                #expect(upstream.requests.count >= 3)
                // A breaker may be open by now; a place is free all the same.
                let health = weir.board.health(of: weir.gateway.snapshot.catalogue)
                #expect(health[0].quota.underWay == 0)
            }
        }
    }

    @Test("A configured pace of requests spills to the next endpoint before the provider has to refuse")
    func configured() async throws {
        try await Harness.with(
            scenario: Self.scenario(), endpoints: Self.endpoints(PaceLimit(requestsPerMinute: 4))
        ) { weir async throws in
            MoneyPromiseTests.together(10) { _ in _ = try? weir.chat(Ask.chat) }
            #expect(served(weir, by: "one") == 4 && served(weir, by: "two") == 6)
            #expect(weir.settles())
        }
    }

    @Test("A call that is refused for money takes nothing of an endpoint's pace")
    func refusedTakesNone() async throws {
        try await Harness.with(
            limit: Money(dollars: "0.00005"),
            endpoints: { ports in
                var one = Endpoint.test("one", port: ports["one"] ?? 0)
                one.pace = PaceLimit(requestsPerMinute: 2, concurrency: 1)
                return [one]
            }
        ) { weir async throws in
            for _ in 0..<5 { #expect(try weir.chat(Ask.chat).code == "weir_limit_reached") }
            let health = weir.board.health(of: weir.gateway.snapshot.catalogue)
            #expect(health[0].quota.underWay == 0)
            let isOpen = if case .none = health[0].quota.room(tokens: 1, at: .now()) { false } else { true }
            #expect(isOpen)
        }
    }

    // MARK: Callers

    @Test(
        "A key beyond its pace is told to come back: 429 of its own code, with the time, and nothing to do with money",
        arguments: [true, false])
    func callersPace(_ byTokens: Bool) async throws {
        let pace = byTokens ? PaceLimit(tokensPerMinute: 600) : PaceLimit(requestsPerMinute: 2)
        let hasty = TestKey(id: "key_hasty", secret: "weir_hasty", pace: pace)
        try await Harness.with(keys: [hasty]) { weir async throws in
            var answers: [RawAnswer] = []
            // What a call did use takes the place of what it was thought to use, so several of them go before the tokens are gone.
            while answers.count < 20, answers.last?.status ?? 200 == 200 {
                answers.append(try weir.chat(Ask.chat, key: "weir_hasty"))
            }
            let refused = try #require(answers.first { $0.status != 200 })
            #expect(answers[0].status == 200)
            #expect(refused.status == 429 && refused.code == "weir_pace_limited", "\(refused)")
            #expect(refused.error?["type"] as? String == "rate_limit_error")
            #expect(refused.header("x-should-retry") == "true" && refused.header("retry-after") != nil)
            #expect(try #require(refused.header("retry-after-ms").flatMap { Int($0) }) > 0)
            #expect(refused.body.contains("key key_hasty") && refused.body.contains("a minute"))
            // Others go on.
            #expect(try weir.chat(Ask.chat).status == 200)
            #expect(weir.settles())
        }
    }

    @Test("A key with as many calls at once as it may have is told so, and has room again when one ends")
    func callersConcurrency() async throws {
        let scenario = """
            endpoints:
              - name: one
                firstToken: 300ms
                models: [up-m]
            """
        let narrow = TestKey(id: "key_narrow", secret: "weir_narrow", pace: PaceLimit(concurrency: 2))
        try await Harness.with(scenario: scenario, keys: [narrow]) { weir async throws in
            for _ in 0..<2 {
                let clients = try (0..<4).map { _ in try RawClient(port: weir.port) }
                for client in clients { try client.send(Harness.request(Ask.chat, key: "weir_narrow")) }
                let answers = try clients.map { try $0.answer() }
                #expect(answers.map(\.status).sorted() == [200, 200, 429, 429])
                #expect(answers.allSatisfy { $0.status == 200 || $0.code == "weir_pace_limited" && $0.body.contains("at once") })
                #expect(weir.settles())
            }
        }
    }
}
