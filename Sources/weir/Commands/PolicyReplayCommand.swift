import ArgumentParser
import Core
import Foundation
import Journal
import Ledger
import Policy
import Providers
import Settings

/// `weir policy replay`: which of the calls that were made would have gone elsewhere.
struct PolicyReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Judge the attempts of the journal by a configuration: which would have been denied or have gone elsewhere.",
        discussion: """
            Attempts keep the labels that they were judged with; those without any are judged with what their keys are bound to in the \
            configuration. The policies are those in force now. Calls that were refused have no attempt and are not judged. It may run \
            beside a Weir and changes nothing. It ends with 1 when any attempt would be denied, go elsewhere or is undecided.
            """)

    @OptionGroup var policy: PolicyOptions
    @Option(help: "The data folder, if it is not the configuration's; a journal lies in its folder `journal`.") var data: String?
    @Option(help: "How far to look back: 90s, 15m, 24h or 30d.") var since = "24h"
    @Option(help: "How many attempts to list at most.") var list = 100

    func run() throws {
        guard list >= 0 else { throw ValidationError("`--list` takes a number that is not negative.") }
        let configuration = try policy.load()
        let now = Timestamp.now()
        let length = try seconds(since, "--since")
        guard let milliseconds = Self.milliseconds(length), milliseconds <= now.nanoseconds / 1_000_000 else {
            throw ValidationError("`--since` is too long.")
        }
        let folder = data ?? configuration.dataFolder
        var report = ReplayReport(
            Replay(configuration.catalogue) { $0.serves($1) }, since: now.advanced(byMilliseconds: -milliseconds), listMax: list)
        do {
            try Journal.scan(folder: folder + "/journal") { _, bytes in
                let (_, at, entry) = try Entry.parse(bytes)
                report.take(entry, at: at)
            }
        } catch let error as JournalError {
            throw CommandFailure("The journal in \(folder) cannot be read: \(error)")
        } catch let error as EntryError {
            throw CommandFailure("The journal in \(folder) has an entry that cannot be read: \(error)")
        }
        print(report.text)
        if report.changed > 0 { throw ExitCode(1) }
    }

    private static func milliseconds(_ seconds: Int64) -> Int64? {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        return overflow ? nil : product
    }
}

/// What came of replaying a journal, for people to read.
struct ReplayReport {
    private var replay: Replay
    private let since: Timestamp
    private let listMax: Int
    private var keys: [String: KeyRecord] = [:]
    private var attempts = 0
    private var stays = 0
    private var elsewhere = 0
    private var denied = 0
    private var undecided = 0
    private var unlabelled = 0
    private var keyless = 0
    private var refused: Int64 = 0
    private var rows: [[String]] = []

    init(_ replay: Replay, since: Timestamp, listMax: Int) {
        self.replay = replay
        self.since = since
        self.listMax = listMax
    }

    /// Attempts that would not simply go where they went.
    var changed: Int { elsewhere + denied + undecided + keyless }

    /// Entries come in the order of the journal.
    mutating func take(_ entry: Entry, at: Timestamp) {
        switch entry {
        case .key(let record): keys[record.id] = record
        case .hold(let hold) where at >= since: take(hold, at: at)
        case .refused(_, let refusals) where at >= since: refused += refusals.reduce(0) { $0 &+ $1.count }
        default: break
        }
    }

    private mutating func take(_ hold: HoldEntry, at: Timestamp) {
        attempts += 1
        guard let key = keys[hold.key] else {
            keyless += 1
            return
        }
        if hold.judged == nil { unlabelled += 1 }
        let past = PastAttempt(
            key: key, model: hold.route.model, operation: hold.operation, endpoint: hold.route.endpoint,
            labels: hold.judged?.labels, at: at)
        switch replay.judge(past) {
        case .stays: stays += 1
        case .elsewhere(let endpoints, let because):
            elsewhere += 1
            note(hold, key, at, "elsewhere: \(endpoints.joined(separator: " "))", because)
        case .denied(let because):
            denied += 1
            note(hold, key, at, "denied", because)
        case .undecided(let policies):
            undecided += 1
            note(hold, key, at, "undecided", "\(policies.joined(separator: ", ")) asks how many persons' data had left by then")
        }
    }

    private mutating func note(_ hold: HoldEntry, _ key: KeyRecord, _ at: Timestamp, _ what: String, _ why: String) {
        guard rows.count < listMax else { return }
        rows.append(["\(at)", "\(hold.attempt)", "\(key.tenant)/\(key.team)", hold.route.model, hold.route.endpoint, what, why])
    }

    var text: String {
        var lines = [
            "\(counted(attempts, "attempt")) since \(since): \(stays) would go where they went, \(elsewhere) elsewhere, "
                + "\(denied) nowhere, \(undecided) undecided."
        ]
        if unlabelled > 0 {
            lines.append(
                "\(counted(unlabelled, "attempt")) had no labels and were judged with those that their keys have in this configuration."
            )
        }
        if keyless > 0 { lines.append("Not judged: \(counted(keyless, "attempt")) whose keys are not in this journal.") }
        if refused > 0 { lines.append("Not judged: \(refused) refused calls, of which the journal keeps no labels.") }
        if !rows.isEmpty {
            var table = TextTable(
                ["at", "attempt", "team", "model", "went to", "would go", "because"].map { TextTable.Column(name: $0) })
            table.rows = rows
            lines += ["", table.text]
        }
        let left = elsewhere + denied + undecided - rows.count
        if left > 0 { lines.append("…and \(left) more.") }
        return lines.joined(separator: "\n")
    }
}
