public import Core
public import Journal

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What a start found in the journal.
public struct RecoveryReport: Sendable, Hashable {
    /// Entries read from the journal, not counting those that the books had folded already.
    public var replayed = 0
    /// The run before ended in order, or there was none.
    public var clean = true
    /// Holds put in doubt now, and those that were in doubt before.
    public var newDoubts = 0
    public var oldDoubts = 0
    /// Undrawn allowances put in doubt now.
    public var doubtfulAllowances: [Entry.Block] = []
    /// Sequence number of the `start` entry.
    public var started: UInt64 = 0
}

extension LiveLedger {
    /// Opens the journal, folds it and goes on from there: what a crash left open is in doubt, by entries, before anything new is held.
    ///
    /// - Parameters:
    ///   - fold: the state that the books have kept, so that only the tail is replayed.
    public static func open(
        _ settings: Journal.Settings, disk: some Disk = PosixDisk(), fold: Fold = Fold(), node: String, version: String,
        allowances: AllowanceSettings = AllowanceSettings(), doubtSettings: DoubtSettings = DoubtSettings(),
        at moment: Timestamp
    ) throws -> (ledger: LiveLedger, report: RecoveryReport) {
        var fold = fold
        var report = RecoveryReport()
        let journal = try Journal.open(settings, disk: disk, from: fold.next) { sequence, bytes in
            try fold.apply(parsing: bytes, sequence)
            report.replayed += 1
        }
        report.clean = fold.stopped || fold.next == 0
        do {
            let ledger = try resume(
                fold, journal, node: node, version: version, allowances: allowances, doubtSettings: doubtSettings, at: moment,
                report: &report)
            return (ledger, report)
        } catch {
            journal.close()
            throw error
        }
    }

    private static func resume(
        _ fold: Fold, _ journal: Journal, node: String, version: String, allowances: AllowanceSettings,
        doubtSettings: DoubtSettings, at moment: Timestamp, report: inout RecoveryReport
    ) throws -> LiveLedger {
        report.oldDoubts = fold.holds.values.count { $0.doubtfulSince != nil }
        report.newDoubts = fold.holds.count - report.oldDoubts

        // What was open or undrawn may have been sent and lost: say so first.
        var fold = fold
        func say(_ entry: Entry) throws -> UInt64 {
            guard let bytes = entry.encoded(at: moment) else { throw LedgerError.entryTooLarge }
            let sequence = try patiently(journal, bytes)
            try fold.apply(sequence, at: moment, entry)
            return sequence
        }
        report.started = try say(.start(Entry.Start(node: node, version: version, clean: report.clean)))
        for (sequence, hold) in fold.holds.sorted(by: { $0.key < $1.key }) where hold.doubtfulSince == nil {
            _ = try say(.doubt(hold: sequence, why: "crash"))
        }
        let undrawn = fold.balances.compactMap { place, balance -> Entry.Block? in
            guard balance.undrawn > 0, case .key(let id) = place.account else { return nil }
            return Entry.Block(key: id, window: place.window, amount: Money(nanos: Int64(clamping: balance.undrawn)))
        }
        for block in undrawn.sorted(by: { ($0.key, $0.window) < ($1.key, $1.window) }) {
            _ = try say(.allowanceDoubt(block, why: "crash"))
            report.doubtfulAllowances.append(block)
        }

        return LiveLedger(
            LedgerState(fold, allowances: allowances, at: moment), journal: journal, doubtSettings: doubtSettings)
    }
}

/// A start may have more to say than may wait for the disk at once, so it waits itself.
private func patiently(_ journal: Journal, _ bytes: [UInt8]) throws -> UInt64 {
    for _ in 0..<mostWaits {
        do throws(JournalError) {
            return try journal.append(bytes, urgent: false)
        } catch {
            guard case .unavailable(.full) = error else { throw error }
            usleep(waitMicroseconds)
        }
    }
    return try journal.append(bytes, urgent: false)
}

/// Ten seconds in all.
private let mostWaits = 5_000
private let waitMicroseconds: UInt32 = 2_000

