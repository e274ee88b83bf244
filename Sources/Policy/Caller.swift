public import Core

/// Who calls, as policy sees it: a key in its team and tenant, and the labels that its identity carries.
/// A class, so that a call keeps one reference to it.
public final class Caller: Sendable {
    /// `key_…`
    public let key: String
    public let team: String
    public let tenantName: String
    /// Index of the tenant in the catalogue.
    public let tenant: Int
    /// Tells keys apart in tables: the index of the key's account.
    public let number: UInt32
    /// The models that the key was made for; nil: the tenant's.
    public let models: Set<String>?
    /// The bounds of tenant, team and key together.
    public let labels: CallLabels

    public init(
        key: String, team: String, tenantName: String, tenant: Int, number: UInt32, models: Set<String>?, labels: CallLabels
    ) {
        self.key = key
        self.team = team
        self.tenantName = tenantName
        self.tenant = tenant
        self.number = number
        self.models = models
        self.labels = labels
    }

    /// The same with a reference count of its own, so that event loops do not contend on one.
    public convenience init(copy other: Caller) {
        self.init(
            key: other.key, team: other.team, tenantName: other.tenantName, tenant: other.tenant, number: other.number,
            models: other.models, labels: other.labels)
    }

    /// The caller of a key's calls under one configuration; a tenant that it does not have is permitted nothing.
    public convenience init(_ key: KeyRecord, number: UInt32, in catalogue: Catalogue) {
        let tenant = catalogue.tenant(named: key.tenant)
        self.init(
            key: key.id, team: key.team, tenantName: key.tenant, tenant: tenant ?? catalogue.tenants.count, number: number,
            models: key.models,
            labels: tenant.map { catalogue.tenants[$0].labels(of: key, in: catalogue.classes) } ?? .unknown)
    }
}
