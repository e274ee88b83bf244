import Core
import GRDB

/// What a batch of entries changes in the books: which rows of the fold, and what is added to the minutes.
struct BookChanges {
    struct Minute: Hashable {
        var minute: Int64
        var key: String
        var model: String
        var endpoint: String
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

    private var keys: Set<String> = []
    private var limits: Set<AccountName> = []
    private var places: Set<Fold.Place> = []
    private var holds: Set<UInt64> = []
    private var doubtfulAllowances: Set<UInt64> = []
    private var minutes: [Minute: Meters] = [:]
    private var refusals: [RefusalMinute: Int64] = [:]

    /// The first entry of the batch: a hold from here on is not in the books yet.
    private let first: UInt64

    init(from first: UInt64) { self.first = first }

    /// Takes note of an entry; `fold` is the state before it.
    mutating func note(_ sequence: UInt64, at moment: Timestamp, _ entry: Entry, before fold: Fold) {
        let minute = moment.nanoseconds / 60_000_000_000
        switch entry {
        case .hold(let hold):
            holds.insert(sequence)
            touch(hold.key, hold.window, fold)
        case .end(let end):
            guard let hold = fold.holds[end.hold]?.entry else { return }
            holds.insert(end.hold)
            touch(hold.key, hold.window, fold)
            add(hold, minute) { meters in
                if end.how == .voided { meters.voided += 1 } else { meters.calls += 1 }
                meters.usage = meters.usage + end.usage
                meters.nanos += end.settled.nanos
                if end.estimated {
                    meters.estimated += 1
                    meters.estimatedNanos += end.settled.nanos
                }
            }
        case .overrun(let sequence, _, let amount):
            guard let hold = fold.holds[sequence]?.entry else { return }
            holds.insert(sequence)
            touch(hold.key, hold.window, fold)
            add(hold, minute) { $0.nanos += amount.nanos }
        case .doubt(let hold, _): holds.insert(hold)
        case .allowance(let block), .allowanceReturned(let block): touch(block.key, block.window, fold)
        case .allowanceDoubt(let block, _):
            doubtfulAllowances.insert(sequence)
            touch(block.key, block.window, fold)
        case .allowanceVoided(let doubt, _):
            doubtfulAllowances.insert(doubt)
            if let block = fold.doubtfulAllowances[doubt]?.block { touch(block.key, block.window, fold) }
        case .key(let record):
            keys.insert(record.id)
            limits.insert(.key(record.id))
        case .keyRotated(let id, _), .keyRevoked(let id, _): keys.insert(id)
        case .limit(let account, _):
            limits.insert(account)
            if case .key(let id) = account { keys.insert(id) }
        case .refused(_, let counts):
            for count in counts {
                let at = RefusalMinute(minute: minute, key: count.key ?? "", code: count.code, model: count.model ?? "")
                refusals[at, default: 0] += count.count
            }
        case .start, .stop, .configuration, .act: break
        }
    }

    private mutating func touch(_ key: String, _ window: Window, _ fold: Fold) {
        guard let record = fold.keys[key]?.record else { return }
        places.insert(Fold.Place(account: .key(key), window: window))
        places.insert(Fold.Place(account: .team(tenant: record.tenant, team: record.team), window: window))
        places.insert(Fold.Place(account: .tenant(record.tenant), window: window))
    }

    private mutating func add(_ hold: HoldEntry, _ minute: Int64, _ change: (inout Meters) -> Void) {
        let at = Minute(minute: minute, key: hold.key, model: hold.route.model, endpoint: hold.route.endpoint)
        change(&minutes[at, default: Meters()])
    }
}

// MARK: Writing

extension BookChanges {
    func write(_ database: Database, _ fold: Fold) throws {
        try writeKeys(database, fold)
        try writeMoney(database, fold)
        try writeMinutes(database)
        try database.run(
            "UPDATE watermark SET next = ?, window = ?, latest = ?, configuration = ?, stopped = ?",
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
            try database.run(
                "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?)",
                arguments: [id, position, storedKey(key.record), key.revoked?.nanoseconds])
        }
        for account in limits {
            let columns = AccountColumns(account)
            if let limit = fold.limits[account] {
                try database.run(
                    "INSERT OR REPLACE INTO limits VALUES (?, ?, ?, ?)",
                    arguments: [columns.kind, columns.tenant, columns.name, limit.nanos])
            } else {
                try database.run(
                    "DELETE FROM limits WHERE kind = ? AND tenant = ? AND name = ?",
                    arguments: [columns.kind, columns.tenant, columns.name])
            }
        }
    }

    private func writeMoney(_ database: Database, _ fold: Fold) throws {
        for place in places {
            let columns = AccountColumns(place.account)
            let balance = fold.balance(place.account, place.window)
            try database.run(
                "INSERT OR REPLACE INTO balances VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                arguments: [
                    columns.kind, columns.tenant, columns.name, Int64(place.window.months), String(balance.settled),
                    String(balance.held), String(balance.undrawn), String(balance.doubtful),
                ])
        }
        for sequence in holds {
            if let hold = fold.holds[sequence] {
                try database.run(
                    "INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?, ?)",
                    arguments: [
                        Int64(clamping: sequence), hold.at.nanoseconds, storedHold(hold, sequence),
                        hold.doubtfulSince?.nanoseconds, hold.overrun.nanos,
                    ])
            } else if sequence < first {
                try database.run(
                    "DELETE FROM holds WHERE sequence = ?", arguments: [Int64(clamping: sequence)])
            }
        }
        for sequence in doubtfulAllowances {
            if let doubtful = fold.doubtfulAllowances[sequence] {
                try database.run(
                    "INSERT OR REPLACE INTO doubtfulAllowances VALUES (?, ?, ?, ?, ?)",
                    arguments: [
                        Int64(clamping: sequence), doubtful.since.nanoseconds, doubtful.block.key,
                        Int64(doubtful.block.window.months), doubtful.block.amount.nanos,
                    ])
            } else {
                try database.run(
                    "DELETE FROM doubtfulAllowances WHERE sequence = ?", arguments: [Int64(clamping: sequence)])
            }
        }
    }

    private func writeMinutes(_ database: Database) throws {
        for (at, meters) in minutes {
            try database.run(
                """
                INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, voided = voided + excluded.voided,
                    estimated = estimated + excluded.estimated, input = input + excluded.input,
                    cachedInput = cachedInput + excluded.cachedInput, output = output + excluded.output,
                    reasoning = reasoning + excluded.reasoning, nanos = nanos + excluded.nanos,
                    estimatedNanos = estimatedNanos + excluded.estimatedNanos
                """,
                arguments: [
                    at.minute, at.key, at.model, at.endpoint, meters.calls, meters.voided, meters.estimated,
                    meters.usage.input, meters.usage.cachedInput, meters.usage.output, meters.usage.reasoning,
                    meters.nanos, meters.estimatedNanos,
                ])
        }
        for (at, count) in refusals {
            try database.run(
                """
                INSERT INTO refusals VALUES (?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET count = count + excluded.count
                """,
                arguments: [at.minute, at.key, at.code, at.model, count])
        }
    }
}

extension Database {
    /// Executes a statement that is prepared once and kept.
    func run(_ sql: String, arguments: StatementArguments) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }
}
