import Core
import Journal
import Ledger
import Synchronization
import TestKit
import Testing

@Suite("Evidence")
struct EvidenceTests {
    private let week = noon.advanced(byMilliseconds: 7 * 86_400_000)

    private func open(
        tier: ServiceTier = .standard, policy: DoubtSettings.Holds = .settle
    ) throws -> (disk: LossyDisk, ledger: LiveLedger, hold: Hold) {
        let disk = LossyDisk(seed: 1)
        var doubt = DoubtSettings()
        doubt.holds = policy
        let (ledger, _) = try LedgerTests.open(disk, doubt: doubt)
        let (key, _) = try ledger.record(key: record("k", limit: 1_000), at: noon)
        var ask = request(key, 50)
        ask.tier = tier
        let hold = try #require(ledger.hold(ask).hold)
        ledger.end(hold, .doubt("silent"), at: noon)
        ledger.journal.commit()
        return (disk, ledger, hold)
    }

    private func resolution(_ hold: Hold, _ amount: Int64, _ name: String = "line 1") -> Resolution {
        Resolution(
            hold: hold.sequence, attempt: hold.attempt, settled: nanos(amount), usage: Usage(output: amount), evidence: name,
            why: "invoice")
    }

    private func ends(_ ledger: LiveLedger) throws -> [(sequence: UInt64, end: EndEntry)] {
        ledger.journal.commit()
        return try entries(ledger.journal).compactMap { if case .end(let end) = $0.entry { ($0.sequence, end) } else { nil } }
    }

    @Test("What ends a doubt is acknowledged with the number of its own entry, whatever was said before it, and keeps the tier")
    func sequence() throws {
        let (_, ledger, hold) = try open(tier: .priority)
        // A later day: windows open before the end.
        let outcome = try ledger.resolve(resolution(hold, 70), at: week.advanced(byMilliseconds: -1))
        let end = try #require(try ends(ledger).last)
        #expect(outcome == .booked(sequence: end.sequence))
        #expect(end.end.tier == .priority && end.end.settled == nanos(50))
        #expect(try ledger.resolve(resolution(hold, 70), at: week) == .alreadyBooked(sequence: end.sequence))
        #expect(throws: LedgerError.endedBefore) { try ledger.resolve(resolution(hold, 70, "line 2"), at: week) }
        #expect(try folded(ledger.journal).evidence == ["line 1": end.sequence])
    }

    @Test(
        "Evidence that comes after the doubt has expired makes the charge what it says", arguments: DoubtSettings.Holds.allCases)
    func late(policy: DoubtSettings.Holds) throws {
        let (_, ledger, hold) = try open(tier: .flex, policy: policy)
        ledger.tick(at: week)
        let expired = try #require(try ends(ledger).last?.end)
        #expect(expired.tier == .flex || policy == .void)
        #expect(expired.settled == (policy == .settle ? nanos(50) : .zero))
        guard case .booked = try ledger.resolve(resolution(hold, 20), at: week) else {
            Issue.record("the evidence was lost")
            return
        }
        #expect(ledger.account(.key("k"))?.lines.first { $0.period == .total }?.settled.nanos == 20)
        #expect(throws: LedgerError.endedBefore) { try ledger.resolve(resolution(hold, 30, "line 2"), at: week) }
        ledger.journal.commit()
        #expect(try folded(ledger.journal).balance(.key("k"), .total).settled == 20)
    }

