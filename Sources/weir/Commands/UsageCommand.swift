import ArgumentParser
import Console
import Foundation

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

    func run() throws {
        var query: [(String, String)] = by.isEmpty ? [] : [("by", by)]
        if let from { query.append(("from", from)) }
        if let to { query.append(("to", to)) }
        let client = try server.client()
        let report = try client.call("GET", "/admin/v1/usage", query: query, as: UsageReport.self)
        switch format {
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        case .csv: print(table(report).csv, terminator: "")
        case .table:
            // People know keys by their names; programs by what never changes.
            let names = report.by.contains("key") ? try keyNames(client) : [:]
            print("Usage from \(report.from) to \(report.to) (UTC), in dollars")
            print(table(report, names: names).text)
        }
    }

    private func keyNames(_ client: AdminClient) throws -> [String: String] {
        let list = try client.call("GET", "/admin/v1/keys", as: KeyList.self)
        return Dictionary(list.keys.map { ($0.id, "\($0.name) (\($0.id))") }) { first, _ in first }
    }

    private func table(_ report: UsageReport, names: [String: String] = [:]) -> TextTable {
        let numbers = [
            "calls", "voided", "input", "cached", "output", "reasoning", "charged", "estimated", "estimated %",
        ]
        var table = TextTable(
            report.by.map { TextTable.Column(name: $0) } + numbers.map { TextTable.Column(name: $0, isNumber: true) })
        table.rows = report.rows.map { row in
            report.by.map { name in
                let value = row.group[name] ?? ""
                return name == "key" ? names[value] ?? value : value
            } + values(row)
        }
        let label = report.by.indices.map { $0 == 0 ? "total" : "" }
        table.total = label + values(report.total)
        return table
    }

    private func values(_ line: UsageReport.Line) -> [String] {
        [
            String(line.calls), String(line.voided), String(line.inputTokens), String(line.cachedInputTokens),
            String(line.outputTokens), String(line.reasoningTokens), line.charged, line.estimatedCharge,
            line.estimatedSharePercent,
        ]
    }
}
