import Core
import Foundation
import NIOPosix
import Testing

@testable import Simulator

/// What the simulator plays and what Weir sends, held against the documents that OpenAI and Microsoft publish.
@Suite("The OpenAPI documents")
struct OpenAPITests {
    /// Who is asked and by which document: an endpoint of `scenario`, and what stands before an operation's path.
    struct Form: Sendable, CustomTestStringConvertible {
        var document: String
        var endpoint: String
        var before: String
        var after = ""
        var testDescription: String { document }

        static let all = [
            Form(document: "openai", endpoint: "openai", before: "/v1"),
            Form(document: "azure-v1", endpoint: "azure", before: "/openai/v1"),
            Form(
                document: "azure-2024-10-21", endpoint: "azure", before: "/openai/deployments/m", after: "?api-version=2024-10-21"
            ),
        ]
    }

    private static let scenario = ["openai", "azure"].map {
        """
          - name: \($0)
            provider: \($0)
            output: 6
            reasoning: 3
            cachedPercent: 50
            dimensions: 8
            operations: [chat, completions, responses, embeddings]
            models: [m]

        """
    }.joined().withPrefix("endpoints:\n")

    /// A difference that is known, by the end of what the fault says. One that never occurs is a fault too.
    struct Difference: Sendable {
        var documents: Set<String>
        var fault: String
        var why: String

        init(_ documents: Set<String>, _ fault: String, _ why: String) {
            self.documents = documents
            self.fault = fault
            self.why = why
        }
    }

    private static let all: Set<String> = Set(Form.all.map(\.document))
    private static let azure: Set<String> = ["azure-v1", "azure-2024-10-21"]
    private static let recorded = "recorded so"

    static let played: [Difference] =
        [
            Difference(
                ["openai"], "responses.event.error: not in the document", "\(recorded): openai-responses-stream-error.sse"),
            Difference(["azure-v1"], "responses.event.error: not in the document", "OpenAI's, as recorded there"),
        ]
        + ["code", "message", "param"].map {
            Difference(["openai", "azure-v1"], "responses.event.\($0): missing", "the same: they stand in `error`")
        }
        + [
            Difference(
                ["openai", "azure-v1"], ".store: not in the document", "\(recorded): openai-responses-stream.sse, azure-text.json"
            ),
            Difference(["openai"], ".user: null instead of string", "\(recorded): openai-responses-stream.sse"),
            Difference(
                ["openai", "azure-v1"], "response.usage: null instead of object", "\(recorded) before the end of the same streams"
            ),
            Difference(["openai"], "event.obfuscation: not in the document", "\(recorded): openai-responses-stream.sse"),
            Difference(["azure-v1"], ".content_filters: not in the document", "\(recorded): azure-text.json"),
            Difference(["azure-v1"], ".service_tier: not in the document", "\(recorded): azure-text.json"),
            Difference(["azure-v1"], "event.response.model: not in the document", "\(recorded): azure-text-stream.sse"),
            Difference(["azure-v1"], "event.logprobs: not in the document", "\(recorded): azure-text-stream.sse"),
            Difference(azure, "event.prompt_filter_results: not in the document", "\(recorded): azure-chat-stream.sse"),
            Difference(azure, "event.object: \"\" is none of the 1 words", "the same event"),
            Difference(
                azure, "event.choices[].content_filter_results: not in the document", "\(recorded): azure-chat-stream.sse"),
            Difference(
                ["azure-v1"], "error.type: \"invalid_request_error\" is none of the 1 words",
                "\(recorded): azure-reasoning-1.json"),
            Difference(["azure-v1"], "error.code: null instead of string", "OpenAI's words for a response that is not there"),
            Difference(
                azure, "error.param: null instead of string", "\(recorded) for `type`: azure-chat-prompt-filtered-400.json"),
        ]
        + ["hate", "self_harm", "sexual", "violence"].map {
            Difference(
                ["azure-v1"], "prompt_filter_results[].content_filter_results.\($0): not in the document",
                "\(recorded): azure-chat.json")
        }
        + [
            "completion_tokens_details.accepted_prediction_tokens", "completion_tokens_details.audio_tokens",
            "completion_tokens_details.rejected_prediction_tokens", "prompt_tokens_details",
        ].map {
            Difference(
                ["azure-2024-10-21"], ".usage.\($0): not in the document", "\(recorded) by dated paths: azure-provider-call.json")
        }
        + [
            Difference(["azure-2024-10-21"], "message.annotations: not in the document", "\(recorded): azure-provider-call.json"),
            Difference(["azure-2024-10-21"], "event.usage: not in the document", "it takes stream_options all the same"),
            Difference(["openai", "azure-2024-10-21"], "event.choices[].finish_reason: null instead of string", unfinished),
            Difference(["openai", "azure-2024-10-21"], "event.choices[].finish_reason: null is none of the 3 words", unfinished),
            Difference(
                ["openai", "azure-2024-10-21"], "completions.event.usage: null instead of object",
                "told in words at include_usage"),
            Difference(
                ["openai", "azure-2024-10-21"], "data[].embedding: string instead of array", "encoding_format says base64"),
        ]
    private static let unfinished = "the document has one shape for whole answers and chunks; a chunk is not finished"

