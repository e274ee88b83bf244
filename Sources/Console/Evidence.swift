public import Core
public import Ledger

/// The longest name of a piece of evidence, and of its reason, in bytes.
private let evidenceBytesMax = 128
private let whyBytesMax = 256

/// Where nobody knows the attempt that an allowance covered.
public let unknownAttempt = AttemptID(high: 0, low: 0)

/// What somebody knows about one attempt's cost from outside, to be booked as a correction or as the end of a doubt.
public struct Evidence: Sendable, Hashable {
    public enum Action: String, Sendable, CaseIterable {
        /// Of an attempt that has ended: meters and amount are added.
        case correct
        /// Of one in doubt: it was billed so much.
        case settle
        /// Of one in doubt: it was not billed.
        case void
        /// Of an allowance in doubt: a send that it covered, whose hold a crash has lost, was billed so much.
        case settleAllowance
        /// What is left of an allowance in doubt was not sent.
        case voidAllowance

        var isOfAllowance: Bool { self == .settleAllowance || self == .voidAllowance }
    }

    public var action: Action
    /// Of an allowance it may be `unknownAttempt`.
    public var attempt: AttemptID
    /// Sequence number of its hold's entry, or of the entry that put the allowance in doubt.
    public var hold: UInt64
    /// That served; nil: the one that was asked for.
    public var tier: ServiceTier?
    public var meters: Usage
    public var amount: Money
    /// Names the evidence; the same name counts once.
    public var name: String
    public var why: String

    public init(
        action: Action, attempt: AttemptID, hold: UInt64, meters: Usage, amount: Money, tier: ServiceTier? = nil, name: String,
        why: String
    ) {
        self.action = action
        self.attempt = attempt
        self.hold = hold
        self.meters = meters
        self.amount = amount
        self.tier = tier
        self.name = name
        self.why = why
    }
}

/// What became of it.
public struct EvidenceReport: Sendable, Hashable, Codable {
    public enum Outcome: String, Sendable, Codable {
        case booked
        /// Under this name it counts already.
        case already
    }

    public var outcome: Outcome

    public init(_ outcome: Outcome) { self.outcome = outcome }
}

/// An allowance that waits for evidence: sends that it covered may have been lost with a crash.
public struct DoubtfulAllowance: Sendable, Hashable, Codable {
    /// Sequence number of the entry that put it in doubt.
    public var doubt: UInt64
    public var key: String
    /// Reserved for it, in dollars.
    public var amount: String
    public var since: String

    public init(_ allowance: DoubtfulAllowanceView) {
        doubt = allowance.sequence
        key = allowance.key
        amount = allowance.amount.description
        since = allowance.since.description
    }
}

/// A hold that waits for evidence.
public struct DoubtView: Sendable, Hashable, Codable {
    public var attempt: String
    public var hold: UInt64
    /// Reserved for it, in dollars.
    public var amount: String
    public var since: String

    public init(_ hold: DoubtfulHoldView) {
        attempt = hold.attempt.description
        self.hold = hold.sequence
        amount = hold.amount.description
        since = hold.since.description
    }
}

public struct DoubtList: Sendable, Hashable, Codable {
    public var doubts: [DoubtView]
    public var allowances: [DoubtfulAllowance]?

    public init(doubts: [DoubtView], allowances: [DoubtfulAllowance] = []) {
        self.doubts = doubts
        self.allowances = allowances
    }
}

extension Evidence {
    init(_ members: Members) throws(AdminError) {
        var members = members
        guard let action = Action(rawValue: try members.text("action") ?? "") else {
            throw .value("action", "one of \(Action.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        let attemptText = try members.text("attempt") ?? (action.isOfAllowance ? unknownAttempt.description : "")
        guard let attempt = AttemptID(attemptText) else {
            throw .value("attempt", "an attempt: 32 hexadecimal digits, as `x-weir-attempt` gives it")
        }
        guard let hold = try members.whole("hold", in: 0...Int64.max) else {
            throw .value("hold", "the sequence number of the attempt's hold")
        }
        guard let meters = Usage(meters: try members.text("meters") ?? "") else {
            throw .value("meters", "meters such as `input=12 output=-3`, each once")
        }
        guard let amount = Money(dollars: try members.text("amount") ?? "0"), action == .correct || amount >= .zero else {
            throw .value("amount", "an amount of dollars as text; below zero only to correct")
        }
        let tierText = try members.text("tier")
        let tier = tierText.flatMap(ServiceTier.init)
        guard (tier == nil) == (tierText == nil) else {
            throw .value("tier", "one of \(ServiceTier.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        let name = try members.name("evidence", bytes: evidenceBytesMax)
        let why = try members.text("why") ?? "evidence of an administrator"
        guard why.utf8.count <= whyBytesMax else { throw .value("why", "at most \(whyBytesMax) bytes") }
        try members.finish()
        self.init(
            action: action, attempt: attempt, hold: UInt64(hold), meters: meters, amount: amount, tier: tier, name: name,
            why: why)
    }
}

extension Usage {
    /// Reads `input=12 output=-3`; nil when a meter is unknown, twice or no number.
    init?(meters text: String) {
        self.init()
        for word in text.split(separator: " ") {
            let parts = word.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, let meter = Meter(rawValue: String(parts[0])), let count = Int64(parts[1]), self[meter] == 0,
                count.magnitude <= 1 << 53
            else { return nil }
            self[meter] = count
        }
    }
}
