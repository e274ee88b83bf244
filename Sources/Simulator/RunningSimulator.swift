import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A scenario being played on its ports.
public final class RunningSimulator: Sendable {
    /// Pending connections that the kernel keeps for each listener.
    static let backlog: CInt = 1_024

    private let scenario: Scenario
    private let group: any EventLoopGroup
    private let host: String
    private let recorder: Recorder
    private let stages: [String: Stage]
    private let tokens = TokenShelf()
    private let doors = Mutex(Doors())

    /// What is open.
    private struct Doors {
        var listeners: [String: any Channel] = [:]
        var ports: [String: Int] = [:]
        var admin: (any Channel)?
        var connections: [ObjectIdentifier: (endpoint: String, channel: any Channel)] = [:]
    }

    /// Opens every port of the scenario; fails, with none left open, when one cannot be had.
    public static func start(
        _ scenario: Scenario, group: any EventLoopGroup, host: String = "127.0.0.1"
    ) async throws -> RunningSimulator {
        var file: LineFile?
        if let path = scenario.recordFile {
            file = LineFile(path: path)
            if file == nil { throw ScenarioError(file: path, line: 0, reason: "the record cannot be written") }
        }
        let simulator = RunningSimulator(scenario, group, host, Recorder(file: file))
        do {
            for endpoint in scenario.endpoints {
                try await simulator.open(endpoint, port: endpoint.port)
                if endpoint.faults.contains(where: { $0.fault == .down }) { try await simulator.close(endpoint.name) }
            }
            if let port = scenario.adminPort { try await simulator.openAdmin(port) }
        } catch {
            await simulator.stop()
            throw error
        }
        return simulator
    }

    private init(_ scenario: Scenario, _ group: any EventLoopGroup, _ host: String, _ recorder: Recorder) {
        self.scenario = scenario
        self.group = group
        self.host = host
        self.recorder = recorder
        let tokens = tokens
        let pairs = scenario.endpoints.map { endpoint in
            let seed = Randomness.mixed(scenario.seed ^ fingerprint(endpoint.name.utf8))
            return (endpoint.name, Stage(endpoint: endpoint, seed: seed, recorder: recorder, tokens: tokens))
        }
        stages = Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }

    /// The port of each endpoint.
    public var ports: [String: Int] { doors.withLock { $0.ports } }

    /// The admin listener's port.
    public var adminPort: Int? { doors.withLock { $0.admin?.localAddress?.port } }

    /// Every request since the start or the last reset, in the order of arrival.
    public func record() -> [ReceivedRequest] { recorder.all }

    /// Plays `fault` for the next `times` requests (or, for `refuse`, connections) of an endpoint; nil times: until another
    /// call; nil fault: no more faults.
    public func setFault(_ fault: Fault?, endpoint: String, times: Int? = nil) async throws {
        guard let stage = stages[endpoint] else { return }
        stage.clearFaults()
        if fault == .down { return try await close(endpoint) }
        if let fault { stage.force(fault, times: times) }
        try await reopen(endpoint)
    }

    /// Forgets the record, the counters and the faults that were set.
    public func reset() async throws {
        recorder.reset()
        tokens.forget()
        for (name, stage) in stages {
            stage.reset()
            try await reopen(name)
        }
    }

    /// Endpoints take none of the tokens any more that this authority has given, although it said that they live on.
    public func revokeTokens(of authority: String) { tokens.revoke(of: authority) }

    /// Closes every port and connection.
    public func stop() async {
        let open = doors.withLock { doors in
            let all = doors.listeners.map(\.value) + [doors.admin].compactMap { $0 } + doors.connections.map(\.value.channel)
            doors.listeners = [:]
            doors.admin = nil
            return all
        }
        for channel in open {
            try? await channel.close()
            try? await channel.closeFuture.get()
        }
        recorder.finish()
    }

    private func reopen(_ name: String) async throws {
        let port = doors.withLock { $0.listeners[name] == nil ? $0.ports[name] : nil }
        if let port, let endpoint = stages[name]?.endpoint { try await open(endpoint, port: port) }
    }

    /// Closes the listener and its connections; the port stays known.
    private func close(_ name: String) async throws {
        let channels = doors.withLock { doors in
            let connections = doors.connections.values.filter { $0.endpoint == name }.map(\.channel)
            return [doors.listeners.removeValue(forKey: name)].compactMap { $0 } + connections
        }
        for channel in channels { try? await channel.close() }
    }

    private func open(_ endpoint: PlayedEndpoint, port: Int) async throws {
        guard let stage = stages[endpoint.name] else { return }
        let listener = try await bootstrap { channel in
            self.track(channel, endpoint.name)
            try channel.pipeline.syncOperations.addHandlers([
                ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)), EndpointHandler(stage: stage),
            ])
        }.bind(host: endpoint.host ?? host, port: port).get()
        doors.withLock { doors in
            doors.listeners[endpoint.name] = listener
            doors.ports[endpoint.name] = listener.localAddress?.port
        }
    }

    private func openAdmin(_ port: Int) async throws {
        let listener = try await bootstrap { channel in
            self.track(channel, "")
            try channel.pipeline.syncOperations.configureHTTPServerPipeline()
            try channel.pipeline.syncOperations.addHandler(AdminHandler(simulator: self))
        }.bind(host: host, port: port).get()
        doors.withLock { $0.admin = listener }
    }

    private func bootstrap(_ setUp: @escaping @Sendable (any Channel) throws -> Void) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: RunningSimulator.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try setUp(channel) }
            }
    }

    private func track(_ channel: any Channel, _ endpoint: String) {
        let id = ObjectIdentifier(channel)
        doors.withLock { $0.connections[id] = (endpoint, channel) }
        channel.closeFuture.whenComplete { _ in
            self.doors.withLock { $0.connections[id] = nil }
        }
    }
}
