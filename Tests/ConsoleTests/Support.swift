import Console
import Core
import Ledger
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Keys in memory, where a Node has a ledger; remembers what it was asked.
final class World: Sendable {
    struct State {
        var records: [KeyRecord] = []
        var revoked: [String: Timestamp] = [:]
        var usageQueries: [UsageQuery] = []
        var explainQueries: [ExplainQuery] = []
        var newKeys: [NewKey] = []
        var overlaps: [Int64] = []
        var reasons: [String] = []
        var evidence: [Evidence] = []
        var doubts: [DoubtView] = []
        var ready = [ReadyCheck("journal", ok: true, detail: "running")]
        var reload = ReloadReport(ok: true, generation: 7, notes: ["endpoint x is left out"])
        var logLines: [String] = []
    }

    let state = Mutex(State())
    let token = AdminToken(Secret(String(repeating: "T", count: 43)))

    var logs: String { state.withLock { $0.logLines.joined(separator: "\n") } }

    private func view(_ id: String) throws -> KeyView {
        try state.withLock { state in
            guard let record = state.records.first(where: { $0.id == id }) else { throw LedgerError.unknownKey }
            return KeyView(record, revoked: state.revoked[id], at: .now())
        }
    }

    var actions: AdminActions {
        AdminActions(
            createKey: { new in
                let (key, digest) = KeyMaker.key()
                let record = new.record(id: KeyMaker.id(), digest: digest, at: .now())
                self.state.withLock {
                    $0.records.append(record)
                    $0.newKeys.append(new)
                }
                return CreatedKey(key: key, record: try self.view(record.id))
            },
            listKeys: { try self.state.withLock { $0.records.map(\.id) }.map(self.view) },
            rotateKey: { id, overlap in
                let (key, digest) = KeyMaker.key()
                try self.state.withLock { state in
                    guard let index = state.records.firstIndex(where: { $0.id == id }) else { throw LedgerError.unknownKey }
                    state.overlaps.append(overlap)
                    state.records[index].secrets.append(KeySecret(digest: digest))
                }
                return CreatedKey(key: key, record: try self.view(id))
            },
            limitKey: { id, limits in
                try self.state.withLock { state in
                    guard let index = state.records.firstIndex(where: { $0.id == id }) else { throw LedgerError.unknownKey }
                    state.records[index].limits = limits
                }
                return try self.view(id)
            },
            letFallBack: { id, fallbacks in
                try self.state.withLock { state in
                    guard let index = state.records.firstIndex(where: { $0.id == id }) else { throw LedgerError.unknownKey }
                    state.records[index].fallbacks = fallbacks
                }
                return try self.view(id)
            },
            labelKey: { id, labels in
                try self.state.withLock { state in
                    guard let index = state.records.firstIndex(where: { $0.id == id }) else { throw LedgerError.unknownKey }
                    state.records[index].labels = labels
                }
                return try self.view(id)
            },
            revokeKey: { id, why in
                try self.state.withLock { state in
                    guard state.records.contains(where: { $0.id == id }) else { throw LedgerError.unknownKey }
                    guard state.revoked.updateValue(.now(), forKey: id) == nil else { throw LedgerError.keyConflict }
                    state.reasons.append(why)
                }
            },
            listEndpoints: { sampleEndpoints() },
            suspendEndpoint: { name, why in
                guard name == "one" else { throw AdminError.unknownEndpoint }
                if why == "twice" { throw LedgerError.suspendedBefore }
                self.state.withLock { $0.reasons.append("suspend \(name): \(why)") }
            },
            resumeEndpoint: { name, why in
                if why == "twice" { throw LedgerError.notSuspended }
                self.state.withLock { $0.reasons.append("resume \(name): \(why)") }
            },
            usage: { query in
                self.state.withLock { $0.usageQueries.append(query) }
                return []
            },
            exports: { year in
                [
                    ExportYear(tenant: "acme", year: year, count: ExportCount(persons: 100_000, sensitivePersons: 0)),
                    ExportYear(tenant: "zenith", year: year, count: ExportCount(persons: 1_000_000, sensitivePersons: 7)),
                ]
            },
            doubts: { DoubtList(doubts: self.state.withLock { $0.doubts }) },
            evidence: { evidence in
                try self.state.withLock { state in
                    guard state.evidence.allSatisfy({ $0.name != evidence.name }) else { return EvidenceReport(.already) }
                    if evidence.hold == 404 { throw LedgerError.unknownAttempt }
                    if evidence.hold == 409 { throw LedgerError.notEnded }
                    state.evidence.append(evidence)
                    return EvidenceReport(.booked)
                }
            },
            explain: { query in
                self.state.withLock { $0.explainQueries.append(query) }
                throw AdminError.unknownKey
            },
            compare: { ModelComparisonTests.compare($0) },
            reload: { self.state.withLock { $0.reload } },
            metrics: { sampleMetrics() },
            ready: { self.state.withLock { $0.ready } },
            status: {
                StatusReport(
                    version: "1", node: "n", process: 1, generation: 7, started: Timestamp(seconds: 0), calls: [], admin: "",
                    durable: 1, next: 2, journal: "running")
            })
    }
}

