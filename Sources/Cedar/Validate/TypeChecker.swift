/// Gives expressions their types for one kind of request, by the strict rules of the language, and notes what is wrong. What can
/// never be evaluated, because what stands before it is certain, is not looked at.
///
/// The rules are those of the language's formal model (cedar-policy/cedar-spec, `Cedar.Validation.Typechecker`).
struct TypeChecker {
    let schema: Schema
    var collector = FindingCollector()
    private(set) var environment: RequestEnvironment?
    private(set) var context = RecordType()
    /// The first comparison of this environment that is false whatever the request.
    private(set) var certainlyFalse: CertainlyFalse?

    struct CertainlyFalse {
        let range: SourceRange
        let why: String
    }

    init(_ schema: Schema) { self.schema = schema }

    mutating func begin(_ environment: RequestEnvironment, _ context: RecordType) {
        self.environment = environment
        self.context = context
        certainlyFalse = nil
    }

    /// Whether all conditions of a policy may be satisfied at once. True as well when they cannot be checked.
    mutating func conditionsMayHold(_ conditions: [Condition]) -> Bool {
        var known = Capabilities()
        for condition in conditions {
            let body = boolean(condition.body, known)
            switch (condition.kind, body.truth) {
            case (.when, .alwaysFalse), (.unless, .alwaysTrue): return false
            case (.when, _): known.formUnion(body.gained)
            case (.unless, _): break
            }
        }
        return true
    }

    // MARK: Results

    /// What was found out about an expression.
    struct Checked {
        /// Nil when the expression has a mistake; it is noted.
        var type: CedarType?
        /// What is known to be there whenever the expression is true.
        var gained = Capabilities()
    }

    /// What was found out about an expression that has to be a boolean.
    struct CheckedBoolean {
        var truth: CedarType.Truth?
        var gained = Capabilities()
    }

    /// Something that is known to be there, so that it may be read: an optional attribute after `has`, a tag after `hasTag`.
    enum Capability: Hashable {
        case attribute(Expression, Text)
        case tag(Expression, Expression)
    }

    typealias Capabilities = Set<Capability>

    /// `always`: whatever the request.
    mutating func error(_ range: SourceRange, _ message: String, _ hint: String, always: Bool = false) {
        // Without steps nothing is compared any more, so that what was found would not be true.
        guard always || !collector.isExhausted else { return }
        collector.add(.error, range, message, hint, always ? nil : environment)
    }

    mutating func noteFalse(_ range: SourceRange, _ why: String) {
        if certainlyFalse == nil { certainlyFalse = CertainlyFalse(range: range, why: why) }
    }

    // MARK: Expressions

    /// The type of an expression, where `known` is known to be there.
    mutating func check(_ expression: Expression, _ known: Capabilities) -> Checked {
        guard collector.spend() else { return Checked() }
        switch expression.kind {
        case .bool(let value): return Checked(type: .certain(value))
        case .long: return Checked(type: .long)
        case .string: return Checked(type: .string)
        // That it exists was checked for the whole policy.
        case .entity(let uid): return Checked(type: exists(uid) ? .entity(uid.type) : nil)
        case .variable(let variable): return Checked(type: type(of: variable))
        case .conditional(let condition, let then, let otherwise):
            return conditional(condition, then, otherwise, known, expression.range)
        case .and(let all): return and(all, known)
        case .or(let all): return or(all, known)
        case .not(let one):
            let truth = boolean(one, known).truth
            return Checked(type: truth.map { .boolean($0.negated) })
        case .negate(let one): return Checked(type: expect(.long, one, known) ? .long : nil)
        case .binary(let operation, let left, let right): return binary(operation, left, right, known, expression)
        case .isEmpty(let one): return Checked(type: expectSet(one, known) != nil ? .anyBoolean : nil)
        case .attribute(let value, let name): return Checked(type: attribute(value, name, known, expression.range))
        case .has(let value, let names): return has(value, names, known, expression.range)
        case .like(let one, _): return Checked(type: expect(.string, one, known) ? .anyBoolean : nil)
        case .isType(let value, let type, in: let group): return isType(value, type, group, known, expression.range)
        case .set(let elements): return Checked(type: set(elements, known, expression.range))
        case .record(let fields): return Checked(type: record(fields, known))
        case .call(let function, let arguments): return Checked(type: call(function, arguments, known, expression.range))
        }
    }

