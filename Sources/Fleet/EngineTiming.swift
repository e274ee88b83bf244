/// The waits of an engine's life, in milliseconds.
public struct EngineTiming: Sendable, Hashable {
    /// Before the first restart; each further one waits twice as long.
    public var firstWaitMilliseconds: Int64 = 250
    public var longestWaitMilliseconds: Int64 = 30_000
    /// Having been ready for this long makes the next wait a first one again.
    public var steadyMilliseconds: Int64 = 60_000
    /// From SIGTERM to SIGKILL.
    public var stopMilliseconds: Int64 = 5_000
    /// Between two looks for readiness.
    public var readyPollMilliseconds: Int64 = 50
    /// Between two looks at a running child: one that closed its output gives no other sign of its end.
    public var watchMilliseconds: Int64 = 250

    public init() {}
}

/// How long to wait before an engine is started again.
struct Backoff {
    private let timing: EngineTiming
    private var wait: Int64

    init(_ timing: EngineTiming) {
        self.timing = timing
        wait = timing.firstWaitMilliseconds
    }

    /// The next wait, for an engine that was up this long.
    mutating func next(upMilliseconds: Int64) -> Int64 {
        if upMilliseconds >= timing.steadyMilliseconds { wait = timing.firstWaitMilliseconds }
        defer { wait = min(wait * 2, timing.longestWaitMilliseconds) }
        return wait
    }
}
