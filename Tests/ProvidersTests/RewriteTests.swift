import Core
import NIOCore
import Providers
import Testing
import Wire

@Suite("What Weir changes in a request is named, and nothing else changes")
struct RewriteTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var operation: Dialect
        var provider: ProviderKind
        var limit: Int64?
        var body: String
        var expected: String
        var rewrites: [Rewrite]

        init(
            _ what: String, for operation: Dialect = .chat, at provider: ProviderKind = .vllm, limit: Int64? = nil,
            _ body: String,
            becomes expected: String, _ rewrites: [Rewrite]
        ) {
            (testDescription, self.operation, self.provider, self.limit) = (what, operation, provider, limit)
            (self.body, self.expected, self.rewrites) = (body, expected, rewrites)
        }
    }

    static let dialects: [Case] = [
        Case(
            "Anthropic's limit is the caller's and stays", for: .messages, at: .anthropic,
            #"{"model":"public","max_tokens":9,"new_field":{"a":[1,null]}}"#,
            becomes: #"{"model":"up/stream-1","max_tokens":9,"new_field":{"a":[1,null]}}"#, [.model]),
        Case(
            "a clamped one is lowered, and a stream needs no option for its usage", for: .messages, at: .anthropic, limit: 5,
            #"{"model":"up/stream-1","max_tokens":9,"stream":true}"#,
            becomes: #"{"model":"up/stream-1","max_tokens":5,"stream":true}"#, [.outputLimit]),
        Case(
            "DashScope's own limit stands among its parameters", for: .generation, at: .dashscope, limit: 5,
            #"{"model":"public","input":{"prompt":"a"},"parameters":{"max_tokens":9,"seed":1}}"#,
            becomes: #"{"model":"up/stream-1","input":{"prompt":"a"},"parameters":{"max_tokens":5,"seed":1}}"#,
            [.model, .outputLimit]),
        Case(
            "and is put there where it is missing", for: .generation, at: .dashscope, limit: 5,
            #"{"model":"public","parameters":{"seed":1}}"#,
            becomes: #"{"model":"up/stream-1","parameters":{"max_tokens":5,"seed":1}}"#, [.model, .outputLimit]),
        Case(
            "among none", for: .multimodalGeneration, at: .dashscope, limit: 5, #"{"model":"public","parameters":{}}"#,
            becomes: #"{"model":"up/stream-1","parameters":{"max_tokens":5}}"#, [.model, .outputLimit]),
        Case(
            "with parameters of its own", for: .generation, at: .dashscope, limit: 5, #"{"model":"public"}"#,
            becomes: #"{"parameters":{"max_tokens":5},"model":"up/stream-1"}"#, [.model, .outputLimit]),
    ]

    static let model: [Case] = [
        Case("a model is renamed", #"{"model":"public"}"#, becomes: #"{"model":"up/stream-1"}"#, [.model]),
        Case(
            "with space around it", " { \"a\" : 1 , \"model\"\t:\n\"public\" } ",
            becomes: " { \"a\" : 1 , \"model\"\t:\n\"up/stream-1\" } ", [.model]),
        Case(
            "its own name stays, and the body with it", #"{"model":"up/stream-1","x":[ ]}"#,
            becomes: #"{"model":"up/stream-1","x":[ ]}"#, []),
        Case("a name of equal length", #"{"model":"up/stream-2"}"#, becomes: #"{"model":"up/stream-1"}"#, [.model]),
        Case("a missing model comes first", #"{"a":1}"#, becomes: #"{"model":"up/stream-1","a":1}"#, [.model]),
        Case("a missing model, white space first", " {\n\"a\":1}", becomes: " {\"model\":\"up/stream-1\",\n\"a\":1}", [.model]),
        Case("an empty object", "{}", becomes: #"{"model":"up/stream-1"}"#, [.model]),
        Case("an empty object with space", " { } ", becomes: " {\"model\":\"up/stream-1\" } ", [.model]),
        Case(
            "a model inside a message is none", #"{"messages":[{"model":"public"}],"model":"public"}"#,
            becomes: #"{"messages":[{"model":"public"}],"model":"up/stream-1"}"#, [.model]),
        Case(
            "embeddings", for: .embeddings, #"{"input":"x","model":"public","stream":true}"#,
            becomes: #"{"input":"x","model":"up/stream-1","stream":true}"#, [.model]),
    ]

    static let usage: [Case] = [
        Case(
            "no stream, no options", #"{"model":"up/stream-1","stream":false}"#,
            becomes: #"{"model":"up/stream-1","stream":false}"#, []),
        Case(
            "stream null is none", #"{"model":"up/stream-1","stream":null}"#, becomes: #"{"model":"up/stream-1","stream":null}"#,
            []),
        Case(
            "options absent", #"{"model":"up/stream-1","stream":true}"#,
            becomes: #"{"stream_options":{"include_usage":true},"model":"up/stream-1","stream":true}"#, [.usage]),
        Case(
            "completions too", for: .completions, #"{"model":"up/stream-1","stream":true}"#,
            becomes: #"{"stream_options":{"include_usage":true},"model":"up/stream-1","stream":true}"#, [.usage]),
        Case(
            "options null", #"{"model":"up/stream-1","stream_options":null,"stream":true}"#,
            becomes: #"{"model":"up/stream-1","stream_options":{"include_usage":true},"stream":true}"#, [.usage]),
        Case(
            "options empty", #"{"model":"up/stream-1","stream_options":{ },"stream":true}"#,
            becomes: #"{"model":"up/stream-1","stream_options":{"include_usage":true},"stream":true}"#, [.usage]),
        Case(
            "usage not wanted", #"{"model":"up/stream-1","stream":true,"stream_options":{"include_usage": false}}"#,
            becomes: #"{"model":"up/stream-1","stream":true,"stream_options":{"include_usage": true}}"#, [.usage]),
        Case(
            "usage null", #"{"model":"up/stream-1","stream":true,"stream_options":{"include_usage":null,"a":1}}"#,
            becomes: #"{"model":"up/stream-1","stream":true,"stream_options":{"include_usage":true,"a":1}}"#, [.usage]),
        Case(
            "usage wanted: nothing to do", #"{"model":"up/stream-1","stream":true,"stream_options":{"include_usage":true}}"#,
            becomes: #"{"model":"up/stream-1","stream":true,"stream_options":{"include_usage":true}}"#, []),
        Case(
            "other options stay", #"{"model":"up/stream-1","stream":true,"stream_options":{ "include_obfuscation":false}}"#,
            becomes:
                #"{"model":"up/stream-1","stream":true,"stream_options":{"include_usage":true, "include_obfuscation":false}}"#,
            [.usage]),
        Case(
            "responses report usage unasked", for: .responses, #"{"model":"up/stream-1","stream":true,"store":false}"#,
            becomes: #"{"model":"up/stream-1","stream":true,"store":false}"#, []),
    ]

    static let limits: [Case] = [
        Case(
            "a limit that is within stays", limit: 100, #"{"model":"up/stream-1","max_tokens":100}"#,
            becomes: #"{"model":"up/stream-1","max_tokens":100}"#, []),
        Case(
            "a limit that is beyond is clamped", limit: 100, #"{"model":"up/stream-1","max_tokens":101}"#,
            becomes: #"{"model":"up/stream-1","max_tokens":100}"#, [.outputLimit]),
        Case(
            "the widest number", limit: 100, #"{"model":"up/stream-1","max_tokens":1000000000}"#,
            becomes: #"{"model":"up/stream-1","max_tokens":100}"#, [.outputLimit]),
        Case(
            "zero stays", limit: 100, #"{"model":"up/stream-1","max_tokens":0}"#,
            becomes: #"{"model":"up/stream-1","max_tokens":0}"#, []),
        Case(
            "the newer name", limit: 100, #"{"model":"up/stream-1","max_completion_tokens":500}"#,
            becomes: #"{"model":"up/stream-1","max_completion_tokens":100}"#, [.outputLimit]),
        Case(
            "both names", limit: 100, #"{"max_completion_tokens":500,"model":"up/stream-1","max_tokens":7}"#,
            becomes: #"{"max_completion_tokens":100,"model":"up/stream-1","max_tokens":7}"#, [.outputLimit]),
        Case(
            "no limit at an engine", limit: 100, #"{"model":"up/stream-1"}"#,
            becomes: #"{"max_tokens":100,"model":"up/stream-1"}"#, [.outputLimit]),
        Case(
            "no limit at OpenAI", at: .openai, limit: 100, #"{"model":"up/stream-1"}"#,
            becomes: #"{"max_completion_tokens":100,"model":"up/stream-1"}"#, [.outputLimit]),
        Case(
            "no limit at Azure", at: .azure, limit: 100, #"{"model":"up/stream-1"}"#,
            becomes: #"{"max_completion_tokens":100,"model":"up/stream-1"}"#, [.outputLimit]),
        Case(
            "OpenAI's older name", at: .openai, limit: 100, #"{"model":"up/stream-1","max_tokens":200}"#,
            becomes: #"{"model":"up/stream-1","max_tokens":100}"#, [.outputLimit]),
        Case(
            "completions have one name only", for: .completions, at: .openai, limit: 100, #"{"model":"up/stream-1"}"#,
            becomes: #"{"max_tokens":100,"model":"up/stream-1"}"#, [.outputLimit]),
        Case(
            "a null limit is replaced in its place", limit: 100, #"{"max_tokens":null,"model":"up/stream-1"}"#,
            becomes: #"{"max_tokens":100,"model":"up/stream-1"}"#, [.outputLimit]),
        Case(
            "a null under another name stays", at: .openai, limit: 100, #"{"max_tokens":null,"model":"up/stream-1"}"#,
            becomes: #"{"max_completion_tokens":100,"max_tokens":null,"model":"up/stream-1"}"#, [.outputLimit]),
        Case(
            "a null beside a number stays", limit: 100, #"{"max_tokens":null,"max_completion_tokens":5,"model":"up/stream-1"}"#,
            becomes: #"{"max_tokens":null,"max_completion_tokens":5,"model":"up/stream-1"}"#, []),
        Case(
            "responses", for: .responses, at: .openai, limit: 100,
            #"{"model":"up/stream-1","store":false,"max_output_tokens":101}"#,
            becomes: #"{"model":"up/stream-1","store":false,"max_output_tokens":100}"#, [.outputLimit]),
        Case(
            "responses with null", for: .responses, at: .openai, limit: 100,
            #"{"model":"up/stream-1","store":false,"max_output_tokens":null}"#,
            becomes: #"{"model":"up/stream-1","store":false,"max_output_tokens":100}"#, [.outputLimit]),
        Case(
            "llama.cpp's own name", at: .llamaCpp, limit: 100, #"{"model":"up/stream-1","n_predict":200}"#,
            becomes: #"{"model":"up/stream-1","n_predict":100}"#, [.outputLimit]),
        Case(
            "embeddings have none", for: .embeddings, limit: 100, #"{"model":"up/stream-1"}"#,
            becomes: #"{"model":"up/stream-1"}"#, []
        ),
        Case(
            "nothing must be said", #"{"model":"up/stream-1","max_tokens":9999}"#,
            becomes: #"{"model":"up/stream-1","max_tokens":9999}"#, []),
        // What an endpoint does not read limits nothing there, so its own name is set too.
        Case(
            "the name of responses in a chat", limit: 100, #"{"model":"up/stream-1","max_output_tokens":1}"#,
            becomes: #"{"max_tokens":100,"model":"up/stream-1","max_output_tokens":1}"#, [.outputLimit]),
        Case(
            "llama.cpp's name elsewhere", limit: 100, #"{"model":"up/stream-1","n_predict":1}"#,
            becomes: #"{"max_tokens":100,"model":"up/stream-1","n_predict":1}"#, [.outputLimit]),
        Case(
            "the chat's name in completions", for: .completions, limit: 100,
            #"{"model":"up/stream-1","max_completion_tokens":1}"#,
            becomes: #"{"max_tokens":100,"model":"up/stream-1","max_completion_tokens":1}"#, [.outputLimit]),
        Case(
            "the chat's name in responses", for: .responses, limit: 100, #"{"model":"up/stream-1","store":false,"max_tokens":1}"#,
            becomes: #"{"max_output_tokens":100,"model":"up/stream-1","store":false,"max_tokens":1}"#, [.outputLimit]),
        Case(
            "Ollama does not know the newer name", at: .ollama, limit: 100, #"{"model":"up/stream-1","max_completion_tokens":1}"#,
            becomes: #"{"model":"up/stream-1","max_tokens":1}"#, [.limitName]),
    ]

    static let store: [Case] = [
        Case(
            "absent", for: .responses, #"{"model":"up/stream-1"}"#, becomes: #"{"store":false,"model":"up/stream-1"}"#, [.store]),
        Case(
            "true", for: .responses, #"{"model":"up/stream-1","store": true }"#,
            becomes: #"{"model":"up/stream-1","store": false }"#,
            [.store]),
        Case(
            "null", for: .responses, #"{"model":"up/stream-1","store":null}"#, becomes: #"{"model":"up/stream-1","store":false}"#,
            [.store]),
        Case(
            "false", for: .responses, #"{"model":"up/stream-1","store":false}"#,
            becomes: #"{"model":"up/stream-1","store":false}"#, []
        ),
        Case(
            "a chat's, which keeps the whole of it", for: .chat, #"{"model":"up/stream-1","store":true}"#,
            becomes: #"{"model":"up/stream-1","store":false}"#, [.store]),
    ]

    static let several: [Case] = [
        Case(
            "all that a chat can need, nothing there", limit: 9, "{}", becomes: #"{"model":"up/stream-1","max_tokens":9}"#,
            [.model, .outputLimit]),
        Case(
            "model, usage and limit, all missing", limit: 9, #"{"stream":true,"messages":[ ]}"#,
            becomes:
                #"{"model":"up/stream-1","stream_options":{"include_usage":true},"max_tokens":9,"stream":true,"messages":[ ]}"#,
            [.model, .usage, .outputLimit]),
        Case(
            "model, usage and limit, all there, in another order", limit: 9,
            #"{"max_tokens": 10 ,"stream_options":{"a":{}},"messages":[{"content":"\"model\":\"public\""}],"stream":true,"model":"public","z":1e5}"#,
            becomes:
                #"{"max_tokens": 9 ,"stream_options":{"include_usage":true,"a":{}},"messages":[{"content":"\"model\":\"public\""}],"stream":true,"model":"up/stream-1","z":1e5}"#,
            [.model, .usage, .outputLimit]),
        Case(
            "responses: model, limit and store", for: .responses, at: .openai, limit: 9,
            #"{"store":true,"model":"public","input":"é"}"#,
            becomes: #"{"max_output_tokens":9,"store":false,"model":"up/stream-1","input":"é"}"#, [.model, .outputLimit, .store]),
        Case(
            "responses of nothing", for: .responses, at: .openai, limit: 9, "{ }",
            becomes: #"{"model":"up/stream-1","max_output_tokens":9,"store":false }"#, [.model, .outputLimit, .store]),
    ]

    @Test(
        "Model, usage, limits, store and several at once, byte for byte",
        arguments: model + usage + limits + store + several + dialects)
    func rewrites(_ example: Case) throws {
        let target = endpoint(example.provider)
        let result = try Rewritten(example.body, example.operation, at: target, outputLimit: example.limit)
        #expect(result.text == example.expected)
        #expect(result.plan.rewrites == example.rewrites)
        #expect(result.plan.hidesUsage == example.rewrites.contains(.usage))
        _ = try members(result.text)
        let again = try Rewritten(result.text, example.operation, at: target, outputLimit: example.limit)
        #expect(again.plan.splices.isEmpty, "a rewritten body needs no second rewrite")
    }

    @Test("A body that does not start its buffer is rewritten in the right place")
    func offset() throws {
        var buffer = ByteBuffer(string: "xxxx{\"model\":\"public\"}")
        buffer.moveReaderIndex(forwardBy: 4)
        let scan = try scanRequest(buffer, dialect: .chat, maxDepth: 64)
        let plan = rewritePlan(scan, body: buffer, dialect: .chat, endpoint: endpoint(.vllm), served: served, outputLimit: 5)
        #expect(String(buffer: spliced(buffer, plan.splices)) == #"{"max_tokens":5,"model":"up/stream-1"}"#)
    }
}
