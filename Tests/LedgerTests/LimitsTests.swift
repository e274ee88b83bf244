import Core
import Journal
import Ledger
import Synchronization
import TestKit
import Testing

@Suite("Limits over any period")
struct LimitsTests {
    private func one(
        _ limits: AccountLimits, block: Int64 = 40, zones: [String: CivilZone] = [:], at moment: Timestamp = noon
    ) throws -> (disk: LossyDisk, ledger: LiveLedger, key: Int) {
        let disk = LossyDisk(seed: 1)
        let (ledger, _) = try open(disk, allowances: smallBlocks(block), at: moment, zones: zones)
        var record = record("k")
        record.limits = limits
        return (disk, ledger, try ledger.record(key: record, at: moment).index)
    }

    private func settle(_ ledger: LiveLedger, _ key: Int, _ amount: Int64, at moment: Timestamp = noon) throws {
        let hold = try #require(ledger.hold(request(key, amount, at: moment)).hold)
        ledger.end(hold, .settled(Usage(input: 1), nanos(amount), estimated: false), at: moment)
    }

    private func verified(_ ledger: LiveLedger) throws -> Fold {
        ledger.journal.commit()
        let fold = try folded(ledger.journal)
        #expect(difference(ledger, fold) == nil)
        return fold
    }

    private func limit(_ period: Period, _ amount: Int64) -> AccountLimits {
        AccountLimits(spend: [SpendLimit(period: period, amount: nanos(amount))])
    }

    private func after(_ seconds: Int64, _ moment: Timestamp = noon) -> Timestamp {
        moment.advanced(byMilliseconds: seconds * 1000)
    }

    @Test("A refusal names the account, the period, what is left and when that counts from zero again")
    func names() throws {
        let stockholm = try zone("Europe/Stockholm")
        let (_, ledger, key) = try one(limit(.day(zone: "Europe/Stockholm"), 100), zones: ["Europe/Stockholm": stockholm])
        try settle(ledger, key, 70)
        var refusal = try #require(ledger.hold(request(key, 40)).refusal)
        #expect(refusal.account == .key("k") && refusal.period == .day(zone: "Europe/Stockholm"))
        #expect(refusal.limit == nanos(100) && refusal.left == nanos(30) && refusal.asked == nanos(40))
        // Noon UTC of 23 November; the day of Stockholm ends at 23:00 UTC.
        #expect(refusal.resets == after(11 * 3600))
        #expect(ledger.hold(request(key, 50, at: after(11 * 3600))).hold != nil)

        try ledger.setLimits([(.tenant("acme"), limit(.total, 5))], at: after(11 * 3600))
        refusal = try #require(ledger.hold(request(key, 1, at: after(11 * 3600))).refusal)
        #expect(refusal.account == .tenant("acme") && refusal.period == .total && refusal.resets == nil)
        _ = try verified(ledger)
    }

    @Test("A rolling hour counts the last hour at every moment, and says when the next part of it falls out")
    func rolling() throws {
        let (_, ledger, key) = try one(limit(.rolling(seconds: 3_600), 100))
        try settle(ledger, key, 60)
        try settle(ledger, key, 40, at: after(1_800))
        let refusal = try #require(ledger.hold(request(key, 1, at: after(3_599))).refusal)
        let resets = try #require(refusal.resets)
        #expect(resets >= after(3_600) && resets <= after(3_660))
        #expect(ledger.hold(request(key, 1, at: Timestamp(nanoseconds: resets.nanoseconds - 1))).refusal != nil)
        #expect(ledger.hold(request(key, 61, at: resets)).refusal?.left == nanos(60))
        try settle(ledger, key, 60, at: resets)
        _ = try verified(ledger)
    }

    @Test("A limit over a new period counts from now on; those of a month and of all time count what is there")
    func fresh() throws {
        let (_, ledger, key) = try one(.none)
        try settle(ledger, key, 70)
        try ledger.setLimits([(.key("k"), limit(.day(zone: "UTC"), 100))], at: noon)
        #expect(ledger.headroom(key: key, at: noon) == nanos(100))
        try ledger.setLimits([(.key("k"), limit(.total, 100))], at: noon)
        #expect(ledger.headroom(key: key, at: noon) == nanos(30))
        try ledger.setLimits([(.key("k"), limit(.monthUTC, 100))], at: noon)
        #expect(ledger.headroom(key: key, at: noon) == nanos(30))
        #expect(try verified(ledger).limits[.key("k")] == limit(.monthUTC, 100))
    }

