import ArgumentParser
import Console
import Core
import Foundation

/// `weir exports`: persons whose data have left mainland China in a year, by tenant.
struct ExportsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exports",
        abstract: "Show how many persons' data have left mainland China in a year, by tenant, and which threshold that reaches.")

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, csv, json }

    @OptionGroup var server: ServerOptions
    @Option(help: "The year, by China's calendar. (default: this year)") var year: Int?
    @Option(help: "table, csv or json.") var format: Format = .table

    func run() throws {
        let query = year.map { [("year", String($0))] } ?? []
        let report = try server.client().call("GET", "/admin/v1/exports", query: query, as: ExportReport.self)
        switch format {
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        case .csv: print(table(report).csv, terminator: "")
        case .table:
            print("Persons whose data left mainland China in \(report.year) (UTC+8)")
            print(table(report).text)
            print(
                """

                Thresholds (CAC order 16): a contract on file or a certificate from \(ExportPath.contractPersons) persons, or from one \
                with sensitive data; a security assessment from \(ExportPath.assessmentPersons), or from \
                \(ExportPath.assessmentSensitivePersons) with sensitive data. This supports a decision; it is no legal advice.
                """)
        }
    }

    private func table(_ report: ExportReport) -> TextTable {
        var table = TextTable([
            .init(name: "tenant"), .init(name: "year", isNumber: true), .init(name: "persons", isNumber: true),
            .init(name: "sensitive", isNumber: true), .init(name: "reached"),
        ])
        table.rows = report.rows.map { row in
            let path = row.isAtLeast ? "\(row.path), counts are at least" : row.path
            return [row.tenant, String(report.year), String(row.persons), String(row.sensitivePersons), path]
        }
        return table
    }
}
