import Core
import Policy

/// Labels that a policy of `tenant()` permits.
func labels(
    processedIn: Set<Place> = ["SE"], storedIn: Set<Place> = ["SE"], operator name: String = "Contoso", retentionDays: Int? = 30
) -> Labels {
    Labels(
        processedIn: processedIn, storedIn: storedIn, operator: name, operatorCountry: "US", retentionDays: retentionDays)
}

func tenant(
    _ name: String = "acme", places: TenantPolicy.Allowed = .only(["SE", "DE"]),
    operators: TenantPolicy.Allowed = .only(["Contoso"]),
    models: TenantPolicy.Allowed = .only(["m"])
) -> TenantPolicy {
    TenantPolicy(tenant: name, teams: ["t"], places: places, operators: operators, models: models)
}

func endpoint(
    _ name: String, models: [String] = ["m"], labels: Labels = labels(), priority: Int = 1, weight: Int = 100
) -> Endpoint {
    let served = ServedModel(upstreamName: "up", price: "p", maxOutputTokens: 100)
    return Endpoint(
        name: name, provider: .openai, origin: Origin(tls: true, host: "\(name).example", port: 443), basePath: "/v1",
        models: Dictionary(uniqueKeysWithValues: models.map { ($0, served) }), labels: labels, priority: priority, weight: weight)
}

/// Endpoints a, b, c… of one tenant that permits them all.
func catalogue(_ endpoints: [Endpoint], tenants: [TenantPolicy] = [tenant()]) -> Catalogue {
    Catalogue(generation: 7, endpoints: endpoints, tenants: tenants)
}

func call(
    _ model: String = "m", in catalogue: Catalogue, tenant: Int = 0, operation: Operation = .chat, keyModels: Set<String>? = nil
) -> CallFacts {
    CallFacts(
        caller: Caller(
            key: "key_1", team: "t", tenantName: "acme", tenant: tenant, number: 0, models: keyModels, labels: .unknown),
        model: model, in: catalogue, operation: operation)
}

let noon = Timestamp(seconds: 1_800_000_000)

func after(_ milliseconds: Int64) -> Timestamp { noon.advanced(byMilliseconds: milliseconds) }

/// An endpoint whose breaker opened at `moment`.
func opened(at moment: Timestamp = noon) -> Health {
    var health = Health()
    for _ in 0..<Health.breakerThreshold { health.record(.failed, at: moment) }
    return health
}

func cooling(milliseconds: Int64) -> Health {
    var health = Health()
    health.record(.throttled(milliseconds: milliseconds), at: noon)
    return health
}

func answered(inMicroseconds latency: Int64) -> Health {
    var health = Health()
    health.record(.answered(latencyMicroseconds: latency), at: noon)
    return health
}

func down() -> Health {
    var health = Health()
    health.down = true
    return health
}