    @Test("A limit in an unknown zone, two limits for one period and a senseless period are refused by name")
    func senseless() throws {
        let (_, ledger, _) = try one(.none)
        let twice = AccountLimits(spend: [limit(.total, 1).spend[0], limit(.total, 2).spend[0]])
        for (limits, problem) in [
            (limit(.day(zone: "Mars/Olympus"), 5), LimitsError.unknownZone("Mars/Olympus")), (twice, .twice(.total)),
            (limit(.rolling(seconds: 0), 5), .value(.rolling(seconds: 0))), (limit(.total, -1), .value(.total)),
        ] {
            #expect(throws: LedgerError.limits(.key("k"), problem)) { try ledger.setLimits([(.key("k"), limits)], at: noon) }
        }
    }

    @Test(
        "A hold beyond a limit and within its grace names the grace; no allowance is granted there, and beyond it all is refused")
    func grace() throws {
        var limits = limit(.monthUTC, 100)
        limits.spend[0].grace = SpendLimit.Grace(name: "launch week", amount: nanos(50))
        let (_, ledger, key) = try one(limits)
        try settle(ledger, key, 90)
        let within = try #require(ledger.hold(request(key, 10)).hold)
        let beyond = try #require(ledger.hold(request(key, 45)).hold)
        #expect(ledger.hold(request(key, 6)).refusal?.left == nanos(5))
        ledger.journal.commit()
        var named: [String?] = []
        for case .hold(let hold) in try entries(ledger.journal).map(\.entry) { named.append(hold.grace) }
        #expect(named == [nil, nil, "launch week"])
        ledger.end(within, .voided("test"), at: noon)
        ledger.end(beyond, .settled(.zero, nanos(60), estimated: false), at: noon)
        #expect(ledger.hold(request(key, 1)).refusal?.left == .zero, "the overrun used the grace up")
        let fold = try verified(ledger)
        #expect(fold.balance(.key("k")).settled == 150 && fold.balance(.key("k")).undrawn == 0)
    }

    @Test("Each percent of a limit is told once in a window, also across a restart, and again in the next window")
    func alerts() throws {
        var limits = limit(.day(zone: "UTC"), 100)
        limits.spend[0].alertPercents = [50, 80, 100]
        let (disk, ledger, key) = try one(limits)
        let told = Told()
        ledger.onAlert { told.add($0) }
        try settle(ledger, key, 49)
        #expect(told.percents == [])
        try settle(ledger, key, 32)
        #expect(told.percents == [50, 80])
        ledger.shutdown(at: noon)
        ledger.journal.close()
        disk.endProcess()

        let (again, _) = try open(disk)
        again.onAlert { told.add($0) }
        again.tick(at: noon)
        #expect(told.percents == [50, 80])
        try settle(again, key, 19)
        #expect(told.percents == [50, 80, 100])
        try settle(again, key, 60, at: after(86_400))
        #expect(told.percents == [50, 80, 100, 50])
        #expect(told.all.last?.limit == nanos(100) && told.all.last?.settled == nanos(60))
        _ = try verified(again)
    }

    @Test("A hold grows while its answer runs on; when an account has no more, it is told and holds what it held")
    func lengthens() throws {
        let (_, ledger, key) = try one(limit(.monthUTC, 100))
        var hold = try #require(ledger.hold(request(key, 30)).hold)
        guard case .lengthened = ledger.lengthen(&hold, by: nanos(60), outputBound: 40, at: noon) else {
            Issue.record("not lengthened")
            return
        }
        #expect(hold.amount == nanos(90))
        guard case .refused(let refusal) = ledger.lengthen(&hold, by: nanos(20), outputBound: 50, at: noon) else {
            Issue.record("lengthened beyond the limit")
            return
        }
        #expect(refusal.left == nanos(10) && hold.amount == nanos(90))
        #expect(ledger.end(hold, .settled(.zero, nanos(85), estimated: false), at: noon) == .zero, "no overrun")
        guard case .unavailable = ledger.lengthen(&hold, by: nanos(1), outputBound: 50, at: noon) else {
            Issue.record("lengthened after its end")
            return
        }
        #expect(try verified(ledger).balance(.key("k")).settled == 85)
    }

