import Cedar
import Core
import Policy
import TestKit

/// A small configuration with random labels and policies, and every call of a small universe: small enough to go through by hand.
struct TinyWorld {
    /// The labels that its policies ask for, two of seven: more would make the universe too large.
    let asked: [String]
    let world: PolicyWorld
    let policies: String
    let claims: String

    static let now = Timestamp(seconds: 1_800_000_000)
    static let places = ["SE", "DE", "CN", "US"]
    static let labels = ["dataClass", "subjects", "categories", "purposes", "exportTags", "exports", "now"]

    init(using random: inout SeededRandom) {
        var asked = Array(Self.labels.shuffled(using: &random).prefix(2))
        // Beside a count only what it is taken for, or the universe would be too large.
        if asked.contains("exports") { asked = ["exports", Bool.random(using: &random) ? "dataClass" : "exports"] }
        self.asked = asked
        let endpoints = (0..<Int.random(in: 1...3, using: &random)).map { Self.endpoint("e\($0)", using: &random) }
        world = Self.world(endpoints, using: &random)
        var text = "@id(\"p\") permit (principal, action, resource)\(Self.conditions(asked, 1, using: &random));\n"
        for number in 0..<Int.random(in: 1...5, using: &random) { text += Self.policy("q\(number)", asked, using: &random) }
        policies = text
        text = ""
        for number in 0..<2 { text += Self.policy("c\(number)", asked, claim: true, using: &random) }
        claims = text
    }

    /// Another configuration: some policies more or less, and sometimes other bounds and endpoints.
    func changed(using random: inout SeededRandom) -> TinyWorld {
        var endpoints = world.endpoints
        if Int.random(in: 0..<3, using: &random) == 0 {
            endpoints[0] = Self.endpoint(Bool.random(using: &random) ? "e0" : "e9", using: &random)
        }
        let isBoundOtherwise = Int.random(in: 0..<3, using: &random) == 0
        var lines = policies.split(separator: "\n").map(String.init)
        if lines.count > 1, Bool.random(using: &random) { lines.remove(at: Int.random(in: 1..<lines.count, using: &random)) }
        if lines.count == 1 || Bool.random(using: &random) {
            lines.append(Self.policy("r", asked, using: &random).trimmingNewline)
        }
        let text = lines.map { $0 + "\n" }.joined()
        let isHere = !text.contains("e0") || endpoints[0].name == "e0"
        var tenants = world.tenants
        if isBoundOtherwise {
            for index in tenants.indices { rebind(&tenants[index].labels, using: &random) }
            rebind(&tenants[0].teamLabels["b", default: .unknown], using: &random)
        }
        return TinyWorld(
            asked: asked,
            world: PolicyWorld(
                endpoints: isHere ? endpoints : world.endpoints, tenants: tenants, models: world.models, zones: world.zones),
            policies: text, claims: "")
    }

    /// Gives labels other bounds, where the universe has all of their values.
    private func rebind(_ labels: inout CallLabels, using random: inout SeededRandom) {
        let other = Self.bounds(using: &random)
        if varied.contains("dataClass") { labels.dataClass = other.dataClass }
        if varied.contains("categories") { labels.categories = other.categories }
        if varied.contains("subjects") { labels.subjects = other.subjects }
        if varied.contains("purposes") { labels.purposes = other.purposes }
        if varied.contains("exportTags") { labels.exportTags = other.exportTags }
    }

    private init(asked: [String], world: PolicyWorld, policies: String, claims: String) {
        self.asked = asked
        self.world = world
        self.policies = policies
        self.claims = claims
    }

    private static func world(_ endpoints: [Endpoint], using random: inout SeededRandom) -> PolicyWorld {
        PolicyWorld(
            endpoints: endpoints,
            tenants: [
                TenantPolicy(
                    tenant: "acme", teams: ["a", "b"], places: .any, operators: .any, models: .only(["m"]),
                    labels: Self.bounds(using: &random), teamLabels: ["b": Self.bounds(using: &random)],
                    company: Company(country: "SE", ownerCountries: ["US"])),
                TenantPolicy(
                    tenant: "beta", teams: ["c"], places: Bool.random(using: &random) ? .any : .only(["SE", "DE"]),
                    operators: .any,
                    models: .any, labels: Self.bounds(using: &random)),
            ],
            models: ["m": ModelFacts(family: "gpt", developerCountry: "US"), "n": ModelFacts(records: ["cac-filing": "1"])],
            zones: ["EU": ["SE", "DE"], "all": ["SE", "DE", "CN", "US"]])
    }

