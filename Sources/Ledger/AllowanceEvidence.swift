public import Core
import Journal
import Synchronization

/// Something reserved for a key that a crash left undrawn: sends that it covers may have happened, and their holds were lost.
public struct DoubtfulAllowanceView: Sendable, Hashable {
    /// Of the entry that put it in doubt.
    public var sequence: UInt64
    public var key: String
    public var amount: Money
    public var since: Timestamp

    public init(sequence: UInt64, key: String, amount: Money, since: Timestamp) {
        self.sequence = sequence
        self.key = key
        self.amount = amount
        self.since = since
    }
}

/// What evidence says about an allowance in doubt.
public struct AllowanceEvidence: Sendable, Hashable {
    public enum Finding: Sendable, Hashable {
        /// A send that it covered cost so much. The rest stays in doubt.
        case charged(Money, Usage, tier: ServiceTier, attempt: AttemptID?)
        /// Nothing more was sent.
        case voided
    }

    /// Sequence number of the entry that put it in doubt.
    public var doubt: UInt64
    public var finding: Finding
    /// Names the evidence, in at most 128 bytes, so that it counts once.
    public var evidence: String
    public var why: String

    public init(doubt: UInt64, finding: Finding, evidence: String, why: String) {
        self.doubt = doubt
        self.finding = finding
        self.evidence = evidence
        self.why = why
    }
}

extension LiveLedger {
    public var doubtfulAllowances: [DoubtfulAllowanceView] {
        state.withLock { state in
            state.doubtfulAllowances.map {
                DoubtfulAllowanceView(
                    sequence: $0.key, key: $0.value.block.key, amount: $0.value.block.amount, since: $0.value.since)
            }.sorted { $0.sequence < $1.sequence }
        }
    }

    /// Charges a send that an allowance in doubt covered, or voids what is left of it. A charge is booked also after the doubt has
    /// expired. Reads the journal then, so never on an event loop.
    public func resolve(_ evidence: AllowanceEvidence, at moment: Timestamp) throws -> CorrectionOutcome {
        guard !evidence.evidence.isEmpty, evidence.evidence.utf8.count <= longestName else { throw LedgerError.entryTooLarge }
        let known = state.withLock { $0.doubtfulAllowances[evidence.doubt]?.block.key }
        let key = try known ?? allowanceKey(evidence.doubt)
        let (outcome, alerts) = try withEvidence(evidence.evidence) {
            (state, journal, known) throws(LedgerError) -> (CorrectionOutcome, [AlertNotice]) in
            let outcome = try state.resolve(evidence, known, key: key, journal, at: moment)
            return (outcome, state.takeAlerts())
        }
        tell(alerts)
        return outcome
    }

    /// Whose allowance an entry put in doubt.
    private func allowanceKey(_ sequence: UInt64) throws -> String {
        guard sequence < journal.durable else { throw LedgerError.unknownAllowance }
        var key: String?
        _ = try journal.read(from: sequence, limit: 1) { at, bytes in
            guard at == sequence else { return }
            switch try Entry.parse(bytes).entry {
            case .allowanceDoubt(let block, _): key = block.key
            case .lossDoubt(let loss): key = loss.key
            default: break
            }
        }
        guard let key else { throw LedgerError.unknownAllowance }
        return key
    }
}

extension LedgerState {
    mutating func resolve(
        _ evidence: AllowanceEvidence, _ known: KeptEvidence.Known, key id: String, _ journal: Journal, at moment: Timestamp
    ) throws(LedgerError) -> CorrectionOutcome {
        if let booked = known.evidence { return .alreadyBooked(sequence: booked) }
        guard let key = accounts.keyIndex(id) else { throw .unknownKey }
        let doubtful = doubtfulAllowances[evidence.doubt]
        let left = doubtful?.block.amount
        // What is refused changes nothing, not even which windows are open.
        switch evidence.finding {
        case .voided: if doubtful == nil { throw .endedBefore }
        case .charged(let amount, let usage, _, _):
            guard amount >= .zero, Meter.allCases.allSatisfy({ usage[$0] >= 0 }) else { throw .belowZero }
        }
        let now = clock.now(moment)
        // Windows that are due open before the entry, as the fold will see it.
        accounts.openWindows(at: now)
        sayBefore(journal, at: now)
        let why = clipped(evidence.why, 256)
        let sequence: UInt64
        switch evidence.finding {
        case .voided:
            sequence = try act(
                .allowanceVoided(doubt: evidence.doubt, why: why, evidence: evidence.evidence), journal, at: now)
            if let doubtful { accounts.voidDoubtfulAllowance(key: key, doubt: evidence.doubt, doubtful) }
            doubtfulAllowances[evidence.doubt] = nil
        case .charged(let amount, let usage, let tier, let attempt):
            let charge = AllowanceChargeEntry(
                doubt: evidence.doubt, key: id, attempt: attempt, amount: amount, freed: min(amount, left ?? .zero),
                usage: usage, tier: tier, evidence: evidence.evidence, why: why)
            sequence = try act(.allowanceCharged(charge), journal, at: now)
            accounts.chargeDoubtfulAllowance(key: key, isLoss: doubtful?.isLoss ?? false, charge)
            if let left { doubtfulAllowances[evidence.doubt]?.block.amount = left - charge.freed }
            if left == charge.freed { doubtfulAllowances[evidence.doubt] = nil }
            sayAlerts(journal, at: now)
        }
        kept.add(evidence.evidence, sequence)
        return .booked(sequence: sequence)
    }
}
