import Wire

/// What a caller asks for, in no dialect: the typed form through which every translation goes. Texts are as JSON writes them inside quotes.
struct Ask: Sendable, Equatable {
    var stream = false
    /// The caller wants to see the usage of a stream; only OpenAI's chat lets it choose.
    var wantsUsage = true
    var turns: [Turn] = []
    var tools: [Tool] = []
    var toolChoice: ToolChoice?
    /// Several tools may be called at once.
    var parallelTools: Bool?
    var maxOutput: Int64?
    /// Numbers as they were written.
    var temperature: String?
    var topP: String?
    var topK: String?
    var seed: String?
    var presencePenalty: String?
    var frequencyPenalty: String?
    var stops: [String] = []
    var format: Format?
    var reasoning: Reasoning?
    /// How much the answer should say: low, medium, high.
    var verbosity: String?
    /// Whom the call is about, for the provider's watch over misuse.
    var user: String?
    var tier: String?
}

struct Turn: Sendable, Equatable {
    enum Role: String, Sendable { case system, user, assistant }
    var role: Role
    var parts: [Part]
}

enum Part: Sendable, Equatable {
    case text(String)
    case refusal(String)
    case image(Image)
    case toolCall(ToolCall)
    case toolResult(id: String, content: [Part], isError: Bool)
    case reasoning(Thought)
}

enum Image: Sendable, Equatable {
    /// - Parameter detail: OpenAI's `low`, `high` or `auto`.
    case url(String, detail: String?)
    /// The data as JSON writes it, the type as it is.
    case data(type: String, base64: String, detail: String?)
}

struct ToolCall: Sendable, Equatable {
    var id: String
    var name: String
    /// JSON in a JSON string, as OpenAI writes it.
    var arguments: String
}

/// What a model thought. A seal is the home endpoint's and opaque: with it the thought can be given back there, and nowhere else.
struct Thought: Sendable, Equatable {
    var text: String
    var seal: Seal?

    enum Seal: Sendable, Equatable {
        /// Anthropic's signature.
        case signature(String)
        /// Anthropic's thinking that nobody may read.
        case redacted(String)
        /// `encrypted_content` of the Responses API.
        case encrypted(String)
    }
}

struct Tool: Sendable, Equatable {
    var name: String
    var description: String?
    /// A JSON Schema.
    var parameters: JSON?
    var strict: Bool?
}

enum ToolChoice: Sendable, Equatable {
    case auto, never, any
    case named(String)
}

enum Format: Sendable, Equatable {
    case json
    case schema(name: String?, schema: JSON, strict: Bool?, description: String?)
}

enum Reasoning: Sendable, Equatable {
    case off
    /// `effort`: minimal, low, medium, high, xhigh, max. `budget`: tokens. Neither: as the model likes.
    case on(effort: String?, budget: Int64?)
}

/// What a request says and the endpoint's dialect cannot.
public struct Uncarried: Error, Sendable, Hashable {
    /// The field's path in the caller's words, e.g. `messages[2].content[0].input_audio`.
    public var field: String
    public var reason: String

    init(_ field: String, _ reason: String) { (self.field, self.reason) = (field, reason) }
}

/// The members of one object of a request, each of which has to be taken: what nobody takes cannot be carried.
struct Members {
    let path: String
    private var left: [JSON.Member]

    init(_ value: JSON, at path: String) throws(Uncarried) {
        guard case .object(let members) = value else { throw Uncarried(path, "it is no object") }
        left = members
        self.path = path
    }

    func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The value of a member, null counting as absent; it is taken either way.
    mutating func take(_ key: String) -> JSON? {
        guard let index = left.firstIndex(where: { $0.key == key }) else { return nil }
        let value = left.remove(at: index).value
        return value == .null ? nil : value
    }

    mutating func text(_ key: String) throws(Uncarried) -> String? {
        guard let value = take(key) else { return nil }
        guard let text = value.string else { throw Uncarried(name(key), "it is no text") }
        return text
    }

    mutating func needed(_ key: String) throws(Uncarried) -> String {
        guard let text = try text(key) else { throw Uncarried(name(key), "it is missing") }
        return text
    }

    mutating func number(_ key: String) throws(Uncarried) -> String? {
        guard let value = take(key) else { return nil }
        guard case .number(let text) = value else { throw Uncarried(name(key), "it is no number") }
        return text
    }

    mutating func integer(_ key: String) throws(Uncarried) -> Int64? {
        guard let text = try number(key) else { return nil }
        guard let value = Int64(text) else { throw Uncarried(name(key), "it is no whole number") }
        return value
    }

    mutating func bool(_ key: String) throws(Uncarried) -> Bool? {
        guard let value = take(key) else { return nil }
        guard let bool = value.bool else { throw Uncarried(name(key), "it is neither true nor false") }
        return bool
    }

    /// Hints that change nothing in what is answered, only how fast or for whom.
    mutating func leaveOut(_ keys: String...) { left.removeAll { keys.contains($0.key) } }

    /// A member that says nothing beyond what is so anyway.
    mutating func leaveOut(_ key: String, if isUsual: (JSON) -> Bool) throws(Uncarried) {
        guard let value = take(key) else { return }
        guard isUsual(value) else { throw Uncarried(name(key), "another dialect has no word for it") }
    }

    /// Whatever is left cannot be carried, unless it is null.
    func finish() throws(Uncarried) {
        if let one = left.first(where: { $0.value != .null }) {
            throw Uncarried(name(one.key), "another dialect has no word for it")
        }
    }
}
