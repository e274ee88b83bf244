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

    public init(
        model: String, upstreamModel: String, endpoint: String, link: String, operator: String, operatorCountry: Place,
        processedIn: [Place], price: String = ""
    ) {
        self.model = model
        self.upstreamModel = upstreamModel
        self.endpoint = endpoint
        self.link = link
        self.operator = `operator`
        self.operatorCountry = operatorCountry
        self.processedIn = processedIn
        self.price = price
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
    case limit(AccountName, Money?)
    /// Adds to a key's allowance: reserved on every account of its chain.
    case allowance(Block)
    /// The undrawn rest goes back to the headroom.
    case allowanceReturned(Block)
    /// What was undrawn at a crash may have been sent: it stays reserved, named by this entry's sequence number.
    case allowanceDoubt(Block, why: String)
    case allowanceVoided(doubt: UInt64, why: String)
    case hold(HoldEntry)
    /// Charged beyond its hold, which is still open here and settles in full by the end that follows.
    case overrun(hold: UInt64, attempt: AttemptID, amount: Money)
    case end(EndEntry)
    /// The hold stays reserved until evidence or policy ends it.
    case doubt(hold: UInt64, why: String)
    case refused(from: Timestamp, [Refusals])
    case act(who: String, what: String, on: String?)

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
        public var window: Window
        public var amount: Money

        public init(key: String, window: Window, amount: Money) {
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

/// Money reserved for one attempt before it was sent.
public struct HoldEntry: Sendable, Hashable {
    public var attempt: AttemptID
    public var call: String
    public var key: String
    public var window: Window
    public var amount: Money
    /// Drawn on the key's allowance, so that it was reserved already.
    public var drawn: Bool
    public var inputBound: Int64
    public var outputBound: Int64
    public var generation: UInt64
    public var operation: Operation
    public var stream: Bool
    public var route: RouteFacts

    public init(
        attempt: AttemptID, call: String, key: String, window: Window, amount: Money, drawn: Bool, inputBound: Int64,
        outputBound: Int64, generation: UInt64, operation: Operation, stream: Bool, route: RouteFacts
    ) {
        self.attempt = attempt
        self.call = call
        self.key = key
        self.window = window
        self.amount = amount
        self.drawn = drawn
        self.inputBound = inputBound
        self.outputBound = outputBound
        self.generation = generation
        self.operation = operation
        self.stream = stream
        self.route = route
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
    public var why: String?
    /// The provider's usage object as it came, so that a period can be rated again.
    public var rawUsage: [UInt8]?

    public init(
        hold: UInt64, attempt: AttemptID, how: How, settled: Money, back: Money = .zero, usage: Usage = .zero,
        estimated: Bool = false, why: String? = nil, rawUsage: [UInt8]? = nil
    ) {
        self.hold = hold
        self.attempt = attempt
        self.how = how
        self.settled = settled
        self.back = back
        self.usage = usage
        self.estimated = estimated
        self.why = why
        self.rawUsage = rawUsage
    }
}
