import Core
import Ledger
import Testing

@testable import Invoices

@Suite("Reconciliation")
struct ReconcileTests {
    private static let day = CivilDate(year: 2026, month: 11, day: 10)
    static let book = PriceBook([
        "m": [
            Price(
                from: CivilDate(year: 2026, month: 1, day: 1), input: TokenPrice(picos: 2_000_000),
                cachedInput: TokenPrice(picos: 1_000_000), output: TokenPrice(picos: 8_000_000))
        ]
    ])

    func rule(_ more: String = "", from: Int = 1, to: Int = 30) throws -> InvoiceRule {
        var rule = InvoiceRule(
            .generic, from: CivilDate(year: 2026, month: 11, day: from), to: CivilDate(year: 2026, month: 11, day: to))
        try rule.read(
            mapping: """
                # what Example Cloud calls its columns
                time = Day
                model = Model
                meter = Meter
                quantity = Quantity
                amount = Amount
                meter.in = input+imageInput
                meter.cached = cachedInput
                meter.out = output+reasoning
                rounding = half-up 6 line
                \(more)
                """)
        return rule
    }

    func attempt(
        _ number: UInt64, day: Int = 10, hour: Int64 = 12, input: Int64, output: Int64, how: ChargedAttempt.How = .settled,
        estimated: Bool = false, bound: Int64 = 5_000, endpoint: String = "e"
    ) throws -> ChargedAttempt {
        let at = Timestamp(seconds: CivilDate(year: 2026, month: 11, day: day).start.seconds + hour * 3_600)
        let usage = Usage(input: input, output: output)
        let price = try #require(Self.book.price("m", at: at))
        return ChargedAttempt(
            attempt: AttemptID(high: 9, low: number), call: "req_\(number)", hold: number, at: at, endAt: at, model: "public-m",
            upstreamModel: "m", endpoint: endpoint, operator: "example", priceList: "m", how: how, estimated: estimated,
            usage: usage, amount: try #require(charge(usage, price, startedAt: at)), inputBound: bound, outputBound: bound)
    }

    @Test("Bounds as large as a number can be overflow nothing")
    func endless() throws {
        let attempts = try (1...4).map { try attempt($0, input: 100, output: 10, estimated: true, bound: .max) }
        let result = try compare("2026-11-10,m,in,500,0.001000", attempts, rule())
        #expect(result.totals.unexplained == .zero)
    }

    func compare(
        _ lines: String, _ attempts: [ChargedAttempt], _ rule: InvoiceRule, header: String = "Day,Model,Meter,Quantity,Amount",
        prices: PriceBook = ReconcileTests.book
    ) throws -> Reconciliation {
        let rows = try readInvoice(Array((header + "\n" + lines).utf8), rule)
        let result = reconcile(rows, attempts, rule, prices: prices, name: "example.csv")
        #expect(result.totals.unexplained == .zero)
        for line in result.meters { #expect(line.theirs == line.ours + line.named) }
        return result
    }

    @Test("A day's lines that agree leave nothing but a rounding line")
    func agrees() throws {
        let result = try compare(
            "2026-11-10,m,in,301,0.0006\n2026-11-10,m,out,30,0.00024",
            [
                try attempt(1, input: 100, output: 10), try attempt(2, input: 201, output: 20),
            ], rule("rounding = half-up 4 line"))
        #expect(result.findings.map(\.kind) == [])
        #expect(result.totals.rounding == Amount("-0.000002"))
        #expect(result.totals.roundingBound >= Amount("0.0001") ?? .zero)
        #expect(result.matchedLines == 2 && result.matchedAttempts == 2)
        #expect(result.proposals.isEmpty)
    }

    @Test("A difference beyond what rounding can make is another price, not rounding")
    func priced() throws {
        let result = try compare(
            "2026-11-10,m,in,100,0.000201\n2026-11-10,m,out,10,0.00008", [try attempt(1, input: 100, output: 10)],
            rule("rounding = half-up 6 line"))
        #expect(result.findings.map(\.kind) == [.pricedDifferently])
        #expect(result.findings.first?.difference == Amount("0.000001"))
        #expect(result.totals.rounding == .zero)
    }

    @Test("Rounding once a day or once an invoice bounds the sum, not each line")
    func scopes() throws {
        let attempts = [try attempt(1, input: 100, output: 10), try attempt(2, day: 11, input: 100, output: 10)]
        func kinds(_ rule: InvoiceRule, _ amounts: [String]) throws -> [Finding.Kind] {
            try compare(
                "2026-11-10,m,in,100,\(amounts[0])\n2026-11-10,m,out,10,\(amounts[1])\n2026-11-11,m,in,100,\(amounts[2])\n"
                    + "2026-11-11,m,out,10,\(amounts[3])", attempts, rule
            ).findings.map(\.kind)
        }
        // The day is worth 0.00028; rounded to four decimals it is 0.0003.
        #expect(try kinds(rule("rounding = half-up 4 day"), ["0.0002", "0.0001", "0.0002", "0.0001"]) == [])
        #expect(try kinds(rule("rounding = half-up 4 day"), ["0.00024", "0.00012", "0.0002", "0.00008"]) == [.roundingExceeds])
        #expect(try kinds(rule("rounding = half-up 4 invoice"), ["0.00021", "0.00008", "0.0002", "0.00008"]) == [])
        #expect(
            try kinds(rule("rounding = half-up 4 invoice"), ["0.00022", "0.0001", "0.00022", "0.0001"]) == [.roundingExceeds])
        let stated = try compare(
            "2026-11-10,m,in,100,0.0002\n2026-11-10,m,out,10,0.00008", [attempts[0]],
            rule("rounding = half-up 2 invoice\ntotal = 0.00"))
        #expect(stated.findings.isEmpty)
        #expect(stated.totals.rounding == Amount("-0.00028"))
    }

    @Test("Split and reversed lines add up; a repeated line is named with the line it repeats")
    func repeated() throws {
        let attempts = [try attempt(1, input: 100, output: 10)]
        let out = "2026-11-10,m,out,10,0.00008\n"
        let split = try compare(out + "2026-11-10,m,in,60,0.00012\n2026-11-10,m,in,40,0.00008", attempts, rule())
        #expect(split.findings.isEmpty)
        let line = "2026-11-10,m,in,100,0.0002\n"
        let reversed = try compare(out + line + "2026-11-10,m,in,-100,-0.0002\n" + line, attempts, rule())
        #expect(reversed.findings.isEmpty)
        let twice = try compare(out + line + line, attempts, rule())
        #expect(twice.findings.map(\.kind) == [.duplicated])
        #expect(twice.findings.first?.lines == [4])
        #expect(twice.findings.first?.note == "repeats line 3")
        #expect(twice.totals.differences[.duplicated] == Amount("0.0002"))
    }

    @Test("What only one side has is missing on the other; an invoice that is not whole may still come to it")
    func missing() throws {
        let attempts = [try attempt(1, day: 30, input: 100, output: 10)]
        let there = try compare("", attempts, rule())
        #expect(there.findings.map(\.kind) == [.missingThere])
        #expect(there.findings.first?.difference == Amount("-0.00028"))
        #expect(try compare("", attempts, rule("final = no")).findings.map(\.kind) == [.awaited])
        let here = try compare("2026-11-12,other,in,7,0.5\n", [], rule())
        #expect(here.findings.map(\.kind) == [.missingHere])
        #expect(here.findings.first?.model == "other")
        let charges = try compare(
            "2026-11-12,m,moon dust,7,0.5,Usage\n2026-11-30,,,,3.10,Tax", [], rule("charge = Type\nusage = Usage"),
            header: "Day,Model,Meter,Quantity,Amount,Type")
        #expect(charges.findings.map(\.kind) == [.unmapped, .otherCharge])
        #expect(charges.findings.map(\.note) == ["meter moon dust", "Tax"])
    }

    @Test("A line on a later day, and tokens that moved over midnight, are late and not in dispute")
    func late() throws {
        let attempts = [try attempt(1, input: 100, output: 10), try attempt(2, day: 11, input: 200, output: 20)]
        let whole = try compare(
            "2026-11-11,m,in,100,0.0002\n2026-11-11,m,in,200,0.0004\n2026-11-10,m,out,10,0.00008\n2026-11-11,m,out,20,0.00016",
            attempts, rule())
        #expect(whole.findings.map(\.kind) == [.late])
        #expect(whole.disputes.isEmpty && whole.matchedAttempts == 2)
        let moved = try compare(
            "2026-11-10,m,in,70,0.00014\n2026-11-11,m,in,230,0.00046\n2026-11-10,m,out,10,0.00008\n2026-11-11,m,out,20,0.00016",
            attempts, rule())
        #expect(moved.findings.map(\.kind) == [.late])
        #expect(moved.totals.rounding == .zero)
        // Two days that came to the same tokens: a late line is not taken for one that repeats the next day's.
        let same = [attempts[0], try attempt(2, day: 11, input: 100, output: 20)]
        let twice = try compare(
            "2026-11-11,m,in,100,0.0002\n2026-11-11,m,in,100,0.0002\n2026-11-10,m,out,10,0.00008\n2026-11-11,m,out,20,0.00016",
            same, rule())
        #expect(twice.findings.map(\.kind) == [.late])
        let strict = try compare(
            "2026-11-10,m,in,70,0.00014\n2026-11-11,m,in,230,0.00046\n2026-11-10,m,out,10,0.00008\n2026-11-11,m,out,20,0.00016",
            attempts, rule("lateDays = 0"))
        #expect(strict.findings.map(\.kind) == [.quantityDiffers, .quantityDiffers])
    }

    @Test("The provider's day is that of its zone")
    func zones() throws {
        // 20:00 UTC on the 10th is the 11th in Shanghai.
        let attempts = [try attempt(1, hour: 20, input: 100, output: 10)]
        let lines = "2026-11-11,m,in,100,0.0002\n2026-11-11,m,out,10,0.00008"
        #expect(try compare(lines, attempts, rule("zone = +08:00\nlateDays = 0")).findings.isEmpty)
        #expect(try compare(lines, attempts, rule("lateDays = 0")).disputes.count > 0)
    }

    @Test("An estimate is corrected by the difference, and several share it so that it sums exactly")
    func estimates() throws {
        let one = try compare(
            "2026-11-10,m,in,300,0.0006\n2026-11-10,m,out,47,0.000376",
            [try attempt(1, input: 100, output: 10), try attempt(2, input: 200, output: 20, estimated: true)], rule())
        #expect(one.findings.isEmpty)
        let proposal = try #require(one.proposals.first)
        #expect(one.proposals.count == 1 && proposal.action == .correct && !proposal.isShare)
        #expect(proposal.meters == Usage(output: 17))
        #expect(proposal.amount == Money(nanos: 17 * 8_000))
        let several = try compare(
            "2026-11-10,m,in,300,0.0006\n2026-11-10,m,out,51,0.000408",
            [
                try attempt(1, input: 100, output: 10, estimated: true), try attempt(2, input: 200, output: 20, estimated: true),
                try attempt(3, input: 0, output: 0, how: .doubt),
            ], rule())
        #expect(several.findings.isEmpty)
        #expect(several.proposals.reduce(0) { $0 + $1.meters.output } == 21)
        #expect(several.proposals.allSatisfy { $0.isShare })
        #expect(Set(several.proposals.map(\.evidence)).count == 3)
    }

    @Test("One in doubt is settled by what the invoice says of its request, or voided where a whole invoice says nothing")
    func doubts() throws {
        let rule = try rule("id = Request")
        let header = "Day,Model,Meter,Quantity,Amount,Request"
        let attempts = [
            try attempt(1, input: 0, output: 0, how: .doubt), try attempt(2, input: 0, output: 0, how: .doubt),
            try attempt(3, input: 0, output: 0, how: .voided),
        ]
        let result = try compare(
            "2026-11-10,m,in,50,0.0001,req_1\n2026-11-10,m,out,5,0.00004,req_1\n"
                + "2026-11-10,m,in,60,0.00012,\(attempts[2].attempt)",
            attempts, rule, header: header)
        #expect(result.findings.isEmpty)
        let proposals = result.proposals.sorted { $0.hold < $1.hold }
        #expect(proposals.map(\.action) == [.settle, .void, .correct])
        #expect(proposals.map(\.amount.nanos) == [140_000, 0, 120_000])
        let beyond = try compare("2026-11-10,m,in,50000,0.1,req_1", attempts, rule, header: header)
        #expect(beyond.findings.map(\.kind) == [.quantityDiffers])
    }

    @Test("Without a known price the whole of a place is compared, and a difference has a name all the same")
    func unpriced() throws {
        let attempts = [try attempt(1, input: 100, output: 10)]
        let same = try compare(
            "2026-11-10,m,in,100,0.0002\n2026-11-10,m,out,10,0.00008", attempts, rule(), prices: PriceBook())
        #expect(same.findings.isEmpty)
        let dear = try compare(
            "2026-11-10,m,in,100,0.0003\n2026-11-10,m,out,10,0.00008", attempts, rule(), prices: PriceBook())
        #expect(dear.findings.map(\.kind) == [.pricedDifferently])
        #expect(dear.findings.first?.difference == Amount("0.0001"))
        let less = try compare("2026-11-10,m,in,100,0.0002\n", attempts, rule(), prices: PriceBook())
        #expect(less.findings.map(\.kind) == [.missingThere])
        #expect(less.findings.first?.difference == Amount("-0.00008"))
    }

    @Test("OpenAI's usage without money is compared by tokens, and cached tokens are not counted twice")
    func usageOnly() throws {
        var attempt = try attempt(1, input: 100, output: 10)
        attempt.usage.cachedInput = 40
        attempt.usage.reasoning = 6
        var rule = InvoiceRule(.openaiUsage, from: Self.day, to: Self.day)
        try rule.read(mapping: "lateDays = 0")
        let start = Self.day.start.seconds
        let page = """
            {"object":"page","data":[{"object":"bucket","start_time":\(start),"end_time":\(start + 86_400),"results":[
             {"object":"organization.usage.completions.result","input_tokens":140,"input_cached_tokens":40,
              "input_cache_write_tokens":0,"output_tokens":16,"num_model_requests":1,"model":"m","project_id":null}]}],"has_more":false,"next_page":null}
            """
        let result = reconcile(try readInvoice(Array(page.utf8), rule), [attempt], rule, prices: Self.book)
        #expect(result.findings.isEmpty)
        #expect(result.meters.map(\.ours) == result.meters.map(\.theirs))
        #expect(result.totals.quantitiesOnly && result.totals.unexplained == .zero)
    }

    @Test(
        "A mapping or a row that cannot be understood is refused with its line",
        arguments: [
            ("currency = CNY", "needs a dated rate"), ("meter.x = input", "overlap"), ("colour = red", "no such key"),
            ("rate = 7,1 2026-11-01", "a rate is"), ("zone = east", "a zone is"), ("rounding = nearly 2 line", "a rounding is"),
            ("amount = Price", "no column Price"), ("meter.y = fuel", "meters of Weir"), ("lateDays", "key = value"),
        ])
    func badMappings(line: String, expected: String) {
        let error = #expect(throws: InvoiceError.self) {
            _ = try readInvoice(Array("Day,Model,Meter,Quantity,Amount\n".utf8), try rule(line))
        }
        #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
    }

