public import Core
public import Ledger
public import Policy

/// Whose call to which model is to be explained.
public struct ExplainQuery: Sendable, Hashable {
    public enum Key: Sendable, Hashable {
        case id(String)
        /// The whole key, by what Weir keeps of it.
        case digest(KeyDigest)
    }

    public var key: Key
    public var model: String
    public var operation: Operation
    /// What the client would say of the call.
    public var claim: LabelClaim

    public init(key: Key, model: String, operation: Operation, claim: LabelClaim = LabelClaim()) {
        self.key = key
        self.model = model
        self.operation = operation
        self.claim = claim
    }
}

/// Each endpoint that serves a model, in the order in which a call would try it, with the reason for or against.
public struct ExplainReport: Sendable, Hashable, Codable {
    public struct PriceView: Sendable, Hashable, Codable {
        public var list: String
        public var from: String
        /// Dollars per million tokens.
        public var input: String
        public var cachedInput: String
        public var output: String
    }

    public struct LabelsView: Sendable, Hashable, Codable {
        public var processedIn: [String]
        public var storedIn: [String]
        public var `operator`: String
        public var operatorCountry: String
        public var trains: String?
        public var retentionDays: Int?
        public var contract: String?
    }

    public struct Line: Sendable, Hashable, Codable {
        public enum Standing: String, Sendable, Codable {
            case candidate, denied, notServed = "not served", unavailable, suspended
        }

        public var endpoint: String
        public var provider: String
        public var standing: Standing
        public var reason: String
        /// The policies that decided, by their ids; nil: the configuration has none.
        public var policies: [String]?
        /// What policies asked for and nobody knows.
        public var unanswered: [String]
        public var priority: Int
        public var weight: Int
        /// Moving average of the time to the first byte; nil before the first answer.
        public var latencyMilliseconds: String?
        /// Of streams: until the first token, and tokens a second after it; nil before the first stream that was long enough.
        public var firstTokenMilliseconds: String?
        public var tokensPerSecond: String?
        /// Its capacity is paid for whether it is used or not.
        public var isReserved: Bool
        /// Little of its quota is left, so that others come before it.
        public var isTight: Bool
        /// Dollars of a call of 1,000 tokens, a quarter of them output, by which endpoints are compared; nil: it has no price today.
        public var typicalCost: String?
        /// Of an answer of typical length, learned from answers; nil before the first.
        public var typicalMilliseconds: String?
        /// Of a hundred calls with short prompts, how many try it first while all stays as it is. Long prompts go where those that
        /// begin alike go, in the same shares.
        public var firstPercent: String
        /// nil: the price book has none that holds today, and calls pass it over.
        public var price: PriceView?
        public var upstreamModel: String
        public var maxOutputTokens: Int64
        public var labels: LabelsView
    }

    /// Persons of the tenant whose data have left mainland China since 1 January, and one more.
    public struct Exported: Sendable, Hashable, Codable {
        public var persons: Int64
        public var sensitivePersons: Int64

        public init(persons: Int64, sensitivePersons: Int64) {
            self.persons = persons
            self.sensitivePersons = sensitivePersons
        }
    }

    /// An endpoint that would serve the model, and that nothing is sent to.
    public struct Off: Sendable, Hashable, Codable {
        public var endpoint: String
        public var why: String
    }

    public var key: String
    public var tenant: String
    public var team: String
    public var model: String
    public var operation: String
    public var at: String
    public var generation: UInt64
    /// As the call would be judged.
    public var labels: CallLabelsView
    /// The counts that a call about somebody new is judged by; nil: such calls do not count as exports from mainland China.
    public var exported: Exported?
    /// What would happen to a call now, in a sentence.
    public var verdict: String
    public var endpoints: [Line]
    /// Those of the configuration that are left out of what is in force.
    public var off: [Off]
    /// Models that the key lets answer in this one's place, in order, when none of the endpoints above can.
    public var instead: [String]
    /// When a second attempt may start beside a slow first one, in a sentence; nil: never.
    public var hedge: String?
}

