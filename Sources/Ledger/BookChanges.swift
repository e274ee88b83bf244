import Core
import GRDB

/// What a batch of entries changes in the books: which rows of the fold, and what is added to the minutes.
/// A hold that begins and ends within the batch leaves nothing but its minute.
struct BookChanges {
    struct Minute: Hashable {
        var minute: Int64
        var key: Int32
        var route: InternedRoute
    }

    struct Touched: Hashable {
        var key: Int32
        var window: Window
    }

    struct Meters {
        var calls: Int64 = 0
        var voided: Int64 = 0
        var estimated: Int64 = 0
        var usage = Usage.zero
        var nanos: Int64 = 0
        var estimatedNanos: Int64 = 0
    }

    struct RefusalMinute: Hashable {
        var minute: Int64
        var key: String
        var code: String
        var model: String
    }

    /// The sequence number that the batch began with.
    private let first: UInt64
    private var keys: Set<String> = []
    private var limits: Set<AccountName> = []
    private var touched: Set<Touched> = []
    /// Holds of this batch; those that are still open at its end get a row.
    private var opened: [UInt64] = []
    /// Holds of earlier batches that have ended.
    private var closed: [UInt64] = []
    /// Open holds that came in doubt or were overrun.
    private var changed: Set<UInt64> = []
    private var doubtfulAllowances: Set<UInt64> = []
    private var minutes: [Minute: Meters] = [:]
    private var refusals: [RefusalMinute: Int64] = [:]

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
                try fold.open(sequence, row)
                note(opened: sequence, row.key, row.window)
            case .end(let end):
                let row = try fold.close(sequence, end, at: scanned.at)
                note(end, of: row, minuteNumber(scanned.at))
            case .allowance(let key, let window, let amount):
                try fold.grant(sequence, key: key, window, amount, at: scanned.at)
                touched.insert(Touched(key: key, window: window))
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
            if let key = fold.number(hold.key) { note(opened: sequence, key, hold.window) }
        case .end(let end):
            if let row = fold.rows[end.hold] { note(ScannedEnd(end), of: row, minuteNumber(moment)) }
        case .overrun(let sequence, _, let amount):
            guard let row = fold.rows[sequence] else { return }
            changed.insert(sequence)
            touched.insert(Touched(key: row.key, window: row.window))
            minutes[Minute(minute: minuteNumber(moment), key: row.key, route: row.route), default: Meters()].nanos += amount.nanos
        case .doubt(let hold, _): changed.insert(hold)
        case .allowance(let block), .allowanceReturned(let block): touch(block, fold)
        case .allowanceDoubt(let block, _):
            doubtfulAllowances.insert(sequence)
            touch(block, fold)
        case .allowanceVoided(let doubt, _):
            doubtfulAllowances.insert(doubt)
            if let block = fold.doubtfulAllowances[doubt]?.block { touch(block, fold) }
        case .key(let record):
            keys.insert(record.id)
            limits.insert(.key(record.id))
        case .keyRotated(let id, _), .keyRevoked(let id, _): keys.insert(id)
        case .limit(let account, _):
            limits.insert(account)
            if case .key(let id) = account { keys.insert(id) }
        case .refused(_, let counts):
            for count in counts {
                let at = RefusalMinute(
                    minute: minuteNumber(moment), key: count.key ?? "", code: count.code, model: count.model ?? "")
                refusals[at, default: 0] += count.count
            }
        case .start, .stop, .configuration, .act: break
        }
    }

    private mutating func note(opened sequence: UInt64, _ key: Int32, _ window: Window) {
        opened.append(sequence)
        touched.insert(Touched(key: key, window: window))
    }

    private mutating func note(_ end: ScannedEnd, of row: OpenRow, _ minute: Int64) {
        if end.hold < first { closed.append(end.hold) }
        touched.insert(Touched(key: row.key, window: row.window))
        minutes[Minute(minute: minute, key: row.key, route: row.route), default: Meters()].add(end)
    }

    private mutating func touch(_ block: Entry.Block, _ fold: Fold) {
        if let key = fold.number(block.key) { touched.insert(Touched(key: key, window: block.window)) }
    }
}

extension BookChanges.Meters {
    fileprivate mutating func add(_ end: ScannedEnd) {
        if end.isVoided { voided += 1 } else { calls += 1 }
        usage = usage + end.usage
        nanos += end.settled.nanos
        if end.isEstimated {
            estimated += 1
            estimatedNanos += end.settled.nanos
        }
    }
}

private func minuteNumber(_ moment: Timestamp) -> Int64 { moment.nanoseconds / 60_000_000_000 }

// MARK: Writing

