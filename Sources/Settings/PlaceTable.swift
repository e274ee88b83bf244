import Core
import Policy

/// The format of `share/places.json` that this Weir reads.
private let placeFormat: Int64 = 1
/// The most names of a kind in the catalogue.
private let namesMax = 1000

/// Reads a catalogue of places in the form of `share/places.json`; `file` is its name in errors.
public func placeCatalogue(text: String, file: String) -> Result<PlaceCatalogue, ConfigurationErrors> {
    let report = Report(file: file)
    guard let catalogue = PlaceCatalogue(json: text, report) else { return .failure(report.all) }
    return .success(catalogue)
}

extension PlaceCatalogue {
    /// Reads a catalogue of places; nil, with errors that name the entry and its place in the file, when anything in it is not as it
    /// should be.
    init?(json text: String, _ report: Report) {
        let bytes = Array(text.utf8)
        self.init()
        do {
            let root = PlaceReader(try PlacedJSON.parse(bytes), "the catalogue", bytes, report)
            if root.value["format"]?.whole != placeFormat {
                root.error("A catalogue of places is an object with `format: \(placeFormat)`.")
                return nil
            }
            root.expect(["format", "about", "zones", "clouds"])
            let sources = root.value["about"]?.list ?? []
            if sources.isEmpty || sources.contains(where: { $0["from"]?.text == nil || $0["licence"]?.text == nil }) {
                root.error("`about` is a list that names `from` and `licence` of every source.")
            }
            for (name, zone) in root.members("zones") {
                zones[name] = zone.zone(name)
            }
            let names = Set(zones.keys)
            for (name, cloud) in root.members("clouds") {
                clouds[name] = cloud.cloud(zones: names)
            }
        } catch {
            report.error(Spot(offset: error.offset, in: bytes), error.message)
        }
        if !report.errors.isEmpty { return nil }
    }
}

/// One object of the catalogue while it is read.
private struct PlaceReader {
    let value: PlacedJSON
    let title: String
    let bytes: [UInt8]
    let report: Report

    init(_ value: PlacedJSON, _ title: String, _ bytes: [UInt8], _ report: Report) {
        self.value = value
        self.title = title
        self.bytes = bytes
        self.report = report
        if value.members == nil { error("An object belongs here, for \(title).") }
    }

    func error(_ message: String, at other: PlacedJSON? = nil) {
        report.error(Spot(offset: (other ?? value).offset, in: bytes), message)
    }

    func expect(_ names: Set<String>) {
        for member in value.members ?? [] where !names.contains(member.name) {
            report.error(
                Spot(offset: member.offset, in: bytes), "\(quoted(member.name, or: "This")) is not a key of \(title).",
                meant: likely(member.name, among: names.sorted()))
        }
    }

    /// The named objects inside a member.
    func members(_ key: String) -> [(String, PlaceReader)] {
        guard let inner = value[key] else { return [] }
        guard let members = inner.members, members.count <= namesMax else {
            error("`\(key)` of \(title) is an object of at most \(namesMax) entries.", at: inner)
            return []
        }
        return members.map { ($0.name, PlaceReader($0.value, "\(key) \(quoted($0.name, or: "here"))", bytes, report)) }
    }

    func text(_ key: String, required: Bool = false) -> String? {
        guard let inner = value[key] else {
            if required { error("`\(key)` is missing in \(title).") }
            return nil
        }
        guard let text = inner.text, !text.isEmpty else {
            error("`\(key)` of \(title) takes text.", at: inner)
            return nil
        }
        return text
    }

    func choice<T: RawRepresentable<String> & CaseIterable>(_ key: String, _ type: T.Type) -> T? {
        guard let word = text(key) else { return nil }
        if let choice = T(rawValue: word) { return choice }
        let words = T.allCases.map(\.rawValue)
        error("`\(key)` of \(title) is one of \(words.joined(separator: ", ")).", at: value[key])
        return nil
    }

