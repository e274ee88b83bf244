public import Core
import Journal
import Synchronization

/// A key and where the ledger keeps it.
public struct LedgerKey: Sendable, Hashable {
    public var index: Int
    public var record: KeyRecord
    public var revoked: Timestamp?
}

/// The longest identifier or name that a key, team or tenant may have, in bytes.
public let longestName = 128

// MARK: Keys and limits

extension LiveLedger {
    /// Every key ever made, in order of its index.
    public var keys: [LedgerKey] {
        state.withLock { state in
            state.keys.enumerated().map { LedgerKey(index: $0.offset, record: $0.element.record, revoked: $0.element.revoked) }
        }
    }

    public func keyIndex(_ id: String) -> Int? { state.withLock { $0.accounts.keyIndex(id) } }

    /// Makes a key, or changes one that is there (not its team or tenant). It counts once the sequence number is durable.
    public func record(key: KeyRecord, at moment: Timestamp) throws(LedgerError) -> (index: Int, sequence: UInt64) {
        try locked { (state, journal) throws(LedgerError) in
            let names = [key.id, key.name, key.tenant, key.team]
            guard names.allSatisfy({ $0.utf8.count <= longestName }) else { throw .entryTooLarge }
            if let index = state.accounts.keyIndex(key.id) {
                let old = state.keys[index]
                guard old.record.tenant == key.tenant, old.record.team == key.team, old.revoked == nil else {
                    throw .keyConflict
                }
            }
            try state.check(.key(key.id), key.limits)
            let now = state.clock.now(moment)
            if state.accounts.limits(.key(key.id)) != key.limits { state.prepareLimits(.key(key.id), journal, at: now) }
            let sequence = try state.act(.key(key), journal, at: now)
            let index = state.accounts.addKey(key.id, tenant: key.tenant, team: key.team)
            state.setLimits(.key(key.id), key.limits, sequence, journal, at: now)
            if index == state.keys.count {
                state.keys.append(Fold.Key(record: key))
            } else {
                state.keys[index].record = key
            }
            return (index, sequence)
        }
    }

    /// Replaces the secrets that open a key: the old with an end to their time beside the new, or the new alone.
    public func rotate(key id: String, secrets: [KeySecret], at moment: Timestamp) throws(LedgerError) -> UInt64 {
        try locked { (state, journal) throws(LedgerError) in
            guard let index = state.accounts.keyIndex(id) else { throw .unknownKey }
            guard state.keys[index].revoked == nil else { throw .keyConflict }
            let sequence = try state.act(.keyRotated(id: id, secrets: secrets), journal, at: moment)
            state.keys[index].record.secrets = secrets
            return sequence
        }
    }

    /// From now on the key holds nothing; what it has under way ends as ever, and its allowance goes back.
    public func revoke(key id: String, why: String, at moment: Timestamp) throws(LedgerError) -> UInt64 {
        let (sequence, alerts) = try locked { (state, journal) throws(LedgerError) -> (UInt64, [AlertNotice]) in
            guard let index = state.accounts.keyIndex(id) else { throw .unknownKey }
            guard state.keys[index].revoked == nil else { throw .keyConflict }
            let sequence = try state.act(.keyRevoked(id: id, why: clipped(why, 256)), journal, at: moment)
            let now = state.clock.now(moment)
            state.keys[index].revoked = now
            state.accounts.revoke(key: index, at: now)
            state.sayBefore(journal, at: now)
            state.sayAlerts(journal, at: now)
            return (sequence, state.takeAlerts())
        }
        tell(alerts)
        return sequence
    }

    /// What makes limits ones that `setLimits` would not take, without changing anything.
    public func check(_ limits: [(AccountName, AccountLimits)]) throws(LedgerError) {
        try locked { (state, _) throws(LedgerError) in
            for (account, limits) in limits { try state.check(account, limits) }
        }
    }

