public import Core

// What each entry does to the fold, and what it may not do.

extension Fold {
    /// Adds the next entry. After an error the fold must not be used further.
    public mutating func apply(_ sequence: UInt64, at moment: Timestamp, _ entry: Entry) throws(FoldError) {
        try begin(sequence)
        switch entry {
        case .hold(let hold):
            guard let row = row(hold, at: moment) else { throw error(.unknownKey) }
            return try open(sequence, row)
        case .end(let end):
            _ = try close(sequence, ScannedEnd(end), at: moment)
            return
        case .allowance(let block):
            guard let key = number(block.key) else { throw error(.unknownKey) }
            return try grant(sequence, key: key, block.window, block.amount, at: moment)
        case .allowanceReturned(let block): try takeUndrawn(block)
        case .allowanceDoubt(let block, _):
            let chain = try takeUndrawn(block)
            let amount = Int128(block.amount.nanos)
            table.eachLine(chain) { $0.doubtful += amount }
            doubtfulAllowances[next] = DoubtfulAllowance(block: block, since: moment)
        case .allowanceCharged(let charge): try chargeAllowance(charge)
        case .allowanceVoided(let doubt, _, let id):
            if let id { try count(evidence: id) }
            guard let doubtful = doubtfulAllowances.removeValue(forKey: doubt) else { throw error(.unknownAllowance) }
            let amount = Int128(doubtful.block.amount.nanos)
            let chain = try chain(doubtful.block.key)
            eachLine(of: chain, isLoss: doubtful.isLoss) { if $0.since <= doubt { $0.doubtful -= amount } }
        case .lossDoubt(let loss): try holdLost(loss, at: moment)
        case .lengthened(let more): try lengthen(more)
        case .overrun(let hold, let attempt, let amount):
            guard var row = rows[hold] else { throw error(.unknownHold) }
            guard row.attempt == attempt else { throw error(.otherAttempt) }
            row.overrun += amount
            keep(row, hold)
            // The one way for attempts to pass a limit, and it has a name.
            _ = table.settle(chains[Int(row.key)].accounts, settled: Int128(amount.nanos), freed: 0, of: hold)
        case .correction(let correction): try correct(correction)
        case .doubt(let hold, _, _):
            guard var row = rows[hold] else { throw error(.unknownHold) }
            guard row.doubtfulSince == nil else { throw error(.doubtTwice) }
            row.doubtfulSince = moment
            keep(row, hold)
        case .window(let period, let from, let to): try turn(period, from: from, to: to, at: moment)
        case .alert(let account, let period, let percent, _):
            guard let number = table.number(account) else { throw error(.unknownAccount) }
            let clock = table.clock(period)
            for index in table.range(number) where table.lines[index].clock == clock {
                table.setAlerted(index, percent: Int(clamping: percent))
            }
        case .key, .keyRotated, .keyRevoked, .limit, .limits: try applyAccess(sequence, at: moment, entry)
        case .configuration(let hash, _): configuration = hash
        // The first reason stands. Nothing here can be wrong: what is suspended twice is suspended.
        case .suspended(let suspension):
            if suspensions[suspension.endpoint] == nil {
                suspensions[suspension.endpoint] = Suspended(suspension: suspension, since: moment)
            }
        case .resumed(let endpoint, _, _): suspensions[endpoint] = nil
        case .stop: stopped = true
        case .start, .refused, .act: break
        }
        finish(moment)
    }

    private mutating func applyAccess(_ sequence: UInt64, at moment: Timestamp, _ entry: Entry) throws(FoldError) {
        switch entry {
        case .key(let record):
            if let old = keys[record.id]?.record {
                guard old.tenant == record.tenant, old.team == record.team else { throw error(.keyMoved) }
            }
            restore(key: record, revoked: keys[record.id]?.revoked, sequence: sequence)
            setLimits(.key(record.id), record.limits, sequence: sequence)
        case .keyRotated(let id, let secrets):
            guard keys[id] != nil else { throw error(.unknownKey) }
            replaceSecrets(id, secrets)
        case .keyRevoked(let id, _):
            guard let number = number(id) else { throw error(.unknownKey) }
            revoke(id, number, at: moment)
        case .limit(let account, let limit):
            try checkKnown(account)
            var limits = table.number(account).map { table.limits[Int($0)] } ?? .none
            limits.spend.removeAll { $0.period == .monthUTC }
            if let limit { limits.spend.append(SpendLimit(period: .monthUTC, amount: limit)) }
            setLimits(account, limits, sequence: sequence)
        case .limits(let account, let limits):
            try checkKnown(account)
            setLimits(account, limits, sequence: sequence)
        default: break
        }
    }

    private func checkKnown(_ account: AccountName) throws(FoldError) {
        if case .key(let id) = account, keys[id] == nil { throw error(.unknownKey) }
    }

    // MARK: The data path, with keys by number

