import Core
import Wire

/// All that Weir knows of one provider's wire. Each provider is one type in one file; what its file leaves out is as in OpenAI's
/// dialect on a server of one's own (`extension Provider`, below).
protocol Provider {
    /// Whether its API has the dialect at all. `apiVersion`: Azure's dated API, if the endpoint is called by it.
    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool

    /// Where its API is, by region; none for servers of one's own.
    static var hosts: [RegionHost] { get }

    /// The path that takes the place of the usual one where it has Anthropic's Messages beside its own dialect; nil: it has not.
    static var messagesPath: String? { get }

    /// Whether a model takes Messages there as they come, as far as its name tells.
    static func takesMessages(model: String) -> Bool

    /// The request target of a call in a dialect, with its query. `basePath` is the endpoint's, without a slash at its end.
    static func target(for dialect: Dialect, basePath: String, deployment: String, apiVersion: String?) -> String

    /// The header lines that carry our credential.
    static func credentialLine(_ credential: String) -> String

    /// Header lines that calls to one of its models carry.
    static func lines(for model: ServedModel) -> [String]

    /// The deployment that answered, where an answer's head names one.
    static func servedDeployment(in head: HTTPHead) -> String?

    /// Whether the output must be limited in the request because the provider has no maximum of its own to rely on.
    static var needsOutputLimit: Bool { get }

    /// The member that limits the output of a call, when it names none.
    static func outputLimitName(for dialect: Dialect) -> String?

    /// Whether it takes chat's limit under OpenAI's newer name and the older one alike.
    static var readsBothChatLimits: Bool { get }

    /// The newer one bounds something else than the older one, so that neither can stand for the other.
    static var tellsChatLimitsApart: Bool { get }

    /// Whether the provider takes its limit from this member; others it ignores or refuses.
    static func reads(limit name: String, for dialect: Dialect) -> Bool

    /// With which member a chat turns thinking on and off.
    static var reasoningSwitch: ReasoningSwitch { get }

    /// The members about thinking that its models read; nil: it depends on the model, or nobody knows.
    static var thinkingNames: Set<ThinkingMember.Name>? { get }

    /// In which form a model answers, as far as its name tells.
    static func answers(model: String) -> AnswerForm

    /// Whether a model refuses chat's older limit, as far as its name tells.
    static func refusesMaxTokens(model: String) -> Bool

    /// Whether a model takes no tools while it thinks, as far as its name tells.
    static func refusesToolsWithThinking(model: String) -> Bool

    /// The first member of a request that it would take and disregard.
    static func disregarded(_ scan: RequestScan, dialect: Dialect) -> String?

    /// What an error means in this provider's own words; nil: what its status means everywhere (`meaning`).
    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning?
}

extension Provider {
    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool {
        dialect == .chat || dialect == .completions || dialect == .embeddings
    }

    static var hosts: [RegionHost] { [] }
    static var messagesPath: String? { nil }

    static func takesMessages(model: String) -> Bool { false }

    static func target(for dialect: Dialect, basePath: String, deployment: String, apiVersion: String?) -> String {
        basePath + dialect.path
    }

    static func credentialLine(_ credential: String) -> String { "authorization: Bearer \(credential)" }

    static func lines(for model: ServedModel) -> [String] { [] }

    static func servedDeployment(in head: HTTPHead) -> String? { nil }

    /// Engines go on until the context is full.
    static var needsOutputLimit: Bool { true }

    static func outputLimitName(for dialect: Dialect) -> String? { dialect.outputLimitName }

    static var readsBothChatLimits: Bool { true }

    static var tellsChatLimitsApart: Bool { false }

    static func reads(limit name: String, for dialect: Dialect) -> Bool {
        if name == outputLimitName(for: dialect) { return true }
        return dialect == .chat && readsBothChatLimits && (name == "max_tokens" || name == "max_completion_tokens")
    }

    static var reasoningSwitch: ReasoningSwitch { .effort }

    static var thinkingNames: Set<ThinkingMember.Name>? { nil }

    static func answers(model: String) -> AnswerForm { .any }

    static func refusesMaxTokens(model: String) -> Bool { false }

    static func refusesToolsWithThinking(model: String) -> Bool { false }

    static func disregarded(_ scan: RequestScan, dialect: Dialect) -> String? { nil }

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? { nil }
}

extension Dialect {
    /// Below an API's base path.
    var path: String {
        switch self {
        case .chat: "/chat/completions"
        case .completions: "/completions"
        case .embeddings: "/embeddings"
        case .responses: "/responses"
        case .conversations: "/conversations"
        case .messages: "/messages"
        case .tokenCount: "/messages/count_tokens"
        case .generation: "/text-generation/generation"
        case .multimodalGeneration: "/multimodal-generation/generation"
        }
    }

    /// The member that limits the output, as most providers name it.
    var outputLimitName: String? {
        switch self {
        case .embeddings, .conversations, .tokenCount: nil
        case .responses: "max_output_tokens"
        case .chat, .completions, .messages, .generation, .multimodalGeneration: "max_tokens"
        }
    }
}

extension ProviderKind {
    var wire: any Provider.Type {
        switch self {
        case .openai: OpenAI.self
        case .anthropic: Anthropic.self
        case .azure: AzureOpenAI.self
        case .dashscope: DashScope.self
        case .modelarts: ModelArts.self
        case .pangu: Pangu.self
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
