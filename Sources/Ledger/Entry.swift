public import Core

/// Where an attempt goes, and the labels under which policy let it go there.
public struct RouteFacts: Sendable, Hashable {
    public var model: String
    public var upstreamModel: String
    public var endpoint: String
    public var link: String
    public var `operator`: String
    public var operatorCountry: Place
    public var processedIn: [Place]
    /// The price list that the attempt is charged by.
    public var price: String
    /// The model that the call asked for, where the key let another one answer in its place.
    public var asked: String?

    public init(
        model: String, upstreamModel: String, endpoint: String, link: String, operator: String, operatorCountry: Place,
        processedIn: [Place], price: String = "", asked: String? = nil
    ) {
        self.model = model
        self.upstreamModel = upstreamModel
        self.endpoint = endpoint
        self.link = link
        self.operator = `operator`
        self.operatorCountry = operatorCountry
        self.processedIn = processedIn
        self.price = price
        self.asked = asked
    }
}

/// Under which policies an attempt was permitted, and what the call was: the proof of the decision, kept with its hold.
public struct JudgedFacts: Sendable, Hashable {
    /// The first 128 bits of the SHA-256 of the policy set, in hexadecimal; nil: the tenant's lists alone decided.
    public var policy: String?
    /// The policies that permitted it, by their ids.
    public var by: [String]
    /// Of the call, as it was judged.
    public var labels: CallLabels

    public init(policy: String?, by: [String], labels: CallLabels) {
        self.policy = policy
        self.by = by
        self.labels = labels
    }
}

/// One thing that was decided, charged or done, as the journal keeps it. Amounts are nano-dollars; content never appears.
public enum Entry: Sendable, Hashable {
    case start(Start)
    case stop
    case configuration(hash: String, generation: UInt64)
    case key(KeyRecord)
    case keyRotated(id: String, secrets: [KeySecret])
    case keyRevoked(id: String, why: String)
    /// The monthly limit alone; version 1 wrote it, `limits` has taken its place.
    case limit(AccountName, Money?)
    /// All limits of an account from now on.
    case limits(AccountName, AccountLimits)
    /// The current window of a period on every account: what counted before counts no more, or, where it rolls, less.
    case window(Period, from: Timestamp, to: Timestamp)
    /// So many percent of a limit are settled, told once in a window.
    case alert(AccountName, Period, percent: Int64, settled: Money)
    /// Adds to a key's allowance: reserved on every account of its chain.
    case allowance(Block)
    /// The undrawn rest goes back to the headroom.
    case allowanceReturned(Block)
    /// What was undrawn at a crash may have been sent: it stays reserved, named by this entry's sequence number.
    case allowanceDoubt(Block, why: String)
    case allowanceVoided(doubt: UInt64, why: String, evidence: String? = nil)
    /// Evidence shows a send that an allowance in doubt covers and whose own hold was lost: so much of it was spent.
    case allowanceCharged(AllowanceChargeEntry)
    /// Entries are lost: what they may have cost a tenant stays reserved, named by this entry's sequence number. Evidence charges or
    /// voids it as an allowance in doubt.
    case lossDoubt(LossDoubtEntry)
    case hold(HoldEntry)
    /// An open hold holds so much more.
    case lengthened(LengthenedEntry)
    /// Charged beyond its hold, which is still open here and settles in full by the end that follows.
    case overrun(hold: UInt64, attempt: AttemptID, amount: Money)
    case end(EndEntry)
    /// What an attempt that has ended was charged, changed by evidence.
    case correction(CorrectionEntry)
    /// The hold stays reserved until evidence or policy ends it.
    case doubt(hold: UInt64, why: String, region: String? = nil)
    case refused(from: Timestamp, [Refusals])
    case act(who: String, what: String, on: String?)
    /// No attempt goes to the endpoint from now on.
    case suspended(Suspension)
    /// Attempts go to the endpoint again.
    case resumed(endpoint: String, who: String, why: String)

    public struct Start: Sendable, Hashable {
        public var node: String
        public var version: String
        /// The run before ended with a `stop`.
        public var clean: Bool

        public init(node: String, version: String, clean: Bool) {
            self.node = node
            self.version = version
            self.clean = clean
        }
    }

