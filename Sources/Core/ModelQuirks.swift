/// How one model at one endpoint is asked where it is not as the provider's others. What is nil is as `Providers` knows it by the model's name.
public struct ModelQuirks: Sendable, Hashable {
    public var answers: AnswerForm?
    /// The member that limits its output in a chat: `max_tokens` or `max_completion_tokens`.
    public var chatLimit: ChatLimit?
    public var thinking: ReasoningSwitch?
    /// Whether it takes Anthropic's Messages as they come, where its provider has them beside OpenAI's dialect.
    public var messages: MessagesPath?

    public init(
        answers: AnswerForm? = nil, chatLimit: ChatLimit? = nil, thinking: ReasoningSwitch? = nil, messages: MessagesPath? = nil
    ) {
        self.answers = answers
        self.chatLimit = chatLimit
        self.thinking = thinking
        self.messages = messages
    }
}

/// In which form a model gives its answers. One that gives some only as a stream is asked for a stream, and Weir puts the whole together.
public enum AnswerForm: String, Sendable, CaseIterable {
    /// Whole or streamed, as it is asked.
    case any
    case streamed
    /// Streamed where it thinks, which it does when it is told to.
    case streamedIfThinking = "streamed-if-thinking"
    /// Streamed where it thinks, which it does unless it is told not to.
    case streamedUnlessOff = "streamed-unless-off"
}

/// The member that limits the output of a chat.
public enum ChatLimit: String, Sendable, CaseIterable {
    case maxTokens = "max_tokens"
    case maxCompletionTokens = "max_completion_tokens"
}

/// Whether a call in Anthropic's Messages goes on as it came.
public enum MessagesPath: String, Sendable, CaseIterable { case raw, translated }
