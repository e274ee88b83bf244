import ArgumentParser
import Console
import Foundation

/// `weir models --compare a,b`: endpoints of models side by side.
struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract:
            "Compare models: each endpoint's primary model, operator, places, labels, prices, measured speed and quota, with sources."
    )

    @OptionGroup var server: ServerOptions
    @Option(help: "Public names of models, with commas between.") var compare: String
    @Flag(help: "As JSON, each value with its source.") var json = false

    func run() throws {
        let report = try server.client().call(
            "GET", "/admin/v1/models", query: [("compare", compare)], as: ModelComparison.self)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return print(String(decoding: try encoder.encode(report), as: UTF8.self))
        }
        if !report.lines.isEmpty {
            var sources: [String] = []
            print(table(report, &sources).text + "\n")
            for (index, source) in sources.enumerated() { print("[\(index + 1)] \(source)") }
        }
        for model in report.unknown { print("No endpoint serves \(model).") }
    }

    /// A fact a row, an endpoint a column; sources as footnotes, which nearly all values share.
    private func table(_ report: ModelComparison, _ sources: inout [String]) -> TextTable {
        var table = TextTable([.init(name: "")] + report.lines.map { .init(name: "\($0.model) @ \($0.endpoint)") })
        for name in ModelComparison.facts {
            var row = [name]
            for line in report.lines {
                guard let fact = line.facts[name] else {
                    row.append("-")
                    continue
                }
                let number = sources.firstIndex(of: fact.source) ?? sources.count
                if number == sources.count { sources.append(fact.source) }
                row.append("\(fact.value) [\(number + 1)]")
            }
            table.rows.append(row)
        }
        return table
    }
}
