/// That an endpoint keeps state of calls to a model and finds it again by an id: stored responses and conversations.
public struct KeptState: Sendable, Hashable {
    /// The most input tokens that stored state can add to one call.
    public var maxTokens: Int64

    public init(maxTokens: Int64) { self.maxTokens = maxTokens }
}

/// What an id of stored state names.
public enum StateKind: String, Sendable, CaseIterable { case response, conversation }
