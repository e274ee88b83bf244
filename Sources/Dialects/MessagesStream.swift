import Core
import Wire

/// Writes a stream of Anthropic's Messages: blocks, one after another, each begun, said and ended.
struct MessagesStream {
    private enum Block: Equatable {
        case text, thinking
        case call(Int)
    }

    private let client: Client
    private var id = ""
    private var model = ""
    private var isBegun = false
    private var open: Block?
    private var blocks = 0
    private var usage: Usage?
    private var stop: Stop?

    init(_ client: Client) { self.client = client }

    mutating func write(_ piece: Piece, to out: inout String) {
        switch piece {
        case .start(let id, let model): (self.id, self.model) = (id, model)
        case .text(let text), .refusal(let text):
            begin(.text, "\"type\":\"text\",\"text\":\"\"", &out)
            delta("text_delta", "text", text, &out)
        case .thought(let text):
            begin(.thinking, "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"", &out)
            delta("thinking_delta", "thinking", text, &out)
        case .seal(.signature(let signature)):
            begin(.thinking, "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"", &out)
            delta("signature_delta", "signature", signature, &out)
        case .seal(.redacted(let data)):
            end(&out)
            begin(.thinking, "\"type\":\"redacted_thinking\",\"data\":\"\(data)\"", &out)
            end(&out)
        case .seal(.encrypted): break
        case .call(let index, let id, let name):
            begin(.call(index), "\"type\":\"tool_use\",\"id\":\"\(id)\",\"name\":\"\(name)\",\"input\":{}", &out)
        case .arguments(let index, let text):
            // Calls that are written at the same time cannot be told so here; providers write one after another.
            guard open == .call(index) else { return }
            delta("input_json_delta", "partial_json", text, &out)
        case .stop(let stop): self.stop = stop
        case .usage(let usage): self.usage = usage
        case .end: finish(&out)
        }
    }

    private mutating func start(_ out: inout String) {
        guard !isBegun else { return }
        isBegun = true
        let model = model.isEmpty ? JSON.written(client.model) : model
        // What went in is told at the end, when the source has said it.
        out +=
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"\(id.prefixed("msg_"))\","
            + "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"\(model)\",\"content\":[],\"stop_reason\":null,"
            + "\"stop_sequence\":null,\"usage\":\((usage ?? Usage()).messagesJSON.description)}}\n\n"
    }

    private mutating func begin(_ block: Block, _ members: String, _ out: inout String) {
        start(&out)
        if open == block { return }
        end(&out)
        open = block
        out +=
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":\(blocks),"
            + "\"content_block\":{\(members)}}\n\n"
    }

    private func delta(_ type: String, _ member: String, _ text: String, _ out: inout String) {
        out += "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"
        out += String(blocks)
        out += ",\"delta\":{\"type\":\""
        out += type
        out += "\",\""
        out += member
        out += "\":\""
        out += text
        out += "\"}}\n\n"
    }

    private mutating func end(_ out: inout String) {
        guard open != nil else { return }
        open = nil
        out += "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":\(blocks)}\n\n"
        blocks += 1
    }

    private mutating func finish(_ out: inout String) {
        start(&out)
        end(&out)
        let stop = stop ?? .end
        out +=
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"\(stop.messages)\","
            + "\"stop_sequence\":\(stop.messagesSequence.description)},\"usage\":\((usage ?? Usage()).messagesJSON.description)}\n\n"
            + "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
    }
}
