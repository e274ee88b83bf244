import Core
import Wire

// OpenAI's Responses, as far as they keep no state.

/// What stands before another endpoint's seal in `encrypted_content`, so that it finds its way back.
enum SealWord {
    static let signature = "weir.signature."
    static let redacted = "weir.redacted."
}

extension Ask {
    init(responses body: JSON) throws(Uncarried) {
        var members = try Members(body, at: "")
        members.leaveOut("model", "metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "stream_options")
        // Nothing is kept, and thinking comes sealed as its home seals it.
        members.leaveOut("store", "include")
        stream = try members.bool("stream") ?? false
        maxOutput = try members.integer("max_output_tokens")
        temperature = try members.number("temperature")
        topP = try members.number("top_p")
        user = try members.text("user")
        tier = try members.text("service_tier")
        parallelTools = try members.bool("parallel_tool_calls")
        try members.leaveOut("background") { $0.bool == false }
        try members.leaveOut("truncation") { $0.string == "disabled" }
        try members.leaveOut("top_logprobs") { $0.integer == 0 }
        if let text = members.take("text") {
            var inner = try Members(text, at: "text")
            verbosity = try inner.text("verbosity")
            if let value = inner.take("format") {
                switch value["type"]?.string {
                case "text": break
                case "json_object": format = .json
                case "json_schema": format = try schemaFormat(value, at: "text.format")
                default: throw Uncarried("text.format", "another dialect has no word for it")
                }
            }
            try inner.finish()
        }
        if let value = members.take("reasoning") {
            var inner = try Members(value, at: "reasoning")
            let effort = try inner.text("effort")
            inner.leaveOut("summary", "generate_summary")
            try inner.finish()
            if let effort { reasoning = effort == "none" ? .off : .on(effort: effort, budget: nil) }
        }
        try responsesTools(&members)
        if let instructions = try members.text("instructions"), !instructions.isEmpty {
            turns.append(Turn(role: .system, parts: [.text(instructions)]))
        }
        let input = members.take("input")
        try members.finish()
        if let text = input?.string {
            turns.append(Turn(role: .user, parts: [.text(text)]))
        } else {
            guard let items = input?.array else { throw Uncarried("input", "it is neither a text nor a list") }
            for (index, item) in items.enumerated() { try responsesItem(item, at: "input[\(index)]") }
        }
    }

    private mutating func responsesTools(_ members: inout Members) throws(Uncarried) {
        for (index, item) in (members.take("tools")?.array ?? []).enumerated() {
            let path = "tools[\(index)]"
            guard item["type"]?.string == "function", case .object(let stated) = item else {
                throw Uncarried(path, "only functions can be carried")
            }
            tools.append(try Tool(function: .object(stated.filter { $0.key != "type" }), at: path))
        }
        guard let choice = members.take("tool_choice") else { return }
        switch choice.string {
        case "auto": toolChoice = .auto
        case "none": toolChoice = .never
        case "required": toolChoice = .any
        default:
            guard choice["type"]?.string == "function", let name = choice["name"]?.string else {
                throw Uncarried("tool_choice", "another dialect has no word for it")
            }
            toolChoice = .named(name)
        }
    }

    private mutating func responsesItem(_ item: JSON, at path: String) throws(Uncarried) {
        var members = try Members(item, at: path)
        let type = try members.text("type") ?? "message"
        members.leaveOut("id", "status")
        switch type {
        case "message":
            let word = try members.needed("role")
            guard let role = Turn.Role(rawValue: word == "developer" ? "system" : word) else {
                throw Uncarried("\(path).role", "another dialect has no such role")
            }
            let content = members.take("content") ?? .array([])
            members.leaveOut("phase")
            add(try responsesContent(content, at: "\(path).content"), as: role)
        case "function_call":
            let call = ToolCall(
                id: try members.needed("call_id"), name: try members.needed("name"),
                arguments: try members.text("arguments") ?? "")
            add([.toolCall(call)], as: .assistant)
        case "function_call_output":
            let id = try members.needed("call_id")
            let content = try responsesContent(members.take("output") ?? .array([]), at: "\(path).output")
            add([.toolResult(id: id, content: content, isError: false)], as: .user)
        case "reasoning":
            let shown = (members.take("content")?.array ?? []) + (members.take("summary")?.array ?? [])
            let text = shown.compactMap { $0["text"]?.string }.joined()
            add([.reasoning(Thought(text: text, seal: try seal(members.text("encrypted_content"))))], as: .assistant)
        default: throw Uncarried("\(path) (\(type))", "another dialect has no such item")
        }
        try members.finish()
    }

    private func seal(_ encrypted: String?) -> Thought.Seal? {
        guard let encrypted, !encrypted.isEmpty else { return nil }
        for (word, seal) in [
            (SealWord.signature, Thought.Seal.signature), (SealWord.redacted, Thought.Seal.redacted),
        ] where encrypted.hasPrefix(word) {
            return seal(String(encrypted.dropFirst(word.count)))
        }
        return .encrypted(encrypted)
    }

    /// Items of one speaker make one turn; instructions stay turns of their own.
    private mutating func add(_ parts: [Part], as role: Turn.Role) {
        if role != .system, let last = turns.last, last.role == role {
            turns[turns.count - 1].parts += parts
        } else {
            turns.append(Turn(role: role, parts: parts))
        }
    }
}

private func responsesContent(_ content: JSON, at path: String) throws(Uncarried) -> [Part] {
    if let text = content.string { return text.isEmpty ? [] : [.text(text)] }
    guard let items = content.array else { throw Uncarried(path, "it is neither a text nor a list") }
    var parts: [Part] = []
    for (index, item) in items.enumerated() {
        let place = "\(path)[\(index)]"
        var members = try Members(item, at: place)
        let type = try members.needed("type")
        switch type {
        case "input_text", "output_text", "text":
            parts.append(.text(try members.needed("text")))
            members.leaveOut("annotations", "logprobs")
        case "refusal": parts.append(.refusal(try members.needed("refusal")))
        case "input_image":
            let detail = try members.text("detail")
            guard let url = try members.text("image_url") else { throw Uncarried("\(place).file_id", "it lies at OpenAI") }
            parts.append(.image(Image(url: url, detail: detail)))
        default: throw Uncarried("\(place) (\(type))", "another dialect has no such part")
        }
        try members.finish()
    }
    return parts
}

// MARK: - Writing

extension Ask {
    func responses(for target: Target) throws(Uncarried) -> JSON {
        for (name, value) in [
            ("seed", seed), ("presence_penalty", presencePenalty), ("frequency_penalty", frequencyPenalty), ("top_k", topK),
        ] where value != nil && Double(value ?? "") != 0 {
            throw Uncarried(name, "the Responses API has no word for it")
        }
        if !stops.isEmpty { throw Uncarried("stop", "the Responses API has no word for it") }
        var body = Writing()
        body.add("model", .text(target.model))
        var items: [JSON] = []
        for turn in turns { items += try turn.responsesItems() }
        body.add("input", .array(items))
        if stream { body.add("stream", .bool(true)) }
        body.add("store", .bool(false))
        body.add("max_output_tokens", maxOutput.map(JSON.integer))
        body.add("temperature", temperature.map(JSON.number))
        body.add("top_p", topP.map(JSON.number))
        body.add("user", user.map(JSON.string))
        if let tier, tier != "auto" { body.add("service_tier", .string(tier == "standard_only" ? "default" : tier)) }
        if !tools.isEmpty {
            body.add(
                "tools",
                .array(
                    tools.map { tool in
                        var tool = tool
                        // Functions are strict there unless they say otherwise, and nowhere else.
                        tool.strict = tool.strict ?? false
                        return .object([JSON.Member("type", .text("function"))] + (tool.function.members ?? []))
                    }))
        }
        switch toolChoice {
        case nil: break
        case .auto: body.add("tool_choice", .text("auto"))
        case .never: body.add("tool_choice", .text("none"))
        case .any: body.add("tool_choice", .text("required"))
        case .named(let name):
            body.add("tool_choice", .object([JSON.Member("type", .text("function")), JSON.Member("name", .string(name))]))
        }
        body.add("parallel_tool_calls", parallelTools.map(JSON.bool))
        var text = Writing()
        switch format {
        case nil: break
        case .json: text.add("format", .object([JSON.Member("type", .text("json_object"))]))
        case .schema(let name, let schema, let strict, let description):
            var stated = Writing()
            stated.add("type", .text("json_schema"))
            stated.add("name", .string(name ?? "answer"))
            stated.add("description", description.map(JSON.string))
            stated.add("schema", schema)
            stated.add("strict", strict.map(JSON.bool))
            text.add("format", .object(stated.members))
        }
        text.add("verbosity", verbosity.map(JSON.string))
        if !text.members.isEmpty { body.add("text", .object(text.members)) }
        if let reasoning { body.add("reasoning", .object([JSON.Member("effort", .text(reasoning.effort))])) }
        return .object(body.members)
    }
}

extension Turn {
    fileprivate func responsesItems() throws(Uncarried) -> [JSON] {
        var items: [JSON] = []
        var said: [JSON] = []
        let word = role == .assistant ? "output_text" : "input_text"
        func item(_ members: [(String, JSON?)]) -> JSON {
            .object(members.compactMap { key, value in value.map { JSON.Member(key, $0) } })
        }
        func flush() {
            if said.isEmpty { return }
            items.append(item([("type", .text("message")), ("role", .text(role.rawValue)), ("content", .array(said))]))
            said = []
        }
        for part in parts {
            switch part {
            case .text(let text): said.append(item([("type", .text(word)), ("text", .string(text))]))
            case .refusal(let text): said.append(item([("type", .text("refusal")), ("refusal", .string(text))]))
            case .image(let image): said.append(responsesImage(image))
            case .toolCall(let call):
                flush()
                items.append(
                    item([
                        ("type", .text("function_call")), ("call_id", .string(call.id)), ("name", .string(call.name)),
                        ("arguments", .string(call.arguments)),
                    ]))
            case .toolResult(let id, let content, _):
                flush()
                var output: JSON = .text("")
                if content.count == 1, case .text(let text) = content[0] {
                    output = .string(text)
                } else if !content.isEmpty {
                    var parts: [JSON] = []
                    for part in content { parts.append(try responsesResult(part)) }
                    output = .array(parts)
                }
                items.append(
                    item([("type", .text("function_call_output")), ("call_id", .string(id)), ("output", output)]))
            case .reasoning(let thought):
                flush()
                guard case .encrypted(let sealed) = thought.seal else {
                    throw Uncarried("reasoning", "the Responses API takes back no thinking but its own")
                }
                items.append(
                    item([("type", .text("reasoning")), ("summary", .array([])), ("encrypted_content", .string(sealed))]))
            }
        }
        flush()
        return items
    }
}

private func responsesImage(_ image: Image) -> JSON {
    var part = Writing()
    part.add("type", .text("input_image"))
    part.add("image_url", .string(image.url))
    part.add("detail", image.detail.map(JSON.string))
    return .object(part.members)
}

private func responsesResult(_ part: Part) throws(Uncarried) -> JSON {
    switch part {
    case .text(let text): .object([JSON.Member("type", .text("input_text")), JSON.Member("text", .string(text))])
    case .image(let image): responsesImage(image)
    default: throw Uncarried("tool_result", "a part of it has no place in a tool's result")
    }
}
