import Core
import NIOCore
import Wire

/// What one event of a stream says, in no dialect.
enum Piece: Sendable, Equatable {
    case start(id: String, model: String)
    case text(String)
    case refusal(String)
    case thought(String)
    /// Of the thought before it.
    case seal(Thought.Seal)
    /// - Parameter index: the call's number in this answer.
    case call(index: Int, id: String, name: String)
    case arguments(index: Int, String)
    case stop(Stop)
    case usage(Usage)
    /// The stream's own end.
    case end
}

/// Reads the events of one dialect's streams.
struct PieceReader {
    let dialect: Dialect
    private var isStarted = false
    /// Numbers of calls, by the source's own numbers of them.
    private var calls: [Int64: Int] = [:]
    private var hasCalls = false
    /// Of Messages: what was used before anything was generated.
    private var usageAtStart: JSON?

    init(_ dialect: Dialect) { self.dialect = dialect }

    mutating func read(_ event: StreamedEvent) -> [Piece] {
        if event.isDone { return [.end] }
        guard let body = try? JSON(event.data) else { return [] }
        switch dialect {
        case .messages: return messages(body, event.name)
        case .responses: return responses(body, event.name)
        case .generation, .multimodalGeneration: return generation(body)
        default: return chat(body)
        }
    }

    private mutating func start(_ body: JSON, id key: String = "id") -> [Piece] {
        guard !isStarted, let id = body[key]?.string, !id.isEmpty else { return [] }
        isStarted = true
        return [.start(id: id, model: body["model"]?.string ?? "")]
    }

    // MARK: Chat

    private mutating func chat(_ body: JSON) -> [Piece] {
        var pieces = start(body)
        for choice in body["choices"]?.array ?? [] {
            if let delta = choice["delta"] { pieces += said(chat: delta) }
            if let word = choice["finish_reason"]?.string { pieces.append(.stop(stop(chat: word))) }
        }
        if let usage = body["usage"]?.usage { pieces.append(.usage(usage)) }
        return pieces
    }

    /// Some say `stop` after calls.
    private func stop(chat word: String) -> Stop { hasCalls && word == "stop" ? .tools : Stop(chat: word) }

    private mutating func said(chat delta: JSON) -> [Piece] {
        var pieces: [Piece] = []
        func add(_ text: String?, _ piece: (String) -> Piece) {
            if let text, !text.isEmpty { pieces.append(piece(text)) }
        }
        add(delta["reasoning_content"]?.string ?? delta["reasoning"]?.string, Piece.thought)
        add(delta["content"]?.string, Piece.text)
        for part in delta["content"]?.array ?? [] { add(part["text"]?.string, Piece.text) }
        add(delta["refusal"]?.string, Piece.refusal)
        for (place, call) in (delta["tool_calls"]?.array ?? []).enumerated() {
            pieces += said(call: call, at: call["index"]?.integer ?? Int64(place))
        }
        return pieces
    }

    private mutating func said(call: JSON, at place: Int64) -> [Piece] {
        var pieces: [Piece] = []
        let function = call["function"]
        let index: Int
        if let known = calls[place] {
            index = known
        } else {
            index = calls.count
            calls[place] = index
            hasCalls = true
            pieces.append(.call(index: index, id: call["id"]?.string ?? "", name: function?["name"]?.string ?? ""))
        }
        if let text = function?["arguments"]?.string, !text.isEmpty { pieces.append(.arguments(index: index, text)) }
        return pieces
    }

    // MARK: DashScope's own, asked for pieces (`incremental_output`)

    private mutating func generation(_ body: JSON) -> [Piece] {
        var pieces = start(body, id: "request_id")
        guard let output = body["output"] else { return pieces }
        let choice = output["choices"]?.array?.first
        var message = choice?["message"] ?? .object([])
        if choice == nil, let text = output["text"] { message = .object([JSON.Member("content", text)]) }
        pieces += said(chat: message)
        if let usage = body["usage"]?.usage { pieces.append(.usage(usage)) }
        if let word = (choice ?? output)["finish_reason"]?.string, word != "null" {
            pieces += [.stop(stop(chat: word)), .end]
        }
        return pieces
    }