    public struct Block: Sendable, Hashable {
        public var key: String
        /// The month, which version 1 wrote here; windows have entries of their own since.
        public var window: Window?
        public var amount: Money

        public init(key: String, window: Window? = nil, amount: Money) {
            self.key = key
            self.window = window
            self.amount = amount
        }
    }

    /// Calls refused for one reason in a short time, counted together so that a flood cannot fill the disk.
    public struct Refusals: Sendable, Hashable {
        public var key: String?
        public var code: String
        public var model: String?
        public var count: Int64

        public init(key: String?, code: String, model: String?, count: Int64) {
            self.key = key
            self.code = code
            self.model = model
            self.count = count
        }
    }
}

/// How large a call was, in numbers alone.
public struct CallSize: Sendable, Hashable {
    /// Of its body, as the caller sent it.
    public var bytes: Int64
    /// Input and output that it would probably use, as limits of tokens a minute count it.
    public var probableTokens: Int64

    public init(bytes: Int64, probableTokens: Int64) { (self.bytes, self.probableTokens) = (bytes, probableTokens) }
}

/// Money reserved for one attempt before it was sent.
public struct HoldEntry: Sendable, Hashable {
    public var attempt: AttemptID
    public var call: String
    public var key: String
    /// The month, which version 1 wrote here.
    public var window: Window?
    public var amount: Money
    /// Drawn on the key's allowance, so that it was reserved already.
    public var drawn: Bool
    /// By this name it is beyond a limit.
    public var grace: String?
    public var inputBound: Int64
    public var outputBound: Int64
    /// How large the call was, for those who ask later what it would have been elsewhere; nil: an entry from before there was this.
    public var size: CallSize?
    public var generation: UInt64
    public var operation: Operation
    public var stream: Bool
    /// The tier that was asked for.
    public var tier: ServiceTier
    /// nil: nothing but the tenant's lists and nothing known of the call.
    public var judged: JudgedFacts?
    /// Whose data the attempt takes out of mainland China; nil: nobody's that counts.
    public var exported: ExportedPerson?
    public var route: RouteFacts

    public init(
        attempt: AttemptID, call: String, key: String, window: Window? = nil, amount: Money, drawn: Bool, grace: String? = nil,
        inputBound: Int64, outputBound: Int64, size: CallSize? = nil, generation: UInt64, operation: Operation, stream: Bool,
        tier: ServiceTier = .standard, exported: ExportedPerson? = nil, judged: JudgedFacts? = nil, route: RouteFacts
    ) {
        self.attempt = attempt
        self.call = call
        self.key = key
        self.window = window
        self.amount = amount
        self.drawn = drawn
        self.grace = grace
        self.inputBound = inputBound
        self.outputBound = outputBound
        self.size = size
        self.generation = generation
        self.operation = operation
        self.stream = stream
        self.tier = tier
        self.judged = judged
        self.exported = exported
        self.route = route
    }
}

/// An answer ran past its bound, and more was reserved for it.
public struct LengthenedEntry: Sendable, Hashable {
    /// Sequence number of the hold's entry.
    public var hold: UInt64
    public var attempt: AttemptID
    /// In addition to what is held.
    public var amount: Money
    public var outputBound: Int64
    /// By this name it is beyond a limit.
    public var grace: String?

    public init(hold: UInt64, attempt: AttemptID, amount: Money, outputBound: Int64, grace: String? = nil) {
        self.hold = hold
        self.attempt = attempt
        self.amount = amount
        self.outputBound = outputBound
        self.grace = grace
    }
}

/// The deployment that answered in place of the one that was asked, as the provider said.
public struct ServedBy: Sendable, Hashable {
    public var deployment: String
    /// The price list that it was charged by; nil: nobody has named one, and the hold was charged.
    public var price: String?

    public init(deployment: String, price: String?) { (self.deployment, self.price) = (deployment, price) }
}

