import Core
import GRDB

extension BookChanges {
    /// Writes what a batch has changed; `fold` is the state after it.
    func write(_ database: Database, _ fold: Fold) throws {
        try writeKeys(database, fold)
        try writeLines(database, fold)
        try writeHolds(database, fold)
        try writeSuspensions(database, fold)
        try writeEvidence(database, fold)
        try writeMinutes(database, fold)
        try exports.write(database, fold.exported)
        try database.execute(
            sql: "UPDATE watermark SET next = ?, latest = ?, configuration = ?, stopped = ?",
            arguments: [Int64(clamping: fold.next), fold.latest.nanoseconds, fold.configuration, fold.stopped])
    }

    private func writeKeys(_ database: Database, _ fold: Fold) throws {
        var writer = EntryWriter()
        var positions: [String: Int] = [:]
        if !keys.isEmpty {
            for (position, id) in fold.keyOrder.enumerated() where keys.contains(id) { positions[id] = position }
        }
        for id in keys {
            guard let key = fold.keys[id], let position = positions[id] else { continue }
            try database.execute(
                sql: "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?)",
                arguments: [
                    id, position, stored(.key(key.record), at: key.record.created, 0, &writer), key.revoked?.nanoseconds,
                ])
        }
        for account in limits {
            let columns = AccountColumns(account)
            let limits = fold.table.number(account).map { fold.table.limits[Int($0)] } ?? .none
            if limits != .none {
                // No moment: where a batch ends is no fact of the journal.
                let entry = stored(.limits(account, limits), at: Timestamp(nanoseconds: 0), 0, &writer)
                try database.execute(
                    sql: "INSERT OR REPLACE INTO limits VALUES (?, ?, ?, ?)",
                    arguments: [columns.kind, columns.tenant, columns.name, entry])
            } else {
                try database.execute(
                    sql: "DELETE FROM limits WHERE kind = ? AND tenant = ? AND name = ?",
                    arguments: [columns.kind, columns.tenant, columns.name])
            }
        }
    }

