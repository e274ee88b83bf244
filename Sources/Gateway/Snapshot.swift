import Core
import Crypto
import Ledger
import Policy
import Providers

/// A key as the data path needs it: who calls, on which account, until when.
/// A class, so that a call keeps one reference to it.
public final class KeyEntry: Sendable {
    public let record: KeyRecord
    /// Index of the key's account in the ledger.
    public let account: Int
    /// As policy sees it.
    public let caller: Caller
    /// When this secret stops opening the key.
    public let expires: Timestamp?
    /// What its calls may carry out of mainland China, where their clients say nothing; nil: nothing that counts.
    let exportKind: ChinaExport.Kind?
    /// Its tenant's.
    let hedge: Hedge?

    /// Index of the tenant in the catalogue.
    public var tenant: Int { caller.tenant }

    /// - Parameter number: by which judges tell callers apart; nil: that of the account, which has one caller.
    public init(record: KeyRecord, account: Int, in catalogue: Catalogue, expires: Timestamp?, number: UInt32? = nil) {
        self.record = record
        self.account = account
        caller = Caller(record, number: number ?? UInt32(truncatingIfNeeded: account), in: catalogue)
        self.expires = expires
        exportKind = catalogue.exportKind(caller.labels)
        hedge = catalogue.tenants.indices.contains(caller.tenant) ? catalogue.tenants[caller.tenant].hedge : nil
    }

    init(copy other: KeyEntry) {
        record = other.record
        account = other.account
        caller = Caller(copy: other.caller)
        expires = other.expires
        exportKind = other.exportKind
        hedge = other.hedge
    }
}

/// The immutable, numbered configuration that the data path reads, swapped whole.
public final class Snapshot: Sendable {
    public let generation: UInt64
    public let catalogue: Catalogue
    public let prices: PriceBook
    public let limits: ListenerLimits
    /// Holds what endpoints report against their labels.
    public let regions: RegionJudge
    public let keys: [KeyDigest: KeyEntry]
    /// The first 128 bits of the SHA-256 of the policies' text, in hexadecimal; nil: there are none.
    public let policyHash: String?
    /// By endpoint: its cell on the board. Cells are never given up, so that an old snapshot's stay right.
    let slots: [Int]
    /// Endpoints by name.
    let endpointIndex: [String: Int]
    /// By model: some endpoint keeps state of its calls.
    private let keptModels: [Bool]
    /// By model: whether an endpoint keeps conversations for it.
    private let conversationModels: [Bool]
    /// By endpoint, then by the catalogue's number of the model.
    private let ways: [[Way?]]
    /// By endpoint: content leaves mainland China there.
    let leavesChina: [Bool]
    /// By tenant: how its persons are named.
    let persons: [PersonNames]
    /// By tenant: what its ids of stored state are signed with.
    let stateKeys: [SymmetricKey]
    private let secrets: TenantSecrets
    /// By endpoint and dialect.
    private let served: [[Bool]]

    public init(
        catalogue: Catalogue, prices: PriceBook, limits: ListenerLimits, keys: [KeyDigest: KeyEntry],
        policyHash: String? = nil, board: Board, regions: RegionJudge = RegionJudge(), secrets: TenantSecrets = .unkept
    ) {
        board.install(catalogue)
        slots = board.slots(of: catalogue)
        generation = catalogue.generation
        self.catalogue = catalogue
        self.prices = prices
        self.limits = limits
        self.keys = keys
        self.policyHash = policyHash
        self.regions = regions
        self.secrets = secrets
        let countries = catalogue.countries
        leavesChina = catalogue.endpoints.map { ChinaExport.leaves(by: $0.labels, countries: countries) }
        persons = catalogue.tenants.map { PersonNames(secrets.key(for: $0.tenant, .person)) }
        stateKeys = catalogue.tenants.map { secrets.key(for: $0.tenant, .state) }
        let slots = slots
        let models = catalogue.models
        let tokens = catalogue.endpoints.map { $0.tokenGrant.map(board.cell) }
        ways = catalogue.endpoints.enumerated().map { index, endpoint in
            models.map { model in
                endpoint.models[model].map { served in
                    Way(
                        endpoint: index, of: catalogue, model: model, served: served, prices: prices, slot: slots[index],
                        token: tokens[index])
                }
            }
        }
        served = catalogue.endpoints.map { endpoint in
            // Where nobody counts tokens, Weir may.
            Dialect.allCases.map { endpoint.target(of: $0 == .tokenCount ? .messages : $0) != nil }
        }
        endpointIndex = Dictionary(uniqueKeysWithValues: catalogue.endpoints.enumerated().map { ($1.name, $0) })
        keptModels = models.map { model in catalogue.endpoints.contains { $0.models[model]?.state != nil } }
        conversationModels = models.map { model in
            catalogue.endpoints.contains { $0.models[model]?.keepsConversations == true }
        }
    }

    /// A copy with counters of its own, so that event loops do not contend on one.
    func copy(board: Board) -> Snapshot {
        Snapshot(
            catalogue: Catalogue(copy: catalogue), prices: prices, limits: limits, keys: keys.mapValues(KeyEntry.init(copy:)),
            policyHash: policyHash, board: board, regions: regions,
            secrets: secrets)
    }

    func serves(_ endpoint: Int, _ dialect: Dialect) -> Bool { served[endpoint][dialect.index] }

    /// Whether some endpoint keeps state of calls to this model.
    func keepsState(_ kind: StateKind, model: Int) -> Bool {
        switch kind {
        case .response: keptModels[model]
        case .conversation: conversationModels[model]
        }
    }

    func way(endpoint: Int, model: Int) -> Way? { ways[endpoint][model] }
}
