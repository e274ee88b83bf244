import Core
import Ledger
import Policy
import Providers
import Tokens

/// A price and the moment from which it holds; shared, so that a call copies one reference.
final class DatedPrice: Sendable {
    let from: Timestamp
    let price: Price
    /// Of nearly every call: text at the standard tier of a price without brackets or times of day. Worked out once, since looking
    /// tiers and meters up anew takes longer than the arithmetic.
    private let plainBound: DearestPrices?
    private let plainRates: Rates?

    init(from: Timestamp, price: Price) {
        (self.from, self.price) = (from, price)
        let isPlain = price.brackets.count == 1 && price.brackets[0].aboveInputTokens == 0 && price.offPeak == nil
        plainBound = isPlain ? DearestPrices(TokenBound(input: 0, output: 1), price) : nil
        plainRates = isPlain ? price.rates(inputTokens: 0, tier: .standard, startedAt: from) : nil
    }

    func upperBound(_ bound: TokenBound) -> Money? {
        if let plainBound, !bound.hasAudio, bound.tier == .standard { return plainBound.upperBound(bound) }
        return Ledger.upperBound(bound, price)
    }

    func charge(_ usage: Usage, tier: ServiceTier, startedAt moment: Timestamp) -> Money? {
        if let plainRates, tier == .standard { return Ledger.charge(usage, plainRates) }
        return Ledger.charge(usage, price, tier: tier, startedAt: moment)
    }
}

/// One model at one endpoint, with all that a call needs there worked out beforehand.
final class Way: Sendable {
    let endpoint: Int
    let target: Endpoint
    let served: ServedModel
    /// The endpoint's cell on the board.
    let slot: Int
    private let route: HoldRoute
    /// The output must be limited in the request.
    let needsOutputLimit: Bool
    /// Its attempts are counted by minute or at once, so that each must say when it ends.
    let isPaced: Bool
    /// What its tokens are counted by where the provider does not; nil: bytes.
    let vocabulary: String?
    /// By rising day; no price where the book has none that is known.
    private let prices: [(from: Timestamp, dated: DatedPrice?)]
    /// By the dialect's index: in which one a call in it goes on.
    private let targets: [Dialect?]
    /// By the dialect's index.
    private let heads: [ShapedHead?]

    init(endpoint index: Int, of catalogue: Catalogue, model: String, served: ServedModel, prices: PriceBook, slot: Int) {
        let target = catalogue.endpoints[index]
        endpoint = index
        self.target = target
        self.served = served
        self.slot = slot
        needsOutputLimit = target.needsOutputLimit
        isPaced = !target.pace.isNone
        vocabulary =
            served.tokenizer ?? vocabularyName(forModel: served.upstreamName) ?? vocabularyName(forModel: model)
        self.prices = prices.history(served.price).map { price in
            let from = price.from.start
            return (from, prices.price(served.price, at: from).map { DatedPrice(from: from, price: $0) })
        }
        route = HoldRoute(
            RouteFacts(
                model: model, upstreamModel: served.upstreamName, endpoint: target.name, link: catalogue.links[index].name,
                operator: target.labels.operator, operatorCountry: target.labels.operatorCountry,
                processedIn: target.labels.processedIn.sorted(), price: served.price))
        targets = Dialect.allCases.map(target.target)
        heads = Dialect.allCases.map { target.speaks($0) ? target.head(for: $0, model: served) : nil }
    }

    /// The price that holds at a moment; nil is a refusal, never zero.
    func price(at now: Timestamp) -> DatedPrice? { prices.last { $0.from <= now }?.dated }

    /// What a call of so many tokens probably costs, in nano-dollars, to compare endpoints by: a quarter of what generates is output.
    func probableCost(_ tokens: Int64, of operation: Operation, at now: Timestamp) -> Int64? {
        let output = operation.generates ? tokens / 4 : 0
        let usage = Usage(input: tokens - output, output: output)
        return price(at: now)?.charge(usage, tier: .standard, startedAt: now)?.nanos
    }

    /// What the journal keeps of where the attempt goes. `asked`: the model that the call asked for, if it was another one.
    func route(insteadOf asked: String?) -> HoldRoute {
        guard let asked else { return route }
        var facts = route.facts
        facts.asked = asked
        return HoldRoute(facts)
    }

    /// In which dialect a call goes on.
    func target(of dialect: Dialect) -> Dialect? { targets[dialect.index] }

    /// How a call in this dialect is addressed; nil when the endpoint does not speak it.
    func head(for dialect: Dialect) -> ShapedHead? { heads[dialect.index] }
}
