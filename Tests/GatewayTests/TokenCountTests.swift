import Core
import Foundation
import Gateway
import Simulator
import Testing
import Tokens

@Suite("Tokens that Weir counts itself")
struct TokenCountTests {
    private static func with(
        provider: ProviderKind = .openai, tokenizer: String? = "o200k_base", policies: String? = nil,
        _ body: (Harness) async throws -> Void
    ) async throws {
        let estimator = Estimator(folder: EstimateTests.vocabularies)
        try await Harness.with(
            policies: policies, threads: 1, estimator: estimator,
            endpoints: { ports in
                var endpoint = Endpoint.test("one", port: ports["one"] ?? 0, provider: provider)
                endpoint.models["m"]?.tokenizer = tokenizer
                return [endpoint]
            }, body)
        estimator.shutdown()
    }

    private static func count(_ weir: Harness, _ body: String) throws -> RawAnswer {
        try weir.chat(body, path: "/v1/messages/count_tokens", headers: ["anthropic-version: 2023-06-01"])
    }

    private static let ask =
        #"{"model":"m","system":"You are brief.","messages":[{"role":"user","content":[{"type":"text","text":"\u4f60\u597d, count this."}]}]}"#

    @Test("What no endpoint counts is counted with the model's vocabulary; nothing is sent, held or journalled")
    func counts() async throws {
        try await Self.with { weir async throws in
            let answer = try Self.count(weir, Self.ask)
            #expect(answer.status == 200 && answer.header("x-weir-counted-by") == "o200k_base", "\(answer)")
            let tokenizer = Tokenizer(try Vocabulary(name: "o200k_base", folder: EstimateTests.vocabularies))
            func tokens(_ text: String) -> Int { tokenizer.count(Array(text.utf8)) }
            let expected =
                3 + 3 + tokens("system") + tokens("You are brief.") + 3 + tokens("user") + tokens("你好, count this.")
            #expect(answer.body == "{\"input_tokens\":\(expected)}")
            #expect(weir.simulator.record().isEmpty)
            #expect(try weir.holds().isEmpty)
            let metrics = try await weir.gateway.metrics()
            #expect(metrics.callsInFlight == 0)
        }
    }

    @Test("An endpoint that counts is asked", arguments: [ProviderKind.anthropic])
    func asked(_ provider: ProviderKind) async throws {
        try await Self.with(provider: provider) { weir async throws in
            _ = try Self.count(weir, Self.ask)
            #expect(weir.simulator.record().count == 1)
        }
    }

    @Test("Without a vocabulary, or with what a vocabulary does not count, it is refused")
    func refused() async throws {
        try await Self.with(tokenizer: nil) { weir async throws in
            #expect(try Self.count(weir, Self.ask).code == "weir_operation_not_served")
        }
        try await Self.with { weir async throws in
            let image = Self.ask.replacing(
                #"{"type":"text","text"#,
                with:
                    #"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},{"type":"text","text"#)
            let answer = try Self.count(weir, image)
            #expect(answer.status == 404 && answer.code == "weir_operation_not_served", "\(answer)")
        }
    }

    @Test("Whoever may not chat with the model may not count for it")
    func denied() async throws {
        try await Self.with(
            policies:
                #"@id("none") forbid(principal, action, resource); @id("p") permit(principal, action, resource) when { false };"#
        ) {
            weir async throws in
            let answer = try Self.count(weir, Self.ask)
            #expect(answer.status == 403 && answer.code == "weir_policy_denied", "\(answer)")
        }
    }

    @Test("A caller that leaves while it is counted, and many at once on one connection, leave nothing behind")
    func many() async throws {
        try await Self.with { weir async throws in
            let long = Self.ask.replacing("count this.", with: String(repeating: "all of this text, ", count: 30_000))
            let leaver = try RawClient(port: weir.port)
            try leaver.send(Harness.request(long, path: "/v1/messages/count_tokens"))
            leaver.close()
            let client = try RawClient(port: weir.port)
            for _ in 0..<5 {
                try client.send(Harness.request(Self.ask, path: "/v1/messages/count_tokens"))
                #expect(try client.answer().status == 200)
                try client.send(Harness.request(Ask.chat))
                #expect(try client.answer().status == 200)
            }
            #expect(weir.settles())
            let metrics = try await weir.gateway.metrics()
            #expect(metrics.callsInFlight == 0)
        }
    }
}
