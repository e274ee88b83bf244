public import Core
import Wire

/// What a translation has to know of whoever gets the answer.
public struct Client: Sendable {
    public var dialect: Dialect
    /// The model as the caller named it, where the answer does not say.
    public var model: String
    /// Seconds since 1970, where the answer does not say.
    public var now: Int64
    /// A stream of OpenAI's chat shows its usage to those who ask.
    public var wantsUsage: Bool
    /// DashScope's own streams say all so far in every event unless they are asked for pieces.
    public var wantsPieces: Bool
    /// DashScope's older answers are one text.
    public var wantsText: Bool

    public init(
        dialect: Dialect, model: String, now: Int64, wantsUsage: Bool = true, wantsPieces: Bool = false, wantsText: Bool = false
    ) {
        self.dialect = dialect
        self.model = model
        self.now = now
        self.wantsUsage = wantsUsage
        self.wantsPieces = wantsPieces
        self.wantsText = wantsText
    }
}

extension Reply {
    func written(for client: Client) -> JSON {
        switch client.dialect {
        case .messages: messages(for: client)
        case .responses: responses(for: client)
        case .generation, .multimodalGeneration: generation(for: client)
        case .chat, .completions, .embeddings, .conversations, .tokenCount: chat(for: client)
        }
    }

    private func model(_ client: Client) -> JSON { model.isEmpty ? .text(client.model) : .string(model) }
    private func created(_ client: Client) -> JSON { .integer(created > 0 ? created : client.now) }

    private func chat(for client: Client) -> JSON {
        let choice = JSON.object([
            JSON.Member("index", .integer(0)), JSON.Member("message", parts.chatMessage), JSON.Member("logprobs", .null),
            JSON.Member("finish_reason", .text(stop.chat)),
        ])
        var body = Writing()
        body.add("id", .string(id.prefixed("chatcmpl-")))
        body.add("object", .text("chat.completion"))
        body.add("created", created(client))
        body.add("model", model(client))
        body.add("choices", .array([choice]))
        body.add("usage", usage?.chatJSON)
        return .object(body.members)
    }

    private func messages(for client: Client) -> JSON {
        var body = Writing()
        body.add("id", .string(id.prefixed("msg_")))
        body.add("type", .text("message"))
        body.add("role", .text("assistant"))
        body.add("model", model(client))
        body.add("content", .array(parts.compactMap(\.messagesBlock)))
        body.add("stop_reason", .text(stop.messages))
        body.add("stop_sequence", stop.messagesSequence)
        body.add("usage", (usage ?? Usage()).messagesJSON)
        return .object(body.members)
    }

    private func generation(for client: Client) -> JSON {
        var body = Writing()
        if client.wantsText {
            body.add(
                "output",
                .object([JSON.Member("text", .string(parts.text)), JSON.Member("finish_reason", .text(stop.chat))]))
        } else {
            body.add("output", generationOutput(message: parts.chatMessage(firstCall: 0), finish: stop.chat, client))
        }
        body.add("usage", usage?.generationJSON)
        body.add("request_id", .string(id))
        return .object(body.members)
    }

    func responses(for client: Client) -> JSON {
        let reason = stop.responsesReason
        return responsesObject(
            id: id.prefixed("resp_"), model: model(client), created: created(client),
            status: reason == nil ? "completed" : "incomplete", reason: reason,
            output: responsesItems(parts, id: id, status: reason == nil ? "completed" : "incomplete"), usage: usage)
    }
}

func generationOutput(message: JSON, finish: String, _ client: Client) -> JSON {
    var message = message
    if client.dialect == .multimodalGeneration, case .object(let members) = message {
        message = .object(
            members.map { member in
                guard member.key == "content" else { return member }
                let text = member.value.string ?? ""
                return JSON.Member("content", .array(text.isEmpty ? [] : [.object([JSON.Member("text", .string(text))])]))
            })
    }
    return .object([
        JSON.Member(
            "choices", .array([.object([JSON.Member("message", message), JSON.Member("finish_reason", .text(finish))])]))
    ])
}

func responsesObject(
    id: String, model: JSON, created: JSON, status: String, reason: String?, output: [JSON], usage: Usage?
) -> JSON {
    var body = Writing()
    body.add("id", .string(id))
    body.add("object", .text("response"))
    body.add("created_at", created)
    body.add("status", .text(status))
    body.add("background", .bool(false))
    body.add("error", .null)
    body.add("incomplete_details", reason.map { .object([JSON.Member("reason", .text($0))]) } ?? .null)
    body.add("instructions", .null)
    body.add("metadata", .object([]))
    body.add("model", model)
    body.add("output", .array(output))
    body.add("parallel_tool_calls", .bool(true))
    body.add("previous_response_id", .null)
    body.add("store", .bool(false))
    body.add("temperature", .null)
    body.add("tool_choice", .text("auto"))
    body.add("tools", .array([]))
    body.add("top_p", .null)
    body.add("usage", usage?.responsesJSON ?? .null)
    return .object(body.members)
}

