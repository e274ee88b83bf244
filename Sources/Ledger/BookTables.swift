import Core
import GRDB

/// Changes when the tables do: older books are folded again.
let booksFormat = 8

func makeTables(_ database: Database) throws {
    for table in [
        "watermark", "keys", "limits", "balances", "clocks", "lines", "buckets", "undrawn", "holds", "doubtfulAllowances",
        "evidence", "corrected", "usage", "refusals", "suspensions", "exportYears", "exportedPersons",
    ] {
        try database.execute(sql: "DROP TABLE IF EXISTS \(table)")
    }
    let meters = Meter.allCases.map { "\($0.rawValue) INTEGER NOT NULL" }.joined(separator: ", ")
    // Totals are text: they may pass 64 bits.
    try database.execute(
        sql: """
            CREATE TABLE watermark (one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL, latest INTEGER NOT NULL,
                configuration TEXT, stopped INTEGER NOT NULL);
            CREATE TABLE keys (id TEXT PRIMARY KEY, position INTEGER NOT NULL, entry TEXT NOT NULL, revoked INTEGER) WITHOUT ROWID;
            CREATE TABLE limits (kind TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL, entry TEXT NOT NULL,
                PRIMARY KEY (kind, tenant, name)) WITHOUT ROWID;
            CREATE TABLE clocks (period TEXT PRIMARY KEY, opened INTEGER NOT NULL, ends INTEGER NOT NULL) WITHOUT ROWID;
            CREATE TABLE lines (kind TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL, period TEXT NOT NULL,
                since INTEGER NOT NULL, settled TEXT NOT NULL, held TEXT NOT NULL, doubtful TEXT NOT NULL,
                alerted INTEGER NOT NULL, PRIMARY KEY (kind, tenant, name, period)) WITHOUT ROWID;
            CREATE TABLE buckets (kind TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL, period TEXT NOT NULL,
                ends INTEGER NOT NULL, amount TEXT NOT NULL, PRIMARY KEY (kind, tenant, name, period, ends)) WITHOUT ROWID;
            CREATE TABLE undrawn (kind TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL, amount TEXT NOT NULL,
                PRIMARY KEY (kind, tenant, name)) WITHOUT ROWID;
            CREATE TABLE holds (sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, entry TEXT NOT NULL, doubtful INTEGER,
                overrun INTEGER NOT NULL);
            CREATE TABLE doubtfulAllowances (sequence INTEGER PRIMARY KEY, since INTEGER NOT NULL, key TEXT NOT NULL,
                month INTEGER, nanos INTEGER NOT NULL, isLoss INTEGER NOT NULL);
            CREATE TABLE evidence (id TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
            CREATE TABLE corrected (hold INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, charged INTEGER NOT NULL, \(meters));
            CREATE TABLE usage (minute INTEGER NOT NULL, key TEXT NOT NULL, model TEXT NOT NULL, endpoint TEXT NOT NULL,
                operator TEXT NOT NULL, tier TEXT NOT NULL, calls INTEGER NOT NULL, voided INTEGER NOT NULL,
                estimated INTEGER NOT NULL, corrections INTEGER NOT NULL, \(meters), nanos INTEGER NOT NULL,
                estimatedNanos INTEGER NOT NULL, correctedNanos INTEGER NOT NULL,
                PRIMARY KEY (minute, key, model, endpoint, operator, tier)) WITHOUT ROWID;
            CREATE TABLE refusals (minute INTEGER NOT NULL, key TEXT NOT NULL, code TEXT NOT NULL, model TEXT NOT NULL,
                count INTEGER NOT NULL, PRIMARY KEY (minute, key, code, model)) WITHOUT ROWID;
            CREATE TABLE suspensions (endpoint TEXT PRIMARY KEY, since INTEGER NOT NULL, entry TEXT NOT NULL) WITHOUT ROWID;
            INSERT INTO watermark VALUES (1, 0, 0, NULL, 0);
            """)
    try database.execute(sql: exportTables)
    try database.execute(sql: "PRAGMA user_version = \(booksFormat)")
}

/// All ten, as columns of a statement.
let meterColumns = Meter.allCases.map(\.rawValue)

extension Usage {
    init(_ row: Row) {
        self.init()
        for meter in Meter.allCases { self[meter] = row[meter.rawValue] }
    }

    var columns: [Int64] { Meter.allCases.map { self[$0] } }
}

/// An account as three columns.
struct AccountColumns {
    var kind: String
    var tenant: String
    var name: String

    init(_ account: AccountName) {
        switch account {
        case .tenant(let tenant): (kind, self.tenant, name) = ("tenant", tenant, "")
        case .team(let tenant, let team): (kind, self.tenant, name) = ("team", tenant, team)
        case .key(let id): (kind, tenant, name) = ("key", "", id)
        }
    }

    init(_ row: Row) { (kind, tenant, name) = (row["kind"], row["tenant"], row["name"]) }

    var account: AccountName {
        switch kind {
        case "tenant": .tenant(tenant)
        case "team": .team(tenant: tenant, team: name)
        default: .key(name)
        }
    }
}

/// Entries are kept whole in the books: with the journal's members in front, as `Entry.parse` reads them.
func stored(_ entry: Entry, at moment: Timestamp, _ sequence: UInt64, _ writer: inout EntryWriter) -> String {
    guard entry.write(to: &writer, at: moment) else { return "" }
    return "{\"v\":1,\"n\":\(sequence)," + String(decoding: writer.bytes, as: UTF8.self)
}

