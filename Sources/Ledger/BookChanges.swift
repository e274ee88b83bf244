import Core

/// What a batch of entries changes in the books: which rows of the fold, and what is added to the minutes.
/// A hold that begins and ends within the batch leaves nothing but its minute.
struct BookChanges {
    struct Minute: Hashable {
        var minute: Int64
        var key: Int32
        var route: InternedRoute
        var tier: ServiceTier
    }

    struct Meters: Equatable {
        var calls: Int64 = 0
        var voided: Int64 = 0
        var estimated: Int64 = 0
        var corrections: Int64 = 0
        var usage = Usage.zero
        var nanos: Int64 = 0
        var estimatedNanos: Int64 = 0
        var correctedNanos: Int64 = 0
    }

    struct RefusalMinute: Hashable {
        var minute: Int64
        var key: String
        var code: String
        var model: String
    }

    /// The sequence number that the batch began with.
    private let first: UInt64
    private(set) var keys: Set<String> = []
    private(set) var limits: Set<AccountName> = []
    /// Keys whose accounts' lines changed.
    private(set) var touched: Set<Int32> = []
    /// Periods whose windows opened: every line of theirs changed.
    private(set) var turned: Set<Period> = []
    /// Accounts whose limits or alerts changed.
    private(set) var changedAccounts: Set<AccountName> = []
    private(set) var evidence: Set<String> = []
    private(set) var corrected: Set<UInt64> = []
    /// Holds of this batch; those that are still open at its end get a row.
    private(set) var opened: [UInt64] = []
    /// Holds of earlier batches that have ended.
    private(set) var closed: [UInt64] = []
    /// Open holds that came in doubt or were overrun.
    private(set) var changed: Set<UInt64> = []
    private(set) var doubtfulAllowances: Set<UInt64> = []
    /// Endpoints that were suspended or resumed.
    private(set) var suspensions: Set<String> = []
    private(set) var minutes: [Minute: Meters] = [:]
    private(set) var refusals: [RefusalMinute: Int64] = [:]
    private(set) var exports = ExportChanges()

    init(from first: UInt64) { self.first = first }

    /// Adds the next entry to the fold and takes note of what it changes.
    mutating func follow(
        _ bytes: UnsafeRawBufferPointer, _ sequence: UInt64, _ fold: inout Fold
    ) throws(LedgerError) {
        guard let scanned = scanEntry(bytes, fold.names) else { return try followOther(bytes, sequence, &fold) }
        try check(scanned.sequence, is: sequence)
        do throws(FoldError) {
            switch scanned.entry {
            case .hold(let row):
                if let exported = row.exported { note(exported, row.key, at: row.at, fold) }
                try fold.open(sequence, row)
                if let month = row.window { note(month: month) }
                note(opened: sequence, row.key)
            case .end(let end):
                let row = try fold.close(sequence, end, at: scanned.at)
                note(end, end.hold, of: row, minuteNumber(scanned.at))
            case .allowance(let key, let window, let amount):
                try fold.grant(sequence, key: key, window, amount, at: scanned.at)
                if let window { note(month: window) }
                touched.insert(key)
            }
        } catch { throw .contradiction(error) }
    }

    /// What is rare, or not written as Weir writes it.
    private mutating func followOther(
        _ bytes: UnsafeRawBufferPointer, _ sequence: UInt64, _ fold: inout Fold
    ) throws(LedgerError) {
        let (stated, moment, entry) = try readable(bytes, sequence)
        try check(stated, is: sequence)
        note(sequence, at: moment, entry, before: fold)
        do throws(FoldError) { try fold.apply(sequence, at: moment, entry) } catch { throw .contradiction(error) }
    }

    private mutating func note(_ sequence: UInt64, at moment: Timestamp, _ entry: Entry, before fold: Fold) {
        switch entry {
        case .hold(let hold):
            if let month = hold.window { note(month: month) }
            guard let key = fold.number(hold.key) else { return }
            if let exported = hold.exported { note(exported, key, at: moment, fold) }
            note(opened: sequence, key)
        case .end(let end):
            if let row = fold.rows[end.hold] { note(ScannedEnd(end), end.hold, of: row, minuteNumber(moment)) }
        case .overrun(let hold, _, let amount):
            guard let row = fold.rows[hold] else { return }
            changed.insert(hold)
            touched.insert(row.key)
            let at = Minute(minute: minuteNumber(moment), key: row.key, route: row.route, tier: row.tier)
            minutes[at, default: Meters()].addNanos(amount.nanos)
        case .lengthened(let more):
            changed.insert(more.hold)
            if let row = fold.rows[more.hold] { touched.insert(row.key) }
        case .correction(let correction): note(correction, minuteNumber(moment), fold)
        case .doubt(let hold, _, _): changed.insert(hold)
        case .window(let period, _, _): turned.insert(period)
        case .alert(let account, _, _, _): changedAccounts.insert(account)
        case .allowance(let block), .allowanceReturned(let block):
            if let month = block.window { note(month: month) }
            touch(block, fold)
        case .allowanceDoubt(let block, _):
            doubtfulAllowances.insert(sequence)
            touch(block, fold)
        case .allowanceCharged(let charge): note(charge, minuteNumber(moment), fold)
        case .allowanceVoided(let doubt, _, let id):
            doubtfulAllowances.insert(doubt)
            if let id { evidence.insert(id) }
            if let doubtful = fold.doubtfulAllowances[doubt] { changedAccounts.formUnion(fold.accounts(of: doubtful)) }
        case .lossDoubt(let loss):
            doubtfulAllowances.insert(sequence)
            let doubtful = Fold.DoubtfulAllowance(
                block: Entry.Block(key: loss.key, amount: loss.amount), since: moment, isLoss: true)
            changedAccounts.formUnion(fold.accounts(of: doubtful))
        case .key(let record):
            keys.insert(record.id)
            note(limits: .key(record.id))
            changedAccounts.insert(.team(tenant: record.tenant, team: record.team))
            changedAccounts.insert(.tenant(record.tenant))
        case .keyRotated(let id, _), .keyRevoked(let id, _): keys.insert(id)
        case .limit(let account, _), .limits(let account, _): note(limits: account)
        case .refused(_, let counts):
            for count in counts {
                let at = RefusalMinute(
                    minute: minuteNumber(moment), key: count.key ?? "", code: count.code, model: count.model ?? "")
                refusals[at, default: 0] += count.count
            }
        case .suspended(let suspension): suspensions.insert(suspension.endpoint)
        case .resumed(let endpoint, _, _): suspensions.insert(endpoint)
        case .start, .stop, .configuration, .act: break
        }
    }

