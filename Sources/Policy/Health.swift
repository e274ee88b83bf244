import Core

/// What the data path has learned of one endpoint. A value: read before `route`, updated after each attempt.
public struct Health: Sendable, Hashable {
    /// This many failures in a row open the breaker.
    public static let breakerThreshold = 5
    /// The first pause of an open breaker; each further one doubles, up to the longest.
    public static let breakerFirstMilliseconds: Int64 = 5_000
    public static let breakerLongestMilliseconds: Int64 = 300_000
    /// A provider's wish for a pause is honoured up to this long.
    public static let cooldownLongestMilliseconds: Int64 = 3_600_000
    /// The first pause after it refused our credential; each further one doubles, up to the longest, until it takes it.
    public static let credentialFirstMilliseconds: Int64 = 60_000
    public static let credentialLongestMilliseconds: Int64 = 3_600_000
    /// Tokens of an answer by whose time endpoints are compared.
    static let typicalOutputTokens: Int64 = 256
    /// A new sample's share in the latency average is one over this.
    static let latencyShare: Int64 = 8

    /// The engine behind the endpoint is not ready.
    public var down = false
    /// Nothing goes there until somebody lifts it, however well it answers.
    public var suspended = false
    /// There is no token to show it.
    public var tokenMissing = false
    /// It refused the token, and another one is asked for.
    private var renewsUntil: Timestamp?
    public private(set) var coolUntil: Timestamp?
    public private(set) var failuresInRow = 0
    public private(set) var openUntil: Timestamp?
    private var opened = 0
    /// A half-open breaker lets one trial through at a time.
    private var trialSince: Timestamp?
    /// Moving average of the time to first byte, in microseconds; nil before the first answer.
    public private(set) var latencyMicroseconds: Int64?

    /// Moving averages of streams: until something is said, in microseconds, and tokens in a thousand seconds after that; nil before the first.
    public private(set) var firstTokenMicroseconds: Int64?
    public private(set) var tokensInThousandSeconds: Int64?

    /// How often in a row it refused our credential.
    public private(set) var credentialRefusals = 0

    /// What its provider lets through.
    public var quota = Quota()

    public init() {}

    public enum Outcome: Sendable {
        case answered(latencyMicroseconds: Int64)
        /// The endpoint's own fault: 5xx, connection, silence.
        case failed
        /// It asked for a pause.
        case throttled(milliseconds: Int64)
        /// It refused our credential: nothing will come of further calls until somebody mends that.
        case credentialRefused
        /// It refused a token, and another one is asked for.
        case tokenRefused
        /// A stream was said to its end.
        case streamed(firstTokenMicroseconds: Int64, tokens: Int64, microseconds: Int64)
    }

    public enum Availability: Sendable, Hashable {
        case ready
        /// The breaker is half open: one trial may go.
        case trial
        case cooling(until: Timestamp)
        case open(until: Timestamp)
        case down
        case suspended
        /// There is no token to show it, or none that it takes.
        case noToken
    }

    public func availability(at now: Timestamp) -> Availability {
        if suspended { return .suspended }
        if down { return .down }
        if tokenMissing { return .noToken }
        if let renewsUntil, now < renewsUntil { return .noToken }
        if let coolUntil, now < coolUntil { return .cooling(until: coolUntil) }
        guard let openUntil else { return .ready }
        if now < openUntil { return .open(until: openUntil) }
        // A trial whose result never came must not close the door for good.
        if let trialSince, now.milliseconds(since: trialSince) < Self.breakerFirstMilliseconds {
            return .open(until: trialSince.advanced(byMilliseconds: Self.breakerFirstMilliseconds))
        }
        return .trial
    }

    /// An attempt of probably so many tokens is about to go out; false when the endpoint is suspended or the quota has no room for it.
    public mutating func begin(tokens: Int64, at now: Timestamp) -> Bool {
        if suspended { return false }
        if case .none = quota.room(tokens: tokens, at: now) { return false }
        if let openUntil, now >= openUntil { trialSince = now }
        quota.began(tokens: tokens, at: now)
        return true
    }

    /// It was not sent after all, so that nothing is learned from it.
    public mutating func gaveUp(tokens: Int64, at now: Timestamp) {
        trialSince = nil
        quota.gaveUp(tokens: tokens, at: now)
    }

    public mutating func record(_ outcome: Outcome, at now: Timestamp) {
        switch outcome {
        case .answered(let sample):
            latencyMicroseconds = Self.averaged(latencyMicroseconds, sample)
            failuresInRow = 0
            credentialRefusals = 0
            openUntil = nil
            trialSince = nil
            opened = 0
        case .failed:
            failuresInRow += 1
            // Attempts that were under way when it opened say nothing new; only a failed trial doubles the pause.
            if let openUntil, now < openUntil { return }
            let wasTrial = openUntil != nil
            trialSince = nil
            guard wasTrial || failuresInRow >= Self.breakerThreshold else { return }
            let pause = min(Self.breakerFirstMilliseconds << Int64(min(opened, 16)), Self.breakerLongestMilliseconds)
            opened += 1
            openUntil = now.advanced(byMilliseconds: pause)
        case .throttled(let milliseconds):
            trialSince = nil
            cool(milliseconds, from: now)
        case .credentialRefused:
            trialSince = nil
            // What was under way when it began to refuse says nothing new.
            if let coolUntil, now < coolUntil { return }
            cool(
                min(Self.credentialFirstMilliseconds << Int64(min(credentialRefusals, 16)), Self.credentialLongestMilliseconds),
                from: now)
            credentialRefusals += 1
        case .tokenRefused:
            trialSince = nil
            renewsUntil = now.advanced(byMilliseconds: Self.credentialFirstMilliseconds)
        case .streamed(let first, let tokens, let microseconds):
            firstTokenMicroseconds = Self.averaged(firstTokenMicroseconds, first)
            // Shorter ones say more about the network than about the model.
            guard tokens >= Self.streamTokensMin, microseconds > 0 else { return }
            tokensInThousandSeconds = Self.averaged(
                tokensInThousandSeconds, min(tokens, 1_000_000) * 1_000_000_000 / microseconds)
        }
    }

    /// There is a token that it has not seen: whatever it refused before, it is asked again.
    public mutating func hasNewToken() {
        tokenMissing = false
        renewsUntil = nil
        // How often it refused is kept, so that a new token that it refuses too is no new alarm.
        if credentialRefusals > 0 { coolUntil = nil }
    }

    /// Tokens of a stream from which its pace is learned.
    public static let streamTokensMin: Int64 = 8

    private static func averaged(_ average: Int64?, _ sample: Int64) -> Int64 {
        average.map { $0 + (sample - $0) / latencyShare } ?? sample
    }

    private mutating func cool(_ milliseconds: Int64, from now: Timestamp) {
        let until = now.advanced(byMilliseconds: min(max(milliseconds, 0), Self.cooldownLongestMilliseconds))
        coolUntil = max(coolUntil ?? until, until)
    }

    /// How long a typical answer takes, as far as it is known; nil before the first answer.
    public var expectedMicroseconds: Int64? {
        guard let start = firstTokenMicroseconds ?? latencyMicroseconds else { return nil }
        guard let pace = tokensInThousandSeconds, pace > 0 else { return start }
        return start + Self.typicalOutputTokens * 1_000_000_000 / pace
    }
}
