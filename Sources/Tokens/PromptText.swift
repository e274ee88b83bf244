import Core

/// The countable text of one request, its JSON escapes resolved. Images, audio and files are left out: nobody knows their tokens
/// but the provider.
public struct PromptText: Sendable, Hashable {
    /// More messages or pieces of text than this are not walked.
    public static let partsMax = 100_000

    public struct Message: Sendable, Hashable {
        public var role: [UInt8] = []
        /// The caller's name for whoever speaks; nil if not given.
        public var name: [UInt8]?
        /// Pieces of content, and the names and arguments of calls to tools.
        public var text: [[UInt8]] = []
    }

    public var messages: [Message] = []
    /// Text outside of any message: what is to be embedded or completed.
    public var inputs: [[UInt8]] = []
    /// Definitions of tools and of an answer's format, as the JSON they came in. Providers rewrite them in a form of their own,
    /// so counting this text is an estimate.
    public var definitions: [[UInt8]] = []
    /// Input that was given as tokens already.
    public var tokens = 0

    /// Bytes of all text: for estimates without a vocabulary.
    public var byteCount: Int {
        messages.reduce(0) { $0 + $1.role.count + ($1.name?.count ?? 0) + Self.bytes($1.text) } + Self.bytes(inputs)
            + Self.bytes(definitions)
    }

    private static func bytes(_ parts: [[UInt8]]) -> Int { parts.reduce(0) { $0 + $1.count } }
}

/// The text of a request's body; nil if it is no JSON object of this operation's shape, nests too deeply or has too many parts.
public func promptText(_ body: UnsafeRawBufferPointer, operation: Operation) -> PromptText? {
    var walk = PromptWalk()
    var cursor = JSONCursor(body)
    do {
        try cursor.object { cursor, name throws(JSONCursor.Failure) in
            switch (operation, String(decoding: name, as: UTF8.self)) {
            case (.chat, "messages"): try walk.messages(&cursor)
            case (.chat, "input"), (.chat, "parameters"): try walk.generation(&cursor)
            case (.responses, "input"): try walk.responsesInput(&cursor)
            case (.responses, "instructions"), (.chat, "system"): try walk.message(role: "system", &cursor)
            case (.completions, "prompt"), (.embeddings, "input"): try walk.inputs(&cursor)
            case (.completions, "suffix"): try walk.text(&cursor, into: \.inputs)
            case (.chat, "tools"), (.chat, "functions"), (.chat, "response_format"), (.responses, "tools"):
                walk.found.definitions.append(Array(try cursor.value()))
            default: try cursor.value()
            }
        }
    } catch {
        return nil
    }
    return cursor.isAtEnd() ? walk.found : nil
}

public func promptText(_ body: [UInt8], operation: Operation) -> PromptText? {
    body.withUnsafeBytes { promptText($0, operation: operation) }
}

/// What was found so far. A value of a kind that is not expected where text may be (a number, null) is stepped over.
private struct PromptWalk {
    typealias Failure = JSONCursor.Failure

    var found = PromptText()
    private var parts = 0

    private mutating func countPart() throws(Failure) {
        parts += 1
        guard parts <= PromptText.partsMax else { throw .malformed }
    }

    mutating func messages(_ cursor: inout JSONCursor) throws(Failure) {
        guard try cursor.peek() == UInt8(ascii: "[") else {
            try cursor.value()
            return
        }
        try cursor.array { cursor throws(Failure) in
            guard try cursor.peek() == UInt8(ascii: "{") else {
                try cursor.value()
                return
            }
            let message = try self.message(&cursor)
            found.messages.append(message)
        }
    }

    /// Of DashScope's own dialect: the messages or the prompt of its `input`, and the tools of its `parameters`.
    mutating func generation(_ cursor: inout JSONCursor) throws(Failure) {
        guard try cursor.peek() == UInt8(ascii: "{") else {
            try cursor.value()
            return
        }
        try cursor.object { cursor, name throws(Failure) in
            switch String(decoding: name, as: UTF8.self) {
            case "messages", "history": try messages(&cursor)
            case "prompt": try message(role: "user", &cursor)
            case "tools", "response_format": found.definitions.append(Array(try cursor.value()))
            default: try cursor.value()
            }
        }
    }

