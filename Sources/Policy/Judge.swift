import Cedar
import Core

/// Why policy keeps a call from an endpoint. Each case names what is missing, for `explain`, refusals and the journal.
public enum Denial: Sendable, Hashable {
    case model(String)
    case keyModel(String)
    case operatorNotAllowed(String)
    case operatorUnknown
    case processedInUnknown
    case storedInUnknown
    case processedIn(Place)
    case storedIn(Place)
    /// By these policies.
    case forbidden(by: [String])
    /// Policies that forbid, if they could be answered, could not be: they ask what nobody knows.
    case unanswered([String])
    /// No policy permits it.
    case notPermitted
    /// It was not asked about: a mistake in Weir, which denies.
    case notJudged
}

extension Denial: CustomStringConvertible {
    public var description: String {
        switch self {
        case .model(let name): "the tenant's policy does not permit model \(name)"
        case .keyModel(let name): "the key is not made for model \(name)"
        case .operatorNotAllowed(let name): "the tenant's policy does not permit operator \(name)"
        case .operatorUnknown: "the endpoint's operator is unknown, and unknown is denied"
        case .processedInUnknown: "where the endpoint processes is unknown, and unknown is denied"
        case .storedInUnknown: "where the endpoint stores is unknown, and unknown is denied"
        case .processedIn(let place): "the endpoint may process in \(place), which the tenant's policy does not permit"
        case .storedIn(let place): "the endpoint may store in \(place), which the tenant's policy does not permit"
        case .forbidden(let policies): "forbidden by \(list(policies))"
        case .unanswered(let policies):
            "\(list(policies)) asks what is unknown of the call or the endpoint, and unknown is denied"
        case .notPermitted: "no policy permits it"
        case .notJudged: "policy was not asked, and so denies"
        }
    }
}

private func list(_ policies: [String]) -> String {
    (policies.count == 1 ? "policy " : "policies ") + policies.joined(separator: ", ")
}

extension Reasons {
    /// Why they deny; nil when they permit.
    public var denial: Denial? {
        if isPermitted { return nil }
        if let forbidden { return forbidden }
        return .notPermitted
    }

    private var forbidden: Denial? {
        if isForbidden { return .forbidden(by: determining.map(\.string)) }
        return unanswered.isEmpty ? nil : .unanswered(unanswered.map(\.string))
    }
}

/// Whether calls of a tenant for a model may go to an endpoint: `nil`, or the first reason against it. Deny by default.
///
/// An endpoint that stores nothing says so with `retentionDays: 0`; otherwise an empty set of places is unknown, thus denied.
public func judge(_ tenant: TenantPolicy, model: String, at labels: Labels) -> Denial? {
    guard tenant.models.contains(model) else { return .model(model) }
    if labels.operator.isEmpty { return .operatorUnknown }
    guard tenant.operators.contains(labels.operator) else { return .operatorNotAllowed(labels.operator) }
    if labels.processedIn.isEmpty { return .processedInUnknown }
    if labels.storedIn.isEmpty && labels.retentionDays != 0 { return .storedInUnknown }
    if let place = labels.processedIn.sorted().first(where: { !tenant.places.contains($0) }) { return .processedIn(place) }
    if let place = labels.storedIn.sorted().first(where: { !tenant.places.contains($0) }) { return .storedIn(place) }
    return nil
}
