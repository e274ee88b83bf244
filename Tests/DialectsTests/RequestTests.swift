import Core
import NIOCore
import Testing
import Wire

@testable import Dialects

@Suite("A request in another dialect")
struct RequestTests {
    static let pairs = Cases.dialects.flatMap { from in Cases.dialects.filter { $0 != from }.map { (from, $0) } }

    /// What a target of these cases has no word for: the fields are left out, after it is seen that each is refused by its name.
    static let uncarried: [Dialect: [(field: String, in: Set<Dialect>)]] = [
        .responses: [("stop", [.chat, .generation]), ("stop_sequences", [.messages])]
    ]

    private func without(_ keys: [String], _ body: JSON) -> JSON {
        guard case .object(let members) = body else { return body }
        return .object(
            members.compactMap { member in
                keys.contains(member.key)
                    ? nil : JSON.Member(member.key, member.key == "parameters" ? without(keys, member.value) : member.value)
            })
    }

    @Test("has every field in its place, for every dialect", arguments: pairs.indices)
    func golden(_ index: Int) throws {
        let (from, to) = Self.pairs[index]
        var body = try JSON(Cases.read("dialects/requests/\(from.rawValue).json"))
        let hard = (Self.uncarried[to] ?? []).filter { $0.in.contains(from) }.map(\.field)
        if !hard.isEmpty {
            let error = #expect(throws: Uncarried.self) { try translated(body, from, to) }
            #expect(error?.field == "stop")
            body = without(hard, body)
        }
        let text = try translated(body, from, to)
        try Cases.expect(text + "\n", as: "dialects/requests/\(from.rawValue)-to-\(to.rawValue).json")
        // It is what its dialect's own scanner takes, and it is bounded as the original.
        let scan = try scanRequest(ByteBuffer(string: text), dialect: to, maxDepth: 64)
        let original = try scanRequest(ByteBuffer(string: body.description), dialect: from, maxDepth: 64)
        #expect(scan.outputLimit == 500 && original.outputLimit == 500)
        #expect(scan.images == original.images && scan.tools == original.tools && scan.unknownPart == nil)
        #expect(scan.hostedTool == nil && scan.files == 0)
    }

    private func translated(_ body: JSON, _ from: Dialect, _ to: Dialect) throws -> String {
        String(
            buffer: try translateRequest(
                ByteBuffer(string: body.description), from: from, stream: true, for: Cases.target(to)))
    }

    @Test("says the same when it comes back", arguments: [Dialect.messages, .generation])
    func roundTrip(_ by: Dialect) throws {
        let body = try Cases.read("dialects/requests/chat.json")
        var first = try Ask(chat: try JSON(body))
        let there = try translateRequest(body, from: .chat, stream: true, for: Cases.target(by))
        let back = try translateRequest(there, from: by, stream: true, for: Cases.target(.chat))
        var again = try Ask(chat: try JSON(back))
        // What the other dialect writes in another way or has no word for.
        if by == .messages {
            first.format = .schema(
                name: "answer", schema: .object([JSON.Member("type", .text("object"))]), strict: nil, description: nil)
            first.tools = first.tools.map {
                Tool(name: $0.name, description: $0.description, parameters: $0.parameters, strict: nil)
            }
            for turn in first.turns.indices {
                for part in first.turns[turn].parts.indices {
                    switch first.turns[turn].parts[part] {
                    case .image(.data(let type, let base64, _)):
                        first.turns[turn].parts[part] = .image(.data(type: type, base64: base64, detail: nil))
                    case .toolCall(let call) where call.arguments.isEmpty:
                        first.turns[turn].parts[part] = .toolCall(ToolCall(id: call.id, name: call.name, arguments: "{}"))
                    default: break
                    }
                }
            }
        } else {
            first.user = nil
            first.reasoning = .on(effort: nil, budget: nil)
        }
        // Results and what follows them make one turn there, and one turn each in chat.
        func flat(_ turns: [Turn]) -> [Part] { turns.flatMap(\.parts).map(normal) }
        func normal(_ part: Part) -> Part {
            guard case .toolCall(var call) = part, let input = JSON(within: call.arguments) else { return part }
            call.arguments = JSON.written(input.description)
            return .toolCall(call)
        }
        #expect(flat(again.turns) == flat(first.turns))
        first.turns = []
        again.turns = []
        if by == .generation { again.reasoning = .on(effort: nil, budget: nil) }
        #expect(again == first)
    }

