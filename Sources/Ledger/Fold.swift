public import Core

/// Why an entry cannot follow the ones before it: the journal contradicts itself or breaks a promise.
public struct FoldError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Reason: String, Sendable {
        case gap = "a sequence number is missing or repeated"
        case unknownKey = "it names a key that was never made"
        case keyMoved = "a key changed its team or tenant"
        case revokedKey = "money was held for a revoked key"
        case unknownHold = "it names a hold that is not open"
        case otherAttempt = "it names another attempt than its hold"
        case unknownAllowance = "it names an allowance that is not in doubt"
        case overdrawn = "more was drawn or returned than the allowance had"
        case beyondHold = "it settles or gives back more than was held"
        case limitPassed = "a total passed its limit without an overrun or a change of the limit"
        case doubtTwice = "a hold came in doubt twice"
    }

    public var sequence: UInt64
    public var reason: Reason

    public var description: String { "entry \(sequence): \(reason.rawValue)" }
}

/// All money, keys and open ends as the journal tells them: a pure function of its entries. It trusts nothing: promise 2 is
/// checked at each entry, so folding a journal without an error verifies it.
public struct Fold: Sendable, Equatable {
    public struct Balance: Sendable, Hashable {
        public var settled: Int128 = 0
        /// Open holds, in doubt or not.
        public var held: Int128 = 0
        /// Undrawn in live allowances.
        public var undrawn: Int128 = 0
        /// Undrawn at a crash: may have been sent.
        public var doubtful: Int128 = 0

        public var reserved: Int128 { held + undrawn + doubtful }
        public var total: Int128 { settled + reserved }
        public init() {}
    }

    public struct OpenHold: Sendable, Hashable {
        public var entry: HoldEntry
        public var at: Timestamp
        public var doubtfulSince: Timestamp?
        /// Charged beyond the hold already, by an overrun entry.
        public var overrun: Money = .zero
    }

    public struct DoubtfulAllowance: Sendable, Hashable {
        public var block: Entry.Block
        public var since: Timestamp
    }

    public struct Key: Sendable, Hashable {
        public var record: KeyRecord
        public var revoked: Timestamp?
    }

    public struct Place: Sendable, Hashable {
        public var account: AccountName
        public var window: Window
    }

    /// The sequence number that the next entry must have.
    public internal(set) var next: UInt64 = 0
    public internal(set) var balances: [Place: Balance] = [:]
    public internal(set) var limits: [AccountName: Money] = [:]
    public internal(set) var keys: [String: Key] = [:]
    /// Key identifiers in the order in which they were made.
    public internal(set) var keyOrder: [String] = []
    public internal(set) var holds: [UInt64: OpenHold] = [:]
    public internal(set) var doubtfulAllowances: [UInt64: DoubtfulAllowance] = [:]
    /// The latest window in which anything was reserved.
    public internal(set) var window = Window(months: 0)
    public internal(set) var latest = Timestamp(nanoseconds: 0)
    public internal(set) var configuration: String?
    /// The last entry says that the run ended in order.
    public internal(set) var stopped = false

    public init() {}
}

extension Fold {
    /// Adds the next entry. After an error the fold must not be used further.
    public mutating func apply(_ sequence: UInt64, at moment: Timestamp, _ entry: Entry) throws(FoldError) {
        guard sequence == next else { throw FoldError(sequence: sequence, reason: .gap) }
        stopped = false
        switch entry {
        case .hold(let hold): try apply(hold, at: moment)
        case .end(let end): try apply(end)
        case .allowance(let block):
            let chain = try chain(block.key)
            window = max(window, block.window)
            try change(chain, block.window, rises: true) { $0.undrawn += Int128(block.amount.nanos) }
        case .allowanceReturned(let block):
            try takeUndrawn(block)
        case .allowanceDoubt(let block, _):
            try takeUndrawn(block)
            let chain = try chain(block.key)
            try change(chain, block.window) { $0.doubtful += Int128(block.amount.nanos) }
            doubtfulAllowances[next] = DoubtfulAllowance(block: block, since: moment)
        case .allowanceVoided(let doubt, _):
            guard let doubtful = doubtfulAllowances.removeValue(forKey: doubt) else { throw error(.unknownAllowance) }
            let chain = try chain(doubtful.block.key)
            try change(chain, doubtful.block.window) { $0.doubtful -= Int128(doubtful.block.amount.nanos) }
        case .overrun(let sequence, let attempt, let amount):
            guard let hold = holds[sequence] else { throw error(.unknownHold) }
            guard hold.entry.attempt == attempt else { throw error(.otherAttempt) }
            holds[sequence]?.overrun += amount
            // The one way for attempts to pass a limit, and it has a name.
            let chain = try chain(hold.entry.key)
            try change(chain, hold.entry.window) { $0.settled += Int128(amount.nanos) }
        case .doubt(let sequence, _):
            guard let hold = holds[sequence] else { throw error(.unknownHold) }
            guard hold.doubtfulSince == nil else { throw error(.doubtTwice) }
            holds[sequence]?.doubtfulSince = moment
        case .key(let record): try apply(record)
        case .keyRotated(let id, let secrets):
            guard keys[id] != nil else { throw error(.unknownKey) }
            keys[id]?.record.secrets = secrets
        case .keyRevoked(let id, _):
            guard keys[id] != nil else { throw error(.unknownKey) }
            keys[id]?.revoked = moment
        case .limit(let account, let limit):
            limits[account] = limit
            if case .key(let id) = account {
                guard keys[id] != nil else { throw error(.unknownKey) }
                keys[id]?.record.monthlyLimit = limit
            }
        case .configuration(let hash, _): configuration = hash
        case .stop: stopped = true
        case .start, .refused, .act: break
        }
        latest = max(latest, moment)
        next += 1
    }

