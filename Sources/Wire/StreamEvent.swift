import Core

extension Dialect {
    /// A stream of this dialect ends with `data: [DONE]`. What does not stream is read as chat.
    var endsWithDone: Bool {
        switch self {
        case .chat, .completions, .embeddings, .conversations, .tokenCount: true
        case .responses, .messages, .generation, .multimodalGeneration: false
        }
    }
}

/// What one event of a stream says. Ranges are offsets into its data.
struct StreamEvent {
    enum Meaning { case progress, end, failure }

    var meaning = Meaning.progress
    var usage: Usage?
    var rawUsage: Range<Int>?
    /// The usage is what is known before anything was generated (`message_start`).
    var isUsageAtStart = false
    var tier: StatedTier?
    var error: Range<Int>?
    var model: Range<Int>?
    /// There is a `choices` array, and it is empty.
    var hasNoChoices = false
    /// Bytes of generated text, reasoning and tool arguments, as written in JSON.
    var contentBytes = 0
    /// Where that is: nearly every event has one piece, so that the list of the others stays empty and costs nothing.
    var content: Range<Int>?
    var moreContent: [Range<Int>] = []
}

extension StreamEvent {
    /// Reads one JSON event; throws when it is not exactly one object.
    init(_ data: UnsafeRawBufferPointer, name: UnsafeRawBufferPointer, dialect: Dialect) throws(ScanError) {
        var cursor = JSONCursor(data, depthMax: jsonDepthMax, isStrict: false)
        cursor.skipSpace()
        guard cursor.peek == UInt8(ascii: "{") else { throw cursor.fault() }
        try cursor.enter()
        switch dialect {
        case .responses: try readTyped(&cursor, name)
        case .messages: try readMessage(&cursor, name)
        case .generation, .multimodalGeneration: try readGeneration(&cursor, name)
        case .chat, .completions, .embeddings, .conversations, .tokenCount: try readChunk(&cursor)
        }
        try cursor.finish()
        if dialect.endsWithDone, error != nil || bytesEqual(name, "error") {
            meaning = .failure
            error = error ?? 0..<data.count
        }
    }

    // MARK: Chat and completions

    private mutating func readChunk(_ cursor: inout JSONCursor) throws(ScanError) {
        var first = true
        while let key = try cursor.nextKey(&first) {
            switch key.end - key.start {
            case 5 where cursor.matches(key, "usage"): try readUsage(&cursor)
            case 5 where cursor.matches(key, "error"): error = try cursor.valueUnlessNull() ?? error
            case 5 where cursor.matches(key, "model"): model = try cursor.textUnlessEmpty() ?? model
            case 7 where cursor.matches(key, "choices"): try readChoices(&cursor)
            case 12 where cursor.matches(key, "service_tier"): tier = try cursor.serviceTier() ?? tier
            default: try cursor.skip()
            }
        }
    }

    private mutating func readUsage(_ cursor: inout JSONCursor) throws(ScanError) {
        let start = cursor.at
        let isObject = cursor.peek == UInt8(ascii: "{")
        let read = try cursor.usage()
        if isObject {
            usage = read.meters
            rawUsage = start..<cursor.at
            if read.statesTier { tier = StatedTier(known: read.tier) }
        }
    }