    mutating func open(_ sequence: UInt64, _ row: OpenRow) throws(FoldError) {
        try begin(sequence)
        let isRevoked = chains[Int(row.key)].isRevoked
        let chain = chains[Int(row.key)].accounts
        guard !isRevoked else { throw error(.revokedKey) }
        if let month = row.window { turnAsVersion1(month) }
        let amount = Int128(row.amount.nanos)
        if row.drawn {
            guard table.accounts[Int(chain.key)].undrawn >= amount else { throw error(.overdrawn) }
            table.addUndrawn(chain, -amount)
        }
        table.eachLine(chain) { $0.held += amount }
        try checkAdmitted(chain, grace: row.grace, of: .max)
        if let person = row.exported { _ = exported.add(person, of: tenant(of: row.key), in: exportYear(at: row.at)) }
        keep(row, sequence)
        finish(row.at)
    }

    /// - Returns: the hold that has ended.
    mutating func close(_ sequence: UInt64, _ end: ScannedEnd, at moment: Timestamp) throws(FoldError) -> OpenRow {
        try begin(sequence)
        guard let row = remove(end.hold) else { throw error(.unknownHold) }
        guard row.attempt == end.attempt else { throw error(.otherAttempt) }
        let chain = chains[Int(row.key)].accounts
        guard end.settled.nanos <= row.amount.nanos, end.back.nanos <= row.amount.nanos - end.settled.nanos else {
            throw error(.beyondHold)
        }
        _ = table.settle(chain, settled: Int128(end.settled.nanos), freed: Int128(row.amount.nanos), of: end.hold)
        if end.back != .zero {
            guard table.belongsToAll(chain, end.hold) else { throw error(.backAcrossWindows) }
            table.addUndrawn(chain, Int128(end.back.nanos))
        }
        if let id = end.evidence { try count(evidence: id) }
        finish(moment)
        return row
    }

    mutating func grant(
        _ sequence: UInt64, key: Int32, _ month: Window?, _ amount: Money, at moment: Timestamp
    ) throws(FoldError) {
        try begin(sequence)
        if let month { turnAsVersion1(month) }
        let chain = chains[Int(key)].accounts
        table.addUndrawn(chain, Int128(amount.nanos))
        // An allowance never reaches into a grace.
        guard table.firstBeyond(.limit, chain, countingUndrawn: true, of: .max) == nil else { throw error(.limitPassed) }
        finish(moment)
    }

    private mutating func lengthen(_ more: LengthenedEntry) throws(FoldError) {
        guard var row = rows[more.hold] else { throw error(.unknownHold) }
        guard row.attempt == more.attempt else { throw error(.otherAttempt) }
        let chain = chains[Int(row.key)].accounts
        let (amount, overflow) = row.amount.nanos.addingReportingOverflow(more.amount.nanos)
        guard !overflow else { throw error(.beyondHold) }
        row.amount = Money(nanos: amount)
        row.outputBound = more.outputBound
        keep(row, more.hold)
        table.addHeld(chain, Int128(more.amount.nanos), of: more.hold)
        try checkAdmitted(chain, grace: more.grace, of: more.hold)
    }

    private mutating func correct(_ correction: CorrectionEntry) throws(FoldError) {
        guard let key = number(correction.key) else { throw error(.unknownKey) }
        guard correction.hold < next, rows[correction.hold] == nil else { throw error(.correctionOfOpen) }
        let known = try look(correction.evidence, hold: correction.hold)
        guard known.evidence == nil else { throw error(.evidenceTwice) }
        var now = known.corrected ?? Corrected(charged: correction.before, usage: .zero)
        let (charged, overflow) = correction.before.nanos.addingReportingOverflow(correction.amount.nanos)
        guard now.charged == correction.before, !overflow, charged >= 0 else { throw error(.belowZero) }
        now.charged = Money(nanos: charged)
        now.usage = now.usage.saturatingAdd(correction.usage)
        kept.add(correction.evidence, next, hold: correction.hold, now)
        _ = table.correct(chains[Int(key)].accounts, Int128(correction.amount.nanos), of: correction.hold)
    }

    private mutating func chargeAllowance(_ charge: AllowanceChargeEntry) throws(FoldError) {
        let chain = try chain(charge.key)
        let freed = Int128(charge.freed.nanos)
        guard charge.doubt < next else { throw error(.unknownAllowance) }
        if charge.freed != .zero {
            guard var doubtful = doubtfulAllowances[charge.doubt], doubtful.block.key == charge.key else {
                throw error(.unknownAllowance)
            }
            guard charge.freed <= doubtful.block.amount else { throw error(.overdrawn) }
            doubtful.block.amount -= charge.freed
            doubtfulAllowances[charge.doubt] = doubtful.block.amount == .zero ? nil : doubtful
            eachLine(of: chain, isLoss: doubtful.isLoss) { if $0.since <= charge.doubt { $0.doubtful -= freed } }
        }
        try count(evidence: charge.evidence)
        _ = table.settle(chain, settled: Int128(charge.amount.nanos), freed: 0, of: charge.doubt)
    }

    /// It may pass limits, as what it is about may have: nothing is admitted then.
    private mutating func holdLost(_ loss: LossDoubtEntry, at moment: Timestamp) throws(FoldError) {
        let chain = try chain(loss.key)
        guard loss.amount != .zero else { return }
        let amount = Int128(loss.amount.nanos)
        eachLine(of: chain, isLoss: true) { $0.doubtful += amount }
        doubtfulAllowances[next] = DoubtfulAllowance(
            block: Entry.Block(key: loss.key, amount: loss.amount), since: moment, isLoss: true)
    }

