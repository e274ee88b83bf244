import ArgumentParser
import Console
import Foundation
import Invoices

/// `weir ledger correct`: books the entries that a reconciliation proposes.
struct CorrectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "correct",
        abstract:
            "Book the corrections that `weir ledger reconcile --propose FILE` wrote. Each counts once, however often it is sent.")

    @OptionGroup var server: ServerOptions
    @Argument(help: "The file of proposals (CSV).") var file: String
    @Option(help: "Why; it is kept in the journal.") var why: String = "reconciled with an invoice"

    func run() throws {
        let bytes = Array(try Data(contentsOf: URL(filePath: file)))
        let rows = try proposals(bytes)
        let client = try server.client()
        var booked = 0
        var already = 0
        for row in rows {
            let body = try JSONEncoder().encode(row.evidence(why: why))
            let report = try client.call("POST", "/admin/v1/evidence", body: Array(body), as: EvidenceReport.self)
            switch report.outcome {
            case .booked: booked += 1
            case .already: already += 1
            }
        }
        print("\(booked) booked" + (already > 0 ? ", \(already) were booked before" : ""))
    }

    private struct Row {
        var values: [String: String]

        func evidence(why: String) throws -> Body {
            guard let hold = UInt64(values["hold"] ?? "") else { throw CommandFailure("A proposal has no `hold`.") }
            return Body(
                action: values["action"] ?? "", attempt: values["attempt"] ?? "", hold: hold, meters: values["meters"] ?? "",
                amount: values["amount"] ?? "", tier: values["tier"].flatMap { $0.isEmpty ? nil : $0 },
                evidence: values["evidence"] ?? "", why: why)
        }
    }

    private struct Body: Encodable {
        var action: String
        var attempt: String
        var hold: UInt64
        var meters: String
        var amount: String
        var tier: String?
        var evidence: String
        var why: String
    }

    private func proposals(_ bytes: [UInt8]) throws -> [Row] {
        var reader = CSVReader(bytes)
        guard let head = try reader.next()?.fields else { return [] }
        var rows: [Row] = []
        while let row = try reader.next()?.fields {
            guard row.count == head.count else {
                throw CommandFailure("\(file): a row has \(row.count) columns instead of \(head.count).")
            }
            rows.append(Row(values: Dictionary(zip(head, row)) { first, _ in first }))
        }
        return rows
    }
}

/// `weir ledger doubts`: holds and allowances that wait for evidence.
struct DoubtsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doubts", abstract: "List the holds and allowances that are in doubt: what was reserved, and since when.")

    @OptionGroup var server: ServerOptions

    func run() throws {
        let list = try server.client().call("GET", "/admin/v1/doubts", as: DoubtList.self)
        var table = TextTable([
            .init(name: "ATTEMPT"), .init(name: "HOLD", isNumber: true), .init(name: "RESERVED $", isNumber: true),
            .init(name: "SINCE"),
        ])
        table.rows = list.doubts.map { [$0.attempt, String($0.hold), $0.amount, $0.since] }
        print(table.text)
        guard let allowances = list.allowances, !allowances.isEmpty else { return }
        var undrawn = TextTable([
            .init(name: "ALLOWANCE OF KEY"), .init(name: "DOUBT", isNumber: true), .init(name: "RESERVED $", isNumber: true),
            .init(name: "SINCE"),
        ])
        undrawn.rows = allowances.map { [$0.key, String($0.doubt), $0.amount, $0.since] }
        print(undrawn.text)
    }
}
