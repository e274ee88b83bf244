import Core
import Dispatch
import Journal
import Ledger
import Synchronization
import TestKit
import Testing

private func person(_ number: UInt64) -> Pseudonym { Pseudonym(high: number &* 0x9E37_79B9_7F4A_7C15, low: number) }
private func exported(_ number: UInt64, sensitive: Bool = false) -> ExportedPerson {
    ExportedPerson(person(number), isSensitive: sensitive)
}

extension LiveLedger {
    /// Asks for the counts, then holds.
    fileprivate func export(
        _ exported: ExportedPerson, key: Int = 0, tenant: String = "acme", amount: Int64 = 0, at moment: Timestamp = noon
    ) -> HoldOutcome {
        var ask = request(key, amount, at: moment)
        ask.export = JudgedExport(exported, count: exportCount(tenant, with: exported, at: moment))
        return hold(ask)
    }
}

@Suite("Counts of exported persons")
struct ExportTests {
    private let newYear = CivilDate(year: 2027, month: 1, day: 1).start.advanced(byMilliseconds: -8 * 3_600_000)

    @Test("A person counts once in a year however often its data leave, and once more when they are sensitive")
    func once() throws {
        let (ledger, _) = try open(LossyDisk(seed: 1))
        _ = try ledger.record(key: record("a"), at: noon)
        _ = try ledger.record(key: record("b", tenant: "zenith"), at: noon)
        func count(_ tenant: String = "acme") -> ExportCount? {
            ledger.exports(year: 2026).first { $0.tenant == tenant }?.count
        }
        #expect(count() == nil)
        for _ in 0..<3 { #expect(ledger.export(exported(1)).hold != nil) }
        #expect(count() == ExportCount(persons: 1, sensitivePersons: 0))
        _ = ledger.export(exported(1, sensitive: true))
        #expect(count() == ExportCount(persons: 1, sensitivePersons: 1))
        _ = ledger.export(exported(2, sensitive: true))
        _ = ledger.export(exported(2))
        #expect(count() == ExportCount(persons: 2, sensitivePersons: 2))
        // Asking counts nobody, and another tenant's persons are others.
        #expect(ledger.exportCount("acme", with: exported(3, sensitive: true), at: noon).persons == 3)
        #expect(ledger.exportCount("zenith", with: exported(1), at: noon) == ExportCount(persons: 1, sensitivePersons: 0))
        _ = ledger.export(exported(1), key: 1, tenant: "zenith")
        #expect(count() == ExportCount(persons: 2, sensitivePersons: 2) && count("zenith")?.persons == 1)
        // A hold that is refused for its money exports nobody.
        try ledger.setLimits([(.key("a"), nanos(5))], at: noon)
        #expect(ledger.export(exported(9), amount: 6).refusal != nil)
        #expect(count()?.persons == 2)
        ledger.journal.commit()
        #expect(try folded(ledger.journal).exports(year: 2026) == ledger.exports(year: 2026))
    }

    @Test("A voided hold counts as much as a settled one")
    func voided() throws {
        let (ledger, _) = try open(LossyDisk(seed: 1))
        _ = try ledger.record(key: record("a"), at: noon)
        let hold = try #require(ledger.export(exported(1)).hold)
        ledger.end(hold, .voided("status_500"), at: noon)
        ledger.journal.commit()
        #expect(ledger.exports(year: 2026).map(\.count.persons) == [1])
        #expect(try folded(ledger.journal).exports(year: 2026).map(\.count.persons) == [1])
    }

    @Test("The count begins anew with the first millisecond of the year in China, and the old year's stays")
    func turn() throws {
        let disk = LossyDisk(seed: 1)
        let last = newYear.advanced(byMilliseconds: -1)
        let (ledger, _) = try open(disk, at: newYear.advanced(byMilliseconds: -60_000))
        _ = try ledger.record(key: record("a"), at: last)
        for number in 1...3 { #expect(ledger.export(exported(UInt64(number)), at: last).hold != nil) }
        #expect(ledger.exportCount("acme", with: exported(4), at: last).persons == 4)
        #expect(ledger.exportCount("acme", with: exported(4), at: newYear).persons == 1)
        #expect(ledger.exports(year: 2027).isEmpty && ledger.exports(at: newYear).isEmpty)
        #expect(ledger.exports(year: 2026).map(\.count.persons) == [3])
        // What was judged in the old year is not held against the new one.
        var late = request(0, 0, at: newYear)
        late.export = JudgedExport(exported(1), count: ExportCount(persons: 3, sensitivePersons: 0))
        #expect(ledger.hold(late).hold != nil)
        // Ledger time does not go back, and nor does the year.
        #expect(ledger.export(exported(2), at: last).hold != nil)
        #expect(ledger.exports(year: 2027).map(\.count.persons) == [2])
        #expect(ledger.exports(year: 2026).map(\.count.persons) == [3])
        ledger.journal.commit()
        let fold = try folded(ledger.journal)
        for year in 2025...2028 { #expect(fold.exports(year: year) == ledger.exports(year: year)) }
    }

    @Test("An export that was judged by fewer persons than there are is not held, says the true count, and leaves no trace")
    func moved() throws {
        let (ledger, _) = try open(LossyDisk(seed: 1))
        _ = try ledger.record(key: record("a", limit: 100), at: noon)
        _ = ledger.export(exported(1, sensitive: true))
        let before = ledger.journal.next
        for (judged, truth) in [
            (ExportCount(persons: 1, sensitivePersons: 1), ExportCount(persons: 2, sensitivePersons: 2)),
            (ExportCount(persons: 9, sensitivePersons: 1), ExportCount(persons: 2, sensitivePersons: 2)),
            (.zero, .init(persons: 2, sensitivePersons: 2)),
        ] {
            var ask = request(0, 50)
            ask.export = JudgedExport(exported(2, sensitive: true), count: judged)
            guard case .exportsMoved(let count) = ledger.hold(ask) else {
                Issue.record("held")
                return
            }
            #expect(count == truth)
        }
        #expect(ledger.journal.next == before && ledger.openHolds == 1)
        #expect(ledger.exports(year: 2026).map(\.count.persons) == [1])
        // A count that was too high is none: nobody was let through by it.
        var ask = request(0, 50)
        ask.export = JudgedExport(exported(2), count: ExportCount(persons: 7, sensitivePersons: 7))
        #expect(ledger.hold(ask).hold != nil)
    }

    @Test("Over many threads, a limit of so many persons admits exactly so many, whoever asks for whom and how often")
    func threads() throws {
        let first = testSeed("ExportTests.threads")
        for limit in [1, 100, 257] as [Int64] {
            let (ledger, _) = try open(LossyDisk(seed: 3))
            for id in ["a", "b", "c"] { _ = try ledger.record(key: record(id), at: noon) }
            let admitted = Mutex<Set<Pseudonym>>([])
            let retries = Mutex(0)
            DispatchQueue.concurrentPerform(iterations: 8) { thread in
                var random = SeededRandom(seed: first &+ UInt64(thread) &+ UInt64(limit) << 8)
                for round in 0..<300 {
                    // Half are persons that other threads ask for too.
                    let number =
                        Bool.random(using: &random)
                        ? UInt64.random(in: 0..<200, using: &random) : UInt64(1_000 + thread * 1_000 + round)
                    let one = exported(number)
                    let key = Int.random(in: 0..<3, using: &random)
                    var count = ledger.exportCount("acme", with: one, at: noon)
                    while count.persons <= limit {
                        var ask = request(key, 0, attempt: random.next())
                        ask.export = JudgedExport(one, count: count)
                        switch ledger.hold(ask) {
                        case .admitted: admitted.withLock { _ = $0.insert(one.person) }
                        case .exportsMoved(let now):
                            retries.withLock { $0 += 1 }
                            count = now
                            continue
                        default: Issue.record("neither admitted nor moved")
                        }
                        break
                    }
                }
            }
            #expect(admitted.withLock { $0.count } == Int(limit))
            #expect(ledger.exports(year: 2026).map(\.count.persons) == [limit])
            ledger.journal.commit()
            #expect(try folded(ledger.journal).exports(year: 2026) == ledger.exports(year: 2026))
        }
    }

    @Test("Nothing of a new person is sent before its entry is durable, nor of anyone while one is not")
    func syncsFirst() throws {
        let (ledger, _) = try open(LossyDisk(seed: 1), allowances: smallBlocks(1_000))
        _ = try ledger.record(key: record("a", limit: 1_000_000), at: noon)
        // The first hold grants an allowance; once that is durable, holds need not wait.
        _ = ledger.hold(request(0, 1))
        ledger.journal.commit()
        #expect(!ledger.hold(request(0, 1)).mustSync)
        #expect(ledger.export(exported(1), amount: 1).mustSync)
        // The same person again: the entry that counts it could still be lost.
        #expect(ledger.export(exported(1), amount: 1).mustSync)
        // What exports nobody is as fast as ever.
        #expect(!ledger.hold(request(0, 1)).mustSync)
        ledger.journal.commit()
        #expect(!ledger.export(exported(1), amount: 1).mustSync)
        #expect(ledger.export(exported(1, sensitive: true), amount: 1).mustSync)
        ledger.journal.commit()
        #expect(!ledger.export(exported(1, sensitive: true), amount: 1).mustSync)
        #expect(ledger.export(exported(2), amount: 1).mustSync)
        #expect(ledger.export(exported(1), amount: 1).mustSync)
    }
}