    // MARK: Windows

    private mutating func turn(_ period: Period, from: Timestamp, to: Timestamp, at moment: Timestamp) throws(FoldError) {
        guard period != .total else { throw error(.windowBack) }
        let number = table.clock(period)
        let clock = table.clocks[Int(number)]
        let isRolling = if case .rolling = period { true } else { false }
        guard from < to, isRolling ? to.nanoseconds > clock.to : from.nanoseconds >= clock.to, from <= moment else {
            throw error(.windowBack)
        }
        table.turn(number, from: from, to: to, sequence: next)
    }

    /// Version 1 opened a month by the first entry that named it.
    private mutating func turnAsVersion1(_ month: Window) {
        let start = month.month.start
        guard start.nanoseconds >= table.clocks[Int(LineTable.month)].to else { return }
        table.turn(LineTable.month, from: start, to: month.end, sequence: next)
    }

    // MARK: Pieces

    private mutating func begin(_ sequence: UInt64) throws(FoldError) {
        guard sequence == next else { throw FoldError(sequence: sequence, reason: .gap) }
        stopped = false
    }

    private mutating func finish(_ moment: Timestamp) {
        latest = max(latest, moment)
        next += 1
    }

    @discardableResult
    private mutating func takeUndrawn(_ block: Entry.Block) throws(FoldError) -> LineTable.Chain {
        let chain = try chain(block.key)
        let amount = Int128(block.amount.nanos)
        guard table.accounts[Int(chain.key)].undrawn >= amount else { throw error(.overdrawn) }
        table.addUndrawn(chain, -amount)
        return chain
    }

    private func chain(_ id: String) throws(FoldError) -> LineTable.Chain {
        guard let number = number(id) else { throw error(.unknownKey) }
        return chains[Int(number)].accounts
    }

    private mutating func count(evidence id: String) throws(FoldError) {
        guard try look(id, hold: nil).evidence == nil else { throw error(.evidenceTwice) }
        kept.add(id, next)
    }

    private func look(_ id: String, hold: UInt64?) throws(FoldError) -> KeptEvidence.Known {
        do { return try kept.look(id, hold: hold, before: next) } catch { throw self.error(.evidenceUnreadable) }
    }

    /// Something new was reserved: no line that it counts on may be beyond its limit, but within a grace that is named.
    @inline(__always)
    private func checkAdmitted(_ chain: LineTable.Chain, grace: String?, of hold: UInt64) throws(FoldError) {
        guard let line = table.firstBeyond(.limit, chain, countingUndrawn: true, of: hold) else { return }
        guard table.firstBeyond(.bound, chain, countingUndrawn: true, of: hold) == nil else { throw error(.limitPassed) }
        guard let grace, table.spendLimit(line)?.grace?.name == grace else { throw error(.graceUnnamed) }
    }

    private func error(_ reason: FoldError.Reason) -> FoldError { FoldError(sequence: next, reason: reason) }
}

extension Usage {
    /// Meters come from others, so a sum of them must not trap.
    func saturatingAdd(_ other: Usage) -> Usage {
        var sum = self
        for meter in Meter.allCases where other[meter] != 0 {
            let (value, overflow) = sum[meter].addingReportingOverflow(other[meter])
            sum[meter] = overflow ? (other[meter] < 0 ? .min : .max) : value
        }
        return sum
    }
}

extension Usage {
    func saturatingSubtract(_ other: Usage) -> Usage {
        var difference = self
        for meter in Meter.allCases where other[meter] != 0 {
            let (value, overflow) = self[meter].subtractingReportingOverflow(other[meter])
            difference[meter] = overflow ? (other[meter] < 0 ? .max : .min) : value
        }
        return difference
    }
}

extension LineTable {
    /// A line as folds compare it, whatever its number.
    struct State: Sendable, Hashable {
        var balance: Fold.Balance
        var since: UInt64
        var alerted: Int32
        var buckets: [Ring.Bucket]
    }

    func balance(_ index: Int) -> Fold.Balance {
        let line = lines[index]
        var balance = Fold.Balance()
        balance.settled = line.settled
        balance.held = line.held
        balance.doubtful = line.doubtful
        balance.undrawn = accounts[Int(line.account)].undrawn
        return balance
    }

    var states: [Fold.Place: State] {
        var all: [Fold.Place: State] = [:]
        for (number, account) in accounts.enumerated() {
            for index in range(Int32(number)) {
                let line = lines[index]
                all[Fold.Place(account: account.name, period: clocks[Int(line.clock)].period)] = State(
                    balance: balance(index), since: line.since, alerted: line.alerted,
                    buckets: line.ring >= 0 ? rings[Int(line.ring)].buckets : [])
            }
        }
        return all
    }

    /// Windows that have opened.
    var openClocks: [Period: Clock] {
        Dictionary(uniqueKeysWithValues: clocks.filter { $0.from != .min }.map { ($0.period, $0) })
    }
}
