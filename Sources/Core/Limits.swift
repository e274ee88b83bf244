/// What a listener accepts. Each value can be set under `limits` in the configuration; sizes in bytes, times in milliseconds.
public struct ListenerLimits: Sendable, Hashable {
    public var headBytes = 32 * 1024
    public var headerCount = 100
    public var bodyBytes = 32 * 1024 * 1024
    /// From the first byte of a head to its last.
    public var headMilliseconds: Int64 = 10_000
    /// From the end of the head to the last byte of the body.
    public var bodyMilliseconds: Int64 = 60_000
    public var idleMilliseconds: Int64 = 120_000
    public var connectionAgeMilliseconds: Int64 = 3_600_000
    public var connections = 10_000
    /// Calls that may be under way at once, over all tenants.
    public var callsInFlight = 4_000
    /// The share of `callsInFlight`, in percent, that one tenant may use while others wait.
    public var tenantSharePercent = 50
    /// Streams of one HTTP/2 connection.
    public var concurrentStreams = 100
    /// The deepest nesting of a request's JSON.
    public var jsonDepth = 64
    /// How long a drain waits for calls in flight.
    public var drainMilliseconds: Int64 = 30_000
    /// How long an answer is read on after its caller left, where the endpoint drains.
    public var callerGoneMilliseconds: Int64 = 60_000
    /// Answers that one event loop reads on at once after their callers left; beyond it the oldest is cancelled.
    public var drainsPerLoop = 256
    /// Attempts of one call, the first included.
    public var attemptsPerCall = 3

    public init() {}
}

/// An inference engine that Weir runs as a child process.
public struct EngineSpec: Sendable, Hashable {
    public var name: String
    public var command: [String]
    public var environment: [String: String]
    /// Loopback port it listens on.
    public var port: Int
    /// Path that answers 200 when it is ready.
    public var readyPath: String
    public var readyMilliseconds: Int64

    public init(
        name: String, command: [String], environment: [String: String] = [:], port: Int, readyPath: String = "/health",
        readyMilliseconds: Int64 = 60_000
    ) {
        self.name = name
        self.command = command
        self.environment = environment
        self.port = port
        self.readyPath = readyPath
        self.readyMilliseconds = readyMilliseconds
    }
}
