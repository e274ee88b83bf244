import Core

// Engines that one runs oneself. They speak OpenAI's dialect and differ in what they leave out.

enum VLLM: Provider {
    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool {
        OpenAI.dialects.contains(dialect) && dialect != .conversations
    }
}

enum LlamaCpp: Provider {
    static func reads(limit name: String, for dialect: Dialect) -> Bool {
        switch name {
        case "n_predict": dialect == .chat || dialect == .completions
        case "max_completion_tokens": dialect == .chat
        default: name == outputLimitName(for: dialect)
        }
    }
}

enum SGLang: Provider {
}

enum Ollama: Provider {
    /// It knows `max_tokens` only.
    static var readsBothChatLimits: Bool { false }
}
