import Core

/// Whether a call can go to the one endpoint where its stored state lives: state does not move, so there is no other.
public enum Stay: Sendable, Hashable {
    case possible
    case denied(Denial)
    case operationNotServed
    /// Nothing is sent there until somebody resumes it.
    case suspended
    /// Cooling down, failing, out of quota or down; when to come back, if known.
    case unavailable(until: Timestamp?)
}

/// Judges first, then looks at operation, health and quota, as `route` does for several endpoints.
public func stay(
    _ call: CallFacts, at endpoint: Int, in catalogue: Catalogue, health: Health, serves: Bool, at now: Timestamp
) -> Stay {
    if let denial = catalogue.denial(of: call, at: endpoint) { return .denied(denial) }
    guard serves else { return .operationNotServed }
    switch health.availability(at: now) {
    case .ready, .trial:
        if case .none(let until) = health.quota.room(tokens: call.tokens, at: now) { return .unavailable(until: until) }
        return .possible
    case .cooling(let until), .open(let until): return .unavailable(until: until)
    case .down, .noToken: return .unavailable(until: nil)
    case .suspended: return .suspended
    }
}
