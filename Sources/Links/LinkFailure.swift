import Wire

/// How an attempt failed on its link, before a whole answer was there.
public enum LinkFailure: Error, Sendable {
    case refusedConnection
    case connectTimeout
    case tls
    case tooManyConnections
    /// The peer closed or reset the connection.
    case closed(afterHead: Bool)
    case firstByteTimeout
    case idleTimeout
    case violation(HTTPViolation)

    /// Whether bytes of the call may have reached the endpoint, so that it may bill them.
    public var mayHaveArrived: Bool {
        switch self {
        case .refusedConnection, .connectTimeout, .tls, .tooManyConnections: false
        case .closed, .firstByteTimeout, .idleTimeout, .violation: true
        }
    }

    /// A stable word for metrics, logs and the journal.
    public var name: String {
        switch self {
        case .refusedConnection: "connection_refused"
        case .connectTimeout: "connect_timeout"
        case .tls: "tls_failed"
        case .tooManyConnections: "too_many_connections"
        case .closed(afterHead: false): "closed_without_answer"
        case .closed(afterHead: true): "closed_early"
        case .firstByteTimeout: "first_byte_timeout"
        case .idleTimeout: "idle_timeout"
        case .violation: "malformed_answer"
        }
    }
}
