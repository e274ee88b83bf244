public import Core

/// Why an authority gave no token.
public enum TokenTrouble: Error, Sendable, Hashable {
    /// It says that what it was shown is wrong; asked again soon it would say the same. `word`: in its own words, as far as they are safe to print.
    case refused(status: Int, word: String)
    /// It fails, or has too much to do; a wish for a pause is honoured.
    case failed(status: Int, retryAfterMilliseconds: Int64?)
    /// It could not be reached, or did not answer in time.
    case unreachable
    /// It answered, but with no token that could be used.
    case unreadable
    /// What it is to be shown cannot be read, such as the file of a federated token.
    case nothingToShow

    var word: String {
        switch self {
        case .refused(let status, let word): "refused (\(status)\(word.isEmpty ? "" : " \(word)"))"
        case .failed(let status, _): "failed (\(status))"
        case .unreachable: "unreachable"
        case .unreadable: "gave no token that can be read"
        case .nothingToShow: "cannot be asked: the federated token's file cannot be read"
        }
    }
}

/// When the tokens of one credential are asked for, how long each serves, and when somebody has to know. A value without clock or socket.
public struct TokenLife: Sendable, Hashable {
    /// A token is renewed when this part of its life is left, but no sooner than this long before its end.
    static let aheadPart: Int64 = 4
    static let aheadLongestMilliseconds: Int64 = 1_800_000
    /// It is not sent in the last moments of its life, when it could end on its way; never more than this part of it.
    static let marginMilliseconds: Int64 = 5_000
    static let marginPart: Int64 = 20
    /// The first pause after an authority failed; each further one doubles, up to the longest.
    static let failedFirstMilliseconds: Int64 = 1_000
    static let failedLongestMilliseconds: Int64 = 60_000
    /// The same after it refused: what it was shown stays wrong until somebody mends it.
    static let refusedFirstMilliseconds: Int64 = 60_000
    static let refusedLongestMilliseconds: Int64 = 3_600_000
    /// An authority's wish for a pause is honoured up to this long.
    static let wishLongestMilliseconds: Int64 = 3_600_000
    /// An endpoint's refusals lead to no more than one new token in this time.
    static let forcedPauseMilliseconds: Int64 = 300_000
    /// So many tries without a token, one after the other, are somebody's business.
    static let failuresUntilAlarm = 3
    /// Shorter lives than this are not believed: they would be asked for without end.
    static let lifeShortestMilliseconds: Int64 = 1_000
    /// Longer ones are counted as this.
    static let lifeLongestMilliseconds: Int64 = 30 * 86_400_000

    public enum Step: Sendable, Hashable {
        case fetch
        /// The token's time is over, and there is no other.
        case end
        /// Nothing is due before this moment.
        case rest(until: Timestamp)
    }

    /// What somebody should be told; each once until there is a token again.
    public enum Notice: Sendable, Hashable {
        /// No token was had, and the one in use serves a while yet.
        case late(TokenTrouble, until: Timestamp)
        /// The endpoint can take no calls.
        case missing(TokenTrouble)
        /// After one of these: there is a token again.
        case restored(until: Timestamp)
    }

    public private(set) var token: HeldToken?
    /// Since the last token.
    public private(set) var failures = 0
    public private(set) var trouble: TokenTrouble?
    private var nextFetch: Timestamp
    /// Its endpoint refuses the token in use, so that this one is as good as none.
    private var isForced = false
    private var forcedAt: Timestamp?
    private var made: UInt64 = 0
    private var toldLate = false
    private var toldMissing = false
    /// There was one before, so that having none is an end and not a beginning.
    private var hadToken = false

    public init(at now: Timestamp) { nextFetch = now }

    public mutating func step(at now: Timestamp) -> Step {
        if let token, now >= token.until {
            self.token = nil
            return .end
        }
        if now >= nextFetch { return .fetch }
        return .rest(until: min(nextFetch, token?.until ?? nextFetch))
    }

    /// The token in use came to its end without another one.
    public mutating func ended() -> Notice? {
        guard let trouble, !toldMissing else { return nil }
        toldMissing = true
        return .missing(trouble)
    }

    /// A token came that lives so long from when it was asked for.
    ///
    /// - Parameter chance: drawn by the caller, so that many endpoints do not ask at once.
    public mutating func fetched(_ value: Secret, lifeMilliseconds: Int64, askedAt: Timestamp, chance: UInt64) -> Notice? {
        guard lifeMilliseconds >= Self.lifeShortestMilliseconds else { return failed(.unreadable, at: askedAt, chance: chance) }
        let life = min(lifeMilliseconds, Self.lifeLongestMilliseconds)
        let ahead = min(life / Self.aheadPart, Self.aheadLongestMilliseconds)
        made += 1
        let token = HeldToken(
            value: value, until: askedAt.advanced(byMilliseconds: life - min(Self.marginMilliseconds, life / Self.marginPart)),
            number: made,
            renewableFrom: forcedAt?.advanced(byMilliseconds: Self.forcedPauseMilliseconds) ?? askedAt)
        self.token = token
        nextFetch = askedAt.advanced(byMilliseconds: life - ahead - Self.drawn(ahead / Self.aheadPart, chance))
        let wasTold = toldLate || toldMissing
        (failures, trouble, isForced, toldLate, toldMissing, hadToken) = (0, nil, false, false, false, true)
        return wasTold ? .restored(until: token.until) : nil
    }

    /// None came. The one in use stays until its own end.
    public mutating func failed(_ trouble: TokenTrouble, at now: Timestamp, chance: UInt64) -> Notice? {
        failures += 1
        self.trouble = trouble
        var pause: Int64
        var isRefusal = false
        switch trouble {
        case .refused, .nothingToShow:
            isRefusal = true
            pause = Self.doubled(Self.refusedFirstMilliseconds, failures, most: Self.refusedLongestMilliseconds)
        case .failed(_, let wish):
            pause = Self.doubled(Self.failedFirstMilliseconds, failures, most: Self.failedLongestMilliseconds)
            if let wish { pause = max(pause, min(wish, Self.wishLongestMilliseconds)) }
        case .unreachable, .unreadable:
            pause = Self.doubled(Self.failedFirstMilliseconds, failures, most: Self.failedLongestMilliseconds)
        }
        nextFetch = now.advanced(byMilliseconds: pause + Self.drawn(pause / Self.aheadPart, chance))
        if let token, now < token.until, !isForced {
            guard !toldLate else { return nil }
            toldLate = true
            return .late(trouble, until: token.until)
        }
        guard !toldMissing, isRefusal || hadToken && !isForced || failures >= Self.failuresUntilAlarm else { return nil }
        toldMissing = true
        return .missing(trouble)
    }

    /// The endpoint refuses a token that its authority thinks valid; true: another one is to be asked for now.
    public mutating func refusedByEndpoint(_ number: UInt64, at now: Timestamp) -> Bool {
        guard let token, token.number == number, !isForced, now >= token.renewableFrom else { return false }
        isForced = true
        forcedAt = now
        // While the authority is failing, its own pause goes first.
        if trouble == nil { nextFetch = now }
        return true
    }

    private static func doubled(_ first: Int64, _ times: Int, most: Int64) -> Int64 {
        min(first << Int64(min(times - 1, 20)), most)
    }

    /// 0 up to `most`.
    private static func drawn(_ most: Int64, _ chance: UInt64) -> Int64 { most > 0 ? Int64(chance % UInt64(most + 1)) : 0 }
}
