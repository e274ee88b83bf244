import Core
import Drill
import Ledger
import Policy

/// 2026-11-23T12:00:00Z.
let noon = Timestamp(seconds: 1_795_435_200)

func after(_ milliseconds: Int64) -> Timestamp { noon.advanced(byMilliseconds: milliseconds) }

/// A thousand nano-dollars for an input token, four thousand for an output token, times `factor`.
func price(_ factor: Int64) -> Price {
    Price(
        from: CivilDate(year: 2020, month: 1, day: 1), input: TokenPrice(picos: 1_000_000 * factor),
        cachedInput: TokenPrice(picos: 500_000 * factor), output: TokenPrice(picos: 4_000_000 * factor))
}

let prices = PriceBook(["round": [price(1)], "dear": [price(3)]])

func endpoint(
    _ name: String, models: [String] = ["m"], price: String = "round", place: Place = "SE", operator: String = "Contoso",
    provider: ProviderKind = .compatible, deployment: Deployment? = nil, owner: String? = nil, priority: Int = 1,
    pace: PaceLimit = .none,
    maxOutput: Int64 = 1_000
) -> Endpoint {
    let served = ServedModel(upstreamName: "up", price: price, maxOutputTokens: maxOutput)
    return Endpoint(
        name: name, provider: provider, origin: Origin(tls: false, host: "127.0.0.1", port: 9), basePath: "/v1",
        models: Dictionary(uniqueKeysWithValues: models.map { ($0, served) }),
        labels: Labels(
            processedIn: [place], storedIn: [place], operator: `operator`, operatorCountry: "US", retentionDays: 0, owner: owner,
            deployment: deployment),
        priority: priority, pace: pace)
}

func tenant(_ name: String = "acme", operators: TenantPolicy.Allowed = .any) -> TenantPolicy {
    TenantPolicy(tenant: name, teams: ["t"], places: .any, operators: operators, models: .any)
}

func key(_ tenant: String = "acme", limits: AccountLimits = .none) -> KeyRecord {
    KeyRecord(id: "key_\(tenant)", name: "k", tenant: tenant, team: "t", limits: limits, created: noon, secrets: [])
}

/// A call of 100 bytes that asked for 74 output tokens, so that it counts as 100; it used 90 and 10, in 100 ms.
func shape(
    _ number: Int64 = 0, at milliseconds: Int64? = nil, endpoint: String = "sweden", model: String = "m",
    key record: KeyRecord = key(),
    usage: Usage = Usage(input: 90, output: 10), microseconds: Int64 = 100_000, stream: Bool = false
) -> Shape {
    let at = after(milliseconds ?? number * 1_000)
    var attempt = Shape.Attempt(endpoint: endpoint, at: at)
    attempt.ended = Timestamp(nanoseconds: at.nanoseconds + microseconds * 1_000)
    attempt.ending = .settled
    attempt.usage = usage
    attempt.charged = Ledger.charge(usage, price(1), startedAt: at) ?? .zero
    if stream { attempt.firstTokenMicroseconds = microseconds / 4 }
    return Shape(
        call: "c\(number)", key: record, model: model, operation: .chat, stream: stream, bytes: 100, probableTokens: 100,
        inputBound: 180, outputBound: 74, attempts: [attempt])
}

/// Plays calls without some endpoints, with accounts that have spent nothing.
func rehearsal(
    _ endpoints: [Endpoint], tenants: [TenantPolicy] = [tenant()], without gone: Set<String>, suspended: Set<String> = [],
    limits: [(AccountName, AccountLimits)] = [], speeds: Speeds = Speeds(), seed: UInt64 = 1, book: PriceBook = prices
) -> Rehearsal {
    var accounts = Accounts(rehearsing: Fold(), zones: [:])
    var sequence: UInt64 = 0
    for (name, limits) in limits {
        accounts.setLimits(name, limits, sequence: sequence)
        sequence += 1
    }
    let world = World(
        catalogue: Catalogue(generation: 1, endpoints: endpoints, tenants: tenants), prices: book, gone: gone,
        suspended: suspended, attemptsPerCall: 3, serves: { _, operation, _ in operation == .chat })
    return Rehearsal(world, accounts: accounts, sequence: sequence, speeds: speeds, seed: seed)
}
