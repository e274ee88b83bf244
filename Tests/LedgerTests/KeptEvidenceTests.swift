import Core
import Foundation
import Journal
import Synchronization
import TestKit
import Testing

@testable import Ledger

@Suite("Evidence that the books keep")
struct KeptEvidenceTests {
    private func total(_ ledger: LiveLedger) -> Int128? {
        ledger.account(.key("k"))?.lines.first { $0.period == .total }?.settled.nanos
    }

    @Test(
        """
        Evidence counts once, whether memory or the books have it, after a restart, and after books that lost their newest part; a \
        correction goes on from what earlier ones made of the charge
        """)
    func once() throws {
        try withFolder { folder in
            let path = folder + "/books.sqlite"
            let old = folder + "/old.sqlite"
            var settings = Journal.Settings(folder: folder + "/journal")
            settings.commitsByHand = true
            func open(_ books: Books) throws -> LiveLedger {
                try LiveLedger.open(settings, fold: books.state, node: "test", version: "0", at: noon).ledger
            }
            var books: Books? = try Books(path: path)
            var ledger = try open(try #require(books))
            let (key, _) = try ledger.record(key: record("k"), at: noon)
            let hold = try #require(ledger.hold(request(key, 50)).hold)
            ledger.end(hold, .settled(Usage(output: 5), nanos(20), estimated: true), at: noon)
            func correct(_ amount: Int64, _ name: String) throws -> CorrectionOutcome {
                ledger.journal.commit()
                return try ledger.correct(
                    Correction(
                        hold: hold.sequence, attempt: hold.attempt, amount: nanos(amount), evidence: name, why: "test"),
                    at: noon)
            }
            guard case .booked(let first) = try correct(5, "one") else { return }
            #expect(try correct(5, "one") == .alreadyBooked(sequence: first))
            ledger.journal.commit()
            try books?.follow(ledger.journal)
            try Data(contentsOf: URL(filePath: path)).write(to: URL(filePath: old))
            // Now the books have it; memory forgets it with the next look.
            #expect(try correct(5, "one") == .alreadyBooked(sequence: first))
            #expect(ledger.state.withLock { $0.kept.count } == 0)
            #expect(throws: LedgerError.belowZero) { try correct(-26, "too much") }
            _ = try correct(-25, "two")
            #expect(total(ledger) == 0 && ledger.state.withLock { $0.kept.count } == 1)
            ledger.journal.commit()
            try books?.follow(ledger.journal)
            #expect(books?.state.kept.count == 0 && books?.state.evidence?.count == 2)
            #expect(try books?.state == folded(ledger.journal))
            ledger.shutdown(at: noon)
            ledger.journal.close()

            // A restart reads none of it, and knows it all the same.
            ledger = try open(try #require(books))
            #expect(ledger.state.withLock { $0.kept.count } == 0)
            for name in ["one", "two"] {
                guard case .alreadyBooked = try correct(1, name) else {
                    Issue.record("took \(name) twice")
                    return
                }
            }
            #expect(throws: LedgerError.belowZero) { try correct(-1, "three") }
            guard case .booked(let last) = try correct(7, "three") else { return }
            ledger.journal.commit()
            try books?.follow(ledger.journal)
            let made = try rebuild(journal: folder + "/journal", comparedWith: path, in: folder + "/made.sqlite")
            #expect(made.differences == [])

            // Books that are behind what memory has forgotten are not trusted: nothing is booked until they have caught up.
            #expect(try correct(7, "three") == .alreadyBooked(sequence: last))
            try books?.clear()
            #expect(throws: LedgerError.self) { try correct(7, "three") }
            try books?.follow(ledger.journal)
            #expect(try correct(7, "three") == .alreadyBooked(sequence: last))
            ledger.shutdown(at: noon)
            ledger.journal.close()

            // After a power loss the books may be older; what they lack is read from the journal again.
            books = nil
            let older = try Books(path: old)
            ledger = try open(older)
            #expect(ledger.state.withLock { $0.kept.count } >= 2)
            #expect(try correct(7, "three") == .alreadyBooked(sequence: last))
            #expect(try correct(7, "one") == .alreadyBooked(sequence: first))
            #expect(total(ledger) == 7)
            ledger.journal.close()
        }
    }

    @Test("However many corrections there were, memory keeps none that the books have, and a batch takes no longer")
    func many() throws {
        let isSoak = ProcessInfo.processInfo.environment["WEIR_SOAK"] != nil
        let count = isSoak ? 1_000_000 : 40_000
        try withFolder { folder in
            var settings = Journal.Settings(folder: folder + "/journal")
            settings.commitsByHand = true
            let (ledger, _) = try LiveLedger.open(settings, node: "test", version: "0", at: noon)
            _ = try ledger.record(key: record("k"), at: noon)
            ledger.journal.commit()
            let path = folder + "/books.sqlite"
            var books: Books? = try Books(path: path)
            try books?.follow(ledger.journal)
            let clock = ContinuousClock()
            var times: [Duration] = []
            var most = 0
            let before = residentKiB()
            // Each is of another attempt: to the fold any number below its own that is not open has ended.
            for batch in 0..<count / 10_000 {
                for index in 0..<10_000 {
                    let entry = CorrectionEntry(
                        hold: ledger.journal.next - 1, attempt: AttemptID(high: 1, low: 1), key: "k", before: nanos(5),
                        amount: nanos(1), usage: Usage(output: 1),
                        evidence: "invoice-2026-11.csv:\(batch * 10_000 + index):0011223344556677",
                        why: "invoice", route: route.facts)
                    let bytes = try #require(Entry.correction(entry).encoded(at: noon))
                    _ = try ledger.journal.append(bytes, urgent: false)
                    if index % 1_000 == 999 { ledger.journal.commit() }
                }
                times.append(try clock.measure { try books?.follow(ledger.journal) })
                most = max(most, books?.state.kept.count ?? .max)
            }
            // Before all of it is read once, to be counted.
            let grown = residentKiB() - before
            #expect(most == 0)
            #expect(books?.state.evidence?.count == count && books?.state.corrected?.count == count)
            let (early, late) = (median(times.prefix(times.count / 4)), median(times.suffix(times.count / 4)))
            books = nil
            var reopened: Books?
            let opening = try clock.measure { reopened = try Books(path: path) }
            #expect(reopened?.state.kept.count == 0)
            if isSoak {
                // The index deepens by a level or two; a copy of everything would make it hundreds of times as much.
                #expect(late < early * 4, "batches of 10,000: \(early) at first, \(late) at last")
                print("\(count) corrections: a batch of 10,000 took \(early) at first, \(late) at last; opening \(opening)")
                print("resident memory grew by \(grown) KiB")
            }
            ledger.journal.close()
        }
    }
}

private func median(_ times: ArraySlice<Duration>) -> Duration { times.sorted()[times.count / 2] }

/// Of this process, as Linux tells it.
private func residentKiB() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0) * 4
}
