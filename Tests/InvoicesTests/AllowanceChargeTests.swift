import Core
import Invoices
import Journal
import Ledger
import TestKit
import Testing

private let tenth = CivilDate(year: 2026, month: 11, day: 10)
private let noon = Timestamp(seconds: tenth.start.seconds + 43_200)

@Suite("What evidence charged for sends whose holds were lost")
struct AllowanceChargeTests {
    private static let price = Price(
        from: CivilDate(year: 2026, month: 1, day: 1), input: TokenPrice(picos: 2_000_000),
        cachedInput: TokenPrice(picos: 1_000_000), output: TokenPrice(picos: 8_000_000))
    private static let book = PriceBook(["m": [price]])

    private func rule(_ more: String = "") throws -> InvoiceRule {
        var rule = InvoiceRule(
            .generic, from: CivilDate(year: 2026, month: 11, day: 1), to: CivilDate(year: 2026, month: 11, day: 30))
        try rule.read(
            mapping: """
                time = Day
                model = Model
                meter = Meter
                quantity = Quantity
                amount = Amount
                meter.in = input
                meter.out = output
                rounding = half-up 6 line
                \(more)
                """)
        return rule
    }

    private func attempt(_ number: UInt64, input: Int64, output: Int64, how: ChargedAttempt.How = .settled) throws
        -> ChargedAttempt
    {
        let usage = Usage(input: input, output: output)
        return ChargedAttempt(
            attempt: AttemptID(high: 9, low: number), call: "req_\(number)", hold: number, at: noon, endAt: noon,
            model: "public-m",
            upstreamModel: "m", endpoint: "e", operator: "example", priceList: "m", how: how, usage: usage,
            amount: try #require(charge(usage, Self.price, startedAt: noon)), inputBound: 5_000, outputBound: 5_000)
    }

    private func charged(
        _ sequence: UInt64, input: Int64, output: Int64, attempt: AttemptID? = nil, after hours: Int64 = 1
    ) throws -> ChargedAllowance {
        let usage = Usage(input: input, output: output)
        return ChargedAllowance(
            sequence: sequence, attempt: attempt, key: "k", sent: noon...noon.advanced(byMilliseconds: hours * 3_600_000),
            amount: try #require(charge(usage, Self.price, startedAt: noon)), usage: usage, evidence: "ticket \(sequence)")
    }

    private func compare(
        _ lines: [String], _ attempts: [ChargedAttempt], _ charges: [ChargedAllowance], _ rule: InvoiceRule? = nil,
        header: String = "Day,Model,Meter,Quantity,Amount"
    ) throws -> Reconciliation {
        let rule = try rule ?? self.rule()
        let rows = try readInvoice(Array(([header] + lines).joined(separator: "\n").utf8), rule)
        let result = reconcile(rows, attempts, rule, prices: Self.book, name: "example.csv", charges: charges)
        #expect(result.totals.unexplained == .zero)
        for line in result.meters { #expect(line.theirs == line.ours + line.named) }
        return result
    }

    @Test("Tokens of a day that only a charge has agree by it, and the charge is named with its lines")
    func explains() throws {
        let lines = ["2026-11-10,m,in,150,0.0003", "2026-11-10,m,out,15,0.00012"]
        let known = [try attempt(1, input: 100, output: 10)]
        let result = try compare(lines, known, [try charged(7, input: 50, output: 5)])
        #expect(result.findings.map(\.kind) == [.allowanceCharged] && result.disputes.isEmpty)
        #expect(result.findings.first?.lines == [2, 3])
        #expect(result.findings.first?.note.contains("entry 7 charged 0.00014 to key k by evidence ticket 7") == true)
        #expect(result.totals.charged.nanos == 420_000 && result.matchedAttempts == 2)
        // Two charges that come to it together do as well as one.
        let two = try compare(lines, known, [try charged(7, input: 20, output: 5), try charged(8, input: 30, output: 0)])
        #expect(two.disputes.isEmpty && two.findings.count == 2)
        // So does one on a day on which the ledger has no attempt of that model at all.
        let alone = try compare(
            ["2026-11-10,other,in,50,0.0001", "2026-11-10,other,out,5,0.00004"], [], [try charged(7, input: 50, output: 5)])
        #expect(alone.disputes.isEmpty && alone.findings.map(\.model) == ["other"])
    }

    @Test("A charge that no line asks for is listed, and explains neither half a line nor one of another day")
    func listed() throws {
        let known = [try attempt(1, input: 100, output: 10)]
        let more = ["2026-11-10,m,in,160,0.00032", "2026-11-10,m,out,15,0.00012"]
        let half = try compare(more, known, [try charged(7, input: 50, output: 5)])
        #expect(half.disputes.map(\.kind) == [.quantityDiffers, .quantityDiffers])
        let note = try #require(half.findings.first { $0.kind == .allowanceCharged }?.note)
        #expect(note.hasSuffix("no line here is explained by it"))
        #expect(half.totals.charged.nanos == 280_000)
        let exact = ["2026-11-12,m,in,50,0.0001", "2026-11-12,m,out,5,0.00004"]
        let late = try compare(exact, [], [try charged(7, input: 50, output: 5)])
        #expect(late.disputes.map(\.kind) == [.missingHere, .missingHere])
        #expect(try compare(exact, [], [try charged(7, input: 50, output: 5, after: 24)]).disputes.isEmpty)
    }

    @Test("Tokens that a charge has paid for are no reason to settle a doubt with them too")
    func doubt() throws {
        let result = try compare(
            ["2026-11-10,m,in,150,0.0003", "2026-11-10,m,out,15,0.00012"],
            [try attempt(1, input: 100, output: 10), try attempt(2, input: 0, output: 0, how: .doubt)],
            [try charged(7, input: 50, output: 5)])
        #expect(result.disputes.isEmpty)
        #expect(result.proposals.map(\.action) == [.void])
    }

    @Test("A line that names the attempt of a charge is compared with it, and one that names nothing known by its tokens")
    func requests() throws {
        let header = "Day,Model,Meter,Quantity,Amount,Request"
        let rule = try rule("id = Request")
        let lost = AttemptID(high: 9, low: 77)
        let named = try compare(
            ["2026-11-10,m,in,50,0.0001,\(lost)", "2026-11-10,m,out,5,0.00004,\(lost)"], [],
            [try charged(7, input: 50, output: 5, attempt: lost)], rule, header: header)
        #expect(named.findings.map(\.kind) == [.allowanceCharged] && named.matchedLines == 2)
        let other = try compare(
            ["2026-11-10,m,in,60,0.00012,\(lost)", "2026-11-10,m,out,5,0.00004,\(lost)"], [],
            [try charged(7, input: 50, output: 5, attempt: lost)], rule, header: header)
        #expect(other.disputes.map(\.kind) == [.quantityDiffers])
        let unnamed = try compare(
            ["2026-11-10,m,in,50,0.0001,chat-1", "2026-11-10,m,out,5,0.00004,chat-1"], [],
            [try charged(7, input: 50, output: 5)], rule, header: header)
        #expect(unnamed.disputes.isEmpty && unnamed.findings.map(\.request) == ["chat-1"])
    }

    @Test(
        """
        After a crash a charge by evidence has a row of its own by model and endpoint, its owner's by tenant; each chargeback sums to \
        the bill, its rows to what the ledger settled, and the journal's attempts tell the charge and when it was sent
        """)
    func chargeback() throws {
        let disk = LossyDisk(seed: 3)
        var settings = Journal.Settings(folder: "/j")
        settings.commitsByHand = true
        func open(_ at: Timestamp) throws -> LiveLedger {
            try LiveLedger.open(settings, disk: disk.boot(), node: "test", version: "0", at: at).ledger
        }
        var ledger = try open(noon)
        let record = KeyRecord(
            id: "k", name: "k", tenant: "acme", team: "blue", created: noon, secrets: [KeySecret(digest: KeyDigest(1, 2, 3, 4))])
        let (key, _) = try ledger.record(key: record, at: noon)
        let route = HoldRoute(
            RouteFacts(
                model: "m", upstreamModel: "m", endpoint: "e", link: "public", operator: "o", operatorCountry: "US",
                processedIn: ["EU"]))
        let ask = HoldRequest(
            attempt: AttemptID(high: 1, low: 1), call: "c", key: key, route: route, operation: .chat, stream: false,
            amount: Money(nanos: 500), inputBound: 10, outputBound: 10, generation: 1, at: noon)
        guard case .admitted(let hold, _) = ledger.hold(ask) else {
            Issue.record("not admitted")
            return
        }
        ledger.end(hold, .settled(Usage(input: 3), Money(nanos: 333), estimated: false), at: noon)
        ledger.journal.commit()
        disk.endProcess()

        let restarted = noon.advanced(byMilliseconds: 90_000)
        ledger = try open(restarted)
        let doubt = try #require(ledger.doubtfulAllowances.first)
        for (index, cost) in [100, 234].enumerated() {
            _ = try ledger.resolve(
                AllowanceEvidence(
                    doubt: doubt.sequence,
                    finding: .charged(Money(nanos: Int64(cost)), Usage(output: Int64(cost)), tier: .standard, attempt: nil),
                    evidence: "line \(index)", why: "invoice"), at: restarted)
        }
        ledger.journal.commit()
        let books = try Books()
        try books.follow(ledger.journal)
        let settled = try #require(ledger.account(.tenant("acme"))?.settled)
        #expect(settled.nanos == 667)
        for dimension in UsageDimension.allCases {
            let rows = try books.usage(by: [dimension], from: tenth.start, to: noon.advanced(byMilliseconds: 86_400_000))
            let groups = rows.map { (group: $0.group, charged: $0.charged) }
            #expect(rows.reduce(MoneyTotal.zero) { $0 + $1.charged } == settled)
            let lost = rows.first { $0.group == ["unknown (allowance charged)"] }
            switch dimension {
            case .model, .endpoint, .operator: #expect(lost?.charged.nanos == 334 && lost?.usage.output == 334)
            case .tenant: #expect(rows.map(\.group) == [["acme"]])
            default: #expect(lost == nil)
            }
            let bill = try #require(Amount("100.01"))
            let shared = try #require(Chargeback(total: bill, currency: "USD", by: [dimension.rawValue], groups))
            #expect(shared.parts.reduce(Amount.zero) { $0 + $1.part } == bill)
            #expect(shared.parts.reduce(MoneyTotal.zero) { $0 + $1.charged } == settled)
        }
        var fold = ChargedFold()
        _ = try ledger.journal.read(from: 0, limit: 1_000) { _, bytes in
            let (sequence, at, entry) = try Entry.parse(bytes)
            fold.apply(sequence, at: at, entry)
        }
        #expect(fold.allowances.map(\.amount.nanos) == [100, 234])
        #expect(fold.allowances.allSatisfy { $0.sent == noon...restarted && $0.tenant == "acme" })
    }
}
