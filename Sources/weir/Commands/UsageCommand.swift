import ArgumentParser
import Console
import Core
import Foundation
import Invoices

/// `weir usage`: calls, tokens and money of some days.
struct UsageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage", abstract: "Show calls, tokens and money by key, model, endpoint, team, tenant, day or month.")

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, csv, json }

    @OptionGroup var server: ServerOptions
    @Option(help: "What to break it down by, separated by commas: key, model, endpoint, team, tenant, day, month, minute.")
    var by: String = "key,model"
    @Option(help: "The first day (UTC). (default: the first of this month)") var from: String?
    @Option(help: "The last day (UTC), counted in. (default: today)") var to: String?
    @Option(help: "table, csv or json.") var format: Format = .table
    @Option(help: "Share this total, such as an invoice's, among the rows by what they were charged: parts sum to it exactly.")
    var chargeback: String?
    @Option(help: "Decimals of each part of --chargeback.") var decimals: Int = 2

    func run() throws {
        var query: [(String, String)] = by.isEmpty ? [] : [("by", by)]
        if let from { query.append(("from", from)) }
        if let to { query.append(("to", to)) }
        let client = try server.client()
        let report = try client.call("GET", "/admin/v1/usage", query: query, as: UsageReport.self)
        let parts = try chargeback.map { try shares(of: $0, among: report) }
        switch format {
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            let bytes = try parts.map { try encoder.encode(SharedReport(report, $0)) } ?? encoder.encode(report)
            print(String(decoding: bytes, as: UTF8.self))
        case .csv: print(table(report, parts, all: true).csv, terminator: "")
        case .table:
            // People know keys by their names; programs by what never changes.
            let names = report.by.contains("key") ? try keyNames(client) : [:]
            print("Usage from \(report.from) to \(report.to) (UTC), in dollars")
            print(table(report, parts, names: names).text)
        }
    }

    /// What each row pays of a total, in the order of the rows, and last the total.
    private func shares(of text: String, among report: UsageReport) throws -> [String] {
        guard let total = Amount(text), total >= .zero else {
            throw ValidationError("`--chargeback` takes an amount such as 812345.67.")
        }
        guard (0...Amount.decimals).contains(decimals) else {
            throw ValidationError("`--decimals` is at most \(Amount.decimals).")
        }
        guard !report.rows.isEmpty else { throw CommandFailure("Nothing was used in that time, so nobody can be charged.") }
        let groups = report.rows.map { row in
            (group: report.by.map { row.group[$0] ?? "" }, charged: charged(row))
        }
        guard let divided = Chargeback(total: total, currency: "", decimals: decimals, by: report.by, groups) else {
            throw CommandFailure(
                "\(text) cannot be divided: it has more than \(decimals) decimals (--decimals), or a row was charged less than nothing."
            )
        }
        let parts = Dictionary(divided.parts.map { ($0.group, $0.part) }) { first, _ in first }
        return groups.map { parts[$0.group, default: .zero].description } + [total.description]
    }

    private func charged(_ row: UsageReport.Line) -> MoneyTotal {
        // An amount has 20 decimals, money nine.
        MoneyTotal(nanos: (Amount(row.charged) ?? .zero).units / 100_000_000_000)
    }

    private func keyNames(_ client: AdminClient) throws -> [String: String] {
        let list = try client.call("GET", "/admin/v1/keys", as: KeyList.self)
        return Dictionary(list.keys.map { ($0.id, "\($0.name) (\($0.id))") }) { first, _ in first }
    }

    /// - Parameter all: also the columns in which nothing was counted.
    private func table(
        _ report: UsageReport, _ parts: [String]?, names: [String: String] = [:], all: Bool = false
    ) -> TextTable {
        let rare = Meter.allCases.map(\.rawValue).filter { meter in
            !Self.usualMeters.contains(meter) && (all || report.total.meters[meter] != 0)
        }
        let isCorrected = all || report.total.corrections != 0
        func values(_ line: UsageReport.Line) -> [String] {
            self.values(line) + rare.map { String(line.meters[$0] ?? 0) }
                + (isCorrected ? [String(line.corrections), line.correctedCharge] : [])
        }
        var numbers = [
            "calls", "voided", "input", "cached", "output", "reasoning", "charged", "estimated", "estimated %",
        ]
        numbers += rare + (isCorrected ? ["corrections", "corrected"] : [])
        if parts != nil { numbers.append("part") }
        var table = TextTable(
            report.by.map { TextTable.Column(name: $0) } + numbers.map { TextTable.Column(name: $0, isNumber: true) })
        table.rows = report.rows.enumerated().map { index, row in
            report.by.map { name in
                let value = row.group[name] ?? ""
                return name == "key" ? names[value] ?? value : value
            } + values(row) + (parts.map { [$0[index]] } ?? [])
        }
        let label = report.by.indices.map { $0 == 0 ? "total" : "" }
        table.total = label + values(report.total) + (parts.map { $0.suffix(1) } ?? [])
        return table
    }

    /// Meters that have a column of their own under a shorter name.
    private static let usualMeters = ["input", "cachedInput", "output", "reasoning"]

    private func values(_ line: UsageReport.Line) -> [String] {
        [
            String(line.calls), String(line.voided), String(line.inputTokens), String(line.cachedInputTokens),
            String(line.outputTokens), String(line.reasoningTokens), line.charged, line.estimatedCharge,
            line.estimatedSharePercent,
        ]
    }
}

/// A report whose rows also say their `part` of a total that was shared.
private struct SharedReport: Encodable {
    struct Line: Encodable {
        var line: UsageReport.Line
        var part: String

        enum Member: String, CodingKey { case part }

        func encode(to encoder: any Encoder) throws {
            try line.encode(to: encoder)
            var members = encoder.container(keyedBy: Member.self)
            try members.encode(part, forKey: .part)
        }
    }

    var by: [String]
    var from: String
    var to: String
    var rows: [Line]
    var total: Line

    /// The last of the parts is the total.
    init(_ report: UsageReport, _ parts: [String]) {
        (by, from, to) = (report.by, report.from, report.to)
        rows = zip(report.rows, parts).map { Line(line: $0, part: $1) }
        total = Line(line: report.total, part: parts.last ?? "")
    }
}
