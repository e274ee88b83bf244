import Core
import GRDB

/// Changes when the tables do: older books are folded again.
let booksFormat = 1

func makeTables(_ database: Database) throws {
    for table in [
        "watermark", "keys", "limits", "balances", "holds", "doubtfulAllowances", "usage", "refusals",
    ] {
        try database.execute(sql: "DROP TABLE IF EXISTS \(table)")
    }
    // Totals are text: they may pass 64 bits.
    try database.execute(
        sql: """
            CREATE TABLE watermark (one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL, window INTEGER NOT NULL,
                latest INTEGER NOT NULL, configuration TEXT, stopped INTEGER NOT NULL);
            CREATE TABLE keys (id TEXT PRIMARY KEY, position INTEGER NOT NULL, entry TEXT NOT NULL, revoked INTEGER) WITHOUT ROWID;
            CREATE TABLE limits (kind TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL, nanos INTEGER NOT NULL,
                PRIMARY KEY (kind, tenant, name)) WITHOUT ROWID;
            CREATE TABLE balances (kind TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL, window INTEGER NOT NULL,
                settled TEXT NOT NULL, held TEXT NOT NULL, undrawn TEXT NOT NULL, doubtful TEXT NOT NULL,
                PRIMARY KEY (kind, tenant, name, window)) WITHOUT ROWID;
            CREATE TABLE holds (sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, entry TEXT NOT NULL, doubtful INTEGER,
                overrun INTEGER NOT NULL);
            CREATE TABLE doubtfulAllowances (sequence INTEGER PRIMARY KEY, since INTEGER NOT NULL, key TEXT NOT NULL,
                window INTEGER NOT NULL, nanos INTEGER NOT NULL);
            CREATE TABLE usage (minute INTEGER NOT NULL, key TEXT NOT NULL, model TEXT NOT NULL, endpoint TEXT NOT NULL,
                calls INTEGER NOT NULL, voided INTEGER NOT NULL, estimated INTEGER NOT NULL, input INTEGER NOT NULL,
                cachedInput INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL, nanos INTEGER NOT NULL,
                estimatedNanos INTEGER NOT NULL, PRIMARY KEY (minute, key, model, endpoint)) WITHOUT ROWID;
            CREATE TABLE refusals (minute INTEGER NOT NULL, key TEXT NOT NULL, code TEXT NOT NULL, model TEXT NOT NULL,
                count INTEGER NOT NULL, PRIMARY KEY (minute, key, code, model)) WITHOUT ROWID;
            INSERT INTO watermark VALUES (1, 0, 0, 0, NULL, 0);
            """)
    try database.execute(sql: "PRAGMA user_version = \(booksFormat)")
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
private func stored(_ entry: Entry, at moment: Timestamp, _ sequence: UInt64, _ writer: inout EntryWriter) -> String {
    guard entry.write(to: &writer, at: moment) else { return "" }
    return "{\"v\":1,\"n\":\(sequence)," + String(decoding: writer.bytes, as: UTF8.self)
}

func storedHold(_ hold: Fold.OpenHold, _ sequence: UInt64, _ writer: inout EntryWriter) -> String {
    stored(.hold(hold.entry), at: hold.at, sequence, &writer)
}

func storedKey(_ record: KeyRecord) -> String {
    var writer = EntryWriter()
    return stored(.key(record), at: record.created, 0, &writer)
}

private func parsed(_ text: String) throws -> Entry {
    let result = Array(text.utf8).withUnsafeBytes { bytes -> Result<Entry, EntryError> in
        do throws(EntryError) { return .success(try Entry.parse(bytes).entry) } catch { return .failure(error) }
    }
    return try result.get()
}

/// Reads the fold back as it was at the watermark.
func readFold(_ database: Database) throws -> Fold {
    var fold = Fold()
    guard let mark = try Row.fetchOne(database, sql: "SELECT * FROM watermark") else { return fold }
    fold.next = UInt64(mark["next"] as Int64)
    fold.window = Window(months: mark["window"])
    fold.latest = Timestamp(nanoseconds: mark["latest"])
    fold.configuration = mark["configuration"]
    fold.stopped = mark["stopped"]
    for row in try Row.fetchAll(database, sql: "SELECT * FROM keys ORDER BY position") {
        guard case .key(let record) = try parsed(row["entry"]) else { throw LedgerError.books("a key is not a key") }
        let revoked: Int64? = row["revoked"]
        fold.restore(key: record, revoked: revoked.map { Timestamp(nanoseconds: $0) })
    }
    for row in try Row.fetchAll(database, sql: "SELECT * FROM limits") {
        fold.set(AccountColumns(row).account, limit: Money(nanos: row["nanos"]))
    }
    for row in try Row.fetchAll(database, sql: "SELECT * FROM balances") {
        var balance = Fold.Balance()
        balance.settled = try total(row, "settled")
        balance.held = try total(row, "held")
        balance.undrawn = try total(row, "undrawn")
        balance.doubtful = try total(row, "doubtful")
        fold.restore(Fold.Place(account: AccountColumns(row).account, window: Window(months: row["window"])), balance)
    }
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
        let block = Entry.Block(
            key: row["key"], window: Window(months: row["window"]), amount: Money(nanos: row["nanos"]))
        fold.doubtfulAllowances[UInt64(row["sequence"] as Int64)] = Fold.DoubtfulAllowance(
            block: block, since: Timestamp(nanoseconds: row["since"]))
    }
    return fold
}

private func total(_ row: Row, _ column: String) throws -> Int128 {
    guard let value = Int128(row[column] as String) else { throw LedgerError.books("a total is not a number") }
    return value
}