    private mutating func readChoices(_ cursor: inout JSONCursor) throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "[") else { return try cursor.skip() }
        try cursor.enter()
        var first = true
        while try cursor.nextElement(&first) {
            guard cursor.peek == UInt8(ascii: "{") else {
                try cursor.skip()
                continue
            }
            try cursor.enter()
            var firstKey = true
            while let key = try cursor.nextKey(&firstKey) {
                if cursor.matches(key, "delta") {
                    try readDelta(&cursor)
                } else if cursor.matches(key, "text") {
                    try readText(&cursor)
                } else {
                    try cursor.skip()
                }
            }
        }
        hasNoChoices = first
    }

    /// Everything in a delta but its role is generated.
    private mutating func readDelta(_ cursor: inout JSONCursor) throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "{") else { return try cursor.skip() }
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if cursor.matches(key, "role") {
                try cursor.skip()
            } else if cursor.peek == UInt8(ascii: "\"") {
                try readText(&cursor)
            } else {
                // Tool calls and the like: their bytes bound what was generated. `[]` and `{}` carry nothing.
                let start = cursor.at
                let opens = cursor.peek == UInt8(ascii: "[") || cursor.peek == UInt8(ascii: "{")
                try cursor.skip()
                if opens, cursor.at - start > 2 { generated(start..<cursor.at) }
            }
        }
    }

    private mutating func readText(_ cursor: inout JSONCursor) throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "\"") else { return try cursor.skip() }
        let text = try cursor.string()
        if text.end > text.start { generated(text.range) }
    }

    private mutating func generated(_ piece: Range<Int>) {
        contentBytes += piece.count
        if content == nil { content = piece } else { moreContent.append(piece) }
    }

    // MARK: Responses

    private mutating func readTyped(_ cursor: inout JSONCursor, _ name: UnsafeRawBufferPointer) throws(ScanError) {
        var type: Range<Int>?
        var delta: Range<Int>?
        var responseError: Range<Int>?
        let start = cursor.at - 1
        var first = true
        while let key = try cursor.nextKey(&first) {
            switch key.end - key.start {
            case 4 where cursor.matches(key, "type"): type = try cursor.textUnlessEmpty()
            case 5 where cursor.matches(key, "delta"):
                let from = cursor.at
                let isText = cursor.peek == UInt8(ascii: "\"")
                try cursor.skip()
                delta = isText ? from + 1..<cursor.at - 1 : from..<cursor.at
            case 8 where cursor.matches(key, "response"): responseError = try readResponse(&cursor)
            default: try cursor.skip()
            }
        }
        let whole = start..<cursor.at
        let kind =
            if let type {
                UnsafeRawBufferPointer(start: cursor.base + type.lowerBound, count: type.count)
            } else {
                name
            }
        if bytesEqual(kind, "response.completed") || bytesEqual(kind, "response.incomplete") {
            meaning = .end
        } else if bytesEqual(kind, "response.failed") {
            meaning = .failure
            error = responseError ?? whole
        } else if bytesEqual(kind, "error") {
            meaning = .failure
            error = whole
        } else if bytesEnd(kind, ".delta"), let delta, !delta.isEmpty {
            generated(delta)
        }
    }

    /// Passes the `response` object; the range of its error.
    private mutating func readResponse(_ cursor: inout JSONCursor) throws(ScanError) -> Range<Int>? {
        guard cursor.peek == UInt8(ascii: "{") else {
            try cursor.skip()
            return nil
        }
        var found: Range<Int>?
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            switch key.end - key.start {
            case 5 where cursor.matches(key, "usage"): try readUsage(&cursor)
            case 5 where cursor.matches(key, "error"): found = try cursor.valueUnlessNull()
            case 5 where cursor.matches(key, "model"): model = try cursor.textUnlessEmpty() ?? model
            case 12 where cursor.matches(key, "service_tier"): tier = try cursor.serviceTier() ?? tier
            default: try cursor.skip()
            }
        }
        return found
    }

    // MARK: DashScope's own

    /// `{"output":{…},"usage":{…},"request_id":…}`; an error has a code instead. Texts may repeat what came before, so that none is
    /// counted: the usage stands in every event.
    private mutating func readGeneration(_ cursor: inout JSONCursor, _ name: UnsafeRawBufferPointer) throws(ScanError) {
        let start = cursor.at - 1
        var hasCode = false
        var isFinished = false
        var first = true
        while let key = try cursor.nextKey(&first) {
            switch key.end - key.start {
            case 4 where cursor.matches(key, "code"): hasCode = try cursor.textUnlessEmpty() != nil
            case 5 where cursor.matches(key, "usage"): try readUsage(&cursor)
            case 6 where cursor.matches(key, "output"): isFinished = try readOutput(&cursor)
            default: try cursor.skip()
            }
        }
        if hasCode || bytesEqual(name, "error") {
            meaning = .failure
            error = start..<cursor.at
        } else if isFinished {
            meaning = .end
        }
    }

    /// Whether every choice says why it ended; the word `null` says that it has not.
    private mutating func readOutput(_ cursor: inout JSONCursor) throws(ScanError) -> Bool {
        guard cursor.peek == UInt8(ascii: "{") else {
            try cursor.skip()
            return false
        }
        var isFinished = false
        // Beside choices, the reason at the top is null.
        var areFinished: Bool?
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if cursor.matches(key, "finish_reason") {
                if let word = try cursor.textUnlessEmpty() { isFinished = !cursor.matches(word, "null") }
            } else if cursor.matches(key, "choices"), cursor.peek == UInt8(ascii: "[") {
                try cursor.enter()
                var firstChoice = true
                while try cursor.nextElement(&firstChoice) { areFinished = try readOutput(&cursor) && areFinished ?? true }
            } else {
                try cursor.skip()
            }
        }
        return areFinished ?? isFinished
    }

    // MARK: Messages

    private mutating func readMessage(_ cursor: inout JSONCursor, _ name: UnsafeRawBufferPointer) throws(ScanError) {
        var type: Range<Int>?
        let start = cursor.at - 1
        var first = true
        while let key = try cursor.nextKey(&first) {
            switch key.end - key.start {
            case 4 where cursor.matches(key, "type"): type = try cursor.textUnlessEmpty()
            case 5 where cursor.matches(key, "delta"): try readTexts(&cursor)
            case 5 where cursor.matches(key, "usage"): try readUsage(&cursor)
            case 7 where cursor.matches(key, "message"): try readStart(&cursor)
            case 13 where cursor.matches(key, "content_block"): try readTexts(&cursor)
            default: try cursor.skip()
            }
        }
        let whole = start..<cursor.at
        let kind =
            if let type {
                UnsafeRawBufferPointer(start: cursor.base + type.lowerBound, count: type.count)
            } else {
                name
            }
        if bytesEqual(kind, "message_stop") {
            meaning = .end
        } else if bytesEqual(kind, "message_start") {
            isUsageAtStart = true
        } else if bytesEqual(kind, "error") {
            meaning = .failure
            error = whole
        } else if bytesEqual(kind, "message_delta") {
            // Its delta says why the message stopped, and was not generated.
            contentBytes = 0
            content = nil
            moreContent = []
        }
    }

    /// The message as it begins: its model and what its input came to.
    private mutating func readStart(_ cursor: inout JSONCursor) throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "{") else { return try cursor.skip() }
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            switch key.end - key.start {
            case 5 where cursor.matches(key, "usage"): try readUsage(&cursor)
            case 5 where cursor.matches(key, "model"): model = try cursor.textUnlessEmpty() ?? model
            default: try cursor.skip()
            }
        }
    }

    /// Counts all texts of a part but its type and ids. A signature counts: it stands for thinking that is billed and not shown.
    private mutating func readTexts(_ cursor: inout JSONCursor) throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "{") else { return try cursor.skip() }
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            let isLabel = cursor.matches(key, "type") || cursor.matches(key, "id") || cursor.matches(key, "tool_use_id")
            if isLabel { try cursor.skip() } else { try readText(&cursor) }
        }
    }
}
