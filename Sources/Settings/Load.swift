import Core
import Ledger
import Policy

/// The format of the file that this Weir reads.
let formatVersion = 1

/// Reads a configuration. `file` is its path: relative paths inside start at its folder. `readFile` reads secrets, certificates
/// and authorities; nothing else is read, and the environment is only what is handed in. Policies whose time is over at `now` are left out.
public func loadConfiguration(
    text: String, file: String, environment: [String: String], secrets: SecretReading = .read, at now: Timestamp = .now(),
    readFile: (String) throws -> String
) -> Result<Configuration, ConfigurationErrors> {
    let report = Report(file: file)
    let configuration = withoutActuallyEscaping(readFile) { readFile in
        let world = World(file: file, environment: environment, secrets: secrets, readFile: readFile)
        return decode(text, world, at: now, report)
    }
    guard report.errors.isEmpty, let configuration else { return .failure(report.all) }
    return .success(configuration)
}

/// Reads only what a file says of prices (`prices`, `currencies`), whatever else stands in it: a book to rate a period by again.
public func loadPriceBook(
    text: String, file: String, environment: [String: String], readFile: (String) throws -> String
) -> Result<PriceBook, ConfigurationErrors> {
    let report = Report(file: file)
    let lists = withoutActuallyEscaping(readFile) { readFile -> [String: [Price]]? in
        let world = World(file: file, environment: environment, readFile: readFile)
        guard let root = parseYAML(text, report), let top = Section(root, "the file", report) else { return nil }
        let currencies = top.optionalSection("currencies").map(decodeCurrencies) ?? [:]
        return top.section("prices").map {
            decodePrices($0, PriceSources(currencies: currencies, world: world, report: report))
        }
    }
    guard report.errors.isEmpty, let lists else { return .failure(report.all) }
    return .success(PriceBook(lists))
}

/// What decoding may look at besides the text.
struct World {
    var file: String
    var environment: [String: String]
    var secrets: SecretReading
    var readFile: (String) throws -> String
    let timeZones = TimeZones()
    let places: PlaceSource

    init(
        file: String, environment: [String: String], secrets: SecretReading = .read,
        readFile: @escaping (String) throws -> String
    ) {
        self.file = file
        self.environment = environment
        self.secrets = secrets
        self.readFile = readFile
        places = PlaceSource(environment: environment, readFile: readFile)
    }

    func timeZone(_ name: String) -> CivilZone? { timeZones.zone(name) }

    /// A path of the file as one that this process can open.
    func path(_ path: String) -> String {
        if path.utf8.first == UInt8(ascii: "/") { return path }
        guard let slash = file.lastIndex(of: "/") else { return path }
        return String(file[...slash]) + path
    }
}

private func decode(_ text: String, _ world: World, at now: Timestamp, _ report: Report) -> Configuration? {
    guard let root = parseYAML(text, report), let top = Section(root, "the file", report) else { return nil }

    if let version = top.whole("weir", in: 1...1_000_000), version != formatVersion {
        report.error(top.spot(of: "weir"), "This Weir reads format \(formatVersion).")
    }
    let node = top.name("node")
    let data = top.path("data", world)
    let listen = top.section("listen").flatMap { decodeListen($0, world) }
    let limits = top.optionalSection("limits").map(decodeLimits) ?? ListenerLimits()
    let journal = top.optionalSection("journal").map(decodeJournal) ?? JournalSettings()
    let doubt = top.optionalSection("doubt").map(decodeDoubt) ?? DoubtPolicy()
    let zones = top.optionalSection("zones").map { decodeZones($0, world.places) } ?? Zones(source: world.places)
    let classes = top.optional("classes").flatMap { decodeClasses($0, top) } ?? .standard
    let engines = top.optionalSection("engines").map { decodeEngines($0, world) } ?? Engines()
    let currencies = top.optionalSection("currencies").map(decodeCurrencies) ?? [:]
    let sources = PriceSources(currencies: currencies, world: world, report: report)
    let prices = top.section("prices").map { decodePrices($0, sources) }
    let endpoints = top.section("endpoints").map {
        decodeEndpoints($0, zones: zones, engines: engines, prices: prices, world)
    }
    let tenants = top.section("tenants").map { decodeTenants($0, zones: zones, classes: classes, endpoints: endpoints, world) }
    let models = top.optionalSection("models").map { decodeModels($0, endpoints: endpoints) } ?? [:]
    let alerts = top.optionalSection("alerts").flatMap { decodeAlerts($0, world) }
    let witness = top.optionalSection("witness").flatMap(decodeWitness)
    let backup = top.optionalSection("backup").flatMap { decodeBackup($0, world, data: data) }
    let policy = top.optionalSection("policy").map { decodePolicySources($0, world) }
    top.finish()
    let allZones = zones.expanded.merging(world.places.used) { own, _ in own }
    let regions = decodeRegions(endpoints?.present ?? [], zones: allZones, world.places, report)

    guard let node, let data, let listen, let prices, let endpoints, let tenants else { return nil }
    let policies = policy.flatMap { policy in
        let catalogue = world.places.catalogue(at: policy.spot, report) ?? PlaceCatalogue()
        let policyWorld = PolicyWorld(
            endpoints: endpoints.present, tenants: tenants.policies, classes: classes, models: models,
            zones: zones.expanded.merging(catalogue.zones.mapValues(\.places)) { own, _ in own },
            countries: catalogue.countries(also: endpoints.regions))
        let timeline = compilePolicies(policy, in: policyWorld, at: now, report)
        if let timeline {
            noteRules(policy.rules, own: zones.expanded, catalogue, report)
            noteUnknownFacts(timeline, report)
        }
        return timeline
    }
    return Configuration(
        node: node, dataFolder: data, listen: listen, limits: limits, journal: journal, doubt: doubt,
        zones: allZones, regions: regions, classes: classes,
        engines: engines.present, endpoints: endpoints.present, leftOut: endpoints.leftOut, priceBook: PriceBook(prices),
        tenants: tenants.policies, policies: policies,
        countries: (world.places.atHand ?? PlaceCatalogue()).countries(also: endpoints.regions),
        rules: policy?.rules ?? [], files: policy?.paths ?? [],
        accountLimits: tenants.limits, timeZones: world.timeZones.loaded, alerts: alerts,
        witness: witness, backupFolder: backup, notes: report.notes, source: text)
}

/// What providers' reports of regions are held against. Without the catalogue reports are journalled and not judged.
private func decodeRegions(
    _ endpoints: [Endpoint], zones: [String: Set<Place>], _ places: PlaceSource, _ report: Report
) -> RegionJudge {
    guard let catalogue = places.atHand else {
        if endpoints.contains(where: { $0.provider == .azure }) {
            report.note("regions that Azure reports are not judged: the catalogue of places `places.json` cannot be read")
        }
        return RegionJudge(zones: zones)
    }
    return RegionJudge(catalogue, zones: zones)
}