    /// Tenants with their teams, and keys of teams that are gone.
    static let callers = [
        ("acme", "a"), ("acme", "b"), ("acme", CallSpace.otherTeam), ("beta", "c"), ("beta", CallSpace.otherTeam),
    ]

    private static func pick<T>(_ all: [T], using random: inout SeededRandom) -> T {
        all[Int.random(in: 0..<all.count, using: &random)]
    }

    private static func some<T>(_ all: [T], using random: inout SeededRandom) -> Set<T> {
        Set(all.filter { _ in Bool.random(using: &random) })
    }

    private static func endpoint(_ name: String, using random: inout SeededRandom) -> Endpoint {
        let labels = Labels(
            processedIn: some(places, using: &random), storedIn: some(places, using: &random), operator: "Contoso",
            operatorCountry: pick(["US", "CN", ""], using: &random), trains: pick([nil, .never, .yes], using: &random),
            retentionDays: pick([nil, 0, 30], using: &random), exportTags: pick([nil, [], ["3A090"]], using: &random),
            records: pick([[:], ["support": "1"]], using: &random))
        let served = ServedModel(upstreamName: "up", price: "p", maxOutputTokens: 100)
        let models = pick([["m"], ["n"], ["m", "n"]], using: &random)
        return Endpoint(
            name: name, provider: .openai, origin: Origin(tls: true, host: "x", port: 443), basePath: "/v1",
            models: Dictionary(uniqueKeysWithValues: models.map { ($0, served) }), labels: labels)
    }

    private static func bounds(using random: inout SeededRandom) -> CallLabels {
        CallLabels(
            dataClass: pick([nil, nil, "internal", "personal"], using: &random),
            categories: pick([nil, nil, [], [.health]], using: &random),
            subjects: pick([[], [], [anywhere], ["SE", "CN"], ["SE", "DE", "CN"]], using: &random),
            purposes: pick([[], [], ["support"], ["support", "sales", "research"]], using: &random),
            exportTags: pick([nil, nil, [], ["3A090"]], using: &random))
    }

    private static func policy(_ id: String, _ asked: [String], claim: Bool = false, using random: inout SeededRandom) -> String {
        let effect = pick(["permit", "forbid", "forbid"], using: &random)
        let principal = pick(
            [
                "principal", "principal", "principal", "principal in Tenant::\"acme\"", "principal in Team::\"acme/b\"",
                "principal == Key::\"key_1\"",
            ], using: &random)
        let action = pick(["action", "action", "action == Action::\"chat\"", "action in Action::\"infer\""], using: &random)
        let resource = pick(["resource", "resource", "resource", "resource == Endpoint::\"e0\""], using: &random)
        let notes = claim ? "@claim(\"\(id)\") " : ""
        return "@id(\"\(id)\") \(notes)\(effect) (\(principal), \(action), \(resource))"
            + conditions(asked, Int.random(in: 0...2, using: &random), using: &random) + ";\n"
    }

    private static func conditions(_ asked: [String], _ count: Int, using random: inout SeededRandom) -> String {
        (0..<count).map { _ in " \(pick(["when", "unless"], using: &random)) { \(condition(asked, 2, using: &random)) }" }
            .joined()
    }

    private static func condition(_ asked: [String], _ depth: Int, using random: inout SeededRandom) -> String {
        func next() -> String { condition(asked, depth - 1, using: &random) }
        switch depth == 0 ? 0 : Int.random(in: 0..<7, using: &random) {
        case 0, 1, 2:
            return pick(
                Int.random(in: 0..<4, using: &random) == 0 ? plain : forms[pick(asked, using: &random)] ?? [], using: &random)
        case 3: return "(\(next()) && \(next()))"
        case 4: return "(\(next()) || \(next()))"
        case 5: return "!(\(next()))"
        default: return pick(["(if \(next()) then \(next()) else \(next()))", "((\(next())) == (\(next())))"], using: &random)
        }
    }