    private func exists(_ uid: EntityUID) -> Bool {
        uid.type.isAction ? schema.actions[uid] != nil : schema.entityTypes[uid.type] != nil
    }

    private func type(of variable: Variable) -> CedarType? {
        guard let environment else { return nil }
        return switch variable {
        case .principal: .entity(environment.principal)
        case .action: .entity(environment.action.type)
        case .resource: .entity(environment.resource)
        case .context: .record(context)
        }
    }

    private mutating func conditional(
        _ condition: Expression, _ then: Expression, _ otherwise: Expression, _ known: Capabilities, _ range: SourceRange
    ) -> Checked {
        let condition = boolean(condition, known)
        // What is known is copied for the branches, and in a chain of &&.
        guard collector.spend(known.count / 8) else { return Checked() }
        switch condition.truth {
        case .alwaysTrue:
            var result = check(then, known.union(condition.gained))
            result.gained.formUnion(condition.gained)
            return result
        case .alwaysFalse: return check(otherwise, known)
        case .unknown, nil:
            let then = check(then, known.union(condition.gained))
            let otherwise = check(otherwise, known)
            guard let thenType = then.type, let otherwiseType = otherwise.type else { return Checked() }
            guard let type = union(thenType, otherwiseType) else {
                error(
                    range, "then gives \(thenType.inWords) and else gives \(otherwiseType.inWords)",
                    "both must be of the same type")
                return Checked()
            }
            guard condition.truth != nil else { return Checked() }
            return Checked(type: type, gained: then.gained.union(condition.gained).intersection(otherwise.gained))
        }
    }

    /// Each side is checked knowing that all before it are true. Behind one that is certainly false nothing is evaluated.
    private mutating func and(_ all: [Expression], _ known: Capabilities) -> Checked {
        guard collector.spend(known.count / 8) else { return Checked() }
        var known = known
        var gained = Capabilities()
        var truth: CedarType.Truth? = .alwaysTrue
        for side in all {
            let side = boolean(side, known)
            if side.truth == .alwaysFalse { return Checked(type: truth == nil ? nil : .certain(false)) }
            if side.truth == nil { truth = nil }
            if side.truth == .unknown, truth != nil { truth = .unknown }
            known.formUnion(side.gained)
            gained.formUnion(side.gained)
        }
        return Checked(type: truth.map(CedarType.boolean), gained: gained)
    }

    /// What is known after it is what is known after each side that may have made it true.
    private mutating func or(_ all: [Expression], _ known: Capabilities) -> Checked {
        var result = CheckedBoolean(truth: .alwaysFalse)
        var failed = false
        for side in all {
            let side = boolean(side, known)
            switch (result.truth, side.truth) {
            case (_, nil): failed = true
            case (_, .alwaysTrue): return Checked(type: failed ? nil : .certain(true))
            case (.alwaysFalse, _): result = side
            case (_, .alwaysFalse): break
            default: result.gained.formIntersection(side.gained)
            }
        }
        return Checked(type: failed ? nil : result.truth.map(CedarType.boolean), gained: failed ? [] : result.gained)
    }

    private mutating func set(_ elements: [Expression], _ known: Capabilities, _ range: SourceRange) -> CedarType? {
        guard !elements.isEmpty else {
            error(
                range, "the empty set has no type", "write what is meant with isEmpty(), or compare with a set that has elements")
            return nil
        }
        var failed = false
        var type: CedarType?
        for element in elements {
            guard let next = check(element, known).type else {
                failed = true
                continue
            }
            guard let before = type else {
                type = next
                continue
            }
            guard let union = union(before, next) else {
                error(element.range, "a set holds \(before.inWords) and \(next.inWords)", "all its elements must be of one type")
                return nil
            }
            type = union
        }
        return failed ? nil : type.map(CedarType.set)
    }

    private mutating func record(_ fields: [RecordField], _ known: Capabilities) -> CedarType? {
        var attributes: [Text: AttributeType] = [:]
        var failed = false
        for field in fields {
            if let type = check(field.value, known).type {
                attributes[field.name] = AttributeType(type)
            } else {
                failed = true
            }
        }
        return failed ? nil : .record(RecordType(attributes))
    }
}

extension CedarType.Truth {
    var negated: CedarType.Truth {
        switch self {
        case .unknown: .unknown
        case .alwaysTrue: .alwaysFalse
        case .alwaysFalse: .alwaysTrue
        }
    }
}
