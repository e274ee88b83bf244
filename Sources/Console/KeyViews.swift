public import Core
public import Ledger

/// What an administrator asks for when making a key.
public struct NewKey: Sendable, Hashable {
    public var tenant: String
    public var team: String
    public var name: String
    /// nil: all models that the tenant's policy allows.
    public var models: Set<String>?
    /// By model: others that may answer in its place.
    public var fallbacks: [String: [String]]
    public var limits: AccountLimits
    /// What its calls are, beside what its tenant and team say.
    public var labels: CallLabels
    public var lifetimeSeconds: Int64?

    public init(
        tenant: String, team: String, name: String, models: Set<String>? = nil,
        fallbacks: [String: [String]] = [:], limits: AccountLimits = .none, labels: CallLabels = .unknown,
        lifetimeSeconds: Int64? = nil
    ) {
        self.tenant = tenant
        self.team = team
        self.name = name
        self.models = models
        self.fallbacks = fallbacks
        self.limits = limits
        self.labels = labels
        self.lifetimeSeconds = lifetimeSeconds
    }

    /// The record of such a key, opened by one secret.
    public func record(id: String, digest: KeyDigest, at now: Timestamp) -> KeyRecord {
        KeyRecord(
            id: id, name: name, tenant: tenant, team: team, models: models, fallbacks: fallbacks, limits: limits,
            labels: labels, created: now,
            expires: lifetimeSeconds.map { now.advanced(byMilliseconds: $0 * 1000) }, secrets: [KeySecret(digest: digest)])
    }
}

/// A key as administrators see it; without anything that opens it. Amounts are decimal dollars, moments RFC 3339.
public struct KeyView: Sendable, Hashable, Codable {
    public enum State: String, Sendable, Codable { case active, expired, revoked }

    public var id: String
    public var name: String
    public var tenant: String
    public var team: String
    /// nil: all models that the tenant's policy allows.
    public var models: [String]?
    /// Models that may answer in the place of others: `MODEL=OTHER,OTHER`.
    public var fallbacks: [String]
    public var state: State
    public var monthlyLimit: String?
    /// All limits of money that are the key's own, as `KeyLimits` writes them.
    public var limits: [String]
    public var requestsPerMinute: Int64?
    public var tokensPerMinute: Int64?
    public var concurrency: Int?
    /// The key's own; those of its team and tenant hold beside them.
    public var labels: CallLabelsView
    /// In the current month.
    public var settled: String
    /// Held, in allowances or in doubt, in the current month.
    public var reserved: String
    public var created: String
    public var expires: String?
    public var revoked: String?
    /// How many secrets open it now: two while a rotation overlaps.
    public var secrets: Int

    public init(_ record: KeyRecord, revoked: Timestamp? = nil, account: AccountView? = nil, at now: Timestamp) {
        id = record.id
        name = record.name
        tenant = record.tenant
        team = record.team
        models = record.models?.sorted()
        fallbacks = record.fallbackTexts
        monthlyLimit = record.monthlyLimit?.description
        limits = record.limits.spend.map(keyLimitText)
        requestsPerMinute = record.limits.pace.requestsPerMinute
        tokensPerMinute = record.limits.pace.tokensPerMinute
        concurrency = record.limits.pace.concurrency
        labels = CallLabelsView(record.labels)
        settled = (account?.settled ?? .zero).description
        reserved = (account?.reserved ?? .zero).description
        created = record.created.description
        expires = record.expires?.description
        self.revoked = revoked?.description
        let isExpired = record.expires.map { $0 <= now } ?? false
        state = revoked != nil ? .revoked : isExpired ? .expired : .active
        secrets = state == .active ? record.secrets.count { secret in secret.expires.map { $0 > now } ?? true } : 0
    }
}

/// A key that was just made or rotated: the only value that carries the whole key, to be shown once.
public struct CreatedKey: Sendable, Hashable {
    public var key: Secret
    public var record: KeyView

    public init(key: Secret, record: KeyView) {
        self.key = key
        self.record = record
    }
}

extension CreatedKey: Codable {
    private enum CodingKeys: CodingKey { case key, record }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        key = Secret(try values.decode(String.self, forKey: .key))
        record = try values.decode(KeyView.self, forKey: .record)
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(key.value, forKey: .key)
        try values.encode(record, forKey: .record)
    }
}

/// All keys.
public struct KeyList: Sendable, Hashable, Codable {
    public var keys: [KeyView]

    public init(keys: [KeyView]) { self.keys = keys }
}
