import Core
import Wire

extension Ask {
    func chat(for target: Target) throws(Uncarried) -> JSON {
        var body = Writing()
        body.add("model", .text(target.model))
        body.add("messages", .array(try chatMessages()))
        if stream {
            body.add("stream", .bool(true))
            body.add("stream_options", .object([JSON.Member("include_usage", .bool(true))]))
        }
        body.add(target.limitName, maxOutput.map(JSON.integer))
        body.addNumbers(self)
        if let topK {
            // OpenAI and Azure have no such member; Qwen and the engines do.
            guard target.limitName == "max_tokens" else { throw Uncarried("top_k", "the endpoint has no word for it") }
            body.add("top_k", .number(topK))
        }
        if !stops.isEmpty { body.add("stop", .array(stops.map(JSON.string))) }
        try body.addChatSettings(self, target)
        body.add("user", user.map(JSON.string))
        body.add("verbosity", verbosity.map(JSON.string))
        switch tier {
        case nil, "auto": break
        case "standard_only": body.add("service_tier", .text("default"))
        default: body.add("service_tier", tier.map(JSON.string))
        }
        return .object(body.members)
    }

    func chatMessages() throws(Uncarried) -> [JSON] {
        var messages: [JSON] = []
        for turn in turns { messages += try turn.chatMessages() }
        return messages
    }
}

/// An object that grows.
struct Writing {
    var members: [JSON.Member] = []

    mutating func add(_ key: String, _ value: JSON?) { if let value { members.append(JSON.Member(key, value)) } }

    mutating func addNumbers(_ ask: Ask) {
        add("temperature", ask.temperature.map(JSON.number))
        add("top_p", ask.topP.map(JSON.number))
        add("seed", ask.seed.map(JSON.number))
        add("presence_penalty", ask.presencePenalty.map(JSON.number))
        add("frequency_penalty", ask.frequencyPenalty.map(JSON.number))
    }

    /// Tools, format and reasoning, which DashScope's own dialect words as chat does.
    mutating func addChatSettings(_ ask: Ask, _ target: Target) throws(Uncarried) {
        if !ask.tools.isEmpty {
            add(
                "tools",
                .array(ask.tools.map { .object([JSON.Member("type", .text("function")), JSON.Member("function", $0.function)]) }))
        }
        switch ask.toolChoice {
        case nil: break
        case .auto: add("tool_choice", .text("auto"))
        case .never: add("tool_choice", .text("none"))
        case .any: add("tool_choice", .text("required"))
        case .named(let name):
            let function = JSON.object([JSON.Member("name", .string(name))])
            add("tool_choice", .object([JSON.Member("type", .text("function")), JSON.Member("function", function)]))
        }
        add("parallel_tool_calls", ask.parallelTools.map(JSON.bool))
        switch ask.format {
        case nil: break
        case .json: add("response_format", .object([JSON.Member("type", .text("json_object"))]))
        case .schema(let name, let schema, let strict, let description):
            var stated = Writing()
            stated.add("name", .string(name ?? "answer"))
            stated.add("description", description.map(JSON.string))
            stated.add("schema", schema)
            stated.add("strict", strict.map(JSON.bool))
            add(
                "response_format",
                .object([JSON.Member("type", .text("json_schema")), JSON.Member("json_schema", .object(stated.members))]))
        }
        addReasoning(ask.reasoning, target.reasoning)
    }

    private mutating func addReasoning(_ reasoning: Reasoning?, _ kind: ReasoningSwitch) {
        guard let reasoning else { return }
        let isOn = reasoning != .off
        switch kind {
        case .effort: add("reasoning_effort", .text(reasoning.effort))
        case .enableThinking:
            add("enable_thinking", .bool(isOn))
            if case .on(_, let budget?) = reasoning { add("thinking_budget", .integer(budget)) }
        case .thinkingType: add("thinking", .object([JSON.Member("type", .text(isOn ? "enabled" : "disabled"))]))
        case .chatTemplate: add("chat_template_kwargs", .object([JSON.Member("thinking", .bool(isOn))]))
        case .qwenTemplate: add("chat_template_kwargs", .object([JSON.Member("enable_thinking", .bool(isOn))]))
        }
    }
}

