public import Core
public import Fleet
public import Gateway
public import Journal
public import Ledger

/// Everything that `/metrics` shows, as plain values taken at one moment.
public struct MetricsSnapshot: Sendable {
    /// What the counts of an endpoint are labelled with.
    public struct EndpointFacts: Sendable {
        public var provider: ProviderKind
        /// The public model, where the endpoint serves only one.
        public var model: String?
        public var isAvailable: Bool
        public var isSuspended: Bool

        public init(provider: ProviderKind, model: String?, isAvailable: Bool, isSuspended: Bool = false) {
            self.provider = provider
            self.model = model
            self.isAvailable = isAvailable
            self.isSuspended = isSuspended
        }

        public init(_ endpoint: Endpoint, isAvailable: Bool, isSuspended: Bool) {
            self.init(
                provider: endpoint.provider, model: endpoint.models.count == 1 ? endpoint.models.keys.first : nil,
                isAvailable: isAvailable, isSuspended: isSuspended)
        }
    }

    /// The copy of the log, where one is kept.
    public struct BackupFacts: Sendable {
        /// Entries in the copy.
        public var size: UInt64
        public var failures: UInt64

        public init(size: UInt64, failures: UInt64) { (self.size, self.failures) = (size, failures) }
    }

    /// The witness, where there is one.
    public struct WitnessFacts: Sendable {
        /// Entries that it has signed for.
        public var size: UInt64
        public var failures: UInt64
        /// It has signed what the log no longer says.
        public var isContradicted: Bool

        public init(size: UInt64, failures: UInt64, isContradicted: Bool) {
            (self.size, self.failures, self.isContradicted) = (size, failures, isContradicted)
        }
    }

    public var version: String
    public var started: Timestamp
    public var generation: UInt64
    public var loops: LoopMetrics
    public var endpoints: [String: EndpointFacts]
    public var engines: [String: EngineState]
    public var journal: JournalStatistics
    public var journalState: Journal.State
    public var durable: UInt64
    /// The number that the next entry gets.
    public var next: UInt64
    public var openHolds: Int
    public var holdsInDoubt: Int
    /// Since the start.
    public var alerts: UInt64
    /// How far the wall clock runs ahead of what the ledger believes, in seconds; 0 when it is believed.
    public var clockDoubtSeconds: Int64
    public var clockAheadSeconds: Int64
    public var backup: BackupFacts?
    public var witness: WitnessFacts?
    /// Of the current month; tenants and teams are shown, keys would be too many.
    public var accounts: [AccountView]
    /// Of this year in China.
    public var exports: [ExportYear]

    public init(
        version: String, started: Timestamp, generation: UInt64, loops: LoopMetrics, endpoints: [String: EndpointFacts],
        engines: [String: EngineState] = [:], journal: JournalStatistics, journalState: Journal.State, durable: UInt64,
        next: UInt64, openHolds: Int, holdsInDoubt: Int, alerts: UInt64 = 0, clockDoubtSeconds: Int64 = 0,
        clockAheadSeconds: Int64 = 0,
        backup: BackupFacts? = nil, witness: WitnessFacts? = nil, accounts: [AccountView] = [],
        exports: [ExportYear] = []
    ) {
        self.version = version
        self.started = started
        self.generation = generation
        self.loops = loops
        self.endpoints = endpoints
        self.engines = engines
        self.journal = journal
        self.journalState = journalState
        self.durable = durable
        self.next = next
        self.openHolds = openHolds
        self.holdsInDoubt = holdsInDoubt
        self.alerts = alerts
        self.clockDoubtSeconds = clockDoubtSeconds
        self.clockAheadSeconds = clockAheadSeconds
        self.backup = backup
        self.witness = witness
        self.accounts = accounts
        self.exports = exports
    }
}
