import Core
import Wire

/// A whole answer, in no dialect.
struct Reply: Sendable, Equatable {
    var id = ""
    var model = ""
    /// Seconds since 1970, where the answer says.
    var created: Int64 = 0
    var parts: [Part] = []
    var stop = Stop.end
    var usage: Usage?
}

/// Why a model stopped.
enum Stop: Sendable, Equatable {
    case end
    case length
    case tools
    /// The provider's filter, or the model itself, refused to go on.
    case refused
    /// One of the caller's own ends, which Anthropic names.
    case sequence(String?)
}

extension Stop {
    /// OpenAI's chat, and what DashScope and Ark say.
    init(chat word: String?) {
        switch word {
        case "length": self = .length
        case "tool_calls", "function_call": self = .tools
        case "content_filter", "sensitive": self = .refused
        default: self = .end
        }
    }

    /// Some say `stop` after calls.
    init(chat word: String?, of parts: [Part]) {
        self.init(chat: word)
        if self == .end, parts.contains(where: { if case .toolCall = $0 { true } else { false } }) { self = .tools }
    }

    var chat: String {
        switch self {
        case .end, .sequence: "stop"
        case .length: "length"
        case .tools: "tool_calls"
        case .refused: "content_filter"
        }
    }

    init(messages word: String?, sequence: String?) {
        switch word {
        case "max_tokens", "model_context_window_exceeded": self = .length
        case "tool_use": self = .tools
        case "refusal": self = .refused
        case "stop_sequence": self = .sequence(sequence)
        default: self = .end
        }
    }

    var messages: String {
        switch self {
        case .end: "end_turn"
        case .length: "max_tokens"
        case .tools: "tool_use"
        case .refused: "refusal"
        case .sequence: "stop_sequence"
        }
    }

    var messagesSequence: JSON { if case .sequence(let text?) = self { .string(text) } else { .null } }

    /// `incomplete_details.reason` of a response that is not whole.
    var responsesReason: String? {
        switch self {
        case .length: "max_output_tokens"
        case .refused: "content_filter"
        case .end, .tools, .sequence: nil
        }
    }
}

// MARK: - Usage

extension Usage {
    private static func object(_ members: [(String, Int64)]) -> JSON {
        .object(members.map { JSON.Member($0.0, .integer($0.1)) })
    }

    var chatJSON: JSON {
        var usage = Writing()
        usage.add("prompt_tokens", .integer(inputTokens))
        usage.add("completion_tokens", .integer(outputTokens))
        usage.add("total_tokens", .integer(tokens))
        usage.add("prompt_tokens_details", Self.object([("cached_tokens", cachedInput), ("audio_tokens", audioInput)]))
        usage.add("completion_tokens_details", Self.object([("reasoning_tokens", reasoning), ("audio_tokens", audioOutput)]))
        return .object(usage.members)
    }

    var responsesJSON: JSON {
        var usage = Writing()
        usage.add("input_tokens", .integer(inputTokens))
        usage.add("input_tokens_details", Self.object([("cached_tokens", cachedInput)]))
        usage.add("output_tokens", .integer(outputTokens))
        usage.add("output_tokens_details", Self.object([("reasoning_tokens", reasoning)]))
        usage.add("total_tokens", .integer(tokens))
        return .object(usage.members)
    }

    /// What the cache served and took stands beside the input.
    var messagesJSON: JSON {
        let written = cacheWrite + cacheWriteHour
        return Self.object([
            ("input_tokens", inputTokens - cachedInput - written), ("cache_creation_input_tokens", written),
            ("cache_read_input_tokens", cachedInput), ("output_tokens", outputTokens),
        ])
    }

    var generationJSON: JSON {
        var usage = Writing()
        usage.add("input_tokens", .integer(inputTokens))
        usage.add("output_tokens", .integer(outputTokens))
        usage.add("total_tokens", .integer(tokens))
        usage.add("prompt_tokens_details", Self.object([("cached_tokens", cachedInput)]))
        return .object(usage.members)
    }
}

extension JSON {
    /// Meters of a usage object of any dialect.
    var usage: Usage? {
        var text = description
        return text.withUTF8 { readUsage(UnsafeRawBufferPointer($0)) }
    }
}

// MARK: - Reading

extension Reply {
    /// nil: the answer has not the shape of its dialect.
    init?(_ body: JSON, of dialect: Dialect) {
        switch dialect {
        case .chat: self.init(chat: body)
        case .messages: self.init(messages: body)
        case .responses: self.init(responses: body)
        case .generation, .multimodalGeneration: self.init(generation: body)
        case .completions, .embeddings, .conversations, .tokenCount: return nil
        }
    }

