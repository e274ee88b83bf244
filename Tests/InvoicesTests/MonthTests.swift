import Core
import Invoices
import Ledger
import Simulator
import TestKit
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

// One provider at a time, so that a million attempts need the memory of a hundred thousand.
@Suite("A simulated month", .serialized)
struct MonthTests {
    private static let isSoak = getenv("WEIR_SOAK") != nil
    /// Over all providers. Small months have more coincidences, of one attempt on a day and none on the next.
    private static let attempts = setting("WEIR_ATTEMPTS") ?? (isSoak ? 1_000_000 : 20_000)
    /// Of each provider, with seeds one after the other.
    private static let months = setting("WEIR_MONTHS") ?? 1

    private static func setting(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }

    /// What a spoilt line must be found as: kind, place and meters.
    private func expected(_ injected: Invoice.Injected, _ provider: MonthProvider, callOf: [String: String]) -> [String] {
        let line = injected.line
        let layout = provider.style.layout
        let isByRequest = [.requests, .wideRequests].contains(layout)
        let kind: Finding.Kind =
            switch injected.defect {
            case .missing: .missingThere
            case .duplicated: .duplicated
            case .late: .late
            case .wrongPrice: .pricedDifferently
            case .wrongQuantity: .quantityDiffers
            case .foreign: layout == .azure ? .unmapped : .missingHere
            case .reversed: .late
            }
        if injected.defect == .reversed { return [] }
        if kind == .unmapped { return ["unmapped|\(CivilDate(daysSince1970: line.day))"] }
        let place =
            isByRequest
            ? callOf[line.request] ?? line.request
            : "\(CivilDate(daysSince1970: line.day))|\(line.model)|\(line.endpoint)"
        return line.quantities.map { "\(kind.rawValue)|\(place)|\($0.meter)" }
    }

    private func found(_ finding: Finding, byRequest: Bool) -> [String] {
        let day = finding.day?.description ?? ""
        if finding.kind == .unmapped { return ["unmapped|\(day)"] }
        let place = byRequest ? finding.request ?? "" : "\(day)|\(finding.model)|\(finding.endpoint)"
        return finding.meters.map { set in
            let meter = set.contains(.output) ? "output" : set.contains(.cachedInput) ? "cached input" : "input"
            return "\(finding.kind.rawValue)|\(place)|\(meter)"
        }
    }

    @Test("OpenAI's invoice knows no endpoints: a day's uses at two are one line, of none")
    func noEndpoints() throws {
        let provider = try #require(MonthProvider.all.first { $0.style.layout == .openai })
        let uses = ["a", "b"].map { endpoint in
            BilledUse(
                request: endpoint, at: 1_794_304_800_000_000_000, endpoint: endpoint, model: provider.models[0],
                quantities: [("input", 100)])
        }
        let lines = Invoice(uses, provider.style).lines
        #expect(lines.map(\.endpoint) == [""])
        #expect(lines.map { $0.quantities[0].tokens } == [200])
    }

    @Test(
        "Of a month with ten providers' dialects of invoice, every injected discrepancy is found by name and none is invented",
        arguments: MonthProvider.all.indices)
    func month(index: Int) throws {
        let provider = MonthProvider.all[index]
        let first = testSeed("month of \(provider.name)")
        for number in 0..<UInt64(Self.months) {
            if number > 0 { print("month of \(provider.name): WEIR_SEED=\(first &+ number)") }
            try check(provider, seed: first &+ number)
        }
    }

