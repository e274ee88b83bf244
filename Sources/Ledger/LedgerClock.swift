public import Core

/// A wall clock that jumps ahead by more than this is not believed at once: it would open windows before their time.
public let clockJumpSeconds: Int64 = 60
/// A jump is believed once it has lasted so long.
private let beliefSeconds: Int64 = 600
/// Smaller corrections are followed by so much a tick.
private let slewSeconds: Int64 = 5

/// A wall clock that is ahead by more than this is never believed by itself: a ledger that once followed it into a far future would
/// stand still until then. A start that is told to takes it.
public let clockTrustDays: Int64 = 32

/// What the ledger thinks of this machine's wall clock.
public struct ClockView: Sendable, Hashable {
    /// The time that entries carry; it never goes back.
    public var time: Timestamp
    /// By how many seconds the wall clock is ahead of it without being believed.
    public var doubtfulSeconds: Int64
    /// By how many seconds ledger time is ahead of the wall clock, and stands still.
    public var aheadSeconds: Int64
}

/// Ledger time: the wall clock, but never back, and never far ahead of what the boot clock has counted.
struct LedgerClock: Sendable {
    private(set) var time: Timestamp
    /// Wall clock minus boot clock, as far as it is believed.
    private var offset: Int64?
    /// No later than this until the next tick.
    private var ceiling = Timestamp(nanoseconds: .max)
    private var suspicion: (offset: Int64, sinceBoot: Int64)?
    /// What the wall clock said at the last tick.
    private var wall: Timestamp?
    private var hasToldBehind = false

    init(latest: Timestamp) { time = latest }

    /// By how many seconds a wall clock is further ahead of the last entry than is believed.
    static func tooFarAhead(_ wall: Timestamp, of latest: Timestamp) -> Int64? {
        guard latest.nanoseconds > 0 else { return nil }
        let seconds = (wall.nanoseconds - latest.nanoseconds) / 1_000_000_000
        return seconds > clockTrustDays * 86_400 ? seconds : nil
    }

    var aheadSeconds: Int64 {
        guard let wall else { return 0 }
        return max(0, (time.nanoseconds - wall.nanoseconds) / 1_000_000_000)
    }

    var doubtfulSeconds: Int64 {
        guard let suspicion, let offset else { return 0 }
        return (suspicion.offset - offset) / 1_000_000_000
    }

    /// The ledger time when the wall clock says `wall`.
    @inline(__always)
    mutating func now(_ wall: Timestamp) -> Timestamp {
        time = max(time, min(wall, ceiling))
        return time
    }

    enum Event: Sendable, Hashable {
        case jumped(seconds: Int64)
        case believed(seconds: Int64)
        /// It is that much behind ledger time; told once.
        case behind(seconds: Int64)
    }

    /// Compares both clocks, about once a second.
    mutating func tick(_ wall: Timestamp, boot: Int64) -> Event? {
        self.wall = wall
        let event = compare(wall, boot: boot)
        if aheadSeconds <= clockJumpSeconds { hasToldBehind = false }
        guard event == nil, aheadSeconds > clockJumpSeconds, !hasToldBehind else { return event }
        hasToldBehind = true
        return .behind(seconds: aheadSeconds)
    }

    private mutating func compare(_ wall: Timestamp, boot: Int64) -> Event? {
        let (seen, overflow) = wall.nanoseconds.subtractingReportingOverflow(boot)
        guard !overflow else { return nil }
        guard let believed = offset else {
            offset = seen
            setCeiling(boot)
            return nil
        }
        let ahead = seen - believed
        var event: Event?
        if ahead <= clockJumpSeconds * 1_000_000_000 {
            suspicion = nil
            offset = believed + min(ahead, slewSeconds * 1_000_000_000)
        } else if let held = suspicion, abs(held.offset - seen) <= clockJumpSeconds * 1_000_000_000 {
            if boot - held.sinceBoot >= beliefSeconds * 1_000_000_000, ahead <= clockTrustDays * 86_400_000_000_000 {
                offset = seen
                suspicion = nil
                event = .believed(seconds: ahead / 1_000_000_000)
            }
        } else {
            suspicion = (seen, boot)
            event = .jumped(seconds: ahead / 1_000_000_000)
        }
        setCeiling(boot)
        return event
    }

    private mutating func setCeiling(_ boot: Int64) {
        ceiling = Timestamp(nanoseconds: boot + (offset ?? 0)).advanced(byMilliseconds: slewSeconds * 1000)
    }
}
