import Core
import GRDB
import Journal

/// Entries folded between two writes of the rebuilt books.
private let entriesPerWrite = 65_536
/// Differences of one table that are listed; beyond it they are counted.
private let differencesListed = 5

/// The folds of a journal made anew from nothing, beside those that were kept.
public struct Rebuild: Sendable {
    /// Entries that were folded: up to the watermark of the kept books.
    public var entries: UInt64 = 0
    /// What differs, by table and row; empty when the kept books are right.
    public var differences: [String] = []
}

/// Folds a journal from its first entry and compares every table with the books that were kept. Changes neither; a running
/// Weir may go on meanwhile.
///
/// - Parameters:
///   - folder: of the journal.
///   - books: the file that the running or the last Weir kept.
///   - scratch: a file that does not exist yet.
public func rebuild(journal folder: String, comparedWith books: String, in scratch: String) throws -> Rebuild {
    let kept = try keptBooks(books)
    let made = try Books(path: scratch)
    return try kept.read { kept in
        // One transaction: what a running Weir writes meanwhile is not seen.
        guard try Int.fetchOne(kept, sql: "PRAGMA user_version") == booksFormat else {
            throw LedgerError.books("the books are of another version; a start of this Weir folds them again")
        }
        let watermark = UInt64(try Int64.fetchOne(kept, sql: "SELECT next FROM watermark") ?? 0)
        var rebuild = Rebuild()
        rebuild.entries = try made.follow(folder: folder, below: watermark)
        if rebuild.entries < watermark {
            rebuild.differences.append("the journal ends at entry \(rebuild.entries), and the books know \(watermark)")
        }
        rebuild.differences += try made.queue.read { try differences(kept, $0) }
        return rebuild
    }
}

private func keptBooks(_ path: String) throws -> DatabaseQueue {
    var configuration = GRDB.Configuration()
    configuration.readonly = true
    return try DatabaseQueue(path: path, configuration: configuration)
}

private struct Enough: Error {}

extension Books {
    /// Folds the entries of a folder below a sequence number, locking nothing.
    func follow(folder: String, below end: UInt64) throws -> UInt64 {
        var fold = state
        var changes = BookChanges(from: fold.next)
        func write() throws {
            let (noted, after) = (changes, fold)
            try queue.write { try noted.write($0, after) }
            changes = BookChanges(from: fold.next)
            fold.kept.forget(before: fold.next)
        }
        do {
            _ = try Journal.scan(folder: folder, from: fold.next) { sequence, bytes in
                guard sequence < end else { throw Enough() }
                try changes.follow(bytes, sequence, &fold)
                if fold.next % UInt64(entriesPerWrite) == 0 { try write() }
            }
        } catch is Enough {}
        try write()
        return fold.next
    }
}

private func differences(_ kept: Database, _ made: Database) throws -> [String] {
    let names = try String.fetchAll(
        made, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
    return try names.flatMap { try differences(in: $0, kept, made) }
}

/// SQLite's own order: nothing, numbers, text by its bytes.
private func isBefore(_ a: Row, _ b: Row) -> Bool {
    for (x, y) in zip(a.databaseValues, b.databaseValues) where x != y {
        switch (x.storage, y.storage) {
        case (.null, _): return true
        case (_, .null): return false
        case (.int64(let x), .int64(let y)): return x < y
        case (.string(let x), .string(let y)): return x.utf8.lexicographicallyPrecedes(y.utf8)
        case (.int64, _): return true
        default: return false
        }
    }
    return false
}

/// Rows that only one side has, in the order of all their columns.
private func differences(in table: String, _ kept: Database, _ made: Database) throws -> [String] {
    let columns = try made.columns(in: table).map(\.name)
    let order = columns.map { "\"\($0)\"" }.joined(separator: ", ")
    let sql = "SELECT \(order) FROM \"\(table)\" ORDER BY \(order)"
    let (left, right) = (try Row.fetchCursor(kept, sql: sql), try Row.fetchCursor(made, sql: sql))
    var found: [String] = []
    var more = 0
    func note(_ row: Row, _ what: String) {
        guard found.count < differencesListed else { return more += 1 }
        let text = zip(columns, row.databaseValues).map { "\($0)=\($1)" }.joined(separator: " ")
        found.append("\(table): \(what): \(text)")
    }
    var a = try left.next()?.copy()
    var b = try right.next()?.copy()
    while a != nil || b != nil {
        switch (a, b) {
        case (let row?, nil):
            note(row, "kept, and the journal does not say it")
            a = try left.next()?.copy()
        case (nil, let row?):
            note(row, "the journal says it, and it was not kept")
            b = try right.next()?.copy()
        case (let x?, let y?) where x == y:
            a = try left.next()?.copy()
            b = try right.next()?.copy()
        case (let x?, let y?) where isBefore(x, y):
            note(x, "kept, and the journal does not say it")
            a = try left.next()?.copy()
        case (_, let y?):
            note(y, "the journal says it, and it was not kept")
            b = try right.next()?.copy()
        default: break
        }
    }
    return found + (more > 0 ? ["\(table): and \(more) more"] : [])
}
