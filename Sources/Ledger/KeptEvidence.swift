import Core
import GRDB
import Journal

/// What evidence has counted and what corrections have made of attempts: the newest in memory, everything older in the books,
/// by an index. So neither memory nor a batch's time grows with the number of corrections that there ever were.
struct KeptEvidence: Sendable {
    /// What is known of a piece of evidence and of an attempt.
    struct Known: Sendable {
        /// The entry that it counted in; nil: it is new.
        var evidence: UInt64?
        /// nil: nothing has corrected the attempt.
        var corrected: Fold.Corrected?
    }

    private struct Item: Sendable {
        var sequence: UInt64
        var id: String
        var hold: UInt64?
    }

    /// nil: everything is in memory, as in a fold of a whole journal.
    private(set) var archive: EvidenceArchive?
    /// By name.
    private(set) var recent: [String: UInt64] = [:]
    /// By the sequence number of the hold.
    private(set) var recentCorrected: [UInt64: EvidenceArchive.Correction] = [:]
    /// In the order of their entries, from `start` on.
    private var items: [Item] = []
    private var start = 0
    /// What counted in entries before this one is in the archive, and perhaps no more in memory.
    private(set) var forgotten: UInt64 = 0

    init() {}

    /// - Parameter next: the entries before it are in the archive.
    init(_ archive: EvidenceArchive, next: UInt64) { (self.archive, forgotten) = (archive, next) }

    /// How much is in memory.
    var count: Int { items.count - start }

    mutating func add(_ id: String, _ sequence: UInt64, hold: UInt64? = nil, _ corrected: Fold.Corrected? = nil) {
        recent[id] = sequence
        if let hold, let corrected {
            recentCorrected[hold] = EvidenceArchive.Correction(sequence: sequence, corrected: corrected)
        }
        items.append(Item(sequence: sequence, id: id, hold: hold))
    }

    /// Looks in memory and in the archive, for a fold that has come as far as the archive, or further.
    func look(_ id: String, hold: UInt64? = nil, before next: UInt64) throws -> Known {
        let kept = recent[id]
        let correction = hold.flatMap { recentCorrected[$0] }
        guard let archive, kept == nil, hold == nil || correction == nil else {
            return Known(evidence: kept, corrected: correction?.corrected)
        }
        let found = try archive.find(id, hold: hold)
        // Books that are further than the fold would refuse what they have counted themselves.
        guard found.evidence ?? 0 < max(next, 1), found.correction?.sequence ?? 0 < max(next, 1) else {
            throw LedgerError.books("the books are further than the fold")
        }
        return Known(evidence: found.evidence, corrected: correction?.corrected ?? found.correction?.corrected)
    }

    /// What memory and a look into the archive say together; nil when the look was at older books than memory relies on.
    mutating func known(_ id: String, hold: UInt64?, beside found: EvidenceArchive.Found?) -> Known? {
        if let found {
            guard found.next >= forgotten else { return nil }
            forget(before: found.next)
        }
        return Known(
            evidence: recent[id] ?? found?.evidence,
            corrected: hold.flatMap { recentCorrected[$0] }?.corrected ?? found?.correction?.corrected)
    }

    /// Drops what counted in entries that the archive has.
    mutating func forget(before next: UInt64) {
        guard archive != nil, next > forgotten else { return }
        forgotten = next
        while start < items.count, items[start].sequence < next {
            let item = items[start]
            start += 1
            if recent[item.id] == item.sequence { recent[item.id] = nil }
            if let hold = item.hold, recentCorrected[hold]?.sequence == item.sequence { recentCorrected[hold] = nil }
        }
        if start == items.count {
            (items, start) = ([], 0)
        } else if start > 1_024, start * 2 > items.count {
            items.removeFirst(start)
            start = 0
        }
    }

