import Core

/// Policy's leave to send one attempt once. Only Policy makes one, it cannot be copied, and Links sends nothing without it.
public struct Permit: ~Copyable, Sendable {
    public let attempt: AttemptID
    /// Index into the catalogue that minted it.
    public let endpoint: Int
    public let link: Link
    /// The configuration it was judged under.
    public let generation: UInt64

    fileprivate init(attempt: AttemptID, endpoint: Int, link: Link, generation: UInt64) {
        self.attempt = attempt
        self.endpoint = endpoint
        self.link = link
        self.generation = generation
    }
}

/// A network path to an endpoint.
public struct Link: Sendable, Hashable {
    public var name: String
    public var origin: Origin
    /// Authorities to trust on it instead of the system's, as a PEM file.
    public var trustFile: String?

    public init(name: String, origin: Origin, trustFile: String?) {
        self.name = name
        self.origin = origin
        self.trustFile = trustFile
    }
}

extension Catalogue {
    /// Mints the permit of one attempt; `nil` when policy denies it, or when what was judged no longer holds: policies have turned, or
    /// something that changes was asked at another moment. Every attempt passes here: first, retry or failover.
    public func permit(_ attempt: AttemptID, for call: CallFacts, at endpoint: Int, now: Timestamp) -> Permit? {
        if policies != nil {
            guard let judgement = call.judgement, judgement.holds(at: now, in: self) else { return nil }
        }
        guard isPermitted(call, at: endpoint) else { return nil }
        return Permit(attempt: attempt, endpoint: endpoint, link: links[endpoint], generation: generation)
    }
}
