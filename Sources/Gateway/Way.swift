import Core
import Ledger
import Policy
import Providers
import Tokens

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
    private let prices: PriceHistory
    /// Of the deployment that may answer in its place; nil: there is none.
    private let spillPrices: PriceHistory?
    /// By the dialect's index: in which one a call in it goes on.
    private let targets: [Dialect?]
    /// By the dialect's index.
    private let heads: [ShapedHead?]
    /// By the dialect's index; empty: nothing is signed here.
    private let signers: [HuaweiSigner?]
    /// The token that it is shown; nil: it is shown none.
    let token: TokenCell?

    init(
        endpoint index: Int, of catalogue: Catalogue, model: String, served: ServedModel, prices: PriceBook, slot: Int,
        token: TokenCell?
    ) {
        let target = catalogue.endpoints[index]
        endpoint = index
        self.target = target
        self.served = served
        self.slot = slot
        needsOutputLimit = target.needsOutputLimit
        isPaced = !target.pace.isNone
        vocabulary =
            served.tokenizer ?? vocabularyName(forModel: served.upstreamName) ?? vocabularyName(forModel: model)
        self.prices = PriceHistory(served.price, in: prices)
        spillPrices = served.spillover.map { PriceHistory($0.price, in: prices) }
        route = HoldRoute(
            RouteFacts(
                model: model, upstreamModel: served.upstreamName, endpoint: target.name, link: catalogue.links[index].name,
                operator: target.labels.operator, operatorCountry: target.labels.operatorCountry,
                processedIn: target.labels.processedIn.sorted(), price: served.price))
        let targets = Dialect.allCases.map { target.target(of: $0, model: served) }
        self.targets = targets
        heads = Dialect.allCases.map {
            target.speaks($0) || targets[$0.index] == $0 ? target.head(for: $0, model: served) : nil
        }
        self.token = token
        let made = Dialect.allCases.map { target.speaks($0) ? target.signer(for: $0, model: served) : nil }
        signers = made.contains { $0 != nil } ? made : []
    }

    /// What an attempt is charged by at a moment; nil is a refusal, never zero.
    func tariff(at now: Timestamp) -> Tariff? {
        guard let asked = prices.price(at: now) else { return nil }
        guard let spillPrices else { return Tariff(asked: asked, spilled: nil) }
        return spillPrices.price(at: now).map { Tariff(asked: asked, spilled: $0) }
    }

    /// What a call of so many tokens probably costs, in nano-dollars, to compare endpoints by.
    func probableCost(_ tokens: Int64, of operation: Operation, at now: Timestamp) -> Int64? {
        prices.price(at: now)?.charge(probableUsage(tokens, of: operation), tier: .standard, startedAt: now)?.nanos
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

    /// What signs a call in this dialect; nil: it is not signed.
    func signer(for dialect: Dialect) -> HuaweiSigner? { signers.isEmpty ? nil : signers[dialect.index] }

    /// How a call in this dialect is addressed; nil when the endpoint does not speak it.
    func head(for dialect: Dialect) -> ShapedHead? { heads[dialect.index] }
}
