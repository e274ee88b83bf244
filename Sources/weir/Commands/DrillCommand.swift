import ArgumentParser
import Core
import Drill
import Foundation
import Journal
import Ledger
import Policy
import Providers
import Settings
import Simulator

/// `weir drill`: what would have become of real traffic without some of its endpoints.
struct DrillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract:
            "Replay the shapes of journalled calls without some endpoints: what is refused, what it costs, how much slower it is.",
        discussion: """
            Shapes are sizes, times, labels and models; the journal has no content. Calls are played in their order against a copy of the \
            routing, with the policies, paces and limits of the configuration. With --scenario they are sent over sockets through a Weir of the \
            drill's own to simulated clouds, and times are measured; without it they come from what each endpoint has shown in the journal. \
            It may run beside a Weir and changes nothing. docs/drill.md says where each figure comes from.
            """)

    @Option(help: "The configuration file. (default: $WEIR_CONFIG, else weir.yaml)") var config: String?
    @Option(help: "The data folder, if it is not the configuration's; a journal lies in its folder `journal`.") var data: String?
    @Option(
        help: """
            What is gone, with commas or again: each takes every endpoint whose name, provider, cloud, operator or place it is; \
            operator:Microsoft (endpoint:, provider:, cloud:, place:) looks among those only.
            """)
    var without: [String]
    @Option(help: "How far to look back: 90s, 15m, 24h or 30d.") var since = "24h"
    @Option(help: "How long ago the span ends. (default: now)") var until: String?
    @Option(help: "The only tenant whose calls are told; all are played.") var tenant: String?
    @Option(help: "A simulator's scenario to play the calls against.") var scenario: String?
    @Option(help: "How many times faster than then to play. (default: so that it takes about a minute)") var speed: Double?
    @Option(help: "Draws among equal endpoints are made from it.") var seed: UInt64 = 1
    @Flag(help: "As JSON.") var json = false

    /// A play takes about so long, and starts no more calls than this in a second, unless --speed says otherwise.
    private static let playSeconds = 60.0
    private static let callsPerSecond = 200.0

    func validate() throws {
        guard !words.isEmpty else { throw ValidationError("`--without` names what is gone, such as azure.") }
        if let speed, !(speed >= 1 && speed <= 100_000) { throw ValidationError("`--speed` takes a number from 1 to 100000.") }
        if speed != nil, scenario == nil { throw ValidationError("`--speed` is for calls that are played: name a `--scenario`.") }
    }

    private var words: [String] {
        without.flatMap { $0.split(separator: ",") }.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    func run() async throws {
        let configuration = try load()
        let gone: Without
        do {
            gone = try Without(
                words, of: configuration.endpoints, zones: configuration.zones, countries: configuration.countries)
        } catch { throw CommandFailure(error.description) }
        if let tenant, !configuration.tenants.contains(where: { $0.tenant == tenant }) {
            throw CommandFailure("The configuration has no tenant \(tenant).")
        }
        let folder = data ?? configuration.dataFolder
        let past = try Past(folder: folder, span: try span(), configuration)
        guard !past.reader.shapes.isEmpty else {
            let span = past.reader.span
            let empty = "The journal in \(folder) has no call from \(span.lowerBound) to \(span.upperBound)."
            return print(json ? try encoded(report(past, gone, DrillTally(), Played(notes: [empty]))) : empty)
        }
        let world = World(
            catalogue: configuration.catalogue, prices: configuration.priceBook, gone: gone.endpoints,
            suspended: past.reader.suspended, attemptsPerCall: configuration.limits.attemptsPerCall,
            serves: { $0.serves($1, model: $2) })
        let (outcomes, played) = try await outcomes(past, world, configuration, gone)
        var tally = DrillTally(tenant: tenant)
        for (shape, outcome) in zip(past.reader.shapes, outcomes) { tally.add(shape, outcome) }
        tally.add(refusedThen: past.reader.refused)
        let report = report(past, gone, tally, played, configuration)
        print(json ? try encoded(report) : report.text)
    }

    // MARK: What is read

    private func load() throws -> Settings.Configuration {
        let environment = ProcessInfo.processInfo.environment
        let file = config ?? environment["WEIR_CONFIG"] ?? "weir.yaml"
        switch loadConfiguration(file: file, environment: environment, secrets: .unread) {
        case .success(let configuration): return configuration
        case .failure(let errors): throw CommandFailure(errors.description)
        }
    }

    private func span() throws -> Range<Timestamp> {
        let now = Timestamp.now()
        func ago(_ text: String, _ option: String) throws -> Timestamp {
            let length = try seconds(text, option)
            guard length <= now.seconds else { throw ValidationError("`\(option)` is too long.") }
            return now.advanced(byMilliseconds: -length * 1_000)
        }
        let from = try ago(since, "--since")
        let to = try until.map { try ago($0, "--until") } ?? now
        guard from < to else { throw ValidationError("`--since` begins before `--until`.") }
        return from..<to
    }

    // MARK: What is played

    /// How calls were played, and what is to be said of it.
    struct Played {
        var speed: Double?
        var notes: [String] = []
    }

    private func outcomes(
        _ past: Past, _ world: World, _ configuration: Settings.Configuration, _ gone: Without
    ) async throws -> ([Outcome], Played) {
        let shapes = past.reader.shapes
        guard let scenario else {
            var rehearsal = Rehearsal(
                world, accounts: past.accounts, sequence: past.sequence, speeds: past.reader.speeds, seed: seed)
            return (shapes.map { rehearsal.play($0) }, Played())
        }
        let clouds: Scenario
        do { clouds = try Scenario.load(path: scenario) } catch { throw CommandFailure("\(error)") }
        let pace = speed ?? Self.speed(of: shapes)
        let drill = PlayedDrill(
            configuration: configuration, gone: gone.endpoints, suspended: past.reader.suspended, scenario: clouds, speed: pace,
            world: world, accounts: past.accounts.views())
        let unplayed = drill.unplayed(shapes)
        guard unplayed.isEmpty else {
            throw CommandFailure(
                "The scenario \(scenario) plays not all that is left: \(unplayed.joined(separator: ", ")). Add what is missing, or name it in --without."
            )
        }
        if !json { tell("Playing \(counted(shapes.count, "call")) at \(pace.shown) times their speed.") }
        let result: PlayedDrill.Result
        do { result = try await drill.run(shapes) } catch { throw CommandFailure("The drill could not be played: \(error)") }
        var notes: [String] = []
        if result.latestMilliseconds > 50 {
            notes.append(
                "This machine was busy: a call was sent \(result.latestMilliseconds) ms late. Play slower, with --speed, for times to rely on."
            )
        }
        return (result.outcomes, Played(speed: pace, notes: notes))
    }

    private static func speed(of shapes: [Shape]) -> Double {
        guard let first = shapes.first?.at, let last = shapes.last?.at else { return 1 }
        let seconds = Double(last.nanoseconds - first.nanoseconds) / 1e9
        return max(1, min(seconds / playSeconds, callsPerSecond * seconds / Double(shapes.count)).rounded())
    }

    // MARK: What is told

    private func encoded(_ report: DrillReport) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(report), as: UTF8.self)
    }

    private func report(
        _ past: Past, _ gone: Without, _ tally: DrillTally, _ played: Played, _ configuration: Settings.Configuration? = nil
    ) -> DrillReport {
        DrillReport(
            tally, without: gone, span: past.reader.span, seed: seed, speed: played.speed,
            sources: Self.sources(isPlayed: played.speed != nil),
            notes: played.notes + past.notes(tally.totalLine, configuration))
    }

    private static func sources(isPlayed: Bool) -> [String: String] {
        [
            "cost.was": "the journal: charged, with overruns and corrections",
            "cost.would": isPlayed
                ? "the drill's own ledger, from what the simulator counted"
                : "kept calls as they were charged; moved ones by the tokens that were counted then, at the price where they go",
            "time.was": "the journal, from a call's first hold to the end of its answer",
            "time.would": isPlayed
                ? "measured against the simulator, times the speed"
                : "kept calls as they were; moved ones from the newest answers of the same model at that endpoint, unknown where there are none",
            "firstToken.was": "the journal, of streams", "calls": "the journal's holds and ends",
            "refused": isPlayed
                ? "the drill's own Weir" : "the configuration's policies, prices, paces and limits, kept in the calls' own time",
        ]
    }
}

extension Double {
    /// Without decimals where there are none.
    var shown: String { self == rounded() ? String(Int(self)) : String(self) }
}
