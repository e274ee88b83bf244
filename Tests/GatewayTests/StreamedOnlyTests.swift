import Core
import Ledger
import NIOCore
import Simulator
import Testing
import Wire

/// Models that give some or all answers as streams only.
@Suite("A caller that wants a whole answer gets one, also of a model that only streams")
struct StreamedOnlyTests {
    private static func scenario(_ provider: String, _ only: String, more: String = "") -> String {
        """
        endpoints:
          - name: one
            provider: \(provider)
            output: 12
            reasoning: 3
            cachedPercent: 25
            streamsOnly: \(only)
            models: [up-m]
        \(more)
        """
    }

    private func with(
        _ provider: ProviderKind = .dashscope, only: String = "always", _ quirks: ModelQuirks = ModelQuirks(answers: .streamed),
        more: String = "", limit: Money? = Money(dollars: "1000"), _ body: @Sendable (Harness) async throws -> Void
    ) async throws {
        try await Harness.with(
            scenario: Self.scenario(provider.rawValue, only, more: more), limit: limit,
            endpoints: { ports in
                ports.sorted { $0.key < $1.key }.enumerated().map { index, port in
                    var endpoint = Endpoint.test(
                        port.key, port: port.value, provider: provider,
                        basePath: provider == .dashscope ? "/compatible-mode/v1" : "/v1", priority: index + 1)
                    endpoint.models = endpoint.models.mapValues {
                        var served = $0
                        served.quirks = quirks
                        return served
                    }
                    return endpoint
                }
            }, body)
    }

    private static let tool =
        #""tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}],"tool_choice":"required""#

    @Test("in every dialect, charged by the stream's usage, and told so")
    func dialects() async throws {
        let calls: [(body: String, path: String, dialect: Dialect)] = [
            (Ask.chat, "/v1/chat/completions", .chat), (Ask.message, "/v1/messages", .messages),
            (Ask.response, "/v1/responses", .responses),
            (Ask.generation, "/api/v1/services/aigc/text-generation/generation", .generation),
        ]
        // DashScope speaks three of them itself; OpenAI's compatible kind has one more; vLLM none of Anthropic's.
        for provider in [ProviderKind.dashscope, .vllm] {
            try await with(provider) { weir async throws in
                for (body, path, dialect) in calls {
                    let answer = try weir.chat(body, path: path)
                    #expect(answer.status == 200 && answer.isWhole, "\(provider) \(dialect): \(answer)")
                    #expect(answer.header("content-type") == "application/json" && answer.header("content-length") != nil)
                    #expect(answer.header("x-weir-rewrites")?.contains("stream") == true, "\(answer)")
                    let scan = try readAnswer(ByteBuffer(string: answer.body))
                    #expect(scan.usage?.outputTokens == 15 && scan.error == nil, "\(provider) \(dialect): \(answer)")
                    switch dialect {
                    case .messages:
                        #expect(answer.body.contains(#""stop_reason":"end_turn""#) && answer.body.contains(#""type":"message""#))
                    case .responses:
                        #expect(answer.body.contains(#""status":"completed""#) && answer.body.contains(#""object":"response""#))
                    default: #expect(answer.body.contains(#""finish_reason":"stop""#))
                    }
                }
                #expect(weir.settles() && weir.held == .zero)
                let ends = try weir.ends()
                let record = weir.simulator.record()
                #expect(ends.count == calls.count && record.count == calls.count)
                for (end, request) in zip(ends, record) {
                    #expect(!end.estimated && end.usage.outputTokens == Int64(request.billedOutput))
                    #expect(end.usage.inputTokens == Int64(request.billedInput))
                }
            }
        }
    }

