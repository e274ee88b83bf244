public import Core
import Journal
import Synchronization

/// What entries that nobody has any more may have cost a tenant, as somebody who answers for it bounds it.
public struct LossDoubtEntry: Sendable, Hashable {
    /// Made for the loss, in the tenant's name and revoked: evidence is charged to it, since it knows no other key.
    public var key: String
    public var amount: Money
    /// The log that has lost entries.
    public var log: String
    /// The first sequence number that is missing, and the first that is not; nil: nobody knows how many were lost.
    public var first: UInt64
    public var end: UInt64?

    public init(key: String, amount: Money, log: String, first: UInt64, end: UInt64?) {
        (self.key, self.amount, self.log, self.first, self.end) = (key, amount, log, first, end)
    }
}

/// The team of keys that are made for losses.
public let lostTeam = "lost-entries"

extension LiveLedger {
    /// Tenants that have a limit of money, or whose teams or keys have one.
    public var limitedTenants: [String] {
        state.withLock { state in
            var tenants: Set<String> = []
            for (number, limits) in state.accounts.table.limits.enumerated() where !limits.spend.isEmpty {
                switch state.accounts.table.accounts[number].name {
                case .tenant(let tenant), .team(let tenant, _): tenants.insert(tenant)
                case .key(let id):
                    if let index = state.accounts.keyIndex(id) { tenants.insert(state.keys[index].record.tenant) }
                }
            }
            return tenants.sorted()
        }
    }

    public var tenants: [String] {
        state.withLock { state in
            state.accounts.table.accounts.compactMap { account in
                if case .tenant(let tenant) = account.name { tenant } else { nil }
            }.sorted()
        }
    }

    /// Reserves what lost entries may have cost a tenant, on its account and those of all its teams and keys, since each of them may
    /// have spent it. It stays until evidence charges or voids it (`resolve`), or its time has passed, as with an allowance in doubt.
    /// A total may pass its limit by it; nothing is admitted then.
    /// - Returns: the sequence number of the entry.
    @discardableResult
    public func holdLost(
        _ amount: Money, of tenant: String, log: String, first: UInt64, end: UInt64?, at moment: Timestamp
    ) throws(LedgerError) -> UInt64 {
        guard amount >= .zero, amount.nanos <= largestHold else { throw .belowZero }
        guard tenants.contains(tenant) else { throw .unknownTenant(tenant) }
        var id = "lost-\(first)"
        var number = 1
        while keyIndex(id) != nil {
            number += 1
            id = "lost-\(first)-\(number)"
        }
        let record = KeyRecord(
            id: id, name: "lost entries from \(first) on", tenant: tenant, team: lostTeam, created: moment, secrets: [])
        let (key, _) = try self.record(key: record, at: moment)
        _ = try revoke(key: id, why: "made for lost entries, not for calls", at: moment)
        let entry = LossDoubtEntry(key: id, amount: amount, log: clipped(log, 256), first: first, end: end)
        return try locked { (state, journal) throws(LedgerError) in try state.holdLost(entry, key: key, journal, at: moment) }
    }
}

extension LedgerState {
    mutating func holdLost(
        _ entry: LossDoubtEntry, key: Int, _ journal: Journal, at moment: Timestamp
    ) throws(LedgerError) -> UInt64 {
        let now = clock.now(moment)
        // It counts in the windows of now: those of the lost entries admit nothing any more, unless they are the same.
        accounts.openWindows(at: now)
        sayBefore(journal, at: now)
        let sequence = try act(.lossDoubt(entry), journal, at: now)
        accounts.holdLost(key: key, amount: entry.amount, sequence: sequence)
        if entry.amount != .zero {
            doubtfulAllowances[sequence] = Fold.DoubtfulAllowance(
                block: Entry.Block(key: entry.key, amount: entry.amount), since: now, isLoss: true)
        }
        return sequence
    }
}

extension Accounts {
    mutating func holdLost(key index: Int, amount: Money, sequence: UInt64) {
        // Lines and accounts that are made later count from after it.
        following = max(following, sequence + 1)
        eachLine(of: keys[index].chain, isLoss: true) { $0.doubtful += Int128(amount.nanos) }
    }

    /// The lines of a key's chain, or of all its tenant's accounts.
    mutating func eachLine(of chain: LineTable.Chain, isLoss: Bool, _ body: (inout LineTable.Line) -> Void) {
        guard isLoss else { return table.eachLine(chain, body) }
        table.eachLine(ofAll: keys.lazy.map(\.chain).filter { $0.tenant == chain.tenant }, body)
    }
}

extension Fold {
    mutating func eachLine(of chain: LineTable.Chain, isLoss: Bool, _ body: (inout LineTable.Line) -> Void) {
        guard isLoss else { return table.eachLine(chain, body) }
        table.eachLine(ofAll: chains.lazy.map(\.accounts).filter { $0.tenant == chain.tenant }, body)
    }

    /// The accounts whose lines an allowance or a loss in doubt is reserved on.
    func accounts(of doubtful: DoubtfulAllowance) -> Set<AccountName> {
        guard let number = number(doubtful.block.key) else { return [] }
        let own = chains[Int(number)].accounts
        let all = doubtful.isLoss ? chains.map(\.accounts).filter { $0.tenant == own.tenant } : [own]
        return Set(all.flatMap { [$0.key, $0.team, $0.tenant] }.map { table.accounts[Int($0)].name })
    }
}

extension LineTable {
    /// The lines of every account that stands in one of the chains, each once.
    mutating func eachLine(ofAll chains: some Sequence<Chain>, _ body: (inout Line) -> Void) {
        var seen: Set<Int32> = []
        for chain in chains {
            for account in [chain.key, chain.team, chain.tenant] where seen.insert(account).inserted {
                eachLine(of: account, body)
            }
        }
    }
}
