import Core
import Foundation
import Gateway
import Journal
import Ledger
import Simulator
import Synchronization
import Testing

/// What users of other gateways complain about (threads of LiteLLM, Bifrost, new-api and others), each turned into a promise.
@Suite("Complaints about other gateways' money")
struct ComplaintTests {
    /// One token of input is a nano-dollar and output is free: a call whose body is so many bytes costs a known unit at most.
    private static let unitPrice = Price(
        from: CivilDate(year: 2020, month: 1, day: 1), input: TokenPrice(picos: 0), cachedInput: TokenPrice(picos: 0),
        output: TokenPrice(picos: 1_000_000_000), attested: "Ada")
    /// One output token for a tenth of a cent, and nothing else: the hold is what the call costs.
    private static let unit = #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hello there"}]}"#
    private static let unitAnswer = Say.json(
        #"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"length"}],"usage":{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11}}"#
    )
    private static let unitNanos: Int64 = 1_000_000

    private static func units(
        _ count: Int64, answerAfter milliseconds: UInt32 = 0, _ body: (Harness, ScriptedUpstream) async throws -> Void
    ) async throws {
        try await ScriptedUpstream.with({ _, _ in [.wait(milliseconds: milliseconds), .send(unitAnswer)] }) {
            upstream async throws in
            let port = upstream.port
            try await Harness.with(
                limit: Money(nanos: count * unitNanos), price: unitPrice, endpoints: { _ in [.test("raw", port: port)] }
            ) { weir async throws in try await body(weir, upstream) }
        }
    }

    @Test("A thousand concurrent calls of one unit on a limit of a hundred admit exactly a hundred")
    func exactly() async throws {
        try await Self.units(100) { weir, upstream async throws in
            let statuses = Mutex<[Int: Int]>([:])
            // A connection for each call, forty threads: all are at the door before the first is answered.
            MoneyPromiseTests.together(40) { _ in
                guard let clients = try? (0..<25).map({ _ in try RawClient(port: weir.port, timeout: 60) }) else { return }
                for client in clients { try? client.send(Harness.request(Self.unit)) }
                for client in clients {
                    let status = (try? client.answer().status) ?? 0
                    statuses.withLock { $0[status, default: 0] += 1 }
                }
            }
            #expect(statuses.withLock { $0 } == [200: 100, 429: 900])
            #expect(upstream.requests.count == 100)
            #expect(weir.settles())
            #expect(weir.account?.settled == MoneyTotal(nanos: Int128(100 * Self.unitNanos)))
            #expect(weir.held == .zero)
        }
    }

    @Test("Eight first requests at once spend within the budget")
    func firstRequests() async throws {
        try await Self.units(1, answerAfter: 50) { weir, upstream async throws in
            let statuses = Mutex<[Int]>([])
            MoneyPromiseTests.together(8) { _ in
                let status = (try? weir.chat(Self.unit).status) ?? 0
                statuses.withLock { $0.append(status) }
            }
            #expect(statuses.withLock { $0.sorted() } == [200] + Array(repeating: 429, count: 7))
            #expect(upstream.requests.count == 1 && weir.settles())
        }
    }

