import Core
import Policy
import Yams

/// The most documents that one endpoint's labels rest on.
private let attestationsMax = 16
private let exportTagsMax = 32

/// The labels of an endpoint: filled by the catalogue where it names a `deployment`, narrowed by its own keys, attested by documents.
func decodeLabels(
    _ section: Section, _ name: String, _ zones: Zones, _ world: World, regions: inout [Place: Place]
) -> Labels? {
    let report = section.report
    let namesDeployment = section.has("deployment")
    let deployment = section.optionalSection("deployment")
    let filled = deployment.map { decodeDeployment($0, world) }
    // What a document says need not be said again.
    let documents = decodeDocuments(section, zones, spelledOut: namesDeployment)
    let attested = Set(documents.flatMap(\.attestation.says.keys))
    let needs: Set<Labels.Field> =
        namesDeployment ? [] : Set([.processedIn, .storedIn, .operator]).subtracting(attested)
    let (statement, spots) = decodeStatement(section, zones, needs: needs, spelledOut: namesDeployment)
    if namesDeployment, (filled ?? nil) == nil { return nil }

    let start = (filled ?? nil) ?? .unknown
    let catalogue =
        deployment.flatMap { world.places.catalogue(at: $0.spot, report) } ?? PlaceCatalogue()
    var (labels, problems) = start.stating(statement, in: catalogue)
    for problem in problems { report.error(spots[problem.field] ?? section.spot, problem.message) }
    var said = Set(spots.keys)
    for document in documents {
        for field in Labels.Field.allCases where document.attestation.says[field] != nil && !said.insert(field).inserted {
            report.error(document.spots[field] ?? section.spot, "`\(field.rawValue)` is said twice for this endpoint.")
        }
        (labels, problems) = start.attesting(document.statement, as: document.attestation, over: labels, in: catalogue)
        for problem in problems { report.error(document.spots[problem.field] ?? section.spot, problem.message) }
    }
    for gap in start.gaps where labels.processedIn.isUnknown || (labels.storedIn.isUnknown && labels.retentionDays != 0) {
        report.note("endpoint \(name): \(gap); policy denies what is unknown")
    }
    if deployment != nil {
        for place in labels.processedIn.union(labels.storedIn) { regions[place] = catalogue.country(of: place) }
    }
    guard needs.isSubset(of: said) else { return nil }
    return labels
}

/// A deployment that the catalogue knows, with its labels; nil, with errors that list the nearest names, when it does not.
private func decodeDeployment(_ section: Section, _ world: World) -> FilledLabels? {
    let cloud = section.text("cloud")
    let region = section.text("region")
    let sku = section.optionalText("sku")
    section.finish()
    guard let cloud, let region, let catalogue = world.places.catalogue(at: section.spot, section.report) else { return nil }
    let deployment = Deployment(cloud: cloud.value, region: region.value, sku: sku?.value)
    do {
        return try catalogue.labels(of: deployment)
    } catch {
        let report = section.report
        switch error {
        case .unknownCloud(let known): report.error(cloud.spot, "The catalogue knows no such cloud.", nearest: cloud.value, known)
        case .unknownRegion(let cloud, let known):
            report.error(region.spot, "The catalogue knows no such region of `\(cloud)`.", nearest: region.value, known)
        case .unknownSKU(let cloud, let known):
            report.error(
                section.spot(of: "sku"), "The catalogue knows no such SKU of `\(cloud)`.", nearest: deployment.sku ?? "", known)
        case .missingSKU(let cloud, let known):
            report.error(
                section.spot,
                "`sku` is missing: it decides where `\(cloud)` processes. It is one of \(known.joined(separator: ", ")).")
        case .needlessSKU(let cloud):
            report.error(section.spot(of: "sku"), "`\(cloud)` has one kind of deployment only: leave `sku` out.")
        case .notSold(let name, let cloud, let regions):
            report.error(
                section.spot(of: "sku"), "`\(cloud)` sells `\(name)` in \(regions.joined(separator: ", ")) only.")
        }
        return nil
    }
}

extension Report {
    /// Names are many, so the nearest are listed, and all only where they are few.
    fileprivate func error(_ spot: Spot, _ message: String, nearest word: String, _ known: [String]) {
        let near = nearestNames(word, among: known)
        let list = near.joined(separator: ", ")
        error(spot, message + (near.count == known.count ? " Known are \(list)." : " The nearest are \(list)."))
    }
}

/// How many names a hint lists.
private let nearestMax = 5

/// The names that resemble a word most, best first; all of them, in order, when they are few.
func nearestNames(_ word: String, among known: [String]) -> [String] {
    guard known.count > nearestMax else { return known }
    let wanted = Array(word.lowercased().utf8.prefix(64).filter { isLetter($0) || isDigit($0) })
    func distance(_ name: String) -> Int {
        let plain = Array(name.lowercased().utf8.filter { isLetter($0) || isDigit($0) })
        // What begins alike is nearer than what is merely as long.
        let common = zip(wanted, plain).prefix { $0 == $1 }.count
        return 2 * editDistance(wanted, plain) - 3 * common
    }
    return Array(known.map { (distance($0), $0) }.sorted { $0 < $1 }.map(\.1).prefix(nearestMax))
}

// MARK: - What is said

