import Cedar

/// What is known of calls that were judged before: one event loop's, for one configuration.
///
/// Calls of one kind (same key, model, operation and labels) get the same answers to every question but the volatile ones, and calls
/// with the same answers may go to the same endpoints. So most calls are one lookup; a new kind asks its questions once.
public struct PolicyMemo: Sendable {
    /// Kinds of calls that are remembered. What is full begins anew: the common kinds are back at once.
    public static let kindsMax = 65_536
    /// Distinct answers that are remembered.
    public static let verdictsMax = 4_096

    /// Whatever tells the kinds of calls apart, as small numbers of the caller's.
    public struct Kind: Hashable, Sendable {
        public var key: UInt32
        public var model: UInt32
        public var operation: UInt8
        /// The number of the labels that came with the call.
        public var labels: UInt32

        public init(key: UInt32, model: UInt32, operation: UInt8, labels: UInt32) {
            self.key = key
            self.model = model
            self.operation = operation
            self.labels = labels
        }
    }

    /// A judged call. Its reasons are worked out when somebody asks.
    public struct Verdict: Sendable {
        public let permitted: EndpointSet
        let outcomes: Outcomes
        /// The next call of this kind may be judged otherwise.
        public let isVolatile: Bool
    }

    public let policies: CompiledPolicies
    private var kinds: [Kind: Verdict] = [:]
    private var verdicts: [Outcomes: EndpointSet] = [:]

    public init(_ policies: CompiledPolicies) { self.policies = policies }

    /// The endpoints that a call may go to.
    ///
    /// - Parameter call: everything that policies may ask of it; wanted only for a new kind, or where the answer depends on what changes.
    public mutating func judge(_ kind: Kind, _ call: () -> CompiledPolicies.Call) -> Verdict {
        if let known = kinds[kind] {
            return known.isVolatile ? verdict(policies.askAgain(call(), known: known.outcomes)) : known
        }
        let verdict = verdict(policies.ask(call()))
        if kinds.count >= Self.kindsMax { kinds.removeAll(keepingCapacity: true) }
        kinds[kind] = verdict
        return verdict
    }

    /// Why it may go to an endpoint or may not.
    public func reasons(_ verdict: Verdict, at endpoint: Int) -> Reasons { policies.reasons(verdict.outcomes, at: endpoint) }

    private mutating func verdict(_ outcomes: Outcomes) -> Verdict {
        let isVolatile = policies.isVolatile(outcomes)
        if let permitted = verdicts[outcomes] {
            return Verdict(permitted: permitted, outcomes: outcomes, isVolatile: isVolatile)
        }
        let permitted = policies.permitted(outcomes)
        if verdicts.count >= Self.verdictsMax { verdicts.removeAll(keepingCapacity: true) }
        verdicts[outcomes] = permitted
        return Verdict(permitted: permitted, outcomes: outcomes, isVolatile: isVolatile)
    }
}
