import Core
import Foundation
import Gateway
import Ledger
import Policy
import Simulator
import Testing

@Suite("Azure's content filter")
struct ContentFilterTests {
    private static let scenario = """
        endpoints:
          - { name: one, provider: azure, output: 12, models: [up-m] }
          - { name: two, provider: azure, output: 12, models: [up-m] }
        """

    private static func with(_ fault: String, _ body: (Harness) async throws -> Void) async throws {
        try await Harness.with(
            scenario: scenario,
            endpoints: { ports in
                ["one", "two"].enumerated().map { index, name in
                    .test(name, port: ports[name] ?? 0, provider: .azure, basePath: "", priority: index)
                }
            }
        ) { weir async throws in
            try await weir.simulator.setFault(Fault(fault), endpoint: "one")
            try await body(weir)
        }
    }

    @Test(
        "A blocked prompt is the caller's to change: no other endpoint is asked, and the prompt is charged",
        arguments: [Ask.chat, Ask.stream])
    func prompt(_ ask: String) async throws {
        try await Self.with("filter-prompt") { weir async throws in
            let answer = try weir.chat(ask)
            #expect(answer.status == 400 && answer.code == "content_filter" && answer.isWhole, "\(answer)")
            let inner = answer.error?["innererror"] as? [String: Any]
            #expect(inner?["code"] as? String == "ResponsibleAIPolicyViolation")
            #expect(weir.settles())
            #expect(weir.simulator.record().map(\.endpoint) == ["one"])
            let end = try #require(try weir.ends().first)
            #expect(end.estimated && end.settled > .zero && end.usage.output == 0)
            #expect(end.usage.input >= Int64(weir.simulator.record()[0].billedInput))
        }
    }

    @Test("A blocked answer is delivered as it came, whole or cut, and charged in full")
    func output() async throws {
        try await Self.with("filter-output") { weir async throws in
            let whole = try weir.chat(Ask.chat)
            #expect(whole.status == 200 && whole.body.contains(#""finish_reason":"content_filter""#))
            #expect(!whole.body.contains(#""content":"#))
            let stream = try weir.chat(Ask.stream)
            #expect(
                stream.isWhole && stream.body.contains(#""finish_reason":"content_filter""#) && stream.body.hasSuffix(Say.done))
            #expect(weir.settles())
            #expect(try weir.ends().allSatisfy { $0.usage.output == 3 && !$0.estimated })
        }
    }

    @Test(
        "Notes of the asynchronous filter reach the caller where they stand, and a late block is the end that the provider said")
    func late() async throws {
        try await Self.with("filter-late") { weir async throws in
            let stream = try weir.chat(Ask.stream)
            #expect(stream.isWhole && stream.body.components(separatedBy: "content_filter_offsets").count == 3, "\(stream)")
            #expect(stream.body.hasPrefix(#"data: {"choices":[],"#) && stream.body.hasSuffix(Say.done))
            #expect(!stream.body.contains("completion_tokens"))
            #expect(weir.settles())
            #expect(try weir.ends().map(\.usage.output) == [12])
        }
    }

    @Test(
        "A caller of another dialect hears in its own words that the answer was refused, and pays the same",
        arguments: ["filter-output", "filter-late"])
    func translated(_ fault: String) async throws {
        try await Self.with(fault) { weir async throws in
            let tokens = fault == "filter-late" ? 12 : 3
            let stream = try weir.chat(Ask.messageStream, path: "/v1/messages", headers: ["anthropic-version: 2023-06-01"])
            #expect(stream.isWhole && stream.body.contains(#""stop_reason":"refusal""#), "\(stream)")
            #expect(stream.body.contains("event: message_stop"))
            let response = try weir.chat(Ask.responseStream, path: "/v1/responses")
            #expect(response.status == 200 && response.isWhole)
            #expect(weir.settles())
            #expect(try weir.ends().first?.usage.output == Int64(tokens))
            if fault == "filter-output" {
                let whole = try weir.chat(Ask.message, path: "/v1/messages", headers: ["anthropic-version: 2023-06-01"])
                #expect(whole.status == 200 && whole.body.contains(#""stop_reason":"refusal""#), "\(whole)")
            }
        }
    }

    @Test("A blocked prompt reads in the caller's dialect too")
    func translatedPrompt() async throws {
        try await Self.with("filter-prompt") { weir async throws in
            let answer = try weir.chat(Ask.message, path: "/v1/messages", headers: ["anthropic-version: 2023-06-01"])
            #expect(answer.status == 400 && answer.body.hasPrefix(#"{"type":"error","error":{"#), "\(answer)")
            #expect(answer.body.contains("content_filter") && answer.body.contains("content management policy"))
        }
    }

    @Test("What was filtered before the first word says nothing of how soon the model speaks")
    func firstToken() async throws {
        let first = #"data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[]}"# + "\n\n"
        let rest = [Say.delta("a"), Say.finish, Say.usageEvent, Say.done].map(Say.chunk).joined() + Say.lastChunk
        try await ScriptedUpstream.with({ _, _ in
            [.send(Say.streamHead + Say.chunk(first)), .wait(milliseconds: 200), .send(rest)]
        }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(endpoints: { _ in [.test("one", port: port, provider: .azure, basePath: "")] }) {
                weir async throws in
                #expect(try weir.chat(Ask.stream).isWhole)
                #expect(weir.settles())
                let learned = weir.board.health(of: weir.gateway.snapshot.catalogue)[0].firstTokenMicroseconds
                #expect(learned ?? 0 >= 190_000)
                #expect(try weir.ends().first?.facts.firstTokenMicroseconds ?? 0 >= 190_000)
            }
        }
    }
}
