import Core
import Wire

/// Writes a stream of DashScope's own: all that was said so far in every event, or pieces where they were asked for.
struct GenerationStream {
    private let client: Client
    private var id = ""
    private var number = 0
    private var parts: [Part] = []
    private var usage: Usage?
    private var stop: Stop?

    init(_ client: Client) { self.client = client }

    mutating func write(_ piece: Piece, to out: inout String) {
        switch piece {
        case .start(let id, _): self.id = id
        case .text(let text), .refusal(let text): say(.text(text), &out)
        case .thought(let text): say(.reasoning(Thought(text: text)), &out)
        // It has no place for what is sealed.
        case .seal: break
        case .call(_, let id, let name): say(.toolCall(ToolCall(id: id, name: name, arguments: "")), &out)
        case .arguments(let index, let text):
            let calls = parts.indices.filter { if case .toolCall = parts[$0] { true } else { false } }
            guard index < calls.count, case .toolCall(var call) = parts[calls[index]] else { return }
            call.arguments += text
            parts[calls[index]] = .toolCall(call)
            call.arguments = client.wantsPieces ? text : call.arguments
            event(client.wantsPieces ? [.toolCall(call)] : parts, finish: "null", &out)
        case .stop(let stop): self.stop = stop
        case .usage(let usage): self.usage = usage
        case .end: event(client.wantsPieces ? [] : parts, finish: (stop ?? .end).chat, &out)
        }
    }

    private mutating func say(_ part: Part, _ out: inout String) {
        switch (parts.last, part) {
        case (.text(let said)?, .text(let text)): parts[parts.count - 1] = .text(said + text)
        case (.reasoning(let said)?, .reasoning(let thought)):
            parts[parts.count - 1] = .reasoning(Thought(text: said.text + thought.text))
        default: parts.append(part)
        }
        event(client.wantsPieces ? [part] : parts, finish: "null", &out)
    }

    private mutating func event(_ parts: [Part], finish: String, _ out: inout String) {
        number += 1
        var body = Writing()
        if client.wantsText {
            body.add("output", .object([JSON.Member("text", .string(parts.text)), JSON.Member("finish_reason", .text(finish))]))
        } else {
            body.add("output", generationOutput(message: parts.chatMessage, finish: finish, client))
        }
        body.add("usage", usage?.generationJSON)
        body.add("request_id", .string(id))
        out += "id:\(number)\nevent:result\n:HTTP_STATUS/200\ndata:\(JSON.object(body.members).description)\n\n"
    }
}