    @Test("with its tools, thoughts and several choices as a whole answer has them")
    func parts() async throws {
        try await with { weir async throws in
            let called = try weir.chat(#"{"model":"m","messages":[{"role":"user","content":"a"}],\#(Self.tool),"stream":false}"#)
            let call = try tree(called)["choices"]?.array?.first
            let tool = call?["message"]?["tool_calls"]?.array?.first
            #expect(call?["finish_reason"]?.string == "tool_calls" && tool?["function"]?["name"]?.string == "look", "\(called)")
            #expect(JSON(within: tool?["function"]?["arguments"]?.string ?? "")?["city"] != nil && tool?["index"] == nil)
            let chosen = try weir.chat(#"{"model":"m","n":3,"messages":[{"role":"user","content":"a"}]}"#)
            let choices = try tree(chosen)["choices"]?.array ?? []
            #expect(choices.map { $0["index"]?.integer } == [0, 1, 2], "\(chosen)")
            #expect(choices.allSatisfy { $0["message"]?["reasoning_content"]?.string?.isEmpty == false })
            // A stream stays one.
            let stream = try weir.chat(Ask.stream)
            #expect(
                stream.header("content-type")?.hasPrefix("text/event-stream") == true && stream.body.hasSuffix("data: [DONE]\n\n")
            )
            #expect(stream.header("x-weir-rewrites")?.split(separator: ", ").contains("stream") == false)
            #expect(weir.settles() && weir.held == .zero)
        }
    }

    @Test("of Qwen's hybrid models where it thinks; else it is asked as it came")
    func hybrid() async throws {
        let off = #"{"model":"m","enable_thinking":false,"messages":[{"role":"user","content":"a"}]}"#
        let on = #"{"model":"m","enable_thinking":true,"messages":[{"role":"user","content":"a"}]}"#
        let effort = #"{"model":"m","reasoning_effort":"high","messages":[{"role":"user","content":"a"}]}"#
        // Without configuration: DashScope's models think when they are told to.
        try await with(only: "thinking", ModelQuirks()) { weir async throws in
            for (body, isStreamed) in [(off, false), (on, true), (Ask.chat, false), (effort, true)] {
                let answer = try weir.chat(body)
                #expect(answer.status == 200, "\(body): \(answer)")
                #expect(answer.header("x-weir-rewrites")?.contains("stream") == isStreamed, "\(body): \(answer)")
            }
            #expect(weir.settles())
        }
        try await with(only: "unlessOff", ModelQuirks(answers: .streamedUnlessOff)) { weir async throws in
            for (body, isStreamed) in [(off, false), (on, true), (Ask.chat, true)] {
                let answer = try weir.chat(body)
                #expect(answer.status == 200, "\(body): \(answer)")
                #expect(answer.header("x-weir-rewrites")?.contains("stream") == isStreamed, "\(body): \(answer)")
            }
            #expect(weir.settles())
        }
    }

    private static let late: [Fault] = [
        .cutStream(event: 6), .cutInside(event: 6), .endEarly(event: 6), .resetStream(event: 6), .malformedEvent(event: 6),
        .badChunk(event: 6), .errorEvent(event: 6),
    ]
    private static let early: [Fault] = [
        .status(500, code: nil), .status(429, code: nil), .status(400, code: nil), .noAnswer, .garbage, .refuse,
        .errorEvent(event: 1),
    ]

    @Test("or an error with a status where the stream fails, charged for what was said, with one end for each attempt")
    func faults() async throws {
        // An endpoint of its own for each fault, so that none rests for another's sake.
        let faults = Self.late + Self.early
        let scenario =
            "endpoints:\n"
            + faults.enumerated().map { index, fault in
                """
                  - name: e\(index)
                    provider: vllm
                    output: 12
                    streamsOnly: always
                    models: [up-m\(index)]
                    faults: ["\(fault.text)"]

                """
            }.joined()
        try await Harness.with(
            scenario: scenario,
            endpoints: { ports in
                faults.indices.map { index in
                    var endpoint = Endpoint.test(
                        "e\(index)", port: ports["e\(index)"] ?? 0, provider: .vllm, models: ["m\(index)"])
                    endpoint.models["m\(index)"]?.quirks = ModelQuirks(answers: .streamed)
                    return endpoint
                }
            }
        ) { weir async throws in
            for (index, fault) in faults.enumerated() {
                for path in ["/v1/chat/completions", "/v1/messages"] {
                    let body = Ask.message.replacing(#""model":"m""#, with: #""model":"m\#(index)""#)
                    let answer = try weir.chat(body, path: path)
                    #expect(answer.status >= 400 && answer.isWhole && answer.body.contains("error"), "\(fault.text): \(answer)")
                    #expect(
                        !answer.body.contains("finish_reason") && !answer.body.contains("end_turn"), "\(fault.text): \(answer)")
                }
            }
            let entries = try weir.entries()
            let holds = entries.compactMap { if case .hold(let hold) = $0 { hold } else { nil } }
            let ends = entries.compactMap { if case .end(let end) = $0 { end } else { nil } }
            let doubts = entries.count { if case .doubt = $0 { true } else { false } }
            #expect(ends.count + doubts == holds.count && Set(ends.map(\.attempt)).count == ends.count)
            // What was said before the break is charged, at every one of the late faults.
            for hold in holds {
                guard let index = Int(hold.route.endpoint.dropFirst()), index < Self.late.count else { continue }
                let end = ends.first { $0.attempt == hold.attempt }
                #expect(end.map { $0.estimated && $0.settled > .zero } == true, "\(faults[index].text)")
            }
            #expect(weir.settles(holds: doubts))
        }
    }

    @Test("from another endpoint where the first one's stream broke; both are charged")
    func failover() async throws {
        let second = """
              - name: two
                provider: dashscope
                output: 12
                streamsOnly: always
                models: [up-m]
            """
        try await with(more: second) { weir async throws in
            try await weir.simulator.setFault(.cutStream(event: 6), endpoint: "one", times: 1)
            let answer = try weir.chat(Ask.chat)
            #expect(answer.status == 200 && answer.header("x-weir-endpoint") == "two", "\(answer)")
            #expect(weir.settles() && weir.held == .zero)
            let ends = try weir.ends()
            #expect(ends.count == 2 && ends.allSatisfy { $0.settled > .zero } && ends.map(\.estimated) == [true, false])
        }
    }

    private static let ask = #"{"model":"m","max_tokens":8,"messages":[{"role":"user","content":"hello there"}]}"#

    private func scripted(
        _ events: [String], limit: String, _ body: @Sendable (Harness, ScriptedUpstream) async throws -> Void
    ) async throws {
        let script: [ScriptedUpstream.Act] =
            [.send(Say.streamHead)] + events.flatMap { [.send(Say.chunk($0)), .wait(milliseconds: 2)] } + [.send(Say.lastChunk)]
        try await ScriptedUpstream.with({ _, _ in script }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                limit: Money(dollars: limit),
                endpoints: { _ in
                    var endpoint = Endpoint.test("raw", port: port)
                    endpoint.models["m"]?.quirks = ModelQuirks(answers: .streamed)
                    return [endpoint]
                }
            ) { weir async throws in try await body(weir, upstream) }
        }
    }

