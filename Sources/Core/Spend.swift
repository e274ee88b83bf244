/// The time over which a money limit counts.
public enum Period: Sendable, Hashable {
    /// A calendar day, week (from Monday) or month in a time zone of the IANA database, such as `UTC` or `Asia/Shanghai`.
    case day(zone: String)
    case week(zone: String)
    case month(zone: String)
    /// The last so many seconds, at every moment.
    case rolling(seconds: Int64)
    /// From the beginning, for ever.
    case total

    public static let monthUTC = Period.month(zone: "UTC")

    public var zone: String? {
        switch self {
        case .day(let zone), .week(let zone), .month(let zone): zone
        case .rolling, .total: nil
        }
    }
}

extension Period: CustomStringConvertible {
    /// `month`, `day Asia/Shanghai` (UTC is left out), `rolling 3600s`, `total`; `init(_:)` reads it back.
    public var description: String {
        switch self {
        case .day(let zone): zone == "UTC" ? "day" : "day \(zone)"
        case .week(let zone): zone == "UTC" ? "week" : "week \(zone)"
        case .month(let zone): zone == "UTC" ? "month" : "month \(zone)"
        case .rolling(let seconds): "rolling \(seconds)s"
        case .total: "total"
        }
    }

    public init?(_ text: some StringProtocol) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 1 || (words.count == 2 && !words[1].isEmpty) else { return nil }
        let zone = words.count == 2 ? String(words[1]) : "UTC"
        switch words[0] {
        case "day": self = .day(zone: zone)
        case "week": self = .week(zone: zone)
        case "month": self = .month(zone: zone)
        case "total" where words.count == 1: self = .total
        case "rolling" where words.count == 2:
            guard words[1].hasSuffix("s"), let seconds = Int64(words[1].dropLast()), seconds > 0 else { return nil }
            self = .rolling(seconds: seconds)
        default: return nil
        }
    }
}

/// A limit of money over a period. It is hard but for its grace.
public struct SpendLimit: Sendable, Hashable {
    /// Money beyond the limit that somebody has agreed to, by name.
    public struct Grace: Sendable, Hashable {
        public var name: String
        public var amount: Money

        public init(name: String, amount: Money) { (self.name, self.amount) = (name, amount) }
    }

    public var period: Period
    public var amount: Money
    public var grace: Grace?
    /// Percent of `amount` at which somebody is told, ascending; what is settled counts.
    public var alertPercents: [Int]

    public init(period: Period, amount: Money, grace: Grace? = nil, alertPercents: [Int] = []) {
        self.period = period
        self.amount = amount
        self.grace = grace
        self.alertPercents = alertPercents
    }
}

/// How fast and how much at once. Pace is not journalled: it guards capacity, not money.
public struct PaceLimit: Sendable, Hashable {
    public var requestsPerMinute: Int64?
    /// Input and output of the model that serves.
    public var tokensPerMinute: Int64?
    /// Attempts under way at once.
    public var concurrency: Int?

    public static let none = PaceLimit()
    public var isNone: Bool { self == .none }

    public init(requestsPerMinute: Int64? = nil, tokensPerMinute: Int64? = nil, concurrency: Int? = nil) {
        self.requestsPerMinute = requestsPerMinute
        self.tokensPerMinute = tokensPerMinute
        self.concurrency = concurrency
    }
}

/// All limits of one account. At most one money limit for each period.
public struct AccountLimits: Sendable, Hashable {
    public var spend: [SpendLimit]
    public var pace: PaceLimit

    public static let none = AccountLimits()

    public init(spend: [SpendLimit] = [], pace: PaceLimit = .none) {
        self.spend = spend
        self.pace = pace
    }

    /// The limit of a calendar month in UTC, the commonest.
    public init(monthly: Money?) { self.init(spend: monthly.map { [SpendLimit(period: .monthUTC, amount: $0)] } ?? []) }

    public var monthly: Money? { spend.first { $0.period == .monthUTC }?.amount }
}
