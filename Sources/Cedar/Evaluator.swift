/// What is asked: who wants to do what to what, and in which circumstances.
public struct Request: Hashable, Sendable {
    public let principal: EntityUID
    public let action: EntityUID
    public let resource: EntityUID
    public let context: Record

    public init(principal: EntityUID, action: EntityUID, resource: EntityUID, context: Record = .empty) {
        self.principal = principal
        self.action = action
        self.resource = resource
        self.context = context
    }
}

/// Gives expressions their values for one request. It holds no state between expressions; each gets `Limits.evaluationSteps`.
public struct Evaluator: Sendable {
    public let request: Request
    public let entities: Entities

    public init(_ request: Request, _ entities: Entities) {
        self.request = request
        self.entities = entities
    }

    /// The value of an expression of any kind.
    public func value(_ expression: Expression) throws(EvaluationError) -> Value {
        guard expression.height <= Limits.expressionDepth else { throw EvaluationError(.tooDeep, expression.range) }
        var run = EvaluationRun(request, entities)
        return try run.value(expression)
    }

    /// The value of an expression that has to be a boolean, such as the body of a condition.
    public func bool(_ expression: Expression) throws(EvaluationError) -> Bool {
        guard expression.height <= Limits.expressionDepth else { throw EvaluationError(.tooDeep, expression.range) }
        var run = EvaluationRun(request, entities)
        return try run.bool(expression)
    }

    /// Whether a policy's scope covers the request. Scopes cannot err. An open slot covers nothing.
    public func isInScope(_ policy: Policy) -> Bool {
        covers(policy.principal, request.principal) && covers(policy.action) && covers(policy.resource, request.resource)
    }

    /// Whether a condition holds: a `when` that is true, an `unless` that is false.
    public func holds(_ condition: Condition) throws(EvaluationError) -> Bool {
        try bool(condition.body) == (condition.kind == .when)
    }

    /// Whether the scope covers the request and every condition holds; what follows one that does not is left out.
    public func isSatisfied(_ policy: Policy) throws(EvaluationError) -> Bool {
        guard isInScope(policy) else { return false }
        for condition in policy.conditions {
            guard try holds(condition) else { return false }
        }
        return true
    }

    private func covers(_ constraint: ScopeConstraint, _ uid: EntityUID) -> Bool {
        switch constraint {
        case .any: true
        case .equal(.entity(let other)): uid == other
        case .within(.entity(let group)): entities.isWithin(uid, group)
        case .isType(let type): uid.type == type
        case .isTypeWithin(let type, .entity(let group)): uid.type == type && entities.isWithin(uid, group)
        case .equal(.slot), .within(.slot), .isTypeWithin(_, .slot): false
        }
    }

    private func covers(_ constraint: ActionConstraint) -> Bool {
        switch constraint {
        case .any: true
        case .equal(let action): request.action == action
        case .within(let groups): groups.contains { entities.isWithin(request.action, $0) }
        }
    }
}

/// One evaluation under way: it counts its steps.
struct EvaluationRun {
    let request: Request
    let entities: Entities
    private var steps = 0

    init(_ request: Request, _ entities: Entities) {
        self.request = request
        self.entities = entities
    }

    /// Counts work that grows with the data.
    mutating func spend(_ count: Int, _ range: SourceRange) throws(EvaluationError) {
        steps += count
        guard steps <= Limits.evaluationSteps else { throw EvaluationError(.tooManySteps, range) }
    }

