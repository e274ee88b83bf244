// How long event loops stand still when a Snapshot is swapped.
//
//   swap-bench [ENDPOINTS] [KEYS] [SWAPS]
//
// Two loops run a task over and over and note the longest time between two runs, first undisturbed, then while Snapshots of so many
// endpoints and keys, with 100 policies, are built and swapped. Both share two cores with the building.

import Cedar
import Core
import Foundation
import Gateway
import Journal
import Ledger
import Logging
import NIOCore
import NIOPosix
import Policy

let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
let endpointCount = numbers.first ?? 1_000
let keyCount = numbers.dropFirst().first ?? 10_000
let swaps = numbers.dropFirst(2).first ?? 10
let places = ["SE", "DE", "FR", "NO", "CH", "US", "CN", "HK", "SG", "BR"]

let endpoints = (0..<endpointCount).map { number in
    Endpoint(
        name: "endpoint-\(number)", provider: .openai, origin: Origin(tls: false, host: "127.0.0.1", port: 9),
        basePath: "/v1",
        models: ["m\(number % 20)": ServedModel(upstreamName: "m", price: "p", maxOutputTokens: 100)],
        labels: Labels(
            processedIn: [places[number % 10]], storedIn: [places[number % 10]], operator: "o\(number % 7)",
            operatorCountry: "US",
            trains: .never, retentionDays: 30))
}
let tenants = (0..<50).map {
    TenantPolicy(tenant: "t\($0)", teams: ["team"], places: .any, operators: .any, models: .any)
}
let text = (0..<100).map { number in
    number == 0
        ? "@id(\"p0\") permit (principal, action, resource);"
        : """
        @id("p\(number)") forbid (principal in Tenant::"t\(number % 50)", action, resource)
        when { context.dataClass in DataClass::"personal" && resource.processedIn.contains("\(places[number % 10])") };
        """
}.joined(separator: "\n")

func snapshot(_ generation: UInt64, board: Board) throws -> Snapshot {
    let world = PolicyWorld(endpoints: endpoints, tenants: tenants)
    let policies = PolicyTimeline(
        try PolicyBook([Source(name: "bench.cedar", text: text)], in: world), in: world, at: .now())
    let catalogue = Catalogue(generation: generation, endpoints: endpoints, tenants: tenants, policies: policies)
    var keys: [KeyDigest: KeyEntry] = [:]
    for number in 0..<keyCount {
        let digest = KeyDigest(UInt64(number) &* 0x9E37_79B9_7F4A_7C15, 1, 2, 3)
        let record = KeyRecord(
            id: "key_\(number)", name: "k", tenant: "t\(number % 50)", team: "team", monthlyLimit: nil,
            labels: CallLabels(dataClass: "personal", subjects: ["SE"]), created: .now(), secrets: [KeySecret(digest: digest)])
        keys[digest] = KeyEntry(record: record, account: number, in: catalogue, expires: nil)
    }
    return Snapshot(catalogue: catalogue, prices: PriceBook([:]), limits: ListenerLimits(), keys: keys, board: board)
}

/// The longest time between two turns of a loop, in microseconds, and how much of it the loop itself worked: the rest it waited for a
/// processor, or for the machine.
struct Pause: CustomStringConvertible {
    var micros: Int64 = 0
    var working: Int64 = 0
    var description: String { "\(micros) (\(working))" }

    static func longest(_ pauses: [Pause]) -> Pause { pauses.max { $0.micros < $1.micros } ?? Pause() }
}

/// Nanoseconds that this thread has had a processor.
func worked() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Turns on one loop, ten thousand times a second.
final class Pulse: Sendable {
    private struct State {
        var last = NIODeadline.now()
        var lastWorked = worked()
        var pause = Pause()
        var mostWork: Int64 = 0
    }

    private let state: NIOLoopBoundBox<State>
    private let loop: any EventLoop

    init(_ loop: any EventLoop) {
        self.loop = loop
        state = .makeBoxSendingValue(State(), eventLoop: loop)
    }

    func start() {
        loop.execute {
            self.state.value = State()
            self.turn()
        }
    }

    private func turn() {
        let (now, worked) = (NIODeadline.now(), worked())
        let pause = Pause(
            micros: (now - state.value.last).nanoseconds / 1_000, working: (worked - state.value.lastWorked) / 1_000)
        state.value.pause = .longest([state.value.pause, pause])
        state.value.mostWork = max(state.value.mostWork, pause.working)
        (state.value.last, state.value.lastWorked) = (now, worked)
        loop.scheduleTask(in: .microseconds(100)) { self.turn() }
    }

    /// Since it was asked last: the longest pause, and the most work at a stretch in microseconds.
    func take() async throws -> (pause: Pause, mostWork: Int64) {
        try await loop.submit {
            defer { (self.state.value.pause, self.state.value.mostWork) = (Pause(), 0) }
            return (self.state.value.pause, self.state.value.mostWork)
        }.get()
    }
}

let folder = NSTemporaryDirectory() + "weir-swap-\(UUID().uuidString)"
try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
defer { try? FileManager.default.removeItem(atPath: folder) }
let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
let (ledger, _) = try LiveLedger.open(Journal.Settings(folder: folder), node: "bench", version: "bench", at: .now())
let board = Board()
let gateway = try await GatewayServer(
    group: group, snapshot: try snapshot(1, board: board), journal: ledger.journal, ledger: ledger, board: board,
    log: Logger(label: "bench"))
let pulses = group.makeIterator().map { Pulse($0) }
for pulse in pulses { pulse.start() }
var mostWork: Int64 = 0
@MainActor func longest() async throws -> Pause {
    var pauses: [Pause] = []
    for pulse in pulses {
        let (pause, work) = try await pulse.take()
        pauses.append(pause)
        mostWork = max(mostWork, work)
    }
    return .longest(pauses)
}
try await Task.sleep(for: .milliseconds(200))
_ = try await longest()
try await Task.sleep(for: .seconds(2))
print("undisturbed, 2 s: longest pause \(try await longest()) µs (of them the loop worked)")
mostWork = 0
var built: [Pause] = []
var swapped: [Pause] = []
for number in 0..<swaps {
    let next = try await QuietThread.run { try snapshot(UInt64(number) + 2, board: board) }
    built.append(try await longest())
    try await gateway.install(next, board: board)
    try await Task.sleep(for: .milliseconds(50))
    swapped.append(try await longest())
}
print("\(endpointCount) endpoints, \(keyCount) keys, 100 policies, \(swaps) swaps")
print("longest pause while a snapshot is built: \(built.map(\.description).joined(separator: " ")) µs")
print("longest pause while it is swapped:       \(swapped.map(\.description).joined(separator: " ")) µs")
print("the most that a loop worked at a stretch: \(mostWork) µs")
ledger.shutdown(at: .now())
ledger.journal.close()
try await group.shutdownGracefully()
