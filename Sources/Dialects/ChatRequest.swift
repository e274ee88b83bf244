import Wire

// OpenAI's chat, and what Qwen, Doubao and the engines add to it.

extension Ask {
    init(chat body: JSON) throws(Uncarried) {
        var members = try Members(body, at: "")
        members.leaveOut(
            "model", "metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "store")
        tier = body["service_tier"]?.string
        stream = try members.bool("stream") ?? false
        wantsUsage = body["stream_options"]?["include_usage"]?.bool ?? false
        members.leaveOut("stream_options")
        let older = try members.integer("max_tokens")
        maxOutput = try members.integer("max_completion_tokens") ?? older
        temperature = try members.number("temperature")
        topP = try members.number("top_p")
        topK = try members.number("top_k")
        seed = try members.number("seed")
        presencePenalty = try members.number("presence_penalty")
        frequencyPenalty = try members.number("frequency_penalty")
        verbosity = try members.text("verbosity")
        user = try members.text("user")
        try stops("stop", &members)
        try members.leaveOut("n") { $0.integer == 1 }
        try members.leaveOut("logprobs") { $0.bool == false }
        try members.leaveOut("logit_bias") { $0.members?.isEmpty == true }
        try members.leaveOut("modalities") { $0.array == [.string("text")] }
        try chatSettings(&members)
        try chatTools(&members)
        guard let messages = members.take("messages")?.array else { throw Uncarried("messages", "it is no list") }
        try members.finish()
        turns = try chatTurns(messages, at: "messages")
    }

    mutating func stops(_ key: String, _ members: inout Members) throws(Uncarried) {
        guard let value = members.take(key) else { return }
        if let one = value.string {
            stops = [one]
        } else {
            for item in value.array ?? [.null] {
                guard let text = item.string else {
                    throw Uncarried(members.name(key), "it is neither a text nor a list of texts")
                }
                stops.append(text)
            }
        }
    }

    /// Format and reasoning, which DashScope's own dialect words alike.
    mutating func chatSettings(_ members: inout Members) throws(Uncarried) {
        if let value = members.take("response_format") { format = try chatFormat(value, at: members.name("response_format")) }
        let effort = try members.text("reasoning_effort")
        let isEnabled = try members.bool("enable_thinking")
        let budget = try members.integer("thinking_budget")
        var type: String?
        if let thinking = members.take("thinking") {
            var inner = try Members(thinking, at: members.name("thinking"))
            type = try inner.text("type")
            try inner.finish()
        }
        if effort == "none" || isEnabled == false || type == "disabled" {
            reasoning = .off
        } else if effort != nil || budget != nil || isEnabled == true || type == "enabled" {
            reasoning = .on(effort: effort, budget: budget)
        }
    }

    mutating func chatTools(_ members: inout Members) throws(Uncarried) {
        for (index, item) in (members.take("tools")?.array ?? []).enumerated() {
            let path = members.name("tools[\(index)]")
            guard item["type"]?.string == "function", let function = item["function"] else {
                throw Uncarried(path, "only functions can be carried")
            }
            tools.append(try Tool(function: function, at: "\(path).function"))
        }
        parallelTools = try members.bool("parallel_tool_calls")
        guard let choice = members.take("tool_choice") else { return }
        switch choice.string {
        case "auto": toolChoice = .auto
        case "none": toolChoice = .never
        case "required": toolChoice = .any
        default:
            guard let name = choice["function"]?["name"]?.string else {
                throw Uncarried(members.name("tool_choice"), "another dialect has no word for it")
            }
            toolChoice = .named(name)
        }
    }
}

extension Tool {
    init(function: JSON, at path: String) throws(Uncarried) {
        var inner = try Members(function, at: path)
        name = try inner.needed("name")
        description = try inner.text("description")
        parameters = inner.take("parameters")
        strict = try inner.bool("strict")
        try inner.finish()
    }
}

func chatFormat(_ value: JSON, at path: String) throws(Uncarried) -> Format? {
    switch value["type"]?.string {
    case "text": return nil
    case "json_object": return .json
    case "json_schema":
        guard let stated = value["json_schema"] else { throw Uncarried(path, "it has no schema") }
        return try schemaFormat(stated, at: "\(path).json_schema")
    default: throw Uncarried(path, "another dialect has no word for it")
    }
}

func schemaFormat(_ stated: JSON, at path: String) throws(Uncarried) -> Format {
    var inner = try Members(stated, at: path)
    inner.leaveOut("type")
    let name = try inner.text("name")
    let description = try inner.text("description")
    let strict = try inner.bool("strict")
    guard let schema = inner.take("schema") else { throw Uncarried("\(path).schema", "it is missing") }
    try inner.finish()
    return .schema(name: name, schema: schema, strict: strict, description: description)
}

// MARK: - Messages

func chatTurns(_ messages: [JSON], at path: String) throws(Uncarried) -> [Turn] {
    var turns: [Turn] = []
    for (index, message) in messages.enumerated() {
        let place = "\(path)[\(index)]"
        var members = try Members(message, at: place)
        let role = try members.needed("role")
        switch role {
        case "system", "developer": turns.append(Turn(role: .system, parts: try chatContent(&members)))
        case "user": turns.append(Turn(role: .user, parts: try chatContent(&members)))
        case "assistant": turns.append(Turn(role: .assistant, parts: try chatAssistant(&members)))
        case "tool":
            let id = try members.needed("tool_call_id")
            members.leaveOut("name")
            let result = Part.toolResult(id: id, content: try chatContent(&members), isError: false)
            // Results of one round stand together: Anthropic wants all of them in one turn.
            if let last = turns.last, last.role == .user, last.parts.allSatisfy(\.isToolResult) {
                turns[turns.count - 1].parts.append(result)
            } else {
                turns.append(Turn(role: .user, parts: [result]))
            }
        default: throw Uncarried("\(place).role", "another dialect has no such role")
        }
        try members.finish()
    }
    return turns
}

extension Part {
    var isToolResult: Bool { if case .toolResult = self { true } else { false } }
}

private func chatContent(_ members: inout Members) throws(Uncarried) -> [Part] {
    let path = members.name("content")
    guard let content = members.take("content") else { return [] }
    if let text = content.string { return text.isEmpty ? [] : [.text(text)] }
    guard let items = content.array else { throw Uncarried(path, "it is neither a text nor a list") }
    var parts: [Part] = []
    for (index, item) in items.enumerated() { parts.append(try chatPart(item, at: "\(path)[\(index)]")) }
    return parts
}

private func chatPart(_ item: JSON, at path: String) throws(Uncarried) -> Part {
    var members = try Members(item, at: path)
    // DashScope's own dialect names no types; caching is a hint.
    let type = try members.text("type")
    members.leaveOut("cache_control")
    if let text = try members.text("text") {
        try members.finish()
        return .text(text)
    }
    if let refusal = try members.text("refusal") {
        try members.finish()
        return .refusal(refusal)
    }
    if let image = members.take("image_url") ?? members.take("image") {
        let detail = image["detail"]?.string
        guard let url = image.string ?? image["url"]?.string else { throw Uncarried("\(path).image_url", "it has no URL") }
        try members.finish()
        return .image(Image(url: url, detail: detail))
    }
    throw Uncarried(type.map { "\(path) (\($0))" } ?? path, "another dialect has no such part")
}

extension Image {
    /// A URL as it is written, or the data that it holds. Megabytes of data are carried as they were written: only what stands before them is read.
    init(url: String, detail: String?) {
        let front = url.utf8.prefix(Self.frontMax)
        guard url.hasPrefix("data:"), let comma = front.firstIndex(of: UInt8(ascii: ",")) else {
            self = .url(url, detail: detail)
            return
        }
        // Solidus may be written with an escape.
        let kind = JSON.plain(String(url[..<comma]))
        guard kind.hasSuffix(";base64") else {
            self = .url(url, detail: detail)
            return
        }
        let type = kind.dropFirst("data:".count).dropLast(";base64".count)
        self = .data(type: String(type), base64: String(url[url.utf8.index(after: comma)...]), detail: detail)
    }

