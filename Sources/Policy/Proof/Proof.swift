import Cedar
public import Core

/// Decides claims about every call that a configuration lets anybody make, by going through all that its policies can tell apart.
///
/// Callers, operations, models and endpoints are gone through one by one; of labels, values that stand for all. Each case is judged
/// by the compiled policies and by the interpreter, and nothing counts on which they differ.
public struct Proof {
    /// Cases that are judged for one claim.
    public static let casesMax = 1 << 20

    let timeline: PolicyTimeline
    let tenant: String?
    let now: Timestamp
    let casesMax: Int
    let serves: (Endpoint, Operation) -> Bool

    /// - Parameters:
    ///   - tenant: the only one whose calls are looked at; nil: all.
    ///   - now: what is past is not looked at.
    ///   - serves: whether an endpoint can take calls of an operation at all.
    public init(
        _ timeline: PolicyTimeline, tenant: String? = nil, at now: Timestamp, casesMax: Int = Proof.casesMax,
        serves: @escaping (Endpoint, Operation) -> Bool = { _, _ in true }
    ) {
        self.casesMax = casesMax
        self.timeline = timeline
        self.tenant = tenant
        self.now = now
        self.serves = serves
    }

    public struct Answer: Sendable {
        public var claim: Claim
        /// From now on, and from each moment at which the policies change.
        public var stages: [Stage]

        public var isProved: Bool {
            stages.allSatisfy { if case .proved = $0.outcome { true } else { false } }
        }
    }

    public struct Stage: Sendable {
        public var from: Timestamp
        public var outcome: Outcome
    }

    public enum Outcome: Sendable {
        case proved(Coverage)
        case violated(Counterexample)
        case undecided(Undecided)
    }

    /// What a proof rests on.
    public struct Coverage: Sendable, Hashable {
        /// Kinds of attempts: a caller, operation, model and endpoint with labels that no policy tells apart. The largest number stands
        /// for more.
        public var attempts: UInt64 = 0
        /// Those of them that the claim is about.
        public var concerned: UInt64 = 0
        /// Cases that were judged; each stands for all attempts alike, of one caller or of several.
        public var cases = 0
        public var endpoints = 0
    }

    /// A call that the claim says cannot be.
    public struct Counterexample: Sendable, Hashable {
        public var attempt: ExampleAttempt
        public var isPermitted: Bool
        /// The tenant's own lists, where they deny it.
        public var denial: Denial?
        public var reasons: Reasons
        /// The claim has no answer for it, since it asks for a label that is unknown.
        public var claimErrs: Bool
    }

    /// Decides each claim.
    public func prove(_ claims: [Claim]) -> [Answer] {
        let policies = timeline.book.dated.map(\.policy) + claims.map(\.policy)
        let space = CallSpace([timeline.world], keys: CallSpace.keys(in: policies), tenant: tenant)
        let moments = timeline.moments(from: now)
        if let undecided = space.tooLarge(for: policies.count) {
            return claims.map { claim in
                Answer(claim: claim, stages: moments.map { Stage(from: $0.from, outcome: .undecided(undecided)) })
            }
        }
        var known = KnownAxes()
        var stages = [[Stage]](repeating: [], count: claims.count)
        var prover: Prover?
        for (number, moment) in moments.enumerated() {
            // Records that run out change what policies see; all else stays.
            if prover == nil || timeline.world.turns.contains(moment.from) {
                let side = Side(
                    timeline.world, moment.stage.policies.entities, policies: policies, in: space, number: number, serves: serves)
                prover = Prover(side: side, casesMax: casesMax)
            }
            guard let prover else { continue }
            for claim in claims.indices {
                let outcome: Outcome
                do throws(Undecided) {
                    outcome = try prover.decide(claim: timeline.book.dated.count + claim, moment, &known)
                } catch {
                    outcome = .undecided(error)
                }
                stages[claim].append(Stage(from: moment.from, outcome: outcome))
            }
        }
        return zip(claims, stages).map { Answer(claim: $0, stages: $1) }
    }
}

/// Goes through the circumstances of one configuration.
private struct Prover {
    let side: Side
    let casesMax: Int
    /// By origin: numbers that nothing tells apart.
    private let groups: [[[Int]]]

    init(side: Side, casesMax: Int) {
        self.casesMax = casesMax
        self.side = side
        groups = circumstanceGroups([side])
    }

    /// Circumstances with equal plans have equal outcomes.
    private struct Plan: Hashable {
        var standing: SideNumbers.Standing
        var rules: [Side.Rule]
        var claim: Side.Rule
        var bounds: CallLabels
    }

    func decide(
        claim: Int, _ moment: PolicyTimeline.Moment, _ known: inout KnownAxes
    ) throws(Undecided) -> Proof.Outcome {
        // An attempt that the claim has no answer for. One that it speaks of plainly says more, so the search goes on.
        var doubtful: Proof.Counterexample?
        do throws(Undecided) { return try decide(claim: claim, moment, &known, &doubtful) } catch {
            if let doubtful { return .violated(doubtful) }
            throw error
        }
    }

