/// Whose API an endpoint speaks. `Providers` has a file for each.
public enum ProviderKind: String, Sendable, CaseIterable {
    case openai
    case azure
    /// Anthropic: Claude, in its own dialect.
    case anthropic
    /// Alibaba Cloud Model Studio: Qwen.
    case dashscope
    /// Huawei Cloud ModelArts Studio: Pangu and others.
    case modelarts
    /// Huawei Cloud's Pangu by its own API, a deployment in the path.
    case pangu
    /// Volcengine Ark and BytePlus ModelArk: Doubao.
    case ark
    case deepseek
    case vllm
    case llamaCpp = "llama.cpp"
    case sglang
    case ollama
    /// Any other server that speaks OpenAI's dialect.
    case compatible
}

extension ProviderKind {
    /// What is done with an answer whose caller left, where nobody says otherwise. Engines stop when their client is gone, and cost by the hour; clouds
    /// bill what they have generated, tell it at the end only, and promise nowhere to stop.
    public var whenCallerLeaves: Endpoint.WhenCallerLeaves {
        switch self {
        case .vllm, .llamaCpp, .sglang, .ollama: .cancel
        case .openai, .azure, .anthropic, .dashscope, .modelarts, .pangu, .ark, .deepseek, .compatible: .drain
        }
    }
}

/// Where a connection goes: scheme, host and port.
public struct Origin: Sendable, Hashable {
    public var tls: Bool
    public var host: String
    public var port: Int

    public init(tls: Bool, host: String, port: Int) {
        self.tls = tls
        self.host = host
        self.port = port
    }
}

/// Something that must not be printed. Its description never shows the value.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public let value: String
    public init(_ value: String) { self.value = value }
    public var description: String { "«secret»" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// What one endpoint calls one public model, and what it may produce.
public struct ServedModel: Sendable, Hashable {
    /// The provider's own name: a model id, or an Azure deployment.
    public var upstreamName: String
    /// The key into the price book.
    public var price: String
    /// The most output tokens one choice can have, reasoning included.
    public var maxOutputTokens: Int64
    /// An upper bound of the input tokens one image can cost; nil: images are refused under a hard limit.
    public var maxTokensPerImage: Int64?
    /// An upper bound of the input tokens one audio part can cost; nil: audio is refused under a hard limit.
    public var maxTokensPerAudio: Int64?
    /// The vocabulary that estimates count with, by its name in `share/tokenizers`; nil: bytes are counted.
    public var tokenizer: String?
    /// Calls may leave state here and build on it; nil: Responses are asked not to be kept.
    public var state: KeptState?
    /// Azure only: nil if no other deployment answers in this one's place.
    public var spillover: Spillover?
    public var quirks: ModelQuirks

    public var keepsConversations: Bool { state?.allowsConversations == true }

    public init(
        upstreamName: String, price: String, maxOutputTokens: Int64, maxTokensPerImage: Int64? = nil,
        maxTokensPerAudio: Int64? = nil, tokenizer: String? = nil, state: KeptState? = nil, spillover: Spillover? = nil,
        quirks: ModelQuirks = ModelQuirks()
    ) {
        self.upstreamName = upstreamName
        self.price = price
        self.maxOutputTokens = maxOutputTokens
        self.maxTokensPerImage = maxTokensPerImage
        self.maxTokensPerAudio = maxTokensPerAudio
        self.tokenizer = tokenizer
        self.state = state
        self.spillover = spillover
        self.quirks = quirks
    }
}

/// One concrete deployment that can serve one or more models.
public struct Endpoint: Sendable, Hashable {
    public enum WhenCallerLeaves: String, Sendable, CaseIterable { case drain, cancel }

    public var name: String
    public var provider: ProviderKind
    public var origin: Origin
    /// Without a trailing slash, e.g. `/v1`; empty for none.
    public var basePath: String
    /// Azure only: nil is the v1 API, otherwise the dated version such as `2024-10-21`.
    public var apiVersion: String?
    public var credential: Credential?
    /// PEM file of the authorities to trust for this origin; nil: the system's.
    public var trustFile: String?
    /// Public model name to how it is served here.
    public var models: [String: ServedModel]
    public var labels: Labels
    /// Lower is tried first.
    public var priority: Int
    /// Share among endpoints of equal priority; 0 keeps it as a last choice within its group.
    public var weight: Int
    public var whenCallerLeaves: WhenCallerLeaves
    /// The engine (a child process) that serves it, if Weir runs it.
    public var engine: String?
    public var timeouts: EndpointTimeouts
    public var maxConnectionsPerLoop: Int
    /// The endpoint's own quota, as far as the operator knows it; what its headers say is learned beside it.
    public var pace: PaceLimit
    /// The tier that a call gets which asks for none, or for `auto`.
    public var serviceTier: ServiceTier
    /// Its capacity is paid for whether it is used or not: provisioned throughput, or an engine of one's own.
    public var isReserved: Bool

    public init(
        name: String, provider: ProviderKind, origin: Origin, basePath: String, apiVersion: String? = nil,
        credential: Credential? = nil, trustFile: String? = nil, models: [String: ServedModel], labels: Labels, priority: Int = 1,
        weight: Int = 100, whenCallerLeaves: WhenCallerLeaves = .drain, engine: String? = nil,
        timeouts: EndpointTimeouts = EndpointTimeouts(), maxConnectionsPerLoop: Int = 256,
        pace: PaceLimit = .none, serviceTier: ServiceTier = .standard, isReserved: Bool = false
    ) {
        self.name = name
        self.provider = provider
        self.origin = origin
        self.basePath = basePath
        self.apiVersion = apiVersion
        self.credential = credential
        self.trustFile = trustFile
        self.models = models
        self.labels = labels
        self.priority = priority
        self.weight = weight
        self.whenCallerLeaves = whenCallerLeaves
        self.engine = engine
        self.timeouts = timeouts
        self.maxConnectionsPerLoop = maxConnectionsPerLoop
        self.pace = pace
        self.serviceTier = serviceTier
        self.isReserved = isReserved
    }
}

/// How long Weir waits for an endpoint, in milliseconds.
public struct EndpointTimeouts: Sendable, Hashable {
    public var connect: Int64
    /// From the last byte of the request to the first of the answer.
    public var firstByte: Int64
    /// Between two reads of an answer.
    public var idle: Int64

    /// 600 s is the default timeout of the OpenAI SDK, so Weir does not give up before its caller.
    public init(connect: Int64 = 5_000, firstByte: Int64 = 600_000, idle: Int64 = 120_000) {
        self.connect = connect
        self.firstByte = firstByte
        self.idle = idle
    }
}
