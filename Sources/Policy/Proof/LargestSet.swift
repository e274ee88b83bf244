import Cedar
import Core

/// How many words a set can have that a condition comes across.
///
/// The interpreter gives an evaluation up after `Limits.evaluationSteps`. A condition so large that this could depend on how many words a
/// call's labels have is left alone: what stands for other values may have fewer.
struct LargestSet {
    /// Characters of a text that patterns are held against: names of purposes, and attributes of endpoints and companies.
    private static let textMax = 256

    let count: Int

    init(_ world: PolicyWorld) {
        var count = countryCodes.count + 1
        for entity in world.entities.all {
            for field in entity.attributes.fields {
                if case .set(let set) = field.value { count = max(count, set.elements.count) }
            }
        }
        for tenant in world.tenants {
            for labels in [tenant.labels] + tenant.teamLabels.values {
                count = max(count, labels.purposes.count, labels.exportTags?.count ?? 0)
            }
        }
        self.count = count
    }

    /// Why a condition is left alone; nil: it is not.
    func undecided(_ condition: Expression, of policy: Policy) -> Undecided? {
        let steps = steps(condition, set: max(count, literals(condition)))
        guard steps > Limits.evaluationSteps else { return nil }
        return Undecided(
            reason:
                "a condition of \(quoted(policy.id)) may take more than \(Limits.evaluationSteps) steps, and is given up then",
            hint: "divide it into several policies")
    }

    /// What evaluating takes at most, where no set has more words.
    private func steps(_ expression: Expression, set: Int) -> Int {
        let most = Limits.evaluationSteps + 1
        let below = expression.kind.children.reduce(1) { min($0 + steps($1, set: set), most) }
        switch expression.kind {
        case .binary: return min(below + 2 * set, most)
        case .like(_, let pattern): return min(below + pattern.elements.count * Self.textMax, most)
        default: return below
        }
    }

    /// The largest set that is written out.
    private func literals(_ expression: Expression) -> Int {
        var most = 0
        if case .set(let elements) = expression.kind { most = elements.count }
        return expression.kind.children.reduce(most) { max($0, literals($1)) }
    }
}
