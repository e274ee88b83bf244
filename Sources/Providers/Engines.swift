import Core

// Engines that one runs oneself. They speak OpenAI's dialect and differ in what they leave out.

enum VLLM: Provider {
    static func serves(_ operation: Operation, apiVersion: String?) -> Bool { operation != .conversations }
}

enum LlamaCpp: Provider {
    static func reads(limit name: String, for operation: Operation) -> Bool {
        switch name {
        case "n_predict": operation == .chat || operation == .completions
        case "max_completion_tokens": operation == .chat
        default: name == outputLimitName(for: operation)
        }
    }
}

enum SGLang: Provider {
}

enum Ollama: Provider {
    /// It knows `max_tokens` only.
    static func reads(limit name: String, for operation: Operation) -> Bool { name == outputLimitName(for: operation) }
}