/// The labels that a mapping states, and where each stands.
private func decodeStatement(
    _ section: Section, _ zones: Zones, needs: Set<Labels.Field>, spelledOut: Bool
) -> (LabelStatement, [Labels.Field: Spot]) {
    let why = "Nothing is inferred: list the places, or `[]` for unknown, which policy denies."
    func node(_ field: Labels.Field, _ why: String = "") -> Node? {
        needs.contains(field) ? section.required(field.rawValue, why) : section.optional(field.rawValue)
    }
    func places(_ field: Labels.Field) -> Set<Place>? {
        guard let words = node(field, why).flatMap({ section.list($0, field.rawValue) }) else { return nil }
        for word in words where word.value != anywhere { zones.check(word, field.rawValue, section.report) }
        let all = Set(words.map(\.value))
        if all.isAnywhere, all.count > 1 {
            section.report.error(
                section.spot(of: field.rawValue), "`\(anywhere)` holds every place: write it alone, or leave it out.")
        }
        return spelledOut ? zones.spelledOut(all) : all
    }
    func prose(_ field: Labels.Field, max: Int) -> String? {
        let text = node(field).flatMap { section.scalar($0, field.rawValue) }
        return section.value(text) { readProse($0, field.rawValue, max: max) }
    }
    var statement = LabelStatement()
    statement.processedIn = places(.processedIn)
    statement.storedIn = places(.storedIn)
    statement.operator = prose(.operator, max: 64)
    statement.operatorCountry = section.optionalCountry("operatorCountry")
    statement.trains = section.optionalChoice("trains", Labels.Trains.self)
    statement.retentionDays = section.optionalWhole("retentionDays", in: 0...36_500).map(Int.init)
    statement.contract = prose(.contract, max: 200)
    statement.accessFrom = places(.accessFrom)
    statement.owner = prose(.owner, max: 64)
    statement.ownerCountry = section.optionalCountry("ownerCountry")
    statement.review = section.optionalChoice("review", Labels.Review.self)
    statement.hardware = section.value(section.optionalText("hardware")) { readName($0, "hardware", .label) }
    statement.exportTags = decodeExportTags(section)
    statement.records = section.optionalSection("records").map(decodeRecords) ?? [:]
    let spots = Labels.Field.allCases.filter { section.has($0.rawValue) }.map { ($0, section.spot(of: $0.rawValue)) }
    return (statement, Dictionary(uniqueKeysWithValues: spots))
}

/// Export tags of an endpoint or of calls; `[]` says that there are none.
func decodeExportTags(_ section: Section) -> Set<String>? {
    guard let words = section.optional("exportTags").flatMap({ section.list($0, "exportTags") }) else { return nil }
    for word in words where !CallLabels.isExportTag(word.value) {
        section.report.error(word.spot, "An export tag has 1 to 64 letters, digits, `.`, `_` and `-`.")
    }
    if words.count > exportTagsMax {
        section.report.error(section.spot(of: "exportTags"), "`exportTags` takes at most \(exportTagsMax) tags.")
    }
    return Set(words.map(\.value))
}

/// One document and what it says.
private struct Document {
    var attestation: Attestation
    var statement: LabelStatement
    var spots: [Labels.Field: Spot]
}

/// `attest`: a mapping, or a list of them.
private func decodeDocuments(_ section: Section, _ zones: Zones, spelledOut: Bool) -> [Document] {
    guard let node = section.optional("attest") else { return [] }
    var nodes = [node]
    if case .sequence(let sequence) = node { nodes = Array(sequence) }
    if nodes.isEmpty || nodes.count > attestationsMax {
        section.report.error(Spot(node), "`attest` takes one attestation, or a list of 1 to \(attestationsMax).")
    }
    return nodes.prefix(attestationsMax).compactMap { node in
        Section(node, "`attest`", section.report).flatMap { decodeDocument($0, zones, spelledOut: spelledOut) }
    }
}

private func decodeDocument(_ section: Section, _ zones: Zones, spelledOut: Bool) -> Document? {
    let by = section.value(section.text("by")) { readProse($0, "by", max: 128) }
    let on = section.value(section.text("on")) { text -> Reading<CivilDate> in
        CivilDate(text).map { .value($0) } ?? .wrong("`on` takes the day of the attestation: `2026-01-31`.")
    }
    let hash = section.value(section.text("document")) { text -> Reading<String> in
        guard text.hasPrefix("sha256:"), let digest = KeyDigest(hex: text.dropFirst(7)) else {
            return .wrong("`document` takes `sha256:` and 64 hexadecimal digits: what `sha256sum` prints for the document.")
        }
        return .value(digest.hex)
    }
    let (statement, spots) = decodeStatement(section, zones, needs: [], spelledOut: spelledOut)
    section.finish()
    if spots.isEmpty { section.report.error(section.spot, "An attestation says at least one label, such as `processedIn`.") }
    guard let by, let on, let hash else { return nil }
    return Document(
        attestation: Attestation(by: by, on: on, document: hash, says: statement.words), statement: statement, spots: spots)
}

extension LabelStatement {
    /// What is said, label by label, in the configuration's words.
    fileprivate var words: [Labels.Field: String] {
        func list(_ set: Set<String>?) -> String? { set.map { "[" + $0.sorted().joined(separator: ", ") + "]" } }
        let records = self.records.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.number)" }.joined(separator: ", ")
        let all: [Labels.Field: String?] = [
            .processedIn: list(processedIn), .storedIn: list(storedIn), .accessFrom: list(accessFrom),
            .operator: self.operator, .operatorCountry: operatorCountry, .owner: owner, .ownerCountry: ownerCountry,
            .trains: trains?.rawValue, .retentionDays: retentionDays.map { "\($0)" }, .review: review?.rawValue,
            .contract: contract, .hardware: hardware, .exportTags: list(exportTags),
            .records: self.records.isEmpty ? nil : records,
        ]
        return all.compactMapValues { $0 }
    }
}