/// What is known of how an attempt was answered, beside usage and price.
public struct AnswerFacts: Sendable, Hashable {
    /// Where the provider said that it processed the attempt, in its words: at most 64 bytes of visible ASCII.
    public var region: String?
    /// Of a stream: from sending the request to the first thing said, in microseconds.
    public var firstTokenMicroseconds: Int64?
    /// nil: the deployment that was asked.
    public var servedBy: ServedBy?
    /// What Weir changed of the call or its answer, by the names that the answer's header lists.
    public var rewrites: [String]

    public init(
        region: String? = nil, firstTokenMicroseconds: Int64? = nil, servedBy: ServedBy? = nil, rewrites: [String] = []
    ) {
        self.region = region
        self.firstTokenMicroseconds = firstTokenMicroseconds
        self.servedBy = servedBy
        self.rewrites = rewrites
    }
}

/// The one end of a hold.
public struct EndEntry: Sendable, Hashable {
    public enum How: String, Sendable { case settled, voided }

    /// Sequence number of the hold's entry.
    public var hold: UInt64
    public var attempt: AttemptID
    public var how: How
    /// Charged within the hold.
    public var settled: Money
    /// What goes back to the key's allowance instead of the headroom.
    public var back: Money
    public var usage: Usage
    /// Counted or assumed by Weir, not told by the provider.
    public var estimated: Bool
    /// The tier that served, whose price was charged.
    public var tier: ServiceTier
    public var why: String?
    /// Names the evidence that ended a doubt; it counts once.
    public var evidence: String?
    public var facts: AnswerFacts
    /// The provider's usage object as it came, so that a period can be rated again.
    public var rawUsage: [UInt8]?

    public init(
        hold: UInt64, attempt: AttemptID, how: How, settled: Money, back: Money = .zero, usage: Usage = .zero,
        estimated: Bool = false, tier: ServiceTier = .standard, why: String? = nil, evidence: String? = nil,
        facts: AnswerFacts = AnswerFacts(), rawUsage: [UInt8]? = nil
    ) {
        self.hold = hold
        self.attempt = attempt
        self.how = how
        self.settled = settled
        self.back = back
        self.usage = usage
        self.estimated = estimated
        self.tier = tier
        self.why = why
        self.evidence = evidence
        self.facts = facts
        self.rawUsage = rawUsage
    }
}

/// What evidence says was charged for a send of which only the allowance that covered it is known.
public struct AllowanceChargeEntry: Sendable, Hashable {
    /// Sequence number of the entry that put the allowance in doubt.
    public var doubt: UInt64
    public var key: String
    /// As the provider or the caller knows it.
    public var attempt: AttemptID?
    public var amount: Money
    /// So much less is reserved for the doubt; nothing where that has ended already.
    public var freed: Money
    public var usage: Usage
    public var tier: ServiceTier
    /// Names the evidence; it counts once.
    public var evidence: String
    public var why: String

    public init(
        doubt: UInt64, key: String, attempt: AttemptID? = nil, amount: Money, freed: Money, usage: Usage = .zero,
        tier: ServiceTier = .standard, evidence: String, why: String
    ) {
        self.doubt = doubt
        self.key = key
        self.attempt = attempt
        self.amount = amount
        self.freed = freed
        self.usage = usage
        self.tier = tier
        self.evidence = evidence
        self.why = why
    }
}

/// What evidence that came after an attempt's end changes in its charge.
public struct CorrectionEntry: Sendable, Hashable {
    /// Sequence number of the hold's entry.
    public var hold: UInt64
    public var attempt: AttemptID
    public var key: String
    /// What the attempt was charged in all until now.
    public var before: Money
    /// Added to that; below zero: given back.
    public var amount: Money
    /// Added to its meters.
    public var usage: Usage
    /// Names the evidence; it counts once.
    public var evidence: String
    public var why: String
    /// Of the hold, so that a report books the correction where it booked the charge.
    public var tier: ServiceTier
    public var route: RouteFacts

    public init(
        hold: UInt64, attempt: AttemptID, key: String, before: Money, amount: Money, usage: Usage, evidence: String, why: String,
        tier: ServiceTier = .standard, route: RouteFacts
    ) {
        self.hold = hold
        self.attempt = attempt
        self.key = key
        self.before = before
        self.amount = amount
        self.usage = usage
        self.evidence = evidence
        self.why = why
        self.tier = tier
        self.route = route
    }
}
