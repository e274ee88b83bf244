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
        case unknownAccount = "it names an account that was never made"
        case doubtTwice = "a hold came in doubt twice"
        case windowBack = "a window opened before the one before it ended, or before its time"
        case graceUnnamed = "a hold is beyond a limit without naming the grace that lets it"
        case evidenceTwice = "evidence that has counted already"
        case evidenceUnreadable = "the books that keep older evidence cannot be read, or are further than this entry"
        case correctionOfOpen = "it corrects an attempt that has not ended"
        case belowZero = "it corrects a charge to less than nothing, or not from what it was"
        case backAcrossWindows = "an allowance got back what was held in an earlier window"
    }

    public var sequence: UInt64
    public var reason: Reason

    public init(sequence: UInt64, reason: Reason) { (self.sequence, self.reason) = (sequence, reason) }

    public var description: String { "entry \(sequence): \(reason.rawValue)" }
}

/// All money, keys and open ends as the journal tells them: a pure function of its entries. It trusts nothing: promise 2 is
/// checked at each entry, so folding a journal without an error verifies it.
public struct Fold: Sendable, Equatable {
    /// What one line of an account comes to.
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
        /// With all that it was lengthened by.
        public var entry: HoldEntry
        public var at: Timestamp
        public var doubtfulSince: Timestamp?
        /// Charged beyond the hold already, by an overrun entry.
        public var overrun: Money = .zero
    }

    public struct DoubtfulAllowance: Sendable, Hashable {
        public var block: Entry.Block
        public var since: Timestamp
        /// It is of entries that were lost, and reserved on every account of the key's tenant.
        public var isLoss = false
    }

    public struct Key: Sendable, Hashable {
        public var record: KeyRecord
        public var revoked: Timestamp?
    }

    public struct Suspended: Sendable, Hashable {
        public var suspension: Suspension
        public var since: Timestamp
    }

    /// An account over a period.
    public struct Place: Sendable, Hashable {
        public var account: AccountName
        public var period: Period

        public init(account: AccountName, period: Period) { (self.account, self.period) = (account, period) }
    }

    /// What corrections have made of an attempt that has ended.
    public struct Corrected: Sendable, Hashable {
        /// Charged in all, with every correction.
        public var charged: Money
        /// Added to what its end said.
        public var usage: Usage
    }

    /// The sequence number that the next entry must have.
    public internal(set) var next: UInt64 = 0
    public private(set) var keys: [String: Key] = [:]
    /// Key identifiers in the order in which they were made.
    public private(set) var keyOrder: [String] = []
    public internal(set) var doubtfulAllowances: [UInt64: DoubtfulAllowance] = [:]
    /// Those in force, by endpoint.
    public internal(set) var suspensions: [String: Suspended] = [:]
    public internal(set) var latest = Timestamp(nanoseconds: 0)
    public internal(set) var configuration: String?
    /// The last entry says that the run ended in order.
    public internal(set) var stopped = false

    var kept = KeptEvidence()
    var exported = ExportBook()
    var table = LineTable()
    /// The same keys by their number, which is their place in `keyOrder`.
    private(set) var chains: [Chain] = []
    private(set) var names = ScanNames()
    private var numbers: [String: Int32] = [:]
    private(set) var rows: [UInt64: OpenRow] = [:]

    public init() {}

    /// Numbers follow the order of arrival, so they may differ between folds that say the same.
    public static func == (a: Fold, b: Fold) -> Bool {
        a.next == b.next && a.keys == b.keys && a.keyOrder == b.keyOrder && a.doubtfulAllowances == b.doubtfulAllowances
            && a.latest == b.latest && a.configuration == b.configuration && a.stopped == b.stopped && a.holds == b.holds
            && a.limits == b.limits && a.suspensions == b.suspensions
            && a.table.states == b.table.states && a.table.openClocks == b.table.openClocks && a.evidence == b.evidence
            && a.corrected == b.corrected && a.exported == b.exported
    }
}

/// An open hold as the fold keeps it: its key by number, its route shared.
struct OpenRow: Sendable {
    var attempt: AttemptID
    var call: String
    var key: Int32
    /// Only version 1 wrote it here.
    var window: Window?
    var amount: Money
    var grace: String?
    var inputBound: Int64
    var outputBound: Int64
    var generation: UInt64
    var operation: Operation
    var drawn: Bool
    var stream: Bool
    var tier: ServiceTier
    var exported: ExportedPerson?
    var route: InternedRoute
    var at: Timestamp
    var doubtfulSince: Timestamp?
    var overrun: Money = .zero
}

extension Fold {
    struct Chain: Sendable {
        var accounts: LineTable.Chain
        var isRevoked: Bool
    }

    /// Every line of every account in its current window.
    public var balances: [Place: Balance] {
        var all: [Place: Balance] = [:]
        for account in table.accounts {
            for index in table.range(table.number(account.name) ?? 0) {
                all[Place(account: account.name, period: table.clocks[Int(table.lines[index].clock)].period)] = table.balance(
                    index)
            }
        }
        return all
    }

