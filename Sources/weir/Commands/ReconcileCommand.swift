import ArgumentParser
import Core
import Foundation
import Invoices
import Journal
import Ledger
import Settings

/// `weir ledger reconcile`: compares a provider's invoice with the journal of a data folder, offline.
struct ReconcileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Compare a provider's invoice or usage export with the ledger.",
        discussion: """
            Says where both agree, and names every difference: missing here, missing there, priced differently, quantity \
            differs, duplicated, late; what is left is rounding, within what the rule allows. Exits with 1 while there is \
            something to dispute. docs/reconciliation.md has the keys of a mapping.
            """)

    /// A larger file is refused.
    static let fileBytesMax = 2 << 30

    @Argument(help: "The invoice: CSV, or pages of OpenAI's costs or usage endpoint.")
    var file: String
    @Option(help: "generic, openai, openai-usage, azure or focus.")
    var format: InvoiceRule.Format = .generic
    @Option(help: "A file of lines `key = value` that say which column is what.")
    var mapping: String?
    @Option(help: "One such line; may be given again. It overrides the file.")
    var set: [String] = []
    @Option(help: "First day of the invoice, in the provider's zone.")
    var from: String
    @Option(help: "Last day of the invoice, counted in.")
    var to: String
    @Option(help: "The data folder of a Weir that does not run, or a copy of it.")
    var data: String
    @Option(help: "The configuration whose prices compare each line; without it a day's amounts are compared whole.")
    var config: String?
    @Option(help: "Only attempts at these endpoints, separated by commas.")
    var endpoints: String?
    @Option(help: "Only attempts at endpoints of this operator.")
    var `operator`: String?
    @Flag(help: "Everything as JSON.")
    var json = false
    @Flag(help: "The list of findings as CSV.")
    var csv = false
    @Option(help: "Write the corrections that the invoice proves to this file, as CSV.")
    var propose: String?

    func run() throws {
        guard let first = CivilDate(from), let last = CivilDate(to) else {
            throw ValidationError("--from and --to are days such as 2026-11-30.")
        }
        var rule = InvoiceRule(format, from: first, to: last)
        if let mapping { try rule.read(mapping: String(decoding: bytes(mapping), as: UTF8.self)) }
        for line in set { try rule.read(mapping: line) }
        try rule.check()
        let rows = try readInvoice(Array(bytes(file)), rule)
        let charged = try charged(rule)
        let result = reconcile(
            rows, charged.attempts, rule, prices: try prices(), name: URL(fileURLWithPath: file).lastPathComponent,
            charges: charged.allowances)
        if json {
            print(result.json, terminator: "")
        } else if csv {
            print(result.findingsTable.csv, terminator: "")
        } else {
            printTables(result)
        }
        if let propose { try Data(result.proposalsTable.csv.utf8).write(to: URL(fileURLWithPath: propose), options: .atomic) }
        if !result.disputes.isEmpty { throw ExitCode(1) }
    }

    private func bytes(_ path: String) throws -> Data {
        let url = URL(fileURLWithPath: path)
        let size = try url.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
        guard size <= Self.fileBytesMax else { throw ValidationError("\(path) is larger than 2 GiB: divide it by days.") }
        return try Data(contentsOf: url)
    }

    /// From some days before the invoice's first to its last, so that a long journal needs little memory.
    private func charged(_ rule: InvoiceRule) throws -> ChargedFold {
        let names = endpoints.map { Set($0.split(separator: ",").map(String.init)) }
        let operatorName = `operator`
        // Zones differ from UTC by less than a day; a call lasts less than one.
        let earliest = CivilDate(daysSince1970: rule.from.daysSince1970 - rule.lateDays - 2).start
        let latest = CivilDate(daysSince1970: rule.to.daysSince1970 + 2).start
        var fold = ChargedFold { attempt in
            attempt.at >= earliest && attempt.at < latest && names?.contains(attempt.endpoint) != false
                && (operatorName == nil || attempt.operator == operatorName)
        }
        try Journal.scan(folder: data + "/journal") { sequence, bytes in
            let entry = try Entry.parse(bytes)
            fold.apply(sequence, at: entry.at, entry.entry)
        }
        return fold
    }

    private func prices() throws -> PriceBook {
        guard let config else { return PriceBook() }
        let loaded = loadConfiguration(file: config, environment: ProcessInfo.processInfo.environment)
        switch loaded {
        case .success(let configuration): return configuration.priceBook
        case .failure(let errors): throw errors
        }
    }

    private func printTables(_ result: Reconciliation) {
        print("\(result.matchedLines) lines and \(result.matchedAttempts) attempts agree.\n")
        print(text(result.metersTable, numbers: ["ledger", "invoice", "named", "unexplained"]))
        print("")
        print(text(result.bridgeTable, numbers: ["amount"]))
        if !result.findings.isEmpty {
            print("\nFindings, \(result.disputes.count) of them to dispute")
            print(text(result.findingsTable, numbers: ["difference"]))
        }
        if !result.proposals.isEmpty {
            print("\nCorrections that the invoice proves" + (propose == nil ? " (--propose FILE writes them)" : ""))
            print(text(result.proposalsTable, numbers: ["amount"]))
        }
    }

    private func text(_ report: ReportTable, numbers: Set<String>) -> String {
        var table = TextTable(report.columns.map { TextTable.Column(name: $0, isNumber: numbers.contains($0)) })
        table.rows = report.rows
        return table.text
    }
}

extension InvoiceRule.Format: ExpressibleByArgument {}
