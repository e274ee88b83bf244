public import Core
public import Ledger

/// One attempt as the ledger charged it: what an invoice is compared with.
public struct ChargedAttempt: Sendable, Hashable {
    public enum How: String, Sendable {
        /// By the provider's usage, or by Weir's count where `estimated`.
        case settled
        /// Nothing was or would be billed, as far as Weir knew.
        case voided
        /// Held, and nobody knows yet.
        case open
        case doubt
    }

    public var attempt: AttemptID
    /// The call's request id.
    public var call: String
    /// Sequence number of its hold.
    public var hold: UInt64
    /// When it was sent, and when its end was known.
    public var at: Timestamp
    public var endAt: Timestamp
    public var tenant: String
    public var team: String
    public var key: String
    public var model: String
    public var upstreamModel: String
    public var endpoint: String
    public var `operator`: String
    public var priceList: String
    public var tier: ServiceTier
    public var how: How
    /// Counted by Weir, not told by the provider.
    public var estimated: Bool
    /// With every correction so far.
    public var usage: Usage
    public var amount: Money
    public var corrections: Int
    /// The most it can have used, as its hold says.
    public var inputBound: Int64
    public var outputBound: Int64

    public init(
        attempt: AttemptID, call: String, hold: UInt64, at: Timestamp, endAt: Timestamp, tenant: String = "", team: String = "",
        key: String = "", model: String, upstreamModel: String, endpoint: String, operator: String, priceList: String,
        tier: ServiceTier = .standard, how: How, estimated: Bool = false, usage: Usage = .zero, amount: Money = .zero,
        corrections: Int = 0, inputBound: Int64 = 0, outputBound: Int64 = 0
    ) {
        self.attempt = attempt
        self.call = call
        self.hold = hold
        self.at = at
        self.endAt = endAt
        self.tenant = tenant
        self.team = team
        self.key = key
        self.model = model
        self.upstreamModel = upstreamModel
        self.endpoint = endpoint
        self.operator = `operator`
        self.priceList = priceList
        self.tier = tier
        self.how = how
        self.estimated = estimated
        self.usage = usage
        self.amount = amount
        self.corrections = corrections
        self.inputBound = inputBound
        self.outputBound = outputBound
    }
}

/// Gathers the attempts of a journal: a pure fold over its entries, in their order.
public struct ChargedFold: Sendable {
    private struct Owner: Sendable { var tenant: String, team: String }

    private var owners: [String: Owner] = [:]
    /// Under way, by their hold's sequence number.
    private var open: [UInt64: ChargedAttempt] = [:]
    private var ended: [ChargedAttempt] = []
    /// Where in `ended` the attempt of a hold is.
    private var places: [UInt64: Int] = [:]
    private var outages = Outages()
    /// Charged by evidence, for sends whose holds were lost: by their key alone, so that all are kept.
    public private(set) var allowances: [ChargedAllowance] = []
    private let wanted: @Sendable (ChargedAttempt) -> Bool

    /// - Parameter wanted: which attempts are kept; asked when the hold is read, so that a year's journal needs a month's memory.
    public init(wanted: @escaping @Sendable (ChargedAttempt) -> Bool = { _ in true }) { self.wanted = wanted }

    /// Ended and open ones, in the order of their ends, open ones last by their holds.
    public var attempts: [ChargedAttempt] { ended + open.values.sorted { $0.hold < $1.hold } }

    public mutating func apply(_ sequence: UInt64, at moment: Timestamp, _ entry: Entry) {
        if case .start = entry { outages.pass(moment, isStart: true) } else { outages.pass(moment, isStart: false) }
        switch entry {
        case .key(let record): owners[record.id] = Owner(tenant: record.tenant, team: record.team)
        case .hold(let hold):
            let owner = owners[hold.key]
            let attempt = ChargedAttempt(
                attempt: hold.attempt, call: hold.call, hold: sequence, at: moment, endAt: moment,
                tenant: owner?.tenant ?? "", team: owner?.team ?? "", key: hold.key, model: hold.route.model,
                upstreamModel: hold.route.upstreamModel, endpoint: hold.route.endpoint, operator: hold.route.operator,
                priceList: hold.route.price, tier: hold.tier, how: .open, inputBound: hold.inputBound,
                outputBound: hold.outputBound)
            if wanted(attempt) { open[sequence] = attempt }
        case .overrun(let hold, _, let amount): open[hold]?.amount += amount
        case .doubt(let hold, _, _): open[hold]?.how = .doubt
        case .end(let end):
            guard var attempt = open.removeValue(forKey: end.hold) else { return }
            attempt.endAt = moment
            attempt.how = end.how == .settled ? .settled : .voided
            attempt.amount += end.settled
            attempt.usage = end.usage
            attempt.estimated = end.estimated
            attempt.tier = end.tier
            // The provider bills the deployment that answered.
            if let servedBy = end.facts.servedBy {
                attempt.upstreamModel = servedBy.deployment
                attempt.priceList = servedBy.price ?? ""
            }
            places[end.hold] = ended.count
            ended.append(attempt)
        case .lengthened(let more): open[more.hold]?.outputBound = more.outputBound
        case .correction(let correction):
            guard let place = places[correction.hold] else { return }
            ended[place].usage = ended[place].usage + correction.usage
            ended[place].amount += correction.amount
            ended[place].corrections += 1
            // Evidence has said what it was.
            ended[place].estimated = false
            ended[place].how = .settled
        case .allowanceDoubt, .lossDoubt: outages.doubt(sequence, at: moment)
        case .allowanceCharged(let charge):
            let owner = owners[charge.key]
            allowances.append(
                ChargedAllowance(
                    sequence: sequence, attempt: charge.attempt, tenant: owner?.tenant ?? "", team: owner?.team ?? "",
                    key: charge.key, sent: outages.sent(charge.doubt, chargedAt: moment), amount: charge.amount,
                    usage: charge.usage, tier: charge.tier, evidence: charge.evidence))
        default: break
        }
    }
}
