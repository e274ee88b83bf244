/// One thing that providers count and bill. Meters do not overlap: a token is counted by exactly one of them.
public enum Meter: String, Sendable, CaseIterable {
    /// Input text tokens read anew.
    case input
    /// Input tokens served from the provider's prompt cache.
    case cachedInput
    /// Input tokens that were read anew and written to the cache, kept for minutes.
    case cacheWrite
    /// The same, kept for an hour (Anthropic's `ephemeral_1h_input_tokens`).
    case cacheWriteHour
    case audioInput
    case imageInput
    /// Output text tokens that are not reasoning.
    case output
    /// Reasoning tokens; billed as output where no price of their own is known.
    case reasoning
    case audioOutput
    case imageOutput

    /// `allCases`, made once: a call's charge goes through it several times.
    public static let all = allCases

    /// Position in `allCases`, for tables.
    public var index: Int {
        switch self {
        case .input: 0
        case .cachedInput: 1
        case .cacheWrite: 2
        case .cacheWriteHour: 3
        case .audioInput: 4
        case .imageInput: 5
        case .output: 6
        case .reasoning: 7
        case .audioOutput: 8
        case .imageOutput: 9
        }
    }

    public var isInput: Bool { index <= Meter.imageInput.index }
}

/// What one attempt consumed, in tokens, by meters that do not overlap: their sum is everything that was used.
public struct Usage: Sendable, Hashable {
    public var input: Int64
    public var cachedInput: Int64
    public var cacheWrite: Int64
    public var cacheWriteHour: Int64
    public var audioInput: Int64
    public var imageInput: Int64
    public var output: Int64
    public var reasoning: Int64
    public var audioOutput: Int64
    public var imageOutput: Int64

    public static let zero = Usage()

    public init(
        input: Int64 = 0, cachedInput: Int64 = 0, cacheWrite: Int64 = 0, cacheWriteHour: Int64 = 0, audioInput: Int64 = 0,
        imageInput: Int64 = 0, output: Int64 = 0, reasoning: Int64 = 0, audioOutput: Int64 = 0, imageOutput: Int64 = 0
    ) {
        self.input = input
        self.cachedInput = cachedInput
        self.cacheWrite = cacheWrite
        self.cacheWriteHour = cacheWriteHour
        self.audioInput = audioInput
        self.imageInput = imageInput
        self.output = output
        self.reasoning = reasoning
        self.audioOutput = audioOutput
        self.imageOutput = imageOutput
    }

    public subscript(meter: Meter) -> Int64 {
        get {
            switch meter {
            case .input: input
            case .cachedInput: cachedInput
            case .cacheWrite: cacheWrite
            case .cacheWriteHour: cacheWriteHour
            case .audioInput: audioInput
            case .imageInput: imageInput
            case .output: output
            case .reasoning: reasoning
            case .audioOutput: audioOutput
            case .imageOutput: imageOutput
            }
        }
        set {
            switch meter {
            case .input: input = newValue
            case .cachedInput: cachedInput = newValue
            case .cacheWrite: cacheWrite = newValue
            case .cacheWriteHour: cacheWriteHour = newValue
            case .audioInput: audioInput = newValue
            case .imageInput: imageInput = newValue
            case .output: output = newValue
            case .reasoning: reasoning = newValue
            case .audioOutput: audioOutput = newValue
            case .imageOutput: imageOutput = newValue
            }
        }
    }

    /// All input tokens: what a price's length bracket is picked by.
    public var inputTokens: Int64 { input + cachedInput + cacheWrite + cacheWriteHour + audioInput + imageInput }
    public var outputTokens: Int64 { output + reasoning + audioOutput + imageOutput }
    public var tokens: Int64 { inputTokens + outputTokens }

    public static func + (a: Usage, b: Usage) -> Usage {
        var sum = a
        for meter in Meter.all where b[meter] != 0 { sum[meter] += b[meter] }
        return sum
    }

    public static func - (a: Usage, b: Usage) -> Usage {
        var difference = a
        for meter in Meter.all where b[meter] != 0 { difference[meter] -= b[meter] }
        return difference
    }
}

/// How soon a provider promises to work, each at its own price. What the answer says was served is what is charged.
public enum ServiceTier: String, Sendable, CaseIterable {
    case standard
    /// Dearer and sooner.
    case priority
    /// Cheaper, may be slow or refused.
    case flex
    /// Within a day.
    case batch

    public var index: Int {
        switch self {
        case .standard: 0
        case .priority: 1
        case .flex: 2
        case .batch: 3
        }
    }
}
