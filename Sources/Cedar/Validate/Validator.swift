/// Checks policies against a schema, by the strict rules of the language: each policy, for every kind of request that the schema
/// permits and its scope covers. Policies without an error cannot err when they are evaluated with entities and requests that are
/// as the schema says, except for numbers that overflow and entities that are missing.
///
/// Findings come in the order of the policies. Work is bounded by `Limits.validationSteps`.
public func validate(_ policies: PolicySet, against schema: Schema) -> [Finding] {
    var validator = Validator(schema)
    for policy in policies.templates + policies.policies { validator.check(policy) }
    return validator.findings
}

private struct Validator {
    private let schema: Schema
    /// In a fixed order, so that the same policies give the same findings.
    private let actions: [(uid: EntityUID, schema: ActionSchema)]
    private var checker: TypeChecker
    private var gaveUp = false

    var findings: [Finding] { checker.collector.findings }

    init(_ schema: Schema) {
        self.schema = schema
        actions = schema.actions.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        checker = TypeChecker(schema)
    }

    mutating func check(_ policy: Policy) {
        guard !gaveUp else { return }
        checker.collector.begin(policy.id)
        for condition in policy.conditions where condition.body.height > Limits.expressionDepth {
            return checker.error(
                condition.body.range, "the condition nests deeper than \(Limits.expressionDepth) levels",
                "divide it over several when clauses or policies", always: true)
        }
        checkNames(policy)
        let namesAreKnown = checker.collector.errors == 0
        let outcome = checkEnvironments(policy)
        if checker.collector.isExhausted {
            gaveUp = true
            return checker.error(
                policy.range, "checking took more than \(Limits.validationSteps) steps, and was given up here",
                "divide the policies over several sets, or make the conditions smaller", always: true)
        }
        guard checker.collector.errors == 0 else { return }
        switch outcome {
        case .applies: return
        case .scopeFitsNothing where namesAreKnown:
            checker.error(
                policy.range, "the scope fits no request: no action of it applies to such a principal and resource",
                scopeHint(policy), always: true)
        case .scopeFitsNothing: return
        case .alwaysFalse(let reason):
            let shown = reason.map { "; here this part is always false" + ($0.why.isEmpty ? "" : ": " + $0.why) } ?? ""
            checker.collector.add(
                .warning, reason?.range ?? policy.range,
                "the policy never applies: its conditions are false for every request that its scope fits" + shown,
                "remove the policy, or correct the condition", nil)
        }
    }

    private enum Outcome {
        case applies
        case scopeFitsNothing
        case alwaysFalse(TypeChecker.CertainlyFalse?)
    }

    /// Checks the conditions for each kind of request that the scope fits.
    private mutating func checkEnvironments(_ policy: Policy) -> Outcome {
        var fits = false
        var applies = false
        var reason: TypeChecker.CertainlyFalse?
        for (uid, action) in actions where mayFit(policy.action, uid) {
            for principal in action.principals where mayFit(policy.principal, principal) {
                for resource in action.resources where mayFit(policy.resource, resource) {
                    guard checker.collector.spend() else { return .applies }
                    fits = true
                    checker.begin(RequestEnvironment(principal: principal, action: uid, resource: resource), action.context)
                    if checker.conditionsMayHold(policy.conditions) { applies = true }
                    reason = reason ?? checker.certainlyFalse
                }
            }
        }
        if applies { return .applies }
        return fits ? .alwaysFalse(reason) : .scopeFitsNothing
    }

    // MARK: Scopes

    private func mayFit(_ constraint: ScopeConstraint, _ type: EntityType) -> Bool {
        switch constraint {
        case .any: true
        case .equal(.entity(let uid)): uid.type == type
        case .within(.entity(let uid)): schema.mayBeWithin(type, uid.type)
        case .isType(let wanted): wanted == type
        case .isTypeWithin(let wanted, .entity(let uid)): wanted == type && schema.mayBeWithin(type, uid.type)
        case .isTypeWithin(let wanted, .slot): wanted == type
        // What fills a slot is checked when the template is linked.
        case .equal(.slot), .within(.slot): true
        }
    }

