import Core

/// OpenAI and the servers that speak its dialect: vLLM, llama.cpp, SGLang, Ollama and others.
enum OpenAICompatible {
    static func serves(_ operation: Operation, on provider: ProviderKind) -> Bool {
        switch operation {
        case .chat, .completions, .embeddings: true
        case .responses: provider == .openai || provider == .vllm || provider == .compatible
        case .conversations: provider == .openai || provider == .compatible
        }
    }

    static func path(for operation: Operation) -> String {
        switch operation {
        case .chat: "/chat/completions"
        case .completions: "/completions"
        case .embeddings: "/embeddings"
        case .responses: "/responses"
        case .conversations: "/conversations"
        }
    }
}
