import Core
public import Ledger
import Policy

/// A headroom that pays for fewer tokens refuses instead of cutting an answer: as the data path does.
private let smallestClampedOutput: Int64 = 16

/// Plays calls of the past, in their order, against what a world has left: the router and the judges are the data path's own, quotas
/// and limits are kept in the calls' own time, so that what is left has to carry the load. Pure: the same seed gives the same.
public struct Rehearsal {
    /// A call under way, and what is true when it ends.
    private struct UnderWay {
        var end: Timestamp
        var endpoint: Int
        var hold: HoldRef
        var charge: Money
        var used: Int64
        var beyond: Int64
    }

    public let world: World
    private let speeds: Speeds
    private var accounts: Accounts
    private var judge: CallJudge
    private var health: [Health]
    private var random: DrillRandom
    /// The last to end first.
    private var underWay: [UnderWay] = []
    private var numbers: [KeyRecord: UInt32] = [:]
    private var nextSequence: UInt64

    /// - Parameters:
    ///   - accounts: as they were when the first call began, with the limits that are to hold.
    ///   - sequence: above that of every entry that they were made from.
    public init(_ world: World, accounts: Accounts, sequence: UInt64, speeds: Speeds, seed: UInt64) {
        self.world = world
        self.accounts = accounts
        self.speeds = speeds
        nextSequence = sequence
        judge = CallJudge(world.catalogue)
        health = world.catalogue.endpoints.enumerated().map { index, endpoint in
            var health = Health()
            health.quota.pace = endpoint.pace
            health.suspended = world.suspended[index]
            return health
        }
        random = DrillRandom(state: seed)
    }

    /// Calls come in the order in which they began. Where no endpoint of its model can answer one, the models may that its key names for that.
    public mutating func play(_ shape: Shape) -> Outcome {
        let own = playAsAsked(shape)
        guard case .refused(let refused) = own.fate, refused.reason.mayFallBack else { return own }
        for model in shape.key.fallbacks[shape.model] ?? [] {
            var other = shape
            other.model = model
            let outcome = playAsAsked(other)
            if outcome.endpoint != nil { return outcome }
        }
        return own
    }

    private mutating func playAsAsked(_ shape: Shape) -> Outcome {
        let now = shape.at
        letEnd(by: now)
        guard world.catalogue.tenant(named: shape.key.tenant) != nil else {
            return Outcome(.refused(.init(.policy, "the configuration has no tenant \(shape.key.tenant)")))
        }
        let account = account(of: shape.key)
        var call = world.facts(shape, number: number(of: shape.key))
        judge.judge(&call, at: now)
        let world = world
        let decision = route(
            call, in: world.catalogue, health: health, serves: { world.serves($0, $1, shape.model) },
            cost: { endpoint in
                guard let price = world.price(of: shape.model, at: endpoint, now) else { return nil }
                return charge(probableUsage(shape.probableTokens, of: shape.operation), price, startedAt: now)?.nanos
            }, at: now, using: &random)
        guard case .attempt(let endpoints) = decision else {
            return Outcome(.refused(world.refusal(of: call) ?? momentary(call, at: now)))
        }
        return attempt(shape, call, inOwnOrder(endpoints, of: shape), account, at: now)
    }

    /// A call whose own endpoint is left and takes it stays there: the draw among equals is no consequence of what is gone.
    private func inOwnOrder(_ endpoints: [Int], of shape: Shape) -> [Int] {
        let own = shape.endpoint
        guard let place = endpoints.firstIndex(where: { world.catalogue.endpoints[$0].name == own }) else { return endpoints }
        // What was tried before it failed then, and fails again below.
        let before = endpoints[..<place].filter { endpoint in
            shape.failures.contains { $0.endpoint == world.catalogue.endpoints[endpoint].name }
        }
        return before + [endpoints[place]] + endpoints.filter { $0 != endpoints[place] && !before.contains($0) }
    }

