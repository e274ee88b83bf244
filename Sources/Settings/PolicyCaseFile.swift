import Cedar
public import Core
public import Policy
import Yams

/// The most cases in one file.
public let policyCasesMax = 10_000

/// Reads a table of cases for the policies of a configuration: names, labels and moments are checked against it. `serves` says
/// whether an endpoint takes an operation at all.
public func loadPolicyCases(
    text: String, file: String, for configuration: Configuration, environment: [String: String], at now: Timestamp,
    serves: (Endpoint, Operation) -> Bool, readFile: (String) throws -> String
) -> Result<[PolicyCase], ConfigurationErrors> {
    let report = Report(file: file)
    let cases = withoutActuallyEscaping(readFile) { readFile -> [PolicyCase] in
        let world = World(file: file, environment: environment, readFile: readFile)
        guard let root = parseYAML(text, report), let top = Section(root, "the file", report) else { return [] }
        return withoutActuallyEscaping(serves) { serves in
            let decoder = PolicyCaseDecoder(
                configuration: configuration, zones: Zones(expanded: configuration.zones, source: world.places), now: now,
                serves: serves, defaults: top.optionalSection("defaults").map(PolicyCaseDefaults.init) ?? PolicyCaseDefaults())
            let nodes = top.required("cases").flatMap { node -> [Node]? in
                guard case .sequence(let sequence) = node else {
                    report.error(Spot(node), "`cases` takes a list of cases.")
                    return nil
                }
                return Array(sequence)
            }
            top.finish()
            if let nodes, nodes.isEmpty || nodes.count > policyCasesMax {
                report.error(top.spot(of: "cases"), "`cases` takes 1 to \(policyCasesMax) cases.")
                return []
            }
            return (nodes ?? []).enumerated().compactMap { index, node in
                Section(node, "case \(index + 1)", report).flatMap(decoder.decode)
            }
        }
    }
    return report.errors.isEmpty ? .success(cases) : .failure(report.all)
}

/// What cases of a file have in common.
private struct PolicyCaseDefaults {
    var tenant: String?
    var team: String?
    var model: String?
    var operation: Operation?

    init() {}

    init(_ section: Section) {
        tenant = section.optionalText("tenant")?.value
        team = section.optionalText("team")?.value
        model = section.optionalText("model")?.value
        operation = section.optionalChoice("operation", Operation.self)
        section.finish()
    }
}

private struct PolicyCaseDecoder {
    let configuration: Configuration
    let zones: Zones
    let now: Timestamp
    let serves: (Endpoint, Operation) -> Bool
    let defaults: PolicyCaseDefaults

    func decode(_ section: Section) -> PolicyCase? {
        let report = section.report
        let name = section.value(section.text("name")) { readProse($0, "name", max: 200) }
        let tenant = word(section, "tenant", else: defaults.tenant, among: configuration.tenants.map(\.tenant))
        let known = configuration.tenants.first { $0.tenant == tenant }
        let team = word(section, "team", else: defaults.team, among: known?.teams.sorted())
        let model = word(
            section, "model", else: defaults.model, among: Set(configuration.endpoints.flatMap(\.models.keys)).sorted())
        let operation = section.optionalChoice("operation", Operation.self) ?? defaults.operation ?? .chat
        let key = section.optionalText("key")?.value
        let labels = section.optionalSection("labels").map { decodeCallLabels($0, zones, configuration.classes) } ?? .unknown
        let claim = section.optionalSection("client").map(decodeClaim) ?? LabelClaim()
        let exports = section.optionalSection("exported").map(decodeCount)
        let at = section.value(section.optionalText("at")) { text -> Reading<Timestamp> in
            Timestamp(policyDay: text).map { .value($0) }
                ?? .wrong("`at` takes a day (`2027-03-01`) or a moment of it with its offset.")
        }
        let serving = configuration.endpoints.filter { endpoint in
            model.map { endpoint.models[$0] != nil } ?? false && serves(endpoint, operation)
        }.map(\.name)
        let allowed = section.required("allowed", "`[]` says that the call may go nowhere.").flatMap {
            section.list($0, "allowed")
        }
        for word in allowed ?? [] where model != nil { check(word, among: serving, "`allowed`", report) }
        var denied: [String: [String]] = [:]
        for entry in section.optionalSection("denied")?.entries ?? [] {
            let name = Section.Text(value: entry.name, spot: entry.spot)
            if model != nil { check(name, among: serving, "`denied`", report) }
            if allowed?.contains(where: { $0.value == entry.name }) == true {
                report.error(entry.spot, "This endpoint is in `allowed`, too.")
            }
            let policies = section.list(entry.value, "denied") ?? []
            let ids = configuration.policies?.book.dated.map { "\($0.policy.id)" } ?? []
            for policy in policies where !ids.contains(policy.value) {
                report.error(
                    policy.spot, "The configuration has no policy of this name.", meant: likely(policy.value, among: ids))
            }
            denied[entry.name] = policies.map(\.value)
        }
        section.finish()
        guard let name, let tenant, let team, let model, let allowed else { return nil }
        return PolicyCase(
            place: "\(report.file):\(section.spot.line):\(section.spot.column)", name: name, tenant: tenant, team: team, key: key,
            model: model, operation: operation, labels: labels, claim: claim, exports: exports ?? nil, at: at ?? now,
            allowed: Set(allowed.map(\.value)), denied: denied)
    }

    /// A word that has to be one of those known; nil in `known`: nothing to hold it against.
    private func word(_ section: Section, _ key: String, else common: String?, among known: [String]?) -> String? {
        let text = common == nil ? section.text(key) : section.optionalText(key)
        guard let text = text ?? common.map({ Section.Text(value: $0, spot: section.spot) }) else { return nil }
        if let known {
            guard known.contains(text.value) else {
                check(text, among: known, "`\(key)`", section.report)
                return nil
            }
        }
        return text.value
    }

    private func check(_ word: Section.Text, among known: [String], _ what: String, _ report: Report) {
        guard !known.contains(word.value) else { return }
        let list = known.prefix(20).map { "`\($0)`" }.joined(separator: ", ")
        report.error(
            word.spot, "\(what) names none of the configuration's: \(list.isEmpty ? "there are none" : list).",
            meant: likely(word.value, among: known))
    }

    private func decodeClaim(_ section: Section) -> LabelClaim {
        func words(_ key: String) -> Set<String> {
            Set(section.optional(key).flatMap { section.list($0, key) }?.map(\.value) ?? [])
        }
        let claim = LabelClaim(
            dataClass: section.optionalText("class")?.value, categories: words("categories"),
            subject: section.optionalText("subject")?.value, purpose: section.optionalText("purpose")?.value,
            exportTags: words("exportTags"))
        section.finish()
        return claim
    }

    private func decodeCount(_ section: Section) -> ExportCount? {
        let bounds: ClosedRange<Int64> = 0...ExportCount.personsMax
        let persons = section.whole("persons", in: bounds)
        let sensitive = section.optionalWhole("sensitivePersons", in: bounds) ?? 0
        section.finish()
        guard let persons else { return nil }
        if sensitive > persons {
            section.report.error(section.spot(of: "sensitivePersons"), "These are among `persons`, and cannot be more.")
        }
        return ExportCount(persons: persons, sensitivePersons: sensitive)
    }
}
