/// In whose words a call is made and answered: one kind of body, with its streams and its errors. An operation is what is asked, a
/// dialect is how; several dialects ask for the same.
public enum Dialect: String, Sendable, CaseIterable {
    // OpenAI's, which most providers speak.
    case chat
    case completions
    case embeddings
    case responses
    case conversations
    /// Anthropic's Messages.
    case messages
    /// Anthropic's count of a message's tokens: the body of Messages, and a number for an answer.
    case tokenCount = "count_tokens"
    /// DashScope's own, for text and for text with images: one kind of body at two paths.
    case generation
    case multimodalGeneration = "multimodal_generation"

    /// What is asked. Counting tokens shows a provider what a chat would show it, and is judged as that.
    public var operation: Operation {
        switch self {
        case .chat, .messages, .tokenCount, .generation, .multimodalGeneration: .chat
        case .completions: .completions
        case .embeddings: .embeddings
        case .responses: .responses
        case .conversations: .conversations
        }
    }

    /// Whether a model says anything, and says how much.
    public var generates: Bool { self != .tokenCount && operation.generates }

    /// Whether calls in it can be answered in another one: those that say something to a model and hear what it says.
    public var isTranslated: Bool {
        switch self {
        case .chat, .responses, .messages, .generation, .multimodalGeneration: true
        case .completions, .embeddings, .conversations, .tokenCount: false
        }
    }

    public var isGeneration: Bool { self == .generation || self == .multimodalGeneration }
    public var isMessages: Bool { self == .messages || self == .tokenCount }

    /// Position in `allCases`, for tables.
    public var index: Int {
        switch self {
        case .chat: 0
        case .completions: 1
        case .embeddings: 2
        case .responses: 3
        case .conversations: 4
        case .messages: 5
        case .tokenCount: 6
        case .generation: 7
        case .multimodalGeneration: 8
        }
    }
}

extension Operation {
    /// OpenAI's dialect of it.
    public var dialect: Dialect {
        switch self {
        case .chat: .chat
        case .completions: .completions
        case .embeddings: .embeddings
        case .responses: .responses
        case .conversations: .conversations
        }
    }
}

/// With which member a chat turns a model's thinking on and off, and how deep it goes.
public enum ReasoningSwitch: String, Sendable, CaseIterable {
    /// OpenAI and most others.
    case effort = "reasoning_effort"
    /// With `thinking_budget`: Qwen.
    case enableThinking = "enable_thinking"
    /// `thinking: {type}`: Doubao, DeepSeek.
    case thinkingType = "thinking"
    /// ModelArts, and templates of DeepSeek in engines.
    case chatTemplate = "chat_template_kwargs.thinking"
    /// Templates of Qwen in engines.
    case qwenTemplate = "chat_template_kwargs.enable_thinking"

    /// The effort that a budget of thinking comes to, in tokens, where there are no budgets.
    public static func effort(ofBudget tokens: Int64) -> String {
        tokens <= 4_096 ? "low" : tokens <= 16_384 ? "medium" : "high"
    }
}
