public import Core
public import Ledger
public import Policy

/// An endpoint as an administrator sees it: whether attempts go there, and if not, why.
public struct EndpointView: Sendable, Hashable, Codable {
    /// Why no attempt goes there until somebody resumes it.
    public struct SuspensionView: Sendable, Hashable, Codable {
        public var since: String
        /// `weir`, or whoever did it by hand.
        public var who: String
        public var why: String
        /// What the provider reported, in its words.
        public var region: String?
        /// The label that the report contradicts.
        public var processedIn: [String]?
        public var attempt: String?

        public init(_ suspended: Fold.Suspended) {
            since = suspended.since.description
            who = suspended.suspension.who
            why = suspended.suspension.why
            region = suspended.suspension.report?.region
            processedIn = suspended.suspension.report?.processedIn
            attempt = suspended.suspension.report?.attempt.description
        }

        /// In a sentence.
        public var reason: String {
            guard let region else { return "suspended by \(who): \(why)" }
            return "suspended: it reported \(region), and its label says \((processedIn ?? []).joined(separator: ", "))"
        }
    }

    /// How Weir shows an endpoint that it may call it; never with what.
    public struct CredentialView: Sendable, Hashable, Codable {
        public enum State: String, Sendable, Codable {
            /// Does not end by itself.
            case lasting
            case valid
            /// Valid, and its authority gave no other one when it was asked.
            case ending
            case missing
        }

        /// As the configuration names it: `key`, `entra` and so on.
        public var kind: String
        /// Who is asked for tokens: what Weir is granted to send there is nothing else.
        public var authority: String?
        public var state: State
        public var until: String?
        /// What the authority said last, where it gave none.
        public var trouble: String?

        /// One that is shown as it is, or signs.
        public init(_ credential: Credential) {
            kind = credential.kind
            state = .lasting
        }

        public init(_ credential: Credential, until: Timestamp?, trouble: String?, at now: Timestamp) {
            kind = credential.kind
            authority = credential.authority.map { "\($0.origin)" }
            let isValid = until.map { now < $0 } ?? false
            state = !isValid ? .missing : trouble == nil ? .valid : .ending
            self.until = isValid ? until?.description : nil
            self.trouble = trouble
        }
    }

    public enum Standing: String, Sendable, Codable {
        case available, suspended, cooling, resting, down
        /// Its provider refuses our credential.
        case refused
        /// There is no token to show it.
        case noToken = "no-token"
        /// Suspended, and not in the configuration in force.
        case absent
        /// In the configuration, and left out of what is in force.
        case off
    }

    public var name: String
    public var standing: Standing
    /// When it is likely to take calls again; nil when that is not known.
    public var until: String?
    /// nil: it is not in the configuration in force.
    public var provider: String?
    public var processedIn: [String]
    public var suspension: SuspensionView?
    /// nil: none is needed.
    public var credential: CredentialView?
    /// Why it is off.
    public var off: String?

    public init(
        _ endpoint: Endpoint, _ health: Health, _ suspended: Fold.Suspended?, credential: CredentialView? = nil, at now: Timestamp
    ) {
        self.credential = credential
        name = endpoint.name
        provider = endpoint.provider.rawValue
        processedIn = endpoint.labels.processedIn.sorted()
        suspension = suspended.map(SuspensionView.init)
        switch health.availability(at: now) {
        case .ready, .trial: standing = .available
        case .suspended: standing = .suspended
        case .down: standing = .down
        case .noToken: standing = .noToken
        case .cooling(let end): (standing, until) = (health.credentialRefusals > 0 ? .refused : .cooling, end.description)
        case .open(let end): (standing, until) = (.resting, end.description)
        }
    }

    /// One that stays suspended though no configuration has it now.
    public init(absent suspended: Fold.Suspended) {
        name = suspended.suspension.endpoint
        standing = .absent
        processedIn = []
        suspension = SuspensionView(suspended)
    }
}

extension EndpointView {
    /// One that the configuration has and nothing is sent to.
    public init(_ leftOut: LeftOut, _ suspended: Fold.Suspended?) {
        name = leftOut.name
        standing = .off
        off = leftOut.why
        processedIn = []
        suspension = suspended.map(SuspensionView.init)
    }
}

/// All endpoints of the configuration in force, by name, behind them those that are off in it, and suspended ones that it has not.
public struct EndpointList: Sendable, Hashable, Codable {
    public var endpoints: [EndpointView]

    public init(
        _ catalogue: Catalogue, health: [Health], suspensions: [String: Fold.Suspended], leftOut: [LeftOut] = [],
        credentials: [String: EndpointView.CredentialView] = [:], at now: Timestamp
    ) {
        let present = zip(catalogue.endpoints, health).map {
            EndpointView($0, $1, suspensions[$0.name], credential: credentials[$0.name], at: now)
        }
        let off = leftOut.map { EndpointView($0, suspensions[$0.name]) }
        let names = Set((present + off).map(\.name))
        let absent = suspensions.values.filter { !names.contains($0.suspension.endpoint) }.map { EndpointView(absent: $0) }
        endpoints = present.sorted { $0.name < $1.name } + off.sorted { $0.name < $1.name } + absent.sorted { $0.name < $1.name }
    }
}
