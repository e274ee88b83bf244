public import Core
import Journal
import Synchronization

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

/// Why policy ended a doubt, as the entries say it.
let doubtExpired = "doubt expired"

/// What evidence says about a hold in doubt.
public struct Resolution: Sendable, Hashable {
    /// Sequence number of the hold's entry.
    public var hold: UInt64
    public var attempt: AttemptID
    /// Billed in all; nothing where it was not billed.
    public var settled: Money
    public var usage: Usage
    /// The tier that served; nil: the one that was asked for.
    public var tier: ServiceTier?
    /// It was never billed, which is not the same as billed with nothing.
    public var isVoid: Bool
    /// Names the evidence, in at most 128 bytes, so that it counts once.
    public var evidence: String
    public var why: String

    public init(
        hold: UInt64, attempt: AttemptID, settled: Money, usage: Usage = .zero, tier: ServiceTier? = nil, isVoid: Bool = false,
        evidence: String, why: String
    ) {
        self.hold = hold
        self.attempt = attempt
        self.settled = settled
        self.usage = usage
        self.tier = tier
        self.isVoid = isVoid
        self.evidence = evidence
        self.why = why
    }
}

/// A hold that a crash or a silent provider left without an end.
public struct DoubtfulHoldView: Sendable, Hashable {
    public var sequence: UInt64
    public var attempt: AttemptID
    public var amount: Money
    public var since: Timestamp

    public init(sequence: UInt64, attempt: AttemptID, amount: Money, since: Timestamp) {
        self.sequence = sequence
        self.attempt = attempt
        self.amount = amount
        self.since = since
    }
}

extension LiveLedger {
    public var doubtfulHolds: [DoubtfulHoldView] {
        state.withLock { state in
            state.doubtfulHolds.map {
                DoubtfulHoldView(sequence: $0.key, attempt: $0.value.attempt, amount: $0.value.amount, since: $0.value.since)
            }.sorted { $0.sequence < $1.sequence }
        }
    }

    /// Evidence ends a hold in doubt. Where the doubt has expired meanwhile, it corrects what policy charged. Reads the journal then,
    /// so never on an event loop.
    public func resolve(_ resolution: Resolution, at moment: Timestamp) throws -> CorrectionOutcome {
        guard !resolution.evidence.isEmpty, resolution.evidence.utf8.count <= longestName else { throw LedgerError.entryTooLarge }
        let (outcome, alerts) = try withEvidence(resolution.evidence) {
            (state, journal, known) throws(LedgerError) -> (CorrectionOutcome?, [AlertNotice]) in
            let outcome = try state.resolve(resolution, known, journal, at: moment)
            return (outcome, state.takeAlerts())
        }
        tell(alerts)
        return try outcome ?? correctExpired(resolution, at: moment)
    }

    /// What policy charged becomes what the evidence says.
    private func correctExpired(_ resolution: Resolution, at moment: Timestamp) throws -> CorrectionOutcome {
        let attempt = try charge(hold: resolution.hold)
        guard attempt.hold.attempt == resolution.attempt else { throw LedgerError.unknownAttempt }
        let isCorrected = try withEvidence(resolution.evidence, hold: resolution.hold) { _, _, known in known.corrected != nil }
        guard attempt.end.why == doubtExpired, attempt.end.evidence == nil, !isCorrected else { throw LedgerError.endedBefore }
        return try correct(
            Correction(
                hold: resolution.hold, attempt: resolution.attempt, amount: resolution.settled - attempt.charged,
                usage: resolution.usage.saturatingSubtract(attempt.end.usage), evidence: resolution.evidence, why: resolution.why),
            at: moment)
    }

    /// To be called about once a second: opens windows, journals refusals, and ends what has been in doubt for long enough.
    ///
    /// - Parameter boot: nanoseconds of a clock that nobody sets (`CLOCK_BOOTTIME`). With it, a wall clock that jumps ahead is not
    ///   believed until it has stayed so for ten minutes.
    public func tick(at moment: Timestamp, boot: Int64? = nil) {
        let journal = journal
        let policy = doubtSettings
        let alerts = state.withLock { state -> [AlertNotice] in
            _ = state.flushBacklog(journal)
            let event = boot.flatMap { state.clock.tick(moment, boot: $0) }
            let now = state.clock.now(moment)
            if let event { state.say(event, journal, at: now) }
            state.accounts.turn(at: now)
            state.sayBefore(journal, at: now)
            state.sayAlerts(journal, at: now)
            state.endDoubts(policy, journal, at: now)
            return state.takeAlerts()
        }
        tell(alerts)
        flushRefusals(at: moment)
    }

