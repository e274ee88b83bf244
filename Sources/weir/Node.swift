import Console
import Core
import Credentials
import Crypto
import Fleet
import Foundation
import Gateway
import Journal
import Ledger
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Policy
import Settings
import Synchronization
import Tokens

/// One running Weir: configuration, ledger, data path and engines, and what an administrator may do with them.
/// An actor because it owns slow changes (reload, keys); the data path never asks it anything.
actor Node {
    static let version = "0.1.0"

    private let file: String
    private let environment: [String: String]
    nonisolated private let log: Logger
    private let group: MultiThreadedEventLoopGroup
    private let adminGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let ledger: LiveLedger
    let recovery: RecoveryReport
    let board = Board()
    let tokens: NodeTokens
    /// Grants that are in the journal since the start.
    private var journalledGrants: Set<Grant> = []
    private let secrets: TenantSecrets
    let gateway: GatewayServer
    /// Counts what providers did not say, on a thread of its own.
    private let estimator: Estimator?
    let bookkeeper: Bookkeeper
    let alerts: AlertDesk
    let witness: LogWitness?
    let backup: Backup?
    private var witnessing: Task<Void, Never>?
    let startedAt = Timestamp.now()
    private(set) var configuration: Configuration
    private(set) var generation: UInt64
    private var reloading: Task<Configuration, any Error>?
    private var engines: [String: EngineSupervisor] = [:]
    private(set) var addresses: [NIOCore.SocketAddress] = []

    /// Reads the configuration, recovers the ledger and builds the data path; nothing listens yet.
    init(file: String, environment: [String: String], acceptsClock: Bool = false, log: Logger) async throws {
        self.file = file
        self.environment = environment
        self.log = log
        let configuration = try Self.load(file, environment)
        self.configuration = configuration
        try makePrivateFolder(configuration.dataFolder)
        var settings = Journal.Settings(folder: configuration.dataFolder + "/journal")
        settings.segmentBytes = configuration.journal.segmentBytes
        settings.commitIntervalMicroseconds = Int(configuration.journal.commitMicroseconds)
        let signer = try LogSigner(
            name: configuration.node, seed: LogKey.loadOrMake(path: configuration.dataFolder + "/" + LogKey.fileName))
        settings.log = LogSettings(signer: signer)
        secrets = try TenantSecrets(
            seed: LogKey.loadOrMake(path: configuration.dataFolder + "/" + TenantSecrets.fileName))
        let books = try Books(path: configuration.dataFolder + "/books.sqlite")
        (ledger, recovery) = try LiveLedger.open(
            settings, fold: books.state, node: configuration.node, version: Self.version,
            doubtSettings: configuration.doubt.policy,
            zones: knownTimeZones().merging(configuration.timeZones) { _, stated in stated }, acceptsClock: acceptsClock,
            at: .now())
        bookkeeper = Bookkeeper(books, following: ledger.journal)
        let alerts = AlertDesk(node: configuration.node, log: log)
        alerts.configure(configuration.alerts)
        ledger.onAlert { alerts.take($0) }
        self.alerts = alerts
        let (folder, adminGroup) = (settings.folder + "/log", adminGroup)
        witness = try configuration.witness.map {
            try LogWitness($0, folder: folder, verifier: signer.verifier, group: adminGroup, log: log)
        }
        backup = configuration.backupFolder.map {
            Backup(of: settings.folder, to: $0, verifier: signer.verifier, log: log)
        }
        tokens = NodeTokens(board: board, log: log)
        // Entries only grow in number, so a generation is never used twice, also across restarts.
        generation = recovery.started
        group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.listen.loops ?? System.coreCount)
        try ledger.check(Self.limits(of: configuration))
        try Self.journal(configuration, generation: generation, in: ledger)
        // Before any call: what was suspended stays so.
        for (endpoint, suspended) in ledger.suspensions {
            board.suspend(endpoint)
            log.warning(
                "an endpoint is suspended",
                metadata: ["endpoint": "\(endpoint)", "since": "\(suspended.since)", "why": "\(suspended.suspension.why)"])
        }
        let snapshot = Self.snapshot(
            configuration, generation: generation, ledger: ledger, board: board, secrets: secrets)
        // Without the vocabularies estimates count bytes, which is rather too much than too little.
        let vocabularies = shareFile("tokenizers/README.md", environment: environment).map {
            String($0.dropLast("/README.md".count))
        }
        if vocabularies == nil {
            log.warning("no vocabularies found: estimates count bytes; set WEIR_SHARE to Weir's share folder")
        }
        let estimator = vocabularies.map { Estimator(folder: $0) }
        self.estimator = estimator
        gateway = try await GatewayServer(
            group: group, snapshot: snapshot, journal: ledger.journal, ledger: ledger, board: board, estimator: estimator,
            log: log)
    }

    /// Opens the listeners for calls and starts the engines.
    func start() async throws {
        try startEngines()
        try journalGrants(of: configuration)
        await tokens.prepare(configuration.endpoints)
        let tls = try configuration.listen.tls.map(Self.tlsContext)
        for address in configuration.listen.calls {
            addresses.append(try await gateway.listen(host: address.host, port: address.port, tls: tls))
        }
        if let witness { witnessing = Task { await witness.run() } }
        backup?.start()
    }

    /// Stops accepting and lets calls in flight finish.
    func drain() async {
        let clean = (try? await gateway.drain()) ?? false
        if !clean { log.warning("calls were cut because the drain took too long") }
    }

    /// Stops the engines, returns allowances and closes the journal.
    func stop() async {
        await tokens.keeper.stop()
        for engine in engines.values { engine.beginStop() }
        for engine in engines.values { engine.stop() }
        // What it still counts ends holds.
        estimator?.shutdown()
        ledger.shutdown(at: .now())
        ledger.journal.close()
        await endWitnessing()
        await backup?.stop()
        try? await group.shutdownGracefully()
        try? await adminGroup.shutdownGracefully()
    }

    /// The last checkpoint is shown to the witness too.
    private func endWitnessing() async {
        witnessing?.cancel()
        await witnessing?.value
        await witness?.showLast()
    }

    /// What is due once a second, and waits for the books; the ledger's own ticks wait for nothing (`beat`).
    func tick() async {
        try? await QuietThread.run { [gateway] in gateway.freeRetired() }
        do { try await bookkeeper.follow() } catch { log.error("the books fell behind", metadata: ["reason": "\(error)"]) }
    }

    /// Ticks the ledger once a second on a thread of its own, until the result is stopped.
    nonisolated func beat() -> Heartbeat {
        let (ledger, log) = (ledger, log)
        let wasBehind = Mutex(false)
        return Heartbeat(everyMilliseconds: 1_000) {
            ledger.tick(at: .now(), boot: bootNanoseconds())
            let ahead = ledger.clock.aheadSeconds
            let isBehind = ahead > clockJumpSeconds
            guard
                wasBehind.withLock({ before in
                    defer { before = isBehind }
                    return isBehind && !before
                })
            else { return }
            log.error(
                "the wall clock is behind ledger time: no window of a limit opens until it has caught up",
                metadata: ["seconds": "\(ahead)"])
        }
    }

    nonisolated func adminServer(token: AdminToken) async -> AdminServer {
        let address = await configuration.listen.admin
        return AdminServer(
            actions: adminActions(adminAddress: address.description), token: token, host: address.host, port: address.port,
            group: adminGroup, log: log)
    }

    // MARK: Configuration

    private static func load(_ file: String, _ environment: [String: String]) throws -> Configuration {
        try loadConfiguration(file: file, environment: environment).get()
    }

    /// Reads the file again. A bad one is refused with its errors, and the running configuration stays. One after the other, in the
    /// order in which they were asked for.
    func reload() async throws -> Configuration {
        let before = reloading
        let task = Task {
            _ = await before?.result
            return try await self.reloadNow()
        }
        reloading = task
        return try await task.value
    }

    private func reloadNow() async throws -> Configuration {
        let next = try await QuietThread.run { [file, environment] in try Self.load(file, environment) }
        let isSame =
            next.listen == configuration.listen && next.dataFolder == configuration.dataFolder
            && next.node == configuration.node && next.witness == configuration.witness
            && next.backupFolder == configuration.backupFolder
        guard isSame else {
            throw NodeError(
                "`listen`, `data`, `node`, `witness` and `backup` take effect at a start only; restart Weir to change them.")
        }
        try ledger.check(Self.limits(of: next))
        try Self.journal(next, generation: generation + 1, in: ledger)
        try journalGrants(of: next)
        await tokens.prepare(next.endpoints)
        let before = configuration
        configuration = next
        do { try await publish() } catch {
            // What does not reach the data path decides nothing: the journal and the limits go back too.
            configuration = before
            try? Self.journal(before, generation: generation + 1, in: ledger)
            try? await publish()
            await tokens.keepOnly(before.endpoints)
            throw error
        }
        await tokens.keepOnly(next.endpoints)
        alerts.configure(next.alerts)
        try startEngines()
        return next
    }

    /// Delivers configuration and keys to every event loop; returns when all have them.
    private func publish() async throws {
        generation += 1
        let snapshot = try await QuietThread.run { [configuration, generation, ledger, board, secrets] in
            Self.snapshot(configuration, generation: generation, ledger: ledger, board: board, secrets: secrets)
        }
        try await gateway.install(snapshot, board: board)
    }

    /// Each leave to send something that is no call is an administrative act, once a start.
    private func journalGrants(of configuration: Configuration) throws {
        for grant in configuration.endpoints.compactMap(\.tokenGrant) where journalledGrants.insert(grant).inserted {
            _ = try ledger.act(who: "weir", what: "grant-\(grant.purpose.rawValue)", on: "\(grant)", at: .now())
        }
    }

    private static func journal(_ configuration: Configuration, generation: UInt64, in ledger: LiveLedger) throws {
        if let policies = configuration.policies {
            try PolicyFile.keep(policies.book, in: configuration.dataFolder)
            _ = try ledger.act(who: "weir", what: "policies", on: PolicyFile.wholeHash(of: policies.book), at: .now())
        }
        let digest = SHA256.hash(data: Data(configuration.source.utf8)).map { hexadecimal(UInt64($0)).suffix(2) }.joined()
        _ = try ledger.configuration(hash: digest, generation: generation, at: .now())
        // The seed is a file of its own, so the configuration's digest alone does not tell the prices.
        _ = try ledger.act(who: "weir", what: "prices", on: configuration.priceBook.version, at: .now())
        try ledger.setLimits(limits(of: configuration), at: .now())
    }

    /// Accounts that the file no longer limits lose their limits.
    static func limits(of configuration: Configuration) -> [(AccountName, AccountLimits)] {
        var limits = configuration.tenants.flatMap { tenant in
            [(AccountName.tenant(tenant.tenant), AccountLimits.none)]
                + tenant.teams.sorted().map { (AccountName.team(tenant: tenant.tenant, team: $0), AccountLimits.none) }
        }
        for limit in configuration.accountLimits {
            let name = limit.team.map { AccountName.team(tenant: limit.tenant, team: $0) } ?? .tenant(limit.tenant)
            if let index = limits.firstIndex(where: { $0.0 == name }) { limits[index].1 = limit.limits }
        }
        return limits
    }

    private static func snapshot(
        _ configuration: Configuration, generation: UInt64, ledger: LiveLedger, board: Board, secrets: TenantSecrets
    ) -> Snapshot {
        let catalogue = Catalogue(
            generation: generation, endpoints: configuration.endpoints, tenants: configuration.tenants,
            classes: configuration.classes, policies: configuration.policies, countries: configuration.countries)
        var keys: [KeyDigest: KeyEntry] = [:]
        for key in ledger.keys where key.revoked == nil {
            // A key whose tenant left the configuration opens nothing.
            guard catalogue.tenant(named: key.record.tenant) != nil else { continue }
            for secret in key.record.secrets {
                let ends = [secret.expires, key.record.expires].compactMap { $0 }.min()
                keys[secret.digest] = KeyEntry(record: key.record, account: key.index, in: catalogue, expires: ends)
            }
        }
        return Snapshot(
            catalogue: catalogue, prices: configuration.priceBook, limits: configuration.limits, keys: keys,
            policyHash: configuration.policies.map { PolicyFile.hash(of: $0.book) }, board: board,
            regions: configuration.regions, secrets: secrets)
    }

    private static func tlsContext(_ files: TLSFiles) throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMFile(files.certificate).map { NIOSSLCertificateSource.certificate($0) }
        let key = try NIOSSLPrivateKey(file: files.key, format: .pem)
        var settings = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key))
        settings.minimumTLSVersion = .tlsv12
        settings.applicationProtocols = ["h2", "http/1.1"]
        return try NIOSSLContext(configuration: settings)
    }

    // MARK: Keys

    /// Takes a key into the ledger; it opens calls once its entry is durable and every loop has it.
    func add(_ record: KeyRecord) async throws {
        guard let tenant = configuration.tenants.first(where: { $0.tenant == record.tenant }) else {
            throw NodeError("There is no tenant `\(record.tenant)` in the configuration.")
        }
        guard tenant.teams.contains(record.team) else {
            throw NodeError("The tenant `\(record.tenant)` has no team `\(record.team)`.")
        }
        if let problem = problem(with: record, in: tenant) {
            throw NodeError(problem)
        }
        for model in record.models ?? [] where !configuration.endpoints.contains(where: { $0.models[model] != nil }) {
            throw NodeError("No endpoint serves the model `\(model)`.")
        }
        try await durable(try ledger.record(key: record, at: .now()).sequence)
        try await publish()
    }

    /// Takes a key's record with other labels or fallbacks, durably.
    func replace(_ record: KeyRecord) async throws {
        guard let tenant = configuration.tenants.first(where: { $0.tenant == record.tenant }) else {
            throw NodeError("There is no tenant `\(record.tenant)` in the configuration.")
        }
        if let problem = problem(with: record, in: tenant) {
            throw NodeError(problem)
        }
        try await durable(try ledger.record(key: record, at: .now()).sequence)
        try await publish()
    }

    func rotate(_ id: String, to digest: KeyDigest, overlapSeconds: Int64) async throws {
        guard let key = ledger.keys.first(where: { $0.record.id == id && $0.revoked == nil }) else {
            throw NodeError("There is no key `\(id)` to rotate.")
        }
        let now = Timestamp.now()
        let end = now.advanced(byMilliseconds: overlapSeconds * 1000)
        let old = key.record.secrets.compactMap { secret -> KeySecret? in
            let ends = secret.expires.map { min($0, end) } ?? end
            return ends > now ? KeySecret(digest: secret.digest, expires: ends) : nil
        }
        try await durable(try ledger.rotate(key: id, secrets: old + [KeySecret(digest: digest)], at: now))
        try await publish()
    }

    /// Replaces a key's own limits, durably.
    func limit(_ id: String, _ limits: AccountLimits) async throws {
        guard var record = ledger.keys.first(where: { $0.record.id == id })?.record else {
            throw NodeError("There is no key `\(id)`.")
        }
        record.limits = limits
        try await durable(try ledger.record(key: record, at: .now()).sequence)
        try await publish()
    }

    /// Returns when the revocation is durable and no loop knows the key any more.
    func revoke(_ id: String, why: String) async throws {
        try await durable(try ledger.revoke(key: id, why: why, at: .now()))
        try await publish()
    }

    nonisolated func durable(_ sequence: UInt64) async throws {
        for _ in 0..<2_000 {
            if ledger.journal.durable > sequence { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw NodeError("The journal could not be written within 10 s; the change is not in force.")
    }

    // MARK: Engines

    private func startEngines() throws {
        let wanted = Dictionary(uniqueKeysWithValues: configuration.engines.map { ($0.name, $0) })
        for (name, engine) in engines where wanted[name] != engine.spec {
            engine.stop()
            engines[name] = nil
        }
        for spec in configuration.engines where engines[spec.name] == nil {
            let board = board
            let gateway = gateway
            let log = log
            board.set(engine: spec.name, ready: false, catalogue: gateway.snapshot.catalogue)
            let engine = try EngineSupervisor(spec, logFolder: configuration.dataFolder + "/engines") { name, state in
                board.set(engine: name, ready: state == .ready, catalogue: gateway.snapshot.catalogue)
                log.notice("engine changed", metadata: ["engine": "\(name)", "state": "\(state)"])
            }
            try engine.start()
            engines[spec.name] = engine
        }
    }

    var engineStates: [(name: String, state: EngineState)] {
        engines.map { ($0.key, $0.value.state) }.sorted { $0.name < $1.name }
    }
}

/// Why Weir cannot do what was asked, for the person who asked.
struct NodeError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// Makes a folder that only its owner can enter.
func makePrivateFolder(_ path: String) throws {
    try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
}

extension DoubtPolicy {
    fileprivate var policy: DoubtSettings {
        var policy = DoubtSettings()
        policy.holdSeconds = holdsAfterMilliseconds / 1000
        policy.holds = then == .settle ? .settle : .void
        policy.allowanceSeconds = policy.holdSeconds
        return policy
    }
}
