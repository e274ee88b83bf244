import Core

// What a request in Anthropic's Messages holds, as far as it costs something that its bytes do not bound.

extension RequestScanner {
    /// Members that only one of the dialects beside OpenAI's has.
    mutating func dialectMember(_ key: JSONString) throws(ScanError) {
        switch dialect {
        case .messages, .tokenCount: try messagesMember(key)
        case .generation, .multimodalGeneration: try generationMember(key)
        case .chat, .responses: try openAIMember(key)
        case .completions, .embeddings, .conversations: try cursor.skip()
        }
    }

    private mutating func messagesMember(_ key: JSONString) throws(ScanError) {
        switch key.end - key.start {
        case 5 where cursor.matches(key, "speed"):
            let speed = try optionalName("speed")
            if let speed, !cursor.matches(speed, "standard") { uplift(key) }
        case 5 where cursor.matches(key, "top_k"): if try present() { found.topK = key.range }
        case 6 where cursor.matches(key, "system"): try messagesContent()
        case 8 where cursor.matches(key, "thinking"): try thinking(.type, key)
        case 9 where cursor.matches(key, "container"): try hosted(key)
        case 11 where cursor.matches(key, "tool_choice"): try messagesToolChoice()
        case 11 where cursor.matches(key, "mcp_servers"): try hosted(key)
        case 13 where cursor.matches(key, "inference_geo"): if try present() { uplift(key) }
        default: try cursor.skip()
        }
    }

    private mutating func messagesToolChoice() throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "{") else { return try cursor.skip() }
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if key.escaped { throw ScanError(.escapedKey, at: key.start) }
            if cursor.matches(key, "disable_parallel_tool_use"), cursor.peek == UInt8(ascii: "t") { found.disablesParallelTools = true }
            try cursor.skip()
        }
    }

    private mutating func uplift(_ key: JSONString) { if found.uplift == nil { found.uplift = key.range } }

    /// What has the provider run or reach something; an empty list has not.
    private mutating func hosted(_ key: JSONString) throws(ScanError) {
        let value = cursor.at
        if try present(), cursor.at - value > 2, found.hostedTool == nil { found.hostedTool = key.range }
    }

    /// `messages`: objects whose content is a string or blocks.
    mutating func messagesMessage() throws(ScanError) {
        var seen = SeenFields()
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if key.escaped { throw ScanError(.escapedKey, at: key.start) }
            if cursor.matches(key, "content") {
                try seen.mark(0, key)
                try messagesContent()
            } else {
                try cursor.skip()
            }
        }
    }

    private mutating func messagesContent() throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "[") else { return try cursor.skip() }
        try cursor.enter()
        var first = true
        while try cursor.nextElement(&first) {
            if cursor.peek == UInt8(ascii: "{") { try block() } else { try cursor.skip() }
        }
    }

    private mutating func block() throws(ScanError) {
        let start = cursor.at
        var seen = SeenFields()
        var type: Range<Int>?
        var source = BlockSource()
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if key.escaped { throw ScanError(.escapedKey, at: key.start) }
            if cursor.matches(key, "type") {
                try seen.mark(0, key)
                type = try optionalName("content.type")
            } else if cursor.matches(key, "source") {
                try seen.mark(1, key)
                try blockSource(&source)
            } else if cursor.matches(key, "content") {
                // Of a tool's result: text, images or documents.
                try seen.mark(2, key)
                try messagesContent()
            } else {
                try cursor.skip()
            }
        }
        guard let type else { return unknown(nil, within: start..<cursor.at) }
        switch type.count {
        case 4 where cursor.matches(type, "text"), 8 where cursor.matches(type, "thinking") || cursor.matches(type, "tool_use"),
            11 where cursor.matches(type, "tool_result"), 17 where cursor.matches(type, "redacted_thinking"),
            13 where cursor.matches(type, "search_result"):
            break
        case 5 where cursor.matches(type, "image"):
            found.images += 1
            if source.isElsewhere { found.imageURLs += 1 }
        case 8 where cursor.matches(type, "document"):
            // Text is bounded by its bytes; the pages of anything else are not.
            if !source.isText { found.files += 1 }
        default: unknown(type, within: start..<cursor.at)
        }
    }

    private struct BlockSource {
        var isText = false
        var isElsewhere = false
    }

    private mutating func blockSource(_ source: inout BlockSource) throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "{") else { return try cursor.skip() }
        var seen = SeenFields()
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if key.escaped { throw ScanError(.escapedKey, at: key.start) }
            if cursor.matches(key, "type") {
                try seen.mark(0, key)
                if let type = try optionalName("source.type") {
                    source.isText = cursor.matches(type, "text")
                    source.isElsewhere = !source.isText && !cursor.matches(type, "base64")
                }
            } else if cursor.matches(key, "content") {
                try seen.mark(1, key)
                try messagesContent()
            } else {
                try cursor.skip()
            }
        }
    }

    /// Whether a tool of this type runs at the caller: those without a type and `custom` are the caller's own, and these are Anthropic's
    /// definitions of tools that the caller runs (anthropic SDK 2.12.0, `ToolUnionParam`).
    func runsAtCaller(messagesTool type: Range<Int>?) -> Bool {
        guard let type else { return true }
        if cursor.matches(type, "custom") { return true }
        return ["bash_", "text_editor_", "computer_", "memory_"].contains { (prefix: StaticString) in
            let length = prefix.utf8CodeUnitCount
            return type.count > length && cursor.matches(type.lowerBound..<type.lowerBound + length, prefix)
        }
    }
}