    /// All evidence that has counted, with the entry it counted in: also what only the books have, which are read whole. nil when
    /// they cannot be read.
    public var evidence: [String: UInt64]? { try? kept.all().evidence }

    /// All attempts that were corrected, by the sequence number of the hold; read as `evidence` is.
    public var corrected: [UInt64: Corrected]? { try? kept.all().corrected }

    public var limits: [AccountName: AccountLimits] {
        var all: [AccountName: AccountLimits] = [:]
        for (number, limits) in table.limits.enumerated() where limits != .none { all[table.accounts[number].name] = limits }
        return all
    }

    public var holds: [UInt64: OpenHold] { rows.mapValues(openHold) }

    /// The hold of an entry while it is open.
    func hold(_ sequence: UInt64) -> OpenHold? { rows[sequence].map(openHold) }

    public func balance(_ account: AccountName, _ period: Period = .monthUTC) -> Balance {
        guard let number = table.number(account) else { return Balance() }
        let index = table.range(number).first { table.clocks[Int(table.lines[$0].clock)].period == period }
        return index.map(table.balance) ?? Balance()
    }

    /// The current window of a period, if one has opened.
    public func window(_ period: Period) -> (from: Timestamp, to: Timestamp)? {
        table.openClocks[period].map { (Timestamp(nanoseconds: $0.from), Timestamp(nanoseconds: $0.to)) }
    }

    func number(_ id: String) -> Int32? { numbers[id] }

    /// The counts of every tenant whose persons' data left mainland China in a year of its calendar.
    public func exports(year: Int) -> [ExportYear] { exported.tenants(in: year) }

    func tenant(of key: Int32) -> String { keys[keyOrder[Int(key)]]?.record.tenant ?? "" }

    /// The year in China that an entry of this moment counts in: as ledger time, it never goes back.
    func exportYear(at moment: Timestamp) -> Int { max(latest, moment).yearInChina }

    private func openHold(_ row: OpenRow) -> OpenHold {
        OpenHold(
            entry: HoldEntry(
                attempt: row.attempt, call: row.call, key: keyOrder[Int(row.key)], window: row.window, amount: row.amount,
                drawn: row.drawn, grace: row.grace, inputBound: row.inputBound, outputBound: row.outputBound,
                generation: row.generation, operation: row.operation, stream: row.stream, tier: row.tier,
                exported: row.exported, route: row.route.facts),
            at: row.at, doubtfulSince: row.doubtfulSince, overrun: row.overrun)
    }
}

// MARK: Keeping

extension Fold {
    /// Makes a key or changes its record; new accounts count from the entry of that sequence number on.
    mutating func restore(key record: KeyRecord, revoked: Timestamp?, sequence: UInt64 = 0) {
        let id = record.id
        keys[id] = Key(record: record, revoked: revoked)
        if let number = numbers[id] {
            chains[Int(number)].isRevoked = revoked != nil
            return
        }
        let number = Int32(chains.count)
        let accounts = LineTable.Chain(
            key: table.account(.key(id), since: sequence),
            team: table.account(.team(tenant: record.tenant, team: record.team), since: sequence),
            tenant: table.account(.tenant(record.tenant), since: sequence))
        chains.append(Chain(accounts: accounts, isRevoked: revoked != nil))
        numbers[id] = number
        names.add(key: id, number: number)
        keyOrder.append(id)
    }

    mutating func setLimits(_ account: AccountName, _ limits: AccountLimits, sequence: UInt64) {
        table.setLimits(table.account(account, since: sequence), limits, sequence: sequence)
        if case .key(let id) = account { keys[id]?.record.limits = limits }
    }

    /// False when its key was never made.
    mutating func restore(hold: OpenHold, _ sequence: UInt64) -> Bool {
        guard var row = row(hold.entry, at: hold.at) else { return false }
        row.doubtfulSince = hold.doubtfulSince
        row.overrun = hold.overrun
        rows[sequence] = row
        return true
    }

    mutating func row(_ hold: HoldEntry, at moment: Timestamp) -> OpenRow? {
        guard let key = numbers[hold.key] else { return nil }
        if let judged = hold.judged { names.intern(judged) }
        return OpenRow(
            attempt: hold.attempt, call: hold.call, key: key, window: hold.window, amount: hold.amount, grace: hold.grace,
            inputBound: hold.inputBound, outputBound: hold.outputBound, generation: hold.generation,
            operation: hold.operation, drawn: hold.drawn, stream: hold.stream, tier: hold.tier, exported: hold.exported,
            route: names.intern(hold.route), at: moment)
    }

    // What following entries changes, in `FoldFollowing.swift`.
    mutating func remove(_ sequence: UInt64) -> OpenRow? { rows.removeValue(forKey: sequence) }
    mutating func keep(_ row: OpenRow, _ sequence: UInt64) { rows[sequence] = row }
    mutating func revoke(_ id: String, _ number: Int32, at moment: Timestamp) {
        keys[id]?.revoked = moment
        chains[Int(number)].isRevoked = true
    }
    mutating func replaceSecrets(_ id: String, _ secrets: [KeySecret]) { keys[id]?.record.secrets = secrets }
}
