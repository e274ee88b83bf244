/// What one attempt consumed, as meters that do not overlap: their sum is everything that was used.
public struct Usage: Sendable, Hashable {
    /// Input tokens read anew.
    public var input: Int64
    /// Input tokens served from the provider's prompt cache.
    public var cachedInput: Int64
    /// Output tokens that are not reasoning.
    public var output: Int64
    /// Reasoning tokens, billed as output.
    public var reasoning: Int64

    public static let zero = Usage()

    public init(input: Int64 = 0, cachedInput: Int64 = 0, output: Int64 = 0, reasoning: Int64 = 0) {
        self.input = input
        self.cachedInput = cachedInput
        self.output = output
        self.reasoning = reasoning
    }

    public static func + (a: Usage, b: Usage) -> Usage {
        Usage(
            input: a.input + b.input, cachedInput: a.cachedInput + b.cachedInput, output: a.output + b.output,
            reasoning: a.reasoning + b.reasoning)
    }
}
