/// What law and contract need to know of an endpoint. Nothing in it is inferred from a name or an address; what is unknown stays
/// empty, and policy denies it wherever it asks.
///
/// Each label is an upper bound of what may happen to content: in which places, how long, seen by whom.
public struct Labels: Sendable, Hashable {
    /// Whether content trains models, the better answer first.
    public enum Trains: String, Sendable, CaseIterable { case never, optOut = "opt-out", yes }
    /// Whether people of the operator may read content, the better answer first.
    public enum Review: String, Sendable, CaseIterable { case no, yes }

    public var processedIn: Set<Place>
    /// Where content is kept, also for a short while. An endpoint that keeps nothing says so with `retentionDays: 0`.
    public var storedIn: Set<Place>
    /// From where people may reach content or the machines that hold it: support, administration, review.
    public var accessFrom: Set<Place>
    public var `operator`: String
    /// Whose law the operator is under; empty: unknown.
    public var operatorCountry: Place
    /// The operator's ultimate parent, and where that has its head office.
    public var owner: String?
    public var ownerCountry: Place?
    public var trains: Trains?
    public var retentionDays: Int?
    public var review: Review?
    public var contract: String?
    /// Class of the accelerators that it runs on, in the operator's words: `h200`, `ascend-910b`.
    public var hardware: String?
    /// Export-control tags of weights and hardware: `3A090`, `4E091`. nil: unknown; empty: none.
    public var exportTags: Set<String>?
    /// Documents on record that rules ask for, by name: `scc` → `SCC-2025-17`, `cac-filing` → the number.
    public var records: [String: OnRecord]
    /// What the catalogue filled them from.
    public var deployment: Deployment?
    public var attestations: [Attestation]
    /// Where fields come from that somebody else than the configuration's author answers for.
    public var origins: [Field: Provenance]

    public init(
        processedIn: Set<Place>, storedIn: Set<Place>, operator: String, operatorCountry: Place, trains: Trains? = nil,
        retentionDays: Int? = nil, contract: String? = nil, accessFrom: Set<Place> = [], owner: String? = nil,
        ownerCountry: Place? = nil, review: Review? = nil, hardware: String? = nil, exportTags: Set<String>? = nil,
        records: [String: OnRecord] = [:], deployment: Deployment? = nil, attestations: [Attestation] = [],
        origins: [Field: Provenance] = [:]
    ) {
        self.processedIn = processedIn
        self.storedIn = storedIn
        self.accessFrom = accessFrom
        self.operator = `operator`
        self.operatorCountry = operatorCountry
        self.owner = owner
        self.ownerCountry = ownerCountry
        self.trains = trains
        self.retentionDays = retentionDays
        self.review = review
        self.contract = contract
        self.hardware = hardware
        self.exportTags = exportTags
        self.records = records
        self.deployment = deployment
        self.attestations = attestations
        self.origins = origins
    }
}

extension Labels {
    /// The labels that have an origin of their own.
    public enum Field: String, Sendable, CaseIterable {
        case processedIn, storedIn, accessFrom, `operator`, operatorCountry, owner, ownerCountry, trains, retentionDays, review
        case contract, hardware, exportTags, records
    }

    /// Who answers for a label.
    public enum Provenance: Sendable, Hashable {
        /// The catalogue, with the source that it names.
        case catalogue(source: String)
        /// The author of the configuration.
        case statement
        /// A named person, by a document: the index into `attestations`.
        case attestation(Int)
    }

    public func isKnown(_ field: Field) -> Bool {
        switch field {
        case .processedIn: !processedIn.isUnknown
        case .storedIn: !storedIn.isUnknown
        case .accessFrom: !accessFrom.isUnknown
        case .operator: !self.operator.isEmpty
        case .operatorCountry: !operatorCountry.isEmpty
        case .owner: owner != nil
        case .ownerCountry: ownerCountry != nil
        case .trains: trains != nil
        case .retentionDays: retentionDays != nil
        case .review: review != nil
        case .contract: contract != nil
        case .hardware: hardware != nil
        case .exportTags: exportTags != nil
        case .records: !records.isEmpty
        }
    }

    /// Who answers for a field; nil while it is unknown.
    public func provenance(of field: Field) -> Provenance? {
        isKnown(field) ? origins[field] ?? .statement : nil
    }
}

/// A product of a cloud in one of its regions, as the catalogue of places knows it.
public struct Deployment: Sendable, Hashable {
    /// `azure`, `azure-china`, `alibaba`, …
    public var cloud: String
    public var region: String
    /// What the cloud calls the kind of deployment, such as `DataZoneStandard`; nil where it has only one, or where calls may spill
    /// over to one of another kind.
    public var sku: String?

    public init(cloud: String, region: String, sku: String? = nil) {
        self.cloud = cloud
        self.region = region
        self.sku = sku
    }

    /// `azure:swedencentral`.
    public var place: Place { "\(cloud):\(region)" }
}

/// A named person's word for labels, resting on a document that can be shown.
public struct Attestation: Sendable, Hashable {
    public var by: String
    public var on: CivilDate
    /// SHA-256 of the document, 64 hexadecimal digits.
    public var document: String
    /// What it says, label by label, in the configuration's words.
    public var says: [Labels.Field: String]

    public init(by: String, on: CivilDate, document: String, says: [Labels.Field: String]) {
        self.by = by
        self.on = on
        self.document = document
        self.says = says
    }
}
