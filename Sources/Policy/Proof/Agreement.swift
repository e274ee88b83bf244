import Cedar
import Core

/// Whether the compiled policies say of calls what the interpreter says, for the same reasons.
public struct Agreement: Sendable, Hashable {
    /// Up to so many cases are gone through one by one.
    public static let casesMax = 1 << 20
    /// Of more cases, so many are drawn.
    public static let drawn = 1_000_000

    public var cases = 0
    /// Every case was judged, and the cases stand for all calls.
    public var isExhaustive = true
    /// The first case in which they differ.
    public var difference: String?
}

extension Proof {
    /// Judges the same calls by the compiled policies, by what an event loop remembers of them, and by the interpreter: one for each
    /// combination of answers to the policies' conditions, up to `Agreement.casesMax`; beyond it `Agreement.drawn` random ones.
    ///
    /// Nothing is taken together beforehand but labels: of callers, operations, models and endpoints each is judged.
    public func agreement(
        casesMax: Int = Agreement.casesMax, drawn: Int = Agreement.drawn, using random: inout some RandomNumberGenerator
    ) -> Agreement {
        agreement(casesMax: casesMax, drawn: drawn, interpreting: nil, using: &random)
    }

    /// - Parameter interpreting: policies for the interpreter in place of those that were compiled, to show that a difference is seen.
    func agreement(
        casesMax: Int, drawn: Int, interpreting: PolicySet?, using random: inout some RandomNumberGenerator
    ) -> Agreement {
        let policies = timeline.book.dated.map(\.policy)
        let space = CallSpace([timeline.world], keys: CallSpace.keys(in: policies), tenant: tenant)
        var known = KnownAxes()
        var result = Agreement()
        var fields: [Field] = []
        for (number, moment) in timeline.moments(from: now).enumerated() {
            let side = Side(
                timeline.world, moment.stage.policies.entities, policies: policies, in: space, number: number, serves: serves)
            for here in Circumstances.all(in: space) where side.numbers.standing(here) != .absent {
                let rules = side.rules(moment.policies, here, each: true)
                let bound = side.numbers.bounds(here.caller)
                guard let axes = try? known.axes(side.world, side.readings(rules), bound: bound, now: moment.span) else {
                    result.isExhaustive = false
                    continue
                }
                fields.append(
                    Field(
                        side: side, moment: moment, stage: number, here: here, rules: rules, axes: axes,
                        interpreting: interpreting ?? moment.stage.policies.policies))
            }
        }
        var memos: [Int: Remembered] = [:]
        var budget = Budget(casesMax: casesMax)
        do throws(Undecided) {
            for field in fields where result.difference == nil {
                var memo = memos.removeValue(forKey: field.stage) ?? Remembered(field.moment.stage.policies)
                try field.forEachCase(&budget) { (values) throws(Undecided) -> Bool in
                    result.cases += 1
                    result.difference = field.difference(values, &memo)
                    return result.difference == nil
                }
                memos[field.stage] = memo
            }
        } catch {
            result.isExhaustive = false
            result.cases = 0
            for _ in 0..<drawn where result.difference == nil {
                guard let field = fields.randomElement(using: &random) else { break }
                result.cases += 1
                var memo = memos.removeValue(forKey: field.stage) ?? Remembered(field.moment.stage.policies)
                result.difference = field.difference(field.axes.map { $0.randomValue(using: &random) }, &memo)
                memos[field.stage] = memo
            }
        }
        return result
    }
}

/// What an event loop remembers, with labels told apart by number.
private struct Remembered {
    var memo: PolicyMemo
    private var numbers: [[Coordinate]: UInt32] = [:]

    init(_ policies: CompiledPolicies) { memo = PolicyMemo(policies) }

    /// Calls that differ in what changes between two calls of a kind are one kind.
    mutating func kind(_ here: Circumstances, _ values: [Coordinate]) -> PolicyMemo.Kind {
        let labels = Dimension.allCases.filter { $0 != .now && $0 != .exports }.map { values[$0.rawValue] }
        if numbers.count >= CallJudge.claimsMax {
            numbers = [:]
            memo = PolicyMemo(memo.policies)
        }
        let number = numbers[labels] ?? UInt32(numbers.count)
        numbers[labels] = number
        return PolicyMemo.Kind(
            key: UInt32(truncatingIfNeeded: here.caller), model: UInt32(truncatingIfNeeded: here.model),
            operation: UInt8(truncatingIfNeeded: here.operation), labels: number)
    }
}

/// All labels of one caller's calls, for one model at one endpoint.
private struct Field {
    var side: Side
    var moment: PolicyTimeline.Moment
    var stage: Int
    var here: Circumstances
    var rules: [Side.Rule]
    var axes: [Axis]
    var interpreting: PolicySet

    /// Every combination of answers to the conditions.
    func forEachCase(
        _ budget: inout Budget, _ goOn: ([Coordinate]) throws(Undecided) -> Bool
    ) throws(Undecided) {
        try forEachBox(
            axes, side.world.countries, budget: &budget, policies: 1,
            { (trace) throws(Undecided) -> Void in try side.askAll(rules, trace) },
            { (box, _) throws(Undecided) -> Bool in try goOn(box.values(axes)) })
    }

    func difference(_ values: [Coordinate], _ memo: inout Remembered) -> String? {
        guard let endpoint = side.numbers.endpoints[here.endpoint] else { return nil }
        var context = CallContext(model: side.space.models[here.model], labels: .unknown, now: Timestamp(nanoseconds: 0))
        for value in values { value.put(into: &context) }
        let call = side.numbers.call(here, context)
        let expected = interpreting.interpreted(side.numbers.request(here, call), side.numbers.entities(here))
        let compiled = moment.stage.policies.judge(call, at: endpoint)
        let verdict = memo.memo.judge(memo.kind(here, values)) { call }
        guard
            compiled != expected || memo.memo.reasons(verdict, at: endpoint) != expected
                || verdict.permitted.contains(endpoint) != expected.isPermitted
        else { return nil }
        return "\(call.principal) \(call.action) \(call.context) at \(side.space.endpoints[here.endpoint]) from \(moment.from): "
            + "interpreted \(expected), compiled \(compiled)"
    }
}

extension Axis {
    fileprivate func randomValue(using random: inout some RandomNumberGenerator) -> Coordinate {
        switch self {
        case .listed(let candidates): candidates.all[Int.random(in: candidates.all.indices, using: &random)]
        case .sets(let space): space.randomValue(using: &random)
        }
    }
}

extension Circumstances {
    static func all(in space: CallSpace) -> [Circumstances] {
        space.callers.indices.flatMap { caller in
            space.operations.indices.flatMap { operation in
                space.models.indices.flatMap { model in
                    space.endpoints.indices.map { endpoint in
                        Circumstances(caller: caller, operation: operation, model: model, endpoint: endpoint)
                    }
                }
            }
        }
    }
}