    static let refused: [(from: Dialect, to: Dialect, body: String, field: String)] = [
        (.chat, .messages, #"{"messages":[],"logit_bias":{"1":2}}"#, "logit_bias"),
        (.chat, .messages, #"{"messages":[],"n":2}"#, "n"),
        (.chat, .messages, #"{"messages":[],"seed":1}"#, "seed"),
        (.chat, .messages, #"{"messages":[],"frequency_penalty":0.5}"#, "frequency_penalty"),
        (.chat, .messages, #"{"messages":[],"response_format":{"type":"json_object"}}"#, "response_format"),
        (.chat, .messages, #"{"messages":[],"service_tier":"priority"}"#, "service_tier"),
        (.chat, .messages, #"{"messages":[],"brand_new":[1]}"#, "brand_new"),
        (.chat, .messages, #"{"messages":[],"tools":[{"type":"custom","custom":{"name":"a"}}]}"#, "tools[0]"),
        (
            .chat, .messages, #"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]}"#,
            "messages[0].content[0] (input_audio)"
        ),
        (.chat, .messages, #"{"messages":[{"role":"function","name":"a","content":"b"}]}"#, "messages[0].role"),
        (
            .chat, .messages, #"{"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"}]}"#, "messages"
        ),
        (
            .chat, .messages, #"{"messages":[{"role":"assistant","content":"a","reasoning_content":"hm"}]}"#, "reasoning"
        ),
        (.messages, .chat, #"{"messages":[],"context_management":{"edits":[{"type":"x"}]}}"#, "context_management"),
        (.messages, .chat, #"{"messages":[],"tools":[{"type":"bash_20250124","name":"bash"}]}"#, "tools[0] (bash_20250124)"),
        (
            .messages, .chat, #"{"messages":[{"role":"user","content":[{"type":"document","source":{}}]}]}"#,
            "messages[0].content[0] (document)"
        ),
        (
            .messages, .chat,
            #"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"abc"}]}]}"#, "thinking"
        ),
        (
            .messages, .responses,
            #"{"messages":[{"role":"assistant","content":[{"type":"redacted_thinking","data":"abc"}]}]}"#, "reasoning"
        ),
        (.responses, .chat, #"{"input":"a","previous_response_id":"resp_1"}"#, "previous_response_id"),
        (.responses, .chat, #"{"input":[{"type":"computer_call"}]}"#, "input[0] (computer_call)"),
        (
            .responses, .messages, #"{"input":[{"type":"reasoning","summary":[],"encrypted_content":"abc"}]}"#, "reasoning"
        ),
        (
            .generation, .chat, #"{"input":{"messages":[]},"parameters":{"repetition_penalty":1.1}}"#,
            "parameters.repetition_penalty"
        ),
        (.generation, .chat, #"{"input":{"messages":[]},"parameters":{"enable_search":true}}"#, "parameters.enable_search"),
    ]

    @Test("is refused by the name of what cannot be carried", arguments: refused.indices)
    func refusal(_ index: Int) throws {
        let (from, to, body, field) = Self.refused[index]
        let error = #expect(throws: Uncarried.self) {
            try translateRequest(ByteBuffer(string: body), from: from, stream: false, for: Cases.target(to))
        }
        #expect(error?.field == field, "\(body)")
    }

    @Test("Sealed thinking finds its way back through every client's dialect", arguments: [Dialect.chat, .responses])
    func seals(_ client: Dialect) throws {
        let answer =
            #"{"id":"msg_1","model":"m","content":[{"type":"thinking","thinking":"hm","signature":"abc=="},"#
            + #"{"type":"redacted_thinking","data":"xyz"},{"type":"tool_use","id":"t1","name":"f","input":{"a":1}}],"#
            + #""stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}}"#
        let said = try #require(translateReply(ByteBuffer(string: answer), from: .messages, for: Cases.client(client)))
        let tree = try JSON(said)
        let next: JSON
        if client == .chat {
            let message = try #require(tree["choices"]?.array?.first?["message"])
            next = .object([JSON.Member("messages", .array([message]))])
        } else {
            next = .object([JSON.Member("input", .array(tree["output"]?.array ?? []))])
        }
        let back = try translateRequest(
            ByteBuffer(string: next.description), from: client, stream: false, for: Cases.target(.messages))
        let content = try JSON(back)["messages"]?.array?.first?["content"]
        #expect(
            content?.description == #"[{"type":"thinking","thinking":"hm","signature":"abc=="},"#
                + #"{"type":"redacted_thinking","data":"xyz"},{"type":"tool_use","id":"t1","name":"f","input":{"a":1}}]"#)
    }
}
