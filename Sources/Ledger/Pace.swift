import Core

/// How fast one account goes and how much it has under way, against its limits. Not money, and not journalled.
///
/// Requests and tokens fill buckets that empty evenly over a minute. What is larger than a whole bucket is let through when the
/// bucket is empty and is then waited for, so that nothing is refused for ever.
struct Pace: Sendable {
    private(set) var limit = PaceLimit.none
    private(set) var underWay = 0
    private var requests = PaceBucket()
    private var tokens = PaceBucket()

    /// Why one more attempt has to wait, after letting pass the time since the last question.
    mutating func refusal(
        tokens asked: Int64, at moment: Timestamp
    ) -> (what: PaceRefusal.What, limit: Int64, retryAfterMilliseconds: Int64?)? {
        if let most = limit.concurrency, underWay >= most { return (.concurrency, Int64(most), nil) }
        if let most = limit.requestsPerMinute {
            if let wait = requests.wait(1, perMinute: most, at: moment) { return (.requestsPerMinute, most, wait) }
        }
        if let most = limit.tokensPerMinute {
            if let wait = tokens.wait(asked, perMinute: most, at: moment) { return (.tokensPerMinute, most, wait) }
        }
        return nil
    }

    mutating func begin(tokens asked: Int64) {
        underWay += 1
        if limit.requestsPerMinute != nil { requests.add(1) }
        if limit.tokensPerMinute != nil { tokens.add(asked) }
    }

    /// As if it had never begun.
    mutating func undo(tokens asked: Int64) {
        underWay -= 1
        if limit.requestsPerMinute != nil { requests.add(-1) }
        if limit.tokensPerMinute != nil { tokens.add(-asked) }
    }

    mutating func end() { underWay -= 1 }

    /// What was used instead of what was asked for.
    mutating func correct(asked: Int64, used: Int64) {
        if limit.tokensPerMinute != nil { tokens.add(used - asked) }
    }

    mutating func set(_ new: PaceLimit) {
        if new.requestsPerMinute != limit.requestsPerMinute { requests = PaceBucket() }
        if new.tokensPerMinute != limit.tokensPerMinute { tokens = PaceBucket() }
        limit = new
    }
}

private let millisecondsPerMinute: Int64 = 60_000
/// Larger limits and requests are counted as this, so that nothing overflows.
let largestPaceAmount: Int64 = 1_000_000_000_000

/// What was taken in the last minute or so. In units of a sixty-thousandth, so that a millisecond drains whole units.
private struct PaceBucket: Sendable {
    private var level: Int64 = 0
    private var last = Timestamp(nanoseconds: .min)

    /// Milliseconds until so much fits; nil: it fits now.
    mutating func wait(_ amount: Int64, perMinute: Int64, at moment: Timestamp) -> Int64? {
        let limit = min(max(perMinute, 0), largestPaceAmount)
        drain(limit, at: moment)
        guard limit > 0 else { return millisecondsPerMinute }
        // What is larger than a bucket waits for an empty one.
        let room = (limit - min(amount, limit)) * millisecondsPerMinute
        guard level > room else { return nil }
        return (level - room + limit - 1) / limit
    }

    mutating func add(_ amount: Int64) {
        let amount = min(max(amount, -largestPaceAmount), largestPaceAmount) * millisecondsPerMinute
        level = min(max(0, level + amount), 4 * largestPaceAmount * millisecondsPerMinute / 2)
    }

    private mutating func drain(_ limit: Int64, at moment: Timestamp) {
        // A clock that steps back starts the time anew, and drains nothing.
        guard last.nanoseconds != .min, moment > last else {
            last = moment
            return
        }
        let elapsed = moment.milliseconds(since: last)
        guard elapsed > 0 else { return }
        last = last.advanced(byMilliseconds: elapsed)
        let (drained, overflow) = limit.multipliedReportingOverflow(by: elapsed)
        level = overflow ? 0 : max(0, level - drained)
    }
}
