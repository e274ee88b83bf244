public import Core
import Journal
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What evidence says about an attempt that has ended: added to its charge and its meters, so below zero gives back.
public struct Correction: Sendable, Hashable {
    /// Sequence number of the hold's entry.
    public var hold: UInt64
    public var attempt: AttemptID
    public var amount: Money
    public var usage: Usage
    /// Names the evidence, in at most 128 bytes: a line of an invoice, a ticket. It counts once.
    public var evidence: String
    public var why: String

    public init(
        hold: UInt64, attempt: AttemptID, amount: Money, usage: Usage = .zero, evidence: String, why: String
    ) {
        self.hold = hold
        self.attempt = attempt
        self.amount = amount
        self.usage = usage
        self.evidence = evidence
        self.why = why
    }
}

public enum CorrectionOutcome: Sendable, Hashable {
    case booked(sequence: UInt64)
    /// The same evidence was booked before, in this entry.
    case alreadyBooked(sequence: UInt64)
}

/// What one attempt was charged, as its entries tell it.
public struct AttemptCharge: Sendable, Hashable {
    public var hold: HoldEntry
    /// Its overrun included, corrections not.
    public var charged: Money
    public var end: EndEntry
}

extension LiveLedger {
    /// Corrects what an ended attempt was charged. Reads the journal, so never on an event loop.
    @discardableResult
    public func correct(_ correction: Correction, at moment: Timestamp) throws -> CorrectionOutcome {
        guard !correction.evidence.isEmpty, correction.evidence.utf8.count <= longestName else { throw LedgerError.entryTooLarge }
        let booked = try withEvidence(correction.evidence) { _, _, known in known.evidence }
        if let booked { return .alreadyBooked(sequence: booked) }
        guard state.withLock({ $0.doubtfulHolds[correction.hold] == nil }) else { throw LedgerError.notEnded }
        let attempt = try charge(hold: correction.hold)
        guard attempt.hold.attempt == correction.attempt else { throw LedgerError.unknownAttempt }
        let (outcome, alerts) = try withEvidence(correction.evidence, hold: correction.hold) {
            (state, journal, known) throws(LedgerError) -> (CorrectionOutcome, [AlertNotice]) in
            let outcome = try state.correct(correction, attempt, known, journal, at: moment)
            return (outcome, state.takeAlerts())
        }
        tell(alerts)
        return outcome
    }

    /// The hold of a sequence number and its end, both durable.
    public func charge(hold sequence: UInt64) throws -> AttemptCharge {
        var hold: HoldEntry?
        var overrun = Money.zero
        var next = sequence
        let durable = journal.durable
        let name = NamedHold(sequence)
        while next < durable {
            var found: AttemptCharge?
            next = try journal.read(from: next, limit: entriesPerRead) { at, bytes in
                guard found == nil, at == sequence || name.mayBe(in: bytes) else { return }
                switch try Entry.parse(bytes).entry {
                case .hold(let entry) where at == sequence: hold = entry
                case .overrun(sequence, _, let amount): overrun += amount
                case .end(let end) where end.hold == sequence:
                    guard let hold else { throw LedgerError.unknownAttempt }
                    found = AttemptCharge(hold: hold, charged: end.settled + overrun, end: end)
                default: break
                }
                if hold == nil { throw LedgerError.unknownAttempt }
            }
            if let found { return found }
        }
        throw hold == nil ? LedgerError.unknownAttempt : LedgerError.notEnded
    }
}

private let entriesPerRead = 1_024

/// How entries name a hold. Nearly every entry between a hold and its end is another attempt's, and reading each of a week's would
/// take minutes; looking for these bytes takes a hundredth of that.
struct NamedHold {
    private let member: [UInt8]

    init(_ sequence: UInt64) { member = Array("hold\":\"\(sequence)\"".utf8) }

    /// False only where no member of an entry names the hold.
    func mayBe(in entry: UnsafeRawBufferPointer) -> Bool {
        guard var at = entry.baseAddress else { return false }
        let end = at + entry.count
        while end - at >= member.count, let found = memchr(at, Int32(UInt8(ascii: "h")), end - at) {
            guard end - UnsafeRawPointer(found) >= member.count else { return false }
            if memcmp(found, member, member.count) == 0 { return true }
            at = UnsafeRawPointer(found) + 1
        }
        return false
    }
}

extension LedgerState {
    mutating func correct(
        _ correction: Correction, _ attempt: AttemptCharge, _ known: KeptEvidence.Known, _ journal: Journal, at moment: Timestamp
    ) throws(LedgerError) -> CorrectionOutcome {
        // Somebody may have been sooner.
        if let booked = known.evidence { return .alreadyBooked(sequence: booked) }
        guard let key = accounts.keyIndex(attempt.hold.key) else { throw .unknownKey }
        let before = known.corrected ?? Fold.Corrected(charged: attempt.charged, usage: .zero)
        let (charged, overflow) = before.charged.nanos.addingReportingOverflow(correction.amount.nanos)
        let usage = before.usage.saturatingAdd(correction.usage)
        let whole = attempt.end.usage.saturatingAdd(usage)
        guard !overflow, charged >= 0, Meter.allCases.allSatisfy({ whole[$0] >= 0 }) else { throw .belowZero }
        let now = clock.now(moment)
        let entry = CorrectionEntry(
            hold: correction.hold, attempt: correction.attempt, key: attempt.hold.key, before: before.charged,
            amount: correction.amount, usage: correction.usage, evidence: correction.evidence,
            why: clipped(correction.why, 256), tier: attempt.end.tier, route: attempt.hold.route)
        // Windows that are due open before the entry, as the fold will see it.
        accounts.openWindows(at: now)
        sayBefore(journal, at: now)
        let sequence = try act(.correction(entry), journal, at: now)
        accounts.correct(key: key, hold: correction.hold, amount: correction.amount, at: now)
        kept.add(
            correction.evidence, sequence, hold: correction.hold,
            Fold.Corrected(charged: Money(nanos: charged), usage: usage))
        sayAlerts(journal, at: now)
        return .booked(sequence: sequence)
    }
}