    private mutating func note(_ exported: ExportedPerson, _ key: Int32, at moment: Timestamp, _ before: Fold) {
        exports.note(exported, of: before.tenant(of: key), in: before.exportYear(at: moment), before.exported)
    }

    private mutating func note(opened sequence: UInt64, _ key: Int32) {
        opened.append(sequence)
        touched.insert(key)
    }

    /// Version 1 opened a month by naming it.
    private mutating func note(month: Window) { turned.insert(.monthUTC) }

    private mutating func note(limits account: AccountName) {
        limits.insert(account)
        changedAccounts.insert(account)
        if case .key(let id) = account { keys.insert(id) }
    }

    private mutating func note(_ end: ScannedEnd, _ hold: UInt64, of row: OpenRow, _ minute: Int64) {
        if hold < first { closed.append(hold) }
        touched.insert(row.key)
        if let id = end.evidence { evidence.insert(id) }
        if end.tier != row.tier, row.overrun != .zero { moveOverrun(row, to: end.tier, minute) }
        minutes[Minute(minute: minute, key: row.key, route: row.route, tier: end.tier), default: Meters()].add(end)
    }

    /// An overrun is booked before anybody knows which tier served: until then it counts with the tier that was asked for.
    private mutating func moveOverrun(_ row: OpenRow, to tier: ServiceTier, _ minute: Int64) {
        let asked = Minute(minute: minute, key: row.key, route: row.route, tier: row.tier)
        let served = Minute(minute: minute, key: row.key, route: row.route, tier: tier)
        minutes[asked, default: Meters()].addNanos(-row.overrun.nanos)
        minutes[served, default: Meters()].addNanos(row.overrun.nanos)
        if minutes[asked] == Meters() { minutes[asked] = nil }
    }

    private mutating func note(_ charge: AllowanceChargeEntry, _ minute: Int64, _ fold: Fold) {
        guard let key = fold.number(charge.key) else { return }
        touched.insert(key)
        evidence.insert(charge.evidence)
        doubtfulAllowances.insert(charge.doubt)
        if let doubtful = fold.doubtfulAllowances[charge.doubt] { changedAccounts.formUnion(fold.accounts(of: doubtful)) }
        // Its hold was lost, and its route with it.
        let at = Minute(minute: minute, key: key, route: unknownRoute, tier: charge.tier)
        minutes[at, default: Meters()].add(charge)
    }

    private mutating func note(_ correction: CorrectionEntry, _ minute: Int64, _ fold: Fold) {
        guard let key = fold.number(correction.key) else { return }
        touched.insert(key)
        evidence.insert(correction.evidence)
        corrected.insert(correction.hold)
        let route = InternedRoute(correction.route)
        minutes[Minute(minute: minute, key: key, route: route, tier: correction.tier), default: Meters()].add(correction)
    }

    private mutating func touch(_ block: Entry.Block, _ fold: Fold) {
        if let key = fold.number(block.key) { touched.insert(key) }
    }
}

extension BookChanges.Meters {
    fileprivate mutating func add(_ end: ScannedEnd) {
        if end.isVoided { voided += 1 } else { calls += 1 }
        usage = usage.saturatingAdd(end.usage)
        addNanos(end.settled.nanos)
        if end.isEstimated {
            estimated += 1
            estimatedNanos = saturated(estimatedNanos, end.settled.nanos)
        }
    }

    fileprivate mutating func add(_ correction: CorrectionEntry) {
        corrections += 1
        usage = usage.saturatingAdd(correction.usage)
        addNanos(correction.amount.nanos)
        correctedNanos = saturated(correctedNanos, correction.amount.nanos)
    }

    fileprivate mutating func add(_ charge: AllowanceChargeEntry) {
        calls += 1
        usage = usage.saturatingAdd(charge.usage)
        addNanos(charge.amount.nanos)
    }

    fileprivate mutating func addNanos(_ amount: Int64) { nanos = saturated(nanos, amount) }
}

private let unknownRoute = InternedRoute(
    RouteFacts(
        model: unknownRouteName, upstreamModel: unknownRouteName, endpoint: unknownRouteName, link: unknownRouteName,
        operator: unknownRouteName, operatorCountry: "", processedIn: []))

private func saturated(_ a: Int64, _ b: Int64) -> Int64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? (b < 0 ? .min : .max) : sum
}

private func minuteNumber(_ moment: Timestamp) -> Int64 { moment.nanoseconds / 60_000_000_000 }