    /// Sets all limits of tenants, teams or keys; what is as it was is not journalled again.
    /// A limit below what is settled and held stands: nothing new is admitted until it is above. A limit over a period that the
    /// account had none for counts from now on; those of a month (UTC) and of all time count what is there already.
    /// - Returns: the last sequence number, if there was a change.
    @discardableResult
    public func setLimits(_ limits: [(AccountName, AccountLimits)], at moment: Timestamp) throws(LedgerError) -> UInt64? {
        try locked { (state, journal) throws(LedgerError) in
            for (account, limits) in limits {
                try state.check(account, limits)
                if case .key(let id) = account, state.accounts.keyIndex(id) == nil { throw .unknownKey }
            }
            let now = state.clock.now(moment)
            var last: UInt64?
            for (account, limits) in limits where state.accounts.limits(account) != limits {
                state.prepareLimits(account, journal, at: now)
                let sequence = try state.act(.limits(account, limits), journal, at: now)
                last = sequence
                if case .key(let id) = account, let index = state.accounts.keyIndex(id) {
                    state.keys[index].record.limits = limits
                }
                state.setLimits(account, limits, sequence, journal, at: now)
            }
            return last
        }
    }

    /// Sets limits of the calendar month (UTC), and no others.
    @discardableResult
    public func setLimits(_ limits: [(AccountName, Money?)], at moment: Timestamp) throws(LedgerError) -> UInt64? {
        try setLimits(limits.map { ($0.0, AccountLimits(monthly: $0.1)) }, at: moment)
    }

    /// Journals which configuration decides from now on.
    public func configuration(hash: String, generation: UInt64, at moment: Timestamp) throws(LedgerError) -> UInt64 {
        try locked { (state, journal) throws(LedgerError) in
            try state.act(.configuration(hash: hash, generation: generation), journal, at: moment)
        }
    }

    /// Journals what an administrator did.
    public func act(who: String, what: String, on: String? = nil, at moment: Timestamp) throws(LedgerError) -> UInt64 {
        try locked { (state, journal) throws(LedgerError) in
            try state.act(.act(who: who, what: what, on: on), journal, at: moment)
        }
    }

    /// Every account in its current windows, for reports and metrics.
    public var accounts: [AccountView] { state.withLock { $0.accounts.views() } }

    public func account(_ name: AccountName) -> AccountView? { state.withLock { $0.accounts.view(name) } }

    /// What the ledger thinks of the wall clock.
    public var clock: ClockView {
        state.withLock {
            ClockView(time: $0.clock.time, doubtfulSeconds: $0.clock.doubtfulSeconds, aheadSeconds: $0.clock.aheadSeconds)
        }
    }

    /// Holds that have not ended, in doubt or not.
    public var openHolds: Int { state.withLock { $0.accounts.openHolds } }

    /// Runs under the lock and carries a typed error out of it.
    func locked<T: Sendable>(
        _ body: (inout LedgerState, Journal) throws(LedgerError) -> T
    ) throws(LedgerError) -> T {
        let journal = journal
        let result = state.withLock { state -> Result<T, LedgerError> in
            do throws(LedgerError) { return .success(try body(&state, journal)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}

extension LedgerState {
    func check(_ account: AccountName, _ limits: AccountLimits) throws(LedgerError) {
        if let problem = limits.problem(zones: accounts.zones) { throw .limits(account, problem) }
    }

    /// No allowance outlives a change of the limits above it.
    mutating func prepareLimits(_ account: AccountName, _ journal: Journal, at now: Timestamp) {
        accounts.prepareLimits(account)
        sayBefore(journal, at: now)
    }

    /// Windows of new periods open at once.
    mutating func setLimits(
        _ account: AccountName, _ limits: AccountLimits, _ sequence: UInt64, _ journal: Journal, at now: Timestamp
    ) {
        accounts.setLimits(account, limits, sequence: sequence)
        accounts.turn(at: now)
        sayBefore(journal, at: now)
        sayAlerts(journal, at: now)
    }

    /// Appends an entry for which somebody waits; nothing has changed yet when it throws.
    mutating func act(_ entry: Entry, _ journal: Journal, at moment: Timestamp) throws(LedgerError) -> UInt64 {
        guard flushBacklog(journal) else { throw .journal(.unavailable(.failed("ends wait for the disk"))) }
        guard entry.write(to: &writer, at: clock.now(moment)) else { throw .entryTooLarge }
        do throws(JournalError) {
            return try journal.append(writer.bytes, urgent: true)
        } catch { throw .journal(error) }
    }
}
