/// That an endpoint keeps state of calls to a model and finds it again by an id: stored responses and conversations.
public struct KeptState: Sendable, Hashable {
    /// The most input tokens that stored state can add to one call.
    public var maxTokens: Int64

    /// Calls may make conversations and add to them. Providers keep these until somebody deletes them, whatever they say of how long
    /// they keep responses.
    public var allowsConversations: Bool

    public init(maxTokens: Int64, allowsConversations: Bool = false) {
        self.maxTokens = maxTokens
        self.allowsConversations = allowsConversations
    }
}

/// What an id of stored state names.
public enum StateKind: String, Sendable, CaseIterable { case response, conversation }