/// Keeps every line with its metadata, at the lowest level.
private struct LineCollector: LogHandler {
    let world: World
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        world.state.withLock { $0.logLines.append("\(event.level) \(event.message) \(all)") }
    }
}

/// An admin server on a free port for as long as `body` runs.
func withAdminServer(_ world: World = World(), _ body: (RawClient, World) async throws -> Void) async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let (addresses, bound) = AsyncStream<SocketAddress>.makeStream()
    let server = AdminServer(
        actions: world.actions, token: world.token, host: "127.0.0.1", port: 0, group: group,
        log: Logger(label: "admin") { _ in LineCollector(world: world) })
    let running = Task {
        defer { bound.finish() }
        try await server.run { bound.yield($0) }
    }
    let address = try #require(await addresses.first { _ in true }, "the server did not listen")
    let result: Result<Void, any Error>
    do {
        try await body(RawClient(group: group, address: address, token: world.token.secret.value), world)
        result = .success(())
    } catch { result = .failure(error) }
    running.cancel()
    let end: Result<Void, any Error> = await running.result
    try result.get()
    try end.get()
}

/// Sends bytes as they are and reads until the server closes.
struct RawClient: Sendable {
    let group: any EventLoopGroup
    let address: SocketAddress
    let token: String

    struct Answer: Sendable {
        var status: Int
        var head: String
        var body: String
    }

    func raw(_ request: String) async throws -> Answer {
        let promise = group.next().makePromise(of: String.self)
        let channel = try await ClientBootstrap(group: group)
            .connectTimeout(.seconds(5))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(promise: promise))
                }
            }
            .connect(to: address).get()
        channel.writeAndFlush(ByteBuffer(string: request), promise: nil)
        let text = try await promise.futureResult.get()
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let head = String(parts[0])
        let words = head.split(separator: " ", maxSplits: 2)
        let status = try #require(words.count > 1 ? Int(words[1]) : nil, "no status in \(head)")
        return Answer(status: status, head: head, body: parts.count > 1 ? String(parts[1]) : "")
    }

    func send(_ method: String, _ path: String, body: String? = nil, headers: [String] = []) async throws -> Answer {
        try await raw(
            request(method, path, body: body, headers: ["Authorization: Bearer \(token)"] + headers))
    }

    func request(_ method: String, _ path: String, body: String? = nil, headers: [String] = []) -> String {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: admin", "Connection: close"] + headers
        if let body { lines.append("Content-Length: \(body.utf8.count)") }
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
    }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let promise: EventLoopPromise<String>
    private var bytes = ByteBuffer()

    init(promise: EventLoopPromise<String>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        bytes.writeBuffer(&part)
    }

    func channelInactive(context: ChannelHandlerContext) { promise.succeed(String(buffer: bytes)) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
