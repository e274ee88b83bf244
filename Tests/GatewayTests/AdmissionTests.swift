import Core
import Foundation
import Gateway
import Ledger
import Simulator
import Testing

@Suite("Admission and drain")
struct AdmissionTests {
    private static let scenario = """
        endpoints:
          - name: one
            firstToken: 250ms
            models: [up-m]
        """

    private static func limits(_ change: (inout ListenerLimits) -> Void) -> ListenerLimits {
        var limits = ListenerLimits()
        change(&limits)
        return limits
    }

    /// Sends `count` calls at once on connections of their own and gives the answers.
    private static func burst(_ weir: Harness, _ keys: [String]) throws -> [RawAnswer] {
        let clients = try keys.map { _ in try RawClient(port: weir.port) }
        for (client, key) in zip(clients, keys) { try client.send(Harness.request(Ask.chat, key: key)) }
        return try clients.map { try $0.answer() }
    }

    @Test("Beyond the calls that may be under way callers get 503 and when to come back; afterwards there is room again")
    func callsInFlight() async throws {
        let limits = Self.limits {
            $0.callsInFlight = 3
            $0.tenantSharePercent = 100
        }
        try await Harness.with(scenario: Self.scenario, limits: limits, threads: 1) { weir async throws in
            for _ in 0..<2 {
                let answers = try Self.burst(weir, Array(repeating: Harness.key, count: 5))
                #expect(answers.map(\.status).sorted() == [200, 200, 200, 503, 503])
                for answer in answers where answer.status == 503 {
                    #expect(answer.code == "weir_overloaded" && answer.header("retry-after") == "1", "\(answer)")
                }
            }
            #expect(weir.simulator.record().count == 6 && weir.openHolds == 0)
        }
    }

    @Test("One tenant cannot take the room of all")
    func tenantShare() async throws {
        let other = TenantPolicy(tenant: "other", teams: ["team"], places: .any, operators: .any, models: .any)
        let limits = Self.limits {
            $0.callsInFlight = 8
            $0.tenantSharePercent = 25
        }
        try await Harness.with(
            scenario: Self.scenario, limits: limits, tenants: [other],
            keys: [TestKey(id: "key_other", secret: "weir_other", tenant: "other")],
            threads: 1
        ) { weir async throws in
            let answers = try Self.burst(weir, Array(repeating: Harness.key, count: 5) + ["weir_other", "weir_other"])
            #expect(answers.prefix(5).map(\.status).sorted() == [200, 200, 503, 503, 503])
            #expect(answers.prefix(5).allSatisfy { $0.status == 200 || $0.code == "weir_tenant_share" })
            #expect(answers.suffix(2).allSatisfy { $0.status == 200 })
        }
    }

    @Test("Calls that are refused take no room")
    func refusedTakeNone() async throws {
        let limits = Self.limits {
            $0.callsInFlight = 1
            $0.tenantSharePercent = 100
        }
        try await Harness.with(limits: limits, threads: 1) { weir async throws in
            for body in ["{", #"{"model":"x","messages":[]}"#, #"{"model":"m","n":500,"messages":[]}"#, ""] {
                for _ in 0..<3 { #expect(try [400, 404].contains(weir.chat(body).status)) }
            }
            for _ in 0..<3 {
                let client = try RawClient(port: weir.port)
                try client.send(
                    "POST /v1/chat/completions HTTP/1.1\r\nHost: w\r\napi-key: \(Harness.key)\r\nContent-Length: 50\r\n\r\n{")
                usleep(10_000)
                client.close()
                usleep(10_000)
            }
            for _ in 0..<3 { #expect(try weir.chat(Ask.chat).status == 200) }
        }
    }

    @Test("Beyond the connections that may be open a new one is told so and closed")
    func connections() async throws {
        try await Harness.with(limits: Self.limits { $0.connections = 2 }, threads: 1) { weir async throws in
            let first = try RawClient(port: weir.port)
            let second = try RawClient(port: weir.port)
            for client in [first, second] {
                try client.send(Harness.request(Ask.chat))
                #expect(try client.answer().status == 200)
            }
            let third = try RawClient(port: weir.port)
            let answer = try third.answer()
            #expect(
                answer.status == 503 && answer.code == "weir_overloaded" && answer.header("connection") == "close", "\(answer)")
            #expect(third.isClosedByPeer())
            first.close()
            #expect(eventually { (try? weir.chat(Ask.chat).status) == 200 })
            #expect(weir.openHolds == 0)
        }
    }

    @Test("A drain finishes what is under way, refuses what is new and closes what is idle")
    func drain() async throws {
        let scenario = """
            endpoints:
              - name: one
                firstToken: 1s
                pace: 50
                output: 10
                models: [up-m]
            """
        try await Harness.with(scenario: scenario, threads: 1) { weir async throws in
            let idle = try RawClient(port: weir.port)
            try idle.send(Harness.request(#"{"model":"x"}"#))
            _ = try idle.answer()
            let streaming = try RawClient(port: weir.port)
            try streaming.send(Harness.request(Ask.stream))
            let pipelined = try RawClient(port: weir.port)
            try pipelined.send(Harness.request(Ask.chat) + Harness.request(Ask.chat))
            let sending = try RawClient(port: weir.port)
            try sending.send("POST /v1/chat/completions HTTP/1.1\r\nHost: w\r\n")
            #expect(eventually { weir.simulator.record().count == 2 })
            let gateway = weir.gateway
            let drained = Task(executorPreference: BlockingExecutor.shared) { try await gateway.drain() }
            #expect(eventually { (try? RawClient(port: weir.port)) == nil }, "nobody listens any more")
            #expect(idle.isClosedByPeer())
            try sending.send("api-key: \(Harness.key)\r\nContent-Length: \(Ask.chat.utf8.count)\r\n\r\n\(Ask.chat)")
            let late = try sending.answer()
            #expect(late.status == 503 && late.code == "weir_draining" && late.header("connection") == "close", "\(late)")
            let whole = try streaming.answer()
            #expect(whole.status == 200 && whole.isWhole && whole.body.hasSuffix(Say.done))
            #expect(streaming.isClosedByPeer())
            #expect(try pipelined.answer().status == 200)
            #expect(pipelined.isClosedByPeer(), "the second request was not taken")
            let nothingCut = try await drained.value
            #expect(nothingCut)
            #expect(weir.openHolds == 0 && weir.simulator.record().count == 2)
        }
    }
}
