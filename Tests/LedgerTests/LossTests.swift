import Core
import Journal
import Ledger
import TestKit
import Testing

@Suite("What lost entries may have cost")
struct LossTests {
    private let tenant = AccountName.tenant("acme")
    private let blue = AccountName.team(tenant: "acme", team: "blue")

    private func open() throws -> (disk: LossyDisk, ledger: LiveLedger, key: Int) {
        let disk = LossyDisk(seed: 1)
        let (ledger, _) = try LedgerTests.open(disk)
        let (key, _) = try ledger.record(key: record("k", limit: 1_000), at: noon)
        try ledger.setLimits([(tenant, nanos(1_000)), (blue, nanos(1_000))], at: noon)
        return (disk, ledger, key)
    }

    private func reserved(_ ledger: LiveLedger) -> [Int128] {
        [tenant, blue, .key("k")].map { ledger.account($0)?.reserved.nanos ?? -1 }
    }

    @Test(
        """
        The bound of a loss stays reserved for the tenant and each team and key that may have spent it; what is left is admitted, and \
        no more, also after a restart
        """)
    func held() throws {
        var (disk, ledger, key) = try open()
        try ledger.holdLost(nanos(900), of: "acme", log: "weir.example/old", first: 51, end: 60, at: noon)
        #expect(reserved(ledger) == [900, 900, 900])
        let refusal = try #require(ledger.hold(request(key, 101)).refusal)
        #expect(refusal.left == nanos(100))
        let hold = try #require(ledger.hold(request(key, 100)).hold)
        ledger.end(hold, .settled(.zero, nanos(100), estimated: false), at: noon)
        #expect(ledger.hold(request(key, 1)).refusal != nil)
        ledger.shutdown(at: noon)
        ledger.journal.close()
        disk.endProcess()
        (ledger, _) = try LedgerTests.open(disk)
        #expect(ledger.doubtfulAllowances.map(\.amount) == [nanos(900)])
        #expect(reserved(ledger) == [900, 900, 900] && ledger.hold(request(key, 1)).refusal != nil)
        ledger.journal.commit()
        let fold = try folded(ledger.journal)
        #expect(difference(ledger, fold) == nil)
        let books = try Books()
        try books.follow(ledger.journal)
        #expect(books.state == fold)
        // The key that names the loss opens nothing.
        let made = try #require(ledger.keys.last)
        #expect(made.record.id == "lost-51" && made.revoked != nil && made.record.secrets.isEmpty)
    }

    @Test("Evidence charges a part of a loss to its tenant and voids the rest; accounts made later have nothing to do with it")
    func evidence() throws {
        let (_, ledger, key) = try open()
        let doubt = try ledger.holdLost(nanos(900), of: "acme", log: "old", first: 51, end: nil, at: noon)
        let (later, _) = try ledger.record(key: record("later", team: "red", limit: 1_000), at: noon)
        ledger.journal.commit()
        func resolve(_ finding: AllowanceEvidence.Finding, _ name: String) throws {
            _ = try ledger.resolve(
                AllowanceEvidence(doubt: doubt, finding: finding, evidence: name, why: "invoice"), at: noon)
        }
        try resolve(.charged(nanos(300), Usage(output: 3), tier: .standard, attempt: nil), "line 1")
        #expect(reserved(ledger) == [600, 600, 600])
        #expect(ledger.account(tenant)?.settled.nanos == 300)
        #expect(ledger.account(.key("later"))?.reserved.nanos == 0)
        // The tenant has 100 left, whoever asks.
        #expect(ledger.hold(request(later, 101)).refusal?.left == nanos(100))
        try resolve(.voided, "the invoice has no more")
        #expect(reserved(ledger) == [0, 0, 0] && ledger.account(.key("later"))?.reserved.nanos == 0)
        #expect(ledger.hold(request(key, 700)).hold != nil)
        // A line that turns up later is booked all the same, and what it passes is passed by name.
        try resolve(.charged(nanos(50), Usage(output: 1), tier: .standard, attempt: nil), "line 2")
        ledger.journal.commit()
        let fold = try folded(ledger.journal)
        #expect(difference(ledger, fold) == nil && fold.doubtfulAllowances.isEmpty)
        let books = try Books()
        for _ in 0..<2 { try books.follow(ledger.journal) }
        #expect(books.state == fold)
        let rows = try books.usage(by: [.team], from: Timestamp(seconds: 0), to: Timestamp(seconds: 4_000_000_000))
        #expect(rows.map(\.group) == [["acme/lost-entries"]] && rows.map(\.charged.nanos) == [350])
    }

    @Test("A loss that nobody resolves ends with its time, and may pass a limit: nothing is admitted while it does")
    func expires() throws {
        let (_, ledger, key) = try open()
        try ledger.holdLost(nanos(5_000), of: "acme", log: "old", first: 51, end: nil, at: noon)
        try ledger.holdLost(.zero, of: "acme", log: "old", first: 51, end: nil, at: noon)
        #expect(ledger.doubtfulAllowances.count == 1 && ledger.keys.map(\.record.id).suffix(2) == ["lost-51", "lost-51-2"])
        #expect(ledger.hold(request(key, 1)).refusal != nil)
        ledger.tick(at: noon.advanced(byMilliseconds: 7 * 86_400_000))
        #expect(reserved(ledger) == [0, 0, 0] && ledger.hold(request(key, 1)).hold != nil)
        ledger.journal.commit()
        #expect(difference(ledger, try folded(ledger.journal)) == nil)
        #expect(throws: LedgerError.unknownTenant("nobody")) {
            try ledger.holdLost(nanos(1), of: "nobody", log: "old", first: 51, end: nil, at: noon)
        }
        #expect(throws: LedgerError.belowZero) {
            try ledger.holdLost(nanos(-1), of: "acme", log: "old", first: 51, end: nil, at: noon)
        }
        #expect(ledger.limitedTenants == ["acme"])
    }
}
