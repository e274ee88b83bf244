import ArgumentParser
import Foundation
import Ledger

/// `weir ledger rebuild`: folds the journal from nothing and compares.
struct RebuildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Fold the whole journal from nothing and compare every balance and report with the books that were kept.")

    @Option(help: "Weir's data folder; Weir may be running.") var data: String

    func run() throws {
        let scratch = FileManager.default.temporaryDirectory.appending(path: "weir-rebuild-\(UUID().uuidString).sqlite")
        defer { for ending in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: scratch.path + ending) } }
        let began = Date()
        let rebuild = try rebuild(journal: data + "/journal", comparedWith: data + "/books.sqlite", in: scratch.path)
        let seconds = Int(Date().timeIntervalSince(began).rounded(.up))
        guard rebuild.differences.isEmpty else {
            for line in rebuild.differences { print(line) }
            print("\(rebuild.entries) entries folded in \(seconds) s; the kept books differ.")
            throw ExitCode(1)
        }
        print("\(rebuild.entries) entries folded in \(seconds) s; the kept books say the same.")
    }
}