    private func decide(
        claim: Int, _ moment: PolicyTimeline.Moment, _ known: inout KnownAxes, _ doubtful: inout Proof.Counterexample?
    ) throws(Undecided) -> Proof.Outcome {
        var coverage = Proof.Coverage()
        var plans: [Plan: (attempts: UInt64, concerned: UInt64)] = [:]
        var budget = Budget(casesMax: casesMax)
        var endpoints: Set<Int> = []
        for alike in Alike.all(groups) {
            let here = alike.first
            try budget.spend(1)
            let standing = side.numbers.standing(here)
            guard standing != .absent else { continue }
            try budget.spend(moment.policies.count)
            endpoints.formUnion(alike.endpoints)
            guard let asked = side.rule(claim, here) else {
                coverage.attempts = sum(coverage.attempts, alike.count)
                continue
            }
            let plan = Plan(
                standing: standing, rules: standing == .open ? side.rules(moment.policies, here) : [], claim: asked,
                bounds: side.numbers.bounds(here.caller))
            if plans[plan] == nil {
                var tally: (attempts: UInt64, concerned: UInt64) = (0, 0)
                var found: Proof.Counterexample?
                let readings = side.readings(plan.rules + [asked])
                let axes = try known.axes(side.world, readings, bound: plan.bounds, now: moment.span)
                let isForbid = asked.isForbid
                try forEachBox(
                    axes, side.world.countries, budget: &budget, policies: plan.rules.count + 1,
                    { (trace) throws(Undecided) -> Case? in
                        let judged = try judged(plan, here, trace, moment, claim)
                        return try side.counted.isPossible(trace) ? judged : nil
                    },
                    { (box, judged) throws(Undecided) -> Bool in
                        // No call is so.
                        guard let judged else { return true }
                        tally.attempts += 1
                        let isConcerned = judged.claim == .holds || isForbid && judged.claim == .errs
                        guard isConcerned else { return true }
                        tally.concerned += 1
                        guard judged.isPermitted == isForbid else { return true }
                        if found == nil || judged.claim == .holds {
                            found = try counterexample(here, axes, box, judged, plan, moment, claim)
                        }
                        return judged.claim != .holds
                    })
                if let found, !found.claimErrs { return .violated(found) }
                doubtful = doubtful ?? found
                plans[plan] = tally
            }
            let tally = plans[plan] ?? (0, 0)
            coverage.attempts = sum(coverage.attempts, product(alike.count, tally.attempts))
            coverage.concerned = sum(coverage.concerned, product(alike.count, tally.concerned))
        }
        if let doubtful { return .violated(doubtful) }
        coverage.cases = budget.cases
        coverage.endpoints = endpoints.count
        return .proved(coverage)
    }

    private struct Case {
        var claim: Side.Outcome
        var isPermitted: Bool
    }

    /// What labels decide, held against the judges that decide in earnest.
    private func judged(
        _ plan: Plan, _ here: Circumstances, _ trace: Trace, _ moment: PolicyTimeline.Moment, _ claim: Int
    ) throws(Undecided) -> Case {
        let outcome = try side.outcome(plan.claim, trace)
        // What the claim is not about need not be judged.
        let isConcerned = outcome == .holds || plan.claim.isForbid && outcome == .errs
        var isPermitted = false
        if isConcerned, plan.standing == .open { isPermitted = try side.isPermitted(plan.rules, trace) }
        let context = side.numbers.call(here, fields: trace.fields)
        try hold(outcome == earnest(claim, here, context), "the claim")
        if isConcerned, plan.standing == .open {
            try hold(isPermitted == side.reasons(here, context, moment).isPermitted, "the policies")
        }
        return Case(claim: outcome, isPermitted: isPermitted)
    }

    /// What the interpreter says of the claim.
    private func earnest(_ claim: Int, _ here: Circumstances, _ call: CompiledPolicies.Call) -> Side.Outcome {
        Evaluator(side.numbers.request(here, call), side.numbers.entities(here)).outcome(of: side.policies[claim])
    }

    private func hold(_ agrees: Bool, _ what: String) throws(Undecided) {
        if !agrees { throw Undecided.differ(what) }
    }

    /// Made of the labels alone, as a call would come, and judged once more before anybody sees it.
    private func counterexample(
        _ here: Circumstances, _ axes: [Axis], _ box: Box, _ judged: Case, _ plan: Plan, _ moment: PolicyTimeline.Moment,
        _ claim: Int
    ) throws(Undecided) -> Proof.Counterexample {
        let attempt = ExampleAttempt(side, here, axes, box)
        let call = side.numbers.call(here, attempt.context)
        try hold(judged.claim == earnest(claim, here, call), "the claim")
        let verdict = try side.verdict(here, call, moment)
        try hold(verdict.isPermitted == judged.isPermitted, "the policies")
        return Proof.Counterexample(
            attempt: attempt, isPermitted: verdict.isPermitted, denial: verdict.listDenial, reasons: verdict.reasons,
            claimErrs: judged.claim == .errs)
    }
}

extension Undecided {
    static func differ(_ what: String) -> Undecided {
        Undecided(
            reason: "\(what) and the interpreter differ about a case, which is a mistake in Weir",
            hint: "report it with the configuration; nothing is proved")
    }
}
