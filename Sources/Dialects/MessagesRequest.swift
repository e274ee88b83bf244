import Wire

// Anthropic's Messages.

extension Ask {
    init(messages body: JSON) throws(Uncarried) {
        var members = try Members(body, at: "")
        // Where to cut for the cache is a hint: what is answered does not depend on it.
        members.leaveOut("model", "cache_control", "diagnostics")
        stream = try members.bool("stream") ?? false
        maxOutput = try members.integer("max_tokens")
        temperature = try members.number("temperature")
        topP = try members.number("top_p")
        topK = try members.number("top_k")
        try stops("stop_sequences", &members)
        tier = try members.text("service_tier")
        if let metadata = members.take("metadata") {
            var inner = try Members(metadata, at: "metadata")
            user = try inner.text("user_id")
            try inner.finish()
        }
        try messagesReasoning(&members)
        try messagesTools(&members)
        try members.leaveOut("context_management") { $0.members?.isEmpty == true }
        if let system = members.take("system") {
            let parts = try messagesContent(system, at: "system")
            if !parts.isEmpty { turns.append(Turn(role: .system, parts: parts)) }
        }
        guard let messages = members.take("messages")?.array else { throw Uncarried("messages", "it is no list") }
        try members.finish()
        for (index, message) in messages.enumerated() {
            let path = "messages[\(index)]"
            var inner = try Members(message, at: path)
            guard let role = Turn.Role(rawValue: try inner.needed("role")) else {
                throw Uncarried("\(path).role", "another dialect has no such role")
            }
            let content = inner.take("content") ?? .array([])
            try inner.finish()
            turns.append(Turn(role: role, parts: try messagesContent(content, at: "\(path).content")))
        }
    }

    private mutating func messagesReasoning(_ members: inout Members) throws(Uncarried) {
        var effort: String?
        if let config = members.take("output_config") {
            var inner = try Members(config, at: "output_config")
            effort = try inner.text("effort")
            if let value = inner.take("format") {
                guard value["type"]?.string == "json_schema" else {
                    throw Uncarried("output_config.format", "another dialect has no word for it")
                }
                format = try schemaFormat(value, at: "output_config.format")
            }
            try inner.finish()
        }
        var budget: Int64?
        var type: String?
        if let thinking = members.take("thinking") {
            var inner = try Members(thinking, at: "thinking")
            type = try inner.text("type")
            budget = try inner.integer("budget_tokens")
            // Whether thoughts are shown is up to who has them.
            inner.leaveOut("display")
            try inner.finish()
        }
        switch type {
        case "disabled": reasoning = .off
        case "enabled", "adaptive": reasoning = .on(effort: effort, budget: budget)
        case nil: if let effort { reasoning = .on(effort: effort, budget: nil) }
        default: throw Uncarried("thinking.type", "another dialect has no word for it")
        }
    }

    private mutating func messagesTools(_ members: inout Members) throws(Uncarried) {
        for (index, item) in (members.take("tools")?.array ?? []).enumerated() {
            var inner = try Members(item, at: "tools[\(index)]")
            if let type = try inner.text("type"), type != "custom" {
                throw Uncarried("tools[\(index)] (\(type))", "the model elsewhere does not know this tool of Anthropic's")
            }
            inner.leaveOut("cache_control", "eager_input_streaming")
            tools.append(
                Tool(
                    name: try inner.needed("name"), description: try inner.text("description"),
                    parameters: inner.take("input_schema"), strict: try inner.bool("strict")))
            try inner.finish()
        }
        guard let choice = members.take("tool_choice") else { return }
        var inner = try Members(choice, at: "tool_choice")
        let type = try inner.needed("type")
        if let isOne = try inner.bool("disable_parallel_tool_use") { parallelTools = !isOne }
        switch type {
        case "auto": toolChoice = .auto
        case "none": toolChoice = .never
        case "any": toolChoice = .any
        case "tool": toolChoice = .named(try inner.needed("name"))
        default: throw Uncarried("tool_choice.type", "another dialect has no word for it")
        }
        try inner.finish()
    }
}

// MARK: - Content