    // MARK: Messages

    private mutating func messages(_ body: JSON, _ name: String) -> [Piece] {
        switch body["type"]?.string ?? name {
        case "message_start":
            usageAtStart = body["message"]?["usage"]
            return start(body["message"] ?? .null)
        case "content_block_start":
            guard let block = body["content_block"] else { return [] }
            switch block["type"]?.string {
            case "tool_use":
                let index = calls.count
                calls[body["index"]?.integer ?? 0] = index
                return [.call(index: index, id: block["id"]?.string ?? "", name: block["name"]?.string ?? "")]
            case "redacted_thinking": return [.seal(.redacted(block["data"]?.string ?? ""))]
            case "text":
                let text = block["text"]?.string ?? ""
                return text.isEmpty ? [] : [.text(text)]
            default: return []
            }
        case "content_block_delta":
            guard let delta = body["delta"] else { return [] }
            if let text = delta["text"]?.string { return [.text(text)] }
            if let text = delta["thinking"]?.string { return text.isEmpty ? [] : [.thought(text)] }
            if let text = delta["signature"]?.string { return text.isEmpty ? [] : [.seal(.signature(text))] }
            guard let text = delta["partial_json"]?.string, !text.isEmpty, let index = calls[body["index"]?.integer ?? 0] else {
                return []
            }
            return [.arguments(index: index, text)]
        case "message_delta":
            var pieces: [Piece] = []
            if let delta = body["delta"], let reason = delta["stop_reason"]?.string {
                pieces.append(.stop(Stop(messages: reason, sequence: delta["stop_sequence"]?.string)))
            }
            // What it does not repeat stands as it was at the start.
            var both = Writing()
            both.add("message_start", usageAtStart)
            both.add("message_delta", body["usage"])
            if let usage = JSON.object(both.members).usage { pieces.append(.usage(usage)) }
            return pieces
        case "message_stop": return [.end]
        default: return []
        }
    }

    // MARK: Responses

    private mutating func responses(_ body: JSON, _ name: String) -> [Piece] {
        let place = body["output_index"]?.integer ?? 0
        let delta = body["delta"]?.string ?? ""
        switch body["type"]?.string ?? name {
        case "response.created", "response.in_progress": return start(body["response"] ?? .null)
        case "response.output_item.added":
            guard let item = body["item"], item["type"]?.string == "function_call" else { return [] }
            let index = calls.count
            calls[place] = index
            hasCalls = true
            return [.call(index: index, id: item["call_id"]?.string ?? "", name: item["name"]?.string ?? "")]
        case "response.output_text.delta": return [.text(delta)]
        case "response.refusal.delta": return [.refusal(delta)]
        case "response.reasoning_summary_text.delta", "response.reasoning_text.delta": return [.thought(delta)]
        case "response.function_call_arguments.delta": return calls[place].map { [.arguments(index: $0, delta)] } ?? []
        case "response.output_item.done":
            guard let item = body["item"], item["type"]?.string == "reasoning", let sealed = item["encrypted_content"]?.string
            else { return [] }
            return [.seal(.encrypted(sealed))]
        case "response.completed", "response.incomplete":
            let response = body["response"] ?? .null
            var pieces: [Piece] = []
            switch response["incomplete_details"]?["reason"]?.string {
            case "max_output_tokens": pieces.append(.stop(.length))
            case "content_filter": pieces.append(.stop(.refused))
            default: pieces.append(.stop(hasCalls ? .tools : .end))
            }
            if let usage = response["usage"]?.usage { pieces.append(.usage(usage)) }
            return pieces + [.end]
        default: return []
        }
    }
}