extension BookChanges {
    func write(_ database: Database, _ fold: Fold) throws {
        try writeKeys(database, fold)
        try writeMoney(database, fold)
        try writeMinutes(database, fold)
        try database.execute(
            sql: "UPDATE watermark SET next = ?, window = ?, latest = ?, configuration = ?, stopped = ?",
            arguments: [
                Int64(clamping: fold.next), Int64(fold.window.months), fold.latest.nanoseconds, fold.configuration,
                fold.stopped,
            ])
    }

    private func writeKeys(_ database: Database, _ fold: Fold) throws {
        var positions: [String: Int] = [:]
        if !keys.isEmpty {
            for (position, id) in fold.keyOrder.enumerated() where keys.contains(id) { positions[id] = position }
        }
        for id in keys {
            guard let key = fold.keys[id], let position = positions[id] else { continue }
            try database.execute(
                sql: "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?)",
                arguments: [id, position, storedKey(key.record), key.revoked?.nanoseconds])
        }
        for account in limits {
            let columns = AccountColumns(account)
            if let limit = fold.limits[account] {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO limits VALUES (?, ?, ?, ?)",
                    arguments: [columns.kind, columns.tenant, columns.name, limit.nanos])
            } else {
                try database.execute(
                    sql: "DELETE FROM limits WHERE kind = ? AND tenant = ? AND name = ?",
                    arguments: [columns.kind, columns.tenant, columns.name])
            }
        }
    }

    private func writeMoney(_ database: Database, _ fold: Fold) throws {
        try writeBalances(database, fold)
        try writeHolds(database, fold)
        for sequence in doubtfulAllowances {
            if let doubtful = fold.doubtfulAllowances[sequence] {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO doubtfulAllowances VALUES (?, ?, ?, ?, ?)",
                    arguments: [
                        Int64(clamping: sequence), doubtful.since.nanoseconds, doubtful.block.key,
                        Int64(doubtful.block.window.months), doubtful.block.amount.nanos,
                    ])
            } else {
                try database.execute(
                    sql: "DELETE FROM doubtfulAllowances WHERE sequence = ?", arguments: [Int64(clamping: sequence)])
            }
        }
    }

    private func writeBalances(_ database: Database, _ fold: Fold) throws {
        var places: Set<Fold.Place> = []
        for touched in touched {
            for account in fold.accounts(ofKey: touched.key) {
                places.insert(Fold.Place(account: account, window: touched.window))
            }
        }
        let insert = try database.cachedStatement(sql: "INSERT OR REPLACE INTO balances VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        for place in places {
            let columns = AccountColumns(place.account)
            let balance = fold.balance(place.account, place.window)
            try insert.execute(arguments: [
                columns.kind, columns.tenant, columns.name, Int64(place.window.months), String(balance.settled),
                String(balance.held), String(balance.undrawn), String(balance.doubtful),
            ])
        }
    }

    private func writeHolds(_ database: Database, _ fold: Fold) throws {
        let insert = try database.cachedStatement(sql: "INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?, ?)")
        var writer = EntryWriter()
        for sequences in [opened, Array(changed)] {
            for sequence in sequences {
                guard let hold = fold.hold(sequence) else { continue }
                try insert.execute(arguments: [
                    Int64(clamping: sequence), hold.at.nanoseconds, storedHold(hold, sequence, &writer),
                    hold.doubtfulSince?.nanoseconds, hold.overrun.nanos,
                ])
            }
        }
        let delete = try database.cachedStatement(sql: "DELETE FROM holds WHERE sequence = ?")
        for sequence in closed { try delete.execute(arguments: [Int64(clamping: sequence)]) }
    }

    private func writeMinutes(_ database: Database, _ fold: Fold) throws {
        let addMinute = try database.cachedStatement(
            sql: """
                INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, voided = voided + excluded.voided,
                    estimated = estimated + excluded.estimated, input = input + excluded.input,
                    cachedInput = cachedInput + excluded.cachedInput, output = output + excluded.output,
                    reasoning = reasoning + excluded.reasoning, nanos = nanos + excluded.nanos,
                    estimatedNanos = estimatedNanos + excluded.estimatedNanos
                """)
        for (at, meters) in minutes {
            try addMinute.execute(arguments: [
                at.minute, fold.keyOrder[Int(at.key)], at.route.facts.model, at.route.facts.endpoint, meters.calls,
                meters.voided, meters.estimated, meters.usage.input, meters.usage.cachedInput, meters.usage.output,
                meters.usage.reasoning, meters.nanos, meters.estimatedNanos,
            ])
        }
        for (at, count) in refusals {
            try database.execute(
                sql: """
                    INSERT INTO refusals VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT DO UPDATE SET count = count + excluded.count
                    """,
                arguments: [at.minute, at.key, at.code, at.model, count])
        }
    }
}