    func words(_ key: String) -> [String]? {
        guard let inner = value[key] else { return nil }
        let words = (inner.list ?? []).compactMap(\.text)
        guard let list = inner.list, words.count == list.count, Set(words).count == words.count else {
            error("`\(key)` of \(title) takes a list of words, each once.", at: inner)
            return nil
        }
        return words
    }

    func country(_ key: String) -> Place? {
        guard let word = text(key) else { return nil }
        if !isCountry(word) { error("`\(key)` of \(title) takes a country of ISO 3166-1.", at: value[key]) }
        return word
    }

    /// Countries, and names that `others` knows.
    func places(_ key: String, or others: Set<String> = []) -> Set<Place>? {
        guard let words = words(key) else { return nil }
        for word in words where !isCountry(word) && !others.contains(word) {
            error("\(quoted(word, or: "This")) in `\(key)` of \(title) is no country of ISO 3166-1.", at: value[key])
        }
        return Set(words)
    }

    func zone(_ name: String) -> PlaceCatalogue.Zone? {
        expect(["places", "source"])
        if isPlace(name) || name == anywhere || name == "any" { error("A zone cannot be called as a place is.") }
        guard let places = places("places"), !places.isEmpty, let source = text("source", required: true) else {
            error("A zone takes `places`, at least one, and `source`.")
            return nil
        }
        return PlaceCatalogue.Zone(places: places, source: source)
    }

    func cloud(zones: Set<String>) -> PlaceCatalogue.Cloud? {
        expect([
            "operator", "operatorCountry", "owner", "ownerCountry", "trains", "retentionDays", "review", "source", "attest",
            "skus",
            "stores", "dataZones", "geographies", "regions",
        ])
        let retention = value["retentionDays"]?.whole
        if value["retentionDays"] != nil, retention.map({ !(0...36_500).contains($0) }) ?? true {
            error("`retentionDays` of \(title) takes a whole number of days.", at: value["retentionDays"])
        }
        let dataZones = words("dataZones") ?? []
        for zone in dataZones where !zones.contains(zone) {
            error("No zone is called \(quoted(zone, or: "that")).", at: value["dataZones"])
        }
        var geographies: [String: Set<Place>] = [:]
        for member in value["geographies"]?.members ?? [] {
            let list = (member.value.list ?? []).compactMap(\.text)
            if list.isEmpty || !list.allSatisfy(isCountry) {
                error("A geography of \(title) takes a list of countries of ISO 3166-1.", at: member.value)
            }
            geographies[member.name] = Set(list)
        }
        var regions: [String: PlaceCatalogue.Region] = [:]
        for (name, region) in members("regions") {
            regions[name] = region.region(geographies: geographies, zones: zones)
            if !isPlace("x:\(name)") { region.error("A region's name has lower-case letters, digits and `-`.") }
        }
        if regions.isEmpty { error("A cloud has at least one region (\(title)).") }
        let skus = skus(regions: Set(regions.keys))
        if skus.values.contains(where: { $0.processes == .zone }), dataZones.isEmpty {
            error("A kind of deployment of \(title) processes in a zone, and it has no `dataZones`.", at: value["skus"])
        }
        guard let name = text("operator", required: true), let source = text("source", required: true) else { return nil }
        return PlaceCatalogue.Cloud(
            operator: name, operatorCountry: country("operatorCountry"), owner: text("owner"),
            ownerCountry: country("ownerCountry"),
            trains: choice("trains", Labels.Trains.self), retentionDays: retention.map { Int($0) },
            review: choice("review", Labels.Review.self), source: source, attest: text("attest"), skus: skus,
            stores: choice("stores", PlaceCatalogue.Storage.self), dataZones: dataZones, geographies: geographies,
            regions: regions)
    }