extension ExplainReport {
    /// Explains from the values that the data path decides on. `serves` says whether an endpoint takes an operation at all, `exports`
    /// how many persons a tenant has exported with one more, whose data are sensitive or not.
    public init(
        key: KeyRecord, model: String, operation: Operation, claim: LabelClaim = LabelClaim(), in catalogue: Catalogue,
        health: [Health], prices: PriceBook, serves: (Int, Operation) -> Bool,
        suspensions: [String: Fold.Suspended] = [:], leftOut: [LeftOut] = [],
        exports: (_ isSensitive: Bool) -> ExportCount = { _ in .zero },
        at now: Timestamp
    ) throws(ClaimRefusal) {
        self.key = key.id
        tenant = key.tenant
        team = key.team
        self.model = model
        self.operation = operation.rawValue
        at = now.description
        generation = catalogue.generation
        // A tenant that the configuration has dropped is permitted nothing: its index is outside.
        let caller = Caller(key, number: 0, in: catalogue)
        var call = CallFacts(
            caller: caller, model: model, in: catalogue, operation: operation, tokens: typicalTokens,
            ownLabels: claim.isEmpty ? nil : try caller.labels.narrowed(by: claim, in: catalogue.classes))
        call.exports = catalogue.exportKind(call.labels).map { exports($0 == .sensitive) }
        exported = call.exports.map { Exported(persons: $0.persons, sensitivePersons: $0.sensitivePersons) }
        var judge = CallJudge(catalogue)
        judge.judge(&call, at: now)
        labels = CallLabelsView(call.labels)
        endpoints = explain(
            call, in: catalogue, health: health, serves: serves,
            cost: { typicalCost(catalogue.endpoints[$0].models[model], prices, at: now) }, at: now
        ).compactMap { found in
            let index = found.endpoint
            let endpoint = catalogue.endpoints[index]
            guard let served = endpoint.models[model] else { return nil }
            var line = Line(
                endpoint, served, found, health[index], prices.price(served.price, at: now),
                suspensions[endpoint.name], at: now)
            line.policies = catalogue.reasons(for: call, at: index)?.deciding.map { "\($0)" }
            line.unanswered = catalogue.unanswered(call, at: index, now: now)
            return line
        }
        off = leftOut.filter { $0.models.contains(model) }.map { Off(endpoint: $0.name, why: $0.why) }
        instead = key.fallbacks[model] ?? []
        hedge = catalogue.tenant(named: key.tenant).flatMap { catalogue.tenants[$0].hedge }.flatMap { hedge in
            guard hedge.models?.contains(model) ?? true, operation.generates else { return nil }
            return "after \(hedge.afterMilliseconds) ms without an answer, in at most \(hedge.percent) of 100 calls"
        }
        let candidates = endpoints.filter { $0.standing == .candidate }
        let hasExpired = key.expires.map { $0 <= now } ?? false
        verdict =
            if hasExpired {
                "Refused: the key has expired."
            } else if endpoints.isEmpty, !off.isEmpty {
                "Refused: each endpoint of this model is off."
            } else if endpoints.isEmpty {
                "Refused: no endpoint serves this model."
            } else if let first = candidates.first {
                if candidates.allSatisfy({ $0.price == nil }) {
                    "Refused: the price book has no price for this model at its endpoints today."
                } else if candidates.dropFirst().contains(where: { $0.priority == first.priority }) {
                    "Admitted, money permitting: the endpoints of priority \(first.priority) take such calls by price; those of about the same price share them by weight and speed."
                } else {
                    "Admitted, money permitting: \(first.endpoint) is tried first."
                }
            } else if endpoints.allSatisfy({ $0.standing == .denied }) {
                "Refused: policy permits no endpoint for this call."
            } else if endpoints.contains(where: { $0.standing == .unavailable }) {
                "Refused for now: no permitted endpoint is available."
            } else if endpoints.contains(where: { $0.standing == .suspended }) {
                "Refused until `weir endpoints resume`: each permitted endpoint is suspended."
            } else {
                "Refused: no permitted endpoint serves this operation."
            }
    }
}

