public import Core
public import Ledger
public import Policy

/// What a drill plays calls against: one configuration, without some of its endpoints.
public struct World: Sendable {
    public let catalogue: Catalogue
    public let prices: PriceBook
    public let attemptsPerCall: Int
    /// By endpoint: taken away.
    let gone: [Bool]
    /// By endpoint: nothing goes there until somebody lifts it.
    let suspended: [Bool]
    private let serves: @Sendable (Endpoint, Operation, String) -> Bool

    /// - Parameter serves: whether an endpoint can take calls of an operation for a model.
    public init(
        catalogue: Catalogue, prices: PriceBook, gone: Set<String>, suspended: Set<String> = [], attemptsPerCall: Int,
        serves: @escaping @Sendable (Endpoint, Operation, String) -> Bool
    ) {
        self.catalogue = catalogue
        self.prices = prices
        self.attemptsPerCall = attemptsPerCall
        self.gone = catalogue.endpoints.map { gone.contains($0.name) }
        self.suspended = catalogue.endpoints.map { suspended.contains($0.name) }
        self.serves = serves
    }

    func serves(_ endpoint: Int, _ operation: Operation, _ model: String) -> Bool {
        !gone[endpoint] && serves(catalogue.endpoints[endpoint], operation, model)
    }

    func price(of model: String, at endpoint: Int, _ moment: Timestamp) -> Price? {
        catalogue.endpoints[endpoint].models[model].flatMap { prices.price($0.price, at: moment) }
    }

    /// Why none of the endpoints that are left may or can take a call at all, whatever their health; nil: some can.
    public func refusal(of call: CallFacts) -> Outcome.Refused? {
        let left = (catalogue.endpoints(serving: call.model) ?? []).filter { !gone[$0] }
        if left.isEmpty { return .init(.noEndpoint, "nothing that is left serves \(call.modelName)") }
        let permitted = left.filter { catalogue.isPermitted(call, at: $0) }
        if permitted.isEmpty {
            let denials = left.map { endpoint in
                let denial = catalogue.denial(of: call, at: endpoint)
                return "\(catalogue.endpoints[endpoint].name): \(denial?.description ?? "denied")"
            }
            return .init(.policy, denials.joined(separator: "; "))
        }
        let serving = permitted.filter { serves($0, call.operation, call.modelName) }
        if serving.isEmpty { return .init(.operation, "\(names(permitted)) does not serve \(call.operation.rawValue)") }
        return nil
    }

    func names(_ endpoints: [Int]) -> String { endpoints.map { catalogue.endpoints[$0].name }.joined(separator: ", ") }

    /// The facts of a call, not judged yet.
    func facts(_ shape: Shape, number: UInt32) -> CallFacts {
        CallFacts(
            caller: Caller(shape.key, number: number, in: catalogue), model: shape.model, in: catalogue,
            operation: shape.operation,
            tokens: shape.probableTokens, ownLabels: shape.labels)
    }

    /// Why a call is refused by what never changes in a drill; nil: it depends on the moment.
    public func standingRefusal(of shape: Shape) -> Outcome.Refused? {
        guard catalogue.tenant(named: shape.key.tenant) != nil else {
            return .init(.policy, "the configuration has no tenant \(shape.key.tenant)")
        }
        var judge = CallJudge(catalogue)
        var call = facts(shape, number: 0)
        judge.judge(&call, at: shape.at)
        return refusal(of: call)
    }
}

/// What a usage is charged elsewhere: as it was counted, at the other price. Where that has no price for writing to a cache, the
/// provider counts what was written as input. nil: a meter without a price.
func charge(_ usage: Usage, elsewhere price: Price, tier: ServiceTier, at moment: Timestamp) -> Money? {
    if let charge = Ledger.charge(usage, price, tier: tier, startedAt: moment) { return charge }
    var plain = usage
    plain.input += plain.cacheWrite + plain.cacheWriteHour
    (plain.cacheWrite, plain.cacheWriteHour) = (0, 0)
    return Ledger.charge(plain, price, tier: tier, startedAt: moment)
}