func storedHold(_ hold: Fold.OpenHold, _ sequence: UInt64, _ writer: inout EntryWriter) -> String {
    stored(.hold(hold.entry), at: hold.at, sequence, &writer)
}

private func parsed(_ text: String) throws -> Entry {
    let result = Array(text.utf8).withUnsafeBytes { bytes -> Result<Entry, EntryError> in
        do throws(EntryError) { return .success(try Entry.parse(bytes).entry) } catch { return .failure(error) }
    }
    return try result.get()
}

/// Reads the fold back as it was at the watermark. Evidence stays where it is.
func readFold(_ database: Database) throws -> Fold {
    var fold = Fold()
    guard let mark = try Row.fetchOne(database, sql: "SELECT * FROM watermark") else { return fold }
    fold.next = UInt64(mark["next"] as Int64)
    fold.latest = Timestamp(nanoseconds: mark["latest"])
    fold.configuration = mark["configuration"]
    fold.stopped = mark["stopped"]
    for row in try Row.fetchAll(database, sql: "SELECT * FROM keys ORDER BY position") {
        guard case .key(let record) = try parsed(row["entry"]) else { throw LedgerError.books("a key is not a key") }
        let revoked: Int64? = row["revoked"]
        fold.restore(key: record, revoked: revoked.map { Timestamp(nanoseconds: $0) })
    }
    try readMoney(database, &fold)
    fold.exported = try readExports(database)
    for row in try Row.fetchAll(database, sql: "SELECT * FROM holds") {
        guard case .hold(let entry) = try parsed(row["entry"]) else { throw LedgerError.books("a hold is not a hold") }
        let doubtful: Int64? = row["doubtful"]
        let hold = Fold.OpenHold(
            entry: entry, at: Timestamp(nanoseconds: row["at"]),
            doubtfulSince: doubtful.map { Timestamp(nanoseconds: $0) }, overrun: Money(nanos: row["overrun"]))
        guard fold.restore(hold: hold, UInt64(row["sequence"] as Int64)) else {
            throw LedgerError.books("a hold has no key")
        }
    }
    for row in try Row.fetchAll(database, sql: "SELECT * FROM doubtfulAllowances") {
        let month: Int32? = row["month"]
        let block = Entry.Block(
            key: row["key"], window: month.map { Window(months: $0) }, amount: Money(nanos: row["nanos"]))
        fold.doubtfulAllowances[UInt64(row["sequence"] as Int64)] = Fold.DoubtfulAllowance(
            block: block, since: Timestamp(nanoseconds: row["since"]), isLoss: row["isLoss"])
    }
    for row in try Row.fetchAll(database, sql: "SELECT * FROM suspensions") {
        guard case .suspended(let suspension) = try parsed(row["entry"]) else {
            throw LedgerError.books("a suspension is not a suspension")
        }
        fold.suspensions[suspension.endpoint] = Fold.Suspended(
            suspension: suspension, since: Timestamp(nanoseconds: row["since"]))
    }
    return fold
}

/// Limits first, since they make the lines that balances belong to.
private func readMoney(_ database: Database, _ fold: inout Fold) throws {
    for row in try Row.fetchAll(database, sql: "SELECT * FROM limits") {
        guard case .limits(let account, let limits) = try parsed(row["entry"]) else {
            throw LedgerError.books("a limit is not a limit")
        }
        fold.setLimits(account, limits, sequence: 0)
    }
    for row in try Row.fetchAll(database, sql: "SELECT * FROM clocks") {
        let clock = Int(fold.table.clock(try period(row)))
        fold.table.clocks[clock].from = row["opened"]
        fold.table.clocks[clock].to = row["ends"]
    }
    for row in try Row.fetchAll(database, sql: "SELECT * FROM undrawn") {
        let number = fold.table.account(AccountColumns(row).account)
        fold.table.accounts[Int(number)].undrawn = try total(row, "amount")
    }
    for row in try Row.fetchAll(database, sql: "SELECT * FROM lines") {
        let index = try line(row, &fold)
        fold.table.lines[index].since = UInt64(row["since"] as Int64)
        fold.table.lines[index].settled = try total(row, "settled")
        fold.table.lines[index].held = try total(row, "held")
        fold.table.lines[index].doubtful = try total(row, "doubtful")
        fold.table.setAlerted(index, percent: row["alerted"])
    }
    for row in try Row.fetchAll(database, sql: "SELECT * FROM buckets ORDER BY ends") {
        let ring = fold.table.lines[try line(row, &fold)].ring
        guard ring >= 0 else { throw LedgerError.books("a line that does not roll has buckets") }
        fold.table.rings[Int(ring)].buckets.append(LineTable.Ring.Bucket(end: row["ends"], amount: try total(row, "amount")))
    }
}

private func line(_ row: Row, _ fold: inout Fold) throws -> Int {
    let clock = fold.table.clock(try period(row))
    let account = fold.table.account(AccountColumns(row).account)
    guard let index = fold.table.range(account).first(where: { fold.table.lines[$0].clock == clock }) else {
        throw LedgerError.books("a balance has no line")
    }
    return index
}

private func period(_ row: Row) throws -> Period {
    guard let period = Period(row["period"] as String) else { throw LedgerError.books("a period is none") }
    return period
}

private func total(_ row: Row, _ column: String) throws -> Int128 {
    guard let value = Int128(row[column] as String) else { throw LedgerError.books("a total is not a number") }
    return value
}