    /// No type of data is longer, in bytes.
    private static let frontMax = 256

    var url: String {
        switch self {
        case .url(let url, _): url
        case .data(let type, let base64, _): "data:\(JSON.written(type));base64,\(base64)"
        }
    }

    var detail: String? {
        switch self {
        case .url(_, let detail), .data(_, _, let detail): detail
        }
    }
}

private func chatAssistant(_ members: inout Members) throws(Uncarried) -> [Part] {
    var parts: [Part] = []
    // Weir's own addition to chat, by which sealed thinking comes back; and what Qwen, DeepSeek and engines call it.
    let sealed = members.take("thinking_blocks")?.array
    let (common, engines) = (try members.text("reasoning_content"), try members.text("reasoning"))
    let thought = common ?? engines
    if let sealed {
        for (index, block) in sealed.enumerated() {
            var own = try messagesThought(block, at: members.name("thinking_blocks[\(index)]"))
            // A stream tells the text before its seal, and beside it.
            if own.text.isEmpty, sealed.count == 1, let thought { own.text = thought }
            parts.append(.reasoning(own))
        }
    } else if let thought, !thought.isEmpty {
        parts.append(.reasoning(Thought(text: thought)))
    }
    members.leaveOut("name", "annotations")
    parts += try chatContent(&members)
    if let refusal = try members.text("refusal") { parts.append(.refusal(refusal)) }
    for (index, call) in (members.take("tool_calls")?.array ?? []).enumerated() {
        let path = members.name("tool_calls[\(index)]")
        guard let function = call["function"], let name = function["name"]?.string else {
            throw Uncarried(path, "only functions can be carried")
        }
        parts.append(
            .toolCall(
                ToolCall(id: call["id"]?.string ?? "", name: name, arguments: function["arguments"]?.string ?? "")))
    }
    return parts
}
