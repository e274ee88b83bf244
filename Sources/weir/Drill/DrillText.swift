import Drill

extension DrillReport {
    /// For people: what goes where, what is refused and why, and what the figures are.
    var text: String {
        let names = without.map { "\($0.endpoint) (\($0.because))" }.joined(separator: ", ")
        var lines = [
            "Without \(names), from \(since) to \(until)\(speed.map { ", played at \($0.shown) times the speed" } ?? ""), seed \(seed):",
            "\(counted(total.calls, "call")): \(total.kept) kept, \(total.moved) moved, \(total.refused) refused.", "",
            callsTable.text, "", costTable.text,
        ]
        if total.refused > 0 { lines += ["", refusalsTable.text] }
        lines += [
            "",
            "Money in dollars: `cost was` is of all calls, `answered` of those that are answered in the drill, `would` what these cost there.",
        ]
        lines.append(
            "Times in milliseconds, of calls for which both are known: \(counted(total.time.calls, "call")), of streams \(total.firstToken.calls)."
        )
        let unknown = total.time.unknown
        if unknown > 0 { lines.append("Of \(counted(unknown, "answered call")) the time is not known.") }
        for name in ["cost.would", "time.would"] { lines.append("\(name): \(sources[name] ?? "").") }
        return (lines + notes).joined(separator: "\n")
    }

    private var callsTable: TextTable {
        var table = TextTable(
            ["tenant", "model"].map { .init(name: $0) }
                + ["calls", "kept", "moved", "refused"].map { .init(name: $0, isNumber: true) } + [.init(name: "answered at")])
        func row(_ line: Line) -> [String] {
            [String(line.calls), String(line.kept), String(line.moved), String(line.refused)]
                + [line.answeredAt.map { "\($0.endpoint) \($0.calls)" }.joined(separator: ", ")]
        }
        table.rows = lines.map { [$0.tenant, $0.model] + row($0) }
        table.total = ["total", ""] + row(total)
        return table
    }

    private var costTable: TextTable {
        var table = TextTable(
            ["tenant", "model"].map { .init(name: $0) }
                + [
                    "cost was", "answered", "would", "more", "p50 was", "would", "p95 was", "would", "first p50 was", "would",
                    "first p95 was", "would",
                ].map { .init(name: $0, isNumber: true) })
        func times(_ time: Time) -> [String] {
            [time.was?.p50, time.would?.p50, time.was?.p95, time.would?.p95].map { $0.map { String(Int($0.rounded())) } ?? "-" }
        }
        func row(_ line: Line) -> [String] {
            [line.cost.was, line.cost.ofAnswered, line.cost.would, line.cost.difference] + times(line.time)
                + times(line.firstToken)
        }
        table.rows = lines.map { [$0.tenant, $0.model] + row($0) }
        table.total = ["total", ""] + row(total)
        return table
    }

    private var refusalsTable: TextTable {
        var table = TextTable([
            .init(name: "tenant"), .init(name: "model"), .init(name: "refused", isNumber: true), .init(name: "by"),
            .init(name: "because"),
        ])
        for line in lines {
            table.rows += line.refusals.map { [line.tenant, line.model, String($0.calls), $0.reason, $0.detail] }
        }
        return table
    }
}
