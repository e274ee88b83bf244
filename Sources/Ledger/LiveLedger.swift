public import Core
public import Journal
import Synchronization

/// The live ledger: accounts under one lock, and entries appended under the same lock, so that every prefix of the journal
/// keeps promise 2. Nothing here waits for the disk.
public final class LiveLedger: Sendable {
    public let journal: Journal
    public let doubtSettings: DoubtSettings
    let state: Mutex<LedgerState>
    let refusals = Mutex(RefusalCounts())
    /// Older evidence than the ledger has in memory; nil: there is none.
    let archive: EvidenceArchive?
    private let alertHandler = Mutex<(@Sendable (AlertNotice) -> Void)?>(nil)

    init(_ state: consuming sending LedgerState, journal: Journal, doubtSettings: DoubtSettings) {
        self.journal = journal
        self.doubtSettings = doubtSettings
        archive = state.kept.archive
        self.state = Mutex(state)
    }

    /// Called with each alert after it was journalled, outside the ledger's lock, on whatever thread the end came from: it must be
    /// short.
    public func onAlert(_ body: @escaping @Sendable (AlertNotice) -> Void) { alertHandler.withLock { $0 = body } }

    /// Hands alerts to their owner.
    func tell(_ alerts: [AlertNotice]) {
        guard !alerts.isEmpty, let handler = alertHandler.withLock({ $0 }) else { return }
        for alert in alerts { handler(alert) }
    }
}

/// What the ledger's lock guards.
struct LedgerState: ~Copyable, Sendable {
    var accounts: Accounts
    var clock: LedgerClock
    /// By key index.
    var keys: [Fold.Key]
    var doubtfulHolds: [UInt64: DoubtfulHold] = [:]
    var doubtfulAllowances: [UInt64: Fold.DoubtfulAllowance] = [:]
    /// By endpoint.
    var suspensions: [String: Fold.Suspended] = [:]
    /// What has counted since the books were followed last, and a little before.
    var kept = KeptEvidence()
    /// Holds that have an end here and no place in the journal yet, because it takes nothing now. While there are any, nothing is held.
    var backlog: [Unsaid] = []
    /// Journalled, and not handed over yet.
    var alerts: [AlertNotice] = []
    var writer = EntryWriter()
    var exports = ExportBook()
    /// The last entry by which a person came to be counted as exported; nil: none since the start.
    var newestPerson: UInt64?

    init(accounts: Accounts, clock: LedgerClock, keys: [Fold.Key]) {
        self.accounts = accounts
        self.clock = clock
        self.keys = keys
    }

    struct DoubtfulHold: Sendable {
        var ref: HoldRef
        var attempt: AttemptID
        var amount: Money
        var tier: ServiceTier
        /// Booked by an overrun entry before the crash.
        var overrun: Money
        var since: Timestamp
    }

    /// An entry that the journal did not take, and the allowance it adds to.
    struct Unsaid: Sendable {
        var bytes: [UInt8]
        var key: Int
        var back: Money
        var epoch: UInt32
    }

    func grace(_ account: AccountName, _ period: Period) -> SpendLimit.Grace? {
        accounts.limits(account).spend.first { $0.period == period }?.grace
    }

    mutating func takeAlerts() -> [AlertNotice] {
        if alerts.isEmpty { return [] }
        defer { alerts = [] }
        return alerts
    }
}

// MARK: The data path