    private func mayFit(_ constraint: ActionConstraint, _ action: EntityUID) -> Bool {
        switch constraint {
        case .any: true
        case .equal(let uid): uid == action
        case .within(let groups): groups.contains { schema.isWithin(action, $0) }
        }
    }

    /// How a scope that fits no request may be corrected.
    private func scopeHint(_ policy: Policy) -> String {
        let fitting = actions.filter { mayFit(policy.action, $0.uid) }.map(\.schema)
        for (name, constraint, types) in [
            ("principal", policy.principal, fitting.flatMap(\.principals)),
            ("resource", policy.resource, fitting.flatMap(\.resources)),
        ] where !types.contains(where: { mayFit(constraint, $0) }) {
            if case .equal(let reference) = constraint, types.contains(where: { mayFit(.within(reference), $0) }) {
                return "the \(name) is a group: write in instead of =="
            }
            let wanted = Set(types).sorted().map(\.name).joined(separator: ", ")
            return types.isEmpty
                ? "the action is only a group, or applies to nothing: see its appliesTo in the schema"
                : "the \(name) must be one of \(wanted)"
        }
        return "see what the action applies to in the schema"
    }

    // MARK: Names

    /// Finds entity types, actions and ids of enumerated types that the schema does not know, also where nothing is evaluated.
    private mutating func checkNames(_ policy: Policy) {
        for constraint in [policy.principal, policy.resource] {
            if case .entity(let uid) = constraint.reference { checkEntity(uid, policy.range) }
            switch constraint {
            case .isType(let type), .isTypeWithin(let type, _): checkType(type, policy.range)
            default: break
            }
        }
        switch policy.action {
        case .any: break
        case .equal(let uid): checkEntity(uid, policy.range)
        case .within(let uids): for uid in uids { checkEntity(uid, policy.range) }
        }
        for condition in policy.conditions { checkNames(condition.body) }
    }

    private mutating func checkNames(_ expression: Expression) {
        guard checker.collector.spend() else { return }
        switch expression.kind {
        case .entity(let uid): checkEntity(uid, expression.range)
        case .isType(_, let type, in: _): checkType(type, expression.range)
        default: break
        }
        for child in expression.kind.children { checkNames(child) }
    }

    private mutating func checkEntity(_ uid: EntityUID, _ range: SourceRange) {
        if uid.type.isAction {
            guard schema.actions[uid] == nil else { return }
            let near = nearest(uid.id.string, schema.actions.keys.filter { $0.type == uid.type }.map(\.id.string).sorted())
            let other = actions.first { $0.uid.id == uid.id }?.uid
            checker.error(
                range, "there is no action \(uid)",
                near.map { "did you mean \(EntityUID(uid.type, Text($0)))?" } ?? other.map { "did you mean \($0)?" }
                    ?? "see the actions of the schema", always: true)
        } else if checkType(uid.type, range), let ids = schema.entityTypes[uid.type]?.ids, !ids.contains(uid.id) {
            let near = nearest(uid.id.string, ids.map(\.string))
            checker.error(
                range, "there is no \(uid): \(uid.type) is an enumeration",
                near.map { "did you mean \(EntityUID(uid.type, Text($0)))?" }
                    ?? "it has " + ids.prefix(10).map(quoted).joined(separator: ", "), always: true)
        }
    }

    @discardableResult
    private mutating func checkType(_ type: EntityType, _ range: SourceRange) -> Bool {
        guard !schema.knows(type) else { return true }
        let names = schema.entityTypes.keys.map(\.name).sorted()
        let near =
            nearest(type.name, names) ?? names.first { EntityType($0)?.baseName == type.baseName }
            ?? names.first { $0.lowercased() == type.name.lowercased() }
        checker.error(
            range, "there is no entity type \(type)", near.map { "did you mean \($0)?" } ?? "see the entity types of the schema",
            always: true)
        return false
    }
}
