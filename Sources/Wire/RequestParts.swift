import Core

// What messages, inputs and tools hold, as far as it costs something that their bytes do not bound.
//
// In the objects looked into here a key may appear once and must be plain: another reader of the same body must see the same.

extension RequestScanner {
    /// `messages`: objects whose content is a string or parts.
    mutating func messages() throws(ScanError) {
        guard dialect == .chat || dialect.isMessages else { return try cursor.skip() }
        try chatMessages()
    }

    mutating func chatMessages() throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "[") else { throw wrongType("messages") }
        try cursor.enter()
        var first = true
        while try cursor.nextElement(&first) {
            guard cursor.peek == UInt8(ascii: "{") else { throw wrongType("messages") }
            found.messages += 1
            if dialect.isMessages { try messagesMessage() } else { try message() }
        }
    }

    private mutating func message() throws(ScanError) {
        var seen = SeenFields()
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if key.escaped { throw ScanError(.escapedKey, at: key.start) }
            if cursor.matches(key, "content") {
                try seen.mark(0, key)
                try content()
            } else if cursor.matches(key, "audio") {
                try seen.mark(1, key)
                if try present() { found.audioParts += 1 }
            } else {
                try cursor.skip()
            }
        }
    }

    /// `input` of responses (items) and embeddings (texts, token lists or parts).
    mutating func input() throws(ScanError) {
        if dialect.isGeneration { return try generationInput() }
        guard dialect == .responses || dialect == .embeddings else { return try cursor.skip() }
        switch cursor.peek {
        case UInt8(ascii: "["): dialect == .responses ? try items() : try inputs()
        case UInt8(ascii: "\""):
            _ = try cursor.string()
            found.messages = 1
        case UInt8(ascii: "n"): try cursor.literal("null")
        default: throw wrongType("input")
        }
    }

    /// `prompt`: text of completions, or an object that a Responses provider keeps.
    mutating func prompt() throws(ScanError) {
        switch dialect {
        case .responses: if try present() { found.storedPrompt = true }
        case .completions where cursor.peek == UInt8(ascii: "["): try inputs()
        case .completions:
            if try present() { found.messages = 1 }
        default: try cursor.skip()
        }
    }

    /// `items` that a conversation begins with: those of a Responses input.
    mutating func conversationItems() throws(ScanError) {
        switch cursor.peek {
        case UInt8(ascii: "["): try items()
        case UInt8(ascii: "n"): try cursor.literal("null")
        default: throw wrongType("items")
        }
    }

    /// Separate inputs in one array. A flat list of numbers is one input: its tokens.
    private mutating func inputs() throws(ScanError) {
        try cursor.enter()
        var first = true
        var tokens = false
        var count = 0
        while try cursor.nextElement(&first) {
            switch cursor.peek {
            case UInt8(ascii: "{"):
                count += 1
                try part()
            case UInt8(ascii: "\""), UInt8(ascii: "["):
                count += 1
                try cursor.skip()
            default:
                tokens = true
                try cursor.skip()
            }
        }
        found.messages = count + (tokens ? 1 : 0)
    }

    private mutating func items() throws(ScanError) {
        try cursor.enter()
        var first = true
        while try cursor.nextElement(&first) {
            found.messages += 1
            guard cursor.peek == UInt8(ascii: "{") else { throw wrongType(dialect == .conversations ? "items" : "input") }
            try item()
        }
    }

    /// One item of a Responses input: a message unless its type says otherwise.
    private mutating func item() throws(ScanError) {
        let start = cursor.at
        var seen = SeenFields()
        var type: Range<Int>?
        var isMessage = false
        var hasID = false
        var isSealed = false
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if key.escaped { throw ScanError(.escapedKey, at: key.start) }
            if cursor.matches(key, "type") {
                try seen.mark(0, key)
                type = try optionalName("input.type")
            } else if cursor.matches(key, "id") {
                try seen.mark(4, key)
                hasID = try present()
            } else if cursor.matches(key, "encrypted_content") {
                try seen.mark(5, key)
                let value = cursor.at
                try cursor.skip()
                isSealed = cursor.at - value > 2 && cursor.base[value] == UInt8(ascii: "\"")
            } else if cursor.matches(key, "content") {
                try seen.mark(1, key)
                isMessage = true
                try content()
            } else if cursor.matches(key, "output") {
                try seen.mark(2, key)
                try content()
            } else if cursor.matches(key, "role") {
                try seen.mark(3, key)
                isMessage = true
                try cursor.skip()
            } else {
                try cursor.skip()
            }
        }
        guard let type else {
            // The API reads an item that has neither type nor role as a reference.
            if !isMessage { found.itemReferences += 1 }
            return
        }
        switch type.count {
        case 7 where cursor.matches(type, "message"): break
        case 9 where cursor.matches(type, "reasoning"): if hasID, !isSealed { found.itemsByID += 1 }
        case 13 where cursor.matches(type, "function_call"): break
        case 14 where cursor.matches(type, "item_reference"): found.itemReferences += 1
        case 16 where cursor.matches(type, "custom_tool_call"): break
        case 20 where cursor.matches(type, "function_call_output"): break
        case 23 where cursor.matches(type, "custom_tool_call_output"): break
        default:
            if hasID, !isSealed { found.itemsByID += 1 }
            unknown(type, within: start..<cursor.at)
        }
    }

    /// A message's content: a string, parts, or one part.
    private mutating func content() throws(ScanError) {
        switch cursor.peek {
        case UInt8(ascii: "["):
            try cursor.enter()
            var first = true
            while try cursor.nextElement(&first) {
                if cursor.peek == UInt8(ascii: "{") { try part() } else { try cursor.skip() }
            }
        case UInt8(ascii: "{"): try part()
        default: try cursor.skip()
        }
    }

    mutating func unknown(_ type: Range<Int>?, within part: Range<Int>) {
        if found.unknownPart == nil { found.unknownPart = type ?? part }
    }
}

