import Foundation
import NIOPosix
import Testing

@testable import Simulator

/// What the simulator plays, held against what was recorded of the real ones: which members there are, of which kinds, and how streams begin
/// and end.
@Suite("Recorded answers and played ones")
struct RecordedShapeTests {
    struct Pair: Sendable, CustomTestStringConvertible {
        var recorded: String
        var provider: PlayedProvider
        var path = "/chat/completions"
        var body: String
        /// Paths that the simulator does not play, and why.
        var missing: [String: String] = [:]
        /// Paths that it plays and that recording did not have, and why.
        var more: [String: String] = [:]
        var testDescription: String { recorded }
        var isStream: Bool { recorded.hasSuffix(".sse") }
    }

    private static let usage = #""stream":true,"stream_options":{"include_usage":true},"#
    private static let tool =
        #""tools":[{"type":"function","function":{"name":"t","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}}],"tool_choice":"required","#
    private static func ask(_ more: String = "", model: String = "m") -> String {
        #"{\#(more)"model":"\#(model)","max_tokens":400,"messages":[{"role":"user","content":"hi there"}]}"#
    }

    static let pairs: [Pair] = [
        Pair(recorded: "openai-chat-stream-2026.sse", provider: .openai, body: ask(usage)),
        Pair(recorded: "openai-chat-2026.json", provider: .openai, body: ask()),
        Pair(
            recorded: "azure-chat-stream.sse", provider: .azure, body: ask(#""stream":true,"#),
            missing: ["system_fingerprint: null": "an older model had none"],
            more: [
                "choices[].delta.refusal: null": "newer than the recording",
                "system_fingerprint: string": "an older model had none",
            ]),
        Pair(
            recorded: "azure-chat.json", provider: .azure, body: ask(),
            missing: ["system_fingerprint: null": "an older model had none"],
            more: [
                "choices[].message.annotations: array": "newer than the recording",
                "choices[].message.refusal: null": "newer than the recording",
                "system_fingerprint: string": "newer than the recording",
                "usage.completion_tokens_details.accepted_prediction_tokens: number": "newer than the recording",
                "usage.completion_tokens_details.audio_tokens: number": "newer than the recording",
                "usage.completion_tokens_details.reasoning_tokens: number": "newer than the recording",
                "usage.completion_tokens_details.rejected_prediction_tokens: number": "newer than the recording",
                "usage.completion_tokens_details: object": "newer than the recording",
                "usage.prompt_tokens_details.audio_tokens: number": "newer than the recording",
                "usage.prompt_tokens_details.cached_tokens: number": "newer than the recording",
                "usage.prompt_tokens_details: object": "newer than the recording",
            ]),
        Pair(recorded: "alibaba-text-stream.sse", provider: .dashscope, body: ask(usage)),
        Pair(recorded: "alibaba-text.json", provider: .dashscope, body: ask()),
        Pair(
            recorded: "alibaba-reasoning-stream.sse", provider: .dashscope, body: ask(usage, model: "thinks"),
            missing: ["choices[].delta.reasoning_content: null": "left out beside text"]),
        Pair(
            recorded: "alibaba-tool-call-stream.sse", provider: .dashscope, body: ask(usage + tool),
            more: ["choices[].delta.content: string": "an empty text beside the call"]),
        Pair(recorded: "alibaba-tool-call.json", provider: .dashscope, body: ask(tool)),
        Pair(recorded: "deepseek-text-stream.sse", provider: .deepseek, body: ask(usage)),
        Pair(recorded: "deepseek-text.json", provider: .deepseek, body: ask()),
        Pair(
            recorded: "deepseek-reasoning-stream.sse", provider: .deepseek, body: ask(usage, model: "thinks"),
            missing: ["choices[].delta.reasoning_content: null": "left out beside text"]),
        Pair(
            recorded: "deepseek-tool-call-stream.sse", provider: .deepseek, body: ask(usage + tool),
            missing: [
                "choices[].delta.reasoning_content: null": "the recorded model thought before it called",
                "choices[].delta.reasoning_content: string": "the recorded model thought before it called",
                "usage.completion_tokens_details.reasoning_tokens: number": "the recorded model thought before it called",
                "usage.completion_tokens_details: object": "the recorded model thought before it called",
            ]),
        Pair(
            recorded: "anthropic-text-2026-stream.sse", provider: .anthropic, path: "/messages", body: ask(#""stream":true,"#),
            missing: ["message.usage.inference_geo: string": "says a place, which nothing is played of"],
            more: [
                "usage.cache_creation.ephemeral_1h_input_tokens: number": "told again at the end",
                "usage.cache_creation.ephemeral_5m_input_tokens: number": "told again at the end",
                "usage.cache_creation: object": "told again at the end", "usage.service_tier: string": "told again at the end",
            ]),
        Pair(
            recorded: "openai-responses-stream.sse", provider: .openai, path: "/responses",
            body: #"{"model":"m","input":"hi there","stream":true}"#,
            missing: [
                "response.max_tool_calls: null": "an echo of a request's member that is not played",
                "response.prompt_cache_key: null": "an echo of a request's member that is not played",
                "response.prompt_cache_retention: null": "an echo of a request's member that is not played",
                "response.safety_identifier: null": "an echo of a request's member that is not played",
                "response.text.verbosity: string": "an echo of a request's member that is not played",
                "response.top_logprobs: number": "an echo of a request's member that is not played",
            ],
            more: [
                "response.usage.input_tokens_details.cache_write_tokens: number": "newer than the recording: the document has it"
            ]),
    ]

    private static func data(_ text: String, isStream: Bool) throws -> [JSON] {
        let texts =
            isStream
            ? text.components(separatedBy: "\n").filter { $0.hasPrefix("data:") }
                .map { String($0.dropFirst(5)).trimmingCharacters(in: .whitespaces) }.filter { $0 != "[DONE]" } : [text]
        return try texts.map { try #require(JSONReader.read(Array($0.utf8)), "\($0)") }
    }

    /// `choices[].delta.content: string`, of every value in all events.
    private static func shape(_ values: [JSON]) -> Set<String> {
        var found: Set<String> = []
        func walk(_ value: JSON, _ path: String) {
            switch value {
            case .object(let members):
                if !path.isEmpty { found.insert(path + ": object") }
                for member in members { walk(member.value, path.isEmpty ? member.key : "\(path).\(member.key)") }
            case .array(let items):
                found.insert(path + ": array")
                for item in items { walk(item, path + "[]") }
            case .string: found.insert(path + ": string")
            case .number: found.insert(path + ": number")
            case .bool: found.insert(path + ": bool")
            case .null: found.insert(path + ": null")
            }
        }
        for value in values { walk(value, "") }
        return found
    }

    /// The last line that is not empty, and how many events from the end tell usage.
    private static func ending(_ text: String, _ values: [JSON]) -> [String] {
        let last = text.components(separatedBy: "\n").last { !$0.trimmingCharacters(in: .whitespaces).isEmpty } ?? ""
        let usage = values.reversed().firstIndex { $0["usage"]?.members != nil }.map {
            values.reversed().distance(from: values.reversed().startIndex, to: $0)
        }
        let empty = values.reversed().first.map { $0["choices"]?.array?.isEmpty == true } ?? false
        return [
            last == "data: [DONE]" ? "[DONE]" : "an event", "usage \(usage.map(String.init) ?? "nowhere")",
            "last without choices: \(empty)",
        ]
    }

    @Test("have the same members of the same kinds, and streams end alike, but for what is said here", arguments: pairs)
    func shapes(_ pair: Pair) async throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Cases/transcripts/\(pair.recorded)")
        let recorded = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        let scenario = """
            endpoints:
              - name: one
                provider: \(pair.provider.rawValue)
                output: 12
                cachedPercent: 50
                models: [m, { name: thinks, reasoning: 8 }]
            """
        let simulator = try await RunningSimulator.start(
            try Scenario.load(yaml: scenario, file: "shapes"), group: .singletonMultiThreadedEventLoopGroup)
        let client = try RawClient(port: try #require(simulator.ports["one"]))
        try client.send(
            Harness.request(pair.body, path: pair.provider.basePath + pair.path, headers: ["anthropic-version: 2023-06-01"]))
        let answer = try client.answer()
        await simulator.stop()
        #expect(answer.status == 200, "\(answer)")
        let (real, played) = (
            try Self.data(recorded, isStream: pair.isStream), try Self.data(answer.body, isStream: pair.isStream)
        )
        let (wanted, found) = (Self.shape(real), Self.shape(played))
        let missing = wanted.subtracting(found).subtracting(pair.missing.keys).sorted()
        let more = found.subtracting(wanted).subtracting(pair.more.keys).sorted()
        #expect(missing.isEmpty && more.isEmpty, "not played: \(missing); not recorded: \(more)")
        // A difference that is no more is to be taken off the list.
        let stale = Set(pair.missing.keys).subtracting(wanted.subtracting(found)).union(
            Set(pair.more.keys).subtracting(found.subtracting(wanted)))
        #expect(stale.isEmpty, "listed, and no difference: \(stale.sorted())")
        if pair.isStream { #expect(Self.ending(recorded, real) == Self.ending(answer.body, played)) }
    }
}
