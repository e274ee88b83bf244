import Core
import Ledger
import Simulator
import Testing

/// Anthropic's Messages at clouds whose own dialect is OpenAI's.
@Suite("Messages go on as they came where a cloud has Anthropic's dialect beside its own")
struct MessagesBesideTests {
    static let clouds: [(provider: ProviderKind, played: String, basePath: String)] = [
        (.deepseek, "deepseek", "/v1"), (.dashscope, "dashscope", "/compatible-mode/v1"), (.modelarts, "huawei", "/v1"),
    ]

    private func with(
        _ index: Int, _ path: MessagesPath, _ body: @Sendable (Harness) async throws -> Void
    ) async throws {
        let (provider, played, basePath) = Self.clouds[index]
        let scenario = """
            endpoints:
              - name: one
                provider: \(played)
                credential: sk-own
                output: 12
                reasoning: 4
                cachedPercent: 50
                models: [up-m]
            """
        try await Harness.with(
            scenario: scenario,
            endpoints: { ports in
                var endpoint = Endpoint.test(
                    "one", port: ports["one"] ?? 0, provider: provider, basePath: basePath, credential: "sk-own")
                endpoint.models["m"]?.quirks = ModelQuirks(messages: path)
                return [endpoint]
            }, body)
    }

    @Test("plain, streamed and with tools, at their own path, charged by their own usage", arguments: clouds.indices)
    func raw(_ index: Int) async throws {
        try await with(index, .raw) { weir async throws in
            let whole = try weir.chat(Ask.message, path: "/v1/messages")
            #expect(whole.status == 200 && whole.body.contains(#""stop_reason":"end_turn""#), "\(whole)")
            #expect(whole.header("x-weir-rewrites")?.contains("dialect") == false)
            let stream = try weir.chat(Ask.messageStream, path: "/v1/messages")
            #expect(
                stream.isWhole && stream.body.hasPrefix("event: message_start\n") && stream.body.hasSuffix("message_stop\"}\n\n"))
            // A signature goes through as it came: nothing was translated.
            #expect(stream.body.contains("signature_delta"))
            let tools =
                #"{"model":"m","max_tokens":40,"messages":[{"role":"user","content":"a"}],"tools":[{"name":"look","input_schema":{"type":"object"}}],"#
                + #""tool_choice":{"type":"tool","name":"look"}}"#
            let called = try weir.chat(tools, path: "/v1/messages")
            #expect(called.body.contains(#""stop_reason":"tool_use""#) && called.body.contains(#""name":"look""#), "\(called)")
            #expect(weir.settles() && weir.held == .zero)
            let ends = try weir.ends()
            let record = weir.simulator.record()
            #expect(
                ends.count == 3 && record.map(\.path).allSatisfy { $0.hasSuffix("anthropic/v1/messages") },
                "\(record.map(\.path))")
            for (end, request) in zip(ends, record) {
                #expect(!end.estimated && end.usage.outputTokens == Int64(request.billedOutput))
                #expect(end.usage.inputTokens == Int64(request.billedInput))
            }
            // The cloud's other dialect is as near.
            let chat = try weir.chat(Ask.chat)
            #expect(chat.status == 200 && weir.simulator.record().last?.path.hasSuffix("/chat/completions") == true)
        }
    }

    @Test("Its errors and broken streams are Anthropic's", arguments: clouds.indices)
    func errors(_ index: Int) async throws {
        try await with(index, .raw) { weir async throws in
            try await weir.simulator.setFault(.status(400, code: nil), endpoint: "one", times: 1)
            let refused = try weir.chat(Ask.message, path: "/v1/messages")
            #expect(
                refused.status == 400 && refused.body.hasPrefix(#"{"type":"error","error":{"type":"invalid_request_error""#),
                "\(refused)")
            try await weir.simulator.setFault(.cutStream(event: 6), endpoint: "one", times: 1)
            let cut = try weir.chat(Ask.messageStream, path: "/v1/messages")
            #expect(cut.status == 200 && !cut.isWhole && cut.body.contains("event: error\ndata: {\"type\":\"error\""), "\(cut)")
            #expect(weir.settles() && weir.held == .zero)
        }
    }

    @Test("and are translated where the model does not take them so", arguments: clouds.indices)
    func translated(_ index: Int) async throws {
        try await with(index, .translated) { weir async throws in
            let answer = try weir.chat(Ask.message, path: "/v1/messages")
            #expect(answer.status == 200 && answer.header("x-weir-rewrites")?.hasPrefix("dialect") == true, "\(answer)")
            #expect(weir.simulator.record().allSatisfy { $0.path.hasSuffix("/chat/completions") })
            #expect(weir.settles())
        }
    }

    @Test("What DeepSeek would disregard is refused by its name, before anything is sent")
    func disregarded() async throws {
        try await with(0, .raw) { weir async throws in
            for (member, field) in [
                (#""top_k":5"#, "top_k"), (#""service_tier":"auto""#, "service_tier"),
                (#""tool_choice":{"type":"auto","disable_parallel_tool_use":true}"#, "tool_choice.disable_parallel_tool_use"),
            ] {
                let body = #"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"}],\#(member)}"#
                let answer = try weir.chat(body, path: "/v1/messages")
                #expect(
                    answer.status == 400 && answer.body.contains("weir_not_carried") && answer.body.contains("`\(field)`"),
                    "\(answer)")
            }
            #expect(weir.simulator.record().isEmpty)
            #expect(try weir.holds().isEmpty)
        }
    }
}
