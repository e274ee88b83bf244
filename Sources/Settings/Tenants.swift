import Core
import Yams

/// The tenants of a file: what their calls may use, and what they may cost.
struct Tenants {
    var policies: [TenantPolicy] = []
    var limits: [AccountLimit] = []
}

func decodeTenants(_ section: Section, zones: Zones, classes: DataClasses, endpoints: Endpoints?, _ world: World) -> Tenants {
    var tenants = Tenants()
    for member in section.members("a tenant", .label) {
        guard let tenant = Section(member.value, "tenant \(quoted(member.name, or: "here"))", section.report) else { continue }
        decodeTenant(member.name, tenant, zones: zones, classes: classes, endpoints: endpoints, world, into: &tenants)
    }
    if section.entries.isEmpty { section.report.error(section.spot, "At least one tenant is needed: every key belongs to one.") }
    return tenants
}

/// The reason that a tenant has to spell its permits out.
private let denies = "Policy denies by default: list what is allowed, or write `any`."

private func decodeTenant(
    _ name: String, _ tenant: Section, zones: Zones, classes: DataClasses, endpoints: Endpoints?, _ world: World,
    into tenants: inout Tenants
) {
    let report = tenant.report
    let places = tenant.required("places", denies).flatMap { allowed($0, "places", tenant) }
    let operators = tenant.required("operators", denies).flatMap { allowed($0, "operators", tenant) }
    let models = tenant.required("models", denies).flatMap { allowed($0, "models", tenant) }
    let limits = decodeAccountLimits(tenant, world)
    let labels = tenant.optionalSection("labels").map { decodeCallLabels($0, zones, classes) } ?? .unknown
    let company = tenant.optionalSection("company").map { decodeCompany($0, zones) } ?? .unknown
    let hedge = tenant.optionalSection("hedge").flatMap { decodeHedge($0, endpoints) }
    let reader = CallLabelContext(zones: zones, classes: classes, above: labels)
    let (teams, teamLimits, teamLabels) = decodeTeams(tenant, of: name, reader, world)
    tenant.finish()

    for place in places?.words ?? [] { zones.check(place, "places", report) }
    if let endpoints {
        for word in operators?.words ?? [] where !endpoints.operators.contains(word.value) {
            report.error(
                word.spot, "No endpoint has the operator \(quoted(word.value, or: "that is named here")).",
                meant: likely(word.value, among: endpoints.operators.sorted()))
        }
        for word in models?.words ?? [] where !endpoints.models.contains(word.value) {
            report.error(
                word.spot, "No endpoint serves the model \(quoted(word.value, or: "that is named here")).",
                meant: likely(word.value, among: endpoints.models.sorted()))
        }
    }
    if limits != .none { tenants.limits.append(AccountLimit(tenant: name, limits: limits)) }
    for team in teamLimits {
        for limit in team.limits.spend {
            guard let above = limits.spend.first(where: { $0.period == limit.period }), limit.amount > above.amount else {
                continue
            }
            report.note(
                "Team \(team.team ?? "") may spend more than its tenant \(name): the tenant's limit of \(above.amount) stops it first."
            )
        }
    }
    tenants.limits += teamLimits
    guard let places, let operators, let models else { return }
    tenants.policies.append(
        TenantPolicy(
            tenant: name, teams: teams, places: places.allowed { withRegions(zones.expand($0), endpoints) },
            operators: operators.allowed { $0 }, models: models.allowed { $0 }, labels: labels, teamLabels: teamLabels,
            company: company, hedge: hedge))
}

/// The places, and the regions that a deployment's labels were narrowed to inside of them: who permits a country permits its regions.
private func withRegions(_ places: Set<Place>, _ endpoints: Endpoints?) -> Set<Place> {
    places.union((endpoints?.regions ?? [:]).filter { places.contains($0.value) }.keys)
}

private func decodeTeams(
    _ tenant: Section, of name: String, _ context: CallLabelContext, _ world: World
) -> (Set<String>, [AccountLimit], [String: CallLabels]) {
    guard let section = tenant.section("teams") else { return ([], [], [:]) }
    var teams: Set<String> = []
    var labels: [String: CallLabels] = [:]
    var limits: [AccountLimit] = []
    for member in section.members("a team", .label) {
        teams.insert(member.name)
        guard let team = Section(member.value, "team \(quoted(member.name, or: "here"))", tenant.report) else { continue }
        let own = decodeAccountLimits(team, world)
        if own != .none { limits.append(AccountLimit(tenant: name, team: member.name, limits: own)) }
        labels[member.name] = team.optionalSection("labels").map { decodeTeamLabels($0, context) }
        team.finish()
    }
    if section.entries.isEmpty { tenant.report.error(section.spot, "A tenant needs at least one team: `teams: {main: {}}`.") }
    return (teams, limits, labels)
}

/// `any`, or the words of a list.
private enum Permits {
    case any
    case only([Section.Text])

    var words: [Section.Text] {
        switch self {
        case .any: []
        case .only(let words): words
        }
    }

    func allowed(_ expand: (Set<String>) -> Set<String>) -> TenantPolicy.Allowed {
        switch self {
        case .any: .any
        case .only(let words): .only(expand(Set(words.map(\.value))))
        }
    }
}

private func allowed(_ node: Node, _ key: String, _ section: Section) -> Permits? {
    if case .scalar = node {
        guard let text = section.scalar(node, key) else { return nil }
        if text.value == "any" { return .any }
        section.report.error(
            text.spot, "`\(key)` takes a list, `[a, b]`, or the word `any`.", meant: likely(text.value, among: ["any"]))
        return nil
    }
    guard let words = section.list(node, key) else { return nil }
    for word in words where word.value == "any" {
        section.report.error(word.spot, "`any` stands alone, without a list: `\(key): any`.")
    }
    return .only(words.filter { $0.value != "any" })
}