    /// One endpoint after the other, as the data path tries them, until one has room and its money can be held.
    private mutating func attempt(_ shape: Shape, _ call: CallFacts, _ endpoints: [Int], _ account: Int, at now: Timestamp)
        -> Outcome
    {
        var refusal: Outcome.Refused?
        var (attempts, waited) = (0, Int64(0))
        for endpoint in endpoints where attempts < world.attemptsPerCall {
            let name = world.catalogue.endpoints[endpoint].name
            if let failure = shape.failures.first(where: { $0.endpoint == name }) {
                attempts += 1
                waited += failure.microseconds
                refusal = refusal ?? .init(.unavailable, "\(name) did not answer this call then")
                continue
            }
            guard health[endpoint].begin(tokens: shape.probableTokens, at: now) else {
                refusal = refusal ?? .init(.quota, "\(name) has no quota left")
                continue
            }
            switch hold(shape, at: endpoint, account, now) {
            case .success(let held): return send(shape, to: endpoint, held, waited: waited, at: now)
            case .failure(let stop):
                health[endpoint].gaveUp(tokens: shape.probableTokens, at: now)
                if stop.isFinal { return Outcome(.refused(stop.refused)) }
                refusal = refusal ?? stop.refused
            }
        }
        return Outcome(.refused(refusal ?? .init(.unavailable, "nothing took it")))
    }

    /// What policy permits and nothing takes now.
    private func momentary(_ call: CallFacts, at now: Timestamp) -> Outcome.Refused {
        let permitted = (world.catalogue.endpoints(serving: call.model) ?? []).filter {
            world.catalogue.isPermitted(call, at: $0) && world.serves($0, call.operation, call.modelName)
        }
        let full = permitted.filter { endpoint in
            guard !health[endpoint].suspended else { return false }
            if case .none = health[endpoint].quota.room(tokens: call.tokens, at: now) { return true }
            return false
        }
        if !full.isEmpty { return .init(.quota, "\(world.names(full)) has no quota left") }
        return .init(.unavailable, "\(world.names(permitted)) is suspended")
    }

    // MARK: Money

    private struct Held {
        var hold: HoldRef
        /// The longest output that the hold pays for.
        var output: Int64
        var isClamped: Bool
        var price: Price
        var tier: ServiceTier
    }

    private struct Stop: Error {
        var refused: Outcome.Refused
        /// No other endpoint can help.
        var isFinal = false
    }

    private mutating func hold(_ shape: Shape, at endpoint: Int, _ account: Int, _ now: Timestamp) -> Result<Held, Stop> {
        let name = world.catalogue.endpoints[endpoint].name
        guard let served = world.catalogue.endpoints[endpoint].models[shape.model],
            let price = world.price(of: shape.model, at: endpoint, now)
        else { return .failure(Stop(refused: .init(.price, "\(name) has no price for \(shape.model)"))) }
        var output = outputBound(of: shape, served)
        var tier = shape.tier
        func bound() -> Money? {
            upperBound(TokenBound(input: shape.inputBound, output: output, tier: tier), price)
        }
        // A tier that this price does not have would be served as standard.
        if bound() == nil { tier = .standard }
        for isClamped in [false, true] {
            guard let amount = bound() else {
                return .failure(Stop(refused: .init(.price, "\(name) has no price for all that the call may use")))
            }
            switch accounts.hold(key: account, amount: amount, paceTokens: shape.probableTokens, at: now) {
            case .granted(let ref, _, _):
                accounts.setSequence(ref, nextSequence)
                nextSequence += 1
                return .success(Held(hold: ref, output: output, isClamped: isClamped, price: price, tier: tier))
            case .revoked: return .failure(Stop(refused: .init(.policy, "the key is revoked"), isFinal: true))
            case .paced(let pace):
                return .failure(Stop(refused: .init(.pace, "\(pace.account), \(pace.what.rawValue)"), isFinal: true))
            case .refused(let refuser, let period, _, _, _):
                let refused = Outcome.Refused(.limit, "\(refuser), \(period)")
                guard !isClamped, shape.operation.generates, let headroom = accounts.headroom(key: account, at: now),
                    let affordable = affordableOutput(
                        headroom, TokenBound(input: shape.inputBound, output: 0, tier: tier), choices: 1, price),
                    affordable >= smallestClampedOutput, affordable < output
                else { return .failure(Stop(refused: refused)) }
                output = affordable
            }
        }
        return .failure(Stop(refused: .init(.limit, "its headroom changed")))
    }

