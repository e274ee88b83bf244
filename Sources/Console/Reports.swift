public import Core

/// How a reload went. A refused file changes nothing.
public struct ReloadReport: Sendable, Hashable, Codable {
    public var ok: Bool
    /// The configuration in force afterwards.
    public var generation: UInt64
    /// What the new configuration leaves out in this environment, and why.
    public var notes: [String]
    /// What is wrong with the file, each with file, line and column.
    public var errors: [String]

    public init(ok: Bool, generation: UInt64, notes: [String] = [], errors: [String] = []) {
        self.ok = ok
        self.generation = generation
        self.notes = notes
        self.errors = errors
    }
}

/// One thing that must be well for Weir to serve calls.
public struct ReadyCheck: Sendable, Hashable, Codable {
    public var name: String
    public var ok: Bool
    public var detail: String

    public init(_ name: String, ok: Bool, detail: String) {
        self.name = name
        self.ok = ok
        self.detail = detail
    }
}

/// The answer of `/readyz`.
public struct ReadyReport: Sendable, Hashable, Codable {
    public var ready: Bool
    public var checks: [ReadyCheck]

    public init(_ checks: [ReadyCheck]) {
        ready = checks.allSatisfy(\.ok)
        self.checks = checks
    }
}

/// What runs here, at a glance.
public struct StatusReport: Sendable, Hashable, Codable {
    public struct Item: Sendable, Hashable, Codable {
        public var name: String
        public var state: String

        public init(_ name: String, _ state: String) {
            self.name = name
            self.state = state
        }
    }

    public var version: String
    public var node: String
    public var process: Int32
    public var generation: UInt64
    public var started: String
    public var calls: [String]
    public var admin: String
    /// One past the last durable entry of the journal.
    public var durable: UInt64
    /// The number that the next entry gets.
    public var next: UInt64
    public var journal: String
    public var endpoints: [Item]
    public var engines: [Item]
    public var notes: [String]

    public init(
        version: String, node: String, process: Int32, generation: UInt64, started: Timestamp, calls: [String], admin: String,
        durable: UInt64, next: UInt64, journal: String, endpoints: [Item] = [], engines: [Item] = [], notes: [String] = []
    ) {
        self.version = version
        self.node = node
        self.process = process
        self.generation = generation
        self.started = started.description
        self.calls = calls
        self.admin = admin
        self.durable = durable
        self.next = next
        self.journal = journal
        self.endpoints = endpoints
        self.engines = engines
        self.notes = notes
    }
}
