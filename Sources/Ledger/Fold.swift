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
    public private(set) var limits: [AccountName: Money] = [:]
    public private(set) var keys: [String: Key] = [:]
    /// Key identifiers in the order in which they were made.
    public private(set) var keyOrder: [String] = []
    public internal(set) var doubtfulAllowances: [UInt64: DoubtfulAllowance] = [:]
    /// The latest window in which anything was reserved.
    public internal(set) var window = Window(months: 0)
    public internal(set) var latest = Timestamp(nanoseconds: 0)
    public internal(set) var configuration: String?
    /// The last entry says that the run ended in order.
    public internal(set) var stopped = false

    /// The same keys by their number, which is their place in `keyOrder`.
    private(set) var chains: [Chain] = []
    private(set) var names = ScanNames()
    private var numbers: [String: Int32] = [:]
    private(set) var places = PlaceTable()
    private(set) var rows: [UInt64: OpenRow] = [:]

    public init() {}

    /// Numbers follow the order of arrival, so they may differ between folds that say the same.
    public static func == (a: Fold, b: Fold) -> Bool {
        a.next == b.next && a.limits == b.limits && a.keys == b.keys && a.keyOrder == b.keyOrder
            && a.doubtfulAllowances == b.doubtfulAllowances && a.window == b.window && a.latest == b.latest
            && a.configuration == b.configuration && a.stopped == b.stopped && a.balances == b.balances
            && a.holds == b.holds
    }
}

/// An open hold as the fold keeps it: its key by number, its route shared.
struct OpenRow: Sendable {
    var attempt: AttemptID
    var call: String
    var key: Int32
    var window: Window
    var amount: Money
    var inputBound: Int64
    var outputBound: Int64
    var generation: UInt64
    var operation: Operation
    var drawn: Bool
    var stream: Bool
    var route: InternedRoute
    var at: Timestamp
    var doubtfulSince: Timestamp?
    var overrun: Money = .zero
}

extension Fold {
    /// The accounts of a key, by number.
    struct Chain: Sendable {
        var key: Int32
        var team: Int32
        var tenant: Int32
        var isRevoked: Bool
    }

    public var balances: [Place: Balance] { places.all }

    public var holds: [UInt64: OpenHold] { rows.mapValues(openHold) }

    /// The hold of an entry while it is open.
    func hold(_ sequence: UInt64) -> OpenHold? { rows[sequence].map(openHold) }

    public func balance(_ account: AccountName, _ window: Window) -> Balance {
        places.balance(account, window) ?? Balance()
    }

    /// Its own, its team's and its tenant's.
    func accounts(ofKey number: Int32) -> [AccountName] {
        let chain = chains[Int(number)]
        return [chain.key, chain.team, chain.tenant].map(places.name)
    }

    func number(_ id: String) -> Int32? { numbers[id] }

    private func openHold(_ row: OpenRow) -> OpenHold {
        OpenHold(
            entry: HoldEntry(
                attempt: row.attempt, call: row.call, key: keyOrder[Int(row.key)], window: row.window, amount: row.amount,
                drawn: row.drawn, inputBound: row.inputBound, outputBound: row.outputBound, generation: row.generation,
                operation: row.operation, stream: row.stream, route: row.route.facts),
            at: row.at, doubtfulSince: row.doubtfulSince, overrun: row.overrun)
    }
}

// MARK: Following

extension Fold {
    /// Adds the next entry. After an error the fold must not be used further.
    public mutating func apply(_ sequence: UInt64, at moment: Timestamp, _ entry: Entry) throws(FoldError) {
        try begin(sequence)
        switch entry {
        case .hold(let hold):
            guard let row = row(hold, at: moment) else { throw error(.unknownKey) }
            return try open(sequence, row)
        case .end(let end):
            _ = try close(sequence, ScannedEnd(end), at: moment)
            return
        case .allowance(let block):
            guard let key = numbers[block.key] else { throw error(.unknownKey) }
            return try grant(sequence, key: key, block.window, block.amount, at: moment)
        case .allowanceReturned(let block):
            try takeUndrawn(block)
        case .allowanceDoubt(let block, _):
            try takeUndrawn(block)
            let amount = Int128(block.amount.nanos)
            try change(try chain(block.key), block.window) { $0.doubtful += amount }
            doubtfulAllowances[next] = DoubtfulAllowance(block: block, since: moment)
        case .allowanceVoided(let doubt, _):
            guard let doubtful = doubtfulAllowances.removeValue(forKey: doubt) else { throw error(.unknownAllowance) }
            let amount = Int128(doubtful.block.amount.nanos)
            try change(try chain(doubtful.block.key), doubtful.block.window) { $0.doubtful -= amount }
        case .overrun(let sequence, let attempt, let amount):
            guard let hold = rows[sequence] else { throw error(.unknownHold) }
            guard hold.attempt == attempt else { throw error(.otherAttempt) }
            rows[sequence]?.overrun += amount
            // The one way for attempts to pass a limit, and it has a name.
            try change(chains[Int(hold.key)], hold.window) { $0.settled += Int128(amount.nanos) }
        case .doubt(let sequence, _):
            guard let hold = rows[sequence] else { throw error(.unknownHold) }
            guard hold.doubtfulSince == nil else { throw error(.doubtTwice) }
            rows[sequence]?.doubtfulSince = moment
        case .key(let record): try apply(record)
        case .keyRotated(let id, let secrets):
            guard keys[id] != nil else { throw error(.unknownKey) }
            keys[id]?.record.secrets = secrets
        case .keyRevoked(let id, _):
            guard let number = numbers[id] else { throw error(.unknownKey) }
            keys[id]?.revoked = moment
            chains[Int(number)].isRevoked = true
        case .limit(let account, let limit):
            if case .key(let id) = account {
                guard keys[id] != nil else { throw error(.unknownKey) }
                keys[id]?.record.monthlyLimit = limit
            }
            set(account, limit: limit)
        case .configuration(let hash, _): configuration = hash
        case .stop: stopped = true
        case .start, .refused, .act: break
        }
        finish(moment)
    }