// MARK: - Parts

extension RequestScanner {
    /// What one part brings, by its type and by the members it has: some servers read the one, some the other.
    private struct Brings {
        var image = false
        var fetched = false
        var audio = false
        var file = false
        var text = false
        var unknown = false
    }

    private mutating func part() throws(ScanError) {
        let start = cursor.at
        var seen = SeenFields()
        var type: Range<Int>?
        var brings = Brings()
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if key.escaped { throw ScanError(.escapedKey, at: key.start) }
            switch key.end - key.start {
            case 4 where cursor.matches(key, "type"):
                try seen.mark(0, key)
                type = try optionalName("content.type")
            case 4 where cursor.matches(key, "text"):
                try seen.mark(1, key)
                brings.text = true
                try cursor.skip()
            case 9 where cursor.matches(key, "image_url"), 5 where cursor.matches(key, "image"):
                try seen.mark(key.end - key.start == 9 ? 2 : 3, key)
                try image(&brings)
            case 5 where cursor.matches(key, "audio"):
                try seen.mark(4, key)
                if try present() { brings.audio = true }
            case 9 where cursor.matches(key, "audio_url"):
                try seen.mark(5, key)
                if try present() { brings.audio = true }
            case 11 where cursor.matches(key, "input_audio"):
                try seen.mark(6, key)
                if try present() { brings.audio = true }
            case 4 where cursor.matches(key, "file"):
                try seen.mark(7, key)
                if try present() { brings.file = true }
            case 7 where cursor.matches(key, "file_id"):
                try seen.mark(8, key)
                if try present() { brings.file = true }
            case 8 where cursor.matches(key, "file_url"):
                try seen.mark(9, key)
                if try present() { brings.file = true }
            case 9 where cursor.matches(key, "file_data"):
                try seen.mark(10, key)
                if try present() { brings.file = true }
            case 5 where cursor.matches(key, "video"):
                try seen.mark(11, key)
                if try present() { brings.unknown = true }
            case 9 where cursor.matches(key, "video_url"):
                try seen.mark(12, key)
                if try present() { brings.unknown = true }
            default: try cursor.skip()
            }
        }
        count(brings, type, start..<cursor.at)
    }

    /// An image is a URL, or an object that holds one.
    private mutating func image(_ brings: inout Brings) throws(ScanError) {
        switch cursor.peek {
        case UInt8(ascii: "n"): return try cursor.literal("null")
        case UInt8(ascii: "\""):
            let url = try cursor.string()
            if !isInline(url) { brings.fetched = true }
        case UInt8(ascii: "{"):
            var seen = SeenFields()
            try cursor.enter()
            var first = true
            while let key = try cursor.nextKey(&first) {
                if key.escaped { throw ScanError(.escapedKey, at: key.start) }
                if cursor.matches(key, "url") {
                    try seen.mark(0, key)
                    if cursor.peek == UInt8(ascii: "\"") {
                        let url = try cursor.string()
                        if !isInline(url) { brings.fetched = true }
                    } else {
                        try cursor.skip()
                    }
                } else {
                    try cursor.skip()
                }
            }
        default: try cursor.skip()
        }
        brings.image = true
    }

    private func isInline(_ url: JSONString) -> Bool {
        url.end - url.start >= 5 && cursor.matches(url.start..<url.start + 5, "data:")
    }

    private mutating func count(_ brings: Brings, _ type: Range<Int>?, _ part: Range<Int>) {
        var brings = brings
        if let type {
            switch type.count {
            case 4 where cursor.matches(type, "text"), 7 where cursor.matches(type, "refusal"),
                10 where cursor.matches(type, "input_text"), 11 where cursor.matches(type, "output_text"),
                12 where cursor.matches(type, "summary_text"), 14 where cursor.matches(type, "reasoning_text"):
                brings.text = true
            case 9 where cursor.matches(type, "image_url"), 11 where cursor.matches(type, "input_image"),
                5 where cursor.matches(type, "image"), 19 where cursor.matches(type, "computer_screenshot"):
                brings.image = true
            case 11 where cursor.matches(type, "input_audio"), 5 where cursor.matches(type, "audio"),
                9 where cursor.matches(type, "audio_url"):
                brings.audio = true
            case 4 where cursor.matches(type, "file"), 10 where cursor.matches(type, "input_file"):
                brings.file = true
            default: brings.unknown = true
            }
        } else if !brings.text, !brings.image, !brings.audio, !brings.file {
            brings.unknown = true
        }
        if brings.image { found.images += 1 }
        if brings.fetched { found.imageURLs += 1 }
        if brings.audio { found.audioParts += 1 }
        if brings.file { found.files += 1 }
        if brings.unknown { unknown(type, within: part) }
    }
}

// MARK: - Tools

extension RequestScanner {
    /// A tool that is not the caller's own runs at the provider, which decides what that costs.
    mutating func tools() throws(ScanError) {
        if cursor.peek == UInt8(ascii: "n") { return try cursor.literal("null") }
        guard cursor.peek == UInt8(ascii: "[") else { throw wrongType("tools") }
        try cursor.enter()
        var firstTool = true
        while try cursor.nextElement(&firstTool) {
            guard cursor.peek == UInt8(ascii: "{") else { throw wrongType("tools") }
            let start = cursor.at
            var seen = SeenFields()
            var type: Range<Int>?
            try cursor.enter()
            var first = true
            while let key = try cursor.nextKey(&first) {
                if key.escaped { throw ScanError(.escapedKey, at: key.start) }
                if cursor.matches(key, "type") {
                    try seen.mark(0, key)
                    type = try optionalName("tools.type")
                } else {
                    try cursor.skip()
                }
            }
            found.tools += 1
            if dialect.isMessages {
                if runsAtCaller(messagesTool: type) { continue }
            } else if let type, cursor.matches(type, "function") || cursor.matches(type, "custom") {
                continue
            }
            if found.hostedTool == nil { found.hostedTool = type ?? start..<cursor.at }
        }
    }
}
