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
            let sequence = try state.act(.key(key), journal, at: moment)
            let index = state.accounts.addKey(key.id, tenant: key.tenant, team: key.team, limit: key.monthlyLimit)
            state.accounts.setLimit(.key(key.id), key.monthlyLimit)
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
        try locked { (state, journal) throws(LedgerError) in
            guard let index = state.accounts.keyIndex(id) else { throw .unknownKey }
            guard state.keys[index].revoked == nil else { throw .keyConflict }
            let sequence = try state.act(.keyRevoked(id: id, why: clipped(why, 256)), journal, at: moment)
            state.keys[index].revoked = moment
            state.accounts.revoke(key: index, at: moment)
            state.sayReturned(journal, at: moment)
            return sequence
        }
    }

    /// Sets the monthly limits of tenants, teams or keys; what is as it was is not journalled again.
    /// A limit below what is settled and held stands: nothing new is admitted until it is above.
    /// - Returns: the last sequence number, if there was a change.
    @discardableResult
    public func setLimits(_ limits: [(AccountName, Money?)], at moment: Timestamp) throws(LedgerError) -> UInt64? {
        try locked { (state, journal) throws(LedgerError) in
            var last: UInt64? = nil
            for (account, limit) in limits where state.accounts.limit(account) != limit {
                if case .key(let id) = account {
                    guard let index = state.accounts.keyIndex(id) else { throw .unknownKey }
                    state.keys[index].record.monthlyLimit = limit
                }
                last = try state.act(.limit(account, limit), journal, at: moment)
                state.accounts.setLimit(account, limit)
            }
            return last
        }
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

    /// Every account in the current month, for reports and metrics.
    public var accounts: [AccountView] { state.withLock { $0.accounts.views() } }

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
    /// Appends an entry for which somebody waits; nothing has changed yet when it throws.
    mutating func act(_ entry: Entry, _ journal: Journal, at moment: Timestamp) throws(LedgerError) -> UInt64 {
        guard flushBacklog(journal) else { throw .journal(.unavailable(.failed("ends wait for the disk"))) }
        guard entry.write(to: &writer, at: moment) else { throw .entryTooLarge }
        do throws(JournalError) {
            return try journal.append(writer.bytes, urgent: true)
        } catch { throw .journal(error) }
    }
}

// MARK: Doubt

/// What ends a hold or an allowance that is in doubt when no evidence does.
public struct DoubtSettings: Sendable, Hashable {
    public enum Holds: String, Sendable, CaseIterable {
        /// Charged at its full amount, as an estimate.
        case settle
        case void
    }

    /// Seven days by default.
    public var holdSeconds: Int64 = 7 * 86_400
    public var holds = Holds.settle
    public var allowanceSeconds: Int64 = 7 * 86_400

    public init() {}
}

/// A hold that a crash or a silent provider left without an end.
public struct DoubtfulHoldView: Sendable, Hashable {
    public var sequence: UInt64
    public var attempt: AttemptID
    public var amount: Money
    public var since: Timestamp
}

extension LiveLedger {
    public var doubtfulHolds: [DoubtfulHoldView] {
        state.withLock { state in
            state.doubtfulHolds.map {
                DoubtfulHoldView(sequence: $0.key, attempt: $0.value.attempt, amount: $0.value.amount, since: $0.value.since)
            }.sorted { $0.sequence < $1.sequence }
        }
    }

    /// Evidence ends a hold in doubt. False when there is no such hold (any more).
    public func resolve(doubt sequence: UInt64, settled: Money, usage: Usage, why: String, at moment: Timestamp) -> Bool {
        let journal = journal
        return state.withLock { state in
            guard let hold = state.doubtfulHolds[sequence] else { return false }
            let entry = EndEntry(
                hold: sequence, attempt: hold.attempt, how: .settled, settled: settled, usage: usage,
                why: clipped(why, 128))
            _ = state.settle(hold.ref, entry, rawUsage: nil, alreadyOverrun: hold.overrun, journal, at: moment)
            return true
        }
    }

    /// To be called about once a second: turns the month, journals refusals, and ends what has been in doubt for long enough.
    public func tick(at moment: Timestamp) {
        let journal = journal
        let policy = doubtSettings
        state.withLock { state in
            _ = state.flushBacklog(journal)
            state.accounts.turn(at: moment)
            state.sayReturned(journal, at: moment)
            state.endDoubts(policy, journal, at: moment)
        }
        flushRefusals(at: moment)
    }

    /// A clean end: allowances go back, what is still under way is in doubt, and `stop` is the last entry.
    /// The caller closes the journal afterwards.
    public func shutdown(open: [Hold] = [], at moment: Timestamp) {
        flushRefusals(at: moment)
        let journal = journal
        state.withLock { state in
            for hold in open { state.doubt(hold, why: "shutdown", journal, at: moment) }
            state.accounts.returnAllowances()
            state.sayReturned(journal, at: moment)
            if Entry.stop.write(to: &state.writer, at: moment) { state.say(journal) }
        }
    }
}

extension LedgerState {
    mutating func endDoubts(_ policy: DoubtSettings, _ journal: Journal, at moment: Timestamp) {
        let holdsBefore = moment.advanced(byMilliseconds: -policy.holdSeconds * 1000)
        let overdue = doubtfulHolds.filter { $0.value.since <= holdsBefore }
        for (sequence, hold) in overdue.sorted(by: { $0.key < $1.key }) {
            let settles = policy.holds == .settle
            let entry = EndEntry(
                hold: sequence, attempt: hold.attempt, how: settles ? .settled : .voided,
                settled: settles ? hold.amount : .zero, estimated: settles, why: "doubt expired")
            _ = settle(hold.ref, entry, rawUsage: nil, alreadyOverrun: hold.overrun, journal, at: moment)
        }
        let allowancesBefore = moment.advanced(byMilliseconds: -policy.allowanceSeconds * 1000)
        let old = doubtfulAllowances.filter { $0.value.since <= allowancesBefore }
        for (sequence, doubtful) in old.sorted(by: { $0.key < $1.key }) {
            doubtfulAllowances[sequence] = nil
            guard let key = accounts.keyIndex(doubtful.block.key) else { continue }
            accounts.voidDoubtfulAllowance(key: key, window: doubtful.block.window, amount: doubtful.block.amount)
            if Entry.allowanceVoided(doubt: sequence, why: "doubt expired").write(to: &writer, at: moment) { say(journal) }
        }
    }
}
