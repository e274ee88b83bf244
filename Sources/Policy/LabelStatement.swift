import Core

/// What somebody says of an endpoint beside the catalogue: the operator in the configuration, or a named person by a document.
/// nil: nothing is said.
public struct LabelStatement: Sendable, Hashable {
    public var processedIn: Set<Place>?
    public var storedIn: Set<Place>?
    public var accessFrom: Set<Place>?
    public var `operator`: String?
    public var operatorCountry: Place?
    public var owner: String?
    public var ownerCountry: Place?
    public var trains: Labels.Trains?
    public var retentionDays: Int?
    public var review: Labels.Review?
    public var contract: String?
    public var hardware: String?
    public var exportTags: Set<String>?
    public var records: [String: OnRecord] = [:]

    public init() {}
}

/// Why a statement about one label is refused. The message is a whole sentence that begins with the label's name.
public struct LabelProblem: Sendable, Hashable {
    public var field: Labels.Field
    public var message: String
}

extension FilledLabels {
    /// Labels on which nobody has said anything yet, for an endpoint that no catalogue knows.
    public static var unknown: FilledLabels {
        FilledLabels(
            labels: Labels(processedIn: [], storedIn: [], operator: "", operatorCountry: ""), processedAtMost: [],
            storedAtMost: [], gaps: [])
    }

    /// The labels under the operator's own statement. Each label is an upper bound: a statement may make what the catalogue knows
    /// smaller and never wider, and places that the catalogue does not know need a document. What is refused leaves its label as
    /// it was.
    public func stating(_ statement: LabelStatement, in catalogue: PlaceCatalogue) -> (labels: Labels, problems: [LabelProblem]) {
        var change = LabelChange(catalogue: catalogue, filled: self, labels: labels, provenance: nil)
        change.apply(statement)
        return (change.labels, change.problems)
    }

    /// The labels under a document. It may say what the catalogue does not know and change what it knows, but not contradict it:
    /// places that share nothing with those that the catalogue holds possible are refused.
    public func attesting(
        _ statement: LabelStatement, as attestation: Attestation, over current: Labels, in catalogue: PlaceCatalogue
    ) -> (labels: Labels, problems: [LabelProblem]) {
        var labels = current
        labels.attestations.append(attestation)
        var change = LabelChange(
            catalogue: catalogue, filled: self, labels: labels, provenance: .attestation(labels.attestations.count - 1))
        change.apply(statement)
        return (change.labels, change.problems)
    }
}

/// One statement on its way into the labels.
private struct LabelChange {
    let catalogue: PlaceCatalogue
    let filled: FilledLabels
    var labels: Labels
    /// nil: the operator's statement.
    let provenance: Labels.Provenance?
    var problems: [LabelProblem] = []

    init(catalogue: PlaceCatalogue, filled: FilledLabels, labels: Labels, provenance: Labels.Provenance?) {
        self.catalogue = catalogue
        self.filled = filled
        self.labels = labels
        self.provenance = provenance
    }

    mutating func apply(_ statement: LabelStatement) {
        places(\.processedIn, .processedIn, statement.processedIn, atMost: filled.processedAtMost)
        places(\.storedIn, .storedIn, statement.storedIn, atMost: filled.storedAtMost)
        if let access = statement.accessFrom { set(\.accessFrom, .accessFrom, access) }
        if let name = statement.operator {
            same(.operator, labels.operator.isEmpty ? nil : labels.operator, name) { $0.operator = name }
        }
        if let country = statement.operatorCountry {
            same(.operatorCountry, labels.operatorCountry.isEmpty ? nil : labels.operatorCountry, country) {
                $0.operatorCountry = country
            }
        }
        if let owner = statement.owner { same(.owner, labels.owner, owner) { $0.owner = owner } }
        if let country = statement.ownerCountry {
            same(.ownerCountry, labels.ownerCountry, country) { $0.ownerCountry = country }
        }
        if let trains = statement.trains {
            let order = Labels.Trains.allCases.map(\.rawValue)
            bound(.trains, filled.labels.trains?.rawValue, trains.rawValue, in: order) { $0.trains = trains }
        }
        if let review = statement.review {
            let order = Labels.Review.allCases.map(\.rawValue)
            bound(.review, filled.labels.review?.rawValue, review.rawValue, in: order) { $0.review = review }
        }
        if let days = statement.retentionDays {
            if provenance == nil, let most = filled.labels.retentionDays, days > most {
                refuse(.retentionDays, "may only make what the catalogue knows smaller, and that is \(most) days")
            } else {
                set(\.retentionDays, .retentionDays, days)
            }
        }
        if let contract = statement.contract { set(\.contract, .contract, contract) }
        if let hardware = statement.hardware { set(\.hardware, .hardware, hardware) }
        if let tags = statement.exportTags { set(\.exportTags, .exportTags, tags) }
        if !statement.records.isEmpty { set(\.records, .records, statement.records) }
    }

    private mutating func refuse(_ field: Labels.Field, _ rest: String) {
        problems.append(LabelProblem(field: field, message: "`\(field.rawValue)` \(rest)."))
    }

    private mutating func set<T>(_ path: WritableKeyPath<Labels, T>, _ field: Labels.Field, _ value: T) {
        labels[keyPath: path] = value
        labels.origins[field] = provenance
    }

    private mutating func places(
        _ path: WritableKeyPath<Labels, Set<Place>>, _ field: Labels.Field, _ stated: Set<Place>?, atMost: Set<Place>
    ) {
        guard let stated else { return }
        guard labels.deployment != nil else { return set(path, field, stated) }
        if stated.isUnknown {
            return refuse(field, "says nothing, and the deployment's own places stay: leave it out")
        }
        let known = filled.labels[keyPath: path]
        if provenance != nil {
            let shares =
                atMost.isUnknown || atMost.isAnywhere || stated.isAnywhere
                || catalogue.outside(stated, atMost).count < stated.count
            if !shares {
                return refuse(
                    field, "contradicts the catalogue, which knows \(list(atMost)) there: correct it, or leave `deployment` out")
            }
        } else if known.isUnknown {
            // Anywhere claims nothing.
            if !stated.isAnywhere {
                return refuse(field, "is not known of this deployment, so stating it needs a document: use `attest`")
            }
        } else {
            let outside = catalogue.outside(stated, known)
            if !outside.isEmpty {
                return refuse(
                    field,
                    "may only narrow the deployment's places (\(list(known))): \(list(Set(outside))) would widen them")
            }
        }
        set(path, field, stated)
    }

    /// A fact about the operator: the catalogue's stands, unless a document says otherwise.
    private mutating func same(_ field: Labels.Field, _ known: String?, _ value: String, _ change: (inout Labels) -> Void) {
        if provenance == nil, let known, known != value, labels.deployment != nil {
            return refuse(field, "is \(known) in the catalogue: leave it out, or use `attest`")
        }
        if provenance == nil, known == value { return }
        change(&labels)
        labels.origins[field] = provenance
    }

    private mutating func bound(
        _ field: Labels.Field, _ known: String?, _ value: String, in order: [String], _ change: (inout Labels) -> Void
    ) {
        if provenance == nil, let known, let most = order.firstIndex(of: known), let new = order.firstIndex(of: value) {
            if new > most { return refuse(field, "is `\(known)` in the catalogue, and a statement may not make it worse") }
            if new == most { return }
        }
        change(&labels)
        labels.origins[field] = provenance
    }

    private func list(_ places: Set<Place>) -> String { places.sorted().joined(separator: ", ") }
}
