import Cedar
import Core
import Foundation
import Policy
import Testing

/// The pack as it is delivered, and the table of cases beside each of its rules.
///
/// A table is `Tests/Cases/rules/NAME.txt`. A line `base: …` gives facts that the cases behind it begin with (several lines add up, the
/// first after a case begins anew), and a case changes some of them and says what the rule's policies answer:
///
///     allow: persons=99999
///     deny contract: persons=100000
///     deny contract errs important: categories=?
///
/// Parts are named without the rule's name, the only part of a rule by `rule`. A fact is a word, words with commas between, `none` for
/// an empty set or `?` for unknown, as is what nobody names; a record that runs out is `name@2027-01-01`.
enum Pack {
    static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let rules: [Rule] = {
        let folder = repository.appending(path: "share/rules")
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.filter { $0.pathExtension == "cedar" }.sorted { $0.lastPathComponent < $1.lastPathComponent }.compactMap {
            file in
            do {
                let text = try String(contentsOf: file, encoding: .utf8)
                return try Rule(
                    name: file.deletingPathExtension().lastPathComponent, Source(name: file.lastPathComponent, text: text))
            } catch {
                Issue.record("\(error)")
                return nil
            }
        }
    }()

    static let zones: [String: Set<Place>] = {
        struct Table: Decodable {
            struct Zone: Decodable { var places: Set<String> }
            var zones: [String: Zone]
        }
        let file = repository.appending(path: "share/places.json")
        let table = try? JSONDecoder().decode(Table.self, from: Data(contentsOf: file))
        return table?.zones.mapValues(\.places) ?? [:]
    }()

    static func cases(of rule: String) throws -> [RuleCase] {
        let file = repository.appending(path: "Tests/Cases/rules/\(rule).txt")
        var base: [String: String] = [:]
        var isBaseOpen = false
        var cases: [RuleCase] = []
        for (index, line) in try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n").enumerated() {
            let line = (line.components(separatedBy: "#").first ?? "").trimmingCharacters(in: .whitespaces)
            if line.isEmpty { continue }
            let place = "\(rule).txt:\(index + 1)"
            let colon = try #require(line.firstIndex(of: ":"), "\(place): no colon")
            let facts = try RuleCase.facts(line[line.index(after: colon)...], place)
            if line[..<colon] == "base" {
                if !isBaseOpen { base = [:] }
                base.merge(facts) { $1 }
                isBaseOpen = true
            } else {
                isBaseOpen = false
                cases.append(try RuleCase(place: place, rule: rule, verdict: line[..<colon], facts: base.merging(facts) { $1 }))
            }
        }
        return cases
    }
}

/// One line of a table, ready to be judged.
struct RuleCase {
    enum Answer: String { case holds, errs, fails }

    let place: String
    /// By the ids of the rule's policies; those without an entry fail.
    let expected: [Text: Answer]
    let now: Timestamp
    let world: PolicyWorld
    let call: CompiledPolicies.Call

    static func facts(_ text: Substring, _ place: String) throws -> [String: String] {
        var facts: [String: String] = [:]
        for word in text.split(separator: " ") {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            try #require(parts.count == 2, "\(place): \(word) is no fact")
            try #require(facts.updateValue(parts[1], forKey: parts[0]) == nil, "\(place): \(parts[0]) is there twice")
        }
        return facts
    }

    init(place: String, rule: String, verdict: Substring, facts: [String: String]) throws {
        self.place = place
        var expected: [Text: Answer] = [:]
        var answer: Answer?
        for word in verdict.split(whereSeparator: { " ,".contains($0) }) {
            switch word {
            case "allow": break
            case "deny": answer = .holds
            case "errs": answer = .errs
            default: expected[Text(word == "rule" ? rule : "\(rule)/\(word)")] = answer
            }
        }
        self.expected = expected
        var reader = FactReader(facts: facts, place: place)
        now = try #require(try reader.moment("now") ?? Timestamp(policyDay: "2026-12-15"))
        let facts = try reader.model()
        let tenant = TenantPolicy(
            tenant: "acme", teams: ["t"], places: .any, operators: .any, models: .any, company: try reader.company())
        world = PolicyWorld(
            endpoints: [
                Endpoint(
                    name: "e", provider: .openai, origin: Origin(tls: true, host: "e.example", port: 443), basePath: "/v1",
                    models: ["m": ServedModel(upstreamName: "up", price: "p", maxOutputTokens: 100)],
                    labels: try reader.labels())
            ], tenants: [tenant], models: ["m": facts], zones: Pack.zones,
            countries: Countries(regions: ["azure:swedencentral": "SE", "azure:eastasia": "HK", "azure-china:chinaeast2": "CN"]))
        let operation = try #require(Operation(rawValue: reader.word("op") ?? "chat"), "\(place): op")
        let context = CallContext(model: "m", labels: try reader.call(), now: now, exports: try reader.exports())
        let principal = world.principal(key: "k", team: "t", tenant: "acme")
        call = CompiledPolicies.Call(
            principal: principal.uid, action: .operation(operation), context: context.record(world.countries), guest: principal)
        try #require(reader.facts.isEmpty, "\(place): nobody knows \(reader.facts.keys.sorted())")
    }

