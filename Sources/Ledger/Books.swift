import Core
import GRDB
public import Journal
import Synchronization

/// Entries folded in one transaction; between two, at most that much is folded again after a crash, in some 10 ms.
private let entriesPerBatch = 16_384

/// The folds that people ask: keys, balances, open holds and usage by the minute, in SQLite, with a watermark. All of it can be
/// thrown away and folded again from the journal.
public final class Books: Sendable {
    let queue: DatabaseQueue
    private let archive: EvidenceArchive
    private let fold: Mutex<Fold>

    /// Opens the books in a file, or makes them. Books of another format are emptied.
    public init(path: String) throws {
        var configuration = GRDB.Configuration()
        configuration.prepareDatabase { database in
            // A fold may lose its newest part: the watermark goes back with it.
            try database.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
        }
        queue = try DatabaseQueue(path: path, configuration: configuration)
        archive = EvidenceArchive(queue)
        fold = Mutex(Fold())
        let stored = try queue.write { database in
            if try Int.fetchOne(database, sql: "PRAGMA user_version") != booksFormat { try makeTables(database) }
            return try readFold(database)
        }
        fold.withLock {
            $0 = stored
            $0.kept = KeptEvidence(archive, next: stored.next)
        }
    }

    /// In memory, for tests and comparisons.
    public convenience init() throws { try self.init(path: ":memory:") }

    /// The state at the watermark, from which `LiveLedger.open` goes on.
    public var state: Fold { fold.withLock { $0 } }

    /// Everything below this sequence number is in the books.
    public var watermark: UInt64 { fold.withLock { $0.next } }

    /// Forgets everything, for a rebuild from nothing.
    public func clear() throws {
        try fold.withLock { fold in
            try queue.write { try makeTables($0) }
            fold = Fold()
            fold.kept = KeptEvidence(archive, next: 0)
        }
    }

    /// Folds what has become durable since the last time. One caller at a time; never on an event loop or the writer's thread.
    /// - Returns: how many entries were folded.
    @discardableResult
    public func follow(_ journal: Journal) throws -> Int {
        var folded = 0
        while true {
            let count = try followBatch(journal)
            folded += count
            if count < entriesPerBatch { return folded }
        }
    }

    private func followBatch(_ journal: Journal) throws -> Int {
        try fold.withLock { fold in
            var next = fold
            var changes = BookChanges(from: fold.next)
            var count = 0
            _ = try journal.read(from: fold.next, limit: entriesPerBatch) { sequence, bytes in
                try changes.follow(bytes, sequence, &next)
                count += 1
            }
            guard count > 0 else { return 0 }
            let after = next
            let noted = changes
            try queue.write { try noted.write($0, after) }
            next.kept.forget(before: next.next)
            fold = next
            return count
        }
    }
}
