/// A document that law asks for and that somebody has filed: a contract, a certificate, a licence.
public struct OnRecord: Sendable, Hashable {
    /// What it can be found by: a number or a reference, in the operator's words.
    public var number: String
    /// It counts until just before this moment; nil: without end.
    public var until: Timestamp?

    public init(_ number: String, until: Timestamp? = nil) {
        self.number = number
        self.until = until
    }

    public func holds(at moment: Timestamp) -> Bool { until.map { moment < $0 } ?? true }
}

extension OnRecord: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self.init(value) }
}

extension [String: OnRecord] {
    /// The names of those that count at a moment.
    public func names(at moment: Timestamp) -> Set<String> { Set(filter { $0.value.holds(at: moment) }.keys) }
}