    private func check(_ provider: MonthProvider, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let started = Timestamp.now()
        let count = Self.attempts / MonthProvider.all.count
        let month = try Month(provider, attempts: count, faultsPerThousand: 5, random: &random)
        var fold = ChargedFold()
        for (sequence, at, entry) in month.entries { fold.apply(sequence, at: at, entry) }
        let attempts = fold.attempts
        #expect(attempts.count == count)

        var invoice = Invoice(month.uses, provider.style)
        let most = max(1, min(invoice.lines.count / 40, count / 1_000))
        let weak = month.faulty
        let known = knownExactly(month, provider)
        // Two spoilt days of one meter, so near that a line could be the one's or the other's, can be told in more than one way.
        var spoilt: [String: [Int]] = [:]
        let isByDay = ![.requests, .wideRequests].contains(provider.style.layout)
        // A line that an attempt nobody knew exactly would explain is no injected discrepancy; nor is one without money a price.
        invoice.spoil(
            InvoiceDefect.allCases.map { ($0, most) }, seed: random.next(),
            may: { defect, line in
                guard weak[line.request] == nil, defect != .wrongPrice || line.amount.contains(where: { !"0.".contains($0) })
                else { return false }
                guard isByDay else { return true }
                // Of a day that only such attempts used: a whole invoice without the line says that they were not billed, and on a
                // later day nothing but a guess would make the line theirs.
                guard line.quantities.contains(where: { known.contains(place(line, $0.meter)) }) else { return false }
                let series = "\(line.endpoint)|\(line.model)|\(line.quantities[0].meter)"
                guard spoilt[series, default: []].allSatisfy({ abs($0 - line.day) > 3 }) else { return false }
                spoilt[series, default: []].append(line.day)
                return true
            })
        #expect(invoice.injected.count >= InvoiceDefect.allCases.count)
        let rule = try provider.rule
        let rows = try readInvoice(Array(invoice.text.utf8), rule)
        #expect(rows.count == invoice.lines.count)
        let book = PriceBook(provider.book)
        let result = reconcile(rows, attempts, rule, prices: book, name: provider.name)

        // Quantities: exact, and those of the simulator's own lines.
        for line in result.meters {
            let meter = line.meters.contains(.output) ? "output" : line.meters.contains(.cachedInput) ? "cached input" : "input"
            guard line.meters.contains(.output) || line.meters.contains(.cachedInput) || line.meters.contains(.input) else {
                continue
            }
            let foreign = invoice.injected.filter { $0.defect == .foreign && provider.style.layout == .azure }
            var billed = invoice.lines.flatMap(\.quantities).filter { $0.meter == meter }.reduce(0) { $0 + $1.tokens }
            // Of a meter that no mapping knows nobody can count the tokens.
            billed -= foreign.flatMap(\.line.quantities).filter { $0.meter == meter }.reduce(0) { $0 + $1.tokens }
            #expect(line.theirs == Int64(billed))
            #expect(line.theirs == line.ours + line.named, "\(provider.name) \(line.meters)")
        }
        // Money: all of it has a name, and rounding is no more than rounding can be.
        #expect(result.totals.invoiced.description == Amount(invoice.total)?.description)
        #expect(result.totals.unexplained == .zero)
        #expect(result.totals.rounding.magnitude <= result.totals.roundingBound)
        // Discrepancies: each found, none invented.
        let byRequest = rule.columns[.id] != nil
        var callOf: [String: String] = [:]
        for attempt in attempts { callOf[attempt.attempt.description] = attempt.call }
        let wanted = invoice.injected.flatMap { expected($0, provider, callOf: callOf) }.sorted()
        let got = result.findings.flatMap { found($0, byRequest: byRequest) }.sorted()
        let difference = got.difference(from: wanted)
        #expect(
            got == wanted,
            "\(provider.name), seed \(seed): \(difference.count) differences, such as \(difference.prefix(6).map { "\($0)" })")
        try checkCorrections(result, month, provider, attempts, byRequest: byRequest)

        // With the corrections posted, nothing is left to correct and the same is in dispute.
        let again = reconcile(rows, corrected(attempts, result.proposals), rule, prices: book, name: provider.name)
        #expect(again.proposals.isEmpty)
        #expect(again.findings.flatMap { found($0, byRequest: byRequest) }.sorted() == got)
        #expect(again.totals.unexplained == .zero)
        #expect(again.totals.converted == result.totals.converted)
        if Self.isSoak { print("\(provider.name): \(count) attempts in \(Timestamp.now().milliseconds(since: started)) ms") }
    }

    /// Days and meters that an attempt used of which both sides know the same.
    private func knownExactly(_ month: Month, _ provider: MonthProvider) -> Set<String> {
        var places: Set<String> = []
        for use in month.uses where month.faulty[use.request] == nil {
            let day = (use.at / 1_000_000_000 + Int64(provider.style.zoneMinutes) * 60) / 86_400
            let endpoint = provider.style.layout == .openai ? "" : use.endpoint
            for (meter, tokens) in use.quantities where tokens > 0 {
                places.insert("\(day)|\(endpoint)|\(use.model)|\(meter)")
            }
        }
        return places
    }

    private func place(_ line: InvoiceLine, _ meter: String) -> String {
        "\(line.day)|\(line.endpoint)|\(line.model)|\(meter)"
    }

    /// Of each attempt that nobody knew exactly, by itself or in the sum of its day.
    private func checkCorrections(
        _ result: Reconciliation, _ month: Month, _ provider: MonthProvider, _ attempts: [ChargedAttempt], byRequest: Bool
    ) throws {
        let proposals = Dictionary(result.proposals.map { ($0.attempt, $0) }) { first, _ in first }
        #expect(proposals.count == result.proposals.count)
        guard byRequest else { return }
        for (name, fault) in month.faulty {
            if fault.fault == .doubtUnbilled {
                #expect(proposals[fault.attempt]?.action == .void, "\(provider.name) \(name)")
                continue
            }
            let proposal = try #require(proposals[fault.attempt], "\(provider.name) \(name) \(fault.fault)")
            #expect(proposal.action == (fault.fault == .doubtBilled ? .settle : .correct))
            #expect(proposal.meters.inputTokens == fault.missing.inputTokens)
            #expect(proposal.meters.cachedInput == fault.missing.cachedInput)
            #expect(proposal.meters.outputTokens == fault.missing.outputTokens)
            #expect(!proposal.isShare)
        }
        #expect(proposals.count == month.faulty.count)
    }

    private func corrected(_ attempts: [ChargedAttempt], _ proposals: [Proposal]) -> [ChargedAttempt] {
        let byAttempt = Dictionary(proposals.map { ($0.attempt, $0) }) { first, _ in first }
        return attempts.map { attempt in
            guard let proposal = byAttempt[attempt.attempt] else { return attempt }
            var attempt = attempt
            attempt.usage = attempt.usage + proposal.meters
            attempt.amount += proposal.amount
            attempt.estimated = false
            attempt.how = proposal.action == .void ? .voided : .settled
            attempt.corrections += 1
            return attempt
        }
    }
}
