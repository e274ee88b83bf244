import Core
import Wire

/// All that Weir knows of one provider's wire. Each provider is one type in one file; what its file leaves out is as in OpenAI's
/// dialect on a server of one's own (`extension Provider`, below).
protocol Provider {
    /// Whether its API has the operation at all. `apiVersion`: Azure's dated API, if the endpoint is called by it.
    static func serves(_ operation: Operation, apiVersion: String?) -> Bool

    /// The path of an operation below the endpoint's base path, with its query.
    static func path(for operation: Operation, deployment: String, apiVersion: String?) -> String

    /// The header line that carries our credential.
    static func credentialLine(_ credential: String) -> String

    /// Whether the output must be limited in the request because the provider has no maximum of its own to rely on.
    static var needsOutputLimit: Bool { get }

    /// The member that limits the output of an operation, when the call names none.
    static func outputLimitName(for operation: Operation) -> String?

    /// Whether the provider takes its limit from this member; others it ignores or refuses.
    static func reads(limit name: String, for operation: Operation) -> Bool

    /// What an error means in this provider's own words; nil: what its status means everywhere (`meaning`).
    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning?
}

extension Provider {
    static func serves(_ operation: Operation, apiVersion: String?) -> Bool {
        switch operation {
        case .chat, .completions, .embeddings: true
        case .responses, .conversations: false
        }
    }

    static func path(for operation: Operation, deployment: String, apiVersion: String?) -> String {
        switch operation {
        case .chat: "/chat/completions"
        case .completions: "/completions"
        case .embeddings: "/embeddings"
        case .responses: "/responses"
        case .conversations: "/conversations"
        }
    }

    static func credentialLine(_ credential: String) -> String { "authorization: Bearer \(credential)" }

    /// Engines go on until the context is full.
    static var needsOutputLimit: Bool { true }

    static func outputLimitName(for operation: Operation) -> String? {
        switch operation {
        case .embeddings, .conversations: nil
        case .responses: "max_output_tokens"
        case .completions, .chat: "max_tokens"
        }
    }

    static func reads(limit name: String, for operation: Operation) -> Bool {
        if name == outputLimitName(for: operation) { return true }
        return operation == .chat && (name == "max_tokens" || name == "max_completion_tokens")
    }

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? { nil }
}

extension ProviderKind {
    var wire: any Provider.Type {
        switch self {
        case .openai: OpenAI.self
        case .azure: AzureOpenAI.self
        case .dashscope: DashScope.self
        case .modelarts: ModelArts.self
        case .ark: Ark.self
        case .deepseek: DeepSeek.self
        case .vllm: VLLM.self
        case .llamaCpp: LlamaCpp.self
        case .sglang: SGLang.self
        case .ollama: Ollama.self
        case .compatible: Compatible.self
        }
    }
}

extension ErrorFacts {
    /// Whether the error calls itself so, by code or by type.
    func says(_ word: String) -> Bool { code == word || type == word }

    func says(oneOf words: Set<String>) -> Bool { code.map(words.contains) ?? false || type.map(words.contains) ?? false }
}