    /// A SKU is its scope alone, or an object with `processes` and `regions`.
    private func skus(regions: Set<String>) -> [String: PlaceCatalogue.SKU] {
        var skus: [String: PlaceCatalogue.SKU] = [:]
        for member in value["skus"]?.members ?? [] {
            if let word = member.value.text {
                guard let scope = PlaceCatalogue.Scope(rawValue: word) else {
                    error(
                        "A kind of deployment of \(title) processes `anywhere`, in a `zone` or in its `region`.", at: member.value
                    )
                    continue
                }
                skus[member.name] = PlaceCatalogue.SKU(processes: scope)
                continue
            }
            let inner = PlaceReader(member.value, "skus \(quoted(member.name, or: "here"))", bytes, report)
            inner.expect(["processes", "regions"])
            guard let scope = inner.choice("processes", PlaceCatalogue.Scope.self), let sold = inner.words("regions") else {
                inner.error("A kind of deployment takes `processes` and `regions`.")
                continue
            }
            for name in sold where !regions.contains(name) {
                inner.error("No region is called \(quoted(name, or: "that")).", at: inner.value["regions"])
            }
            skus[member.name] = PlaceCatalogue.SKU(processes: scope, regions: Set(sold))
        }
        return skus
    }

    func region(geographies: [String: Set<Place>], zones: Set<String>) -> PlaceCatalogue.Region {
        expect(["country", "display", "geography", "processedIn", "storedIn"])
        let geography = text("geography")
        if let geography, geographies[geography] == nil {
            error("No geography is called \(quoted(geography, or: "that")).", at: value["geography"])
        }
        return PlaceCatalogue.Region(
            country: country("country"), display: text("display"), geography: geography,
            processedIn: places("processedIn", or: zones) ?? [], storedIn: places("storedIn", or: zones) ?? [])
    }
}

/// The catalogue of places, read when the first word of the file asks for it: a configuration that spells its places out needs none.
final class PlaceSource {
    private let environment: [String: String]
    private let readFile: (String) throws -> String
    private var state: State = .unread
    /// Zones of the catalogue that the file used, with their members.
    private(set) var used: [String: Set<Place>] = [:]

    private enum State {
        case unread
        case read(PlaceCatalogue)
        case missing(String)
        case wrong(Report)
    }

    init(environment: [String: String], readFile: @escaping (String) throws -> String) {
        self.environment = environment
        self.readFile = readFile
    }

    private func load() -> State {
        if case .unread = state { state = reading() }
        return state
    }

    private func reading() -> State {
        guard let path = shareFile("places.json", environment: environment) else {
            return .missing("is not found: set WEIR_SHARE to the folder `share` of Weir")
        }
        let text: String
        do {
            text = try readFile(path)
        } catch {
            return .missing("cannot be read: \((error as? FileProblem)?.description ?? path)")
        }
        let problems = Report(file: path)
        guard let catalogue = PlaceCatalogue(json: text, problems) else { return .wrong(problems) }
        return .read(catalogue)
    }

    /// The catalogue; nil, with an error, when there is none.
    func catalogue(at spot: Spot, _ report: Report) -> PlaceCatalogue? {
        switch load() {
        case .read(let catalogue): return catalogue
        case .missing(let why):
            report.error(spot, "The catalogue of places `places.json` \(why).")
        case .wrong(let problems):
            report.adopt(problems)
            if report.errors.isEmpty { report.error(spot, "The catalogue of places `places.json` is wrong.") }
        case .unread: break
        }
        return nil
    }

    /// The catalogue, for what no word of the file asks for; nil when there is none that can be read.
    var atHand: PlaceCatalogue? { if case .read(let catalogue) = load() { catalogue } else { nil } }

    /// The members of a zone that the catalogue has, its zones inside included by name; nil when it has none of this name.
    func zone(_ name: String) -> Set<Place>? {
        if let known = used[name] { return known }
        guard NameForm.label.problem(name) == nil, case .read(let catalogue) = load(), let zone = catalogue.zones[name] else {
            return nil
        }
        let inside = catalogue.zones.filter { $0.key != name && $0.value.places.isSubset(of: zone.places) }.keys
        let members = zone.places.union(inside)
        used[name] = members
        return members
    }

    var zoneNames: [String] {
        if case .read(let catalogue) = load() { catalogue.zones.keys.sorted() } else { [] }
    }
}