    mutating func value(_ expression: Expression) throws(EvaluationError) -> Value {
        try spend(1, expression.range)
        switch expression.kind {
        case .bool(let value): return .bool(value)
        case .long(let value): return .long(value)
        case .string(let text): return .string(text)
        case .entity(let uid): return .entity(uid)
        case .variable(let variable): return value(of: variable)
        case .conditional(let condition, let then, let otherwise): return try value(try bool(condition) ? then : otherwise)
        case .and(let all):
            for operand in all where try !bool(operand) { return .bool(false) }
            return .bool(true)
        case .or(let all):
            for operand in all where try bool(operand) { return .bool(true) }
            return .bool(false)
        case .not(let operand): return .bool(try !bool(operand))
        case .negate(let operand):
            let (result, overflow) = Int64(0).subtractingReportingOverflow(try long(operand))
            guard !overflow else { throw EvaluationError(.overflow("a negation"), expression.range) }
            return .long(result)
        case .binary(let operation, let left, let right): return try binary(operation, left, right, expression.range)
        case .isEmpty(let operand): return .bool(try set(operand).elements.isEmpty)
        case .attribute(let owner, let name): return try attribute(name, of: try value(owner), expression.range)
        case .has(let owner, let names): return .bool(try has(owner, names, expression.range))
        case .like(let operand, let pattern):
            let text = try string(operand)
            // The work of matching is at most the product of the two lengths, and in all but odd cases their sum.
            try spend((text.string.utf8.count + pattern.elements.count) / 16, expression.range)
            return .bool(try pattern.matches(text) { (count) throws(EvaluationError) in try spend(count, expression.range) })
        case .isType(let operand, let type, let group):
            let uid = try entity(operand)
            guard uid.type == type else { return .bool(false) }
            guard let group else { return .bool(true) }
            return .bool(try isWithin(uid, group))
        case .set(let elements):
            var values: [Value] = []
            values.reserveCapacity(elements.count)
            for element in elements { values.append(try value(element)) }
            return .set(ValueSet(values))
        case .record(let fields):
            var values: [(Text, Value)] = []
            values.reserveCapacity(fields.count)
            for field in fields { values.append((field.name, try value(field.value))) }
            return .record(Record(values))
        case .call(let function, let arguments): return try call(function, arguments, expression.range)
        }
    }

    mutating func bool(_ expression: Expression) throws(EvaluationError) -> Bool {
        let value = try value(expression)
        guard case .bool(let result) = value else { throw wrongKind("a boolean", value, expression) }
        return result
    }

    mutating func long(_ expression: Expression) throws(EvaluationError) -> Int64 {
        let value = try value(expression)
        guard case .long(let result) = value else { throw wrongKind("a number", value, expression) }
        return result
    }

    mutating func string(_ expression: Expression) throws(EvaluationError) -> Text {
        let value = try value(expression)
        guard case .string(let result) = value else { throw wrongKind("a string", value, expression) }
        return result
    }

    mutating func entity(_ expression: Expression) throws(EvaluationError) -> EntityUID {
        let value = try value(expression)
        guard case .entity(let result) = value else { throw wrongKind("an entity", value, expression) }
        return result
    }

    mutating func set(_ expression: Expression) throws(EvaluationError) -> ValueSet {
        let value = try value(expression)
        guard case .set(let result) = value else { throw wrongKind("a set", value, expression) }
        return result
    }

    func wrongKind(_ expected: String, _ found: Value, _ expression: Expression) -> EvaluationError {
        EvaluationError(.wrongKind(expected: expected, found: found.kindName), expression.range)
    }

    private func value(of variable: Variable) -> Value {
        switch variable {
        case .principal: .entity(request.principal)
        case .action: .entity(request.action)
        case .resource: .entity(request.resource)
        case .context: .record(request.context)
        }
    }

    // MARK: Attributes

    private func attribute(_ name: Text, of owner: Value, _ range: SourceRange) throws(EvaluationError) -> Value {
        switch owner {
        case .record(let record):
            guard let value = record[name] else { throw EvaluationError(.noSuchAttribute(name, of: "a record"), range) }
            return value
        case .entity(let uid):
            guard let entity = entities[uid] else { throw EvaluationError(.noSuchEntity(uid), range) }
            guard let value = entity.attributes[name] else {
                throw EvaluationError(.noSuchAttribute(name, of: uid.description), range)
            }
            return value
        default:
            throw EvaluationError(.wrongKind(expected: "a record or an entity", found: owner.kindName), range)
        }
    }

    /// `a has b.c` says the same as `a has b && a.b has c`.
    private mutating func has(_ owner: Expression, _ names: [Text], _ range: SourceRange) throws(EvaluationError) -> Bool {
        var value = try value(owner)
        for name in names {
            let found: Value?
            switch value {
            case .record(let record): found = record[name]
            case .entity(let uid): found = entities[uid]?.attributes[name]
            default: throw EvaluationError(.wrongKind(expected: "a record or an entity", found: value.kindName), range)
            }
            guard let found else { return false }
            value = found
        }
        return true
    }
}
