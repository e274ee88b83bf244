import Cedar
public import Core

/// An attempt that was sent once, as the journal knows it.
public struct PastAttempt: Sendable {
    public var key: KeyRecord
    public var model: String
    public var operation: Operation
    /// Where it went.
    public var endpoint: String
    /// As it was judged then; nil: nothing was known of it, and what its key is bound to now counts.
    public var labels: CallLabels?
    public var at: Timestamp

    public init(
        key: KeyRecord, model: String, operation: Operation, endpoint: String, labels: CallLabels?, at: Timestamp
    ) {
        self.key = key
        self.model = model
        self.operation = operation
        self.endpoint = endpoint
        self.labels = labels
        self.at = at
    }
}

/// What becomes of a past attempt under another configuration.
public enum Replayed: Sendable, Hashable {
    /// It may go where it went.
    case stays
    /// It may not go where it went; these endpoints may have it, in the order of their priority.
    case elsewhere([String], because: String)
    /// No endpoint may have it. The reason is that of the endpoint where it went.
    case denied(because: String)
    /// These policies ask how many persons' data had left China by then, which the journal does not keep with an attempt.
    case undecided([String])
}

/// Judges attempts of the past by one configuration: by its lists, and by the policies that it has in force when it is read.
/// The clock that conditions ask is the attempt's own.
public struct Replay: Sendable {
    private let catalogue: Catalogue
    private let serves: @Sendable (Endpoint, Operation) -> Bool
    private var callJudge: CallJudge
    /// What the judge tells callers apart by. A key that was changed in between is another caller, so that nothing is remembered of it.
    private var numbers: [KeyRecord: UInt32] = [:]

    /// - Parameter serves: whether an endpoint can take calls of an operation at all.
    public init(_ catalogue: Catalogue, serves: @escaping @Sendable (Endpoint, Operation) -> Bool = { _, _ in true }) {
        self.catalogue = catalogue
        self.serves = serves
        callJudge = CallJudge(catalogue)
    }

    public mutating func judge(_ attempt: PastAttempt) -> Replayed {
        guard catalogue.tenant(named: attempt.key.tenant) != nil else {
            return .denied(because: "the configuration has no tenant \(attempt.key.tenant)")
        }
        let number = numbers[attempt.key] ?? UInt32(numbers.count)
        numbers[attempt.key] = number
        var call = CallFacts(
            caller: Caller(attempt.key, number: number, in: catalogue), model: attempt.model, in: catalogue,
            operation: attempt.operation, ownLabels: attempt.labels)
        callJudge.judge(&call, at: attempt.at)
        let ways = (catalogue.endpoints(serving: call.model) ?? []).filter { serves(catalogue.endpoints[$0], attempt.operation) }
        var open: [String] = []
        var uncounted: [String] = []
        var own: String?
        for way in ways {
            let name = catalogue.endpoints[way].name
            let denial = catalogue.denial(of: call, at: way)
            let counts = denial == nil ? [] : uncountedPolicies(call, at: way, now: attempt.at)
            if name == attempt.endpoint {
                guard let denial else { return .stays }
                // Where it went decides; without the count nobody knows whether it would have gone there again.
                guard counts.isEmpty else { return .undecided(counts) }
                own = denial.description
            } else if denial == nil {
                open.append(name)
            }
            for policy in counts where !uncounted.contains(policy) { uncounted.append(policy) }
        }
        let because = own ?? "\(attempt.endpoint) does not serve \(attempt.operation.rawValue) with \(attempt.model) any more"
        if !open.isEmpty { return .elsewhere(open, because: because) }
        return uncounted.isEmpty ? .denied(because: because) : .undecided(uncounted)
    }

    private static let counts: Set<Text> = ["exportedPersons", "exportedSensitivePersons"]

    /// The policies on whose answer about a count of persons the denial rests.
    private func uncountedPolicies(_ call: CallFacts, at endpoint: Int, now: Timestamp) -> [String] {
        guard catalogue.isListed(call, at: endpoint), let reasons = catalogue.reasons(for: call, at: endpoint),
            !reasons.isForbidden
        else { return [] }
        let open = catalogue.failures(of: call, at: endpoint, now: now)
        let waiting = open.filter { failure in
            if case .noSuchAttribute(let name, _) = failure.error.kind { return Self.counts.contains(name) }
            return false
        }
        // A forbid that has no answer for another reason denies whatever the count was.
        let isSettled = reasons.unanswered.contains { id in !waiting.contains { waits in waits.policy == id } }
        return isSettled ? [] : waiting.map(\.policy.string)
    }
}
