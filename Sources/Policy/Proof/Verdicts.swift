import Cedar
import Core

/// What is said of one attempt in earnest: by the tenant's lists, and by the policies as the data path asks them.
struct EarnestVerdict {
    var isPermitted: Bool
    /// Of the tenant's own lists.
    var listDenial: Denial?
    /// Of the policies; empty where the lists deny.
    var reasons: Reasons
}

extension Side {
    /// What the interpreter and the compiled policies say. Throws where they differ.
    func reasons(
        _ here: Circumstances, _ call: CompiledPolicies.Call, _ moment: PolicyTimeline.Moment
    ) throws(Undecided) -> Reasons {
        let expected = moment.stage.policies.policies.interpreted(numbers.request(here, call), numbers.entities(here))
        guard let endpoint = numbers.endpoints[here.endpoint], moment.stage.policies.judge(call, at: endpoint) == expected else {
            throw .differ("the compiled policies")
        }
        return expected
    }

    /// Lists and policies together, as for an attempt of the data path.
    func verdict(
        _ here: Circumstances, _ call: CompiledPolicies.Call, _ moment: PolicyTimeline.Moment
    ) throws(Undecided) -> EarnestVerdict {
        guard let tenant = numbers.tenants[here.caller], let endpoint = numbers.endpoints[here.endpoint] else {
            return EarnestVerdict(isPermitted: false, reasons: Reasons(isPermitted: false, determining: [], errors: []))
        }
        if let denial = judge(tenant, model: space.models[here.model], at: world.endpoints[endpoint].labels) {
            return EarnestVerdict(
                isPermitted: false, listDenial: denial, reasons: Reasons(isPermitted: false, determining: [], errors: []))
        }
        let reasons = try reasons(here, call, moment)
        return EarnestVerdict(isPermitted: reasons.isPermitted, reasons: reasons)
    }
}

extension Evaluator {
    /// What becomes of a policy: it is satisfied, is not, or errs.
    func outcome(of policy: Policy) -> Side.Outcome {
        do throws(EvaluationError) { return try isSatisfied(policy) ? .holds : .fails } catch { return .errs }
    }
}

extension PolicySet {
    /// The interpreter's answer with Weir's rule on top: an error in a forbid denies.
    func interpreted(_ request: Request, _ entities: Entities) -> Reasons {
        let answer = authorize(request, entities)
        let erring = Set(answer.failures.map(\.policy))
        let unanswered = erring.isEmpty ? [] : policies.filter { $0.effect == .forbid && erring.contains($0.id) }.map(\.id)
        let isForbidden = policies.contains { $0.effect == .forbid && $0.id == answer.determining.first }
        return Reasons(
            isPermitted: answer.decision == .allow && unanswered.isEmpty, determining: answer.determining,
            errors: answer.failures.map(\.policy), isForbidden: isForbidden, unanswered: unanswered)
    }
}