    /// Of the responses operation: one text, or a list of messages, calls of tools and their results.
    mutating func responsesInput(_ cursor: inout JSONCursor) throws(Failure) {
        if try cursor.peek() == UInt8(ascii: "\"") {
            try message(role: "user", &cursor)
        } else {
            try messages(&cursor)
        }
    }

    /// A message whose role is told by where its text stands.
    mutating func message(role: StaticString, _ cursor: inout JSONCursor) throws(Failure) {
        var message = PromptText.Message()
        try content(&cursor, into: &message.text)
        guard !message.text.isEmpty else { return }
        message.role = Array(UnsafeBufferPointer(start: role.utf8Start, count: role.utf8CodeUnitCount))
        found.messages.append(message)
    }

    private mutating func message(_ cursor: inout JSONCursor) throws(Failure) -> PromptText.Message {
        try countPart()
        var message = PromptText.Message()
        try cursor.object { cursor, name throws(Failure) in
            switch String(decoding: name, as: UTF8.self) {
            case "role": message.role = try string(&cursor) ?? []
            case "name": message.name = try string(&cursor)
            // `arguments` and `output` are of the responses operation's calls of tools.
            case "content", "refusal", "arguments", "output": try content(&cursor, into: &message.text)
            case "tool_calls", "function_call": try calls(&cursor, into: &message.text)
            default: try cursor.value()
            }
        }
        return message
    }

    /// A text, or a list of parts of which those with text count.
    private mutating func content(_ cursor: inout JSONCursor, into text: inout [[UInt8]]) throws(Failure) {
        guard try cursor.peek() == UInt8(ascii: "[") else {
            if let piece = try string(&cursor) { text.append(piece) }
            return
        }
        var pieces: [[UInt8]] = []
        try cursor.array { cursor throws(Failure) in
            guard try cursor.peek() == UInt8(ascii: "{") else {
                if let piece = try string(&cursor) { pieces.append(piece) }
                return
            }
            try cursor.object { cursor, name throws(Failure) in
                switch String(decoding: name, as: UTF8.self) {
                case "text", "refusal": if let piece = try string(&cursor) { pieces.append(piece) }
                // Anthropic's blocks: thoughts, calls of tools and their results.
                case "thinking", "name": if let piece = try string(&cursor) { pieces.append(piece) }
                case "input": pieces.append(Array(try cursor.value()))
                case "content": try content(&cursor, into: &pieces)
                default: try cursor.value()
                }
            }
        }
        text += pieces
    }

    /// Names and arguments anywhere in the calls of an assistant's message: `[{"function": {"name", "arguments"}}]`.
    private mutating func calls(_ cursor: inout JSONCursor, into text: inout [[UInt8]]) throws(Failure) {
        var pieces: [[UInt8]] = []
        try calls(&cursor, &pieces)
        text += pieces
    }

    private mutating func calls(_ cursor: inout JSONCursor, _ pieces: inout [[UInt8]]) throws(Failure) {
        var inner: [[UInt8]] = []
        switch try cursor.peek() {
        case UInt8(ascii: "["): try cursor.array { cursor throws(Failure) in try calls(&cursor, &inner) }
        case UInt8(ascii: "{"):
            try cursor.object { cursor, name throws(Failure) in
                switch String(decoding: name, as: UTF8.self) {
                case "function", "custom": try calls(&cursor, &inner)
                case "name", "arguments", "input": if let piece = try string(&cursor) { inner.append(piece) }
                default: try cursor.value()
                }
            }
        default: try cursor.value()
        }
        pieces += inner
    }

    /// A text, texts, tokens or lists of tokens.
    mutating func inputs(_ cursor: inout JSONCursor) throws(Failure) {
        switch try cursor.peek() {
        case UInt8(ascii: "["): try cursor.array { cursor throws(Failure) in try inputs(&cursor) }
        case UInt8(ascii: "\""): try text(&cursor, into: \.inputs)
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            try cursor.value()
            found.tokens += 1
        default: try cursor.value()
        }
    }

    mutating func text(
        _ cursor: inout JSONCursor, into place: WritableKeyPath<PromptText, [[UInt8]]>
    ) throws(Failure) {
        if let piece = try string(&cursor) { found[keyPath: place].append(piece) }
    }

    private mutating func string(_ cursor: inout JSONCursor) throws(Failure) -> [UInt8]? {
        guard try cursor.peek() == UInt8(ascii: "\"") else {
            try cursor.value()
            return nil
        }
        try countPart()
        return unescapedJSONText(try cursor.string())
    }
}
