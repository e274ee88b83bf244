import Cedar
import Core
import Crypto
import Foundation
import Gateway
import Journal
import Ledger
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Policy
import Simulator
import Tokens

/// A whole Weir in this process, on real sockets and real files: a simulator behind it, a raw client before it.
struct Harness: Sendable {
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

    /// One endpoint, `one`, that says eight tokens.
    static let scenario = """
        endpoints:
          - name: one
            provider: openai
            output: 8
            operations: [chat, completions, responses, embeddings]
            models: [up-m]
        """

    /// Runs `body` against a Weir over the scenario's endpoints; stops everything afterwards.
    static func with(
        scenario: String = Harness.scenario, limit: Money? = Money(dollars: "1000"), limits: ListenerLimits = ListenerLimits(),
        price: Price = .test, prices: PriceBook? = nil, tenant: TenantPolicy = .test, tenants more: [TenantPolicy] = [],
        keys: [TestKey] = [], fallbacks: [String: [String]] = [:], labels: CallLabels = .unknown, policies: String? = nil,
        threads: Int = 2,
        disk: SwitchedDisk = SwitchedDisk(), estimator: Estimator? = nil,
        log: Logger? = nil, regions: RegionJudge = RegionJudge(),
        tls: NIOSSLContext? = nil,
        endpoints make: @Sendable ([String: Int]) -> [Endpoint] = { ports in
            ports.sorted { $0.key < $1.key }.map { .test($0.key, port: $0.value) }
        },
        _ body: (Harness) async throws -> Void
    ) async throws {
        try await Turnstile.shared.pass {
            let folder = NSTemporaryDirectory() + "weir-gateway-" + UUID().uuidString
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
            let simulator = try await RunningSimulator.start(try Scenario.load(yaml: scenario, file: "scenario"), group: group)
            var settings = Journal.Settings(folder: folder)
            settings.segmentBytes = 4 * 1024 * 1024
            let (ledger, _) = try LiveLedger.open(
                settings, disk: disk, node: "test", version: "test", at: .now())
            let board = Board()
            let endpoints = make(simulator.ports)
            let prices = prices ?? PriceBook(["price": [price]])
            let tenants = [tenant] + more
            let catalogue = Catalogue(
                generation: 1, endpoints: endpoints, tenants: tenants,
                policies: try policies.flatMap { text in
                    let world = PolicyWorld(endpoints: endpoints, tenants: tenants, zones: ["EU": ["SE", "DE", "FR"]])
                    return PolicyTimeline(
                        try PolicyBook([Source(name: "test.cedar", text: text)], in: world), in: world, at: .now())
                })
            let own = TestKey(
                id: "key_test", secret: Harness.key, tenant: tenant.tenant, limit: limit, fallbacks: fallbacks, labels: labels)
            var entries: [KeyDigest: KeyEntry] = [:]
            for key in [own] + keys {
                let record = key.record
                let added = try ledger.record(key: record, at: .now())
                entries[record.secrets[0].digest] = KeyEntry(
                    record: record, account: added.index, in: catalogue, expires: key.expires)
            }
            let snapshot = Snapshot(
                catalogue: catalogue, prices: prices, limits: limits, keys: entries,
                policyHash: policies == nil ? nil : "00112233445566778899aabbccddeeff", board: board,
                regions: regions)
            let gateway = try await GatewayServer(
                group: group, snapshot: snapshot, journal: ledger.journal, ledger: ledger, board: board,
                estimator: estimator, log: log ?? .silent)
            let address = try await gateway.listen(host: "127.0.0.1", port: 0, tls: tls)
            let harness = Harness(
                group: group, simulator: simulator, ledger: ledger, board: board, gateway: gateway, port: address.port ?? 0,
                folder: folder, endpoints: endpoints, prices: prices, limits: limits, tenants: tenants)
            let result: Result<Void, any Error>
            do {
                try await body(harness)
                result = .success(())
            } catch {
                result = .failure(error)
            }
            await simulator.stop()
            _ = try await gateway.drain()
            ledger.shutdown(at: .now())
            ledger.journal.close()
            try await group.shutdownGracefully()
            try result.get()
        }
    }

