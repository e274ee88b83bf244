import Core

// What a request in DashScope's own dialect holds: `{"model":…, "input":{"messages":[…]}, "parameters":{…}}`.

extension RequestScanner {
    mutating func generationMember(_ key: JSONString) throws(ScanError) {
        switch key.end - key.start {
        case 10 where cursor.matches(key, "parameters"): try parameters()
        default: try cursor.skip()
        }
    }

    /// `input`: messages, or a prompt.
    mutating func generationInput() throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "{") else { throw wrongType("input") }
        var seen = SeenFields()
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if key.escaped { throw ScanError(.escapedKey, at: key.start) }
            if cursor.matches(key, "messages") || cursor.matches(key, "history") {
                try seen.mark(cursor.matches(key, "messages") ? 0 : 1, key)
                try chatMessages()
            } else if cursor.matches(key, "prompt") {
                try seen.mark(2, key)
                if try present() { found.messages += 1 }
            } else {
                try cursor.skip()
            }
        }
    }

    /// They say what OpenAI's dialect says at the top.
    private mutating func parameters() throws(ScanError) {
        let start = cursor.at
        guard cursor.peek == UInt8(ascii: "{") else {
            guard cursor.peek == UInt8(ascii: "n") else { throw wrongType("parameters") }
            try cursor.literal("null")
            found.nullParameters = start..<cursor.at
            return
        }
        var seen = SeenFields()
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if key.escaped { throw ScanError(.escapedKey, at: key.start) }
            switch key.end - key.start {
            case 1 where cursor.matches(key, "n"):
                try seen.mark(0, key)
                found.n = try integer("n", least: 1)
            case 5 where cursor.matches(key, "tools"):
                try seen.mark(1, key)
                try tools()
            case 10 where cursor.matches(key, "max_tokens"):
                try seen.mark(2, key)
                found.maxTokens = try integer("max_tokens", least: 0)
            case 18 where cursor.matches(key, "incremental_output"):
                try seen.mark(6, key)
                found.incrementalOutput = try bool("incremental_output")
            case 15 where cursor.matches(key, "enable_thinking"):
                try seen.mark(7, key)
                try thinking(.enable, key)
            case 13 where cursor.matches(key, "enable_search"):
                try seen.mark(3, key)
                if try bool("enable_search").value == true { found.retrieval = found.retrieval ?? key.range }
            case 14 where cursor.matches(key, "search_options"):
                try seen.mark(4, key)
                if try present(), found.retrieval == nil { found.retrieval = key.range }
            case 21 where cursor.matches(key, "max_completion_tokens"):
                try seen.mark(5, key)
                found.maxCompletionTokens = try integer("max_completion_tokens", least: 0)
            default: try cursor.skip()
            }
        }
        found.parameters = start..<cursor.at
        found.hasNoParameters = first
    }
}