    static let plain = [
        "resource.processedIn.contains(\"CN\")", "resource.retentionDays > 0", "resource.trains == \"never\"",
        "resource.operatorCountry == \"US\"", "context.model == Model::\"m\"", "context.model.developerCountry == \"US\"",
        "principal in Tenant::\"acme\"", "principal.tenant.country == \"SE\"", "action == Action::\"chat\"", "true",
    ]

    static let forms: [String: [String]] = [
        "dataClass": [
            "context.dataClass == DataClass::\"personal\"", "context.dataClass in DataClass::\"personal\"",
            "context.dataClass in [DataClass::\"sensitive\"]", "context has dataClass",
            "[DataClass::\"public\", DataClass::\"personal\"].contains(context.dataClass)",
        ],
        "subjects": [
            "context.subjects.contains(\"CN\")", "Zone::\"EU\".countries.containsAll(context.subjects)",
            "resource.processedIn.containsAll(context.subjects)", "context.subjects.containsAny(resource.processedIn)",
            "context.subjects == [\"SE\"]", "context has subjects", "context.subjects.containsAll([\"SE\", \"DE\"])",
            "context.subjects.containsAll(resource.processedIn)", "context.subjects.contains(principal.tenant.country)",
            "context.subjects.isEmpty()", "Zone::\"all\".countries == context.subjects",
            "principal.tenant.ownerCountries.containsAny(context.subjects)",
            "[[\"SE\"], [\"DE\", \"CN\"]].contains(context.subjects)", "context.subjects.contains(\"anywhere\")",
            "(if resource.retentionDays > 0 then Zone::\"EU\" else Zone::\"all\").countries.containsAll(context.subjects)",
        ],
        "categories": [
            "context.categories.contains(\"health\")", "context.categories.containsAny([\"health\", \"genomic\"])",
            "context.categories.isEmpty()", "context.categories.containsAll([\"health\", \"genomic\"])",
            "[\"health\"].containsAll(context.categories)", "context.categories != [\"genomic\"]",
        ],
        "purposes": [
            "context.purpose == \"support\"", "context.purposes.contains(\"sales\")", "context has purpose",
            "[\"support\", \"sales\"].contains(context.purpose)", "context.purpose like \"s*\"", "context.purpose like \"*e*r*\"",
            "context.purposes == [\"sales\", \"support\"]", "[\"support\", \"research\"].containsAll(context.purposes)",
            "context.purposes.containsAll([\"support\", \"sales\"])", "resource.records.containsAny(context.purposes)",
            "context.purpose != resource.trains",
        ],
        "exportTags": [
            "context.exportTags.contains(\"3A090\")", "context.exportTags.isEmpty()",
            "context.exportTags.containsAny(resource.exportTags)", "resource.exportTags.containsAll(context.exportTags)",
            "context.exportTags == resource.exportTags", "context has exportTags",
        ],
        "exports": [
            "context.exportedPersons < 10", "context.exportedPersons >= resource.retentionDays",
            "10 <= context.exportedSensitivePersons",
            "context.exportedPersons == 11", "context.exportedSensitivePersons > 11", "context has exportedPersons",
        ],
        "now": [
            "context.now < datetime(\"2027-06-01\")", "datetime(\"2027-06-01T12:00:00Z\") >= context.now",
            "context.now == datetime(\"2027-06-01\")", "context.now != datetime(\"2020-01-01\")",
        ],
    ]

    // MARK: The universe

