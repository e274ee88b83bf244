public import Core
import Ledger

/// A send whose hold was lost, with a crash or with the entries that a restored copy lacks, and that evidence charged later.
/// The ledger knows its money and its tokens, and neither its model nor its endpoint.
public struct ChargedAllowance: Sendable, Hashable {
    /// Sequence number of the entry that charged it.
    public var sequence: UInt64
    /// As the evidence names it.
    public var attempt: AttemptID?
    public var tenant: String
    public var team: String
    public var key: String
    /// It was sent between these: after the last entry that was kept, before Weir went on.
    public var sent: ClosedRange<Timestamp>
    public var amount: Money
    public var usage: Usage
    public var tier: ServiceTier
    public var evidence: String

    public init(
        sequence: UInt64, attempt: AttemptID? = nil, tenant: String = "", team: String = "", key: String = "",
        sent: ClosedRange<Timestamp>, amount: Money, usage: Usage, tier: ServiceTier = .standard, evidence: String
    ) {
        self.sequence = sequence
        self.attempt = attempt
        self.tenant = tenant
        self.team = team
        self.key = key
        self.sent = sent
        self.amount = amount
        self.usage = usage
        self.tier = tier
        self.evidence = evidence
    }
}

/// Finds out when the sends were made that doubts of lost holds are about.
struct Outages: Sendable {
    private var latest: Timestamp?
    private var current: ClosedRange<Timestamp>?
    private var ofDoubts: [UInt64: ClosedRange<Timestamp>] = [:]

    /// To be told of every entry's moment, in their order.
    mutating func pass(_ moment: Timestamp, isStart: Bool) {
        if isStart { current = min(latest ?? moment, moment)...moment }
        latest = max(latest ?? moment, moment)
    }

    mutating func doubt(_ sequence: UInt64, at moment: Timestamp) {
        ofDoubts[sequence] = (current?.lowerBound ?? moment)...max(moment, current?.lowerBound ?? moment)
    }

    func sent(_ doubt: UInt64, chargedAt moment: Timestamp) -> ClosedRange<Timestamp> { ofDoubts[doubt] ?? moment...moment }
}
