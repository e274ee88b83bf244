import Core
import Crypto
import Foundation
import Gateway
import Journal
import Ledger
import Logging
import NIOCore
import NIOPosix
import Policy
import Simulator

/// A whole Weir in this process, on real sockets and real files: a simulator behind it, a raw client before it.
struct Harness {
    let group: MultiThreadedEventLoopGroup
    let simulator: RunningSimulator
    let ledger: LiveLedger
    let board: Board
    let gateway: GatewayServer
    let port: Int
    let folder: String
    var endpoints: [Endpoint]
    var prices: PriceBook
    var limits: ListenerLimits
    let tenants: [TenantPolicy]

    static let key = "weir_test_0123456789abcdefghijklmnopqrstuvwxyzABC"

    /// Runs `body` against a Weir over the scenario's endpoints; stops everything afterwards.
    static func with(
        scenario: String, limit: Money? = Money(dollars: "1000"), limits: ListenerLimits = ListenerLimits(),
        price: Price = .test, tenant: TenantPolicy = .test,
        endpoints make: @Sendable ([String: Int]) -> [Endpoint] = { ports in
            ports.sorted { $0.key < $1.key }.map { .test($0.key, port: $0.value) }
        },
        _ body: (Harness) async throws -> Void
    ) async throws {
        let folder = NSTemporaryDirectory() + "weir-gateway-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let simulator = try await RunningSimulator.start(try Scenario.load(yaml: scenario, file: "scenario"), group: group)
        let (ledger, _) = try LiveLedger.open(
            Journal.Settings(folder: folder), node: "test", version: "test", at: .now())
        let digest = Harness.key.utf8.withContiguousStorageIfAvailable { KeyDigest(of: UnsafeRawBufferPointer($0)) }
        let record = KeyRecord(
            id: "key_test", name: "test", tenant: tenant.tenant, team: "team", monthlyLimit: limit, created: .now(),
            secrets: [KeySecret(digest: digest ?? KeyDigest(0, 0, 0, 0))])
        let added = try ledger.record(key: record, at: .now())
        let board = Board()
        let endpoints = make(simulator.ports)
        let prices = PriceBook(["price": [price]])
        let catalogue = Catalogue(generation: 1, endpoints: endpoints, tenants: [tenant])
        let entry = KeyEntry(record: record, account: added.index, tenant: 0, expires: nil)
        let snapshot = Snapshot(
            catalogue: catalogue, prices: prices, limits: limits, keys: [record.secrets[0].digest: entry], board: board)
        var log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        log.logLevel = .critical
        let gateway = try await GatewayServer(
            group: group, snapshot: snapshot, journal: ledger.journal, ledger: ledger, board: board, log: log)
        let address = try await gateway.listen(host: "127.0.0.1", port: 0)
        let harness = Harness(
            group: group, simulator: simulator, ledger: ledger, board: board, gateway: gateway, port: address.port ?? 0,
            folder: folder, endpoints: endpoints, prices: prices, limits: limits, tenants: [tenant])
        let result: Result<Void, any Error>
        do {
            try await body(harness)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        _ = try await gateway.drain()
        await simulator.stop()
        ledger.shutdown(at: .now())
        ledger.journal.close()
        try await group.shutdownGracefully()
        try result.get()
    }

    /// One chat call as a client would send it.
    func chat(
        _ body: String, path: String = "/v1/chat/completions", headers: [String] = [], key: String? = Harness.key
    ) throws -> RawAnswer {
        var lines = ["POST \(path) HTTP/1.1", "Host: weir", "Content-Type: application/json"]
        if let key { lines.append("Authorization: Bearer \(key)") }
        lines += headers + ["Content-Length: \(body.utf8.count)", "", body]
        return try exchange(lines.joined(separator: "\r\n"))
    }

    /// Sends raw bytes on a new connection and reads one answer.
    func exchange(_ request: String, timeout: Double = 10) throws -> RawAnswer {
        let client = try RawClient(port: port, timeout: timeout)
        try client.send(request)
        return try client.answer()
    }

    /// Every hold that has no end yet.
    var openHolds: Int { ledger.openHolds }

    /// What the key's account has settled and reserved this month.
    var account: AccountView? { ledger.accounts.first { $0.name == .key("key_test") } }
}

extension Price {
    /// One dollar a million tokens for input, four for output.
    static let test = Price(
        from: CivilDate(year: 2020, month: 1, day: 1), input: TokenPrice(picos: 1_000_000),
        cachedInput: TokenPrice(picos: 500_000), output: TokenPrice(picos: 4_000_000))
}

extension TenantPolicy {
    static let test = TenantPolicy(tenant: "acme", teams: ["team"], places: .any, operators: .any, models: .any)
}

extension Endpoint {
    static func test(
        _ name: String, port: Int, provider: ProviderKind = .compatible, basePath: String = "/v1", apiVersion: String? = nil,
        credential: String? = nil, models: [String] = ["m"], place: Place = "SE", priority: Int = 1,
        timeouts: EndpointTimeouts = EndpointTimeouts(connect: 2_000, firstByte: 3_000, idle: 2_000),
        whenCallerLeaves: WhenCallerLeaves = .drain
    ) -> Endpoint {
        Endpoint(
            name: name, provider: provider, origin: Origin(tls: false, host: "127.0.0.1", port: port), basePath: basePath,
            apiVersion: apiVersion, credential: credential.map { Secret($0) },
            models: Dictionary(
                uniqueKeysWithValues: models.map {
                    ($0, ServedModel(upstreamName: "up-\($0)", price: "price", maxOutputTokens: 1000))
                }),
            labels: Labels(processedIn: [place], storedIn: [place], operator: "Op", operatorCountry: "SE"), priority: priority,
            whenCallerLeaves: whenCallerLeaves, timeouts: timeouts)
    }
}
