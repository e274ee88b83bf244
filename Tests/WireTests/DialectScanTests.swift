import Core
import NIOCore
import Testing
import Wire

@Suite("Requests in Anthropic's and DashScope's dialects are scanned for all that their bytes do not bound")
struct DialectScanTests {
    private func scan(_ body: String, _ dialect: Dialect = .messages) throws -> RequestScan {
        try scanRequest(ByteBuffer(string: body), dialect: dialect, maxDepth: 64)
    }

    private func content(_ blocks: String) -> String { #"{"messages":[{"role":"user","content":[\#(blocks)]}]}"# }

    struct Found: Equatable {
        var images = 0, urls = 0, files = 0
        var isUnknown = false
    }

    static let blocks: [(block: String, found: Found)] = [
        (#"{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}"#, Found()),
        (#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aa"}}"#, Found(images: 1)),
        (#"{"type":"image","source":{"type":"url","url":"https://x"}}"#, Found(images: 1, urls: 1)),
        (#"{"source":{"file_id":"f","type":"file"},"type":"image"}"#, Found(images: 1, urls: 1)),
        (#"{"type":"document","source":{"type":"base64","data":"aa"}}"#, Found(files: 1)),
        (#"{"type":"document","source":{"type":"url","url":"https://x"}}"#, Found(files: 1)),
        (#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"a"}}"#, Found()),
        (
            #"{"type":"document","source":{"type":"content","content":[{"type":"image","source":{"type":"base64"}}]}}"#,
            Found(images: 1, files: 1)
        ),
        (#"{"type":"tool_use","id":"t","name":"f","input":{"type":"image"}}"#, Found()),
        (
            #"{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"type":"url"}},{"type":"text","text":"a"}]}"#,
            Found(images: 1, urls: 1)
        ),
        (#"{"type":"tool_result","tool_use_id":"t","content":"plain"}"#, Found()),
        (#"{"type":"thinking","thinking":"a","signature":"b"}"#, Found()), (#"{"type":"redacted_thinking","data":"b"}"#, Found()),
        (#"{"type":"server_tool_use","id":"a"}"#, Found(isUnknown: true)),
        (#"{"type":"container_upload"}"#, Found(isUnknown: true)),
        (#"{"text":"no type"}"#, Found(isUnknown: true)),
    ]

    @Test("Blocks of messages, wherever they stand", arguments: blocks.indices)
    func block(_ index: Int) throws {
        let (block, expected) = Self.blocks[index]
        for body in [content(block), #"{"system":[\#(block)],"messages":[]}"#] {
            for dialect in [Dialect.messages, .tokenCount] {
                let found = try scan(body, dialect)
                #expect(
                    Found(images: found.images, urls: found.imageURLs, files: found.files, isUnknown: found.unknownPart != nil)
                        == expected, "\(body)")
            }
        }
    }

    static let tools: [(tool: String, runsThere: Bool)] = [
        (#"{"name":"f","input_schema":{}}"#, false), (#"{"type":"custom","name":"f"}"#, false),
        (#"{"type":null,"name":"f"}"#, false), (#"{"type":"bash_20250124","name":"bash"}"#, false),
        (#"{"type":"text_editor_20250728","name":"e"}"#, false), (#"{"type":"computer_20250124","name":"c"}"#, false),
        (#"{"type":"memory_20250818","name":"m"}"#, false), (#"{"type":"web_search_20250305","name":"w"}"#, true),
        (#"{"type":"code_execution_20250825","name":"x"}"#, true), (#"{"type":"bash_","name":"b"}"#, true),
        (#"{"type":"function","function":{}}"#, true), (#"{"type":"mcp_toolset"}"#, true),
    ]

    @Test("A tool is the caller's own, or runs at the provider", arguments: tools.indices)
    func tool(_ index: Int) throws {
        let (tool, runsThere) = Self.tools[index]
        let found = try scan(#"{"tools":[\#(tool)],"messages":[]}"#)
        #expect((found.hostedTool != nil) == runsThere && found.tools == 1, "\(tool)")
    }

    @Test("What changes the price, or has the provider reach out, is found; its usual value is not")
    func members() throws {
        #expect(try scan(#"{"speed":"fast"}"#).uplift != nil)
        for body in [#"{"speed":"standard"}"#, #"{"speed":null}"#, #"{"inference_geo":null}"#] {
            #expect(try scan(body).uplift == nil, "\(body)")
        }
        #expect(try scan(#"{"inference_geo":"us"}"#).uplift != nil)
        for body in [#"{"speed":1}"#, #"{"speed":"f\u0061st"}"#, #"{"speed":""}"#] {
            #expect(throws: ScanError.self, "\(body)") { try scan(body) }
        }
        for body in [#"{"container":"c"}"#, #"{"container":{"skills":[]}}"#, #"{"mcp_servers":[{"type":"url"}]}"#] {
            #expect(try scan(body).hostedTool != nil, "\(body)")
        }
        #expect(try scan(#"{"mcp_servers":[],"container":null}"#).hostedTool == nil)
        // Other dialects have no such members.
        #expect(try scan(#"{"speed":"fast","container":"c"}"#, .chat).uplift == nil)
    }

    @Test("A key that stands twice or is written with escapes is refused where it counts")
    func ambiguous() {
        for body in [
            content(#"{"type":"text","type":"image","text":"a"}"#), content(#"{"t\u0079pe":"image"}"#),
            content(#"{"type":"image","source":{"type":"base64","type":"url"}}"#),
            #"{"messages":[{"content":"a","content":[{"type":"image"}]}]}"#,
        ] {
            #expect(throws: ScanError.self, "\(body)") { try scan(body) }
        }
        for body in [
            #"{"input":{"messages":[],"messages":[]}}"#, #"{"parameters":{"n":1,"n":2}}"#,
            #"{"parameters":{"m\u0061x_tokens":2}}"#,
            #"{"parameters":[]}"#, #"{"input":"a"}"#,
        ] {
            #expect(throws: ScanError.self, "\(body)") { try scan(body, .generation) }
        }
    }

    @Test("DashScope's own: limits among the parameters, images among the messages, what searches")
    func generation() throws {
        let body =
            #"{"model":"m","input":{"messages":[{"role":"user","content":[{"image":"https://x"},{"text":"a"}]},{"role":"user","content":"b"}]},"#
            + #""parameters":{"max_tokens":7,"n":3,"tools":[{"type":"function"}],"enable_search":true}}"#
        for dialect in [Dialect.generation, .multimodalGeneration] {
            let found = try scan(body, dialect)
            #expect(found.outputLimit == 7 && found.n?.value == 3 && found.messages == 2)
            #expect(found.images == 1 && found.imageURLs == 1 && found.tools == 1 && found.retrieval != nil)
            #expect(RequestScanTests.text(body, found.parameters)?.hasPrefix(#"{"max_tokens""#) == true && !found.hasNoParameters)
        }
        #expect(try scan(#"{"input":{"prompt":"a"},"parameters":{}}"#, .generation).hasNoParameters)
    }

    @Test("DashScope's own streams end when every choice says why, and report errors with a code")
    func streams() {
        func read(_ events: String) -> (StreamReader, StreamClose) {
            var reader = StreamReader(dialect: .generation, hideUsage: false)
            _ = reader.read(ByteBuffer(string: events))
            return (reader, reader.endOfInput())
        }
        func event(_ data: String, _ name: String = "result") -> String {
            "id:1\nevent:\(name)\n:HTTP_STATUS/200\ndata:\(data)\n\n"
        }
        let going = event(
            #"{"output":{"choices":[{"message":{"content":"a"},"finish_reason":"null"}]},"usage":{"input_tokens":3,"output_tokens":1}}"#
        )
        let ended = event(
            #"{"output":{"text":null,"finish_reason":null,"choices":[{"message":{"content":"ab"},"finish_reason":"stop"}]},"usage":{"input_tokens":3,"output_tokens":2}}"#
        )
        #expect(read(going).1 == .cut)
        let (reader, close) = read(going + ended)
        #expect(close == .complete && reader.usage == Usage(input: 3, output: 2) && reader.usageIsLast)
        let two = event(#"{"output":{"choices":[{"finish_reason":"stop"},{"finish_reason":"null"}]}}"#)
        #expect(read(two).1 == .cut)
        #expect(read(event(#"{"output":{"text":"a","finish_reason":"length"}}"#)).1 == .complete)
        let failed = read(going + event(#"{"code":"Throttling","message":"slow down","request_id":"r"}"#, "error"))
        #expect(failed.1 == .complete && !failed.0.ended)
        #expect(read(going + ended + going).1 == .complete)
    }
}