extension ExplainReport.Line {
    fileprivate init(
        _ endpoint: Endpoint, _ served: ServedModel, _ found: Explanation, _ health: Health, _ price: Price?,
        _ suspended: Fold.Suspended?, at now: Timestamp
    ) {
        self.endpoint = endpoint.name
        provider = endpoint.provider.rawValue
        (self.standing, reason) = described(found.standing, health, at: now)
        if self.standing == .suspended, let suspended { reason = EndpointView.SuspensionView(suspended).reason }
        if self.standing == .candidate, price == nil { reason = "permitted, but passed over: it has no price today" }
        unanswered = []
        priority = endpoint.priority
        weight = endpoint.weight
        latencyMilliseconds = health.latencyMicroseconds.map(tenths)
        firstTokenMilliseconds = health.firstTokenMicroseconds.map(tenths)
        tokensPerSecond = health.tokensInThousandSeconds.map(tenths)
        isReserved = endpoint.isReserved
        isTight = found.score.isTight
        typicalCost = found.score.cost.map { Money(nanos: $0).description }
        typicalMilliseconds = found.score.expectedMicroseconds.map(tenths)
        firstPercent = "\(found.score.firstInThousand / 10).\(found.score.firstInThousand % 10)"
        self.price = price.map { ExplainReport.PriceView($0, list: served.price) }
        upstreamModel = served.upstreamName
        maxOutputTokens = served.maxOutputTokens
        labels = ExplainReport.LabelsView(endpoint.labels)
    }
}

private func described(
    _ standing: Policy.Standing, _ health: Health, at now: Timestamp
) -> (ExplainReport.Line.Standing, String) {
    switch standing {
    case .candidate:
        (
            .candidate,
            health.availability(at: now) == .trial ? "permitted; one trial, since it failed before" : "permitted and ready"
        )
    case .denied(let denial): (.denied, denial.description)
    case .outOfQuota(let until): (.unavailable, "out of quota until \(until)")
    case .operationNotServed: (.notServed, "it does not serve this operation")
    case .unavailable(.cooling(let until)) where health.credentialRefusals > 0:
        (.unavailable, "rests until \(until), since it refuses its credential")
    case .unavailable(.cooling(let until)): (.unavailable, "cooling down until \(until), as its provider asked")
    case .unavailable(.open(let until)): (.unavailable, "rests until \(until) after \(health.failuresInRow) failures in a row")
    case .unavailable(.suspended): (.suspended, "suspended")
    case .unavailable(.down): (.unavailable, "its engine is not ready")
    case .unavailable(.noToken): (.unavailable, "there is no token to show it; `weir endpoints` and Weir's log say why")
    case .unavailable(.ready), .unavailable(.trial): (.unavailable, "it is being looked at")
    }
}

extension ExplainReport.PriceView {
    fileprivate init(_ price: Price, list: String) {
        self.list = list
        from = price.from.description
        let rates = price.brackets[0].tiers[.standard] ?? Rates()
        input = dollars(rates.charged(.input))
        cachedInput = dollars(rates.charged(.cachedInput))
        output = dollars(rates.charged(.output))
    }
}

/// Thousandths with one digit after the point.
func tenths(_ thousandths: Int64) -> String { "\(thousandths / 1000).\(thousandths / 100 % 10)" }

/// Input and output of the call that endpoints are compared by.
private let typicalTokens: Int64 = 1_000

/// What a call of so many tokens costs, a quarter of it output; nil: it has no price today.
private func typicalCost(_ served: ServedModel?, _ prices: PriceBook, at now: Timestamp) -> Int64? {
    served.flatMap { prices.price($0.price, at: now) }.flatMap {
        charge(Usage(input: typicalTokens * 3 / 4, output: typicalTokens / 4), $0, tier: .standard, startedAt: now)?.nanos
    }
}

/// Dollars per million tokens: a pico-dollar a token is a micro-dollar a million tokens.
func dollars(_ price: TokenPrice?) -> String {
    price.map { MoneyTotal(nanos: Int128($0.picos) * 1000).description } ?? "unknown"
}

extension ExplainReport.LabelsView {
    fileprivate init(_ labels: Labels) {
        processedIn = labels.processedIn.sorted()
        storedIn = labels.storedIn.sorted()
        `operator` = labels.operator
        operatorCountry = labels.operatorCountry
        trains = labels.trains?.rawValue
        retentionDays = labels.retentionDays
        contract = labels.contract
    }
}