    /// What a policy answers by the language's interpreter.
    func answer(of policy: Policy) -> Answer {
        var set = PolicySet()
        _ = set.add(policy)
        let request = Request(
            principal: call.principal, action: call.action, resource: world.resources[0], context: call.context)
        let entities = call.guest.map { world.entities(at: now).with(guest: $0) } ?? world.entities(at: now)
        let answer = set.authorize(request, entities)
        return answer.failures.isEmpty ? answer.determining.isEmpty ? .fails : .holds : .errs
    }
}

/// Takes the facts of a case one by one.
private struct FactReader {
    var facts: [String: String]
    let place: String

    /// nil: unknown.
    mutating func word(_ name: String) -> String? {
        facts.removeValue(forKey: name).flatMap { $0 == "?" ? nil : $0 }
    }

    mutating func words(_ name: String) -> Set<String>? {
        word(name).map { $0 == "none" ? [] : Set($0.split(separator: ",").map(String.init)) }
    }

    mutating func number(_ name: String) throws -> Int64? {
        try word(name).map { try #require(Int64($0), "\(place): \(name)") }
    }

    mutating func moment(_ name: String) throws -> Timestamp? {
        try word(name).map { try #require(Timestamp(policyDay: $0), "\(place): \(name)") }
    }

    mutating func bool(_ name: String) throws -> Bool? {
        let word = word(name)
        try #require(word == nil || word == "true" || word == "false", "\(place): \(name)")
        return word.map { $0 == "true" }
    }

    mutating func records(_ name: String) throws -> [String: OnRecord] {
        var records: [String: OnRecord] = [:]
        for word in words(name) ?? [] {
            let parts = word.split(separator: "@", maxSplits: 1).map(String.init)
            let until = try parts.dropFirst().first.map { try #require(Timestamp(policyDay: $0), "\(place): \(word)") }
            records[parts[0]] = OnRecord("number", until: until)
        }
        return records
    }

    mutating func model() throws -> ModelFacts {
        ModelFacts(
            family: word("model.family"), developerCountry: word("model.developerCountry"), records: try records("model.records"))
    }

    mutating func company() throws -> Company {
        Company(
            country: word("tenant.country"), parentCountry: word("tenant.parent"), ownerCountries: words("tenant.owners"),
            publicIn: words("tenant.publicIn"), usersIn: words("tenant.usersIn"),
            criticalInfrastructure: try bool("tenant.critical"), records: try records("tenant.records"))
    }

    mutating func labels() throws -> Labels {
        var labels = Labels(
            processedIn: words("at.processedIn") ?? [], storedIn: words("at.storedIn") ?? [],
            operator: word("at.operator") ?? "", operatorCountry: word("at.operatorCountry") ?? "")
        labels.accessFrom = words("at.accessFrom") ?? []
        labels.ownerCountry = word("at.ownerCountry")
        labels.trains = try word("at.trains").map { try #require(Labels.Trains(rawValue: $0), "\(place): at.trains") }
        labels.review = try word("at.review").map { try #require(Labels.Review(rawValue: $0), "\(place): at.review") }
        labels.retentionDays = try number("at.retentionDays").map(Int.init)
        labels.hardware = word("at.hardware")
        labels.exportTags = words("at.exportTags")
        labels.records = try records("at.records")
        return labels
    }

    mutating func call() throws -> CallLabels {
        let categories = try words("categories").map { words in
            Set(try words.map { try #require(DataCategory(rawValue: $0), "\(place): \($0)") })
        }
        return CallLabels(
            dataClass: word("class"), categories: categories, subjects: words("subjects") ?? [],
            purposes: words("purposes") ?? [],
            exportTags: words("exportTags"))
    }

    mutating func exports() throws -> ExportCount? {
        let persons = try number("persons")
        let sensitive = try number("sensitive")
        return persons.map { ExportCount(persons: $0, sensitivePersons: sensitive ?? 0) }
    }
}
