public import Core

/// What a translation has to know of where a call goes.
public struct Target: Sendable {
    public var dialect: Dialect
    /// The provider's name of the model.
    public var model: String
    /// The member that limits the output there.
    public var limitName: String
    public var reasoning: ReasoningSwitch
    /// The most that the model says; Anthropic wants a limit from everybody.
    public var maxOutput: Int64

    public init(dialect: Dialect, model: String, limitName: String, reasoning: ReasoningSwitch, maxOutput: Int64) {
        self.dialect = dialect
        self.model = model
        self.limitName = limitName
        self.reasoning = reasoning
        self.maxOutput = maxOutput
    }
}