    /// The longest output of all choices there: what the caller asked for, else what the model says at most.
    private func outputBound(of shape: Shape, _ served: ServedModel) -> Int64 {
        guard shape.operation.generates else { return 0 }
        if let asked = shape.askedOutput { return asked }
        let (bound, overflow) = shape.choices.multipliedReportingOverflow(by: served.maxOutputTokens)
        return overflow ? .max : bound
    }

    // MARK: Time

    private mutating func send(_ shape: Shape, to endpoint: Int, _ held: Held, waited: Int64, at now: Timestamp) -> Outcome {
        let name = world.catalogue.endpoints[endpoint].name
        let isKept = name == shape.endpoint
        var usage = shape.answer?.usage ?? .zero
        let isClamped = held.isClamped && usage.outputTokens > held.output
        if isClamped { usage.cut(toOutput: held.output) }
        let cost: Money? =
            isKept && !isClamped
            ? shape.answer?.charged ?? .zero
            : Drill.charge(usage, elsewhere: held.price, tier: held.tier, at: now)
        var (whole, first): (Int64?, Int64?)
        if isKept, let answer = shape.answer {
            (whole, first) = (answer.microseconds, answer.firstTokenMicroseconds)
        } else if shape.answer != nil, let speed = speeds.speed(at: Speeds.Place(endpoint: name, model: shape.model)) {
            whole = speed.microseconds(outputTokens: usage.outputTokens)
            if shape.stream { first = speed.firstTokenMicroseconds }
        }
        whole = whole.map { $0 + waited }
        first = first.map { $0 + waited }
        // Where nobody knows how long it takes there, it takes as long as it took.
        let length = whole ?? shape.microseconds ?? 0
        insert(
            UnderWay(
                end: Timestamp(nanoseconds: now.nanoseconds + length * 1_000), endpoint: endpoint, hold: held.hold,
                charge: cost ?? .zero, used: usage.tokens,
                beyond: shape.answer == nil ? 0 : usage.tokens - shape.probableTokens))
        return Outcome(
            isKept ? .kept(name) : .moved(name), cost: cost, microseconds: shape.answer == nil ? nil : whole,
            firstTokenMicroseconds: first, isClamped: isClamped)
    }

    private mutating func insert(_ call: UnderWay) {
        var (low, high) = (0, underWay.count)
        while low < high {
            let middle = (low + high) / 2
            if underWay[middle].end > call.end { low = middle + 1 } else { high = middle }
        }
        underWay.insert(call, at: low)
    }

    private mutating func letEnd(by now: Timestamp) {
        while let call = underWay.last, call.end <= now {
            underWay.removeLast()
            health[call.endpoint].quota.ended(beyond: call.beyond, at: call.end)
            _ = accounts.end(call.hold, settled: call.charge, usedTokens: call.used, at: call.end)
        }
    }

    // MARK: Keys

    private mutating func account(of key: KeyRecord) -> Int {
        let isKnown = accounts.keyIndex(key.id) != nil
        let index = accounts.addKey(key.id, tenant: key.tenant, team: key.team)
        if !isKnown || accounts.limits(.key(key.id)) != key.limits {
            accounts.setLimits(.key(key.id), key.limits, sequence: nextSequence)
            nextSequence += 1
        }
        return index
    }

    /// A key that was changed in between is another caller, so that nothing is remembered of it.
    private mutating func number(of key: KeyRecord) -> UInt32 {
        let number = numbers[key] ?? UInt32(numbers.count)
        numbers[key] = number
        return number
    }
}

extension Usage {
    /// Says less: reasoning comes first, so what is cut is text.
    fileprivate mutating func cut(toOutput most: Int64) {
        for meter in [Meter.output, .reasoning, .audioOutput, .imageOutput] where outputTokens > most {
            self[meter] = max(0, self[meter] - (outputTokens - most))
        }
    }
}

/// SplitMix64: small, and the same everywhere.
struct DrillRandom: RandomNumberGenerator, Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
