import Core
import NIOCore
import Providers
import Testing
import Wire

@Suite("What a model is asked in its own way")
struct QuirkTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String { "\(provider.rawValue) \(model): \(body)" }
        var provider: ProviderKind
        var model: String
        var quirks = ModelQuirks()
        var dialect = Dialect.chat
        var limit: Int64?
        var body: String
        var expected: String
        var rewrites: [Rewrite]

        init(
            at provider: ProviderKind, _ model: String = "m", _ quirks: ModelQuirks = ModelQuirks(), _ dialect: Dialect = .chat,
            limit: Int64? = nil, from body: String, becomes expected: String, _ rewrites: Rewrite...
        ) {
            (self.provider, self.model, self.quirks, self.dialect, self.limit) = (provider, model, quirks, dialect, limit)
            (self.body, self.expected, self.rewrites) = (body, expected, rewrites)
        }

        /// It needs no change.
        init(
            at provider: ProviderKind, _ model: String = "m", _ quirks: ModelQuirks = ModelQuirks(), _ dialect: Dialect = .chat,
            stays body: String
        ) {
            self.init(at: provider, model, quirks, dialect, from: body, becomes: body)
        }
    }

    static let limits: [Case] = [
        Case(
            at: .openai, "gpt-5.1", from: #"{"model":"gpt-5.1","max_tokens":9}"#,
            becomes: #"{"model":"gpt-5.1","max_completion_tokens":9}"#, .limitName),
        Case(
            at: .azure, "o3-mini", limit: 5, from: #"{"max_tokens" : 9,"model":"o3-mini"}"#,
            becomes: #"{"max_completion_tokens" : 5,"model":"o3-mini"}"#, .limitName, .outputLimit),
        Case(at: .openai, "gpt-4o", stays: #"{"model":"gpt-4o","max_tokens":9}"#),
        Case(at: .openai, "gpt-5.1", stays: #"{"model":"gpt-5.1","max_completion_tokens":9}"#),
        Case(at: .openai, "gpt-5-chat-latest", stays: #"{"model":"gpt-5-chat-latest","max_tokens":9}"#),
        Case(at: .openai, "o30", stays: #"{"model":"o30","max_tokens":9}"#),
        // A deployment's name tells nothing.
        Case(at: .azure, "think", stays: #"{"model":"think","max_tokens":9}"#),
        Case(
            at: .azure, "think", ModelQuirks(chatLimit: .maxCompletionTokens), from: #"{"model":"think","max_tokens":9}"#,
            becomes: #"{"model":"think","max_completion_tokens":9}"#, .limitName),
        Case(
            at: .modelarts, limit: 9, from: #"{"model":"m","max_completion_tokens":9}"#,
            becomes: #"{"model":"m","max_tokens":9}"#, .limitName),
        // Here the newer one bounds thinking too, so that it stays.
        Case(
            at: .dashscope, limit: 9, from: #"{"model":"m","max_completion_tokens":9}"#,
            becomes: #"{"max_tokens":9,"model":"m","max_completion_tokens":9}"#, .outputLimit),
        Case(
            at: .ollama, limit: 4, from: #"{"model":"m","max_completion_tokens":9}"#, becomes: #"{"model":"m","max_tokens":4}"#,
            .limitName,
            .outputLimit),
        Case(at: .vllm, stays: #"{"model":"m","max_completion_tokens":9}"#),
        Case(
            at: .vllm, "m", ModelQuirks(chatLimit: .maxTokens), from: #"{"model":"m","max_completion_tokens":9}"#,
            becomes: #"{"model":"m","max_tokens":9}"#, .limitName),
        // Both were said: the one that is read is there.
        Case(at: .deepseek, stays: #"{"model":"m","max_completion_tokens":9,"max_tokens":9}"#),
        Case(at: .openai, "gpt-5", ModelQuirks(), .completions, stays: #"{"model":"gpt-5","max_tokens":9}"#),
    ]

    static let thinking: [Case] = [
        Case(
            at: .openai, from: #"{"model":"m","enable_thinking":false}"#, becomes: #"{"model":"m","reasoning_effort":"none"}"#,
            .thinking),
        Case(
            at: .azure, from: #"{"enable_thinking":true,"thinking_budget":20000,"model":"m"}"#,
            becomes: #"{"reasoning_effort":"high","model":"m"}"#,
            .thinking),
        Case(
            at: .dashscope,
            from: #"{"model":"m","stream":true,"stream_options":{"include_usage":true},"reasoning_effort":"low"}"#,
            becomes: #"{"model":"m","stream":true,"stream_options":{"include_usage":true},"enable_thinking":true}"#, .thinking),
        Case(
            at: .dashscope, from: #"{"thinking":{"type":"disabled"} , "model":"m","reasoning_effort":"none"}"#,
            becomes: #"{"enable_thinking":false , "model":"m"}"#, .thinking),
        Case(
            at: .dashscope, from: #"{"reasoning_effort":"none","enable_thinking":false,"model":"m"}"#,
            becomes: #"{"enable_thinking":false,"model":"m"}"#,
            .thinking),
        Case(
            at: .ark, from: #"{"model":"m","enable_thinking":false}"#, becomes: #"{"model":"m","thinking":{"type":"disabled"}}"#,
            .thinking),
        Case(at: .ark, stays: #"{"model":"m","reasoning_effort":"low","thinking":{"type":"auto"}}"#),
        Case(
            at: .modelarts, from: #"{"model":"m","reasoning_effort":"high"}"#,
            becomes: #"{"model":"m","chat_template_kwargs":{"thinking":true}}"#,
            .thinking),
        Case(at: .modelarts, stays: #"{"model":"m","enable_thinking":true}"#),
        Case(
            at: .deepseek, from: #"{"model":"m","chat_template_kwargs":{"enable_thinking":false}}"#,
            becomes: #"{"model":"m","thinking":{"type":"disabled"}}"#, .thinking),
        // What else is among a template's words cannot be said in others: the endpoint answers for it.
        Case(at: .deepseek, stays: #"{"model":"m","chat_template_kwargs":{"thinking":false,"x":1}}"#),
        // Engines' models differ; nobody knows without configuration.
        Case(at: .vllm, stays: #"{"model":"m","enable_thinking":false,"reasoning_effort":"low"}"#),
        Case(
            at: .vllm, "m", ModelQuirks(thinking: .qwenTemplate), from: #"{"model":"m","reasoning_effort":"none"}"#,
            becomes: #"{"model":"m","chat_template_kwargs":{"enable_thinking":false}}"#, .thinking),
        Case(at: .openai, stays: #"{"model":"m","reasoning_effort":null,"enable_thinking":null}"#),
    ]

    static let streams: [Case] = [
        Case(
            at: .dashscope, "qwq-plus", from: #"{"model":"qwq-plus","stream":false}"#,
            becomes: #"{"stream_options":{"include_usage":true},"model":"qwq-plus","stream":true}"#, .stream),
        Case(
            at: .dashscope, "qwen3-235b-a22b-thinking-2507",
            from: #"{"stream":null,"model":"qwen3-235b-a22b-thinking-2507","stream_options":null}"#,
            becomes: #"{"stream":true,"model":"qwen3-235b-a22b-thinking-2507","stream_options":{"include_usage":true}}"#, .stream),
        Case(
            at: .dashscope, "qwen3-8b", from: #"{"model":"qwen3-8b"}"#,
            becomes: #"{"stream":true,"stream_options":{"include_usage":true},"model":"qwen3-8b"}"#, .stream),
        Case(at: .dashscope, "qwen3-8b", stays: #"{"model":"qwen3-8b","enable_thinking":false}"#),
        Case(at: .dashscope, "qwen3-30b-a3b-instruct-2507", stays: #"{"model":"qwen3-30b-a3b-instruct-2507"}"#),
        Case(at: .dashscope, "qwen-plus", stays: #"{"model":"qwen-plus"}"#),
        Case(
            at: .dashscope, "qwen-plus", from: #"{"model":"qwen-plus","enable_thinking":true}"#,
            becomes: #"{"stream":true,"stream_options":{"include_usage":true},"model":"qwen-plus","enable_thinking":true}"#,
            .stream),
        Case(
            at: .dashscope, "qwen-plus", from: #"{"model":"qwen-plus","reasoning_effort":"high"}"#,
            becomes: #"{"stream":true,"stream_options":{"include_usage":true},"model":"qwen-plus","enable_thinking":true}"#,
            .stream,
            .thinking),
        Case(at: .dashscope, "qwq-plus", ModelQuirks(answers: .any), stays: #"{"model":"qwq-plus"}"#),
        Case(
            at: .dashscope, "qwq-plus", ModelQuirks(), .generation, limit: 5,
            from: #"{"model":"qwq-plus","parameters":{"incremental_output":false}}"#,
            becomes: #"{"model":"qwq-plus","parameters":{"max_tokens":5,"incremental_output":true}}"#, .stream, .outputLimit),
        Case(
            at: .dashscope, "qwq-plus", ModelQuirks(), .generation, from: #"{"model":"qwq-plus","parameters":null}"#,
            becomes: #"{"model":"qwq-plus","parameters":{"incremental_output":true}}"#, .stream),
        Case(
            at: .vllm, "m", ModelQuirks(answers: .streamed), .responses, from: #"{"model":"m","store":false}"#,
            becomes: #"{"stream":true,"model":"m","store":false}"#, .stream),
        Case(at: .vllm, "m", ModelQuirks(answers: .streamed), .embeddings, stays: #"{"model":"m"}"#),
    ]

    static let kept: [Case] = [
        Case(
            at: .openai, from: #"{"model":"m","store": true,"metadata":{}}"#,
            becomes: #"{"model":"m","store": false,"metadata":{}}"#, .store),
        Case(at: .vllm, from: #"{"store":true,"model":"m"}"#, becomes: #"{"store":false,"model":"m"}"#, .store),
        Case(at: .openai, stays: #"{"model":"m"}"#), Case(at: .openai, stays: #"{"model":"m","store":null}"#),
        Case(at: .openai, "m", ModelQuirks(), .completions, stays: #"{"model":"m","store":true}"#),
    ]

    @Test("A chat is not kept at its provider where the model keeps no state", arguments: kept)
    func store(_ example: Case) throws { try check(example) }

    @Test("and may be where it does")
    func keeps() throws {
        let served = ServedModel(upstreamName: "m", price: "p", maxOutputTokens: 9, state: KeptState(maxTokens: 1))
        let body = ByteBuffer(string: #"{"model":"m","store":true}"#)
        let scan = try scanRequest(body, dialect: .chat, maxDepth: 64)
        let plan = rewritePlan(scan, body: body, dialect: .chat, endpoint: endpoint(.openai), served: served, outputLimit: nil)
        #expect(plan.splices.isEmpty && plan.rewrites.isEmpty)
    }

    static let caching: [(body: String, isRefused: Bool)] = [
        (#"{"caching":{"type":"enabled"}}"#, true), (#"{"caching":{"prefix":true,"type":"enabled"}}"#, true),
        (#"{"caching":{"type":"disabled"}}"#, false), (#"{"caching":null}"#, false), (#"{"caching":{}}"#, false),
        (#"{"caching":true}"#, true),
    ]

    @Test("Ark's cache, which is kept and billed by the hour, is refused by its name", arguments: caching.indices)
    func arkCaching(_ index: Int) throws {
        let (body, isRefused) = Self.caching[index]
        let bytes = ByteBuffer(string: body)
        for dialect in [Dialect.chat, .responses] {
            let found = unbounded(try scanRequest(bytes, dialect: dialect, maxDepth: 64), body: bytes, dialect: dialect)
            #expect(found?.field == (isRefused ? "caching" : nil), "\(body)")
            #expect(found?.isPermittedWithoutLimit != true)
        }
    }

    private func check(_ example: Case) throws {
        let served = ServedModel(upstreamName: example.model, price: "p", maxOutputTokens: 1_000, quirks: example.quirks)
        let buffer = ByteBuffer(string: example.body)
        let scan = try scanRequest(buffer, dialect: example.dialect, maxDepth: 64)
        let plan = rewritePlan(
            scan, body: buffer, dialect: example.dialect, endpoint: endpoint(example.provider), served: served,
            outputLimit: example.limit)
        #expect(String(buffer: spliced(buffer, plan.splices)) == example.expected)
        #expect(plan.rewrites == example.rewrites)
        #expect(plan.gathers == example.rewrites.contains(.stream) && !(plan.gathers && plan.hidesUsage))
    }

    @Test("A limit keeps its meaning under the name that its endpoint reads", arguments: limits)
    func limit(_ example: Case) throws { try check(example) }

    @Test("Thinking is asked for with the member that its endpoint reads", arguments: thinking)
    func thinks(_ example: Case) throws { try check(example) }

    @Test("A whole answer is asked for as a stream where there is no other", arguments: streams)
    func streamed(_ example: Case) throws { try check(example) }

    static let disregarded: [(provider: ProviderKind, model: String, body: String, field: String?)] = [
        (.ollama, "m", #"{"tools":[],"tool_choice":"required"}"#, "tool_choice"),
        (.ollama, "m", #"{"tool_choice":"none"}"#, "tool_choice"),
        (.ollama, "m", #"{"tool_choice":"auto","n":1,"logit_bias":{}}"#, nil), (.ollama, "m", #"{"n":2}"#, "n"),
        (.ollama, "m", #"{"logit_bias":{"1":2}}"#, "logit_bias"),
        (
            .ollama, "m",
            #"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]}"#, "image_url"
        ),
        (
            .ollama, "m",
            #"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aa"}}]}]}"#,
            nil
        ),
        (.vllm, "m", #"{"tool_choice":"required","n":2,"logit_bias":{"1":2}}"#, nil),
        (.modelarts, "DeepSeek-V3.1", #"{"tools":[{"type":"function"}],"reasoning_effort":"high"}"#, "tools"),
        (.modelarts, "DeepSeek-V3.1", #"{"tools":[{"type":"function"}],"chat_template_kwargs":{"thinking":false}}"#, nil),
        (.modelarts, "DeepSeek-V3.1", #"{"tools":[{"type":"function"}]}"#, nil),
        (.modelarts, "qwen3-32b", #"{"tools":[{"type":"function"}],"enable_thinking":true}"#, nil),
    ]

    @Test("What an endpoint would disregard or refuse for reasons of its own is named", arguments: disregarded.indices)
    func disregards(_ index: Int) throws {
        let (provider, model, body, field) = Self.disregarded[index]
        let scan = try scanRequest(ByteBuffer(string: body), dialect: .chat, maxDepth: 64)
        let served = ServedModel(upstreamName: model, price: "p", maxOutputTokens: 1_000)
        #expect(endpoint(provider).disregards(scan, dialect: .chat, model: served)?.field == field)
    }
}