    /// Every combination of values of the labels that policies ask for, within some bounds.
    func calls(within bounds: CallLabels) -> [CallContext] {
        let plain = CallContext(model: "m", labels: .unknown, now: Self.now)
        var calls = [plain]
        for label in varied {
            calls = calls.flatMap { call in Self.changes(label, bounds, isSmall: varied.count > 2, world.classes).map { $0(call) }
            }
        }
        // Persons are counted for what may be personal data of people in China, and for nothing else.
        return calls.filter { call in
            guard asked.contains("exports") else { return true }
            switch ChinaExport.kind(call.labels, in: world.classes) {
            case nil: return call.exports == nil
            case .personal: return (call.exports?.persons ?? 0) > 0
            case .sensitive: return (call.exports?.sensitivePersons ?? 0) > 0
            }
        }
    }

    /// A count depends on the labels that it is taken for.
    private var varied: [String] {
        asked.contains("exports") ? ["dataClass", "subjects", "categories", "exports"] : asked
    }

    private typealias Change = (CallContext) -> CallContext

    private static func changes(_ label: String, _ bounds: CallLabels, isSmall: Bool, _ classes: DataClasses) -> [Change] {
        func sets(_ words: [String]) -> [Set<String>] {
            words.reduce(into: [[]]) { all, word in all += all.map { $0.union([word]) } }
        }
        func change<T>(_ values: [T], _ put: @escaping (inout CallContext, T) -> Void) -> [Change] {
            values.map { value in
                { call in
                    var call = call
                    put(&call, value)
                    return call
                }
            }
        }
        switch label {
        case "dataClass":
            let least = bounds.dataClass.flatMap(classes.rank) ?? 0
            return change(classes.names.filter { (classes.rank(of: $0) ?? 0) >= least }.map(Optional.some) + [nil]) {
                $0.labels.dataClass = $1
            }
        case "categories":
            let all = sets(isSmall ? ["health", "important"] : ["health", "genomic", "special", "omic"]).map {
                Set($0.compactMap(DataCategory.init))
            }
            let possible: [Set<DataCategory>?] =
                bounds.categories.map { least in all.filter { $0.isSuperset(of: least) } } ?? all + [nil]
            return change(possible) { $0.labels.categories = $1 }
        case "exportTags":
            let all = sets(["3A090", "x", "y"])
            let possible: [Set<String>?] =
                bounds.exportTags.map { least in all.filter { $0.isSuperset(of: least) } } ?? all + [nil]
            return change(possible) { $0.labels.exportTags = $1 }
        case "subjects":
            let all = sets(isSmall ? ["SE", "CN"] : ["SE", "DE", "CN", "US", "FR"])
            let isFree = bounds.subjects.isEmpty || bounds.subjects == [anywhere]
            let possible =
                isFree ? all + [[anywhere]] + (isSmall ? [] : [countryCodes]) : all.filter { $0.isSubset(of: bounds.subjects) }
            return change(possible) { $0.labels.subjects = $1 }
        case "purposes":
            // Those that policies name, those that an endpoint's `trains` can be compared with, and others.
            let words = ["support", "sales", "research", "never", "yes", "s", "er", ".server", "x"]
            let all: [Set<String>] =
                [[], ["support", "sales", "research"], ["support", "sales", "x"]] + words.map { [$0] }
                + words.flatMap { word in words.filter { $0 > word }.map { [word, $0] } }
            return change(bounds.purposes.isEmpty ? all : all.filter { $0.isSubset(of: bounds.purposes) }) {
                $0.labels.purposes = $1
            }
        case "exports":
            let numbers: [Int64] = [0, 1, 9, 10, 11, 12, 31]
            let counts = numbers.flatMap { persons in
                numbers.filter { $0 <= persons }.map { ExportCount(persons: persons, sensitivePersons: $0) }
            }
            return change(counts.map(Optional.some) + [nil]) { $0.exports = $1 }
        default:
            let days: [Int64] = [0, 1, 1_000]
            let june = Timestamp(seconds: 1_811_808_000)
            let moments =
                days.map { now.advanced(byMilliseconds: $0) } + [june, june.advanced(byMilliseconds: -1)]
                + [1, 43_200_000, 43_200_001].map { june.advanced(byMilliseconds: $0) }
            return change(moments) { $0.now = $1 }
        }
    }
}

extension String {
    fileprivate var trimmingNewline: String { hasSuffix("\n") ? String(dropLast()) : self }
}
