import Core
import Journal
import Ledger

/// Keeps the books a step behind the journal, one batch at a time and away from the event loops.
actor Bookkeeper {
    let books: Books
    private let journal: Journal

    init(_ books: Books, following journal: Journal) {
        self.books = books
        self.journal = journal
    }

    func follow() throws { try books.follow(journal) }

    /// Usage with everything that is durable now.
    func usage(by dimensions: [UsageDimension], from: Timestamp, to: Timestamp) throws -> [UsageRow] {
        try books.follow(journal)
        return try books.usage(by: dimensions, from: from, to: to)
    }
}
