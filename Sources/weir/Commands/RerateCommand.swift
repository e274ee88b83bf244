import ArgumentParser
import Core
import Foundation
import Journal
import Ledger
import Settings
import Wire

/// `weir ledger rerate`: what a period would have cost by other prices.
struct RerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rerate", abstract: "Rate a period of the journal by other prices, offline: charged, would be, difference.",
        discussion: """
            Reads the kept usage of each attempt again and changes nothing. Run it on a folder that no Weir writes to, such as a backup.
            """)

    @Option(help: "The configuration file, for the data folder and its prices. (default: $WEIR_CONFIG, else weir.yaml)")
    var config: String?
    @Option(help: "The data folder, if it is not the configuration's; a journal lies in its folder `journal`.") var data: String?
    @Option(help: "The first day (UTC).") var from: String
    @Option(help: "The last day (UTC), counted in.") var to: String
    @Option(help: "A file with `prices` (and `currencies`) to rate by. (default: the configuration)") var prices: String?

    func run() throws {
        let environment = ProcessInfo.processInfo.environment
        let file = config ?? environment["WEIR_CONFIG"] ?? "weir.yaml"
        let book: PriceBook
        switch loadPriceBook(file: prices ?? file, environment: environment) {
        case .success(let loaded): book = loaded
        case .failure(let errors): throw CommandFailure(errors.description)
        }
        let folder = try data ?? dataFolder(file, environment)
        var rerate = Rerate(book: book, period: try period()) { raw in raw.withUnsafeBytes { readUsage($0) } }
        do {
            try Journal.scan(folder: folder + "/journal") { _, bytes in rerate.prepare(try Entry.parse(bytes).entry) }
            try Journal.scan(folder: folder + "/journal") { _, bytes in
                let (sequence, at, entry) = try Entry.parse(bytes)
                rerate.take(entry, sequence: sequence, at: at)
            }
        } catch let error as JournalError {
            throw CommandFailure("The journal in \(folder) cannot be read: \(error)")
        }
        show(rerate)
        if !rerate.unknown.isEmpty { throw ExitCode(1) }
    }

    private func dataFolder(_ file: String, _ environment: [String: String]) throws -> String {
        switch loadConfiguration(file: file, environment: environment) {
        case .success(let configuration): return configuration.dataFolder
        case .failure(let errors): throw CommandFailure(errors.description)
        }
    }

    private func period() throws -> Range<Timestamp> {
        guard let first = CivilDate(from), let last = CivilDate(to), first <= last else {
            throw ValidationError("`--from` and `--to` take days such as 2026-11-01, the first not after the last.")
        }
        return first.start..<CivilDate(daysSince1970: last.daysSince1970 + 1).start
    }

    private func show(_ rerate: Rerate) {
        print("Rated again from \(from) to \(to) (UTC), in dollars")
        var table = TextTable(
            [TextTable.Column(name: "model"), TextTable.Column(name: "endpoint")]
                + ["attempts", "charged", "would be", "difference"].map { TextTable.Column(name: $0, isNumber: true) })
        table.rows = rerate.lines.sorted { $0.key < $1.key }.map { place, line in
            [place.model, place.endpoint] + values(line)
        }
        table.total = ["total", ""] + values(rerate.total)
        print(table.text)
        if rerate.estimated.attempts > 0 {
            print(
                "\(rerate.estimated.attempts) estimated attempts keep their charge of \(rerate.estimated.charged): nobody counted them."
            )
        }
        if rerate.allowances.attempts > 0 {
            print(
                "\(rerate.allowances.attempts) charges by evidence, of sends whose holds were lost, stay at "
                    + "\(rerate.allowances.charged): their price list is not known.")
        }
        if rerate.reread > 0 {
            print("\(rerate.reread) attempts have a kept usage that says more than their meters; it was rated.")
        }
        for (unknown, line) in rerate.unknown.sorted(by: { $0.key < $1.key }) {
            print("Not rated: \(line.attempts) attempts, charged \(line.charged): \(unknown).")
        }
        if rerate.orphans > 0 {
            print("Not rated: \(rerate.orphans) ends whose holds are not in this journal.")
        }
        guard rerate.differing > 0 else { return }
        print("\(rerate.differing) attempts differ:")
        var list = TextTable(
            ["attempt", "model", "endpoint", "price"].map { TextTable.Column(name: $0) }
                + ["input", "output", "charged", "would be"].map { TextTable.Column(name: $0, isNumber: true) })
        list.rows = rerate.differences.map { difference in
            [
                "\(difference.attempt)", difference.place.model, difference.place.endpoint, difference.list,
                String(difference.usage.inputTokens), String(difference.usage.outputTokens), difference.charged.description,
                difference.would.description,
            ]
        }
        print(list.text)
        let left = rerate.differing - Int64(rerate.differences.count)
        if left > 0 { print("…and \(left) more.") }
    }

    private func values(_ line: Rerate.Line) -> [String] {
        [String(line.attempts), line.charged.description, line.would.description, line.difference.description]
    }
}
