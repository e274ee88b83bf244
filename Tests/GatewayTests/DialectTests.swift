import Core
import Ledger
import Simulator
import Testing

/// Dialects beside OpenAI's, each at an endpoint that speaks it: what came goes on as it came.
@Suite("Anthropic's and DashScope's dialects")
struct DialectTests {
    private static let scenario = """
        endpoints:
          - name: claude
            provider: anthropic
            output: 12
            reasoning: 5
            cachedPercent: 50
            models: [up-m]
          - name: qwen
            provider: dashscope
            output: 12
            cachedPercent: 50
            models: [up-m]
        """

    private func with(_ name: String, _ provider: ProviderKind, _ body: @Sendable (Harness) async throws -> Void) async throws {
        try await Harness.with(
            scenario: Self.scenario,
            endpoints: { ports in
                [
                    .test(
                        name, port: ports[name] ?? 0, provider: provider, basePath: name == "qwen" ? "/compatible-mode/v1" : "/v1"
                    )
                ]
            }, body)
    }

    @Test("A message goes through with Anthropic's own key header, and comes back as Anthropic wrote it")
    func message() async throws {
        try await with("claude", .anthropic) { weir async throws in
            let answer = try weir.chat(Ask.message, path: "/v1/messages", headers: ["x-api-key: \(Harness.key)"], key: nil)
            #expect(answer.status == 200 && answer.isWhole, "\(answer)")
            #expect(answer.body.contains(#""type":"thinking""#) && answer.body.contains(#""stop_reason":"end_turn""#))
            let stream = try weir.chat(Ask.messageStream, path: "/v1/messages?beta=true")
            #expect(stream.status == 200 && stream.isWhole, "\(stream)")
            #expect(stream.body.hasPrefix("event: message_start\n") && stream.body.contains("signature_delta"))
            #expect(stream.body.hasSuffix("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"))
            #expect(weir.settles() && weir.held == .zero)
        }
    }

    @Test("Counting tokens is judged as a chat, costs nothing and leaves its trace")
    func counting() async throws {
        try await with("claude", .anthropic) { weir async throws in
            let body = #"{"model":"m","messages":[{"role":"user","content":"hello there"}]}"#
            let answer = try weir.chat(body, path: "/v1/messages/count_tokens")
            #expect(answer.status == 200 && answer.body.hasPrefix(#"{"input_tokens":"#), "\(answer)")
            #expect(weir.settles() && weir.held == .zero)
            let ends = try weir.ends()
            #expect(ends.count == 1 && ends.allSatisfy { $0.settled == .zero && $0.usage == .zero && !$0.estimated })
        }
    }

    @Test("Errors come in the shape of the path's family: Weir's own and the provider's")
    func errors() async throws {
        try await with("claude", .anthropic) { weir async throws in
            let unknown = try weir.chat(#"{"model":"x","max_tokens":1,"messages":[]}"#, path: "/v1/messages")
            #expect(unknown.status == 404)
            #expect(unknown.body.hasPrefix(#"{"type":"error","error":{"type":"not_found_error","message":"#))
            #expect(unknown.body.contains(#""code":"weir_unknown_model""#) && unknown.body.contains(#""request_id":""#))
            let missing = try weir.chat(#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#, path: "/v1/messages")
            #expect(missing.status == 400 && missing.body.contains("max_tokens: Field required"), "\(missing)")
            let keys = try weir.chat(Ask.message, path: "/v1/messages", headers: ["x-api-key: \(Harness.key)"])
            #expect(keys.status == 401 && keys.body.contains("weir_key_ambiguous"))
            for field in [
                #""speed":"fast""#, #""inference_geo":"us""#, #""mcp_servers":[{"url":"https://x"}]"#, #""container":"c""#,
            ] {
                let body = #"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"}],"# + field + "}"
                let answer = try weir.chat(body, path: "/v1/messages")
                #expect(answer.status == 400 && answer.body.contains("weir_unbounded_field"), "\(field): \(answer)")
            }
            #expect(weir.settles())
        }
        try await with("qwen", .dashscope) { weir async throws in
            let unknown = try weir.chat(#"{"model":"x","input":{}}"#, path: "/api/v1/services/aigc/text-generation/generation")
            #expect(unknown.status == 404 && unknown.body.hasPrefix(#"{"code":"weir_unknown_model","message":"#), "\(unknown)")
        }
    }

    @Test("A stream that breaks ends in Anthropic's words, and is charged once")
    func broken() async throws {
        try await with("claude", .anthropic) { weir async throws in
            for fault in [Fault.cutStream(event: 6), .endEarly(event: 6), .malformedEvent(event: 6), .resetStream(event: 6)] {
                try await weir.simulator.setFault(fault, endpoint: "claude", times: 1)
                let answer = try weir.chat(Ask.messageStream, path: "/v1/messages")
                #expect(answer.status == 200 && !answer.isWhole, "\(fault): \(answer)")
                #expect(
                    answer.body.contains("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\""), "\(fault)")
                #expect(!answer.body.contains("message_stop"))
            }
            try await weir.simulator.setFault(.errorEvent(event: 6), endpoint: "claude", times: 1)
            let told = try weir.chat(Ask.messageStream, path: "/v1/messages")
            #expect(told.isWhole && told.body.contains("event: error\ndata: {\"type\":\"error\""), "\(told)")
            #expect(weir.settles() && weir.held == .zero)
            #expect(try weir.ends().count == 5)
        }
    }

    @Test("DashScope's own dialect goes to its own path, plain and streamed, and is charged by its own usage")
    func generation() async throws {
        try await with("qwen", .dashscope) { weir async throws in
            let path = "/api/v1/services/aigc/text-generation/generation"
            let whole = try weir.chat(Ask.generation, path: path)
            #expect(whole.status == 200 && whole.body.hasPrefix(#"{"output":{"choices":[{"message""#), "\(whole)")
            let stream = try weir.chat(Ask.generation, path: path, headers: ["X-DashScope-SSE: enable"])
            #expect(stream.isWhole && stream.body.hasPrefix("id:1\nevent:result\n:HTTP_STATUS/200\ndata:"), "\(stream)")
            #expect(stream.body.contains(#""finish_reason":"stop""#))
            #expect(weir.settles() && weir.held == .zero)
            let ends = try weir.ends()
            let record = weir.simulator.record()
            #expect(ends.count == 2 && record.count == 2)
            for (end, request) in zip(ends, record) {
                #expect(!end.estimated && end.usage.outputTokens == Int64(request.billedOutput))
                #expect(end.usage.inputTokens == Int64(request.billedInput))
            }
        }
    }
}
