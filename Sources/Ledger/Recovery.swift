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
    /// The wall clock is that many seconds ahead of the last entry, and was taken because the caller said so.
    public var acceptedClockSeconds: Int64?
    /// Zones that limits count in and that were not given: their windows stay as they are, which admits too little rather than too much.
    public var unknownZones: [String] = []
}

extension LiveLedger {
    /// Opens the journal, folds it and goes on from there: what a crash left open is in doubt, by entries, before anything new is held.
    ///
    /// - Parameters:
    ///   - fold: the state that the books have kept, so that only the tail is replayed.
    ///   - acceptsClock: takes a wall clock that is further ahead of the last entry than `clockTrustDays`.
    ///   - zones: by name, those in which limits may count; UTC is always there.
    public static func open(
        _ settings: Journal.Settings, disk: some Disk = PosixDisk(), fold: Fold = Fold(), node: String, version: String,
        allowances: AllowanceSettings = AllowanceSettings(), doubtSettings: DoubtSettings = DoubtSettings(),
        zones: [String: CivilZone] = [:], acceptsClock: Bool = false, at moment: Timestamp
    ) throws -> (ledger: LiveLedger, report: RecoveryReport) {
        var fold = fold
        var report = RecoveryReport()
        let journal = try Journal.open(settings, disk: disk, from: fold.next) { sequence, bytes in
            try fold.apply(parsing: bytes, sequence)
            report.replayed += 1
        }
        report.clean = fold.stopped || fold.next == 0
        do {
            let gap = LedgerClock.tooFarAhead(moment, of: fold.latest)
            if let gap, !acceptsClock { throw LedgerError.clockAhead(seconds: gap, latest: fold.latest) }
            report.acceptedClockSeconds = gap
            let ledger = try resume(
                fold, journal, node: node, version: version, allowances: allowances, doubtSettings: doubtSettings, zones: zones,
                at: moment, report: &report)
            return (ledger, report)
        } catch {
            journal.close()
            throw error
        }
    }

    private static func resume(
        _ fold: Fold, _ journal: Journal, node: String, version: String, allowances: AllowanceSettings,
        doubtSettings: DoubtSettings, zones: [String: CivilZone], at wall: Timestamp, report: inout RecoveryReport
    ) throws -> LiveLedger {
        var clock = LedgerClock(latest: fold.latest)
        let moment = clock.now(wall)
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
        if let seconds = report.acceptedClockSeconds {
            let what = "the wall clock is \(seconds) s ahead of the last entry; the start was told to accept it"
            _ = try say(.act(who: "administrator", what: what, on: nil))
        }
        for (sequence, hold) in fold.holds.sorted(by: { $0.key < $1.key }) where hold.doubtfulSince == nil {
            _ = try say(.doubt(hold: sequence, why: "crash"))
        }
        for block in fold.undrawn {
            _ = try say(.allowanceDoubt(block, why: "crash"))
            report.doubtfulAllowances.append(block)
        }

        let state = LedgerState(fold, clock, allowances: allowances, zones: zones, at: moment)
        report.unknownZones = state.accounts.unknownZones
        return LiveLedger(state, journal: journal, doubtSettings: doubtSettings)
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

extension Fold {
    /// What every key has not drawn of its allowances.
    var undrawn: [Entry.Block] {
        keyOrder.sorted().compactMap { id in
            let amount = table.number(.key(id)).map { table.accounts[Int($0)].undrawn } ?? 0
            return amount > 0 ? Entry.Block(key: id, amount: Money(nanos: Int64(clamping: amount))) : nil
        }
    }
}

extension LedgerState {
    /// The state that a fold describes, in which nothing is undrawn and every open hold is in doubt.
    init(
        _ fold: Fold, _ clock: LedgerClock, allowances: AllowanceSettings, zones: [String: CivilZone], at moment: Timestamp
    ) {
        var accounts = Accounts(fold.table, following: fold.next, settings: allowances, zones: zones)
        var keys: [Fold.Key] = []
        for id in fold.keyOrder {
            guard let key = fold.keys[id] else { continue }
            let index = accounts.addKey(id, tenant: key.record.tenant, team: key.record.team)
            accounts.keys[index].revoked = key.revoked != nil
            keys.append(key)
        }
        self.init(accounts: accounts, clock: clock, keys: keys)
        for (sequence, hold) in fold.holds {
            guard let index = self.accounts.keyIndex(hold.entry.key) else { continue }
            let since = hold.doubtfulSince ?? moment
            let ref = self.accounts.restoreHold(
                key: index, amount: hold.entry.amount, drawn: hold.entry.drawn, sequence: sequence, since: since)
            doubtfulHolds[sequence] = DoubtfulHold(
                ref: ref, attempt: hold.entry.attempt, amount: hold.entry.amount, tier: hold.entry.tier,
                overrun: hold.overrun, since: since)
        }
        doubtfulAllowances = fold.doubtfulAllowances
        suspensions = fold.suspensions
        kept = fold.kept
        exports = fold.exported
    }
}

extension Accounts {
    /// Puts an open hold back whose money the lines hold already.
    mutating func restoreHold(key index: Int, amount: Money, drawn: Bool, sequence: UInt64, since: Timestamp) -> HoldRef {
        keys[index].held += Int128(amount.nanos)
        return open(
            Slot(
                amount: amount.nanos, sequence: sequence, key: Int32(index), generation: 0, open: true, drawn: drawn,
                paced: false, paceTokens: 0, doubtfulSince: since))
    }
}
