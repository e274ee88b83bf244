import Core
import Policy
import TestKit
import Testing

@Suite("No attempt without a permit")
struct PermitTests {
    @Test("The catalogue's verdicts, its permits and its routes are those of policy, for every tenant, model and endpoint")
    func random() {
        let seed = testSeed("Random catalogues")
        var random = SeededRandom(seed: seed)
        var combinations = 0
        var permits = 0
        for _ in 0..<400 {
            let world = RandomWorld(using: &random)
            let healthy = [Health](repeating: Health(), count: world.catalogue.endpoints.count)
            for tenant in -1...world.catalogue.tenants.count {
                for model in RandomWorld.models + ["unheard-of"] {
                    let keyModels: Set<String>? = Bool.random(using: &random) ? nil : subset(RandomWorld.models, &random)
                    let facts = call(model, in: world.catalogue, tenant: tenant, keyModels: keyModels)
                    var permitted: Set<Int> = []
                    for endpoint in world.catalogue.endpoints.indices {
                        combinations += 1
                        let expected = world.permits(tenant: tenant, model: model, keyModels: keyModels, endpoint: endpoint)
                        let attempt = AttemptID(using: &random)
                        let isRight = isPermitted(attempt, facts, at: endpoint, in: world.catalogue) == expected
                        let says = world.catalogue.denial(of: facts, at: endpoint) == nil
                        if !isRight || says != expected {
                            Issue.record("seed \(seed): tenant \(tenant), model \(model), endpoint \(endpoint)")
                        }
                        if expected { permitted.insert(endpoint) }
                    }
                    permits += permitted.count
                    let decision = route(
                        facts, in: world.catalogue, health: healthy, serves: { _, _ in true }, at: noon, using: &random)
                    switch decision {
                    case .attempt(let order):
                        // Every attempt of the list, the last failover included, has its permit.
                        if Set(order) != permitted || order.count != permitted.count {
                            Issue.record("seed \(seed): the route leaves what policy permits")
                        }
                    case .refused(.denied(let denials)):
                        let serving = world.catalogue.endpoints.count { $0.models[model] != nil }
                        if !permitted.isEmpty || denials.count != serving {
                            Issue.record("seed \(seed): a refusal names every endpoint that serves the model")
                        }
                    case .refused(.unknownModel):
                        if world.catalogue.endpoints.contains(where: { $0.models[model] != nil }) {
                            Issue.record("seed \(seed): \(model) is known")
                        }
                    case .refused(let other): Issue.record("seed \(seed): \(other)")
                    }
                }
            }
        }
        #expect(combinations >= 10_000)
        #expect(permits >= 200, "the random catalogues permit something")
        #expect(permits < combinations / 2, "and deny more")
    }

    @Test("A permit is bound to its attempt, endpoint, link and configuration")
    func binding() throws {
        let all = catalogue([endpoint("a"), endpoint("b")])
        let attempt = AttemptID(high: 1, low: 2)
        guard let permit = all.permit(attempt, for: call(in: all), at: 1, now: noon) else {
            Issue.record("policy permits it")
            return
        }
        let (bound, endpoint, link, generation) = (permit.attempt, permit.endpoint, permit.link, permit.generation)
        #expect(bound == attempt)
        #expect(endpoint == 1)
        #expect(link == Link(name: "public", origin: Origin(tls: true, host: "b.example", port: 443), trustFile: nil))
        #expect(generation == 7)
    }

    /// Whether a permit was minted, and for just this attempt.
    private func isPermitted(_ attempt: AttemptID, _ call: CallFacts, at endpoint: Int, in catalogue: Catalogue) -> Bool {
        guard let permit = catalogue.permit(attempt, for: call, at: endpoint, now: noon) else { return false }
        return permit.attempt == attempt && permit.endpoint == endpoint && permit.generation == catalogue.generation
    }
}

/// A catalogue of a few tenants, models and endpoints, with a policy of its own beside it to compare with.
private struct RandomWorld {
    static let models = ["gpt", "qwen", "pangu"]
    static let places = ["SE", "DE", "US", "CN"]
    static let operators = ["Contoso", "Fabrikam", "Tailspin"]

    var catalogue: Catalogue

    init(using random: inout SeededRandom) {
        let endpoints = (0..<Int.random(in: 1...6, using: &random)).map { number in
            let labels = PolicyTests.labels(
                processedIn: subset(Self.places, &random), storedIn: subset(Self.places, &random),
                operator: (Self.operators + [""]).randomElement(using: &random) ?? "",
                retentionDays: [nil, 0, 30].randomElement(using: &random) ?? nil)
            return endpoint(
                "e\(number)", models: subset(Self.models, &random).sorted(), labels: labels,
                priority: Int.random(in: 0...2, using: &random), weight: Int.random(in: 0...3, using: &random))
        }
        let tenants = (0..<Int.random(in: 1...3, using: &random)).map { number in
            tenant(
                "t\(number)", places: allowed(Self.places, &random), operators: allowed(Self.operators, &random),
                models: allowed(Self.models, &random))
        }
        catalogue = Catalogue(generation: random.next(), endpoints: endpoints, tenants: tenants)
    }

    /// Policy, said once more in other words.
    func permits(tenant: Int, model: String, keyModels: Set<String>?, endpoint: Int) -> Bool {
        guard catalogue.tenants.indices.contains(tenant) else { return false }
        let policy = catalogue.tenants[tenant]
        let endpoint = catalogue.endpoints[endpoint]
        let labels = endpoint.labels
        func allows(_ allowed: TenantPolicy.Allowed, _ names: Set<String>) -> Bool {
            switch allowed {
            case .any: true
            case .only(let some): names.isSubset(of: some)
            }
        }
        return endpoint.models.keys.contains(model) && (keyModels ?? [model]).contains(model) && allows(policy.models, [model])
            && labels.operator != "" && allows(policy.operators, [labels.operator]) && !labels.processedIn.isEmpty
            && (!labels.storedIn.isEmpty || labels.retentionDays == 0)
            && allows(policy.places, labels.processedIn.union(labels.storedIn))
    }
}

private func subset(_ names: [String], _ random: inout SeededRandom) -> Set<String> {
    Set(names.filter { _ in Bool.random(using: &random) })
}

private func allowed(_ names: [String], _ random: inout SeededRandom) -> TenantPolicy.Allowed {
    Bool.random(using: &random) ? .any : .only(subset(names, &random))
}
