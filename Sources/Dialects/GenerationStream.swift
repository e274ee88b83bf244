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
        case .call(let index, let id, let name): say(.toolCall(ToolCall(id: id, name: name, arguments: "")), call: index, &out)
        case .arguments(let index, let text):
            let calls = parts.indices.filter { if case .toolCall = parts[$0] { true } else { false } }
            guard index < calls.count, case .toolCall(var call) = parts[calls[index]] else { return }
            if client.wantsPieces {
                call.arguments = text
                return event([.toolCall(call)], call: index, finish: "null", &out)
            }
            call.arguments += text
            parts[calls[index]] = .toolCall(call)
            event(parts, finish: "null", &out)
        case .stop(let stop): self.stop = stop
        case .usage(let usage): self.usage = usage
        case .end: event(client.wantsPieces ? [] : parts, finish: (stop ?? .end).chat, &out)
        }
    }

    private mutating func say(_ part: Part, call: Int = 0, _ out: inout String) {
        // Pieces need nothing of what was said before but the calls, which are numbered.
        if client.wantsPieces {
            if case .toolCall = part { parts.append(part) }
            return event([part], call: call, finish: "null", &out)
        }
        switch (parts.last, part) {
        case (.text(let said)?, .text(let text)): parts[parts.count - 1] = .text(said + text)
        case (.reasoning(let said)?, .reasoning(let thought)):
            parts[parts.count - 1] = .reasoning(Thought(text: said.text + thought.text))
        default: parts.append(part)
        }
        event(parts, finish: "null", &out)
    }

    /// - Parameter call: the number of the first call in it, where it holds pieces.
    private mutating func event(_ parts: [Part], call: Int = 0, finish: String, _ out: inout String) {
        number += 1
        var body = Writing()
        if client.wantsText {
            body.add("output", .object([JSON.Member("text", .string(parts.text)), JSON.Member("finish_reason", .text(finish))]))
        } else {
            body.add(
                "output",
                generationOutput(
                    message: parts.chatMessage(firstCall: client.wantsPieces ? call : 0), finish: finish, client))
        }
        body.add("usage", usage?.generationJSON)
        body.add("request_id", .string(id))
        out += "id:\(number)\nevent:result\n:HTTP_STATUS/200\ndata:\(JSON.object(body.members).description)\n\n"
    }
}
