import Core
import Foundation
import Gateway
import Ledger
import Policy
import Simulator
import Testing

@Suite("Models that stand in for others")
struct FallbackTests {
    private static let scenario = """
        endpoints:
          - { name: one, provider: openai, output: 6, operations: [chat, responses, embeddings], models: [up-m] }
          - { name: two, provider: openai, output: 6, operations: [chat, responses, embeddings], models: [up-n] }
          - { name: three, provider: openai, output: 6, models: [up-o] }
        """

    private static func with(
        fallbacks: [String: [String]] = ["m": ["n", "o"]], policies: String? = nil, limits: ListenerLimits = ListenerLimits(),
        keys: [TestKey] = [], tenant: TenantPolicy = .test, pace: PaceLimit = .none, _ body: (Harness) async throws -> Void
    ) async throws {
        try await Harness.with(
            scenario: scenario, limits: limits, tenant: tenant, keys: keys, fallbacks: fallbacks, policies: policies, threads: 1,
            endpoints: { ports in
                [("one", "m"), ("two", "n"), ("three", "o")].map { name, model in
                    var endpoint = Endpoint.test(name, port: ports[name] ?? 0, provider: .openai, models: [model])
                    endpoint.timeouts = EndpointTimeouts(connect: 500, firstByte: 600, idle: 600)
                    if name == "one" { endpoint.pace = pace }
                    return endpoint
                }
            }, body)
    }

    @Test(
        "Where no endpoint of a model answers, the next model that the key names does, and says so",
        arguments: ["status:500", "status:429", "status:401", "status:402", "status:404", "down", "no-answer", "cut-stream:0"])
    func answers(_ fault: String) async throws {
        try await Self.with { weir async throws in
            try await weir.simulator.setFault(Fault(fault), endpoint: "one")
            let answer = try weir.chat(Ask.stream)
            #expect(answer.status == 200 && answer.isWhole, "\(answer)")
            #expect(answer.header("x-weir-endpoint") == "two" && answer.header("x-weir-model") == "n")
            #expect(answer.header("x-weir-rewrites")?.split(separator: ", ").contains("model_fallback") == true)
            #expect(weir.settles(holds: weir.ledger.doubtfulHolds.count))
            let routes = try weir.holds().map(\.route)
            #expect(routes.map(\.model) == ["m", "n"] && routes.map(\.asked) == [nil, "m"])
            #expect(routes.last?.upstreamModel == "up-n")
            #expect(weir.simulator.record().last?.model == "up-n")
        }
    }

    @Test("One after the other, within the call's budget of attempts; if none answers, the caller hears the last one's error")
    func order() async throws {
        try await Self.with { weir async throws in
            for name in ["one", "two"] { try await weir.simulator.setFault(Fault("status:500"), endpoint: name) }
            #expect(try weir.chat(Ask.chat).header("x-weir-model") == "o")
            try await weir.simulator.setFault(Fault("status:500"), endpoint: "three")
            let answer = try weir.chat(Ask.chat)
            #expect(answer.status == 500 && answer.header("x-weir-model") == "o")
            #expect(weir.settles())
            #expect(try weir.holds().count == 6)
        }
        var limits = ListenerLimits()
        limits.attemptsPerCall = 2
        try await Self.with(limits: limits) { weir async throws in
            for name in ["one", "two", "three"] { try await weir.simulator.setFault(Fault("status:500"), endpoint: name) }
            #expect(try weir.chat(Ask.chat).status == 500)
            #expect(weir.simulator.record().map(\.endpoint) == ["one", "two"])
        }
    }

    @Test("An endpoint that rests or has no quota left is no reason to wait where another model may answer")
    func rests() async throws {
        try await Self.with(pace: PaceLimit(requestsPerMinute: 1)) { weir async throws in
            #expect(try weir.chat(Ask.chat).header("x-weir-model") == nil)
            let answer = try weir.chat(Ask.chat)
            #expect(answer.status == 200 && answer.header("x-weir-model") == "n")
            #expect(weir.settles())
            #expect(try weir.holds().map(\.route.model) == ["m", "n"])
        }
    }

    @Test("A key that names none has none, and the fault stands")
    func none() async throws {
        let other = TestKey(id: "key_other", secret: "weir_test_other_0123456789abcdefghijklmnopqrstuvw")
        try await Self.with(keys: [other]) { weir async throws in
            try await weir.simulator.setFault(Fault("status:500"), endpoint: "one")
            #expect(try weir.chat(Ask.chat, key: other.secret).status == 500)
            #expect(try weir.holds().map(\.route.model) == ["m"])
        }
    }

    @Test("What the caller or a policy is the reason for is an answer: no other model hides it")
    func answersThatStand() async throws {
        try await Self.with { weir async throws in
            try await weir.simulator.setFault(Fault("status:400"), endpoint: "one")
            #expect(try weir.chat(Ask.chat).status == 400)
            #expect(try weir.holds().map(\.route.model) == ["m"])
        }
        let forbids =
            #"@id("all") permit(principal, action, resource); @id("not") forbid(principal, action, resource == Endpoint::"one");"#
        try await Self.with(policies: forbids) { weir async throws in
            let answer = try weir.chat(Ask.chat)
            #expect(answer.status == 403 && answer.code == "weir_policy_denied")
            #expect(try weir.holds().isEmpty)
        }
    }

    @Test("Policy judges the model that stands in like any: one that it denies is passed over")
    func judged() async throws {
        let forbids =
            #"@id("all") permit(principal, action, resource); @id("not") forbid(principal, action, resource == Endpoint::"two");"#
        try await Self.with(policies: forbids) { weir async throws in
            try await weir.simulator.setFault(Fault("status:500"), endpoint: "one")
            #expect(try weir.chat(Ask.chat).header("x-weir-model") == "o")
            #expect(weir.simulator.record().map(\.endpoint) == ["one", "three"])
        }
        var tenant = TenantPolicy.test
        tenant.models = .only(["m", "o"])
        try await Self.with(tenant: tenant) { weir async throws in
            try await weir.simulator.setFault(Fault("status:500"), endpoint: "one")
            #expect(try weir.chat(Ask.chat).header("x-weir-model") == "o")
        }
    }

    @Test("A stream that has begun is cut and not begun again by another model")
    func begun() async throws {
        try await Self.with { weir async throws in
            try await weir.simulator.setFault(Fault("cut-stream:3"), endpoint: "one")
            let answer = try weir.chat(Ask.stream)
            #expect(answer.status == 200 && !answer.isWhole)
            #expect(weir.settles())
            #expect(try weir.holds().map(\.route.model) == ["m"])
        }
    }
}