    /// One call as a client would send it, on a connection of its own.
    func chat(
        _ body: String, path: String = "/v1/chat/completions", headers: [String] = [], key: String? = Harness.key
    ) throws -> RawAnswer {
        try exchange(Self.request(body, path: path, headers: headers, key: key))
    }

    func get(_ path: String, key: String = Harness.key) throws -> RawAnswer {
        try exchange("GET \(path) HTTP/1.1\r\nHost: weir\r\napi-key: \(key)\r\n\r\n")
    }

    static func request(
        _ body: String, method: String = "POST", path: String = "/v1/chat/completions", headers: [String] = [],
        key: String? = Harness.key
    ) -> String {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: weir", "Content-Type: application/json"]
        if let key { lines.append("Authorization: Bearer \(key)") }
        lines += headers + ["Content-Length: \(body.utf8.count)", "", body]
        return lines.joined(separator: "\r\n")
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
    var account: AccountView? { account("key_test") }
    func account(_ id: String) -> AccountView? { ledger.accounts.first { $0.name == .key(id) } }

    /// What the key holds for attempts that are under way or in doubt, allowances aside.
    var held: MoneyTotal {
        guard let account else { return .zero }
        return account.reserved - account.undrawn
    }

    /// Waits until every hold has its end; false when that takes too long.
    func settles(within seconds: Double = 3, holds: Int = 0) -> Bool {
        eventually(within: seconds) { openHolds == holds }
    }

    /// Everything that the journal holds, once it is durable.
    func entries() throws -> [Entry] {
        _ = eventually { ledger.journal.durable == ledger.journal.next }
        var found: [Entry] = []
        _ = try ledger.journal.read(from: 0, limit: .max) { _, bytes in found.append(try Entry.parse(bytes).entry) }
        return found
    }

    func holds() throws -> [HoldEntry] {
        try entries().compactMap { if case .hold(let hold) = $0 { hold } else { nil } }
    }

    func ends() throws -> [EndEntry] {
        try entries().compactMap { if case .end(let end) = $0 { end } else { nil } }
    }
}

/// Looks again until it is true; false when that takes too long.
func eventually(within seconds: Double = 3, _ condition: () -> Bool) -> Bool {
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
        if condition() { return true }
        usleep(2_000)
    }
    return condition()
}

/// A key to open Weir with.
struct TestKey: Sendable {
    var id: String
    var secret: String
    var tenant = "acme"
    var limit: Money? = Money(dollars: "1000")
    var models: Set<String>?
    var fallbacks: [String: [String]] = [:]
    var expires: Timestamp?
    /// Beside `limit`.
    var pace = PaceLimit.none
    var labels = CallLabels.unknown

    var record: KeyRecord {
        let digest = Array(secret.utf8).withUnsafeBytes { KeyDigest(of: $0) }
        return KeyRecord(
            id: id, name: id, tenant: tenant, team: "team", models: models, fallbacks: fallbacks,
            limits: AccountLimits(spend: AccountLimits(monthly: limit).spend, pace: pace), labels: labels,
            created: .now(), expires: expires,
            secrets: [KeySecret(digest: digest, expires: expires)])
    }
}

extension Logger {
    static var silent: Logger {
        var log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        log.logLevel = .critical
        return log
    }
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
        credential: String? = nil, models: [String] = ["m"], place: Place = "SE", priority: Int = 1, weight: Int = 100,
        timeouts: EndpointTimeouts = EndpointTimeouts(connect: 2_000, firstByte: 3_000, idle: 2_000),
        whenCallerLeaves: WhenCallerLeaves = .drain, tls: Bool = false, host: String = "127.0.0.1", trustFile: String? = nil,
        state: KeptState? = nil
    ) -> Endpoint {
        Endpoint(
            name: name, provider: provider, origin: Origin(tls: tls, host: host, port: port), basePath: basePath,
            apiVersion: apiVersion, credential: credential.map { .key(Secret($0)) }, trustFile: trustFile,
            models: Dictionary(
                uniqueKeysWithValues: models.map {
                    ($0, ServedModel(upstreamName: "up-\($0)", price: "price", maxOutputTokens: 1000, state: state))
                }),
            labels: Labels(processedIn: [place], storedIn: [place], operator: "Op", operatorCountry: "SE"), priority: priority,
            weight: weight, whenCallerLeaves: whenCallerLeaves, timeouts: timeouts)
    }
}
