import Core
import Ledger
import Policy

/// Everything that one configuration file says, as the plain values that each room takes.
public struct Configuration: Sendable {
    /// The journal's origin: which of several nodes this is.
    public var node: String
    /// Folder of the journal, the books and the admin token.
    public var dataFolder: String
    public var listen: Listen
    public var limits: ListenerLimits
    public var journal: JournalSettings
    public var doubt: DoubtPolicy
    /// Each zone of the file, and of the catalogue where the file used it, with all its members; members that are zones are expanded,
    /// and stay beside their own.
    public var zones: [String: Set<Place>]
    /// Holds what providers report of regions against the endpoints' labels.
    public var regions: RegionJudge
    /// The order of data classes that keys and clients name.
    public var classes: DataClasses
    public var engines: [EngineSpec]
    public var endpoints: [Endpoint]
    /// Those that nothing is sent to in this environment, and why.
    public var leftOut: [LeftOut]
    public var priceBook: PriceBook
    public var tenants: [TenantPolicy]
    /// What calls have to pass beside their tenants' lists; nil: the lists alone decide.
    public var policies: PolicyTimeline?
    /// Of cloud regions that labels name.
    public var countries: Countries
    /// The rules of the pack that are among them.
    public var rules: [Rule]
    /// Files beside this one that were read for it and whose change is a new configuration.
    public var files: [String]
    public var accountLimits: [AccountLimit]
    /// The zones that limits count in, by name; UTC needs none.
    public var timeZones: [String: CivilZone]
    public var alerts: AlertSettings?
    public var witness: WitnessSettings?
    /// The folder that the journal is copied to while Weir runs.
    public var backupFolder: String?
    /// What was left out in this environment, and why; for the operator to read.
    public var notes: [String]
    /// The file's text as it was read. It holds no secret, so its digest may be journalled.
    public var source: String

    public init(
        node: String, dataFolder: String, listen: Listen, limits: ListenerLimits = ListenerLimits(),
        journal: JournalSettings = JournalSettings(), doubt: DoubtPolicy = DoubtPolicy(), zones: [String: Set<Place>] = [:],
        regions: RegionJudge = RegionJudge(), classes: DataClasses = .standard, engines: [EngineSpec] = [],
        endpoints: [Endpoint], leftOut: [LeftOut] = [], priceBook: PriceBook, tenants: [TenantPolicy],
        policies: PolicyTimeline? = nil,
        countries: Countries = Countries(), rules: [Rule] = [], files: [String] = [], accountLimits: [AccountLimit] = [],
        timeZones: [String: CivilZone] = [:],
        alerts: AlertSettings? = nil, witness: WitnessSettings? = nil, backupFolder: String? = nil, notes: [String] = [],
        source: String = ""
    ) {
        self.node = node
        self.dataFolder = dataFolder
        self.listen = listen
        self.limits = limits
        self.journal = journal
        self.doubt = doubt
        self.zones = zones
        self.regions = regions
        self.classes = classes
        self.engines = engines
        self.endpoints = endpoints
        self.leftOut = leftOut
        self.priceBook = priceBook
        self.tenants = tenants
        self.policies = policies
        self.countries = countries
        self.rules = rules
        self.files = files
        self.accountLimits = accountLimits
        self.timeZones = timeZones
        self.alerts = alerts
        self.witness = witness
        self.backupFolder = backupFolder
        self.notes = notes
        self.source = source
    }
}

/// Where Weir listens.
public struct Listen: Sendable, Hashable {
    public var calls: [SocketAddress]
    public var admin: SocketAddress
    /// Of the calls listeners; nil: plaintext.
    public var tls: TLSFiles?
    /// Event loops; nil: one for each core.
    public var loops: Int?

    public init(calls: [SocketAddress], admin: SocketAddress, tls: TLSFiles? = nil, loops: Int? = nil) {
        self.calls = calls
        self.admin = admin
        self.tls = tls
        self.loops = loops
    }
}

/// An IP address and a port; port 0 takes any free one.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// Without brackets.
    public var host: String
    public var port: Int

    public var isLoopback: Bool { isLoopbackHost(host) }
    public var description: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)" }

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }
}

/// Paths of a PEM certificate chain and its private key.
public struct TLSFiles: Sendable, Hashable {
    public var certificate: String
    public var key: String

    public init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }
}

/// How the journal writes.
public struct JournalSettings: Sendable, Hashable {
    public var segmentBytes = 64 * 1024 * 1024
    public var commitMicroseconds: Int64 = 700

    public init() {}
}

/// What becomes of a hold that is in doubt and for which no evidence arrives.
public struct DoubtPolicy: Sendable, Hashable {
    public enum End: String, Sendable, CaseIterable { case settle, void }

    public var holdsAfterMilliseconds: Int64 = 7 * 86_400_000
    public var then = End.settle

    public init() {}
}

/// The limits of a tenant, or of one of its teams.
public struct AccountLimit: Sendable, Hashable {
    public var tenant: String
    /// nil: the tenant as a whole.
    public var team: String?
    public var limits: AccountLimits

    public init(tenant: String, team: String? = nil, limits: AccountLimits) {
        self.tenant = tenant
        self.team = team
        self.limits = limits
    }
}

/// Whom Weir tells of an alert, beside its log and metrics.
public struct AlertSettings: Sendable, Hashable {
    /// Gets a POST with a JSON object for each alert.
    public var webhook: Secret
    /// Sent as `Authorization: Bearer …`.
    public var credential: Secret?

    public init(webhook: Secret, credential: Secret? = nil) {
        self.webhook = webhook
        self.credential = credential
    }
}

/// The process that cosigns this node's checkpoints.
public struct WitnessSettings: Sendable, Hashable {
    public var origin: Origin
    public var path: String
    /// Its verifier key, `name+hash+base64`.
    public var key: String

    public init(origin: Origin, path: String, key: String) {
        self.origin = origin
        self.path = path
        self.key = key
    }
}

/// One thing that is wrong in a configuration file, and where. It never quotes a value that could be a secret.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    public var file: String
    /// Both count from 1.
    public var line: Int
    public var column: Int
    public var message: String
    /// The word that was probably meant.
    public var meant: String?

    public var description: String {
        "\(file):\(line):\(column): \(message)" + (meant.map { " Did you mean `\($0)`?" } ?? "")
    }
}

/// All that is wrong in a configuration file, in the order of the file.
public struct ConfigurationErrors: Error, Sendable, Hashable, CustomStringConvertible {
    public var errors: [ConfigurationError]

    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