    private init?(chat body: JSON) {
        guard let choice = body["choices"]?.array?.first else { return nil }
        // A choice that Azure's filter blocked altogether has no message (recorded: azure-chat-output-filtered).
        let isBlocked = choice["finish_reason"]?.string == "content_filter"
        guard let message = choice["message"] ?? (isBlocked ? .object([]) : nil) else { return nil }
        id = body["id"]?.string ?? ""
        model = body["model"]?.string ?? ""
        created = body["created"]?.integer ?? 0
        parts = Part.said(chat: message)
        stop = Stop(chat: choice["finish_reason"]?.string, of: parts)
        usage = body["usage"]?.usage
    }

    private init?(generation body: JSON) {
        guard let output = body["output"] else { return nil }
        id = body["request_id"]?.string ?? ""
        usage = body["usage"]?.usage
        guard let choice = output["choices"]?.array?.first, let message = choice["message"] else {
            guard let text = output["text"]?.string else { return nil }
            parts = [.text(text)]
            stop = Stop(chat: output["finish_reason"]?.string)
            return
        }
        parts = Part.said(chat: message)
        stop = Stop(chat: choice["finish_reason"]?.string, of: parts)
    }

    private init?(messages body: JSON) {
        guard let content = body["content"]?.array else { return nil }
        id = body["id"]?.string ?? ""
        model = body["model"]?.string ?? ""
        parts = content.compactMap(Part.init(messagesSaid:))
        stop = Stop(messages: body["stop_reason"]?.string, sequence: body["stop_sequence"]?.string)
        usage = body["usage"]?.usage
    }

    private init?(responses body: JSON) {
        guard let output = body["output"]?.array else { return nil }
        id = body["id"]?.string ?? ""
        model = body["model"]?.string ?? ""
        created = body["created_at"]?.integer ?? 0
        parts = output.flatMap(Part.said(responses:))
        usage = body["usage"]?.usage
        switch body["incomplete_details"]?["reason"]?.string {
        case "max_output_tokens": stop = .length
        case "content_filter": stop = .refused
        default: stop = Stop(chat: nil, of: parts)
        }
    }
}

extension Part {
    static func said(chat message: JSON) -> [Part] {
        var parts: [Part] = []
        if let thought = message["reasoning_content"]?.string ?? message["reasoning"]?.string, !thought.isEmpty {
            parts.append(.reasoning(Thought(text: thought)))
        }
        switch message["content"] {
        case .string(let text)?: if !text.isEmpty { parts.append(.text(text)) }
        case .array(let items)?: parts += items.compactMap { $0["text"]?.string.map(Part.text) }
        default: break
        }
        if let refusal = message["refusal"]?.string, !refusal.isEmpty { parts.append(.refusal(refusal)) }
        for call in message["tool_calls"]?.array ?? [] {
            guard let function = call["function"] else { continue }
            parts.append(
                .toolCall(
                    ToolCall(
                        id: call["id"]?.string ?? "", name: function["name"]?.string ?? "",
                        arguments: function["arguments"]?.string ?? "")))
        }
        return parts
    }

    init?(messagesSaid block: JSON) {
        switch block["type"]?.string {
        case "text": self = .text(block["text"]?.string ?? "")
        case "tool_use":
            self = .toolCall(
                ToolCall(
                    id: block["id"]?.string ?? "", name: block["name"]?.string ?? "",
                    arguments: JSON.written((block["input"] ?? .object([])).description)))
        case "thinking":
            let signature = block["signature"]?.string ?? ""
            self = .reasoning(
                Thought(text: block["thinking"]?.string ?? "", seal: signature.isEmpty ? nil : .signature(signature)))
        case "redacted_thinking": self = .reasoning(Thought(text: "", seal: .redacted(block["data"]?.string ?? "")))
        default: return nil
        }
    }

    static func said(responses item: JSON) -> [Part] {
        switch item["type"]?.string {
        case "message":
            return (item["content"]?.array ?? []).compactMap { part in
                part["text"]?.string.map(Part.text) ?? part["refusal"]?.string.map(Part.refusal)
            }
        case "function_call":
            let call = ToolCall(
                id: item["call_id"]?.string ?? "", name: item["name"]?.string ?? "", arguments: item["arguments"]?.string ?? "")
            return [.toolCall(call)]
        case "reasoning":
            let shown = (item["content"]?.array ?? []) + (item["summary"]?.array ?? [])
            let text = shown.compactMap { $0["text"]?.string }.joined()
            let seal = item["encrypted_content"]?.string.map(Thought.Seal.encrypted)
            return text.isEmpty && seal == nil ? [] : [.reasoning(Thought(text: text, seal: seal))]
        default: return []
        }
    }
}
