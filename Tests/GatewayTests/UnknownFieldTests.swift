import Core
import Simulator
import Testing

/// What a newer version of an API may bring: members at every depth, in spellings that a re-encoder would lose.
private enum Future {
    /// Numbers beyond a double, an escape that need not be one, repeated inner keys, white space: kept only by who copies bytes.
    static let value =
        #"{ "since" : "2031-07",  "big":123456789012345678901234567890.10, "e":1E+2,"esc":"\u0041\/","twice":1,"twice":2 ,"漢":[ ]}"#
    static let member = #""x_future": "# + value
    /// In an event, on one line.
    static let chunkMember = #""x_future":"# + value
    static let headers = ["X-Future-Thing: one,  two", "x-future-thing: three", "OpenAI-Future-Version: 2031-07-01"]
}

/// One call: what the caller sends, what the endpoint must get, what it answers, what the caller must get.
private struct Crossing: Sendable, CustomTestStringConvertible {
    var name: String
    var provider = ProviderKind.compatible
    var basePath = "/v1"
    var path: String
    var asked: String
    var sent: String
    /// Of the answer's `x-weir-rewrites`.
    var rewrites: String
    var headers: [String] = []
    var status = "200 OK"
    /// A whole answer in one piece, or the events of a stream.
    var says: [String]
    var isStream = false
    /// The one event that must not arrive.
    var hidden: Int?

    var testDescription: String { name }

    var answer: String {
        isStream
            ? Say.streamHead.replacing("\r\n\r\n", with: "\r\n" + Future.headers.joined(separator: "\r\n") + "\r\n\r\n")
                + says.map(Say.chunk).joined() + Say.lastChunk
            : Say.json(says[0], status: status, headers: Future.headers)
    }
    var told: String { says.enumerated().filter { $0.offset != hidden }.map(\.element).joined() }
}

extension Crossing {
    private static let f = Future.member
    private static let c = Future.chunkMember

    static let all: [Crossing] = chat + completions + embeddings + responses + messages + generation

    private static let chatHead = #"{ \#(f), "model" : "m", "messages":[ {"role":"developer2","content":"hi", \#(f)},"#
        + #"{"role":"user","content":[{"type":"text","text":"hi", \#(f)}]}],"max_tokens":40,"#
        + #""tools":[{"type":"function","function":{"name":"t", \#(f)}, \#(f)}],"response_format":{"type":"x_future"}"#

    private static let chatEvents = [
        ": a comment\n\n",
        #"data: {"id":"c","choices":[],\#(c)}"# + "\n\n",
        "id: 7\nretry: 10\n" + #"data: {"object":"chat.completion.chunk2","choices":[{"index":0,"delta":{"content":"a",\#(c)},\#(c)}]}"#
            + "\n\n",
        "event: x_future\n" + #"data: {"type":"x_future",\#(c)}"# + "\r\n\r\n",
        #"data: {"choices":[{"index":0,"delta":{},"finish_reason":"x_future"}],"usage":null}"# + "\n\n",
        #"data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4,\#(c)},\#(c)}"# + "\n\n",
        Say.done,
    ]

