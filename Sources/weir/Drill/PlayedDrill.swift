import Core
import Drill
import Foundation
import Gateway
import Journal
import Ledger
import Logging
import NIOCore
import NIOPosix
import Policy
import Settings
import Simulator

/// Calls of a drill that are under way at once at most; beyond it they start late, which is told.
private let callsAtOnceMost = 256

/// Plays shapes for real: through a Weir of its own with the configuration's routing, policies, prices and limits, over sockets, against
/// the clouds of a scenario, with a ledger that is thrown away.
struct PlayedDrill {
    let configuration: Settings.Configuration
    let gone: Set<String>
    let suspended: Set<String>
    let scenario: Scenario
    /// So many times faster than then. Latencies and windows of the clouds are shortened by it, and paces raised.
    let speed: Double
    let world: World
    /// As they were when the first call began.
    let accounts: [AccountView]

    struct Result {
        var outcomes: [Outcome]
        /// By how much the latest start was late, in milliseconds of the drill.
        var latestMilliseconds: Int64
    }

    func run(_ shapes: [Shape]) async throws -> Result {
        signal(SIGPIPE, SIG_IGN)
        let folder = FileManager.default.temporaryDirectory.appending(path: "weir-drill-\(UUID().uuidString)").path
        try makePrivateFolder(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let clouds = try await RunningSimulator.start(DrillClouds(scenario, speed: speed).scenario, group: group)
        let answers: (answers: [DrillAnswer], latest: Int64)
        do {
            answers = try await play(shapes, clouds.ports, folder)
        } catch {
            await clouds.stop()
            try? await group.shutdownGracefully()
            throw error
        }
        await clouds.stop()
        try await group.shutdownGracefully()
        // What the drill's own journal says is measured as the other one was.
        var reader = ShapeReader(Timestamp(nanoseconds: .min)..<Timestamp(nanoseconds: .max))
        try Journal.scan(folder: folder + "/journal") { _, bytes in
            let (sequence, at, entry) = try Entry.parse(bytes)
            reader.take(entry, sequence: sequence, at: at)
        }
        let played = Dictionary(reader.shapes.map { ($0.call, $0) }) { first, _ in first }
        let outcomes = zip(shapes.indices, shapes).map { index, shape in
            outcome(of: shape, answers.answers[index], played[Self.name(index)])
        }
        return Result(outcomes: outcomes, latestMilliseconds: answers.latest)
    }

    private static func name(_ index: Int) -> String { "drill-\(index)" }

    // MARK: Playing

    private func play(
        _ shapes: [Shape], _ ports: [String: Int], _ folder: String
    ) async throws -> (answers: [DrillAnswer], latest: Int64) {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        // What is on the loops refers to it until they end.
        var gateway: GatewayServer?
        defer { withExtendedLifetime(gateway) {} }
        do {
            let open = try await open(shapes, ports, folder, on: group)
            gateway = open.gateway
            let address = try await open.gateway.listen(host: "127.0.0.1", port: 0)
            let played = try await send(shapes, as: open.keys, DrillCaller(group: group, port: address.port ?? 0))
            _ = try? await open.gateway.drain()
            open.ledger.shutdown(at: .now())
            open.ledger.journal.close()
            try await group.shutdownGracefully()
            return played
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// A Weir that nobody else calls, with the keys and what is left of the limits of the calls that it will get.
    private func open(
        _ shapes: [Shape], _ ports: [String: Int], _ folder: String, on group: MultiThreadedEventLoopGroup
    ) async throws -> (gateway: GatewayServer, ledger: LiveLedger, keys: DrillKeys) {
        let log = Logger(label: "weir.drill") { _ in SwiftLogNoOpLogHandler() }
        let board = Board(minuteMilliseconds: max(1, Int64(60_000 / speed)))
        let ledger = try LiveLedger.open(
            Journal.Settings(folder: folder + "/journal"), node: "drill", version: Node.version,
            zones: knownTimeZones().merging(configuration.timeZones) { _, stated in stated }, at: .now()
        ).ledger
        let keys = try DrillKeys(shapes, in: ledger, accounts, speed: speed)
        let limits = Node.limits(of: configuration).map { ($0.0, $0.1.left(of: view($0.0), speed: speed)) }
        _ = try ledger.setLimits(limits, at: .now())
        let endpoints = configuration.endpoints.map { endpoint in
            let counterpart = counterpart(of: endpoint)
            return endpoint.played(at: ports[counterpart?.name ?? ""], credential: counterpart?.credential ?? "none")
        }
        let catalogue = Catalogue(
            generation: 1, endpoints: endpoints, tenants: configuration.tenants, classes: configuration.classes,
            policies: configuration.policies, countries: configuration.countries)
        for endpoint in endpoints where gone.contains(endpoint.name) || suspended.contains(endpoint.name) {
            board.suspend(endpoint.name)
        }
        let snapshot = Snapshot(
            catalogue: catalogue, prices: configuration.priceBook, limits: configuration.limits,
            keys: keys.entries(in: catalogue), board: board)
        let gateway = try await GatewayServer(
            group: group, snapshot: snapshot, journal: ledger.journal, ledger: ledger, board: board, log: log)
        return (gateway, ledger, keys)
    }

    private func view(_ name: AccountName) -> AccountView? { accounts.first { $0.name == name } }

    /// Each call in its time, the first at once.
    private func send(
        _ shapes: [Shape], as keys: DrillKeys, _ caller: DrillCaller
    ) async throws -> (answers: [DrillAnswer], latest: Int64) {
        guard let first = shapes.first?.at else { return ([], 0) }
        let start = ContinuousClock.now
        return try await withThrowingTaskGroup(of: (Int, DrillAnswer).self) { group in
            var answers = Array(repeating: DrillAnswer(""), count: shapes.count)
            var (running, latest) = (0, Int64(0))
            func collect() async throws {
                guard let (index, answer) = try await group.next() else { return }
                answers[index] = answer
                running -= 1
            }
            for (index, shape) in shapes.enumerated() {
                guard let call = FilledCall(shape) else { continue }
                let due = start + .nanoseconds(Int64(Double(shape.at.nanoseconds - first.nanoseconds) / speed))
                try await Task.sleep(until: due, clock: .continuous)
                while running >= callsAtOnceMost { try await collect() }
                latest = max(latest, Int64((ContinuousClock.now - due) / .milliseconds(1)))
                let key = keys.secret(of: shape)
                running += 1
                group.addTask { (index, await caller.call(call.path, key: key, id: Self.name(index), body: call.body)) }
            }
            while running > 0 { try await collect() }
            return (answers, latest)
        }
    }

    // MARK: Reading

    private func outcome(of shape: Shape, _ answer: DrillAnswer, _ played: Shape?) -> Outcome {
        guard answer.status == 200, let played, played.answer != nil else {
            return Outcome(.refused(refused(shape, answer)))
        }
        let isKept = played.endpoint == shape.endpoint
        func scaled(_ microseconds: Int64?) -> Int64? { microseconds.map { Int64(Double($0) * speed) } }
        return Outcome(
            isKept ? .kept(played.endpoint) : .moved(played.endpoint), cost: played.charged,
            microseconds: scaled(played.microseconds), firstTokenMicroseconds: scaled(played.firstTokenMicroseconds))
    }

    private func refused(_ shape: Shape, _ answer: DrillAnswer) -> Outcome.Refused {
        if shape.operation == .conversations { return .init(.unavailable, "conversations are not played") }
        if let standing = world.standingRefusal(of: shape) { return standing }
        let code = answer.code ?? "status \(answer.status)"
        switch code {
        case "weir_policy_denied": return .init(.policy, code)
        case "weir_no_endpoint_available": return .init(.quota, "what is left takes no more for now (\(code))")
        case "weir_limit_reached": return .init(.limit, code)
        case "weir_pace_limited": return .init(.pace, code)
        case "weir_price_missing": return .init(.price, code)
        default: return .init(.unavailable, code)
        }
    }

    // MARK: The scenario

    /// The scenario's endpoint that plays one of the configuration: of the same name, else on the same port.
    func counterpart(of endpoint: Endpoint) -> PlayedEndpoint? {
        scenario.endpoints.first { $0.name == endpoint.name }
            ?? scenario.endpoints.first { $0.port != 0 && $0.port == endpoint.origin.port }
    }

    /// Models of the calls that an endpoint which is left serves and the scenario does not play there.
    func unplayed(_ shapes: [Shape]) -> [String] {
        let models = Set(shapes.map(\.model))
        return configuration.endpoints.filter { !gone.contains($0.name) && !suspended.contains($0.name) }.flatMap { endpoint in
            let played = counterpart(of: endpoint)
            return endpoint.models.sorted { $0.key < $1.key }.compactMap { model, served -> String? in
                guard models.contains(model) else { return nil }
                guard let played else { return "\(endpoint.name) (no endpoint of that name or port)" }
                if played.models.contains(where: { $0.name == served.upstreamName }) { return nil }
                return "\(served.upstreamName) at \(endpoint.name)"
            }
        }
    }
}