    @Test("Of an allowance in doubt evidence charges a part and voids the rest; a charge that comes after its end is booked too")
    func allowance() throws {
        let disk = LossyDisk(seed: 1)
        var (ledger, _) = try LedgerTests.open(disk, allowances: smallBlocks(400))
        let (key, _) = try ledger.record(key: record("k", limit: 10_000), at: noon)
        _ = ledger.hold(request(key, 5))
        ledger.journal.commit()
        disk.endProcess()
        (ledger, _) = try LedgerTests.open(disk)
        let doubt = try #require(ledger.doubtfulAllowances.first)
        #expect(ledger.doubtfulAllowances.count == 1 && doubt.key == "k" && doubt.amount.nanos > 100)
        ledger.journal.commit()

        func evidence(_ finding: AllowanceEvidence.Finding, _ name: String) -> AllowanceEvidence {
            AllowanceEvidence(doubt: doubt.sequence, finding: finding, evidence: name, why: "invoice")
        }
        let cost = AllowanceEvidence.Finding.charged(nanos(60), Usage(output: 6), tier: .standard, attempt: nil)
        guard case .booked(let first) = try ledger.resolve(evidence(cost, "line 1"), at: noon) else { return }
        #expect(try ledger.resolve(evidence(cost, "line 1"), at: noon) == .alreadyBooked(sequence: first))
        #expect(ledger.doubtfulAllowances.first?.amount.nanos == doubt.amount.nanos - 60)
        #expect(ledger.account(.key("k"))?.settled.nanos == 60)
        ledger.journal.commit()
        #expect(difference(ledger, try folded(ledger.journal)) == nil)

        _ = try ledger.resolve(evidence(.voided, "rest"), at: noon)
        #expect(ledger.doubtfulAllowances.isEmpty && ledger.account(.key("k"))?.reserved.nanos == 5)
        #expect(throws: LedgerError.endedBefore) { try ledger.resolve(evidence(.voided, "again"), at: noon) }
        _ = try ledger.resolve(evidence(cost, "line 2"), at: noon)
        ledger.journal.commit()
        let fold = try folded(ledger.journal)
        #expect(difference(ledger, fold) == nil && fold.balance(.tenant("acme"), .total).settled == 120)
        #expect(fold.evidence?.count == 3)
        let books = try Books()
        try books.follow(ledger.journal)
        #expect(books.state == fold)
        let rows = try books.usage(by: [.key], from: Timestamp(seconds: 0), to: Timestamp(seconds: 4_000_000_000))
        #expect(rows.first?.charged.nanos == 120 && rows.first?.usage.output == 12)
        #expect(throws: LedgerError.unknownAllowance) {
            try ledger.resolve(AllowanceEvidence(doubt: 1, finding: .voided, evidence: "x", why: "x"), at: noon)
        }
        ledger.shutdown(at: noon)
        ledger.journal.close()
        disk.endProcess()
        let (again, _) = try LedgerTests.open(disk)
        #expect(try again.resolve(evidence(cost, "line 1"), at: noon) == .alreadyBooked(sequence: first))
    }

    @Test("An overrun is reported with the tier that served")
    func overrunTier() throws {
        let (_, ledger, _) = try open(tier: .priority)
        var ask = request(0, 50, attempt: 8)
        ask.tier = .priority
        let hold = try #require(ledger.hold(ask).hold)
        ledger.end(hold, .settled(Usage(output: 1), nanos(80), estimated: false, tier: .standard), at: noon)
        ledger.journal.commit()
        let books = try Books()
        try books.follow(ledger.journal)
        let rows = try books.usage(by: [.tier], from: Timestamp(seconds: 0), to: Timestamp(seconds: 4_000_000_000))
        #expect(rows.map(\.charged.nanos) == [80], "\(rows)")
    }

    @Test("The end of one attempt among 30,000 of others is found without reading them all")
    func search() throws {
        let (_, ledger, _) = try open()
        let first = try #require(ledger.hold(request(0, 1)).hold)
        for _ in 0..<30_000 {
            let hold = try #require(ledger.hold(request(0, 1)).hold)
            ledger.end(hold, .voided("test"), at: noon)
            if hold.sequence % 500 < 3 { ledger.journal.commit() }
        }
        ledger.end(first, .settled(.zero, nanos(1), estimated: false), at: noon)
        ledger.journal.commit()
        let clock = ContinuousClock()
        var started = clock.now
        #expect(try ledger.charge(hold: first.sequence).charged == nanos(1))
        let found = clock.now - started
        started = clock.now
        _ = try entries(ledger.journal)
        let parsed = clock.now - started
        #expect(found * 3 < parsed, "found in \(found), all parsed in \(parsed)")
    }

    @Test("Refusals while the disk fails are counted and become one entry when it works again")
    func refusals() throws {
        let (disk, ledger, _) = try open()
        disk.failSyncs(3)
        _ = ledger.hold(request(0, 1))
        ledger.journal.commit()
        for second in 0..<100 {
            ledger.refusal(key: "k", code: "weir_test", model: nil, at: noon.advanced(byMilliseconds: Int64(second) * 1_001))
        }
        for _ in 0..<6 { ledger.journal.commit() }
        ledger.flushRefusals(at: noon)
        ledger.journal.commit()
        var counted: [Int64] = []
        for case .refused(_, let counts) in try entries(ledger.journal).map(\.entry) {
            counted.append(counts.reduce(0) { $0 + $1.count })
        }
        #expect(counted == [100])
    }

    @Test("An alert that a crash kept from the journal is told by whatever comes next, a revocation too")
    func alertOfRevocation() throws {
        let (disk, ledger, hold) = try open()
        _ = try ledger.resolve(resolution(hold, 40), at: noon)
        let spend = SpendLimit(period: .total, amount: nanos(50), alertPercents: [50])
        let entry = try #require(
            Entry.limits(.team(tenant: "acme", team: "blue"), AccountLimits(spend: [spend])).encoded(at: noon))
        _ = try ledger.journal.append(entry, urgent: true)
        ledger.journal.commit()
        ledger.journal.close()
        disk.endProcess()
        let (again, _) = try LedgerTests.open(disk)
        let told = Mutex<[Int]>([])
        again.onAlert { alert in
            if case .limit(let notice) = alert { told.withLock { $0.append(notice.percent) } }
        }
        _ = try again.revoke(key: "k", why: "test", at: noon)
        #expect(told.withLock { $0 } == [50])
        again.journal.commit()
        #expect(try entries(again.journal).contains { if case .alert = $0.entry { true } else { false } })
    }
}
