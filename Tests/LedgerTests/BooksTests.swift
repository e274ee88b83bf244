import Core
import Journal
import Ledger
import TestKit
import Testing

@Suite("Books")
struct BooksTests {
    @Test("Books that followed in pieces, books rebuilt from nothing, reopened books and the live ledger agree")
    func agree() throws {
        try withFolder { folder in
            var random = SeededRandom(seed: 21)
            let path = folder + "/books.sqlite"
            var books = try Books(path: path)
            let disk = LossyDisk(seed: 2)
            var (ledger, _) = try open(disk, allowances: smallBlocks(300))
            for (id, team, limit) in [("a", "blue", Int64?.some(5_000)), ("b", "blue", nil), ("c", "red", 900)] {
                _ = try ledger.record(key: record(id, team: team, limit: limit), at: noon)
            }
            let spend = [
                SpendLimit(period: .monthUTC, amount: nanos(20_000), alertPercents: [1, 2, 3]),
                SpendLimit(
                    period: .day(zone: "UTC"), amount: nanos(9_000), grace: SpendLimit.Grace(name: "exam", amount: nanos(500))),
                SpendLimit(period: .rolling(seconds: 3_600), amount: nanos(5_000), alertPercents: [1]),
            ]
            try ledger.setLimits(
                [
                    (.tenant("acme"), AccountLimits(spend: spend)),
                    (.team(tenant: "acme", team: "blue"), AccountLimits(spend: [spend[2]], pace: PaceLimit(concurrency: 90))),
                ], at: noon)
            var ended: [Hold] = []
            var open: [Hold] = []
            var settled: Int128 = 0
            var calls: Int64 = 0
            var corrections: Int64 = 0
            for step in 0..<3_000 {
                let now = noon.advanced(byMilliseconds: Int64(step) * 200_000)
                if let hold = ledger.hold(
                    request(.random(in: 0..<3, using: &random), .random(in: 0...40, using: &random), at: now)
                ).hold {
                    open.append(hold)
                }
                if open.count > 5 {
                    var hold = open.removeFirst()
                    if step % 4 == 0 { _ = ledger.lengthen(&hold, by: nanos(7), outputBound: 9, at: now) }
                    let amount = Int64.random(in: 0...max(4, hold.amount.nanos / 4), using: &random)
                    if step % 50 == 0 {
                        ledger.end(hold, .doubt("test"), at: now)
                    } else {
                        ledger.end(hold, .settled(Usage(input: 3, output: 2), nanos(amount), estimated: step % 3 == 0), at: now)
                        settled += Int128(amount)
                        calls += 1
                        ended.append(hold)
                    }
                }
                if step % 60 == 59, let hold = ended.randomElement(using: &random) {
                    ledger.journal.commit()
                    let correction = Correction(
                        hold: hold.sequence, attempt: hold.attempt, amount: nanos(.random(in: -2...3, using: &random)),
                        evidence: "invoice \(step)", why: "test")
                    if let outcome = try? ledger.correct(correction, at: now), case .booked = outcome {
                        settled += Int128(correction.amount.nanos)
                        corrections += 1
                    }
                }
                if step == 700 { _ = try ledger.rotate(key: "a", secrets: [KeySecret(digest: KeyDigest(9, 9, 9, 9))], at: now) }
                if step == 900 { try ledger.setLimits([(.tenant("acme"), Money?.none), (.key("b"), nanos(3_000))], at: now) }
                // Suspended and resumed, within a batch and over several, by report and by hand.
                if step % 23 == 0 {
                    let endpoint = "endpoint \(Int.random(in: 0..<4, using: &random))"
                    let report = Suspension.Report(
                        region: "R", processedIn: ["SE"], attempt: AttemptID(high: 1, low: UInt64(step)))
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: _ = ledger.suspend(Suspension(endpoint: endpoint, contradictedBy: report), at: now)
                    case 1:
                        _ = try? ledger.suspend(byHand: Suspension(endpoint: endpoint, who: "a", why: "b"), at: now) {}
                    default: _ = try? ledger.resume(endpoint: endpoint, who: "a", why: "b", at: now) {}
                    }
                }
                if step == 1_200 { _ = try ledger.revoke(key: "c", why: "test", at: now) }
                ledger.refusal(key: "a", code: "weir_test", model: nil, at: now)
                if step % 17 == 0 { ledger.journal.commit() }
                if step % 190 == 0 { try books.follow(ledger.journal) }
                if step == 1_500 {
                    // A crash: the next start goes on from the books and replays only the tail.
                    try books.follow(ledger.journal)
                    ledger.flushRefusals(at: now)
                    ledger.journal.commit()
                    disk.endProcess()
                    books = try Books(path: path)
                    let report: RecoveryReport
                    (ledger, report) = try LedgerTests.open(disk, allowances: smallBlocks(300), at: now, fold: books.state)
                    #expect(report.replayed < 200)
                    open = []
                }
            }
            ledger.flushRefusals(at: noon)
            ledger.journal.commit()
            try books.follow(ledger.journal)
            let whole = try folded(ledger.journal)
            #expect(books.state == whole)
            #expect(try Books(path: path).state == whole)

            let rebuilt = try Books()
            try rebuilt.follow(ledger.journal)
            #expect(rebuilt.state == whole)
            let far = Timestamp(seconds: 4_000_000_000)
            let zero = Timestamp(nanoseconds: 0)
            let everything: [UsageDimension] = UsageDimension.allCases
            #expect(try rebuilt.usage(by: everything, from: zero, to: far) == books.usage(by: everything, from: zero, to: far))
            try books.clear()
            #expect(books.watermark == 0)
            try books.follow(ledger.journal)
            #expect(books.state == whole)

            // The report sums to what was charged, however it is cut.
            for dimensions in [[], [.key], [.model, .day], everything] as [[UsageDimension]] {
                let rows = try books.usage(by: dimensions, from: zero, to: far)
                #expect(rows.reduce(Int128(0)) { $0 + $1.charged.nanos } == settled)
                #expect(rows.reduce(Int64(0)) { $0 + $1.calls } == calls)
                #expect(rows.reduce(Int64(0)) { $0 + $1.corrections } == corrections && corrections > 20)
                #expect(rows.reduce(Int64(0)) { $0 + $1.usage.input } == calls * 3)
            }
            #expect(try books.refusals(from: zero, to: far).map(\.count) == [3_000])
            #expect(difference(ledger, whole) == nil)
            #expect(!whole.suspensions.isEmpty && whole.suspensions == ledger.suspensions)
            #expect(whole.balances.keys.contains { $0.period == .rolling(seconds: 3_600) })
        }
    }
}