    /// The three entries of the data path, with keys by number.
    mutating func open(_ sequence: UInt64, _ row: OpenRow) throws(FoldError) {
        try begin(sequence)
        let chain = chains[Int(row.key)]
        guard !chain.isRevoked else { throw error(.revokedKey) }
        window = max(window, row.window)
        let amount = Int128(row.amount.nanos)
        if row.drawn {
            guard places.undrawn(chain.key, row.window) >= amount else { throw error(.overdrawn) }
        }
        try change(chain, row.window, rises: true) {
            $0.held += amount
            if row.drawn { $0.undrawn -= amount }
        }
        rows[sequence] = row
        finish(row.at)
    }

    /// - Returns: the hold that has ended.
    mutating func close(_ sequence: UInt64, _ end: ScannedEnd, at moment: Timestamp) throws(FoldError) -> OpenRow {
        try begin(sequence)
        guard let row = rows.removeValue(forKey: end.hold) else { throw error(.unknownHold) }
        guard row.attempt == end.attempt else { throw error(.otherAttempt) }
        let held = Int128(row.amount.nanos)
        let settled = Int128(end.settled.nanos)
        let back = Int128(end.back.nanos)
        guard settled + back <= held else { throw error(.beyondHold) }
        try change(chains[Int(row.key)], row.window) {
            $0.held -= held
            $0.settled += settled
            $0.undrawn += back
        }
        finish(moment)
        return row
    }

    mutating func grant(
        _ sequence: UInt64, key: Int32, _ window: Window, _ amount: Money, at moment: Timestamp
    ) throws(FoldError) {
        try begin(sequence)
        self.window = max(self.window, window)
        try change(chains[Int(key)], window, rises: true) { $0.undrawn += Int128(amount.nanos) }
        finish(moment)
    }

    private mutating func begin(_ sequence: UInt64) throws(FoldError) {
        guard sequence == next else { throw FoldError(sequence: sequence, reason: .gap) }
        stopped = false
    }

    private mutating func finish(_ moment: Timestamp) {
        latest = max(latest, moment)
        next += 1
    }

    private mutating func apply(_ record: KeyRecord) throws(FoldError) {
        if let old = keys[record.id]?.record {
            guard old.tenant == record.tenant, old.team == record.team else { throw error(.keyMoved) }
        }
        restore(key: record, revoked: keys[record.id]?.revoked)
        set(.key(record.id), limit: record.monthlyLimit)
    }

    private mutating func takeUndrawn(_ block: Entry.Block) throws(FoldError) {
        let chain = try chain(block.key)
        let amount = Int128(block.amount.nanos)
        guard places.undrawn(chain.key, block.window) >= amount else { throw error(.overdrawn) }
        try change(chain, block.window) { $0.undrawn -= amount }
    }

    private func chain(_ id: String) throws(FoldError) -> Chain {
        guard let number = numbers[id] else { throw error(.unknownKey) }
        return chains[Int(number)]
    }

    /// Changes the balance of every account of a chain. `rises`: something new is admitted, so no limit may be passed then.
    @inline(__always)
    private mutating func change(
        _ chain: Chain, _ window: Window, rises: Bool = false, _ body: (inout Balance) -> Void
    ) throws(FoldError) {
        var within = places.change(chain.key, window, body)
        within = places.change(chain.team, window, body) && within
        within = places.change(chain.tenant, window, body) && within
        if rises, !within { throw error(.limitPassed) }
    }

    private func error(_ reason: FoldError.Reason) -> FoldError { FoldError(sequence: next, reason: reason) }
}

// MARK: Keeping

extension Fold {
    /// Makes a key or changes its record.
    mutating func restore(key record: KeyRecord, revoked: Timestamp?) {
        let id = record.id
        keys[id] = Key(record: record, revoked: revoked)
        if let number = numbers[id] {
            chains[Int(number)].isRevoked = revoked != nil
            return
        }
        let number = Int32(chains.count)
        chains.append(
            Chain(
                key: places.account(.key(id)), team: places.account(.team(tenant: record.tenant, team: record.team)),
                tenant: places.account(.tenant(record.tenant)), isRevoked: revoked != nil))
        numbers[id] = number
        names.add(key: id, number: number)
        keyOrder.append(id)
    }

    mutating func set(_ account: AccountName, limit: Money?) {
        limits[account] = limit
        places.setLimit(account, limit)
    }

    mutating func restore(_ place: Place, _ balance: Balance) { places.set(place, balance) }

    /// False when its key was never made.
    mutating func restore(hold: OpenHold, _ sequence: UInt64) -> Bool {
        guard var row = row(hold.entry, at: hold.at) else { return false }
        row.doubtfulSince = hold.doubtfulSince
        row.overrun = hold.overrun
        rows[sequence] = row
        return true
    }

    private mutating func row(_ hold: HoldEntry, at moment: Timestamp) -> OpenRow? {
        guard let key = numbers[hold.key] else { return nil }
        return OpenRow(
            attempt: hold.attempt, call: hold.call, key: key, window: hold.window, amount: hold.amount,
            inputBound: hold.inputBound, outputBound: hold.outputBound, generation: hold.generation,
            operation: hold.operation, drawn: hold.drawn, stream: hold.stream, route: names.intern(hold.route), at: moment)
    }
}
