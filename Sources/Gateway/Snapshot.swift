import Core
import Ledger
import Policy
import Providers

/// A key as the data path needs it: who calls, on which account, until when.
public struct KeyEntry: Sendable {
    public var record: KeyRecord
    /// Index of the key's account in the ledger.
    public var account: Int
    /// Index of the tenant in the catalogue.
    public var tenant: Int
    /// When this secret stops opening the key.
    public var expires: Timestamp?

    public init(record: KeyRecord, account: Int, tenant: Int, expires: Timestamp?) {
        self.record = record
        self.account = account
        self.tenant = tenant
        self.expires = expires
    }
}

/// The immutable, numbered configuration that the data path reads, swapped whole.
public final class Snapshot: Sendable {
    public let generation: UInt64
    public let catalogue: Catalogue
    public let prices: PriceBook
    public let limits: ListenerLimits
    public let keys: [KeyDigest: KeyEntry]
    /// By endpoint: its cell on the board. Cells are never given up, so that an old snapshot's stay right.
    let slots: [Int]
    /// By endpoint: how each of its models and operations is addressed.
    private let shapes: [[ShapeName: ShapedHead]]
    /// By endpoint and model: what a hold's entry says of them.
    private let routes: [[String: HoldRoute]]

    struct ShapeName: Hashable {
        var model: String
        var operation: Operation
    }

    public init(
        catalogue: Catalogue, prices: PriceBook, limits: ListenerLimits, keys: [KeyDigest: KeyEntry], board: Board
    ) {
        board.install(catalogue)
        slots = board.slots(of: catalogue)
        generation = catalogue.generation
        self.catalogue = catalogue
        self.prices = prices
        self.limits = limits
        self.keys = keys
        shapes = catalogue.endpoints.map { endpoint in
            var heads: [ShapeName: ShapedHead] = [:]
            for (model, served) in endpoint.models {
                for operation in Operation.allCases where endpoint.serves(operation) {
                    heads[ShapeName(model: model, operation: operation)] = endpoint.head(for: operation, model: served)
                }
            }
            return heads
        }
        routes = zip(catalogue.endpoints, catalogue.links).map { endpoint, link in
            Dictionary(
                uniqueKeysWithValues: endpoint.models.map { model, served in
                    let facts = RouteFacts(
                        model: model, upstreamModel: served.upstreamName, endpoint: endpoint.name, link: link.name,
                        operator: endpoint.labels.operator, operatorCountry: endpoint.labels.operatorCountry,
                        processedIn: endpoint.labels.processedIn.sorted())
                    return (model, HoldRoute(facts))
                })
        }
    }

    /// A copy with counters of its own, so that event loops do not contend on one.
    func copy(board: Board) -> Snapshot {
        Snapshot(catalogue: catalogue, prices: prices, limits: limits, keys: keys, board: board)
    }

    func serves(_ endpoint: Int, _ operation: Operation) -> Bool { catalogue.endpoints[endpoint].serves(operation) }

    func holdRoute(endpoint: Int, model: String) -> HoldRoute? { routes[endpoint][model] }

    func head(endpoint: Int, model: String, operation: Operation) -> ShapedHead? {
        shapes[endpoint][ShapeName(model: model, operation: operation)]
    }
}
