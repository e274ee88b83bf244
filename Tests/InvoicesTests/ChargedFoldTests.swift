import Core
import Invoices
import Journal
import Ledger
import TestKit
import Testing

@Suite("Attempts of a journal")
struct ChargedFoldTests {
    @Test("A journal on disk, scanned, tells the same attempts as its entries")
    func scanned() throws {
        let seed = testSeed("attempts of a journal")
        var random = SeededRandom(seed: seed)
        let month = try Month(MonthProvider.all[3], attempts: 300, faultsPerThousand: 100, random: &random)
        let disk = LossyDisk(seed: seed)
        var settings = Journal.Settings(folder: "/j")
        settings.commitsByHand = true
        let journal = try Journal.open(settings, disk: disk.boot()) { _, _ in }
        for (sequence, at, entry) in month.entries {
            let bytes = try #require(entry.encoded(at: at))
            let given = try journal.append(bytes, urgent: false)
            #expect(given == sequence)
        }
        #expect(journal.commit())
        var direct = ChargedFold()
        for (sequence, at, entry) in month.entries { direct.apply(sequence, at: at, entry) }
        var scanned = ChargedFold()
        _ = try journal.read(from: 0, limit: month.entries.count) { _, bytes in
            let (sequence, at, entry) = try Entry.parse(bytes)
            scanned.apply(sequence, at: at, entry)
        }
        func facts(_ fold: ChargedFold) -> [String] {
            fold.attempts.map {
                "\($0.attempt) \($0.call) \($0.how) \($0.usage) \($0.amount) \($0.estimated) \($0.at) \($0.priceList)"
            }
        }
        #expect(facts(scanned).count == 300)
        #expect(facts(scanned) == facts(direct))
    }

    @Test("A correction changes what an attempt is known to have cost, and a longer hold what it can have cost")
    func corrected() {
        var fold = ChargedFold()
        let attempt = AttemptID(high: 1, low: 2)
        let at = Timestamp(seconds: 1_795_435_200)
        let entry = hold(attempt: attempt, call: "c", model: "m", endpoint: "e", provider: "p", bounds: (9, 9))
        fold.apply(0, at: at, .hold(entry))
        fold.apply(
            1, at: at, .lengthened(LengthenedEntry(hold: 0, attempt: attempt, amount: Money(nanos: 1), outputBound: 20)))
        fold.apply(
            2, at: at,
            .end(
                EndEntry(
                    hold: 0, attempt: attempt, how: .settled, settled: Money(nanos: 7), usage: Usage(output: 3), estimated: true,
                    tier: .batch)))
        fold.apply(
            3, at: at,
            .correction(
                CorrectionEntry(
                    hold: 0, attempt: attempt, key: "key-1", before: Money(nanos: 7), amount: Money(nanos: -2),
                    usage: Usage(output: -1), evidence: "invoice:7", why: "invoice", route: entry.route)))
        #expect(fold.attempts.map(\.amount) == [Money(nanos: 5)])
        #expect(fold.attempts.map(\.usage) == [Usage(output: 2)])
        #expect(fold.attempts.map(\.tier) == [.batch])
        #expect(fold.attempts.map(\.outputBound) == [20])
        #expect(fold.attempts.map(\.corrections) == [1] && fold.attempts.map(\.estimated) == [false])
    }

    @Test("An overrun is part of the charge, and only what is wanted is kept")
    func overrun() {
        var fold = ChargedFold { $0.endpoint == "here" }
        for (number, endpoint) in ["here", "there"].enumerated() {
            let attempt = AttemptID(high: 1, low: UInt64(number))
            let sequence = UInt64(number * 3)
            let at = Timestamp(seconds: 1_795_435_200)
            let entry = hold(attempt: attempt, call: "c", model: "m", endpoint: endpoint, provider: "p", bounds: (9, 9))
            fold.apply(sequence, at: at, .hold(entry))
            fold.apply(sequence + 1, at: at, .overrun(hold: sequence, attempt: attempt, amount: Money(nanos: 5)))
            fold.apply(
                sequence + 2, at: at,
                .end(EndEntry(hold: sequence, attempt: attempt, how: .settled, settled: Money(nanos: 7), usage: Usage(input: 3))))
        }
        #expect(fold.attempts.map(\.amount) == [Money(nanos: 12)])
        #expect(fold.attempts.map(\.inputBound) == [9])
    }
}