extension LiveLedger {
    /// Reserves the upper bound on every line of the key's chain and journals it, or says why not.
    public func hold(_ request: HoldRequest) -> HoldOutcome {
        let journal = journal
        return state.withLock { state in
            guard state.flushBacklog(journal) else { return .unavailable }
            let now = state.clock.now(request.at)
            if let export = request.export, let count = state.moved(export, key: request.key, at: now) {
                return .exportsMoved(count)
            }
            state.accounts.durable(through: journal.durable)
            let decision = state.accounts.hold(
                key: request.key, amount: request.amount, paceTokens: request.paceTokens, at: now, wall: request.at)
            state.sayBefore(journal, at: now)
            switch decision {
            case .revoked: return .revoked
            case .paced(let refusal): return .paced(refusal)
            case .refused(let account, let period, let limit, let left, let resets):
                return .refused(
                    MoneyRefusal(
                        account: account, period: period, limit: limit, grace: state.grace(account, period), left: left,
                        asked: request.amount, resets: resets))
            case .granted(let ref, let covered, let grace):
                state.writer.begin("hold", at: now)
                state.writer.hold(request, key: state.keys[request.key].record.id, drawn: covered, grace: grace)
                guard state.backlog.isEmpty, state.writer.finish(),
                    let sequence = try? journal.append(state.writer.bytes, urgent: true)
                else {
                    state.undoHold(ref)
                    return .unavailable
                }
                state.accounts.setSequence(ref, sequence)
                var mustSyncFirst = !covered
                if let exported = request.export?.exported,
                    !state.countExport(exported, key: request.key, at: now, sequence, journal)
                {
                    mustSyncFirst = true
                }
                state.sayGranted(journal, at: now)
                let hold = Hold(
                    ref: ref, attempt: request.attempt, key: request.key, amount: request.amount, tier: request.tier,
                    sequence: sequence)
                return .admitted(hold, mustSyncFirst: mustSyncFirst)
            }
        }
    }

    /// Ends a hold and says by how much it was overrun. A second end of the same hold does nothing.
    ///
    /// - Parameters:
    ///   - facts: how it was answered.
    ///   - rawUsage: the provider's usage object as it came; journalled when it is one object of at most 2,048 bytes.
    @discardableResult
    public func end(
        _ hold: Hold, _ end: End, _ facts: AnswerFacts = AnswerFacts(), rawUsage: UnsafeRawBufferPointer? = nil,
        at moment: Timestamp
    ) -> Money {
        let journal = journal
        let raw = rawUsage.flatMap { $0.count <= largestRawUsage && isOneObject($0) ? $0 : nil }
        nonisolated(unsafe) let usage = raw
        let (overrun, alerts) = state.withLock { state -> (Money, [AlertNotice]) in
            let overrun: Money
            switch end {
            case .settled(let meters, let amount, let estimated, let tier):
                let entry = EndEntry(
                    hold: hold.sequence, attempt: hold.attempt, how: .settled, settled: amount, usage: meters,
                    estimated: estimated, tier: tier, facts: facts)
                overrun = state.settle(hold.ref, entry, rawUsage: usage, journal, at: moment)?.overrun ?? .zero
            case .voided(let why):
                let entry = EndEntry(
                    hold: hold.sequence, attempt: hold.attempt, how: .voided, settled: .zero, why: clipped(why, 128), facts: facts
                )
                overrun = state.settle(hold.ref, entry, rawUsage: usage, journal, at: moment)?.overrun ?? .zero
            case .doubt(let why):
                state.doubt(hold, why: clipped(why, 128), region: facts.region, journal, at: moment)
                overrun = .zero
            }
            return (overrun, state.takeAlerts())
        }
        tell(alerts)
        return overrun
    }

    /// Holds more for an attempt whose answer runs past its bound. On success `hold.amount` is the new whole.
    public func lengthen(_ hold: inout Hold, by more: Money, outputBound: Int64, at moment: Timestamp) -> Lengthening {
        let journal = journal
        let old = hold
        let outcome = state.withLock { state -> Lengthening in
            guard state.flushBacklog(journal) else { return .unavailable }
            let now = state.clock.now(moment)
            let decision = state.accounts.lengthen(old.ref, by: more, at: now)
            state.sayBefore(journal, at: now)
            switch decision {
            case .gone: return .unavailable
            case .refused(let account, let period, let limit, let left, let resets):
                return .refused(
                    MoneyRefusal(
                        account: account, period: period, limit: limit, grace: state.grace(account, period), left: left,
                        asked: more, resets: resets))
            case .lengthened(let grace):
                let entry = LengthenedEntry(
                    hold: old.sequence, attempt: old.attempt, amount: more, outputBound: max(0, outputBound), grace: grace)
                guard state.backlog.isEmpty, Entry.lengthened(entry).write(to: &state.writer, at: now),
                    let sequence = try? journal.append(state.writer.bytes, urgent: true)
                else {
                    state.accounts.undoLengthening(old.ref, by: more)
                    return .unavailable
                }
                return .lengthened(sequence)
            }
        }
        if case .lengthened = outcome { hold.amount += more }
        return outcome
    }