    /// A clean end: allowances go back, what is still under way is in doubt, and `stop` is the last entry.
    /// The caller closes the journal afterwards.
    public func shutdown(open: [Hold] = [], at moment: Timestamp) {
        flushRefusals(at: moment)
        let journal = journal
        state.withLock { state in
            let now = state.clock.now(moment)
            for hold in open { state.doubt(hold, why: "shutdown", journal, at: now) }
            state.accounts.returnAllowances()
            state.sayBefore(journal, at: now)
            if Entry.stop.write(to: &state.writer, at: now) { state.say(journal) }
        }
    }
}

extension LedgerState {
    /// Ends a hold in doubt; nil when it is in doubt no more, and the journal must say why.
    mutating func resolve(
        _ resolution: Resolution, _ known: KeptEvidence.Known, _ journal: Journal, at moment: Timestamp
    ) throws(LedgerError) -> CorrectionOutcome? {
        if let booked = known.evidence { return .alreadyBooked(sequence: booked) }
        guard let hold = doubtfulHolds[resolution.hold] else { return nil }
        guard hold.attempt == resolution.attempt else { throw .unknownAttempt }
        guard flushBacklog(journal) else { throw .journal(.unavailable(.failed("ends wait for the disk"))) }
        let entry = EndEntry(
            hold: resolution.hold, attempt: hold.attempt, how: resolution.isVoid ? .voided : .settled,
            settled: resolution.settled, usage: resolution.usage, tier: resolution.tier ?? hold.tier,
            why: clipped(resolution.why, 128), evidence: resolution.evidence)
        guard let ended = settle(hold.ref, entry, rawUsage: nil, alreadyOverrun: hold.overrun, journal, at: moment) else {
            return nil
        }
        kept.add(resolution.evidence, ended.sequence)
        return .booked(sequence: ended.sequence)
    }

    mutating func say(_ event: LedgerClock.Event, _ journal: Journal, at now: Timestamp) {
        let what =
            switch event {
            case .jumped(let seconds): "the wall clock jumped ahead by \(seconds) s; it is not believed yet"
            case .believed(let seconds): "the wall clock has stayed ahead by \(seconds) s; it is believed from now on"
            case .behind(let seconds): "the wall clock is \(seconds) s behind ledger time, which stands still until then"
            }
        if Entry.act(who: "weir", what: what, on: nil).write(to: &writer, at: now) { say(journal) }
    }

    mutating func endDoubts(_ policy: DoubtSettings, _ journal: Journal, at moment: Timestamp) {
        let holdsBefore = moment.advanced(byMilliseconds: -policy.holdSeconds * 1000)
        let overdue = doubtfulHolds.filter { $0.value.since <= holdsBefore }
        for (sequence, hold) in overdue.sorted(by: { $0.key < $1.key }) {
            let settles = policy.holds == .settle
            let entry = EndEntry(
                hold: sequence, attempt: hold.attempt, how: settles ? .settled : .voided,
                settled: settles ? hold.amount : .zero, estimated: settles, tier: hold.tier, why: doubtExpired)
            _ = settle(hold.ref, entry, rawUsage: nil, alreadyOverrun: hold.overrun, journal, at: moment)
        }
        let allowancesBefore = moment.advanced(byMilliseconds: -policy.allowanceSeconds * 1000)
        let old = doubtfulAllowances.filter { $0.value.since <= allowancesBefore }
        for (sequence, doubtful) in old.sorted(by: { $0.key < $1.key }) {
            doubtfulAllowances[sequence] = nil
            guard let key = accounts.keyIndex(doubtful.block.key) else { continue }
            accounts.voidDoubtfulAllowance(key: key, doubt: sequence, doubtful)
            if Entry.allowanceVoided(doubt: sequence, why: doubtExpired).write(to: &writer, at: moment) { say(journal) }
        }
    }
}
