import Cedar

/// Collects the questions of a set of policies, each once.
struct QuestionBook {
    private let resources: [EntityUID]
    private let entities: Entities
    private(set) var questions: [CompiledPolicies.Question] = []
    private var numbers: [CompiledPolicies.Question: Int] = [:]
    /// By condition: for each resource, the first one that the condition cannot tell from it.
    private var likeness: [Expression: [Int]] = [:]

    init(resources: [EntityUID], entities: Entities) {
        self.resources = resources
        self.entities = entities
    }

    /// A policy's questions, with endpoints that are asked the same ones taken together.
    mutating func rows(of policy: Policy) -> [CompiledPolicies.Row] {
        var rows: [CompiledPolicies.Row] = []
        var known: [Asked: Int] = [:]
        for resource in resources.indices {
            guard let asked = asked(of: policy, at: resource) else { continue }
            if let index = known[asked] {
                rows[index].endpoints.insert(resource)
            } else {
                known[asked] = rows.count
                var endpoints = EndpointSet(count: resources.count)
                endpoints.insert(resource)
                rows.append(CompiledPolicies.Row(questions: asked.questions, errsAtEnd: asked.errsAtEnd, endpoints: endpoints))
            }
        }
        return rows
    }

    private struct Asked: Hashable {
        var questions: [Int]
        var errsAtEnd: Bool
    }

    /// `nil` when the policy is satisfied by no call at this resource and errs in none.
    private mutating func asked(of policy: Policy, at resource: Int) -> Asked? {
        let here = evaluator(at: resource)
        guard here.isInScope(Policy(id: "", effect: .permit, resource: policy.resource)) else { return nil }
        var questions: [Int] = []
        if policy.principal != .any { questions.append(number(.principal(policy.principal))) }
        if policy.action != .any { questions.append(number(.action(policy.action))) }
        for condition in policy.conditions {
            guard condition.body.mentions.isDisjoint(with: .call) else {
                questions.append(number(.condition(condition, resource: likeness(condition.body, resource))))
                continue
            }
            switch here.outcome(of: condition) {
            case .holds: break
            case .errs: return Asked(questions: questions, errsAtEnd: true)
            case .fails, .unasked:
                // Whatever is asked before can still err, so it is asked; satisfied the policy is never.
                guard questions.contains(where: { canErr($0) }) else { return nil }
                return Asked(questions: questions + [number(.condition(condition, resource: resource))], errsAtEnd: false)
            }
        }
        return Asked(questions: questions, errsAtEnd: false)
    }

    /// For what asks about the resource alone; nobody looks at who stands in for principal and action.
    private func evaluator(at resource: Int) -> Evaluator {
        let uid = resources[resource]
        return Evaluator(Request(principal: uid, action: uid, resource: uid), entities)
    }

    private func canErr(_ question: Int) -> Bool {
        if case .condition = questions[question] { true } else { false }
    }

    private mutating func number(_ question: CompiledPolicies.Question) -> Int {
        if let number = numbers[question] { return number }
        numbers[question] = questions.count
        questions.append(question)
        return questions.count - 1
    }

    /// The first resource for which the parts of a condition that ask about resources come to the same.
    private mutating func likeness(_ body: Expression, _ resource: Int) -> Int {
        if let known = likeness[body] { return known[resource] }
        let parts = body.resourceParts
        var first: [[PartValue]: Int] = [:]
        let all = resources.indices.map { index in
            let here = evaluator(at: index)
            let values = parts.map { PartValue($0, here) }
            return first[values]
                ?? {
                    first[values] = index
                    return index
                }()
        }
        likeness[body] = all
        return all[resource]
    }

    private enum PartValue: Hashable {
        case value(Value)
        case error(EvaluationError.Kind)

        init(_ part: Expression, _ evaluator: Evaluator) {
            do throws(EvaluationError) { self = .value(try evaluator.value(part)) } catch { self = .error(error.kind) }
        }
    }
}
