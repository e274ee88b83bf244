import Cedar
import Core
import Policy
import Yams

/// Reads the whole rule pack that comes with Weir, in the order of its names.
public func loadRulePack(environment: [String: String]) -> Result<[Rule], ConfigurationErrors> {
    let report = Report(file: "share/rules")
    let rules = Rule.names.compactMap { name in
        readRule(name, environment: environment, readFile: readTextFile, at: .start, report)?.rule
    }
    return report.errors.isEmpty ? .success(rules) : .failure(report.all)
}

/// The rules that `policy.rules` switches on, `all` or a list of names, and their files.
func decodeRules(_ section: Section, _ world: World) -> [(rule: Rule, path: String)] {
    let report = section.report
    guard let node = section.optional("rules") else { return [] }
    var names: [Section.Text] = []
    if case .scalar = node {
        guard let word = section.scalar(node, "rules") else { return [] }
        guard word.value == "all" else {
            report.error(
                word.spot, "`rules` takes a list of rules, `[cn.export.count]`, or the word `all`.",
                meant: likely(word.value, among: ["all"]))
            return []
        }
        names = Rule.names.map { Section.Text(value: $0, spot: word.spot) }
    } else {
        names = section.list(node, "rules") ?? []
        if names.isEmpty { report.error(Spot(node), "`rules` takes at least one rule of the pack; leave it out for none.") }
    }
    var found: [(rule: Rule, path: String)] = []
    for name in names {
        guard Rule.names.contains(name.value) else {
            let near = nearestNames(name.value, among: Rule.names).joined(separator: ", ")
            report.error(name.spot, "The pack has no such rule. The nearest are \(near). `weir rules` lists them all.")
            continue
        }
        let rule = readRule(name.value, environment: world.environment, readFile: world.readFile, at: name.spot, report)
        if let rule { found.append(rule) }
    }
    return found
}

/// One rule of the pack and its file; nil, with an error, when the file is not there or is no rule.
private func readRule(
    _ name: String, environment: [String: String], readFile: (String) throws -> String, at spot: Spot, _ report: Report
) -> (rule: Rule, path: String)? {
    guard let path = shareFile("rules/\(name).cedar", environment: environment) else {
        report.error(spot, "The rule pack is not found: set WEIR_SHARE to the folder `share` of Weir.")
        return nil
    }
    let text: String
    do {
        text = try readFile(path)
    } catch {
        report.error(spot, "The rule `\(name)` cannot be read: \((error as? FileProblem)?.description ?? path).")
        return nil
    }
    do {
        return (try Rule(name: name, Source(name: path, text: text)), path)
    } catch {
        report.adopt(error)
        return nil
    }
}

/// What an operator should know of the rules that are on.
func noteRules(_ rules: [Rule], own: [String: Set<Place>], _ catalogue: PlaceCatalogue, _ report: Report) {
    guard !rules.isEmpty else { return }
    report.note("\(rules.count == 1 ? "1 rule" : "\(rules.count) rules") of the pack on. \(Rule.caution)")
    for rule in rules {
        for zone in rule.zones.sorted() {
            guard let members = own[zone], members.filter(isCountry) != catalogue.zones[zone]?.places else { continue }
            report.note("rule \(rule.name) compares with the zone \(zone) of this file, whose countries are not the catalogue's")
        }
    }
}

/// Says of each tenant what the policies ask of its company and nobody has said.
func noteUnknownFacts(_ timeline: PolicyTimeline, _ report: Report) {
    for tenant in timeline.world.tenants {
        let facts = timeline.book.unknownFacts(of: tenant.tenant, in: timeline.world)
        guard !facts.isEmpty else { continue }
        report.note(
            "tenant \(tenant.tenant): its `company` does not say \(facts.map { "`\($0)`" }.joined(separator: ", ")), which policies ask for; a call of which they do is denied"
        )
    }
}
