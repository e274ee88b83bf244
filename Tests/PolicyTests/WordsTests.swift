import Cedar
import Core
import Policy
import Testing

@Suite("Weir's words")
struct WordsTests {
    @Test("The schema reads, and every entity and context of a world is of whom all is known is as it says")
    func conforms() throws {
        let schema = try WeirSchema.parse()
        let known = Labels(
            processedIn: ["SE"], storedIn: ["SE"], operator: "Contoso", operatorCountry: "US", trains: .never, retentionDays: 30,
            contract: "EA 1", accessFrom: ["SE"], owner: "Contoso", ownerCountry: "US", review: .no, hardware: "h200",
            exportTags: ["3A090"], records: ["scc": "S-1"],
            deployment: Deployment(cloud: "azure", region: "swedencentral", sku: "Standard"))
        var acme = tenant("acme", models: .any)
        acme.company = Company(
            country: "SE", parentCountry: "SE", ownerCountries: [], publicIn: ["SE"], usersIn: ["SE"],
            criticalInfrastructure: false, records: ["dpa": "1"])
        let world = PolicyWorld(
            endpoints: [endpoint("sweden", labels: known)], tenants: [acme],
            models: ["m": ModelFacts(family: "gpt", developerCountry: "US", records: ["card": "1"])], zones: ["EEA": ["SE"]])
        #expect(world.entities.count >= 9)
        for entity in world.entities.all { #expect(schema.problem(with: entity) == nil) }
        var labels = CallLabels.unknown
        labels.dataClass = "personal"
        labels.categories = [.health]
        labels.subjects = ["SE"]
        labels.purposes = ["support"]
        labels.exportTags = []
        let record = CallContext(model: "m", labels: labels, now: noon, exports: .zero).record()
        let key = world.principal(key: "key_1", team: "t", tenant: "acme")
        #expect(schema.problem(with: key) == nil)
        let request = Request(
            principal: key.uid, action: .operation(.chat), resource: world.resources[0], context: record)
        #expect(schema.problem(with: request) == nil)
    }

    @Test("A place that could be anywhere could be in every country; one that nobody can place, too")
    func anywhereIsEverywhere() {
        let countries = Countries(regions: ["azure:swedencentral": "SE"])
        #expect(countries.possible(in: ["SE", "azure:swedencentral"]) == ["SE", "azure:swedencentral"])
        #expect(countries.possible(in: ["azure:swedencentral"]) == ["azure:swedencentral", "SE"])
        #expect(countries.possible(in: [anywhere]).isSuperset(of: countryCodes))
        #expect(countries.possible(in: ["site:rack-7"]).contains("CN"))
    }

    @Test("What is unknown is denied wherever a policy asks, and nowhere else")
    func unknown() throws {
        let policies = """
            @id("all") permit (principal, action, resource);
            @id("trains") forbid (principal, action, resource)
            when { context.dataClass in DataClass::"personal" && resource.trains != "never" };
            """
        let judged = try Judged(policies)
        #expect(judged.permits(.labelled("public"), at: "silent"))
        #expect(!judged.permits(.labelled("personal"), at: "silent"))
        #expect(judged.permits(.labelled("personal"), at: "sweden"))
        // Nobody has said what kind of data it is.
        #expect(!judged.permits(.unknown, at: "sweden"))
        #expect(judged.denial(.unknown, at: "sweden") == .unanswered(["trains"]))
    }

    @Test("A stricter class is at least a less strict one")
    func classes() throws {
        let judged = try Judged(
            """
            @id("all") permit (principal, action, resource) unless { context.dataClass in DataClass::"personal" };
            """)
        #expect(judged.permits(.labelled("public"), at: "sweden"))
        #expect(judged.permits(.labelled("internal"), at: "sweden"))
        #expect(!judged.permits(.labelled("personal"), at: "sweden"))
        #expect(!judged.permits(.labelled("sensitive"), at: "sweden"))
        #expect(judged.denial(.labelled("sensitive"), at: "sweden") == .notPermitted)
    }

    @Test("Policies and lists both have to permit")
    func both() throws {
        let judged = try Judged(#"@id("all") permit (principal, action, resource);"#)
        #expect(judged.denial(.labelled("public"), at: "china") == .processedIn("CN"))
        let teams = try Judged(
            """
            @id("all") permit (principal, action, resource);
            @id("team") forbid (principal in Team::"acme/t", action, resource == Endpoint::"sweden");
            """)
        #expect(teams.denial(.labelled("public"), at: "sweden") == .forbidden(by: ["team"]))
        #expect(teams.permits(.labelled("public"), at: "germany"))
    }
}

/// A tenant of three places and endpoints of several, with policies.
enum SmallWorld {
    static let endpoints = [
        endpoint("sweden", labels: labelled(["SE"])), endpoint("germany", labels: labelled(["DE"]), priority: 2),
        endpoint("china", labels: labelled(["CN"]), priority: 3), endpoint("silent", labels: labels(processedIn: ["SE"])),
    ]
    static let tenants = [tenant("acme", models: .any), tenant("other", places: .any, operators: .any, models: .any)]

    static var standard: PolicyWorld {
        PolicyWorld(endpoints: endpoints, tenants: tenants, zones: ["EEA": ["SE", "DE", "NO"]])
    }

    private static func labelled(_ places: Set<Place>) -> Labels {
        Labels(
            processedIn: places, storedIn: places, operator: "Contoso", operatorCountry: "US", trains: .never, retentionDays: 30)
    }
}

extension CallLabels {
    static func labelled(_ name: String, subjects: Set<Place> = ["SE"]) -> CallLabels {
        CallLabels(dataClass: name, subjects: subjects)
    }
}

/// Calls of one key, judged as the data path judges them.
final class Judged {
    let catalogue: Catalogue
    var judge: CallJudge

    init(_ policies: String, at now: Timestamp = noon) throws {
        let book = try PolicyBook([Source(name: "test.cedar", text: policies)], in: SmallWorld.standard)
        catalogue = Catalogue(
            generation: 7, endpoints: SmallWorld.endpoints, tenants: SmallWorld.tenants,
            policies: PolicyTimeline(book, in: SmallWorld.standard, at: now))
        judge = CallJudge(catalogue)
        #expect(catalogue.policies != nil)
    }

    func call(_ labels: CallLabels, tenant: Int = 0) -> CallFacts {
        CallFacts(
            caller: Caller(
                key: "key_1", team: "t", tenantName: SmallWorld.tenants[tenant].tenant, tenant: tenant, number: 0, models: nil,
                labels: .unknown),
            model: "m", in: catalogue, operation: .chat, ownLabels: labels)
    }

    private func index(_ endpoint: String) -> Int { SmallWorld.endpoints.firstIndex { $0.name == endpoint } ?? -1 }

    /// Whether a permit is minted.
    func permits(_ labels: CallLabels, at endpoint: String, now: Timestamp = noon) -> Bool {
        var call = call(labels)
        judge.judge(&call, at: now)
        return catalogue.permit(AttemptID(high: 1, low: 1), for: call, at: index(endpoint), now: now) != nil
    }

    /// Whether a permit is minted for a call as it was judged before.
    func hasPermit(_ call: CallFacts, now: Timestamp) -> Bool {
        catalogue.permit(AttemptID(high: 1, low: 2), for: call, at: 0, now: now) != nil
    }

    func denial(_ labels: CallLabels, at endpoint: String, now: Timestamp = noon) -> Denial? {
        var call = call(labels)
        judge.judge(&call, at: now)
        return catalogue.denial(of: call, at: index(endpoint))
    }
}
