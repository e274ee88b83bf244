public import Core

/// One row of a table of cases: a call that somebody might make, and where it has to be allowed to go.
public struct PolicyCase: Sendable {
    /// `file:line:column`
    public var place: String
    public var name: String
    public var tenant: String
    public var team: String
    /// nil: a key that no policy names.
    public var key: String?
    public var model: String
    public var operation: Operation
    /// What the key is bound to, inside its tenant and team.
    public var labels: CallLabels
    /// What the client says of the call.
    public var claim: LabelClaim
    /// Persons whose data have left China, the call's own among them; nil: nobody has counted.
    public var exports: ExportCount?
    public var at: Timestamp
    /// Endpoints that may have it: these, and none beside them.
    public var allowed: Set<String>
    /// For endpoints that may not, policies that have to be among the reasons.
    public var denied: [String: [String]]

    public init(
        place: String, name: String, tenant: String, team: String, key: String? = nil, model: String,
        operation: Operation = .chat,
        labels: CallLabels = .unknown, claim: LabelClaim = LabelClaim(), exports: ExportCount? = nil, at: Timestamp,
        allowed: Set<String>, denied: [String: [String]] = [:]
    ) {
        self.place = place
        self.name = name
        self.tenant = tenant
        self.team = team
        self.key = key
        self.model = model
        self.operation = operation
        self.labels = labels
        self.claim = claim
        self.exports = exports
        self.at = at
        self.allowed = allowed
        self.denied = denied
    }
}

/// Judges cases as the data path judges calls.
public struct PolicyCaseJudge {
    private let catalogue: Catalogue
    private let serves: (Endpoint, Operation) -> Bool
    private var judge: CallJudge
    private var callers: UInt32 = 0
    /// The policies that decided a case so far.
    public private(set) var deciding: Set<String> = []

    /// - Parameter serves: whether an endpoint can take calls of an operation at all.
    public init(_ catalogue: Catalogue, serves: @escaping (Endpoint, Operation) -> Bool = { _, _ in true }) {
        self.catalogue = catalogue
        self.serves = serves
        judge = CallJudge(catalogue)
    }

    /// In what the case is answered otherwise than it says, in sentences; none: it holds.
    public mutating func differences(_ row: PolicyCase) -> [String] {
        callers += 1
        let key = KeyRecord(
            id: row.key ?? "key_of_a_case", name: row.name, tenant: row.tenant, team: row.team, labels: row.labels,
            created: row.at,
            secrets: [])
        let caller = Caller(key, number: callers, in: catalogue)
        let labels: CallLabels
        do throws(ClaimRefusal) {
            labels = try caller.labels.narrowed(by: row.claim, in: catalogue.classes)
        } catch {
            return row.allowed.isEmpty ? [] : ["what the client says is refused: \(error)"]
        }
        var call = CallFacts(
            caller: caller, model: row.model, in: catalogue, operation: row.operation, ownLabels: labels, exports: row.exports)
        judge.judge(&call, at: row.at)
        var differences: [String] = []
        for index in catalogue.endpoints(serving: call.model) ?? []
        where serves(catalogue.endpoints[index], row.operation) {
            let name = catalogue.endpoints[index].name
            let reasons = catalogue.reasons(for: call, at: index)?.deciding.map { "\($0)" } ?? []
            deciding.formUnion(reasons)
            let denial = catalogue.denial(of: call, at: index)
            switch (denial, row.allowed.contains(name)) {
            case (nil, false):
                differences.append("\(name) is allowed, by \(reasons.isEmpty ? "the lists" : reasons.joined(separator: ", "))")
            case (let denial?, true):
                let asked = catalogue.unanswered(call, at: index, now: row.at)
                differences.append("\(name) is denied: \(denial)\(asked.isEmpty ? "" : " (\(asked.joined(separator: "; ")))")")
            default: break
            }
            for policy in row.denied[name] ?? [] where denial != nil && !reasons.contains(policy) {
                differences.append("\(name) is denied, but not by \(policy): \(denial.map { "\($0)" } ?? "")")
            }
        }
        return differences
    }
}
