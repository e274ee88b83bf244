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
    /// Judges one attempt and mints its permit; `nil` when policy denies it. Every attempt passes here: first, retry or failover.
    public func permit(_ attempt: AttemptID, for call: CallFacts, at endpoint: Int) -> Permit? {
        guard denial(of: call, at: endpoint) == nil else { return nil }
        return Permit(attempt: attempt, endpoint: endpoint, link: links[endpoint], generation: generation)
    }
}
