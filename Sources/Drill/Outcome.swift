public import Core

/// What becomes of one call in a drill.
public struct Outcome: Sendable, Hashable {
    public enum Fate: Sendable, Hashable {
        /// It is answered where it was answered.
        case kept(String)
        /// It is answered at this endpoint instead.
        case moved(String)
        case refused(Refused)
    }

    /// Why no endpoint answers a call.
    public struct Refused: Sendable, Hashable {
        public enum Reason: String, Sendable, CaseIterable {
            /// Nothing that is left serves the model.
            case noEndpoint = "no endpoint"
            case policy
            /// What is left does not serve such calls.
            case operation
            /// What is left has no quota for it at that moment.
            case quota
            /// A limit of money would be passed.
            case limit
            /// A limit of pace of its key, team or tenant.
            case pace
            /// No price is known there.
            case price
            /// Suspended, or it did not answer this call then either.
            case unavailable

            /// As on the data path: what a caller or a policy is the reason for stands.
            var mayFallBack: Bool {
                switch self {
                case .noEndpoint, .quota, .unavailable: true
                case .policy, .operation, .limit, .pace, .price: false
                }
            }
        }

        public var reason: Reason
        public var detail: String

        public init(_ reason: Reason, _ detail: String) { (self.reason, self.detail) = (reason, detail) }
    }

    public var fate: Fate
    /// nil: it is refused, or its usage has no price there.
    public var cost: Money?
    /// nil: nobody knows how fast that endpoint is.
    public var microseconds: Int64?
    public var firstTokenMicroseconds: Int64?
    /// Its output was cut to what limits left.
    public var isClamped: Bool

    public init(
        _ fate: Fate, cost: Money? = nil, microseconds: Int64? = nil, firstTokenMicroseconds: Int64? = nil,
        isClamped: Bool = false
    ) {
        self.fate = fate
        self.cost = cost
        self.microseconds = microseconds
        self.firstTokenMicroseconds = firstTokenMicroseconds
        self.isClamped = isClamped
    }

    public var endpoint: String? {
        switch fate {
        case .kept(let endpoint), .moved(let endpoint): endpoint
        case .refused: nil
        }
    }
}
