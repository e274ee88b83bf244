/// The answer to a request, and why.
public struct Authorization: Hashable, Sendable {
    public enum Decision: String, Hashable, Sendable {
        case allow, deny
    }

    /// A policy that was skipped because a condition of it has no value.
    public struct Failure: Hashable, Sendable {
        public let policy: Text
        public let error: EvaluationError
    }

    public let decision: Decision
    /// The satisfied forbids, if there are any, otherwise the satisfied permits: in the order of the set.
    public let determining: [Text]
    /// The policies that err, in the order of the set. They take no part in the decision.
    public let failures: [Failure]
}

extension PolicySet {
    /// Judges a request: it is allowed when a permit is satisfied and no forbid is. A policy that errs is skipped and named.
    public func authorize(_ request: Request, _ entities: Entities) -> Authorization {
        let evaluator = Evaluator(request, entities)
        var permits: [Text] = []
        var forbids: [Text] = []
        var failures: [Authorization.Failure] = []
        for policy in policies {
            do throws(EvaluationError) {
                guard try evaluator.isSatisfied(policy) else { continue }
                if policy.effect == .permit { permits.append(policy.id) } else { forbids.append(policy.id) }
            } catch {
                failures.append(Authorization.Failure(policy: policy.id, error: error))
            }
        }
        return Authorization(
            decision: forbids.isEmpty && !permits.isEmpty ? .allow : .deny, determining: forbids.isEmpty ? permits : forbids,
            failures: failures)
    }
}