/// Items of a response: what is said between two calls makes one message.
func responsesItems(_ parts: [Part], id: String, status: String) -> [JSON] {
    var items: [JSON] = []
    var said: [JSON] = []
    func flush() {
        if said.isEmpty { return }
        items.append(responsesMessage(id: "msg_\(id)_\(items.count)", status: status, content: said))
        said = []
    }
    for part in parts {
        switch part {
        case .text(let text): said.append(responsesText(text))
        case .refusal(let text):
            said.append(.object([JSON.Member("type", .text("refusal")), JSON.Member("refusal", .string(text))]))
        case .toolCall(let call):
            flush()
            items.append(responsesCall(call, id: "fc_\(id)_\(items.count)", status: status))
        case .reasoning(let thought):
            flush()
            items.append(responsesThought(thought, id: "rs_\(id)_\(items.count)"))
        case .image, .toolResult: break
        }
    }
    flush()
    return items
}

func responsesText(_ text: String) -> JSON {
    .object([
        JSON.Member("type", .text("output_text")), JSON.Member("annotations", .array([])), JSON.Member("logprobs", .array([])),
        JSON.Member("text", .string(text)),
    ])
}

func responsesMessage(id: String, status: String, content: [JSON]) -> JSON {
    .object([
        JSON.Member("id", .string(id)), JSON.Member("type", .text("message")), JSON.Member("status", .text(status)),
        JSON.Member("content", .array(content)), JSON.Member("role", .text("assistant")),
    ])
}

func responsesCall(_ call: ToolCall, id: String, status: String) -> JSON {
    .object([
        JSON.Member("id", .string(id)), JSON.Member("type", .text("function_call")), JSON.Member("status", .text(status)),
        JSON.Member("arguments", .string(call.arguments)), JSON.Member("call_id", .string(call.id)),
        JSON.Member("name", .string(call.name)),
    ])
}

func responsesThought(_ thought: Thought, id: String) -> JSON {
    var item = Writing()
    item.add("id", .string(id))
    item.add("type", .text("reasoning"))
    let summary = JSON.object([JSON.Member("type", .text("summary_text")), JSON.Member("text", .string(thought.text))])
    item.add("summary", .array(thought.text.isEmpty ? [] : [summary]))
    switch thought.seal {
    case .signature(let signature): item.add("encrypted_content", .string(SealWord.signature + signature))
    case .redacted(let data): item.add("encrypted_content", .string(SealWord.redacted + data))
    case .encrypted(let sealed): item.add("encrypted_content", .string(sealed))
    case nil: break
    }
    return .object(item.members)
}

extension String {
    /// Ids begin as their dialect's do, so that logs and libraries know them.
    func prefixed(_ prefix: String) -> String { hasPrefix(prefix) ? self : prefix + self }
}

extension [Part] {
    var text: String {
        reduce(into: "") { text, part in if case .text(let more) = part { text += more } }
    }

    /// An assistant's message of chat. Sealed thinking goes beside the text of it, so that it can come back.
    var chatMessage: JSON { chatMessage(firstCall: nil) }

    /// - Parameter firstCall: DashScope's own dialect numbers the calls, from here on.
    func chatMessage(firstCall: Int?) -> JSON {
        var message = Writing()
        message.add("role", .text("assistant"))
        var refusal: String?
        var thought = ""
        var blocks: [JSON] = []
        var calls: [JSON] = []
        for part in self {
            switch part {
            case .text, .image, .toolResult: break
            case .refusal(let text): refusal = (refusal ?? "") + text
            case .toolCall(let call): calls.append(call.chat(index: firstCall.map { $0 + calls.count }))
            case .reasoning(let own):
                thought += own.text
                if own.seal != nil, let block = part.messagesBlock { blocks.append(block) }
            }
        }
        let text = text
        message.add("content", text.isEmpty && !calls.isEmpty ? .null : .string(text))
        if !thought.isEmpty { message.add("reasoning_content", .string(thought)) }
        if !blocks.isEmpty { message.add("thinking_blocks", .array(blocks)) }
        if !calls.isEmpty { message.add("tool_calls", .array(calls)) }
        message.add("refusal", refusal.map(JSON.string))
        return .object(message.members)
    }
}

extension Part {
    /// A block as Anthropic answers with it; thinking from elsewhere has an empty signature.
    var messagesBlock: JSON? {
        var block = Writing()
        switch self {
        case .text(let text), .refusal(let text):
            block.add("type", .text("text"))
            block.add("text", .string(text))
        case .toolCall(let call):
            block.add("type", .text("tool_use"))
            block.add("id", .string(call.id))
            block.add("name", .string(call.name))
            // A model may write arguments that are no JSON; the caller sees the text of them.
            let input = call.arguments.isEmpty ? JSON.object([]) : JSON(within: call.arguments)
            block.add("input", input ?? .object([JSON.Member("arguments", .string(call.arguments))]))
        case .reasoning(let thought):
            if case .redacted(let data) = thought.seal {
                block.add("type", .text("redacted_thinking"))
                block.add("data", .string(data))
            } else {
                block.add("type", .text("thinking"))
                block.add("thinking", .string(thought.text))
                if case .signature(let signature) = thought.seal {
                    block.add("signature", .string(signature))
                } else {
                    block.add("signature", .text(""))
                }
            }
        case .image, .toolResult: return nil
        }
        return .object(block.members)
    }
}