    /// The lines of every account that changed, whole: they are few.
    private func writeLines(_ database: Database, _ fold: Fold) throws {
        let table = fold.table
        var accounts: Set<Int32> = []
        for key in touched {
            let chain = fold.chains[Int(key)].accounts
            accounts.formUnion([chain.key, chain.team, chain.tenant])
        }
        for account in changedAccounts { if let number = table.number(account) { accounts.insert(number) } }
        for period in turned {
            for line in table.accounts.indices.flatMap({ table.range(Int32($0)) })
            where table.clocks[Int(table.lines[line].clock)].period == period { accounts.insert(table.lines[line].account) }
        }
        for clock in table.clocks where turned.contains(clock.period) {
            try database.execute(
                sql: "INSERT OR REPLACE INTO clocks VALUES (?, ?, ?)",
                arguments: [clock.period.description, clock.from, clock.to])
        }
        let statements = try LineStatements(database)
        for account in accounts { try statements.write(account, table) }
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
        for sequence in doubtfulAllowances {
            if let doubtful = fold.doubtfulAllowances[sequence] {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO doubtfulAllowances VALUES (?, ?, ?, ?, ?, ?)",
                    arguments: [
                        Int64(clamping: sequence), doubtful.since.nanoseconds, doubtful.block.key,
                        doubtful.block.window.map { Int64($0.months) }, doubtful.block.amount.nanos, doubtful.isLoss,
                    ])
            } else {
                try database.execute(
                    sql: "DELETE FROM doubtfulAllowances WHERE sequence = ?", arguments: [Int64(clamping: sequence)])
            }
        }
    }

    private func writeSuspensions(_ database: Database, _ fold: Fold) throws {
        var writer = EntryWriter()
        for endpoint in suspensions {
            guard let suspended = fold.suspensions[endpoint] else {
                try database.execute(sql: "DELETE FROM suspensions WHERE endpoint = ?", arguments: [endpoint])
                continue
            }
            try database.execute(
                sql: "INSERT OR REPLACE INTO suspensions VALUES (?, ?, ?)",
                arguments: [
                    endpoint, suspended.since.nanoseconds,
                    stored(.suspended(suspended.suspension), at: suspended.since, 0, &writer),
                ])
        }
    }

    private func writeEvidence(_ database: Database, _ fold: Fold) throws {
        let count = try database.cachedStatement(sql: "INSERT OR REPLACE INTO evidence VALUES (?, ?)")
        for id in evidence {
            guard let sequence = fold.kept.recent[id] else { continue }
            try count.execute(arguments: [id, Int64(clamping: sequence)])
        }
        let places = Array(repeating: "?", count: meterColumns.count + 3).joined(separator: ", ")
        let correct = try database.cachedStatement(sql: "INSERT OR REPLACE INTO corrected VALUES (\(places))")
        for hold in corrected {
            guard let last = fold.kept.recentCorrected[hold] else { continue }
            let numbers = [Int64(clamping: hold), Int64(clamping: last.sequence), last.corrected.charged.nanos]
            try correct.execute(arguments: StatementArguments(numbers + last.corrected.usage.columns))
        }
    }

    private func writeMinutes(_ database: Database, _ fold: Fold) throws {
        let sums =
            ["calls", "voided", "estimated", "corrections"] + meterColumns + ["nanos", "estimatedNanos", "correctedNanos"]
        let places = Array(repeating: "?", count: sums.count + 6).joined(separator: ", ")
        let added = sums.map { "\($0) = \($0) + excluded.\($0)" }.joined(separator: ", ")
        let addMinute = try database.cachedStatement(
            sql: "INSERT INTO usage VALUES (\(places)) ON CONFLICT DO UPDATE SET \(added)")
        for (at, meters) in minutes {
            let facts = at.route.facts
            let group: [any DatabaseValueConvertible] = [
                at.minute, fold.keyOrder[Int(at.key)], facts.model, facts.endpoint, facts.operator, at.tier.rawValue,
            ]
            let counts = [meters.calls, meters.voided, meters.estimated, meters.corrections]
            let numbers = counts + meters.usage.columns + [meters.nanos, meters.estimatedNanos, meters.correctedNanos]
            try addMinute.execute(arguments: StatementArguments(group + numbers.map { $0 as any DatabaseValueConvertible }))
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

/// Writes the lines of one account.
private struct LineStatements {
    let lines: Statement
    let buckets: Statement
    let undrawn: Statement
    let deleteLines: Statement
    let deleteBuckets: Statement

    init(_ database: Database) throws {
        lines = try database.cachedStatement(sql: "INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        buckets = try database.cachedStatement(sql: "INSERT INTO buckets VALUES (?, ?, ?, ?, ?, ?)")
        undrawn = try database.cachedStatement(sql: "INSERT OR REPLACE INTO undrawn VALUES (?, ?, ?, ?)")
        deleteLines = try database.cachedStatement(sql: "DELETE FROM lines WHERE kind = ? AND tenant = ? AND name = ?")
        deleteBuckets = try database.cachedStatement(sql: "DELETE FROM buckets WHERE kind = ? AND tenant = ? AND name = ?")
    }

    func write(_ number: Int32, _ table: LineTable) throws {
        let account = table.accounts[Int(number)]
        let columns = AccountColumns(account.name)
        let place: StatementArguments = [columns.kind, columns.tenant, columns.name]
        try deleteLines.execute(arguments: place)
        try deleteBuckets.execute(arguments: place)
        try undrawn.execute(arguments: place + [String(account.undrawn)])
        for index in table.range(number) {
            let line = table.lines[index]
            let period = table.clocks[Int(line.clock)].period.description
            try lines.execute(
                arguments: place + [
                    period, Int64(clamping: line.since), String(line.settled), String(line.held), String(line.doubtful),
                    Int64(line.alerted),
                ])
            guard line.ring >= 0 else { continue }
            for bucket in table.rings[Int(line.ring)].buckets {
                try buckets.execute(arguments: place + [period, bucket.end, String(bucket.amount)])
            }
        }
    }
}
