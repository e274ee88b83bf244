import Core
import Wire

/// Writes a stream of the Responses API: items, one after another, and the whole response at its start and its end.
struct ResponsesStream {
    private enum Open {
        case message(isRefusal: Bool)
        case thought(Thought.Seal?)
        case call(index: Int, id: String, name: String)
    }

    private let client: Client
    private var id = ""
    private var model = ""
    private var isBegun = false
    private var number = 0
    private var open: Open?
    /// What the open item says; it grows in place.
    private var said = ""
    private var items: [JSON] = []
    private var usage: Usage?
    private var stop: Stop?

    init(_ client: Client) { self.client = client }

    mutating func write(_ piece: Piece, to out: inout String) {
        switch piece {
        case .start(let id, let model): (self.id, self.model) = (id, model)
        case .text(let text): say(text, isRefusal: false, &out)
        case .refusal(let text): say(text, isRefusal: true, &out)
        case .thought(let text): think(text, &out)
        case .seal(let seal):
            if case .thought = open {} else { beginThought(&out) }
            open = .thought(seal)
            close(&out)
        case .call(let index, let id, let name):
            begin(&out)
            close(&out)
            open = .call(index: index, id: id, name: name)
            let call = ToolCall(id: id, name: name, arguments: "")
            added(responsesCall(call, id: itemID("fc"), status: "in_progress"), &out)
        case .arguments(let index, let text):
            guard case .call(index, _, _) = open else { return }
            said += text
            event("response.function_call_arguments.delta", "\(place("fc")),\"delta\":\"\(text)\"", &out)
        case .stop(let stop): self.stop = stop
        case .usage(let usage): self.usage = usage
        case .end: finish(&out)
        }
    }

    // MARK: Items

    private mutating func say(_ text: String, isRefusal: Bool, _ out: inout String) {
        begin(&out)
        if case .message(isRefusal) = open {
        } else {
            close(&out)
            open = .message(isRefusal: isRefusal)
            added(responsesMessage(id: itemID("msg"), status: "in_progress", content: []), &out)
            event("response.content_part.added", "\(part),\"part\":\(partJSON("", isRefusal).description)", &out)
        }
        said += text
        let kind = isRefusal ? "response.refusal.delta" : "response.output_text.delta"
        event(kind, "\(part),\"delta\":\"\(text)\"" + (isRefusal ? "" : ",\"logprobs\":[]"), &out)
    }

    private mutating func beginThought(_ out: inout String) {
        begin(&out)
        close(&out)
        open = .thought(nil)
        added(responsesThought(Thought(text: ""), id: itemID("rs")), &out)
    }

    private mutating func think(_ text: String, _ out: inout String) {
        if case .thought = open {} else { beginThought(&out) }
        let summary = "\(place("rs")),\"summary_index\":0"
        if said.isEmpty {
            event("response.reasoning_summary_part.added", "\(summary),\"part\":{\"type\":\"summary_text\",\"text\":\"\"}", &out)
        }
        said += text
        event("response.reasoning_summary_text.delta", "\(summary),\"delta\":\"\(text)\"", &out)
    }

    private mutating func close(_ out: inout String) {
        guard let open else { return }
        self.open = nil
        let text = said
        said = ""
        let status = stop?.responsesReason == nil ? "completed" : "incomplete"
        let item: JSON
        switch open {
        case .message(let isRefusal):
            let said = partJSON(text, isRefusal)
            let kind = isRefusal ? "response.refusal.done" : "response.output_text.done"
            let member = isRefusal ? "\"refusal\":\"\(text)\"" : "\"text\":\"\(text)\",\"logprobs\":[]"
            event(kind, "\(part),\(member)", &out)
            event("response.content_part.done", "\(part),\"part\":\(said.description)", &out)
            item = responsesMessage(id: itemID("msg"), status: status, content: [said])
        case .thought(let seal):
            if !text.isEmpty {
                let summary = "\(place("rs")),\"summary_index\":0"
                event("response.reasoning_summary_text.done", "\(summary),\"text\":\"\(text)\"", &out)
                event(
                    "response.reasoning_summary_part.done",
                    "\(summary),\"part\":{\"type\":\"summary_text\",\"text\":\"\(text)\"}", &out)
            }
            item = responsesThought(Thought(text: text, seal: seal), id: itemID("rs"))
        case .call(_, let id, let name):
            event("response.function_call_arguments.done", "\(place("fc")),\"arguments\":\"\(text)\"", &out)
            item = responsesCall(ToolCall(id: id, name: name, arguments: text), id: itemID("fc"), status: status)
        }
        event("response.output_item.done", "\"output_index\":\(items.count),\"item\":\(item.description)", &out)
        items.append(item)
    }

    private mutating func added(_ item: JSON, _ out: inout String) {
        event("response.output_item.added", "\"output_index\":\(items.count),\"item\":\(item.description)", &out)
    }

    private func itemID(_ kind: String) -> String { "\(kind)_\(id)_\(items.count)" }
    private func place(_ kind: String) -> String { "\"item_id\":\"\(itemID(kind))\",\"output_index\":\(items.count)" }
    private var part: String { "\(place("msg")),\"content_index\":0" }

    private func partJSON(_ text: String, _ isRefusal: Bool) -> JSON {
        guard isRefusal else { return responsesText(text) }
        return .object([JSON.Member("type", .text("refusal")), JSON.Member("refusal", .string(text))])
    }

    // MARK: The response

    private mutating func begin(_ out: inout String) {
        guard !isBegun else { return }
        isBegun = true
        let response = "\"response\":\(object("in_progress", nil, []).description)"
        event("response.created", response, &out)
        event("response.in_progress", response, &out)
    }

    private mutating func finish(_ out: inout String) {
        begin(&out)
        close(&out)
        let reason = stop?.responsesReason
        let status = reason == nil ? "completed" : "incomplete"
        event("response.\(status)", "\"response\":\(object(status, reason, items).description)", &out)
    }

    private func object(_ status: String, _ reason: String?, _ output: [JSON]) -> JSON {
        responsesObject(
            id: id.prefixed("resp_"), model: model.isEmpty ? .text(client.model) : .string(model), created: .integer(client.now),
            status: status, reason: reason, output: output, usage: status == "in_progress" ? nil : usage)
    }

    private mutating func event(_ type: String, _ members: String, _ out: inout String) {
        out += "event: "
        out += type
        out += "\ndata: {\"type\":\""
        out += type
        out += "\",\"sequence_number\":"
        out += String(number)
        out += ","
        out += members
        out += "}\n\n"
        number += 1
    }
}