    public func balance(_ account: AccountName, _ window: Window) -> Balance {
        balances[Place(account: account, window: window)] ?? Balance()
    }

    private mutating func apply(_ hold: HoldEntry, at moment: Timestamp) throws(FoldError) {
        let chain = try chain(hold.key)
        guard keys[hold.key]?.revoked == nil else { throw error(.revokedKey) }
        window = max(window, hold.window)
        let amount = Int128(hold.amount.nanos)
        if hold.drawn {
            guard balance(.key(hold.key), hold.window).undrawn >= amount else { throw error(.overdrawn) }
        }
        try change(chain, hold.window, rises: true) {
            $0.held += amount
            if hold.drawn { $0.undrawn -= amount }
        }
        holds[next] = OpenHold(entry: hold, at: moment)
    }

    private mutating func apply(_ end: EndEntry) throws(FoldError) {
        guard let hold = holds.removeValue(forKey: end.hold) else { throw error(.unknownHold) }
        guard hold.entry.attempt == end.attempt else { throw error(.otherAttempt) }
        let held = Int128(hold.entry.amount.nanos)
        let settled = Int128(end.settled.nanos)
        let back = Int128(end.back.nanos)
        guard settled + back <= held else { throw error(.beyondHold) }
        let chain = try chain(hold.entry.key)
        try change(chain, hold.entry.window) {
            $0.held -= held
            $0.settled += settled
            $0.undrawn += back
        }
    }

    private mutating func apply(_ record: KeyRecord) throws(FoldError) {
        if let old = keys[record.id]?.record {
            guard old.tenant == record.tenant, old.team == record.team else { throw error(.keyMoved) }
            keys[record.id]?.record = record
        } else {
            keys[record.id] = Key(record: record)
            keyOrder.append(record.id)
        }
        limits[.key(record.id)] = record.monthlyLimit
    }

    private mutating func takeUndrawn(_ block: Entry.Block) throws(FoldError) {
        let chain = try chain(block.key)
        let amount = Int128(block.amount.nanos)
        guard balance(.key(block.key), block.window).undrawn >= amount else { throw error(.overdrawn) }
        try change(chain, block.window) { $0.undrawn -= amount }
    }

    private typealias Chain = (key: AccountName, team: AccountName, tenant: AccountName)

    private func chain(_ id: String) throws(FoldError) -> Chain {
        guard let record = keys[id]?.record else { throw error(.unknownKey) }
        return (.key(id), .team(tenant: record.tenant, team: record.team), .tenant(record.tenant))
    }

    /// Changes the balance of every account of a chain. `rises`: something new is admitted, so no limit may be passed then.
    private mutating func change(
        _ chain: Chain, _ window: Window, rises: Bool = false, _ body: (inout Balance) -> Void
    ) throws(FoldError) {
        for account in [chain.key, chain.team, chain.tenant] {
            let place = Place(account: account, window: window)
            var balance = balances[place] ?? Balance()
            body(&balance)
            balances[place] = balance
            if rises, let limit = limits[account], balance.total > Int128(limit.nanos) { throw error(.limitPassed) }
        }
    }

    private func error(_ reason: FoldError.Reason) -> FoldError { FoldError(sequence: next, reason: reason) }
}
