/// What a caller asks a model to do; one per governed route.
public enum Operation: String, Sendable, CaseIterable {
    case chat
    case completions
    case embeddings
    case responses
    /// Makes a conversation: state that calls of `responses` build on. Nothing is generated.
    case conversations

    /// Position in `allCases`, for tables.
    public var index: Int {
        switch self {
        case .chat: 0
        case .completions: 1
        case .embeddings: 2
        case .responses: 3
        case .conversations: 4
        }
    }

    /// Whether a model says anything, and says how much.
    public var generates: Bool {
        switch self {
        case .chat, .completions, .responses: true
        case .embeddings, .conversations: false
        }
    }
}

/// The tenant's isolation boundary, its policy's permits: deny by default, so an empty set permits nothing.
public struct TenantPolicy: Sendable, Hashable {
    public enum Allowed: Sendable, Hashable {
        case any
        case only(Set<String>)

        public func contains(_ name: String) -> Bool {
            switch self {
            case .any: true
            case .only(let names): names.contains(name)
            }
        }
    }

    public var tenant: String
    public var teams: Set<String>
    /// Zones already expanded to their members, beside their own names.
    public var places: Allowed
    public var operators: Allowed
    public var models: Allowed
    /// Bounds of what the tenant's calls are.
    public var labels: CallLabels
    /// The same by team, for teams that have bounds of their own.
    public var teamLabels: [String: CallLabels]
    /// What law asks about the company behind it.
    public var company: Company
    /// nil: no call of it is sent twice at once.
    public var hedge: Hedge?

    public init(
        tenant: String, teams: Set<String>, places: Allowed, operators: Allowed, models: Allowed, labels: CallLabels = .unknown,
        teamLabels: [String: CallLabels] = [:], company: Company = .unknown, hedge: Hedge? = nil
    ) {
        self.tenant = tenant
        self.teams = teams
        self.places = places
        self.operators = operators
        self.models = models
        self.labels = labels
        self.teamLabels = teamLabels
        self.company = company
        self.hedge = hedge
    }

    /// What the calls of a key are, before their clients say anything: the bounds of tenant, team and key together.
    public func labels(of key: KeyRecord, in classes: DataClasses) -> CallLabels {
        CallLabels.together([labels, teamLabels[key.team] ?? .unknown, key.labels], in: classes)
    }
}

/// SHA-256 of a whole key: all of the key that Weir keeps.
public struct KeyDigest: Sendable, Hashable {
    public var bytes: (UInt64, UInt64, UInt64, UInt64)

    public init(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) { bytes = (a, b, c, d) }

    /// `nil` unless there are exactly 32 bytes.
    public init?(_ raw: some Sequence<UInt8>) {
        var words: [UInt64] = [0, 0, 0, 0]
        var count = 0
        for byte in raw {
            guard count < 32 else { return nil }
            words[count / 8] = words[count / 8] << 8 | UInt64(byte)
            count += 1
        }
        guard count == 32 else { return nil }
        bytes = (words[0], words[1], words[2], words[3])
    }

    /// Reads 64 hexadecimal digits.
    public init?(hex: some StringProtocol) {
        // `UInt64` would take a sign too.
        guard hex.utf8.count == 64, hex.utf8.allSatisfy({ $0 &- 0x30 < 10 || ($0 | 0x20) &- 0x61 < 6 }) else { return nil }
        var words: [UInt64] = []
        var rest = Substring(hex)
        while !rest.isEmpty {
            guard let word = UInt64(rest.prefix(16), radix: 16) else { return nil }
            words.append(word)
            rest = rest.dropFirst(16)
        }
        bytes = (words[0], words[1], words[2], words[3])
    }

    public var hex: String {
        [bytes.0, bytes.1, bytes.2, bytes.3].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }.joined()
    }

    public static func == (a: KeyDigest, b: KeyDigest) -> Bool { a.bytes == b.bytes }
    /// The digest is uniform already; one word of it places it in a table.
    public func hash(into hasher: inout Hasher) { hasher.combine(bytes.0) }
}

/// A caller's key as the journal records it. The key itself is shown once and never kept.
public struct KeyRecord: Sendable, Hashable {
    /// Public identifier, e.g. `key_5f0c…`; names the account.
    public var id: String
    public var name: String
    public var tenant: String
    public var team: String
    /// nil: all models that the tenant's policy allows.
    public var models: Set<String>?
    /// By model: others that may answer in its place, in order, when none of its endpoints can.
    public var fallbacks: [String: [String]]
    /// Of this key alone; its team and tenant have limits of their own.
    public var limits: AccountLimits
    /// Bounds of what its calls are, beside those of its tenant and team.
    public var labels: CallLabels
    public var created: Timestamp
    public var expires: Timestamp?
    /// The secrets that open it: more than one only while a rotation overlaps.
    public var secrets: [KeySecret]

    public init(
        id: String, name: String, tenant: String, team: String, models: Set<String>? = nil,
        fallbacks: [String: [String]] = [:], limits: AccountLimits = .none,
        labels: CallLabels = .unknown, created: Timestamp, expires: Timestamp? = nil, secrets: [KeySecret]
    ) {
        self.id = id
        self.name = name
        self.tenant = tenant
        self.team = team
        self.models = models
        self.fallbacks = fallbacks
        self.limits = limits
        self.labels = labels
        self.created = created
        self.expires = expires
        self.secrets = secrets
    }
}

extension KeyRecord {
    /// Hard limit of a calendar month (UTC), the commonest; nil: none.
    public var monthlyLimit: Money? {
        get { limits.monthly }
        set {
            limits.spend.removeAll { $0.period == .monthUTC }
            if let newValue { limits.spend.append(SpendLimit(period: .monthUTC, amount: newValue)) }
        }
    }

    public init(
        id: String, name: String, tenant: String, team: String, models: Set<String>? = nil, monthlyLimit: Money?,
        labels: CallLabels = .unknown, created: Timestamp, expires: Timestamp? = nil, secrets: [KeySecret]
    ) {
        self.init(
            id: id, name: name, tenant: tenant, team: team, models: models, limits: AccountLimits(monthly: monthlyLimit),
            labels: labels, created: created, expires: expires, secrets: secrets)
    }
}

/// One secret of a key, by digest, and until when it opens the key.
public struct KeySecret: Sendable, Hashable {
    public var digest: KeyDigest
    public var expires: Timestamp?

    public init(digest: KeyDigest, expires: Timestamp? = nil) {
        self.digest = digest
        self.expires = expires
    }
}
