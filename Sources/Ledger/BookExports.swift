import Core
import GRDB

/// What a batch of entries adds to the persons that the books keep: a row for each new one, and the numbers of their tenants.
struct ExportChanges {
    private struct Row {
        var tenant: String
        var person: Pseudonym
        var addition: ExportBook.Addition
    }

    private var rows: [Row] = []
    private var counts: Set<ExportBook.Past> = []
    /// A year began in this batch: nobody of the one before is told apart any more.
    private var isTurned = false

    /// Takes note of an export before the fold counts it.
    mutating func note(_ exported: ExportedPerson, of tenant: String, in year: Int, _ before: ExportBook) {
        if year > before.year {
            isTurned = true
            rows = []
        }
        let addition = before.addition(exported, of: tenant, in: year)
        guard !addition.isNone else { return }
        rows.append(Row(tenant: tenant, person: exported.person, addition: addition))
        counts.insert(ExportBook.Past(tenant: tenant, year: year))
    }

    func write(_ database: Database, _ exports: ExportBook) throws {
        if isTurned { try database.execute(sql: "DELETE FROM exportedPersons") }
        if rows.isEmpty { return }
        let add = try database.cachedStatement(
            sql: """
                INSERT INTO exportedPersons VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET counted = counted | excluded.counted
                """)
        for row in rows {
            let counted = (row.addition.person ? countedInAll : 0) | (row.addition.sensitivePerson ? countedInSensitive : 0)
            try add.execute(arguments: [
                row.tenant, Int64(bitPattern: row.person.high), Int64(bitPattern: row.person.low), counted,
            ])
        }
        let count = try database.cachedStatement(sql: "INSERT OR REPLACE INTO exportYears VALUES (?, ?, ?, ?)")
        for place in counts {
            let now = exports.count(place.tenant, in: place.year)
            try count.execute(arguments: [place.tenant, place.year, now.persons, now.sensitivePersons])
        }
    }
}

/// Bits of `counted`: in which of the two counts a person is.
private let countedInAll: Int64 = 1
private let countedInSensitive: Int64 = 2

/// Tables of the books for persons whose data have left China. Persons are of the last year of `exportYears` only.
let exportTables = """
    CREATE TABLE exportYears (tenant TEXT NOT NULL, year INTEGER NOT NULL, persons INTEGER NOT NULL,
        sensitivePersons INTEGER NOT NULL, PRIMARY KEY (tenant, year)) WITHOUT ROWID;
    CREATE TABLE exportedPersons (tenant TEXT NOT NULL, high INTEGER NOT NULL, low INTEGER NOT NULL, counted INTEGER NOT NULL,
        PRIMARY KEY (tenant, high, low)) WITHOUT ROWID;
    """

func readExports(_ database: Database) throws -> ExportBook {
    var exports = ExportBook()
    guard let last = try Int.fetchOne(database, sql: "SELECT MAX(year) FROM exportYears") else { return exports }
    exports.restore(year: last)
    let persons = try Row.fetchCursor(database, sql: "SELECT * FROM exportedPersons ORDER BY tenant, high, low")
    while let row = try persons.next() {
        let counted: Int64 = row["counted"]
        exports.restore(
            Pseudonym(high: UInt64(bitPattern: row["high"] as Int64), low: UInt64(bitPattern: row["low"] as Int64)),
            of: row["tenant"], all: counted & countedInAll != 0, sensitive: counted & countedInSensitive != 0)
    }
    let years = try Row.fetchCursor(database, sql: "SELECT * FROM exportYears")
    while let row = try years.next() {
        let year = ExportYear(
            tenant: row["tenant"], year: row["year"],
            count: ExportCount(persons: row["persons"], sensitivePersons: row["sensitivePersons"]))
        if year.year < last {
            exports.restore(past: year)
        } else if exports.count(year.tenant, in: last) != year.count {
            throw LedgerError.books("the persons of a tenant are not as many as its count")
        }
    }
    return exports
}