    @Test(
        "A row that cannot be counted exactly is refused with its line",
        arguments: [
            "2026-11-31,m,in,1,1", "2026-11-10,m,in,1.5,1", "2026-11-10,m,in,1,1.2.3", "2026-11-10,m,in,1",
            "2026-11-10,m,in,\"1,1",
        ])
    func badRows(line: String) {
        let error = #expect(throws: InvoiceError.self) {
            _ = try readInvoice(Array("Day,Model,Meter,Quantity,Amount\n\(line)\n".utf8), try rule())
        }
        #expect(error?.line == 2)
    }

    @Test("Times and units are read as exports write them")
    func timesAndUnits() throws {
        let rule = try rule("zone = +08:00")
        let tenth = Self.day.daysSince1970
        for text in [
            "2026-11-10", "11/10/2026", "20261110", "2026-11-10T23:59:59", "2026-11-10 00:00", "2026-11-09T16:00:00Z",
            "2026-11-10T15:59:59.999Z", "2026-11-10T23:00:00+08:00", "1794304800",
        ] { #expect(rule.day(text: text) == tenth, "\(text)") }
        for text in ["", "2026-13-01", "yesterday", "2026-11-10X10:00", "2026-11-10T25:00:00Z"] {
            #expect(rule.day(text: text) == nil, "\(text)")
        }
        #expect(
            ["1K", "1M", "1000", "tokens", "1000_tokens", "1K Tokens", "1"].map(tokens(unit:)) == [
                1_000, 1_000_000, 1_000, 1, 1_000, 1_000, 1,
            ])
        #expect(tokens(unit: "1 Hour") == nil)
    }

    @Test("A bill divided by largest remainder sums to the cent and names its total")
    func chargeback() throws {
        let groups = ["blue", "red", "green"].map { (group: [$0], charged: MoneyTotal(nanos: 1_000_000_000)) }
        let total = try #require(Amount("100.00"))
        let bill = try #require(Chargeback(total: total, currency: "USD", by: ["team"], groups))
        #expect(bill.parts.map(\.part.description) == ["33.34", "33.33", "33.33"])
        #expect(bill.parts.map(\.group) == [["blue"], ["green"], ["red"]])
        #expect(bill.table.rows.last == ["total", "3.00", "100.00", "USD"])
        let fraction = try #require(Amount("0.001"))
        #expect(Chargeback(total: fraction, currency: "USD", by: [], groups) == nil)
    }
}