    private static let chat = [
        Crossing(
            name: "chat, whole", path: "/v1/chat/completions", asked: chatHead + "}",
            sent: (chatHead + "}").replacing(#""model" : "m""#, with: #""model" : "up-m""#), rewrites: "model",
            says: [
                #"{"choices":[{"index":0,"message":{"role":"assistant","content":"ok", \#(f)}, \#(f)}],  \#(f),"#
                    + #""usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"# + "\n"
            ]),
        Crossing(
            name: "chat, an error", path: "/v1/chat/completions", asked: chatHead + "}",
            sent: (chatHead + "}").replacing(#""model" : "m""#, with: #""model" : "up-m""#), rewrites: "model",
            status: "400 Bad Request",
            says: [#"{"error":{"message":"no","type":"x_future","param":null,"code":"x_future", \#(f)}, \#(f)}"#]),
        Crossing(
            name: "chat, streamed, usage asked for", path: "/v1/chat/completions",
            asked: chatHead + #", "stream":true, "stream_options": { \#(f), "include_usage" : true }}"#,
            sent: chatHead.replacing(#""model" : "m""#, with: #""model" : "up-m""#)
                + #", "stream":true, "stream_options": { \#(f), "include_usage" : true }}"#,
            rewrites: "model", says: chatEvents, isStream: true),
        Crossing(
            name: "chat, streamed, usage not asked for", path: "/v1/chat/completions",
            asked: chatHead + #", "stream":true, "stream_options": { \#(f) }}"#,
            sent: chatHead.replacing(#""model" : "m""#, with: #""model" : "up-m""#)
                + #", "stream":true, "stream_options": {"include_usage":true, \#(f) }}"#,
            rewrites: "model, stream_options.include_usage", says: chatEvents, isStream: true, hidden: 5),
        Crossing(
            name: "chat at Azure, its own path", provider: .azure, basePath: "/openai/v1",
            path: "/openai/v1/chat/completions",
            asked: chatHead.replacing("max_tokens", with: "max_completion_tokens") + "}",
            sent: (chatHead.replacing("max_tokens", with: "max_completion_tokens") + "}")
                .replacing(#""model" : "m""#, with: #""model" : "up-m""#), rewrites: "model",
            says: [#"{"choices":[{"index":0,"message":{"content":"ok"},"content_filter_results":{\#(f)}}],\#(f)}"#]),
    ]

    private static let completions = [
        Crossing(
            name: "completions", path: "/v1/completions",
            asked: #"{"prompt":"hi", \#(f),"model":"m","max_tokens":40}"#,
            sent: #"{"prompt":"hi", \#(f),"model":"up-m","max_tokens":40}"#, rewrites: "model",
            says: [#"{"choices":[{"index":0,"text":"ok", \#(f)}], \#(f)}"#]),
        Crossing(
            name: "completions, streamed", path: "/v1/completions",
            asked: #"{"prompt":"hi", \#(f),"model":"m","max_tokens":40,"stream":true}"#,
            sent: #"{"stream_options":{"include_usage":true},"prompt":"hi", \#(f),"model":"up-m","max_tokens":40,"stream":true}"#,
            rewrites: "model, stream_options.include_usage",
            says: [
                #"data: {"choices":[{"index":0,"text":"ok",\#(c)}],\#(c)}"# + "\n\n",
                #"data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"# + "\n\n", Say.done,
            ], isStream: true, hidden: 1),
    ]

    private static let embeddings = [
        Crossing(
            name: "embeddings", path: "/v1/embeddings", asked: #"{"input":["hi"], \#(f),"model":"m","encoding_format":"x_future"}"#,
            sent: #"{"input":["hi"], \#(f),"model":"up-m","encoding_format":"x_future"}"#, rewrites: "model",
            says: [#"{"object":"list","data":[{"embedding":"AA==", \#(f)}],"usage":{"prompt_tokens":1,"total_tokens":1}, \#(f)}"#])
    ]

    private static let responseBody =
        #""model":"m","max_output_tokens":40, \#(f),"input":[{"type":"message","role":"user", \#(f),"#
        + #""content":[{"type":"input_text","text":"hi", \#(f)}]},{"type":"x_future_item", \#(f)}],"#
        + #""tools":[{"type":"function","name":"t", \#(f)}],"reasoning":{"effort":"x_future", \#(f)}"#

    private static let responseEnd =
        #"{"id":"resp_1","object":"response","status":"completed","output":[{"type":"x_future_item", \#(f)}],"#
        + #""usage":{"input_tokens":3,"output_tokens":1,"total_tokens":4}, \#(f)}"#

    private static let responses = [
        Crossing(
            name: "responses, whole", path: "/v1/responses", asked: "{" + responseBody + #","store":false}"#,
            sent: "{" + responseBody.replacing(#""model":"m""#, with: #""model":"up-m""#) + #","store":false}"#,
            rewrites: "model", says: [responseEnd]),
        Crossing(
            name: "responses, streamed, not to be kept", path: "/v1/responses",
            asked: "{" + responseBody + #","stream":true,"stream_options":{\#(f)}}"#,
            sent: #"{"store":false,"# + responseBody.replacing(#""model":"m""#, with: #""model":"up-m""#)
                + #","stream":true,"stream_options":{\#(f)}}"#,
            rewrites: "model, store",
            says: [
                "event: response.created\n" + #"data: {"type":"response.created","response":{"id":"resp_1",\#(c)},\#(c)}"# + "\n\n",
                "event: response.x_future.delta\n" + #"data: {"type":"response.x_future.delta","delta":"a",\#(c)}"# + "\n\n",
                "event: response.output_text.delta\n" + #"data: {"type":"response.output_text.delta","delta":"a",\#(c)}"#
                    + "\n\n",
                "event: response.completed\n" + #"data: {"type":"response.completed","response":\#(responseEnd)}"# + "\n\n",
            ], isStream: true),
    ]

    private static let messageBody =
        #"{"max_tokens":40,"model":"m", \#(f),"system":[{"type":"text","text":"s", \#(f)}],"messages":[{"role":"user", \#(f),"#
        + #""content":[{"type":"text","text":"hi", \#(f)},{"type":"x_future_block", \#(f)}]}],"#
        + #""tools":[{"name":"t","input_schema":{}, \#(f)}],"thinking":{"type":"x_future"}"#

    private static let messages = [
        Crossing(
            name: "messages, whole", provider: .anthropic, path: "/v1/messages", asked: messageBody + "}",
            sent: messageBody.replacing(#""model":"m""#, with: #""model":"up-m""#) + "}", rewrites: "model",
            headers: ["anthropic-version: 2031-07-01", "anthropic-beta: one-2031,two", "anthropic-beta: three"],
            says: [
                #"{"type":"message","content":[{"type":"x_future_block", \#(f)}],"stop_reason":"x_future", \#(f),"#
                    + #""usage":{"input_tokens":3,"output_tokens":1}}"#
            ]),
        Crossing(
            name: "messages, streamed", provider: .anthropic, path: "/v1/messages", asked: messageBody + #","stream":true}"#,
            sent: messageBody.replacing(#""model":"m""#, with: #""model":"up-m""#) + #","stream":true}"#, rewrites: "model",
            headers: ["anthropic-version: 2031-07-01", "anthropic-beta: one-2031,two"],
            says: [
                "event: message_start\n"
                    + #"data: {"type":"message_start","message":{"usage":{"input_tokens":3,"output_tokens":1},\#(c)},\#(c)}"# + "\n\n",
                "event: x_future\n" + #"data: {"type":"x_future",\#(c)}"# + "\n\n",
                "event: content_block_start\n"
                    + #"data: {"type":"content_block_start","index":0,"content_block":{"type":"x_future_block",\#(c)}}"# + "\n\n",
                "event: content_block_delta\n"
                    + #"data: {"type":"content_block_delta","index":0,"delta":{"type":"x_future_delta","text":"a",\#(c)}}"# + "\n\n",
                "event: message_delta\n"
                    + #"data: {"type":"message_delta","delta":{"stop_reason":"x_future",\#(c)},"usage":{"output_tokens":1}}"# + "\n\n",
                "event: message_stop\n" + #"data: {"type":"message_stop",\#(c)}"# + "\n\n",
            ], isStream: true),
    ]

    private static let generationPath = "/api/v1/services/aigc/text-generation/generation"
    private static let generationBody =
        #"{"model":"m", \#(f),"input":{"messages":[{"role":"user","content":"hi", \#(f)}], \#(f)},"#
        + #""parameters":{ "max_tokens":40, \#(f),"tools":[{"type":"function","function":{"name":"t"}, \#(f)}]}}"#

    private static let generation = [
        Crossing(
            name: "generation, whole", provider: .dashscope, basePath: "/compatible-mode/v1", path: generationPath,
            asked: generationBody, sent: generationBody.replacing(#""model":"m""#, with: #""model":"up-m""#), rewrites: "model",
            says: [
                #"{"output":{"choices":[{"finish_reason":"stop","message":{"role":"assistant","content":"ok", \#(f)}}], \#(f)},"#
                    + #""usage":{"input_tokens":3,"output_tokens":1}, \#(f)}"#
            ]),
        Crossing(
            name: "generation, streamed", provider: .dashscope, basePath: "/compatible-mode/v1", path: generationPath,
            asked: generationBody, sent: generationBody.replacing(#""model":"m""#, with: #""model":"up-m""#), rewrites: "model",
            headers: ["X-DashScope-SSE: enable"],
            says: [
                "id:1\nevent:x_future\n:HTTP_STATUS/200\n" + #"data:{"x_future":1}"# + "\n\n",
                "id:2\nevent:result\n:HTTP_STATUS/200\n"
                    + #"data:{"output":{"choices":[{"message":{"content":"ok",\#(c)},"finish_reason":"stop"}],\#(c)},"#
                    + #""usage":{"input_tokens":3,"output_tokens":1},\#(c)}"# + "\n\n",
            ], isStream: true),
    ]
}

/// The raw path copies what it does not know.
@Suite("Unknown fields of a newer API version survive both ways")
struct UnknownFieldTests {
    /// Without a limit of money, so that kinds of parts and items that nobody knows the price of may pass too.
    private func cross(
        _ crossing: Crossing, state: KeptState? = nil, _ body: (Harness, ScriptedUpstream, RawAnswer) throws -> Void
    ) async throws {
        let answer = crossing.answer
        try await ScriptedUpstream.with({ _, _ in [.send(answer)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                limit: nil,
                endpoints: { _ in
                    [.test("raw", port: port, provider: crossing.provider, basePath: crossing.basePath, state: state)]
                }
            ) { weir async throws in
                let answer = try weir.chat(crossing.asked, path: crossing.path, headers: crossing.headers)
                try body(weir, upstream, answer)
                #expect(weir.settles() && weir.held == .zero)
            }
        }
    }

    @Test("Byte for byte, but for what x-weir-rewrites names", arguments: Crossing.all)
    fileprivate func bytes(_ crossing: Crossing) async throws {
        try await cross(crossing) { _, upstream, answer in
            let received = try #require(upstream.requests.first, "\(answer)")
            #expect(received.body == crossing.sent)
            #expect(answer.body == crossing.told && answer.isWhole, "\(answer)")
            #expect(String(answer.status) == crossing.status.prefix(3))
            #expect(answer.header("x-weir-rewrites") == crossing.rewrites)
            #expect(upstream.requests.count == 1)
        }
    }

    @Test("Headers of an answer that Weir does not know arrive as they were sent, each in its own line", arguments: Crossing.all)
    fileprivate func answerHeaders(_ crossing: Crossing) async throws {
        let answer = crossing.answer
        try await ScriptedUpstream.with({ _, _ in [.send(answer)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                limit: nil,
                endpoints: { _ in [.test("raw", port: port, provider: crossing.provider, basePath: crossing.basePath)] }
            ) { weir async throws in
                let client = try RawClient(port: weir.port)
                try client.send(Harness.request(crossing.asked, path: crossing.path, headers: crossing.headers))
                let head = try client.read(until: "\r\n\r\n")
                for line in Future.headers { #expect(head.contains("\r\n\(line)\r\n"), "\(line) in \(head)") }
                _ = try client.answer()
                #expect(weir.settles())
            }
        }
    }

    @Test("Of a caller's headers those of its dialect go on, versions and betas that nobody knows yet among them, and no other")
    func requestHeaders() async throws {
        for crossing in Crossing.all {
            var asking = crossing
            asking.headers += ["X-Future-Thing: one", "OpenAI-Organization: other", "traceparent2: x"]
            try await cross(asking) { _, upstream, _ in
                let received = try #require(upstream.requests.first)
                for line in crossing.headers where line.hasPrefix("anthropic-") {
                    #expect(received.head.contains("\r\n\(line)"), "\(crossing.name): \(received.head)")
                }
                for name in ["x-future-thing", "openai-organization", "traceparent2"] {
                    #expect(received.header(name) == nil, "\(crossing.name): \(name)")
                }
            }
        }
    }

    @Test("Where answers are kept, their ids are changed and not a byte beside them", arguments: [false, true])
    func keptIDs(isStream: Bool) async throws {
        let crossing = try #require(Crossing.all.first { $0.path == "/v1/responses" && $0.isStream == isStream })
        var kept = crossing
        kept.asked = crossing.asked.replacing(#","store":false"#, with: "")
        kept.sent = kept.asked.replacing(#""model":"m""#, with: #""model":"up-m""#)
        try await cross(kept, state: KeptState(maxTokens: 100, allowsConversations: false)) { _, upstream, answer in
            #expect(upstream.requests.first?.body == kept.sent, "\(answer)")
            #expect(answer.header("x-weir-rewrites") == "model, response_id")
            let start = try #require(answer.body.firstRange(of: #""id":"resp_"#))
            let id = answer.body[start.lowerBound...].dropFirst(6).prefix { $0 != "\"" }
            #expect(id.count > 40)
            #expect(answer.body.replacing(id, with: "resp_1") == kept.told)
        }
    }

    @Test("Under a limit of money a part of an unknown kind is refused by name, since nobody knows what it costs")
    func refusedUnderLimit() async throws {
        try await Harness.with { weir async throws in
            for (path, body) in [
                ("/v1/chat/completions", #"{"model":"m","messages":[{"role":"user","content":[{"type":"x_future_part"}]}]}"#),
                ("/v1/responses", #"{"model":"m","input":[{"type":"x_future_part"}]}"#),
            ] {
                let answer = try weir.chat(body, path: path)
                #expect(answer.status == 400 && answer.code == "weir_unbounded_field", "\(answer)")
            }
            #expect(weir.simulator.record().isEmpty)
        }
    }
}