    @Test("One that runs past its hold has it lengthened, and comes whole when that is on disk")
    func lengthened() async throws {
        let events = (1...400).map { _ in Say.delta("a") } + [Say.finish, Say.usageEvent, Say.done]
        try await scripted(events, limit: "1") { weir, upstream async throws in
            let answer = try weir.chat(Self.ask)
            #expect(answer.status == 200 && answer.body.contains(String(repeating: "a", count: 400)), "\(answer)")
            #expect(weir.settles() && weir.held == .zero)
            #expect(try weir.entries().contains { if case .lengthened = $0 { true } else { false } })
            #expect(upstream.requests[0].body.contains(#""stream":true"#))
        }
    }

    @Test("and is stopped with a status where there is no money for more")
    func stopped() async throws {
        let events = (1...2_000).map { _ in Say.delta("a") } + [Say.finish, Say.done]
        try await scripted(events, limit: "0.0007") { weir, upstream async throws in
            let answer = try weir.chat(Self.ask)
            #expect(answer.status == 429 && answer.isWhole && answer.body.contains("weir_limit_reached"), "\(answer)")
            #expect(weir.settles() && weir.held == .zero)
            let ends = try weir.ends()
            #expect(ends.count == 1 && ends[0].estimated && ends[0].settled > .zero)
        }
    }

    @Test("A caller that leaves has its answer read on, and the charge is what the provider told")
    func leaves() async throws {
        let events = (1...60).map { _ in Say.delta("a") } + [Say.finish, Say.usageEvent, Say.done]
        try await scripted(events, limit: "1") { weir, upstream async throws in
            let client = try RawClient(port: weir.port)
            try client.send(Harness.request(Self.ask))
            #expect(eventually { upstream.requests.count == 1 })
            client.close()
            #expect(weir.settles(within: 5))
            let ends = try weir.ends()
            #expect(ends.count == 1 && !ends[0].estimated && ends[0].usage.outputTokens == 2)
        }
    }

    @Test("An end that gives no reason is no answer")
    func unfinished() async throws {
        try await scripted([Say.delta("a"), Say.usageEvent, Say.done], limit: "1") { weir, _ async throws in
            let answer = try weir.chat(Self.ask)
            #expect(answer.status == 502 && answer.body.contains("weir_malformed_answer"), "\(answer)")
            #expect(weir.settles() && weir.held == .zero)
        }
    }

    private func tree(_ answer: RawAnswer) throws -> JSON { try JSON(ByteBuffer(string: answer.body)) }
}
