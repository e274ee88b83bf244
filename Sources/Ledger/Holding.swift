public import Core
public import Journal

// What the data path asks the ledger for, and what it is told.

/// What one attempt asks the ledger for, before it is sent.
public struct HoldRequest: Sendable {
    public var attempt: AttemptID
    /// The call's request id; at most 128 bytes of it are journalled.
    public var call: String
    /// From `LiveLedger.keyIndex`.
    public var key: Int
    public var route: HoldRoute
    public var judged: HoldJudged?
    public var operation: Operation
    public var stream: Bool
    /// The most the attempt can cost.
    public var amount: Money
    public var inputBound: Int64
    public var outputBound: Int64
    /// Of the configuration that decided.
    public var generation: UInt64
    /// The tier that was asked for; the price of the hold is that tier's.
    public var tier: ServiceTier
    /// Tokens that the attempt will probably use, for limits of tokens a minute.
    public var paceTokens: Int64
    /// Of the call's body; nil: the entry says nothing of the call's size.
    public var bytes: Int64?
    /// Only of an attempt that takes personal data out of mainland China.
    public var export: JudgedExport?
    public var at: Timestamp

    public init(
        attempt: AttemptID, call: String, key: Int, route: HoldRoute, judged: HoldJudged? = nil, operation: Operation,
        stream: Bool, amount: Money,
        inputBound: Int64, outputBound: Int64, generation: UInt64, tier: ServiceTier = .standard, paceTokens: Int64 = 0,
        bytes: Int64? = nil, export: JudgedExport? = nil, at: Timestamp
    ) {
        self.attempt = attempt
        self.call = call
        self.key = key
        self.route = route
        self.judged = judged
        self.operation = operation
        self.stream = stream
        self.amount = amount
        self.inputBound = inputBound
        self.outputBound = outputBound
        self.generation = generation
        self.tier = tier
        self.paceTokens = paceTokens
        self.bytes = bytes
        self.export = export
        self.at = at
    }
}

/// A route's facts, rendered once for all the entries that will carry them.
public struct HoldRoute: Sendable {
    public let facts: RouteFacts
    let members: String

    public init(_ facts: RouteFacts) {
        self.facts = facts
        var writer = EntryWriter()
        writer.route(facts)
        members = String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// What was judged, rendered once for all the entries that will carry it.
public final class HoldJudged: Sendable {
    public let facts: JudgedFacts
    let member: String

    public init(_ facts: JudgedFacts) {
        self.facts = facts
        var writer = EntryWriter()
        writer.judged(facts)
        member = String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// An open hold in the hands of the attempt it belongs to. It has exactly one end.
public struct Hold: Sendable, Hashable {
    public var ref: HoldRef
    public var attempt: AttemptID
    public var key: Int
    public var amount: Money
    /// The tier that was asked for.
    public var tier: ServiceTier
    /// Of its entry: no byte of the answer may reach the client before this is durable.
    public var sequence: UInt64
}

public enum HoldOutcome: Sendable {
    /// `mustSyncFirst`: no allowance covers it, or it counts a new person, so nothing may be sent before `hold.sequence` is durable.
    case admitted(Hold, mustSyncFirst: Bool)
    case refused(MoneyRefusal)
    /// Too fast, or too much at once; nothing to do with money.
    case paced(PaceRefusal)
    /// More persons' data have left China than the export was judged by, this one's included: nothing is held. Judge it again.
    case exportsMoved(ExportCount)
    case revoked
    /// Nothing can be journalled now, so nothing is held.
    case unavailable
}

/// Which account refused a hold, what it would still admit and when it counts from zero again.
public struct MoneyRefusal: Sendable, Hashable {
    public var account: AccountName
    /// Over which its limit counts.
    public var period: Period
    public var limit: Money
    /// What the limit admits beyond itself, and by what name.
    public var grace: SpendLimit.Grace?
    /// The most that the account would still admit.
    public var left: Money
    public var asked: Money
    /// nil: never by itself.
    public var resets: Timestamp?
}

/// Which account goes too fast, and when there is room again.
public struct PaceRefusal: Sendable, Hashable {
    public enum What: String, Sendable { case requestsPerMinute, tokensPerMinute, concurrency }

    public var account: AccountName
    public var what: What
    public var limit: Int64
    /// nil: when another attempt of the account ends.
    public var retryAfterMilliseconds: Int64?
}

/// What came of asking for more than was held, while an answer is still coming.
public enum Lengthening: Sendable {
    /// The hold is larger now; its new amount is in the journal on its way to the disk, in the entry of this sequence number.
    case lengthened(UInt64)
    case refused(MoneyRefusal)
    /// The hold has ended or is in doubt, or nothing can be journalled now.
    case unavailable
}

/// Something that somebody should know at once. Its entry is in the journal, or on its way there.
public enum AlertNotice: Sendable, Hashable {
    case limit(LimitNotice)
    /// By the endpoint's own report.
    case suspended(Suspension)
}

/// So many percent of a limit are settled in its current window.
public struct LimitNotice: Sendable, Hashable {
    public var account: AccountName
    public var period: Period
    public var percent: Int
    public var settled: Money
    public var limit: Money

    public init(account: AccountName, period: Period, percent: Int, settled: Money, limit: Money) {
        self.account = account
        self.period = period
        self.percent = percent
        self.settled = settled
        self.limit = limit
    }
}

/// How an attempt ended, for its money.
public enum End: Sendable {
    /// `estimated`: counted by Weir, not told by the provider.
    case settled(Usage, Money, estimated: Bool, tier: ServiceTier = .standard)
    /// Nothing was or will be billed, for this reason.
    case voided(String)
    /// Nobody knows yet: it stays reserved until evidence or policy ends it.
    case doubt(String)
}

/// Why an administrative entry was not taken.
public enum LedgerError: Error, Sendable, Hashable {
    case journal(JournalError)
    case entryTooLarge
    case unknownKey
    /// No entry has ever named such a tenant.
    case unknownTenant(String)
    /// A key cannot change its team or tenant, nor come back once it is revoked.
    case keyConflict
    case limits(AccountName, LimitsError)
    /// There is no such attempt at that sequence number.
    case unknownAttempt
    /// It is under way or in doubt: end it instead of correcting it.
    case notEnded
    /// An attempt cannot have cost or used less than nothing.
    case belowZero
    /// Its doubt was ended by other evidence, or it ended without one: correct it instead.
    case endedBefore
    /// There is no allowance in doubt, and never was, at that sequence number.
    case unknownAllowance
    /// The endpoint is suspended already, or is not.
    case suspendedBefore
    case notSuspended
    /// The wall clock is so much ahead of the last entry that it is rather wrong than right.
    case clockAhead(seconds: Int64, latest: Timestamp)
    /// The journal contradicts itself: nothing may be built on it.
    case contradiction(FoldError)
    case unreadable(sequence: UInt64, EntryError)
    case books(String)
}
