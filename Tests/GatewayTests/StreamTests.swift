import Core
import Gateway
import Foundation
import Ledger
import Policy
import Simulator
import Testing

@Suite("Streams are what the provider sent")
struct StreamTests {
    private static func with(
        _ events: [String], _ body: (Harness, ScriptedUpstream) async throws -> Void
    ) async throws {
        let bytes = Say.stream(events)
        try await ScriptedUpstream.with({ _, _ in [.send(bytes)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(endpoints: { _ in [.test("raw", port: port)] }) { weir async throws in
                try await body(weir, upstream)
            }
        }
    }

    @Test("A stream is relayed byte for byte but for the usage event that only Weir asked for")
    func hidesUsage() async throws {
        let events = [": keep-alive\n\n", Say.delta("a"), Say.delta("b"), Say.finish]
        try await Self.with(events + [Say.usageEvent, Say.done]) { weir, upstream async throws in
            let answer = try weir.chat(Ask.stream)
            #expect(answer.status == 200 && answer.isWhole)
            #expect(answer.body == (events + [Say.done]).joined())
            #expect(answer.header("content-type") == "text/event-stream")
            #expect(answer.header("x-weir-rewrites")?.contains("stream_options.include_usage") == true)
            #expect(upstream.requests[0].body.contains(#""stream_options":{"include_usage":true}"#))
            #expect(weir.settles())
            let ends = try weir.ends()
            #expect(ends.count == 1 && !ends[0].estimated)
            #expect(ends.first?.usage == Usage(input: 10, output: 2))
            #expect(weir.held == .zero)
        }
    }

    @Test("A caller that asked for usage gets the event, and the stream is the provider's to the byte")
    func keepsUsage() async throws {
        let events = [Say.delta("a"), Say.finish, Say.usageEvent, Say.done]
        try await Self.with(events) { weir, upstream async throws in
            let answer = try weir.chat(Ask.streamWithUsage)
            #expect(answer.body == events.joined() && answer.isWhole)
            #expect(answer.header("x-weir-rewrites") == "model, output_limit")
            #expect(weir.settles())
            #expect(try weir.ends().first?.usage == Usage(input: 10, output: 2))
        }
    }

    @Test("Comments, CRLF line ends, fields of the event-stream format and a last event without its blank line stay as they came")
    func odd() async throws {
        let events = [
            ": one\n: two\n\n", "retry: 10\n\n", Say.delta("a").replacingOccurrences(of: "\n", with: "\r\n"),
            "id: 7\n" + Say.delta("b"),
            "event: message\n" + Say.finish, "data: [DONE]\n",
        ]
        try await Self.with(events) { weir, _ async throws in
            let answer = try weir.chat(Ask.streamWithUsage)
            #expect(answer.body == events.joined(), "\(answer)")
            #expect(answer.isWhole)
            #expect(weir.settles())
            let ends = try weir.ends()
            #expect(ends.count == 1 && ends.allSatisfy(\.estimated))
        }
    }

    @Test("Events may be cut into chunks at any byte")
    func cutAnywhere() async throws {
        let events = [Say.delta("é"), Say.delta("b"), Say.finish, Say.done].joined()
        let bytes = Array(events.utf8)
        for step in [1, 7, 64] {
            let pieces = stride(from: 0, to: bytes.count, by: step).map { start -> ScriptedUpstream.Act in
                let piece = bytes[start..<min(start + step, bytes.count)]
                return .send(String(piece.count, radix: 16) + "\r\n" + String(decoding: piece, as: UTF8.self) + "\r\n")
            }
            guard step != 1 || events.utf8.count == events.count else { continue }
            try await ScriptedUpstream.with({ _, _ in [.send(Say.streamHead)] + pieces + [.send(Say.lastChunk)] }) {
                upstream async throws in
                let port = upstream.port
                try await Harness.with(endpoints: { _ in [.test("raw", port: port)] }) { weir async throws in
                    let answer = try weir.chat(Ask.streamWithUsage)
                    #expect(answer.body == events && answer.isWhole, "step \(step): \(answer)")
                    #expect(weir.settles())
                }
            }
        }
    }

    @Test("Every provider's stream settles at what the provider bills", arguments: PlayedProvider.clouds)
    func providers(_ provider: PlayedProvider) async throws {
        let scenario = """
            endpoints:
              - name: one
                provider: \(provider.rawValue)
                basePath: /v1
                output: 12
                reasoning: 5
                cachedPercent: 50
                models: [up-m]
            """
        let kind: ProviderKind =
            switch provider {
            case .openai: .openai
            case .anthropic: .anthropic
            case .vllm: .vllm
            default: .compatible
            }
        let asks = provider == .anthropic ? [Ask.message, Ask.messageStream] : [Ask.chat, Ask.stream, Ask.streamWithUsage]
        try await Harness.with(
            scenario: scenario,
            endpoints: { ports in [.test("one", port: ports["one"] ?? 0, provider: kind)] }
        ) { weir async throws in
            for body in asks {
                let answer = try weir.chat(body, path: provider == .anthropic ? "/v1/messages" : "/v1/chat/completions")
                #expect(answer.status == 200 && answer.isWhole, "\(answer)")
            }
            #expect(weir.settles())
            #expect(eventually { weir.simulator.record().allSatisfy { $0.outcome == .completed } })
            let record = weir.simulator.record()
            let ends = try weir.ends()
            #expect(ends.count == asks.count && record.count == asks.count)
            for (end, request) in zip(ends, record) {
                #expect(!end.estimated)
                #expect(end.usage.input == Int64(request.billedInput - request.billedCached))
                #expect(end.usage.cachedInput == Int64(request.billedCached))
                #expect(end.usage.output + end.usage.reasoning == Int64(request.billedOutput))
            }
            #expect(weir.held == .zero)
        }
    }

    @Test("Azure's first event, which has filter results and no choices, reaches the caller")
    func azureFirstEvent() async throws {
        let scenario = """
            endpoints:
              - name: one
                provider: azure
                credential: secret
                models: [up-m]
            """
        try await Harness.with(
            scenario: scenario,
            endpoints: { ports in
                [.test("one", port: ports["one"] ?? 0, provider: .azure, basePath: "", credential: "secret")]
            }
        ) { weir async throws in
            let answer = try weir.chat(Ask.stream)
            #expect(answer.body.hasPrefix(#"data: {"choices":[],"created":0"#), "\(answer)")
            #expect(answer.body.contains("prompt_filter_results"))
            #expect(!answer.body.contains(#""completion_tokens""#))
            #expect(answer.body.hasSuffix(Say.done) && answer.isWhole)
        }
    }

    @Test("A Responses stream ends with its own event and settles at its usage")
    func responses() async throws {
        try await Harness.with { weir async throws in
            let answer = try weir.chat(Ask.responseStream, path: "/v1/responses")
            #expect(answer.status == 200 && answer.isWhole, "\(answer)")
            #expect(answer.body.contains("event: response.completed"))
            #expect(!answer.body.contains("weir_"))
            #expect(weir.settles())
            let ends = try weir.ends()
            #expect(ends.count == 1 && ends[0].how == .settled && !ends[0].estimated)
            #expect(eventually { weir.simulator.record()[0].outcome == .completed })
            #expect(ends[0].usage.output == Int64(weir.simulator.record()[0].billedOutput))
        }
    }

    @Test("Keep-alive comments reach the caller while the model thinks")
    func keepAlive() async throws {
        let scenario = """
            endpoints:
              - name: one
                provider: openai
                firstToken: 600ms
                keepAlive: 30ms
                models: [up-m]
            """
        try await Harness.with(scenario: scenario) { weir async throws in
            let client = try RawClient(port: weir.port)
            try client.send(Harness.request(Ask.stream))
            #expect(try !client.read(until: ": keep-alive\n\n").contains("data:"))
            _ = try client.read(until: "data: [DONE]\n\n\r\n0\r\n\r\n")
            #expect(weir.settles())
        }
    }

    @Test("A slow drip of bytes is relayed whole, and each event at once when it is complete")
    func drip() async throws {
        let first = Say.chunk(Say.delta("a"))
        let rest = Say.chunk(Say.finish) + Say.chunk(Say.usageEvent) + Say.chunk(Say.done) + Say.lastChunk
        let script: [ScriptedUpstream.Act] =
            [.send(Say.streamHead), .send(first), .wait(milliseconds: 500)]
            + rest.map { .send(String($0)) }
        try await ScriptedUpstream.with({ _, _ in script }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(endpoints: { _ in [.test("raw", port: port)] }) { weir async throws in
                let client = try RawClient(port: weir.port)
                try client.send(Harness.request(Ask.stream))
                #expect(try !client.read(until: Say.delta("a")).contains("stop"))
                _ = try client.read(until: "\r\n0\r\n\r\n")
                #expect(weir.settles())
                #expect(try weir.ends().first?.estimated == false)
            }
        }
    }

    @Test("An endpoint's first token and pace are learned from its streams, and not from one that broke")
    func learned() async throws {
        let scenario = """
            endpoints:
              - name: one
                output: 40
                firstToken: 150ms
                pace: 200
                models: [up-m]
                faults: [{fault: "cut-stream:20", requests: [1]}]
            """
        try await Harness.with(scenario: scenario) { weir async throws in
            func health() -> Health? { weir.board.health(of: weir.gateway.snapshot.catalogue).first }
            _ = try weir.chat(Ask.stream)
            #expect(health()?.firstTokenMicroseconds == nil && health()?.tokensInThousandSeconds == nil)
            for _ in 0..<3 { #expect(try weir.chat(Ask.stream).isWhole) }
            let found = try #require(health())
            // Timers of a busy machine are late, and never early.
            #expect((150_000..<600_000).contains(try #require(found.firstTokenMicroseconds)))
            #expect((60_000...215_000).contains(try #require(found.tokensInThousandSeconds)))
        }
    }
}
