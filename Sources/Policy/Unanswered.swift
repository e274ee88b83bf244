import Cedar
public import Core

extension Catalogue {
    /// Why policies have no answer about a judged call at an endpoint: each with what it asked for, for people to read.
    public func unanswered(_ call: CallFacts, at endpoint: Int, now: Timestamp) -> [String] {
        failures(of: call, at: endpoint, now: now).map { failure in
            if case .noSuchAttribute(let name, let owner) = failure.error.kind {
                return "\(failure.policy) asks for `\(name)` of \(owner), which is unknown"
            }
            return "\(failure.policy): \(failure.error)"
        }
    }

    /// The policies without an answer about a judged call at an endpoint, each with what went wrong.
    func failures(of call: CallFacts, at endpoint: Int, now: Timestamp) -> [(policy: Text, error: EvaluationError)] {
        guard let policies, let judgement = call.judgement, let reasons = reasons(for: call, at: endpoint) else { return [] }
        let stage = policies.stages[judgement.stage].policies
        let question = policies.world.question(call, at: now)
        let request = Request(
            principal: question.principal, action: question.action, resource: stage.resources[endpoint], context: question.context
        )
        let evaluator = Evaluator(request, question.guest.map { stage.entities.with(guest: $0) } ?? stage.entities)
        return reasons.errors.compactMap { id in
            guard let policy = stage.policies.policies.first(where: { $0.id == id }) else { return nil }
            do throws(EvaluationError) {
                _ = try evaluator.isSatisfied(policy)
                return nil
            } catch {
                return (id, error)
            }
        }
    }
}