    @Test("Holds that have ended do not block: a budget is used to its last unit, one call after another")
    func phantomHolds() async throws {
        try await Self.units(12) { weir, _ async throws in
            for _ in 0..<12 { #expect(try weir.chat(Self.unit).status == 200) }
            #expect(try weir.chat(Self.unit).code == "weir_limit_reached")
            #expect(weir.settles() && weir.account?.settled == MoneyTotal(nanos: Int128(12 * Self.unitNanos)))
        }
    }

    @Test("Every route draws on the budget: chat, completions, embeddings, responses and Azure's paths")
    func everyRoute() async throws {
        try await Harness.with(limit: Money(dollars: "0.0002")) { weir async throws in
            for (body, path) in [
                (Ask.completion, "/v1/completions"), (Ask.embedding, "/v1/embeddings"), (Ask.response, "/v1/responses"),
                (Ask.chat, "/openai/deployments/m/chat/completions?api-version=2024-10-21"), (Ask.chat, "/v1/chat/completions"),
            ] {
                for _ in 0..<40 { _ = try weir.chat(body, path: path) }
            }
            #expect(weir.settles())
            let account = try #require(weir.account)
            #expect(account.settled + account.reserved <= MoneyTotal(try #require(Money(dollars: "0.0002"))))
            #expect(try weir.ends().count == weir.simulator.record().count)
        }
    }

    @Test("The same call streamed and unstreamed costs the same to the nano")
    func streamedAndWhole() async throws {
        let scenario = """
            endpoints:
              - name: one
                provider: openai
                output: 37
                reasoning: 5
                cachedPercent: 40
                models: [up-m]
            """
        try await Harness.with(
            scenario: scenario, endpoints: { [.test("one", port: $0["one"] ?? 0, provider: .openai)] }
        ) { weir async throws in
            for body in [Ask.chat, Ask.stream, Ask.streamWithUsage] { #expect(try weir.chat(body).status == 200) }
            #expect(weir.settles())
            let ends = try weir.ends()
            #expect(ends.count == 3)
            #expect(Set(ends.map { $0.settled.nanos }).count == 1 && Set(ends.map { $0.usage }).count == 1)
            #expect(ends.allSatisfy { !$0.estimated && $0.settled > .zero })
        }
    }

    @Test("Cached tokens are charged at their own price and not twice")
    func cachedTokens() async throws {
        let usage: String =
            #"{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,"prompt_tokens_details":{"cached_tokens":900}}"#
        let says: String = Say.json(
            #"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"ok"}}],"usage":\#(usage)}"#)
        try await ScriptedUpstream.with({ _, _ in [.send(says)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(endpoints: { _ in [.test("raw", port: port)] }) { weir async throws in
                #expect(try weir.chat(Ask.chat).status == 200)
                #expect(weir.settles())
                // 100 at a dollar a million, 900 at half of it, 10 at four dollars.
                let expected: Int64 = 100_000 + 450_000 + 40_000
                #expect(try weir.ends().first?.settled.nanos == expected)
            }
        }
    }

    @Test("A cancelled stream is charged its output too")
    func cancelledStream() async throws {
        let words = Array(repeating: Say.chunk(Say.delta("word ")), count: 30).joined()
        let script: [ScriptedUpstream.Act] = [.send(Say.streamHead + words), .awaitClose]
        try await ScriptedUpstream.with({ _, _ in script }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(endpoints: { _ in [.test("raw", port: port, whenCallerLeaves: .cancel)] }) {
                weir async throws in
                let client = try RawClient(port: weir.port)
                try client.send(Harness.request(Ask.stream))
                _ = try client.read(until: Say.delta("word "))
                usleep(50_000)
                client.close()
                #expect(weir.settles())
                let end = try #require(try weir.ends().first)
                #expect(end.estimated && end.usage.output >= 30 && end.settled.nanos >= 30 * 4_000)
            }
        }
    }

    @Test("An attempt that failed over is charged where it was billed, and only there")
    func failover() async throws {
        try await ScriptedUpstream.with({ number, _ in number == 1 ? [.send(Say.error("500 Oops"))] : [.send(Say.whole)] }) {
            upstream async throws in
            let port = upstream.port
            try await Harness.with(
                endpoints: { _ in [.test("a", port: port, priority: 1), .test("b", port: port, priority: 2)] }
            ) { weir async throws in
                #expect(try weir.chat(Ask.chat).status == 200)
                #expect(weir.settles())
                let ends = try weir.ends()
                #expect(ends.map(\.how) == [.voided, .settled])
                #expect(weir.account?.settled == MoneyTotal(nanos: 10 * 1_000 + 2 * 4_000))
            }
        }
    }

    @Test("One retry budget for a call: with every endpoint failing no more attempts go out than the limit says")
    func retryStorm() async throws {
        try await ScriptedUpstream.with({ _, _ in [.send(Say.error("500 Oops"))] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                endpoints: { _ in (1...6).map { .test("e\($0)", port: port, priority: $0) } }
            ) { weir async throws in
                #expect(try weir.chat(Ask.chat).status == 500)
                #expect(upstream.requests.count == ListenerLimits().attemptsPerCall && weir.settles())
            }
        }
    }

    @Test("A Retry-After is honoured with more than one endpoint, and not cut short by later successes elsewhere")
    func retryAfter() async throws {
        let slow = Say.error("429 Slow", headers: ["Retry-After: 30"])
        try await ScriptedUpstream.with({ _, request in
            request.header("authorization") == "Bearer a" ? [.send(slow)] : [.send(Say.whole)]
        }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                endpoints: { _ in
                    [
                        .test("a", port: port, credential: "a", priority: 1),
                        .test("b", port: port, credential: "b", priority: 2),
                    ]
                }
            ) { weir async throws in
                for _ in 0..<5 { #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "b") }
                #expect(upstream.requests.count { $0.header("authorization") == "Bearer a" } == 1)
            }
        }
    }

    @Test("Of the answers that are read on without a caller there are no more than the limit; the oldest is settled and given up")
    func drainsAreCapped() async throws {
        var limits = ListenerLimits()
        limits.drainsPerLoop = 2
        let script: [ScriptedUpstream.Act] = [
            .send(Say.streamHead + Say.chunk(Say.delta("a"))), .wait(milliseconds: 5_000), .close,
        ]
        try await ScriptedUpstream.with({ _, _ in script }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                limits: limits, threads: 1, endpoints: { _ in [.test("raw", port: port, timeouts: EndpointTimeouts())] }
            ) { weir async throws in
                for number in 1...5 {
                    let client = try RawClient(port: weir.port)
                    try client.send(Harness.request(Ask.stream))
                    _ = try client.read(until: "data: ")
                    client.close()
                    #expect(weir.settles(holds: min(number, 2)), "after caller \(number)")
                }
                let ends = try weir.ends()
                #expect(ends.count == 3 && ends.allSatisfy(\.estimated))
                #expect(try await weir.gateway.metrics().givenUpDrains == 3)
                #expect(weir.settles(within: 8), "the two that are left end with their streams")
            }
        }
    }
}
