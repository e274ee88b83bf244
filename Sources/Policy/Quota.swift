import Core

/// What one endpoint still takes: its configured pace, counted here, and what its answers said is left. A value.
public struct Quota: Sendable, Hashable {
    public enum Room: Sendable, Hashable {
        case ample
        /// It takes the call, but little more.
        case tight
        case none(until: Timestamp)
    }

    /// Less than one in so many of a limit left is tight.
    static let tightShare: Int64 = 10
    /// An endpoint that does not say when its quota is whole again has it again after this.
    public static let resetDefaultMilliseconds: Int64 = 60_000
    /// No report keeps an endpoint away longer than this.
    public static let resetLongestMilliseconds: Int64 = 3_600_000

    /// Larger limits, reports and calls are counted as this many tokens, so that nothing overflows.
    static let tokensMost: Int64 = 1_000_000_000_000

    /// When to look again at an endpoint that has as many attempts under way as it may.
    public static let concurrencyPauseMilliseconds: Int64 = 1_000

    /// As configured.
    public var pace = PaceLimit.none
    /// Attempts that have begun and not ended; counted only where the pace says so.
    public private(set) var underWay = 0
    private var requests: MinuteCount
    private var tokens: MinuteCount
    private var requestsLeft: Learned?
    private var tokensLeft: Learned?

    /// - Parameter minuteMilliseconds: how long its minute is; shorter only where time is played faster than it passes.
    public init(pace: PaceLimit = .none, minuteMilliseconds: Int64 = 60_000) {
        self.pace = pace
        requests = MinuteCount(minute: minuteMilliseconds)
        tokens = MinuteCount(minute: minuteMilliseconds)
    }

    /// Whether a call of so many tokens can go now.
    public func room(tokens asked: Int64, at now: Timestamp) -> Room {
        if let most = pace.concurrency, underWay >= most {
            return .none(until: now.advanced(byMilliseconds: Self.concurrencyPauseMilliseconds))
        }
        var room = Room.ample
        if let most = pace.requestsPerMinute { room = requests.room(for: 1, within: most, at: now) }
        if let most = pace.tokensPerMinute { room = room.worse(tokens.room(for: asked, within: most, at: now)) }
        if let requestsLeft { room = room.worse(requestsLeft.room(for: 1, at: now)) }
        if let tokensLeft { room = room.worse(tokensLeft.room(for: asked, at: now)) }
        return room
    }

    /// An attempt of probably so many tokens goes out.
    public mutating func began(tokens asked: Int64, at now: Timestamp) {
        if pace.requestsPerMinute != nil { requests.add(1, at: now) }
        if pace.tokensPerMinute != nil { tokens.add(asked, at: now) }
        if pace.concurrency != nil { underWay += 1 }
        requestsLeft?.take(1)
        tokensLeft?.take(asked)
    }

    /// It ended. `beyond`: by how much its tokens were more than was counted when it began.
    public mutating func ended(beyond: Int64, at now: Timestamp) {
        underWay = max(0, underWay - 1)
        if pace.tokensPerMinute != nil { tokens.add(beyond, at: now) }
    }

    /// It was not sent after all.
    public mutating func gaveUp(tokens asked: Int64, at now: Timestamp) {
        if pace.requestsPerMinute != nil { requests.add(-1, at: now) }
        requestsLeft?.take(-1)
        tokensLeft?.take(-bounded(asked))
        ended(beyond: -bounded(asked), at: now)
    }

    public mutating func learn(_ report: QuotaReport, at now: Timestamp) {
        if let left = report.requests { requestsLeft = Learned(left, at: now) }
        if let left = report.tokens { tokensLeft = Learned(left, at: now) }
    }
}

extension Quota.Room {
    /// The one of two that admits less.
    fileprivate func worse(_ other: Quota.Room) -> Quota.Room {
        switch (self, other) {
        case (.none(let a), .none(let b)): .none(until: max(a, b))
        case (.none, _): self
        case (_, .none): other
        case (.tight, _): self
        default: other
        }
    }
}

/// A number of tokens that can be added up and multiplied by the milliseconds of a minute.
private func bounded(_ tokens: Int64) -> Int64 { min(max(tokens, -Quota.tokensMost), Quota.tokensMost) }

/// What an endpoint said is left, less what went out since; forgotten when it is whole again.
private struct Learned: Sendable, Hashable {
    private(set) var remaining: Int64
    let limit: Int64
    let resets: Timestamp

    init(_ left: QuotaReport.Left, at now: Timestamp) {
        remaining = bounded(left.remaining)
        limit = max(bounded(left.limit ?? 0), remaining)
        let wait = left.resetMilliseconds ?? Quota.resetDefaultMilliseconds
        resets = now.advanced(byMilliseconds: min(max(0, wait), Quota.resetLongestMilliseconds))
    }

    mutating func take(_ asked: Int64) { remaining = bounded(remaining - bounded(asked)) }

    func room(for asked: Int64, at now: Timestamp) -> Quota.Room {
        // A clock that stepped back must not keep the endpoint away longer than a report can.
        guard now < resets, resets.milliseconds(since: now) <= Quota.resetLongestMilliseconds else { return .ample }
        let left = remaining - min(bounded(asked), max(1, limit))
        if left < 0 { return .none(until: resets) }
        return left < limit / Quota.tightShare ? .tight : .ample
    }
}

/// A count over the last minute: this window's, and the one before it by the share of it that the minute still covers.
private struct MinuteCount: Sendable, Hashable {
    private let minute: Int64
    private var start = Timestamp(nanoseconds: 0)
    private var current: Int64 = 0
    private var previous: Int64 = 0

    init(minute: Int64) { self.minute = minute }

    mutating func add(_ amount: Int64, at now: Timestamp) {
        self = turned(at: now)
        current = max(0, bounded(current + bounded(amount)))
    }

    /// With the window that `now` lies in; a clock that stepped back begins anew.
    private func turned(at now: Timestamp) -> MinuteCount {
        let elapsed = now.milliseconds(since: start)
        if (0..<minute).contains(elapsed) { return self }
        var next = MinuteCount(minute: minute)
        next.start = now
        if (minute..<2 * minute).contains(elapsed) {
            next.start = start.advanced(byMilliseconds: minute)
            next.previous = current
        }
        return next
    }

    func room(for asked: Int64, within limit: Int64, at now: Timestamp) -> Quota.Room {
        let count = turned(at: now)
        let limit = bounded(limit)
        // What is larger than the whole limit has room when nothing else is there.
        let asked = min(bounded(asked), limit)
        let elapsed = now.milliseconds(since: count.start)
        let used = count.current + (count.previous * (minute - elapsed) + minute - 1) / minute
        let left = limit - used - asked
        if left >= 0 { return left < limit / Quota.tightShare ? .tight : .ample }
        // The part of the minute by which enough of a window has passed out of it.
        func share(_ kept: Int64, of window: Int64) -> Int64 {
            window <= 0 ? 0 : minute - minute * max(0, kept) / window
        }
        let wait =
            if count.current + asked > limit {
                minute + share(limit - asked, of: count.current)
            } else {
                share(limit - asked - count.current, of: count.previous)
            }
        return .none(until: count.start.advanced(byMilliseconds: wait))
    }
}