private func messagesContent(_ content: JSON, at path: String) throws(Uncarried) -> [Part] {
    if let text = content.string { return text.isEmpty ? [] : [.text(text)] }
    guard let items = content.array else { throw Uncarried(path, "it is neither a text nor a list") }
    var parts: [Part] = []
    for (index, item) in items.enumerated() { parts.append(try messagesBlock(item, at: "\(path)[\(index)]")) }
    return parts
}

private func messagesBlock(_ block: JSON, at path: String) throws(Uncarried) -> Part {
    var members = try Members(block, at: path)
    members.leaveOut("cache_control")
    let type = try members.needed("type")
    let part: Part
    switch type {
    case "text":
        part = .text(try members.needed("text"))
        try members.leaveOut("citations") { $0.array?.isEmpty == true }
    case "image": part = .image(try messagesImage(members.take("source") ?? .null, at: "\(path).source"))
    case "tool_use":
        let input = members.take("input") ?? .object([])
        part = .toolCall(
            ToolCall(
                id: try members.needed("id"), name: try members.needed("name"), arguments: JSON.written(input.description)))
        members.leaveOut("caller")
    case "tool_result":
        let id = try members.needed("tool_use_id")
        let content = try messagesContent(members.take("content") ?? .array([]), at: "\(path).content")
        part = .toolResult(id: id, content: content, isError: try members.bool("is_error") ?? false)
    case "thinking", "redacted_thinking": return .reasoning(try messagesThought(block, at: path))
    default: throw Uncarried("\(path) (\(type))", "another dialect has no such block")
    }
    try members.finish()
    return part
}

func messagesThought(_ block: JSON, at path: String) throws(Uncarried) -> Thought {
    var members = try Members(block, at: path)
    members.leaveOut("type")
    if let data = try members.text("data") {
        try members.finish()
        return Thought(text: "", seal: .redacted(data))
    }
    let text = try members.text("thinking") ?? ""
    let signature = try members.text("signature") ?? ""
    try members.finish()
    return Thought(text: text, seal: signature.isEmpty ? nil : .signature(signature))
}

private func messagesImage(_ source: JSON, at path: String) throws(Uncarried) -> Image {
    var members = try Members(source, at: path)
    let image: Image
    switch try members.needed("type") {
    case "base64":
        image = .data(
            type: JSON.plain(try members.needed("media_type")), base64: try members.needed("data"), detail: nil)
    case "url": image = .url(try members.needed("url"), detail: nil)
    case let other: throw Uncarried("\(path) (\(other))", "it lies at Anthropic")
    }
    try members.finish()
    return image
}

// MARK: - Writing

extension Ask {
    func messages(for target: Target) throws(Uncarried) -> JSON {
        for (name, value) in [
            ("seed", seed), ("presence_penalty", presencePenalty), ("frequency_penalty", frequencyPenalty),
            ("verbosity", verbosity),
        ] where value != nil && Double(value ?? "") != 0 {
            throw Uncarried(name, "Anthropic's dialect has no word for it")
        }
        var body = Writing()
        body.add("model", .text(target.model))
        body.add("max_tokens", .integer(maxOutput ?? target.maxOutput))
        let instructions = turns.prefix { $0.role == .system }.flatMap(\.parts)
        if !instructions.isEmpty { body.add("system", try messagesContent(instructions)) }
        body.add("messages", .array(try messagesTurns()))
        if stream { body.add("stream", .bool(true)) }
        body.add("temperature", temperature.map(JSON.number))
        body.add("top_p", topP.map(JSON.number))
        body.add("top_k", topK.map(JSON.number))
        if !stops.isEmpty { body.add("stop_sequences", .array(stops.map(JSON.string))) }
        if let user { body.add("metadata", .object([JSON.Member("user_id", .string(user))])) }
        switch tier {
        case nil, "auto": break
        case "default", "standard", "standard_only": body.add("service_tier", .text("standard_only"))
        default: throw Uncarried("service_tier", "Anthropic has no such tier")
        }
        addTools(&body)
        try addOutput(&body)
        return .object(body.members)
    }

