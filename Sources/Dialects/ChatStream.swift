import Core
import Wire

/// Writes a stream of OpenAI's chat.
struct ChatStream {
    private let client: Client
    private var id = ""
    private var model = ""
    private var isBegun = false
    private var usage: Usage?
    private var stop: Stop?
    /// The chunk up to its delta, the same for all.
    private var front = ""
    /// The same up to its choices.
    private var head = ""

    init(_ client: Client) { self.client = client }

    mutating func write(_ piece: Piece, to out: inout String) {
        switch piece {
        case .start(let id, let model): (self.id, self.model) = (id, model)
        case .text(let text): delta("\"content\":\"\(text)\"", &out)
        case .refusal(let text): delta("\"refusal\":\"\(text)\"", &out)
        case .thought(let text): delta("\"reasoning_content\":\"\(text)\"", &out)
        case .seal(.encrypted): break
        case .seal(let seal):
            if let block = Part.reasoning(Thought(text: "", seal: seal)).messagesBlock {
                delta("\"thinking_blocks\":[\(block.description)]", &out)
            }
        case .call(let index, let id, let name):
            let function = "\"type\":\"function\",\"function\":{\"name\":\"\(name)\",\"arguments\":\"\"}"
            delta("\"tool_calls\":[{\"index\":\(index),\"id\":\"\(id)\",\(function)}]", &out)
        case .arguments(let index, let text):
            delta("\"tool_calls\":[{\"index\":\(index),\"function\":{\"arguments\":\"\(text)\"}}]", &out)
        case .stop(let stop): self.stop = stop
        case .usage(let usage): self.usage = usage
        case .end: end(&out)
        }
    }

    private mutating func delta(_ member: String, _ out: inout String) {
        begin(&out)
        out += front
        out += "{"
        out += member
        out += "},\"logprobs\":null,\"finish_reason\":null}]}\n\n"
    }

    private mutating func begin(_ out: inout String) {
        guard !isBegun else { return }
        isBegun = true
        let model = model.isEmpty ? JSON.written(client.model) : model
        head =
            "data: {\"id\":\"\(id.prefixed("chatcmpl-"))\",\"object\":\"chat.completion.chunk\",\"created\":\(client.now),"
            + "\"model\":\"\(model)\",\"choices\":"
        front = head + "[{\"index\":0,\"delta\":"
        out += front + "{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"
    }

    private mutating func end(_ out: inout String) {
        begin(&out)
        out += front + "{},\"logprobs\":null,\"finish_reason\":\"\((stop ?? .end).chat)\"}]}\n\n"
        if client.wantsUsage, let usage { out += head + "[],\"usage\":\(usage.chatJSON.description)}\n\n" }
        out += "data: [DONE]\n\n"
    }
}
