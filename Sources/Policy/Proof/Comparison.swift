import Cedar
import Core

/// Goes through the circumstances of two configurations at one moment.
struct Comparison {
    let old: Side
    let new: Side
    let moments: (old: PolicyTimeline.Moment, new: PolicyTimeline.Moment)
    var budget: Budget
    let rowsMax: Int

    private(set) var rows: [PolicyDiff.Row] = []
    /// What the rows are made of.
    private(set) var found: [(alike: Alike, flip: Flip)] = []
    private(set) var coverage = Proof.Coverage()
    private var known: (old: KnownAxes, new: KnownAxes) = (KnownAxes(), KnownAxes())
    private var plans: [Plan: Tally] = [:]

    init(
        old: Side, new: Side, moments: (old: PolicyTimeline.Moment, new: PolicyTimeline.Moment), budget: Budget, rowsMax: Int
    ) {
        self.old = old
        self.new = new
        self.moments = moments
        self.budget = budget
        self.rowsMax = rowsMax
    }

    /// Circumstances with equal plans flip alike.
    private struct Plan: Hashable {
        struct Half: Hashable {
            var standing: SideNumbers.Standing
            var rules: [Side.Rule]
            var bounds: CallLabels
        }

        var old: Half
        var new: Half
    }

    private struct Tally {
        var attempts: UInt64 = 0
        var flips: [Flip] = []
    }

    /// Labels whose calls flip.
    struct Flip {
        var axes: [Axis]
        var box: Box
        var isPossible: (old: Bool, new: Bool)
        var isPermitted: (old: Bool, new: Bool)
    }

    mutating func run() throws(Undecided) {
        var endpoints: Set<Int> = []
        for alike in Alike.all(circumstanceGroups([old, new])) {
            let here = alike.first
            try budget.spend(1)
            let standings = (old: old.numbers.standing(here), new: new.numbers.standing(here))
            guard standings.old != .absent || standings.new != .absent else { continue }
            endpoints.formUnion(alike.endpoints)
            try budget.spend(moments.old.policies.count + moments.new.policies.count)
            let plan = Plan(old: half(old, standings.old, moments.old, here), new: half(new, standings.new, moments.new, here))
            let tally: Tally
            if let known = plans[plan] {
                tally = known
            } else {
                tally = try compare(plan)
                plans[plan] = tally
            }
            coverage.attempts = sum(coverage.attempts, product(alike.count, tally.attempts))
            coverage.concerned = sum(coverage.concerned, product(alike.count, UInt64(tally.flips.count)))
            coverage.cases = budget.cases
            coverage.endpoints = endpoints.count
            for flip in tally.flips {
                guard rows.count < rowsMax else {
                    throw Undecided(reason: "more than \(rowsMax) rows flip, and no more are listed", hint: "name one tenant")
                }
                rows.append(try row(flip, alike))
                found.append((alike, flip))
            }
        }
    }

    private func half(
        _ side: Side, _ standing: SideNumbers.Standing, _ moment: PolicyTimeline.Moment, _ here: Circumstances
    ) -> Plan.Half {
        Plan.Half(
            standing: standing, rules: standing == .open ? side.rules(moment.policies, here) : [],
            bounds: standing == .absent ? .unknown : side.numbers.bounds(here.caller))
    }

    /// All labels that calls can have in one of the two: first those of the new configuration, then those that only the old one has.
    private mutating func compare(_ plan: Plan) throws(Undecided) -> Tally {
        var tally = Tally()
        if plan.new.standing != .absent { try compare(plan, .new, &tally) }
        if plan.old.standing != .absent { try compare(plan, .old, &tally) }
        return tally
    }

    private enum Which { case old, new }

