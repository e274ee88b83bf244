import Core

/// What policy and routing ask of a call. Everything in it comes from the caller's identity and the scanned request.
public struct CallFacts: Sendable {
    public var tenant: Int
    /// The catalogue's number of the model; nil when no endpoint serves it.
    public var model: Int?
    public var modelName: String
    public var operation: Operation
    /// The models that the key was made for; nil: the tenant's.
    public var keyModels: Set<String>?
    /// What the call will probably use, input and output: to be compared with quotas.
    public var tokens: Int64

    public init(
        tenant: Int, model: String, in catalogue: Catalogue, operation: Operation, keyModels: Set<String>?, tokens: Int64 = 0
    ) {
        self.tenant = tenant
        self.tokens = tokens
        self.model = catalogue.model(named: model)
        modelName = model
        self.operation = operation
        self.keyModels = keyModels
    }
}

/// Endpoints and tenants of one configuration, with policy's verdict for each combination worked out beforehand.
/// A class since nothing in it changes: a call on the data path then keeps one reference and not one to each list.
public final class Catalogue: Sendable {
    public let generation: UInt64
    public let endpoints: [Endpoint]
    public let links: [Link]
    public let tenants: [TenantPolicy]
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
        tenantIndex = other.tenantIndex
        modelIndex = other.modelIndex
        serving = other.serving
        permitted = other.permitted
        models = other.models
    }

    public init(generation: UInt64, endpoints: [Endpoint], tenants: [TenantPolicy]) {
        self.generation = generation
        self.endpoints = endpoints
        self.tenants = tenants
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

    func isPermitted(_ call: CallFacts, at endpoint: Int) -> Bool {
        guard let model = call.model, tenants.indices.contains(call.tenant) else { return false }
        if let keyModels = call.keyModels, !keyModels.contains(call.modelName) { return false }
        return permitted[(call.tenant * serving.count + model) * endpoints.count + endpoint]
    }

    /// Why policy denies the call at this endpoint; nil when it permits it.
    public func denial(of call: CallFacts, at endpoint: Int) -> Denial? {
        if isPermitted(call, at: endpoint) { return nil }
        if let keyModels = call.keyModels, !keyModels.contains(call.modelName) { return .keyModel(call.modelName) }
        guard tenants.indices.contains(call.tenant), endpoints[endpoint].models[call.modelName] != nil else {
            return .model(call.modelName)
        }
        return judge(tenants[call.tenant], model: call.modelName, at: endpoints[endpoint].labels) ?? .model(call.modelName)
    }

    /// The models that a key may use: those with at least one permitted endpoint.
    public func models(tenant: Int, keyModels: Set<String>?) -> [String] {
        models.filter { model in
            let call = CallFacts(tenant: tenant, model: model, in: self, operation: .chat, keyModels: keyModels)
            return endpoints.indices.contains { isPermitted(call, at: $0) }
        }
    }
}
