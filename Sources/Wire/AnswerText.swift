public import Core
public import NIOCore

/// What a whole JSON answer says in words: the generated text, reasoning and tool arguments that an estimate counts.
public struct AnswerText: Sendable, Hashable {
    /// Its beginning, as written in JSON; at most `StreamReader.textBytesMax`.
    public var beginning = ByteBuffer()
    /// Bytes of all of it, as written in JSON: an upper bound of its tokens.
    public var bytes = 0
}

/// Reads what an answer says; nil when it is no complete object that has the place where its dialect says things.
///
/// Embeddings and counts say nothing.
public func readAnswerText(_ body: ByteBuffer, dialect: Dialect) -> AnswerText? {
    body.withUnsafeReadableBytes { raw in
        var reader = AnswerTextReader(cursor: JSONCursor(raw, depthMax: jsonDepthMax, isStrict: false), raw: raw)
        do {
            let isThere = try reader.answer(dialect)
            try reader.cursor.finish()
            return isThere ? reader.found : nil
        } catch {
            return nil
        }
    }
}

private struct AnswerTextReader {
    var cursor: JSONCursor
    let raw: UnsafeRawBufferPointer
    var found = AnswerText()

    /// Passes the whole answer; false when it has no place where anything could be said.
    mutating func answer(_ dialect: Dialect) throws(ScanError) -> Bool {
        var isThere = !dialect.generates
        cursor.skipSpace()
        guard cursor.peek == UInt8(ascii: "{") else { return false }
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            guard isPlace(key, dialect), cursor.peek == (dialect.isGeneration ? UInt8(ascii: "{") : UInt8(ascii: "[")) else {
                try cursor.skip()
                continue
            }
            isThere = true
            if dialect.isGeneration {
                try choice()
                continue
            }
            try cursor.enter()
            var firstElement = true
            while try cursor.nextElement(&firstElement) {
                switch dialect {
                case .responses: try item()
                case .messages: try block()
                default: try choice()
                }
            }
        }
        return isThere
    }

    /// Whether a top-level member is where the dialect says things.
    private func isPlace(_ key: JSONString, _ dialect: Dialect) -> Bool {
        switch dialect {
        case .chat, .completions: cursor.matches(key, "choices")
        case .responses, .generation, .multimodalGeneration: cursor.matches(key, "output")
        case .messages: cursor.matches(key, "content")
        case .embeddings, .conversations, .tokenCount: false
        }
    }

    /// A block of Messages: all that it says but what it is and which call it is. A signature counts, since it stands for thinking.
    private mutating func block() throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "{") else { return try cursor.skip() }
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            let isLabel = cursor.matches(key, "type") || cursor.matches(key, "id") || cursor.matches(key, "tool_use_id")
            if isLabel { try cursor.skip() } else { try value() }
        }
    }

    /// A choice of chat or completions.
    private mutating func choice() throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "{") else { return try cursor.skip() }
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if cursor.matches(key, "message") {
                try message()
            } else if cursor.matches(key, "choices"), cursor.peek == UInt8(ascii: "[") {
                // DashScope's own `output` holds choices, or the text itself.
                try cursor.enter()
                var firstChoice = true
                while try cursor.nextElement(&firstChoice) { try choice() }
            } else if cursor.matches(key, "text") {
                try value()
            } else {
                try cursor.skip()
            }
        }
    }

    /// Everything in a message but its role is generated.
    private mutating func message() throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "{") else { return try cursor.skip() }
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if cursor.matches(key, "role") { try cursor.skip() } else { try value() }
        }
    }

    /// An item of the Responses API: a message, a tool call, reasoning.
    private mutating func item() throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "{") else { return try cursor.skip() }
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            let isLabel =
                cursor.matches(key, "type") || cursor.matches(key, "id") || cursor.matches(key, "role")
                || cursor.matches(key, "status") || cursor.matches(key, "call_id")
            if isLabel {
                try cursor.skip()
            } else if cursor.matches(key, "content") || cursor.matches(key, "summary"), cursor.peek == UInt8(ascii: "[") {
                try cursor.enter()
                var firstPart = true
                while try cursor.nextElement(&firstPart) { try part() }
            } else {
                try value()
            }
        }
    }

    /// A part of an item's content: its text or its refusal, without what is said about it.
    private mutating func part() throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "{") else { return try cursor.skip() }
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if cursor.matches(key, "text") || cursor.matches(key, "refusal") { try value() } else { try cursor.skip() }
        }
    }

    /// A text, or parts and calls, whose bytes bound what was generated. `[]` and `{}` carry nothing, nor does what is no text.
    private mutating func value() throws(ScanError) {
        switch cursor.peek {
        case UInt8(ascii: "\""):
            let text = try cursor.string()
            add(text.range)
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            let start = cursor.at
            try cursor.skip()
            if cursor.at - start > 2 { add(start..<cursor.at) }
        default: try cursor.skip()
        }
    }

    private mutating func add(_ piece: Range<Int>) {
        found.bytes += piece.count
        let room = min(piece.count, StreamReader.textBytesMax - found.beginning.writerIndex)
        if room > 0 {
            found.beginning.writeBytes(
                UnsafeRawBufferPointer(rebasing: raw[piece.lowerBound..<piece.lowerBound + room]))
        }
    }
}
