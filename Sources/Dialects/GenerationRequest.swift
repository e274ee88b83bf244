import Core
import Wire

// DashScope's own: the messages of chat in `input`, and the rest in `parameters`.

extension Ask {
    /// - Parameter stream: it asks for one in a header.
    init(generation body: JSON, stream isStream: Bool) throws(Uncarried) {
        stream = isStream
        var members = try Members(body, at: "")
        members.leaveOut("model")
        var settings = try Members(members.take("parameters") ?? .object([]), at: "parameters")
        // How the answer is written, which is Weir's to do.
        settings.leaveOut("result_format", "incremental_output")
        maxOutput = try settings.integer("max_tokens")
        temperature = try settings.number("temperature")
        topP = try settings.number("top_p")
        topK = try settings.number("top_k")
        seed = try settings.number("seed")
        presencePenalty = try settings.number("presence_penalty")
        frequencyPenalty = try settings.number("frequency_penalty")
        try stops("stop", &settings)
        try settings.leaveOut("n") { $0.integer == 1 }
        try settings.leaveOut("enable_search") { $0.bool == false }
        try settings.leaveOut("logprobs") { $0.bool == false }
        try settings.leaveOut("repetition_penalty") { Double($0.description) == 1 }
        try chatSettings(&settings)
        try chatTools(&settings)
        try settings.finish()
        guard let input = members.take("input") else { throw Uncarried("input", "it is missing") }
        try members.finish()
        var inner = try Members(input, at: "input")
        if let messages = inner.take("messages") {
            guard let messages = messages.array else { throw Uncarried("input.messages", "it is no list") }
            turns = try chatTurns(messages, at: "input.messages")
        } else {
            turns = [Turn(role: .user, parts: [.text(try inner.needed("prompt"))])]
        }
        try inner.finish()
    }

    func generation(for target: Target) throws(Uncarried) -> JSON {
        if let tier, !["auto", "default", "standard_only"].contains(tier) {
            throw Uncarried("service_tier", "DashScope has no such tier")
        }
        if verbosity != nil { throw Uncarried("verbosity", "DashScope has no word for it") }
        var settings = Writing()
        settings.add("result_format", .text("message"))
        if stream { settings.add("incremental_output", .bool(true)) }
        settings.add("max_tokens", maxOutput.map(JSON.integer))
        settings.addNumbers(self)
        settings.add("top_k", topK.map(JSON.number))
        if !stops.isEmpty { settings.add("stop", .array(stops.map(JSON.string))) }
        try settings.addChatSettings(self, target)
        var messages: [JSON] = []
        for message in try chatMessages() {
            messages.append(target.dialect == .multimodalGeneration ? multimodal(message) : message)
        }
        return .object([
            JSON.Member("model", .text(target.model)),
            JSON.Member("input", .object([JSON.Member("messages", .array(messages))])),
            JSON.Member("parameters", .object(settings.members)),
        ])
    }

    /// Parts without types: `{"text":…}`, `{"image":…}`.
    private func multimodal(_ message: JSON) -> JSON {
        guard case .object(let members) = message else { return message }
        return .object(
            members.map { member in
                guard member.key == "content" else { return member }
                let parts = member.value.array ?? [.object([JSON.Member("text", member.value)])]
                return JSON.Member(
                    "content",
                    .array(
                        parts.map { part in
                            if let text = part["text"] { return .object([JSON.Member("text", text)]) }
                            return .object([JSON.Member("image", part["image_url"]?["url"] ?? .null)])
                        }))
            })
    }
}