extension Reasoning {
    /// OpenAI's word.
    var effort: String {
        switch self {
        case .off: "none"
        case .on("max", _): "xhigh"
        case .on(let effort?, _): effort
        case .on(nil, let budget?): ReasoningSwitch.effort(ofBudget: budget)
        case .on(nil, nil): "medium"
        }
    }
}

extension Tool {
    var function: JSON {
        var function = Writing()
        function.add("name", .string(name))
        function.add("description", description.map(JSON.string))
        function.add("parameters", parameters)
        function.add("strict", strict.map(JSON.bool))
        return .object(function.members)
    }
}

// MARK: - Messages

extension Turn {
    /// One turn may be several messages: each result of a tool is one of its own.
    fileprivate func chatMessages() throws(Uncarried) -> [JSON] {
        switch role {
        case .system: return [try chatMessage("system", parts)]
        case .assistant: return [try chatAssistant()]
        case .user:
            var messages: [JSON] = []
            var rest: [Part] = []
            for part in parts {
                guard case .toolResult(let id, let content, _) = part else {
                    rest.append(part)
                    continue
                }
                var message = Writing()
                message.add("role", .text("tool"))
                message.add("tool_call_id", .string(id))
                guard content.allSatisfy({ if case .text = $0 { true } else { false } }) else {
                    throw Uncarried("tool_result", "the endpoint takes texts as results of tools, and no images")
                }
                message.add("content", try chatContent(content))
                messages.append(.object(message.members))
            }
            if !rest.isEmpty || messages.isEmpty { messages.append(try chatMessage("user", rest)) }
            return messages
        }
    }

    private func chatMessage(_ role: String, _ parts: [Part]) throws(Uncarried) -> JSON {
        .object([JSON.Member("role", .text(role)), JSON.Member("content", try chatContent(parts))])
    }

    private func chatAssistant() throws(Uncarried) -> JSON {
        var message = Writing()
        message.add("role", .text("assistant"))
        var said: [Part] = []
        var thought = ""
        var calls: [JSON] = []
        for part in parts {
            switch part {
            case .text, .image: said.append(part)
            case .refusal(let text): said.append(.text(text))
            case .reasoning(let own):
                guard own.seal == nil else {
                    throw Uncarried("thinking", "it is sealed by another endpoint, which alone can take it back")
                }
                thought += own.text
            case .toolCall(let call): calls.append(call.chat)
            case .toolResult: throw Uncarried("messages", "an assistant's turn has a tool's result")
            }
        }
        message.add("content", said.isEmpty ? .null : try chatContent(said))
        if !thought.isEmpty { message.add("reasoning_content", .string(thought)) }
        if !calls.isEmpty { message.add("tool_calls", .array(calls)) }
        return .object(message.members)
    }
}

extension ToolCall {
    var chat: JSON { chat(index: nil) }

    func chat(index: Int?) -> JSON {
        var call = Writing()
        call.add("index", index.map { .integer(Int64($0)) })
        call.add("id", .string(id))
        call.add("type", .text("function"))
        call.add("function", .object([JSON.Member("name", .string(name)), JSON.Member("arguments", .string(arguments))]))
        return .object(call.members)
    }
}

/// A text where there is only one; otherwise parts.
private func chatContent(_ parts: [Part]) throws(Uncarried) -> JSON {
    if parts.isEmpty { return .text("") }
    if parts.count == 1, case .text(let text) = parts[0] { return .string(text) }
    var items: [JSON] = []
    for part in parts {
        switch part {
        case .text(let text), .refusal(let text):
            items.append(.object([JSON.Member("type", .text("text")), JSON.Member("text", .string(text))]))
        case .image(let image):
            var url = Writing()
            url.add("url", .string(image.url))
            url.add("detail", image.detail.map(JSON.string))
            items.append(.object([JSON.Member("type", .text("image_url")), JSON.Member("image_url", .object(url.members))]))
        default: throw Uncarried("content", "a part of it has no place there")
        }
    }
    return .array(items)
}
