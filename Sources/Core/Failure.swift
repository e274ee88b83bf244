/// Why something did not happen, told for whoever has to act on it.
public struct Failure: Error, Sendable, Hashable {
    public enum Fault: String, Sendable { case caller, weir, link, provider }

    /// Whether the same call can succeed if it is sent again.
    public enum Retry: Sendable, Hashable {
        /// The same call fails the same way; SDKs are told not to repeat it.
        case never
        /// It may succeed; wait this long first when it is known.
        case later(milliseconds: Int64?)
    }

    /// Stable, machine-readable, with the prefix `weir_`.
    public var code: String
    /// The HTTP status a caller sees.
    public var status: Int
    public var fault: Fault
    public var retry: Retry
    /// What happened, in a sentence that quotes nothing of the call's content.
    public var message: String
    /// What the person should do next.
    public var action: String
    /// The request field that is to blame, if one is.
    public var parameter: String?

    public init(
        code: String, status: Int, fault: Fault, retry: Retry, message: String, action: String, parameter: String? = nil
    ) {
        self.code = code
        self.status = status
        self.fault = fault
        self.retry = retry
        self.message = message
        self.action = action
        self.parameter = parameter
    }
}

extension Failure: CustomStringConvertible {
    public var description: String { "\(message) \(action) [\(code)]" }
}
