import Core
import Foundation
import Gateway
import Ledger
import Simulator
import Testing
import Tokens

/// Anthropic's `count_tokens` for models whose endpoints count nothing.
@Suite("Tokens are counted by Weir where the endpoint has no count")
struct OwnCountTests {
    private static let vocabularies = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "share/tokenizers").path()
    private static let path = "/v1/messages/count_tokens"
    private static let ask = #"{"model":"m","messages":[{"role":"user","content":"hello there"}]}"#

    private static let scenario = """
        endpoints:
          - name: cloud
            provider: dashscope
            models: [up-m]
          - name: claude
            provider: anthropic
            models: [up-m]
        """

    private func with(
        _ names: [String] = ["cloud"], tokenizer: String? = "o200k_base", policies: String? = nil,
        labels: CallLabels = .unknown, estimator: Estimator? = Estimator(folder: vocabularies),
        _ body: @Sendable (Harness) async throws -> Void
    ) async throws {
        try await Harness.with(
            scenario: Self.scenario, labels: labels, policies: policies, estimator: estimator,
            endpoints: { ports in
                names.map { name in
                    var endpoint = Endpoint.test(
                        name, port: ports[name] ?? 0, provider: name == "claude" ? .anthropic : .dashscope,
                        basePath: name == "claude" ? "/v1" : "/compatible-mode/v1", priority: name == "claude" ? 2 : 1)
                    endpoint.models["m"]?.tokenizer = tokenizer
                    return endpoint
                }
            }, body)
        estimator?.shutdown()
    }

    @Test("with the model's vocabulary, and says so; nothing leaves, nothing is held")
    func counts() async throws {
        try await with { weir async throws in
            let answer = try weir.chat(Self.ask, path: Self.path, headers: ["anthropic-version: 2023-06-01"])
            // Three to open the answer, three for the message, its role and two words.
            #expect(answer.status == 200 && answer.body == #"{"input_tokens":9}"#, "\(answer)")
            #expect(answer.header("x-weir-estimate") == "o200k_base" && answer.header("x-request-id") != nil)
            let tools =
                #"{"model":"m","system":"Be brief.","tools":[{"name":"f"}],"messages":[{"role":"user","content":"hello there"}]}"#
            let more = try weir.chat(tools, path: Self.path)
            #expect(more.status == 200 && more.body != answer.body, "\(more)")
            #expect(weir.simulator.record().isEmpty)
            #expect(try weir.holds().isEmpty && weir.held == .zero)
            // The connection goes on.
            let client = try RawClient(port: weir.port)
            for _ in 0..<3 {
                try client.send(Harness.request(Self.ask, path: Self.path))
                #expect(try client.answer().body == #"{"input_tokens":9}"#)
            }
        }
    }

    @Test("A provider that counts is asked rather than guessed for")
    func prefersProvider() async throws {
        try await with(["cloud", "claude"]) { weir async throws in
            let answer = try weir.chat(Self.ask, path: Self.path)
            #expect(
                answer.status == 200 && answer.header("x-weir-endpoint") == "claude" && answer.header("x-weir-estimate") == nil)
            try await weir.simulator.setFault(.status(500, code: nil), endpoint: "claude", times: 1)
            let again = try weir.chat(Self.ask, path: Self.path)
            #expect(again.status == 200 && again.header("x-weir-estimate") == "o200k_base", "\(again)")
            #expect(weir.settles())
        }
    }

    @Test("Without a vocabulary there is no count, nor of what nobody can count")
    func refuses() async throws {
        try await with(tokenizer: nil) { weir async throws in
            let answer = try weir.chat(Self.ask, path: Self.path)
            #expect(answer.status == 404 && answer.body.contains("weir_operation_not_served"), "\(answer)")
        }
        try await with(estimator: nil) { weir async throws in
            #expect(try weir.chat(Self.ask, path: Self.path).status == 404)
        }
        try await with { weir async throws in
            for (block, field) in [
                (#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aa"}}"#, "image"),
                (#"{"type":"document","source":{"type":"base64","data":"aa"}}"#, "file"),
            ] {
                let answer = try weir.chat(#"{"model":"m","messages":[{"role":"user","content":[\#(block)]}]}"#, path: Self.path)
                #expect(answer.status == 400 && answer.body.contains(field), "\(answer)")
            }
            #expect(try weir.chat(#"{"model":"m","messages":[],"inference_geo":"us"}"#, path: Self.path).status == 400)
        }
    }

    @Test("It is judged as the chat that it prepares")
    func judged() async throws {
        try await with(
            policies:
                #"@id("all") permit (principal, action, resource); @id("none") forbid (principal, action == Action::"chat", resource);"#
        ) {
            weir async throws in
            let answer = try weir.chat(Self.ask, path: Self.path)
            #expect(answer.status == 403 && answer.body.contains("weir_policy_denied"), "\(answer)")
        }
    }

    @Test("A caller that leaves is forgotten, and many at once are all answered or told to come again")
    func many() async throws {
        try await with { weir async throws in
            let leaving = try RawClient(port: weir.port)
            try leaving.send(Harness.request(Self.ask, path: Self.path))
            leaving.close()
            let clients = try (0..<60).map { _ in try RawClient(port: weir.port) }
            for client in clients { try client.send(Harness.request(Self.ask, path: Self.path)) }
            for client in clients {
                let answer = try client.answer()
                #expect(answer.status == 200 || (answer.status == 503 && answer.body.contains("overloaded")), "\(answer)")
            }
            #expect(try weir.chat(Self.ask, path: Self.path).status == 200)
        }
    }
}
