import Core
import Ledger
import Policy
import Providers

/// One model at one endpoint, with all that a call needs there worked out beforehand.
final class Way: Sendable {
    let endpoint: Int
    let target: Endpoint
    let served: ServedModel
    /// The endpoint's cell on the board.
    let slot: Int
    let route: HoldRoute
    /// The output must be limited in the request.
    let needsOutputLimit: Bool
    /// By the operation's index.
    private let heads: [ShapedHead?]

    init(endpoint index: Int, of catalogue: Catalogue, model: String, served: ServedModel, slot: Int) {
        let target = catalogue.endpoints[index]
        endpoint = index
        self.target = target
        self.served = served
        self.slot = slot
        needsOutputLimit = target.needsOutputLimit
        route = HoldRoute(
            RouteFacts(
                model: model, upstreamModel: served.upstreamName, endpoint: target.name, link: catalogue.links[index].name,
                operator: target.labels.operator, operatorCountry: target.labels.operatorCountry,
                processedIn: target.labels.processedIn.sorted(), price: served.price))
        heads = Operation.allCases.map { target.serves($0) ? target.head(for: $0, model: served) : nil }
    }

    /// How a call of this operation is addressed; nil when the endpoint does not serve it.
    func head(for operation: Operation) -> ShapedHead? { heads[operation.index] }
}
