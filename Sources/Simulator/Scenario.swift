/// What a simulator plays: endpoints, their models, limits and faults. Read from YAML; see docs/simulator.md.
public struct Scenario: Sendable {
    /// Every random choice is drawn from this.
    public var seed: UInt64 = 1
    /// The admin listener's port; nil: no admin listener.
    public var adminPort: Int?
    /// A file that gets one line when a request is received and one when it ends; nil: memory only.
    public var recordFile: String?
    public var endpoints: [PlayedEndpoint] = []

    public init() {}

    /// Reads a scenario; replayed files are looked for beside `file`.
    public static func load(yaml: String, file: String) throws -> Scenario {
        try ScenarioReader(file: file).read(yaml)
    }

    /// Reads the scenario in `path`.
    public static func load(path: String) throws -> Scenario {
        guard let bytes = readFile(path), let text = String(validating: bytes, as: UTF8.self) else {
            throw ScenarioError(file: path, line: 0, reason: "cannot be read as UTF-8 text")
        }
        return try load(yaml: text, file: path)
    }
}

/// A scenario that cannot be played: where and why.
public struct ScenarioError: Error, CustomStringConvertible, Equatable {
    public var file: String
    /// Counted from 1; 0: the file as a whole.
    public var line: Int
    public var reason: String

    public var description: String {
        line > 0 ? "\(file):\(line): \(reason)" : "\(file): \(reason)"
    }
}

/// Whose habits an endpoint shows: shapes of chunks, errors and headers.
public enum PlayedProvider: String, Sendable, CaseIterable {
    case openai, azure, anthropic, dashscope, deepseek, huawei, ark, vllm
    /// Huawei Cloud's Pangu: a deployment in the path.
    case pangu
    /// Authorities: they give tokens for the others.
    case entra, volcengine
    case huaweiIAM = "huawei-iam"

    /// What stands before `/chat/completions` when the scenario does not say.
    var basePath: String {
        switch self {
        case .azure: "/openai/v1"
        case .dashscope: "/compatible-mode/v1"
        case .ark: "/api/v3"
        case .pangu: "/v1/project"
        case .openai, .anthropic, .deepseek, .huawei, .vllm, .entra, .volcengine, .huaweiIAM: "/v1"
        }
    }

    /// What its `x-ms-region` says when the scenario does not; only Azure sends one.
    var region: String? { self == .azure ? "Sweden Central" : nil }

    /// Sends the model's thoughts; the others only bill them.
    var showsReasoning: Bool {
        switch self {
        case .openai, .azure, .pangu, .entra, .volcengine, .huaweiIAM: false
        case .anthropic, .dashscope, .deepseek, .huawei, .ark, .vllm: true
        }
    }
}

/// One listener that answers as one provider's endpoint does.
public struct PlayedEndpoint: Sendable {
    public var name: String
    public var host: String?
    /// 0: any free port.
    public var port: Int = 0
    public var provider: PlayedProvider = .openai
    public var basePath: String = "/v1"
    /// What a caller must present; nil: anything goes.
    public var credential: String?
    /// The authority of this scenario whose tokens a caller must present instead.
    public var authority: String?
    /// What a caller must sign with instead.
    public var signed: PlayedKeys?
    /// Of an authority: whom it gives tokens.
    public var issue: PlayedIssue?
    /// What every answer says in `x-ms-region`; nil: nothing.
    public var region: String?
    public var headers: [Header] = []
    public var limits: RateLimits?
    public var faults: [FaultRule] = []
    public var models: [PlayedModel] = []

    public init(name: String) { self.name = name }
}

/// A header field as it is sent.
public struct Header: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// How one model, or Azure deployment, answers.
public struct PlayedModel: Sendable {
    public var name: String
    /// The name that answers report; nil: the name asked for.
    public var reports: String?
    public var operations: Set<PlayedOperation> = [
        .chat, .completions, .responses, .messages, .tokenCount, .generation, .multimodalGeneration,
    ]
    /// From the whole request to the first event (or, unstreamed, to the first token).
    public var firstToken: Span = Span(0, 0)
    /// Tokens a second; 0: at once.
    public var pace: Double = 0
    /// How many tokens the model says when no limit stops it.
    public var output: Span = Span(16, 16)
    /// Thinking tokens, billed as output.
    public var reasoning: Span = Span(0, 0)
    /// The part of a prompt that is reported as cached, in percent.
    public var cachedPercent: Int = 0
    /// Tokens counted for an image part. Zero keeps the count below the body's bytes.
    public var imageTokens: Int = 0
    /// A longer prompt is refused with 400, as a provisioned deployment does; 0: any goes.
    public var inputMax: Int = 0
    public var dimensions: Int = 1536
    public var chinese = false
    /// The interval of `: keep-alive` comments while the first token is awaited; 0: none.
    public var keepAliveMilliseconds: Int = 0
    /// A provider that goes on when its client has left bills the whole answer.
    public var billsWholeAnswer = false
    public var limits: RateLimits?
    /// Azure: the deployment that answers when this one cannot, as its own property says.
    public var spillover: String?
    /// A prompt that begins with `say 137` gets an answer of so many tokens: for calls that are played again in their sizes.
    public var saysAsTold = false
    /// Whole answers that it refuses to give.
    public var streamsOnly: StreamsOnly?
    /// Members of a request that it does not take.
    public var refuses: [String] = []
    /// Recorded answers that are played instead of made ones.
    public var replayStream: Recording?
    public var replayWhole: Recording?

    public init(name: String) { self.name = name }
}

/// Whole answers that a model refuses to give, as some of Qwen's do.
public enum StreamsOnly: String, Sendable, CaseIterable {
    case always
    /// Where it is told to think.
    case thinking
    /// Unless it is told not to think.
    case unlessOff
}

/// What can be asked of an endpoint.
public enum PlayedOperation: String, Sendable, CaseIterable {
    case chat, completions, embeddings, responses, models
    /// Anthropic's.
    case messages, tokenCount
    /// DashScope's own.
    case generation, multimodalGeneration
}

extension PlayedOperation {
    /// In DashScope's own words, its errors too.
    var isDashScopes: Bool { self == .generation || self == .multimodalGeneration }
    /// In Anthropic's.
    var isAnthropics: Bool { self == .messages || self == .tokenCount }
}

/// A range from which a seeded draw is made.
public struct Span: Sendable, Equatable {
    public var low: Int
    public var high: Int

    public init(_ low: Int, _ high: Int) {
        self.low = low
        self.high = high
    }

    func draw(_ random: inout Randomness) -> Int {
        high > low ? low + Int(random.next() % UInt64(high - low + 1)) : low
    }
}

/// Requests and tokens that an endpoint lets through in a fixed window.
public struct RateLimits: Sendable, Equatable {
    public var requests: Int?
    /// Counted on arrival: the prompt and the output limit asked for, as Azure does.
    public var tokens: Int?
    public var windowMilliseconds: Int = 60_000

    public init() {}
}