    /// Everything, old and new. For comparisons: it reads the whole archive.
    func all() throws -> (evidence: [String: UInt64], corrected: [UInt64: Fold.Corrected]) {
        let old: (evidence: [String: UInt64], corrected: [UInt64: Fold.Corrected]) = try archive?.all() ?? ([:], [:])
        return (
            old.evidence.merging(recent) { _, new in new },
            old.corrected.merging(recentCorrected.mapValues(\.corrected)) { _, new in new }
        )
    }
}

/// The evidence and corrections that the books keep.
final class EvidenceArchive: Sendable {
    struct Correction: Sendable, Hashable {
        /// Of the last entry that corrected the attempt.
        var sequence: UInt64
        var corrected: Fold.Corrected
    }

    struct Found: Sendable {
        /// The books have the entries before this one.
        var next: UInt64
        var evidence: UInt64?
        var correction: Correction?
    }

    private let queue: DatabaseQueue

    init(_ queue: DatabaseQueue) { self.queue = queue }

    /// One state of the books; waits for a batch that is being written.
    func find(_ id: String, hold: UInt64?) throws -> Found {
        try queue.unsafeRead { database in
            // The one writer uses the same connection, so that nothing changes between these.
            let next = try Int64.fetchOne(database.cachedStatement(sql: "SELECT next FROM watermark")) ?? 0
            let known = try Int64.fetchOne(
                database.cachedStatement(sql: "SELECT sequence FROM evidence WHERE id = ?"), arguments: [id])
            var found = Found(next: UInt64(next), evidence: known.map { UInt64($0) })
            guard let hold else { return found }
            let row = try Row.fetchOne(
                database.cachedStatement(sql: "SELECT * FROM corrected WHERE hold = ?"), arguments: [Int64(clamping: hold)])
            found.correction = row.map(Correction.init)
            return found
        }
    }

    func all() throws -> (evidence: [String: UInt64], corrected: [UInt64: Fold.Corrected]) {
        try queue.read { database in
            var evidence: [String: UInt64] = [:]
            let names = try Row.fetchCursor(database, sql: "SELECT * FROM evidence")
            while let row = try names.next() { evidence[row["id"]] = UInt64(row["sequence"] as Int64) }
            var corrected: [UInt64: Fold.Corrected] = [:]
            let rows = try Row.fetchCursor(database, sql: "SELECT * FROM corrected")
            while let row = try rows.next() { corrected[UInt64(row["hold"] as Int64)] = Correction(row).corrected }
            return (evidence, corrected)
        }
    }
}

extension EvidenceArchive.Correction {
    fileprivate init(_ row: Row) {
        self.init(
            sequence: UInt64(row["sequence"] as Int64),
            corrected: Fold.Corrected(charged: Money(nanos: row["charged"]), usage: Usage(row)))
    }
}

// MARK: The live ledger

/// Each look that came too late, because another thread looked meanwhile, is followed by another, but not for ever.
private let looksMax = 16

extension LiveLedger {
    /// Looks into the books outside the ledger's lock, and hands `body` under the lock what they and memory say of a piece of
    /// evidence and an attempt.
    func withEvidence<T: Sendable>(
        _ id: String, hold: UInt64? = nil,
        _ body: (inout LedgerState, Journal, KeptEvidence.Known) throws(LedgerError) -> T
    ) throws -> T {
        for _ in 0..<looksMax {
            let found = try archive.map { archive in
                do { return try archive.find(id, hold: hold) } catch { throw LedgerError.books("\(error)") }
            }
            let done = try locked { (state, journal) throws(LedgerError) -> Done<T> in
                guard let known = state.kept.known(id, hold: hold, beside: found) else { return .tooLate }
                return .done(try body(&state, journal, known))
            }
            if case .done(let result) = done { return result }
        }
        throw LedgerError.books("the books are behind what the ledger relies on: they are folded anew. Try again.")
    }
}

private enum Done<T: Sendable>: Sendable {
    case done(T)
    case tooLate
}
