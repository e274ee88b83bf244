import Core

/// Rows under a head, as reports for people and spreadsheets are made of.
public struct ReportTable: Sendable, Hashable {
    public var columns: [String]
    public var rows: [[String]]

    /// RFC 4180.
    public var csv: String { csvLine(columns) + rows.map(csvLine).joined() }

    /// An array of objects whose values are texts, so that no amount passes through a floating-point number.
    public var json: String {
        let objects = rows.map { row in
            "{" + zip(columns, row).map { "\(jsonText($0)):\(jsonText($1))" }.joined(separator: ",") + "}"
        }
        return "[" + objects.joined(separator: ",\n ") + "]"
    }
}

extension Reconciliation {
    /// The dispute list, with what is late or no use told as well.
    public var findingsTable: ReportTable {
        ReportTable(
            columns: [
                "finding", "dispute", "day", "model", "endpoint", "attempt", "request", "meters", "ours", "theirs", "difference",
                "currency", "lines", "note",
            ],
            rows: findings.map { finding in
                [
                    finding.kind.rawValue, finding.kind.isDispute ? "yes" : "no", finding.day?.description ?? "", finding.model,
                    finding.endpoint, finding.attempt?.description ?? "", finding.request ?? "",
                    finding.meters.map(\.description).joined(separator: " "),
                    finding.ours.map(String.init).joined(separator: " "),
                    finding.theirs.map(String.init).joined(separator: " "), finding.difference.description, totals.currency,
                    linesText(finding.lines), finding.note,
                ]
            })
    }

    /// From what the ledger charged to what the invoice says, each step by name; the last line is zero.
    public var bridgeTable: ReportTable {
        var rows = [
            ["charged by the ledger", charged(totals.charged), "USD"],
            ["corrections proposed", charged(totals.corrections), "USD"],
            ["charged, converted", totals.converted.description, totals.currency],
        ]
        for kind in Finding.Kind.allCases {
            guard let amount = totals.differences[kind], amount != .zero else { continue }
            rows.append([kind.rawValue, amount.description, totals.currency])
        }
        rows.append(["rounding (at most \(totals.roundingBound))", totals.rounding.description, totals.currency])
        rows.append(["invoiced", totals.invoiced.description, totals.currency])
        rows.append(["unexplained", totals.unexplained.description, totals.currency])
        return ReportTable(columns: ["step", "amount", "currency"], rows: rows)
    }

    public var metersTable: ReportTable {
        ReportTable(
            columns: ["meters", "ledger", "invoice", "named", "unexplained"],
            rows: meters.map { line in
                [line.meters.description]
                    + [line.ours, line.theirs, line.named, line.theirs - line.ours - line.named].map(String.init)
            })
    }

    public var proposalsTable: ReportTable {
        ReportTable(
            columns: ["action", "attempt", "hold", "meters", "amount", "evidence", "share"],
            rows: proposals.map { proposal in
                [
                    proposal.action.rawValue, proposal.attempt.description, String(proposal.hold), proposal.metersText,
                    proposal.amount.description, proposal.evidence, proposal.isShare ? "yes" : "no",
                ]
            })
    }

    public var json: String {
        "{\"matchedLines\":\(matchedLines),\"matchedAttempts\":\(matchedAttempts),\n\"totals\":\(bridgeTable.json),\n"
            + "\"meters\":\(metersTable.json),\n\"findings\":\(findingsTable.json),\n\"proposals\":\(proposalsTable.json)}\n"
    }

    private func charged(_ total: MoneyTotal) -> String { total.description }

    /// A thousand lines of a request are told by their first and their number.
    private func linesText(_ lines: [Int]) -> String {
        lines.count <= 8
            ? lines.map(String.init).joined(separator: " ")
            : lines.prefix(8).map(String.init).joined(separator: " ") + " and \(lines.count - 8) more"
    }
}

extension Proposal {
    /// The signed meters that are not zero: `output=12 input=-3`.
    public var metersText: String {
        Meter.all.filter { meters[$0] != 0 }.map { "\($0.rawValue)=\(meters[$0])" }.joined(separator: " ")
    }
}

/// A text as JSON, with its quotes.
func jsonText(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": out += "\\\""
        case "\\": out += "\\\\"
        default:
            if scalar.value < 0x20 || scalar.value == 0x7F {
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            } else {
                out.unicodeScalars.append(scalar)
            }
        }
    }
    return out + "\""
}
