import Core
import GRDB
import Journal
import Ledger
import TestKit
import Testing

@Suite("Books made anew")
struct RebuildTests {
    @Test("Books of accounts with limits, kept in many batches, are what a rebuild makes; a row changed by hand is found, alone")
    func differences() throws {
        try withFolder { folder in
            var settings = Journal.Settings(folder: folder + "/journal")
            settings.commitsByHand = true
            let (ledger, _) = try LiveLedger.open(
                settings, node: "test", version: "0", allowances: smallBlocks(300), at: noon)
            var books: Books? = try Books(path: folder + "/books.sqlite")
            for (id, team) in [("a", "blue"), ("b", "blue"), ("c", "red")] {
                _ = try ledger.record(key: record(id, team: team, limit: 50_000), at: noon)
            }
            for step in 0..<60 {
                let now = noon.advanced(byMilliseconds: Int64(step) * 500_000)
                if step % 20 == 0 {
                    let rolling = SpendLimit(
                        period: .rolling(seconds: 3_600), amount: nanos(20_000 + Int64(step)), alertPercents: [1])
                    try ledger.setLimits([(.tenant("acme"), AccountLimits(spend: [rolling]))], at: now)
                }
                if let hold = ledger.hold(request(step % 3, 40, at: now)).hold {
                    ledger.end(hold, .settled(Usage(input: 3), nanos(30), estimated: false), at: now)
                }
                ledger.journal.commit()
                if step % 3 == 0 { try books?.follow(ledger.journal) }
            }
            try books?.follow(ledger.journal)
            books = nil
            let path = folder + "/books.sqlite"
            let right = try rebuild(journal: folder + "/journal", comparedWith: path, in: folder + "/first.sqlite")
            #expect(right.differences == [] && right.entries == ledger.journal.durable)

            let hand = try DatabaseQueue(path: path)
            try hand.write { try $0.execute(sql: "DELETE FROM lines WHERE kind = 'key' AND name = 'b' AND period = 'total'") }
            let missing = try rebuild(journal: folder + "/journal", comparedWith: path, in: folder + "/second.sqlite").differences
            #expect(missing.count == 1 && missing.allSatisfy { $0.contains("name=\"b\"") }, "\(missing)")
            ledger.journal.close()
        }
    }
}