extension Fold {
    /// Reads and adds the next entry.
    public mutating func apply(parsing bytes: UnsafeRawBufferPointer, _ sequence: UInt64) throws(LedgerError) {
        guard let scanned = scanEntry(bytes, names) else {
            let (stated, moment, entry) = try readable(bytes, sequence)
            try check(stated, is: sequence)
            do throws(FoldError) { try apply(sequence, at: moment, entry) } catch { throw .contradiction(error) }
            return
        }
        try check(scanned.sequence, is: sequence)
        do throws(FoldError) {
            switch scanned.entry {
            case .hold(let row): try open(sequence, row)
            case .end(let end): _ = try close(sequence, end, at: scanned.at)
            case .allowance(let key, let window, let amount):
                try grant(sequence, key: key, window, amount, at: scanned.at)
            }
        } catch { throw .contradiction(error) }
    }
}

/// An entry says itself which one it is.
func check(_ stated: UInt64, is sequence: UInt64) throws(LedgerError) {
    guard stated == sequence else {
        throw .unreadable(sequence: sequence, EntryError(reason: .badValue, member: "n"))
    }
}

func readable(
    _ bytes: UnsafeRawBufferPointer, _ sequence: UInt64
) throws(LedgerError) -> (sequence: UInt64, at: Timestamp, entry: Entry) {
    do throws(EntryError) { return try Entry.parse(bytes) } catch { throw .unreadable(sequence: sequence, error) }
}

extension LedgerState {
    /// The state that a fold describes, in which nothing is undrawn and every open hold is in doubt.
    init(_ fold: Fold, allowances: AllowanceSettings, at moment: Timestamp) {
        var accounts = Accounts(window: max(fold.window, Window(moment.month)), settings: allowances)
        var keys: [Fold.Key] = []
        for id in fold.keyOrder {
            guard let key = fold.keys[id] else { continue }
            let index = accounts.addKey(
                id, tenant: key.record.tenant, team: key.record.team, limit: key.record.monthlyLimit)
            accounts.keys[index].revoked = key.revoked != nil
            keys.append(key)
        }
        for (name, limit) in fold.limits { accounts.setLimit(name, limit) }
        for (place, balance) in fold.balances {
            accounts.restore(place.account, place.window, settled: balance.settled, reserved: balance.reserved)
        }
        self.init(accounts: accounts, keys: keys)
        for (sequence, hold) in fold.holds {
            guard let index = self.accounts.keyIndex(hold.entry.key) else { continue }
            let since = hold.doubtfulSince ?? moment
            let ref = self.accounts.restoreHold(
                key: index, window: hold.entry.window, amount: hold.entry.amount, drawn: hold.entry.drawn,
                sequence: sequence, since: since)
            doubtfulHolds[sequence] = DoubtfulHold(
                ref: ref, attempt: hold.entry.attempt, amount: hold.entry.amount, overrun: hold.overrun, since: since)
        }
        doubtfulAllowances = fold.doubtfulAllowances
    }
}

extension Accounts {
    /// Puts a balance back that a fold told. Nothing of it is undrawn: allowances do not outlive their run.
    mutating func restore(_ name: AccountName, _ at: Window, settled: Int128, reserved: Int128) {
        let index = account(name)
        if at == window {
            accounts[Int(index)].settled = settled
            accounts[Int(index)].reserved = reserved
        } else if reserved != 0 {
            past[PastKey(account: index, window: at.months)] = Past(settled: settled, reserved: reserved)
        }
    }

    /// Puts an open hold back whose money the balances hold already.
    mutating func restoreHold(
        key index: Int, window at: Window, amount: Money, drawn: Bool, sequence: UInt64, since: Timestamp
    ) -> HoldRef {
        if at == window { keys[index].held += Int128(amount.nanos) }
        return open(
            Slot(
                amount: amount.nanos, sequence: sequence, key: Int32(index), window: at.months, generation: 0, open: true,
                drawn: drawn, doubtfulSince: since))
    }
}
