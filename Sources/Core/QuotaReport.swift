/// What an endpoint's answer says is left of its quota, read from its headers.
public struct QuotaReport: Sendable, Hashable {
    /// One thing that the endpoint counts.
    public struct Left: Sendable, Hashable {
        /// After the request that was answered.
        public var remaining: Int64
        /// nil: it did not say.
        public var limit: Int64?
        /// Until all of it is there again; nil: it did not say.
        public var resetMilliseconds: Int64?

        public init(remaining: Int64, limit: Int64? = nil, resetMilliseconds: Int64? = nil) {
            self.remaining = remaining
            self.limit = limit
            self.resetMilliseconds = resetMilliseconds
        }
    }

    public var requests: Left?
    public var tokens: Left?

    public init(requests: Left? = nil, tokens: Left? = nil) { (self.requests, self.tokens) = (requests, tokens) }
}