    @Test("A limit of 25 dollars with nothing spent refuses nothing because of worst-case holds that have ended")
    func phantomHolds() throws {
        // BerriAI/litellm, pull request 38647: worst-case reservations filled a cap of 25 dollars with nothing spent.
        let (_, ledger, key) = try one(AccountLimits(monthly: Money(dollars: "25")), block: 1_000_000_000)
        for round in 0..<200 {
            let holds = (0..<10).compactMap { _ in ledger.hold(request(key, 2_400_000_000)).hold }
            #expect(holds.count == 10, "round \(round)")
            #expect(ledger.hold(request(key, 2_400_000_000)).refusal != nil)
            if round % 3 == 0 { ledger.journal.commit() }
            for (number, hold) in holds.enumerated() {
                if number % 2 == 0 {
                    ledger.end(hold, .voided("no answer"), at: noon)
                } else {
                    ledger.end(hold, .settled(.zero, .zero, estimated: false), at: noon)
                }
            }
        }
        #expect(ledger.headroom(key: key, at: noon) == Money(dollars: "25"))
        _ = try verified(ledger)
    }

    @Test("What a crash left undrawn counts in the window it was granted in, and its end does not touch later windows")
    func doubtAcrossWindows() throws {
        let (disk, ledger, key) = try one(limit(.day(zone: "UTC"), 1_000))
        _ = ledger.hold(request(key, 10))
        ledger.journal.commit()
        disk.endProcess()
        let (again, report) = try open(disk)
        let doubtful = Int128(try #require(report.doubtfulAllowances.first).amount.nanos)
        var line = try #require(again.account(.key("k"))?.lines.first { $0.period == .day(zone: "UTC") })
        #expect(line.reserved.nanos == doubtful + 10)
        again.tick(at: after(86_400))
        line = try #require(again.account(.key("k"))?.lines.first { $0.period == .day(zone: "UTC") })
        #expect(line.reserved == .zero)
        #expect(try #require(again.account(.key("k"))).reserved.nanos == doubtful + 10, "the month still counts it")
        again.tick(at: after(8 * 86_400))
        _ = try verified(again)
        line = try #require(again.account(.key("k"))?.lines.first { $0.period == .total })
        #expect(line.settled.nanos == 10 && line.reserved == .zero)
    }

    @Test("A correction changes the charge once for each evidence, in the window of its hold, and never below zero")
    func corrections() throws {
        let (disk, ledger, key) = try one(limit(.monthUTC, 100))
        let hold = try #require(ledger.hold(request(key, 50)).hold)
        var correction = Correction(
            hold: hold.sequence, attempt: hold.attempt, amount: nanos(-20), usage: Usage(output: -3), evidence: "invoice 7:1",
            why: "cut stream")
        ledger.journal.commit()
        #expect(throws: LedgerError.notEnded) { try ledger.correct(correction, at: noon) }
        ledger.end(hold, .settled(Usage(output: 5), nanos(45), estimated: true), at: noon)
        ledger.journal.commit()
        guard case .booked(let sequence) = try ledger.correct(correction, at: noon) else {
            Issue.record("not booked")
            return
        }
        #expect(try ledger.correct(correction, at: noon) == .alreadyBooked(sequence: sequence))
        correction.evidence = "invoice 7:2"
        #expect(throws: LedgerError.belowZero) { try ledger.correct(correction, at: noon) }
        correction.usage = .zero
        correction.amount = nanos(-26)
        #expect(throws: LedgerError.belowZero) { try ledger.correct(correction, at: noon) }
        correction.attempt = AttemptID(high: 9, low: 9)
        #expect(throws: LedgerError.unknownAttempt) { try ledger.correct(correction, at: noon) }
        #expect(try verified(ledger).balance(.key("k")).settled == 25)
        ledger.shutdown(at: noon)
        ledger.journal.close()
        disk.endProcess()

        // The next run remembers evidence and charge; a correction after the month changes all time, not the new month.
        let (again, _) = try open(disk)
        correction.attempt = hold.attempt
        correction.evidence = "invoice 7:1"
        #expect(try again.correct(correction, at: noon) == .alreadyBooked(sequence: sequence))
        correction.evidence = "invoice 7:3"
        correction.amount = nanos(-25)
        again.tick(at: december)
        guard case .booked = try again.correct(correction, at: december) else {
            Issue.record("not booked")
            return
        }
        let fold = try verified(again)
        #expect(fold.balance(.key("k")).settled == 0 && fold.balance(.key("k"), .total).settled == 0)
        #expect(fold.evidence?.count == 2)
    }

    @Test(
        "A wall clock that jumps ahead opens no window until it has stayed so for ten minutes; one that steps back opens none twice"
    )
    func clockJump() throws {
        let (_, ledger, key) = try one(limit(.day(zone: "UTC"), 100))
        try settle(ledger, key, 100)
        let day: Int64 = 86_400
        func tick(_ boot: Int64, ahead: Int64) { ledger.tick(at: after(boot + ahead), boot: boot * 1_000_000_000) }
        tick(0, ahead: 0)
        tick(1, ahead: 0)
        for second in 2..<600 {
            tick(Int64(second), ahead: day)
            #expect(ledger.hold(request(key, 1, at: after(Int64(second) + day))).refusal != nil)
        }
        #expect(ledger.clock.doubtfulSeconds == day && ledger.clock.time < after(700))
        // It was wrong and is set right: nothing has happened.
        tick(600, ahead: 0)
        #expect(ledger.clock.doubtfulSeconds == 0)
        // Now it stays.
        for second in 601...1_202 { tick(Int64(second), ahead: day) }
        #expect(ledger.hold(request(key, 100, at: after(1_203 + day))).hold != nil)
        // And back: the day that has ended does not begin again.
        tick(1_204, ahead: 0)
        #expect(ledger.hold(request(key, 1, at: after(1_204))).refusal != nil)
        let fold = try verified(ledger)
        var acts = 0
        var last = Timestamp(nanoseconds: 0)
        for (_, at, entry) in try entries(ledger.journal) {
            if case .act = entry { acts += 1 }
            #expect(at >= last)
            last = at
        }
        #expect(acts == 4 && fold.latest == last)
        #expect(ledger.clock.aheadSeconds == day - 1)
    }

    @Test("A journal of version 1 folds as it did: months by the entries that name them, monthly limits by their own entry")
    func version1() throws {
        var fold = Fold()
        let attempts = (0..<2).map { "0000000000000000000000000000000\($0)" }
        let hold =
            ",\"inputBound\":\"1\",\"outputBound\":\"2\",\"generation\":\"3\",\"operation\":\"chat\",\"model\":\"m\",\"upstream\":\"m\",\"endpoint\":\"e\",\"link\":\"public\",\"operator\":\"o\",\"operatorCountry\":\"US\",\"processedIn\":[]}"
        let lines = [
            "\"t\":\"key\",\"at\":\"1\",\"key\":\"k\",\"name\":\"n\",\"tenant\":\"t\",\"team\":\"m\",\"limit\":\"100\",\"created\":\"1\",\"secrets\":[]}",
            "\"t\":\"limit\",\"at\":\"1\",\"tenant\":\"t\",\"limit\":\"200\"}",
            "\"t\":\"hold\",\"at\":\"2\",\"attempt\":\"\(attempts[0])\",\"call\":\"c\",\"key\":\"k\",\"window\":\"2026-11\",\"amount\":\"60\""
                + hold,
            "\"t\":\"allowance\",\"at\":\"3\",\"key\":\"k\",\"window\":\"2026-11\",\"amount\":\"10\"}",
            "\"t\":\"allowance-returned\",\"at\":\"4\",\"key\":\"k\",\"window\":\"2026-11\",\"amount\":\"10\"}",
            "\"t\":\"hold\",\"at\":\"5\",\"attempt\":\"\(attempts[1])\",\"call\":\"c\",\"key\":\"k\",\"window\":\"2026-12\",\"amount\":\"90\""
                + hold,
            "\"t\":\"end\",\"at\":\"6\",\"hold\":\"2\",\"attempt\":\"\(attempts[0])\",\"how\":\"settled\",\"settled\":\"55\",\"input\":\"3\"}",
        ]
        for (sequence, line) in lines.enumerated() {
            try Array("{\"v\":1,\"n\":\(sequence),\(line)".utf8).withUnsafeBytes { try fold.apply(parsing: $0, UInt64(sequence)) }
        }
        #expect(fold.balance(.key("k")).held == 90 && fold.balance(.key("k")).settled == 0, "November's end is November's")
        #expect(fold.balance(.tenant("t"), .total).settled == 55)
        #expect(fold.limits == [.key("k"): AccountLimits(monthly: nanos(100)), .tenant("t"): AccountLimits(monthly: nanos(200))])
        #expect(fold.window(.monthUTC)?.from == december)
        // A hold beyond the limit was never written.
        let wrong = "{\"v\":1,\"n\":7,\"t\":\"allowance\",\"at\":\"7\",\"key\":\"k\",\"window\":\"2026-12\",\"amount\":\"11\"}"
        #expect(throws: LedgerError.contradiction(FoldError(sequence: 7, reason: .limitPassed))) {
            try Array(wrong.utf8).withUnsafeBytes { try fold.apply(parsing: $0, 7) }
        }
    }
}

/// What a ledger told of.
private final class Told: Sendable {
    private let alerts = Mutex<[LimitNotice]>([])
    func add(_ alert: AlertNotice) { if case .limit(let notice) = alert { alerts.withLock { $0.append(notice) } } }
    var all: [LimitNotice] { alerts.withLock { $0 } }
    var percents: [Int] { all.map(\.percent) }
}