    private mutating func compare(_ plan: Plan, _ which: Which, _ tally: inout Tally) throws(Undecided) {
        let (mine, others) = which == .new ? (plan.new, plan.old) : (plan.old, plan.new)
        let (my, other) = which == .new ? (new, old) : (old, new)
        let limits = others.standing == .absent ? nil : other.limits(others.bounds, besides: mine.bounds, of: my.world)
        // The new configuration's labels were all gone through.
        if which == .old, let limits, limits.isNothing { return }
        var readings = Side.union(my.readings(mine.rules), other.readings(others.rules))
        if let limits { readings = Side.union(readings, limits.readings) }
        let span = moments.new.span
        let axes: [Axis]
        switch which {
        case .old: axes = try known.old.axes(my.world, readings, bound: mine.bounds, now: span)
        case .new: axes = try known.new.axes(my.world, readings, bound: mine.bounds, now: span)
        }
        var budget = budget
        defer { self.budget = budget }
        try forEachBox(
            axes, my.world.countries, budget: &budget, policies: mine.rules.count + others.rules.count + 1,
            { (trace) throws(Undecided) -> Flip? in
                var isPossible = (mine: true, others: false)
                if let limits { isPossible.others = try other.isWithin(limits, trace) }
                if which == .old, isPossible.others { return nil }
                var isPermitted = (mine: try permits(my, mine, trace), others: false)
                if isPossible.others { isPermitted.others = try permits(other, others, trace) }
                if isPossible.others { isPossible.others = try other.counted.isPossible(trace) }
                guard try my.counted.isPossible(trace) else { return nil }
                let both = which == .new
                return Flip(
                    axes: axes, box: trace.box,
                    isPossible: both ? (isPossible.others, isPossible.mine) : (isPossible.mine, isPossible.others),
                    isPermitted: both
                        ? (isPossible.others && isPermitted.others, isPermitted.mine)
                        : (isPermitted.mine, isPossible.others && isPermitted.others))
            },
            { (box, flip) throws(Undecided) -> Bool in
                guard var flip else { return true }
                tally.attempts += 1
                guard flip.isPermitted.old != flip.isPermitted.new else { return true }
                flip.box = box
                tally.flips.append(flip)
                return true
            })
    }

    private func permits(_ side: Side, _ half: Plan.Half, _ trace: Trace) throws(Undecided) -> Bool {
        half.standing == .open ? try side.isPermitted(half.rules, trace) : false
    }

    // MARK: Rows

    /// The example is made into a call, and both configurations judge it in earnest.
    private func row(_ flip: Flip, _ alike: Alike) throws(Undecided) -> PolicyDiff.Row {
        let space = new.space
        let here = alike.first
        let attempt = ExampleAttempt(flip.isPossible.new ? new : old, here, flip.axes, flip.box)
        let verdicts = (
            old: try verdict(old, here, attempt, moments.old, flip.isPossible.old, flip.isPermitted.old),
            new: try verdict(new, here, attempt, moments.new, flip.isPossible.new, flip.isPermitted.new)
        )
        return PolicyDiff.Row(
            callers: alike.callers.map { space.callers[$0] }, operations: alike.operations.map { space.operations[$0] },
            models: alike.models.map { space.models[$0] }, endpoints: alike.endpoints.map { space.endpoints[$0] },
            labels: flip.box.words(flip.axes), example: attempt, old: verdicts.old, new: verdicts.new)
    }

    private func verdict(
        _ side: Side, _ here: Circumstances, _ attempt: ExampleAttempt, _ moment: PolicyTimeline.Moment, _ isPossible: Bool,
        _ isPermitted: Bool
    ) throws(Undecided) -> PolicyDiff.Verdict {
        guard isPossible else { return .impossible }
        let verdict = try side.verdict(here, side.numbers.call(here, attempt.context), moment)
        guard verdict.isPermitted == isPermitted else { throw .differ("the policies") }
        return PolicyDiff.Verdict(
            isPermitted: isPermitted, isPossible: true, denial: verdict.listDenial ?? verdict.reasons.denial,
            reasons: verdict.reasons)
    }
}
