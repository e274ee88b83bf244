import Core
import Foundation
import Simulator
import Testing

@Suite("Prompt caches")
struct StickinessTests {
    private static let names = ["a", "b", "c", "d"]

    private static func with(tenants: [TenantPolicy] = [], keys: [TestKey] = [], _ body: (Harness) async throws -> Void)
        async throws
    {
        try await Harness.with(
            scenario: FailoverTests.scenario(names), tenants: tenants, keys: keys, threads: 2,
            endpoints: { ports in names.map { .test($0, port: ports[$0] ?? 0, provider: .openai) } }, body)
    }

    private static func ask(system: String, user: String, more: String = "") -> String {
        #"{"model":"m",\#(more)"messages":[{"role":"system","content":"\#(system)"},{"role":"user","content":"\#(user)"}]}"#
    }

    private static func endpoints(_ weir: Harness, _ asks: [String], key: String? = Harness.key) throws -> [String] {
        try asks.map { try weir.chat($0, key: key).header("x-weir-endpoint") ?? "" }
    }

    @Test("Calls that begin alike go to one endpoint, on every event loop; others go elsewhere")
    func prefix() async throws {
        try await Self.with { weir async throws in
            var homes: Set<String> = []
            for agent in 0..<8 {
                let system = "You are agent \(agent). " + String(repeating: "Be exact and brief. ", count: 220)
                let used = try Self.endpoints(weir, (0..<6).map { Self.ask(system: system, user: "question \($0)") })
                #expect(Set(used).count == 1, "\(used)")
                homes.formUnion(used)
            }
            #expect(homes.count > 1)
        }
    }

    @Test("Short prompts, which no provider caches, are shared out as before")
    func short() async throws {
        try await Self.with { weir async throws in
            let used = try Self.endpoints(weir, Array(repeating: Self.ask(system: "Be brief.", user: "hello"), count: 40))
            #expect(Set(used).count > 1)
        }
    }

    @Test("A prompt_cache_key says more than the beginning of the prompt")
    func key() async throws {
        try await Self.with { weir async throws in
            var homes: Set<String> = []
            for session in 0..<8 {
                let asks = (0..<5).map {
                    Self.ask(system: "Turn \($0)", user: "hello", more: #""prompt_cache_key":"session-\#(session)","#)
                }
                let used = try Self.endpoints(weir, asks)
                #expect(Set(used).count == 1, "\(used)")
                homes.formUnion(used)
            }
            #expect(homes.count > 1)
        }
    }

    @Test("The same prompts of two tenants go their own ways")
    func tenants() async throws {
        let zenith = TenantPolicy(tenant: "zenith", teams: ["team"], places: .any, operators: .any, models: .any)
        let other = TestKey(id: "key_zenith", secret: "weir_test_zenith_0123456789abcdefghijklmnopqrstuv", tenant: "zenith")
        try await Self.with(tenants: [zenith], keys: [other]) { weir async throws in
            let asks = (0..<12).map { Self.ask(system: "", user: "hello", more: #""prompt_cache_key":"\#($0)","#) }
            // Equal in all twelve by chance: once in sixteen million runs.
            #expect(try Self.endpoints(weir, asks) != Self.endpoints(weir, asks, key: other.secret))
        }
    }

    @Test("A home that fails is left for the next, and the call answered")
    func fails() async throws {
        try await Self.with { weir async throws in
            let ask = Self.ask(system: "", user: "hello", more: #""prompt_cache_key":"k","#)
            let home = try Self.endpoints(weir, [ask])[0]
            try await weir.simulator.setFault(Fault("status:500"), endpoint: home)
            let next = try Self.endpoints(weir, [ask, ask])
            #expect(!next.contains(home) && Set(next).count == 1)
        }
    }
}
