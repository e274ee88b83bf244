import Cedar
public import Core

/// What policy says of one call, at all endpoints at once, for as long as nothing that was asked has changed.
public struct Judgement: Sendable {
    let generation: UInt64
    /// Of the timeline.
    public let stage: Int
    /// What tells this kind of call from others under one configuration.
    public let kind: PolicyMemo.Kind
    /// The stage of dated policies took over here; before it another one holds, should the clock be set back.
    let from: Timestamp
    /// When another stage takes over.
    let until: Timestamp
    let at: Timestamp
    /// nil: the configuration has no policies, and the tenants' lists alone decide.
    let verdict: PolicyMemo.Verdict?

    func permits(_ endpoint: Int) -> Bool { verdict?.permitted.contains(endpoint) ?? true }

    /// The configuration has policies, and they were asked.
    public var isByPolicies: Bool { verdict != nil }

    /// Whether it may still be acted upon.
    func holds(at now: Timestamp, in catalogue: Catalogue) -> Bool {
        generation == catalogue.generation && from <= now && now < until && (at == now || verdict?.isVolatile != true)
    }

    /// The next call of this kind may be judged otherwise.
    public var isVolatile: Bool { verdict?.isVolatile ?? false }
}

/// The judge of one event loop under one configuration: it asks the policies about each kind of call once and remembers the answer.
public struct CallJudge: Sendable {
    /// Labels that clients claim, told apart by number.
    static let claimsMax = 65_536

    private let catalogue: Catalogue
    private var stage = -1
    private var memo: PolicyMemo?
    private var claims: [CallLabels: UInt32] = [:]

    public init(_ catalogue: Catalogue) { self.catalogue = catalogue }

    /// Judges a call and leaves the judgement in it, without which no permit is minted.
    public mutating func judge(_ call: inout CallFacts, at now: Timestamp) {
        let kind = kind(of: call)
        guard let policies = catalogue.policies else {
            call.judgement = Judgement(
                generation: catalogue.generation, stage: 0, kind: kind, from: Timestamp(nanoseconds: .min),
                until: Timestamp(nanoseconds: .max), at: now, verdict: nil)
            return
        }
        let current = policies.stage(at: now)
        var memo = take(policies, current)
        let verdict = memo.judge(kind) { [call] in policies.world.question(call, at: now) }
        self.memo = memo
        let span = policies.span(ofStage: current)
        call.judgement = Judgement(
            generation: catalogue.generation, stage: current, kind: kind, from: span.lowerBound, until: span.upperBound, at: now,
            verdict: verdict)
    }

    /// Judges anew what may have changed since; called right before each attempt.
    public mutating func renew(_ call: inout CallFacts, at now: Timestamp) {
        guard let judgement = call.judgement, judgement.holds(at: now, in: catalogue) else { return judge(&call, at: now) }
    }

    /// The models that a caller may use: those that at least one endpoint may serve for some operation.
    /// - Parameter exports: the counts that its next call would be judged by, where its calls count.
    public mutating func models(for caller: Caller, exports: ExportCount? = nil, at now: Timestamp) -> [String] {
        catalogue.models.filter { model in
            Operation.allCases.contains { operation in
                var call = CallFacts(caller: caller, model: model, in: catalogue, operation: operation, exports: exports)
                guard catalogue.endpoints.indices.contains(where: { catalogue.isListed(call, at: $0) }) else { return false }
                judge(&call, at: now)
                return catalogue.endpoints.indices.contains { catalogue.isPermitted(call, at: $0) }
            }
        }
    }

    /// Moved out and back, so that its tables are changed in place.
    private mutating func take(_ policies: PolicyTimeline, _ current: Int) -> PolicyMemo {
        defer { memo = nil }
        if stage == current, let memo { return memo }
        stage = current
        return PolicyMemo(policies.stages[current].policies)
    }

    private mutating func kind(of call: CallFacts) -> PolicyMemo.Kind {
        var labels: UInt32 = 0
        if let own = call.ownLabels {
            if let known = claims[own] {
                labels = known
            } else {
                if claims.count >= Self.claimsMax {
                    // The numbers begin anew, so what was remembered under the old ones has to go.
                    claims.removeAll(keepingCapacity: true)
                    memo = nil
                }
                labels = UInt32(claims.count + 1)
                claims[own] = labels
            }
        }
        return PolicyMemo.Kind(
            key: call.caller.number, model: UInt32(truncatingIfNeeded: call.model ?? -1), operation: UInt8(call.operation.index),
            labels: labels)
    }
}

extension PolicyWorld {
    /// What policies are asked about a call.
    func question(_ call: CallFacts, at now: Timestamp) -> CompiledPolicies.Call {
        let caller = principal(key: call.caller.key, team: call.caller.team, tenant: call.caller.tenantName)
        return CompiledPolicies.Call(
            principal: caller.uid, action: .operation(call.operation),
            context: CallContext(model: call.modelName, labels: call.labels, now: now, exports: call.exports).record(countries),
            guest: caller)
    }
}