    /// The most that a hold of this key could be now, to clamp an output limit with; `nil` when nothing limits it.
    public func headroom(key: Int, at moment: Timestamp) -> Money? {
        let journal = journal
        return state.withLock { state in
            let now = state.clock.now(moment)
            let headroom = state.accounts.headroom(key: key, at: now)
            state.sayBefore(journal, at: now)
            return headroom
        }
    }
}

/// Longer usage objects are left out of the entry; the meters stay.
private let largestRawUsage = 2_048
/// Of a request id.
private let largestCallID = 128

/// At most so many bytes of a text, for entries whose size must stay bounded.
func clipped(_ text: String, _ bytes: Int) -> String {
    text.utf8.count <= bytes ? text : String(decoding: text.utf8.prefix(bytes), as: UTF8.self)
}

extension EntryWriter {
    mutating func hold(_ request: HoldRequest, key: String, drawn: Bool, grace: String?) {
        member("attempt", request.attempt)
        member("call", clipped(request.call, largestCallID))
        member("key", key)
        member("amount", request.amount)
        holdFacts(
            drawn: drawn, grace: grace, inputBound: request.inputBound, outputBound: request.outputBound,
            size: request.bytes.map { CallSize(bytes: $0, probableTokens: request.paceTokens) }, generation: request.generation,
            operation: request.operation, stream: request.stream, tier: request.tier,
            exported: request.export?.exported)
        if let judged = request.judged { raw(judged.member) }
        raw(request.route.members)
    }
}

// MARK: Saying it

extension LedgerState {
    /// Appends what the writer holds, or keeps it until the journal takes entries again. Only for what is true already.
    /// - Returns: the sequence number that the entry has or will have.
    @discardableResult
    mutating func say(_ journal: Journal, key: Int = 0, back: Money = .zero) -> UInt64 {
        let epoch = back == .zero ? 0 : accounts.epoch(key: key)
        if flushBacklog(journal), let sequence = try? journal.append(writer.bytes, urgent: false) {
            if back != .zero { accounts.expect(sequence, key: key, amount: back, epoch: epoch) }
            return sequence
        }
        backlog.append(Unsaid(bytes: Array(writer.bytes), key: key, back: back, epoch: epoch))
        return journal.next + UInt64(backlog.count - 1)
    }

    mutating func flushBacklog(_ journal: Journal) -> Bool {
        if backlog.isEmpty { return true }
        var said = 0
        for item in backlog {
            guard let sequence = try? journal.append(item.bytes, urgent: false) else { break }
            if item.back != .zero { accounts.expect(sequence, key: item.key, amount: item.back, epoch: item.epoch) }
            said += 1
        }
        backlog.removeFirst(said)
        return backlog.isEmpty
    }

    /// What came back and which windows opened: true already, and before whatever the step itself has to say.
    mutating func sayBefore(_ journal: Journal, at now: Timestamp) {
        guard !accounts.effects.isEmpty else { return }
        for effect in accounts.effects {
            switch effect {
            case .returned(let key, let amount):
                writer.begin("allowance-returned", at: now)
                writer.block(key: keys[key].record.id, amount: amount)
                if writer.finish() { say(journal) }
            case .opened(let period, let from, let to):
                if Entry.window(period, from: from, to: to).write(to: &writer, at: now) { say(journal) }
            case .granted, .alert: continue
            }
        }
    }

