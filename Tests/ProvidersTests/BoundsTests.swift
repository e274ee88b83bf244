import Core
import NIOCore
import Providers
import Testing
import Wire

@Suite("What a request's size does not bound is refused by name")
struct BoundsTests {
    private func refused(_ body: String, _ operation: Dialect) throws -> Unbounded? {
        let buffer = ByteBuffer(string: body)
        return unbounded(try scanRequest(buffer, dialect: operation, maxDepth: 64), body: buffer, dialect: operation)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var operation: Dialect
        var member: String
        var field: String
        /// Only a limit on money refuses it.
        var withLimit: Bool
        var testDescription: String { "\(operation) \(member)" }

        init(_ operation: Dialect, _ member: String, _ field: String, withLimit: Bool = false) {
            (self.operation, self.member, self.field, self.withLimit) = (operation, member, field, withLimit)
        }

        static func part(_ part: String, _ field: String) -> Case {
            Case(.chat, #""messages":[{"role":"user","content":[\#(part)]}]"#, field, withLimit: true)
        }
    }

    static let cases: [Case] = [
        Case(.responses, #""background":true"#, "background"),
        Case(.responses, #""request_id":"resp_1""#, "request_id"),
        Case(.responses, #""prompt":{"id":"pmpt_1"}"#, "prompt"),
        Case(.responses, #""input":[{"type":"item_reference","id":"msg_1"}]"#, "item_reference"),
        Case(.responses, #""tools":[{"type":"function","name":"f"},{"type":"web_search"}]"#, "tools"),
        Case(.responses, #""tools":[{"type":"code_interpreter","container":{"type":"auto"}}]"#, "tools"),
        Case(.responses, #""tools":[{"type":"mcp","server_url":"https://example.com"}]"#, "tools"),
        Case(.chat, #""tools":[{"type":"file_search"}]"#, "tools"),
        Case(.chat, #""tools":[{"name":"no type"}]"#, "tools"),
        Case(.chat, #""web_search_options":{}"#, "web_search_options"),
        Case(.chat, #""data_sources":[{"type":"azure_search"}]"#, "data_sources"),
        Case(.chat, #""dataSources":[]"#, "dataSources"),
        Case(.chat, #""enable_search":true"#, "enable_search"),
        Case(.chat, #""search_options":{"forced_search":true}"#, "search_options"),
        Case(.chat, #""prediction":{"type":"content","content":"x"}"#, "prediction", withLimit: true),
        Case(.chat, #""service_tier":"scale""#, "service_tier", withLimit: true),
        Case(.responses, #""service_tier":"fast""#, "service_tier", withLimit: true),
        Case(.responses, #""context_management":[{"type":"compaction"}]"#, "context_management", withLimit: true),
        Case(.chat, #""moderation":{"model":"omni-moderation-latest"}"#, "moderation", withLimit: true),
        Case(.responses, #""input":[{"type":"compaction_trigger"}]"#, "content", withLimit: true),
        Case.part(#"{"type":"file","file":{"file_id":"file-1"}}"#, "file"),
        Case.part(#"{"type":"hologram"}"#, "content"),
    ]

    @Test(
        "State, hosted tools, retrieval, files, predictions, compaction, moderation, unknown tiers and unknown parts",
        arguments: cases)
    func refuses(_ example: Case) throws {
        let found = try #require(try refused("{\"model\":\"m\",\(example.member)}", example.operation))
        #expect(found.field == example.field)
        #expect(found.isPermittedWithoutLimit == example.withLimit)
        #expect(!found.reason.isEmpty)
    }

    static let harmless: [(operation: Dialect, member: String)] = [
        (.responses, #""previous_response_id":null"#), (.responses, #""conversation":null"#),
        (.responses, #""background":false"#),
        (.responses, #""background":null"#), (.responses, #""prompt":null"#), (.responses, #""tools":[]"#),
        (.responses, #""tools":null"#),
        (.responses, #""input":[{"role":"user","content":"x"},{"type":"function_call_output","call_id":"c","output":"x"}]"#),
        (.chat, #""tools":[{"type":"function","function":{"name":"web_search"}},{"type":"custom","custom":{"name":"x"}}]"#),
        (.chat, #""web_search_options":null"#), (.chat, #""enable_search":false"#), (.chat, #""data_sources":null"#),
        (.chat, #""modalities":["text"]"#), (.chat, #""audio":null"#), (.chat, #""prediction":null"#),
        (.chat, #""service_tier":"auto""#), (.chat, #""service_tier":"priority""#), (.chat, #""service_tier":"flex""#),
        (.chat, #""moderation":null"#), (.responses, #""context_management":null"#),
        // Bounded by the endpoint, or refused there.
        (.chat, #""modalities":["text","audio"],"audio":{"voice":"alloy"}"#),
        (.chat, #""messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"x","format":"wav"}}]}]"#),
        (.chat, #""service_tier":"default""#), (.chat, #""service_tier":"standard""#), (.chat, #""service_tier":null"#),
        (.chat, #""messages":[{"role":"user","content":[{"type":"text","text":"input_audio file previous_response_id"}]}]"#),
        (.chat, #""messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]}]"#),
        (.completions, #""prompt":["a","b"]"#), (.embeddings, #""input":["a","b"]"#),
    ]

    @Test("Null, nothing and what the size does bound pass", arguments: harmless.indices)
    func passes(_ index: Int) throws {
        let (operation, member) = Self.harmless[index]
        #expect(try refused("{\"model\":\"m\",\(member)}", operation) == nil)
    }

    @Test("What is never permitted is named before what only a limit refuses")
    func order() throws {
        let body = #"{"model":"m","service_tier":"scale","prediction":{},"web_search_options":{}}"#
        #expect(try refused(body, .chat)?.field == "web_search_options")
    }

    @Test("The tier that a request asks for; none and auto are the endpoint's own")
    func tiers() throws {
        func asked(_ member: String) throws -> AskedTier {
            let buffer = ByteBuffer(string: "{\(member)}")
            return askedTier(try scanRequest(buffer, dialect: .chat, maxDepth: 64), body: buffer)
        }
        #expect(try asked("") == .unnamed && asked(#""service_tier":null"#) == .unnamed)
        #expect(try asked(#""service_tier":"auto""#) == .unnamed)
        #expect(try asked(#""service_tier":"default""#) == .named(.standard))
        #expect(
            try asked(#""service_tier":"flex""#) == .named(.flex) && asked(#""service_tier":"priority""#) == .named(.priority))
        #expect(try asked(#""service_tier":"scale""#) == .unknown && asked(#""service_tier":"Flex""#) == .unknown)
        #expect(AskedTier.unnamed.held(at: .flex) == .flex && AskedTier.named(.standard).held(at: .flex) == .standard)
        #expect(AskedTier.unknown.held(at: .priority) == .priority)
    }

    @Test("Images and audio count at their endpoint's bounds; what has no bound there is named")
    func inputs() throws {
        let parts = #"{"type":"image_url","image_url":{"url":"https://x/y"}},{"type":"input_audio","input_audio":{"data":""}}"#
        let body = ByteBuffer(string: "{\"messages\":[{\"role\":\"user\",\"content\":[\(parts),\(parts)]}]}")
        let scan = try scanRequest(body, dialect: .chat, maxDepth: 64)
        var served = ServedModel(upstreamName: "m", price: "p", maxOutputTokens: 1, maxTokensPerImage: 100, maxTokensPerAudio: 7)
        #expect(inputBound(scan, bytesBound: 1_000, served: served) == .tokens(1_214))
        served.maxTokensPerAudio = nil
        guard case .unbounded(let field, let tokens) = inputBound(scan, bytesBound: 1_000, served: served) else {
            Issue.record("audio is not bounded")
            return
        }
        #expect(field.field == "input_audio" && field.isPermittedWithoutLimit && tokens == 1_200)
        served.maxTokensPerImage = .max
        guard case .unbounded(_, .max) = inputBound(scan, bytesBound: 1_000, served: served) else {
            Issue.record("a bound saturates")
            return
        }
    }

    @Test("The refusal of a tool names its type, in plain letters and cut short")
    func toolName() throws {
        let named = try #require(try refused(#"{"tools":[{"type":"web_search_2026"}]}"#, .chat))
        #expect(named.reason.hasSuffix("(web_search_2026)"))
        let strange = "<b>é&" + String(repeating: "x", count: 200)
        let cut = try #require(try refused("{\"tools\":[{\"type\":\"\(strange)\"}]}", .chat))
        #expect(!cut.reason.contains("<") && !cut.reason.contains("\"") && cut.reason.utf8.count < 250)
    }
}