    private static let tool =
        #""tools":[{"type":"function","function":{"name":"t","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}}]"#
    private static let flatTool =
        #""tools":[{"type":"function","name":"t","strict":true,"parameters":{"type":"object","properties":{"a":{"type":"string"}}}}]"#
    private static let hi = #""model":"m","messages":[{"role":"user","content":"hi there"}]"#
    private static let usage = #""stream":true,"stream_options":{"include_usage":true}"#
    private static let streamed = #""stream":true"#
    private static let schema =
        #""response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object","properties":{"a":{"type":"integer"}}}}}"#

    /// Operation and body.
    private static let questions: [(operation: String, body: String)] =
        [
            "", #""n":3"#, #""max_completion_tokens":4"#, tool + #","tool_choice":"required""#, schema,
        ].flatMap { extra in
            ["", streamed, usage].map { ("chat", "{" + [hi, extra, $0].filter { !$0.isEmpty }.joined(separator: ",") + "}") }
        }
        + ["", streamed, usage].map {
            ("completions", "{" + [#""model":"m","prompt":"hi","n":2"#, $0].filter { !$0.isEmpty }.joined(separator: ",") + "}")
        }
        + ["", #","encoding_format":"base64""#, #","dimensions":4"#].map {
            ("embeddings", #"{"model":"m","input":["a","b"]\#($0)}"#)
        }
        + [
            "", #","max_output_tokens":16"#, "," + flatTool + #","tool_choice":"required""#,
            #","instructions":"be brief","store":false"#,
            #","text":{"format":{"type":"json_schema","name":"s","schema":{"type":"object"}}}"#,
        ].flatMap { extra in ["", "," + streamed].map { ("responses", #"{"model":"m","input":"hi"\#(extra)\#($0)}"#) } }

    private static let errors = [400, 401, 403, 404, 429, 500, 503]

    /// Asks everything and takes each answer, event and error with the name of its schema.
    private static func everything(_ form: Form, of book: SchemaBook, _ port: Int) throws -> [(root: String, text: String)] {
        var said: [(String, String)] = []
        func ask(_ body: String, _ path: String, method: String = "POST", fault: String? = nil) throws -> RawAnswer {
            let client = try RawClient(port: port)
            try client.send(
                Harness.request(
                    body, method: method, path: form.before + path + form.after,
                    headers: fault.map { ["x-sim-fault: \($0)"] } ?? []))
            let answer = try client.answer()
            #expect(answer.isWhole, "\(path) \(answer)")
            return answer
        }
        let paths = [
            "chat": "/chat/completions", "completions": "/completions", "embeddings": "/embeddings", "responses": "/responses",
        ]
        for (operation, body) in questions where book.roots[operation + ".answer"] != nil {
            let answer = try ask(body, paths[operation] ?? "")
            #expect(answer.status == 200, "\(body): \(answer)")
            if body.contains(streamed) {
                said += events(answer.body, operation).map { (operation + ".event", $0) }
            } else {
                said.append((operation + ".answer", answer.body))
            }
        }
        let body = "{\(hi)}"
        for status in errors { said.append(("error", try ask(body, "/chat/completions", fault: "status:\(status)").body)) }
        said.append(("error", try ask(body, "/chat/completions", fault: "rate-limit:5").body))
        said.append(("error", try ask("{", "/chat/completions").body))
        said.append(("error", try ask(#"{"model":"m"}"#, "/chat/completions").body))
        if form.after.isEmpty {
            said.append(("error", try ask(body.replacing("\"m\"", with: "\"none\""), "/chat/completions").body))
        }
        let broken = try ask("{\(hi),\(usage)}", "/chat/completions", fault: "error-event:2")
        said.append(("error", try #require(events(broken.body, "chat").last)))
        if book.roots["responses.event"] != nil {
            let broken = try ask(#"{"model":"m","input":"hi","stream":true}"#, "/responses", fault: "error-event:3")
            said.append(("responses.event", try #require(events(broken.body, "responses").last)))
            let kept = try ask(#"{"model":"m","input":"hi"}"#, "/responses")
            let id = try #require(JSONReader.read(Array(kept.body.utf8))?["id"]?.string)
            let next = try ask(#"{"model":"m","input":"hi","previous_response_id":"\#(id)"}"#, "/responses")
            said.append(("responses.answer", next.body))
            said.append(("responses.read.answer", try ask("", "/responses/\(id)", method: "GET").body))
            let gone = try ask("", "/responses/\(id)", method: "DELETE").body
            if book.roots["responses.delete.answer"] != nil { said.append(("responses.delete.answer", gone)) }
            said.append(("error", try ask("", "/responses/\(id)", method: "GET").body))
        }
        if book.roots["conversations.answer"] != nil {
            let made = try ask(#"{"items":[{"type":"message","role":"user","content":"hi"}]}"#, "/conversations").body
            said.append(("conversations.answer", made))
            let id = try #require(JSONReader.read(Array(made.utf8))?["id"]?.string)
            said.append(("responses.answer", try ask(#"{"model":"m","input":"hi","conversation":"\#(id)"}"#, "/responses").body))
            said.append(("conversations.read.answer", try ask("", "/conversations/\(id)", method: "GET").body))
            said.append(("conversations.delete.answer", try ask("", "/conversations/\(id)", method: "DELETE").body))
        }
        return said
    }

    /// The data of a stream's events; where it ends with `[DONE]`, without that.
    private static func events(_ body: String, _ operation: String) -> [String] {
        var data: [String] = []
        for event in body.components(separatedBy: "\n\n") where !event.isEmpty && !event.hasPrefix(":") {
            let lines = event.components(separatedBy: "\n")
            let text = lines.first { $0.hasPrefix("data: ") }.map { String($0.dropFirst(6)) } ?? "no data"
            if operation == "responses", let type = JSONReader.read(Array(text.utf8))?["type"]?.string {
                #expect(lines.first == "event: \(type)")
            }
            data.append(text)
        }
        if operation != "responses", data.last == "[DONE]" { data.removeLast() }
        return data
    }

    private static func playing(_ body: (RunningSimulator) async throws -> Void) async throws {
        let simulator = try await RunningSimulator.start(
            try Scenario.load(yaml: scenario, file: "openapi"), group: .singletonMultiThreadedEventLoopGroup)
        do { try await body(simulator) } catch {
            await simulator.stop()
            throw error
        }
        await simulator.stop()
    }

    /// Records each fault that no known difference explains, and each difference that no fault has.
    private func expect(
        _ values: [(root: String, text: String)], _ book: SchemaBook, _ document: String, but known: [Difference]
    ) {
        let known = known.filter { $0.documents.contains(document) }
        var seen: Set<String> = []
        var unexplained: [String: String] = [:]
        for (root, text) in values {
            for fault in book.faults(text, as: root) {
                let place = root + fault.replacing(/\[\d+\]/, with: "[]")
                if let difference = known.first(where: { place.hasSuffix($0.fault) }) {
                    seen.insert(difference.fault)
                } else {
                    unexplained[place] = text
                }
            }
        }
        for (place, text) in unexplained.sorted(by: { $0.key < $1.key }) { Issue.record("\(place) in \(text.prefix(1_500))") }
        for difference in known where !seen.contains(difference.fault) {
            Issue.record("\(document): nothing has \(difference.fault) any more")
        }
    }

    @Test("Every answer, event and error that the simulator plays is what the provider's document says", arguments: Form.all)
    func simulator(_ form: Form) async throws {
        let book = try SchemaBook(form.document)
        try await Self.playing { simulator in
            let said = try Self.everything(form, of: book, try #require(simulator.ports[form.endpoint]))
            #expect(Set(said.map(\.root)).count == book.roots.keys.count { !$0.hasSuffix(".request") })
            expect(said, book, form.document, but: Self.played)
        }
    }

    @Test("A value that was changed is found out, wherever it was changed", arguments: Form.all)
    func mutations(_ form: Form) async throws {
        let book = try SchemaBook(form.document)
        try await Self.playing { simulator in
            var changes = 0
            var missed: Set<String> = []
            for (root, text) in try Self.everything(form, of: book, try #require(simulator.ports[form.endpoint])) {
                let value = try #require(JSONReader.read(Array(text.utf8)))
                let before = Set(book.faults(value, as: root))
                let faulty = before.compactMap { $0.components(separatedBy: ": ").first?.replacing(/\[\d+\]/, with: "[]") }
                for (mutant, place) in value.mutants("") where !faulty.contains(where: { !$0.isEmpty && place.hasPrefix($0) }) {
                    changes += 1
                    if Set(book.faults(mutant, as: root)).isSubset(of: before) { missed.insert(root + place) }
                }
            }
            #expect(changes > 1_000)
            let surprising = missed.filter { place in !Self.unguarded.contains { place.contains($0) } }
            #expect(surprising.isEmpty, "\(changes) changes, missed: \(surprising.sorted().joined(separator: ", "))")
        }
    }

    /// A tool's and a format's own schema is anything, so that a change in it cannot be seen.
    /// Azure's vector may be a text, whatever it says.
    private static let unguarded = [".parameters.", ".schema.", "embeddings.answer.data[].embedding of another kind"]

    @Test("A document with a word that nobody checks, or a reference to nothing, is not read")
    func unreadable() throws {
        for schema in [#"{"not":{}}"#, #"{"properties":{"a":{"pattern":"x"}}}"#, ##"{"items":{"$ref":"B"}}"##, #"{"oneOf":[1]}"#]
        {
            let document = try #require(JSONReader.read(Array(#"{"roots":{"a":\#(schema)},"schemas":{}}"#.utf8)))
            #expect(throws: SchemaBook.Unreadable.self) { try SchemaBook(document) }
        }
    }

    /// What the golden cases of translations have that OpenAI's document has not.
    static let translated: [Difference] =
        [
            ("delta.reasoning_content", "thoughts, as DeepSeek and others say them in this dialect"),
            ("delta.thinking_blocks", "thoughts that Anthropic signed, to be sent back"),
            ("event.response.store", "\(recorded): openai-responses-stream.sse"),
        ].map { Difference(["openai"], "\($0): not in the document", $1) }
        + [
            Difference(["openai"], "event.name: missing", "of a function's arguments: new in the document; the item has it"),
            Difference(
                ["openai"], "input_tokens_details.cache_write_tokens: missing",
                "new in the document; no other dialect tells it so"),
            Difference(["openai"], "event.response.usage: null instead of object", "\(recorded) before the end"),
            Difference(
                ["openai"], "request.input: array instead of string",
                "what a model said goes back as it came, without the ids that the document wants"),
        ]
    private static let sent: [Difference] = [
        Difference(["azure-2024-10-21"], "request.model: not in the document", "Azure's own SDK says it beside the path too"),
        Difference(["azure-2024-10-21"], "json_schema.type: missing", "the caller's; the document wants it inside by mistake"),
    ]

    @Test("What Weir says in OpenAI's dialects when it translates, requests and streams, is what OpenAI's document says")
    func translations() throws {
        let book = try SchemaBook("openai")
        let cases = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(
            path: "Cases/dialects")
        var said: [(root: String, text: String)] = []
        for folder in ["requests", "streams"] {
            for name in try FileManager.default.contentsOfDirectory(atPath: cases.appending(path: folder).path).sorted() {
                guard let end = name.split(separator: ".").first,
                    let to = ["chat", "responses"].first(where: { end.hasSuffix("-to-" + $0) })
                else { continue }
                let text = String(
                    decoding: try Data(contentsOf: cases.appending(path: folder).appending(path: name)), as: UTF8.self)
                if folder == "requests" {
                    said.append((to + ".request", text))
                } else {
                    said += Self.events(text, to).map { (to + ".event", $0) }
                }
            }
        }
        #expect(said.count > 500)
        expect(said, book, "openai", but: Self.translated)
    }

    private struct Way: Sendable {
        var form: Form
        var provider: ProviderKind
        var basePath: String
        var apiVersion: String?
    }

    private static let ways = [
        Way(form: Form.all[0], provider: .openai, basePath: "/v1"),
        Way(form: Form.all[1], provider: .azure, basePath: "/openai/v1"),
        Way(form: Form.all[2], provider: .azure, basePath: "/openai", apiVersion: "2024-10-21"),
    ]

    @Test("What Weir sends, rewritten or translated, is what the provider's document takes", arguments: ways.indices)
    func sent(_ index: Int) async throws {
        let way = Self.ways[index]
        let book = try SchemaBook(way.form.document)
        let calls =
            Self.questions.map {
                ($0.operation, $0.body, ["chat": "/v1/chat/completions"][$0.operation] ?? "/v1/" + $0.operation)
            }
            + [Ask.message, Ask.messageStream].map { ("chat", $0, "/v1/messages") }
            + [("chat", Ask.generation, "/api/v1/services/aigc/text-generation/generation")]
        try await ScriptedUpstream.with({ _, _ in [.send(Say.error("400 Bad Request"))] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                endpoints: { _ in
                    [.test("raw", port: port, provider: way.provider, basePath: way.basePath, apiVersion: way.apiVersion)]
                }
            ) { weir async throws in
                var expected: [String] = []
                for (operation, body, path) in calls where book.roots[operation + ".request"] != nil {
                    let answer = try weir.chat(body, path: path)
                    #expect(answer.status == 400 && answer.header("x-weir-endpoint") == "raw", "\(path) \(body): \(answer)")
                    expected.append(operation + ".request")
                }
                #expect(upstream.requests.count == expected.count)
                expect(Array(zip(expected, upstream.requests.map(\.body))), book, way.form.document, but: Self.sent)
                #expect(weir.settles())
            }
        }
    }
}

extension String {
    fileprivate func withPrefix(_ prefix: String) -> String { prefix + self }
}

extension JSON {
    /// The same value with one thing changed: a member misspelt, or a value of another kind.
    fileprivate func mutants(_ path: String) -> [(value: JSON, what: String)] {
        switch self {
        case .object(let members):
            members.indices.flatMap { index -> [(value: JSON, what: String)] in
                func with(_ member: Member) -> JSON {
                    var changed = members
                    changed[index] = member
                    return .object(changed)
                }
                let member = members[index]
                let inner = member.value.mutants("\(path).\(member.key)").map {
                    (with(Member(key: member.key, value: $0.value)), $0.what)
                }
                return [(with(Member(key: member.key + "x", value: member.value)), "\(path).\(member.key) misspelt")] + inner
            }
        case .array(let items):
            [(.string("x"), "\(path) of another kind")]
                + items.prefix(1).flatMap { item in
                    item.mutants("\(path)[]").map { (JSON.array([$0.value] + items.dropFirst()), $0.what) }
                }
        case .null, .bool, .number, .string: [(.array([.array([.bool(true)])]), "\(path) of another kind")]
        }
    }
}
