/// One thing that the validator says of a policy.
public struct Finding: Hashable, Sendable {
    public enum Severity: String, Hashable, Sendable {
        /// The policy may err when it is evaluated, or speaks of what does not exist. It must not be loaded.
        case error
        /// The policy can be evaluated, but never does anything.
        case warning
    }

    public let severity: Severity
    /// The id of the policy, or of the template.
    public let policy: Text
    /// Where in the text that the policy was read from.
    public let range: SourceRange
    public let message: String
    /// What to write instead, or where to look.
    public let hint: String
    /// The first kind of request for which this was found; nil when it holds whatever the request.
    public let environment: RequestEnvironment?

    /// As a diagnostic, with line and column. `source` is the text that the policy was read from.
    public func diagnostic(in source: Source) -> Diagnostic {
        let kind = environment.map { " (for \($0))" } ?? ""
        return source.diagnostic(range, "policy \(quoted(policy)): \(message)\(kind)", hint: hint)
    }
}

/// A kind of request that a schema permits: an action with a type of principal and of resource that it applies to.
public struct RequestEnvironment: Hashable, Sendable, CustomStringConvertible {
    public let principal: EntityType
    public let action: EntityUID
    public let resource: EntityType

    public init(principal: EntityType, action: EntityUID, resource: EntityType) {
        self.principal = principal
        self.action = action
        self.resource = resource
    }

    public var description: String { "principal \(principal), action \(action), resource \(resource)" }
}

/// The findings of one run, each once, with the steps that are left.
struct FindingCollector {
    private(set) var findings: [Finding] = []
    private var seen: Set<Key> = []
    /// How many findings of the policy at hand are errors.
    private(set) var errors = 0
    /// Steps left. With none left nothing more is found.
    private(set) var steps = Limits.validationSteps
    private var policy: Text = ""

    private struct Key: Hashable {
        let policy: Text
        let range: SourceRange
        let message: String
    }

    var isExhausted: Bool { steps <= 0 }

    mutating func begin(_ policy: Text) {
        self.policy = policy
        errors = 0
    }

    /// Takes steps; false when none are left.
    mutating func spend(_ count: Int = 1) -> Bool {
        steps -= count
        return steps > 0
    }

    mutating func add(
        _ severity: Finding.Severity, _ range: SourceRange, _ message: String, _ hint: String, _ environment: RequestEnvironment?
    ) {
        if severity == .error { errors += 1 }
        guard findings.count < Limits.findings else { return }
        let message = shortened(message)
        guard seen.insert(Key(policy: policy, range: range, message: message)).inserted else { return }
        findings.append(
            Finding(
                severity: severity, policy: policy, range: range, message: message, hint: shortened(hint),
                environment: environment))
    }
}
