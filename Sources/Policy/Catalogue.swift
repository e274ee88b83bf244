import Core

/// What policy and routing ask of a call. Everything in it comes from the caller's identity and the scanned request.
public struct CallFacts: Sendable {
    public let caller: Caller
    /// The catalogue's number of the model; nil when no endpoint serves it.
    public let model: Int?
    public let modelName: String
    public let operation: Operation
    /// What the call will probably use, input and output: to be compared with quotas.
    public var tokens: Int64
    /// The labels of this call where they are others than its caller's: narrowed by the client, or mixed with those of stored state.
    public var ownLabels: CallLabels? { didSet { judgement = nil } }
    /// Persons whose data have left China, this call's own among them; nil: nobody has counted.
    public var exports: ExportCount? { didSet { judgement = nil } }
    /// What policy said of it; nil: it was not asked, which permits nothing where there are policies.
    public internal(set) var judgement: Judgement?

    public init(
        caller: Caller, model: String, in catalogue: Catalogue, operation: Operation, tokens: Int64 = 0,
        ownLabels: CallLabels? = nil, exports: ExportCount? = nil
    ) {
        self.caller = caller
        self.tokens = tokens
        self.model = catalogue.model(named: model)
        modelName = model
        self.operation = operation
        self.ownLabels = ownLabels
        self.exports = exports
    }

    public var labels: CallLabels { ownLabels ?? caller.labels }
}

/// Endpoints and tenants of one configuration, with policy's verdict for each combination worked out beforehand.
/// A class since nothing in it changes: a call on the data path then keeps one reference and not one to each list.
public final class Catalogue: Sendable {
    public let generation: UInt64
    public let endpoints: [Endpoint]
    public let links: [Link]
    public let tenants: [TenantPolicy]
    public let classes: DataClasses
    /// What calls have to pass beside the tenants' lists; nil: the lists alone decide.
    public let policies: PolicyTimeline?
    public let countries: Countries
    private let tenantIndex: [String: Int]
    private let modelIndex: [String: Int]
    /// For each model the endpoints that serve it, by priority.
    private let serving: [[Int]]
    /// By tenant, model, endpoint: whether policy permits it.
    private let permitted: [Bool]

    /// The same with reference counts of its own, so that event loops do not contend on one.
    public init(copy other: Catalogue) {
        generation = other.generation
        endpoints = other.endpoints
        links = other.links
        tenants = other.tenants
        classes = other.classes
        policies = other.policies.map(PolicyTimeline.init(copy:))
        countries = other.countries
        tenantIndex = other.tenantIndex
        modelIndex = other.modelIndex
        serving = other.serving
        permitted = other.permitted
        models = other.models
    }

    /// - Parameters:
    ///   - policies: made for these endpoints in this order.
    ///   - countries: of places that are none; policies bring their own.
    public init(
        generation: UInt64, endpoints: [Endpoint], tenants: [TenantPolicy], classes: DataClasses = .standard,
        policies: PolicyTimeline? = nil, countries: Countries = Countries()
    ) {
        self.generation = generation
        self.endpoints = endpoints
        self.tenants = tenants
        self.classes = classes
        self.policies = policies
        self.countries = policies?.world.countries ?? countries
        links = endpoints.map { Link(name: "public", origin: $0.origin, trustFile: $0.trustFile) }
        tenantIndex = Dictionary(uniqueKeysWithValues: tenants.enumerated().map { ($1.tenant, $0) })
        let models = Set(endpoints.flatMap(\.models.keys)).sorted()
        self.models = models
        modelIndex = Dictionary(uniqueKeysWithValues: models.enumerated().map { ($1, $0) })
        serving = models.map { model in
            endpoints.indices.filter { endpoints[$0].models[model] != nil }
                .sorted { (endpoints[$0].priority, endpoints[$0].name) < (endpoints[$1].priority, endpoints[$1].name) }
        }
        permitted = tenants.flatMap { tenant in
            models.flatMap { model in
                endpoints.map { $0.models[model] != nil && judge(tenant, model: model, at: $0.labels) == nil }
            }
        }
    }

    public func tenant(named name: String) -> Int? { tenantIndex[name] }

    /// By number.
    public let models: [String]

    public func model(named name: String) -> Int? { modelIndex[name] }

    /// The endpoints that serve a model, policy aside, by priority; nil when no endpoint knows the model.
    public func endpoints(serving model: Int?) -> [Int]? { model.map { serving[$0] } }

    /// Whether the tenant's lists and the policies permit the judged call at this endpoint.
    public func isPermitted(_ call: CallFacts, at endpoint: Int) -> Bool {
        isListed(call, at: endpoint) && (policies == nil || call.judgement?.permits(endpoint) == true)
    }

    /// Whether the key and the tenant's lists permit it.
    func isListed(_ call: CallFacts, at endpoint: Int) -> Bool {
        guard let model = call.model, tenants.indices.contains(call.caller.tenant) else { return false }
        if let models = call.caller.models, !models.contains(call.modelName) { return false }
        return permitted[(call.caller.tenant * serving.count + model) * endpoints.count + endpoint]
    }

    /// Why policy denies the call at this endpoint; nil when it permits it.
    public func denial(of call: CallFacts, at endpoint: Int) -> Denial? {
        if isPermitted(call, at: endpoint) { return nil }
        if let models = call.caller.models, !models.contains(call.modelName) { return .keyModel(call.modelName) }
        guard tenants.indices.contains(call.caller.tenant), endpoints[endpoint].models[call.modelName] != nil else {
            return .model(call.modelName)
        }
        if let denial = judge(tenants[call.caller.tenant], model: call.modelName, at: endpoints[endpoint].labels) {
            return denial
        }
        guard let reasons = reasons(for: call, at: endpoint) else { return .notJudged }
        return reasons.denial
    }

    /// The policies that decided about a judged call at an endpoint, and those without an answer; nil where there are no policies, or
    /// the call was not judged by them.
    public func reasons(for call: CallFacts, at endpoint: Int) -> Reasons? {
        guard let policies, let judgement = call.judgement, judgement.generation == generation, let verdict = judgement.verdict
        else {
            return nil
        }
        return policies.stages[judgement.stage].policies.reasons(verdict.outcomes, at: endpoint)
    }
}