    private func addTools(_ body: inout Writing) {
        if !tools.isEmpty {
            body.add(
                "tools",
                .array(
                    tools.map { tool in
                        var stated = Writing()
                        stated.add("name", .string(tool.name))
                        stated.add("description", tool.description.map(JSON.string))
                        let none = JSON.object([JSON.Member("type", .text("object")), JSON.Member("properties", .object([]))])
                        stated.add("input_schema", tool.parameters ?? none)
                        stated.add("strict", tool.strict.map(JSON.bool))
                        return .object(stated.members)
                    }))
        }
        guard toolChoice != nil || (parallelTools == false && !tools.isEmpty) else { return }
        var choice = Writing()
        switch toolChoice {
        case nil, .auto: choice.add("type", .text("auto"))
        case .never: choice.add("type", .text("none"))
        case .any: choice.add("type", .text("any"))
        case .named(let name):
            choice.add("type", .text("tool"))
            choice.add("name", .string(name))
        }
        if parallelTools == false, toolChoice != .never { choice.add("disable_parallel_tool_use", .bool(true)) }
        body.add("tool_choice", .object(choice.members))
    }

    private func addOutput(_ body: inout Writing) throws(Uncarried) {
        var config = Writing()
        switch format {
        case nil: break
        case .json: throw Uncarried("response_format", "Anthropic's dialect has JSON by a schema only")
        case .schema(_, let schema, _, _):
            config.add("format", .object([JSON.Member("type", .text("json_schema")), JSON.Member("schema", schema)]))
        }
        switch reasoning {
        case nil: break
        case .off: body.add("thinking", .object([JSON.Member("type", .text("disabled"))]))
        case .on(_, let budget?):
            body.add(
                "thinking",
                .object([JSON.Member("type", .text("enabled")), JSON.Member("budget_tokens", .integer(budget))]))
        case .on(let effort, nil):
            body.add("thinking", .object([JSON.Member("type", .text("adaptive"))]))
            // Anthropic's least is low.
            config.add("effort", effort.map { .string($0 == "minimal" ? "low" : $0) })
        }
        if !config.members.isEmpty { body.add("output_config", .object(config.members)) }
    }

    private func messagesTurns() throws(Uncarried) -> [JSON] {
        var messages: [JSON] = []
        for turn in turns.drop(while: { $0.role == .system }) {
            guard turn.role != .system else {
                throw Uncarried("messages", "Anthropic's dialect has instructions before the first turn only")
            }
            if turn.parts.isEmpty { continue }
            messages.append(
                .object([
                    JSON.Member("role", .text(turn.role.rawValue)), JSON.Member("content", try messagesContent(turn.parts)),
                ]))
        }
        return messages
    }
}

private func messagesContent(_ parts: [Part]) throws(Uncarried) -> JSON {
    if parts.count == 1, case .text(let text) = parts[0] { return .string(text) }
    var blocks: [JSON] = []
    for part in parts { blocks.append(try messagesBlock(part)) }
    return .array(blocks)
}

private func messagesBlock(_ part: Part) throws(Uncarried) -> JSON {
    var block = Writing()
    switch part {
    case .text(let text), .refusal(let text):
        block.add("type", .text("text"))
        block.add("text", .string(text))
    case .image(let image):
        block.add("type", .text("image"))
        var source = Writing()
        switch image {
        case .url(let url, _):
            source.add("type", .text("url"))
            source.add("url", .string(url))
        case .data(let kind, let base64, _):
            source.add("type", .text("base64"))
            source.add("media_type", .text(kind))
            source.add("data", .string(base64))
        }
        block.add("source", .object(source.members))
    case .toolCall(let call):
        block.add("type", .text("tool_use"))
        block.add("id", .string(call.id))
        block.add("name", .string(call.name))
        guard let input = call.arguments.isEmpty ? JSON.object([]) : JSON(within: call.arguments) else {
            throw Uncarried("tool_calls", "the arguments of a call are no JSON")
        }
        block.add("input", input)
    case .toolResult(let id, let content, let isError):
        block.add("type", .text("tool_result"))
        block.add("tool_use_id", .string(id))
        if !content.isEmpty { block.add("content", try messagesContent(content)) }
        if isError { block.add("is_error", .bool(true)) }
    case .reasoning(let thought):
        switch thought.seal {
        case .signature(let signature):
            block.add("type", .text("thinking"))
            block.add("thinking", .string(thought.text))
            block.add("signature", .string(signature))
        case .redacted(let data):
            block.add("type", .text("redacted_thinking"))
            block.add("data", .string(data))
        case .encrypted, nil:
            throw Uncarried("reasoning", "Anthropic takes back no thinking but its own, with its signature")
        }
    }
    return .object(block.members)
}
