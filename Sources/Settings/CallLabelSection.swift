import Core
import Yams

/// The most purposes that a tenant's or team's calls may have.
private let purposesMax = 64

/// The order of data classes, least first.
func decodeClasses(_ node: Node, _ section: Section) -> DataClasses? {
    guard let words = section.list(node, "classes") else { return nil }
    for word in words {
        if let problem = NameForm.label.problem(word.value) {
            section.report.error(word.spot, "This name of a data class \(problem)")
        }
    }
    if let classes = DataClasses(words.map(\.value)) { return classes }
    section.report.error(
        Spot(node),
        "`classes` lists at most \(DataClasses.countMax) data classes, least first. `personal` and, behind it, `sensitive` have to be among them, since rules ask for these two."
    )
    return nil
}

/// What the labels of a team are read against.
struct CallLabelContext {
    var zones: Zones
    var classes: DataClasses
    /// Of the team's tenant.
    var above: CallLabels
}

/// What the calls of a tenant or a team are: bounds that hold for each of their keys.
func decodeCallLabels(_ section: Section, _ zones: Zones, _ classes: DataClasses) -> CallLabels {
    let report = section.report
    var labels = CallLabels()
    labels.dataClass = section.value(section.optionalText("class")) { word -> Reading<String> in
        if classes.rank(of: word) != nil { return .value(word) }
        return .wrong(
            "`class` is one of \(classes.names.map { "`\($0)`" }.joined(separator: ", ")).",
            meant: likely(word, among: classes.names))
    }
    if let words = section.optional("categories").flatMap({ section.list($0, "categories") }) {
        let known = DataCategory.allCases.map(\.rawValue)
        for word in words where DataCategory(rawValue: word.value) == nil {
            report.error(
                word.spot, "`categories` takes \(known.map { "`\($0)`" }.joined(separator: ", ")), or `[]` for none of them.",
                meant: likely(word.value, among: known))
        }
        labels.categories = Set(words.compactMap { DataCategory(rawValue: $0.value) })
    }
    labels.subjects = decodeSubjects(section, zones)
    if let words = section.optional("purposes").flatMap({ section.list($0, "purposes") }) {
        for word in words {
            if let problem = NameForm.label.problem(word.value) { report.error(word.spot, "A purpose's name \(problem)") }
        }
        if words.isEmpty || words.count > purposesMax {
            report.error(section.spot(of: "purposes"), "`purposes` takes 1 to \(purposesMax) names; leave it out for unknown.")
        }
        labels.purposes = Set(words.map(\.value))
    }
    labels.exportTags = decodeExportTags(section)
    labels.clientNarrows = section.optionalChoice("clients", Clients.self).map { $0 == .narrow }
    section.finish()
    return labels
}

/// Whether clients may say something of their own calls.
private enum Clients: String, CaseIterable { case narrow, fixed }

/// Countries where the people may be, zones spelled out.
private func decodeSubjects(_ section: Section, _ zones: Zones) -> Set<Place> {
    if case .sequence(let words)? = section.entries.first(where: { $0.name == "subjects" })?.value, words.isEmpty {
        section.report.error(section.spot(of: "subjects"), "`subjects` takes at least one place; leave it out for unknown.")
    }
    return section.optionalCountries("subjects", zones) ?? []
}

/// A team's labels. They narrow its tenant's; what would widen them could never take effect, and is an error.
func decodeTeamLabels(_ section: Section, _ context: CallLabelContext) -> CallLabels {
    let labels = decodeCallLabels(section, context.zones, context.classes)
    let above = context.above
    let report = section.report
    if let name = labels.dataClass, let least = above.dataClass, let rank = context.classes.rank(of: name),
        let leastRank = context.classes.rank(of: least), rank < leastRank
    {
        report.error(section.spot(of: "class"), "The tenant's class is `\(least)`; a team can only raise it.")
    }
    if !labels.subjects.isEmpty, !above.subjects.isEmpty, !labels.subjects.lies(within: above.subjects) {
        let outside = labels.subjects.subtracting(above.subjects).sorted().joined(separator: ", ")
        report.error(section.spot(of: "subjects"), "The tenant's subjects do not hold \(outside); a team can only narrow them.")
    }
    if !labels.purposes.isEmpty, !above.purposes.isEmpty, !labels.purposes.isSubset(of: above.purposes) {
        report.error(section.spot(of: "purposes"), "A team's purposes have to be among its tenant's.")
    }
    if labels.clientNarrows == true, above.clientNarrows == false {
        report.error(section.spot(of: "clients"), "The tenant fixes the labels of its clients' calls; a team cannot allow more.")
    }
    return labels
}