    mutating func sayAlerts(_ journal: Journal, at now: Timestamp) {
        guard !accounts.effects.isEmpty else { return }
        for effect in accounts.effects {
            guard case .alert(let account, let period, let percent, let settled) = effect else { continue }
            if Entry.alert(account, period, percent: Int64(percent), settled: settled).write(to: &writer, at: now) {
                say(journal)
            }
            let limit = accounts.limits(account).spend.first { $0.period == period }?.amount ?? .zero
            alerts.append(
                .limit(LimitNotice(account: account, period: period, percent: percent, settled: settled, limit: limit)))
        }
    }

    /// A grant that the journal does not take is taken back: nothing has drawn on it.
    mutating func sayGranted(_ journal: Journal, at now: Timestamp) {
        guard case .granted(let key, let amount)? = accounts.effects.last else { return }
        writer.begin("allowance", at: now)
        writer.block(key: keys[key].record.id, amount: amount)
        if writer.finish(), let sequence = try? journal.append(writer.bytes, urgent: false) {
            accounts.expect(sequence, key: key, amount: amount, epoch: accounts.epoch(key: key))
        } else {
            accounts.undoGrant(key: key, amount: amount)
        }
    }

    mutating func undoHold(_ ref: HoldRef) {
        if case .granted(let key, let amount)? = accounts.effects.last { accounts.undoGrant(key: key, amount: amount) }
        accounts.undo(ref)
    }

    /// The overrun comes first, while the hold is open, so that it has a name and a place when the total passes its limit.
    mutating func settle(
        _ ref: HoldRef, _ entry: EndEntry, rawUsage: UnsafeRawBufferPointer?, alreadyOverrun: Money = .zero,
        _ journal: Journal, at moment: Timestamp
    ) -> (overrun: Money, sequence: UInt64)? {
        let now = clock.now(moment)
        let charged = max(.zero, entry.settled)
        guard
            let ended = accounts.end(
                ref, settled: charged, alreadyOverrun: alreadyOverrun, usedTokens: paceTokens(entry.usage), at: now)
        else { return nil }
        sayBefore(journal, at: now)
        if !doubtfulHolds.isEmpty { doubtfulHolds[entry.hold] = nil }
        if ended.overrun != .zero {
            writer.begin("overrun", at: now)
            writer.member("hold", sequence: entry.hold)
            writer.member("attempt", entry.attempt)
            writer.member("amount", ended.overrun)
            if writer.finish() { say(journal) }
        }
        var entry = entry
        entry.settled = ended.settled
        entry.back = ended.back
        writer.begin("end", at: now)
        writer.end(entry, rawUsage: rawUsage)
        var sequence = journal.next
        if writer.finish() { sequence = say(journal, key: ended.key, back: ended.back) }
        sayAlerts(journal, at: now)
        return (ended.overrun, sequence)
    }

    mutating func doubt(_ hold: Hold, why: String, region: String? = nil, _ journal: Journal, at moment: Timestamp) {
        let now = clock.now(moment)
        guard accounts.doubt(hold.ref, at: now) != nil else { return }
        doubtfulHolds[hold.sequence] = DoubtfulHold(
            ref: hold.ref, attempt: hold.attempt, amount: hold.amount, tier: hold.tier, overrun: .zero, since: now)
        writer.begin("doubt", at: now)
        writer.member("hold", sequence: hold.sequence)
        writer.member("why", why)
        if let region { writer.member("region", region) }
        if writer.finish() { say(journal) }
    }
}

/// All tokens of an attempt, whatever the provider claims.
private func paceTokens(_ usage: Usage) -> Int64 {
    var sum: Int64 = 0
    for meter in Meter.all where usage[meter] > 0 { sum += min(usage[meter], largestPaceAmount) }
    return sum
}
