/// Operators and built-in methods of two operands. The left one has its value first.
extension EvaluationRun {
    mutating func binary(
        _ operation: BinaryOperator, _ left: Expression, _ right: Expression, _ range: SourceRange
    ) throws(EvaluationError) -> Value {
        switch operation {
        case .equal: return .bool(try value(left) == value(right))
        case .notEqual: return .bool(try value(left) != value(right))
        case .less, .lessOrEqual, .greater, .greaterOrEqual: return .bool(try compare(operation, left, right))
        case .add, .subtract, .multiply: return .long(try arithmetic(operation, left, right, range))
        case .within: return .bool(try isWithin(try entity(left), right))
        case .contains: return .bool(try contains(left, right))
        case .containsAll, .containsAny:
            let all = try set(left)
            let some = try set(right)
            try spend(some.elements.count, range)
            return .bool(
                operation == .containsAll ? some.elements.allSatisfy(all.contains) : some.elements.contains(where: all.contains))
        case .hasTag:
            let uid = try entity(left)
            let name = try string(right)
            return .bool(entities[uid]?.tags[name] != nil)
        case .getTag:
            let uid = try entity(left)
            let name = try string(right)
            guard let entity = entities[uid] else { throw EvaluationError(.noSuchEntity(uid), range) }
            guard let tag = entity.tags[name] else { throw EvaluationError(.noSuchTag(name, of: uid), range) }
            return tag
        }
    }

    private mutating func compare(
        _ operation: BinaryOperator, _ left: Expression, _ right: Expression
    ) throws(EvaluationError) -> Bool {
        func ordered<Ordered: Comparable>(_ a: Ordered, _ b: Ordered) -> Bool {
            switch operation {
            case .less: a < b
            case .lessOrEqual: a <= b
            case .greater: a > b
            default: a >= b
            }
        }
        let first = try value(left)
        let second = try value(right)
        switch (first, second) {
        case (.long(let a), .long(let b)): return ordered(a, b)
        case (.datetime(let a), .datetime(let b)): return ordered(a, b)
        case (.duration(let a), .duration(let b)): return ordered(a, b)
        case (.long, _): throw wrongKind("a number", second, right)
        case (.datetime, _): throw wrongKind("a datetime", second, right)
        case (.duration, _): throw wrongKind("a duration", second, right)
        default: throw wrongKind("a number, a datetime or a duration", first, left)
        }
    }

    private mutating func arithmetic(
        _ operation: BinaryOperator, _ left: Expression, _ right: Expression, _ range: SourceRange
    ) throws(EvaluationError) -> Int64 {
        let first = try long(left)
        let second = try long(right)
        let (result, overflow) =
            switch operation {
            case .add: first.addingReportingOverflow(second)
            case .subtract: first.subtractingReportingOverflow(second)
            default: first.multipliedReportingOverflow(by: second)
            }
        guard !overflow else {
            throw EvaluationError(.overflow("\(first) \(operation.rawValue) \(second)"), range)
        }
        return result
    }

    /// Whether an entity is in what the right side gives: an entity, or any of a set of entities.
    mutating func isWithin(_ uid: EntityUID, _ right: Expression) throws(EvaluationError) -> Bool {
        if case .set(let elements) = right.kind {
            // A set that is written out need not be made. All of it is looked at, since all of it may err.
            try spend(1, right.range)
            var found = false
            for element in elements {
                let group = try entity(element)
                if !found { found = entities.isWithin(uid, group) }
            }
            return found
        }
        let value = try value(right)
        switch value {
        case .entity(let group): return entities.isWithin(uid, group)
        case .set(let set):
            try spend(set.elements.count, right.range)
            var found = false
            for element in set.elements {
                guard case .entity(let group) = element else { throw wrongKind("a set of entities", element, right) }
                if !found { found = entities.isWithin(uid, group) }
            }
            return found
        default: throw wrongKind("an entity or a set of entities", value, right)
        }
    }

    private mutating func contains(_ left: Expression, _ right: Expression) throws(EvaluationError) -> Bool {
        if case .set(let elements) = left.kind, elements.allSatisfy(\.kind.isLiteral) {
            // A set of literals need not be made: nothing in it can err.
            let wanted = try value(right)
            try spend(elements.count + 1, left.range)
            return elements.contains { $0.kind.equals(wanted) }
        }
        let all = try set(left)
        return all.contains(try value(right))
    }
}

extension Expression.Kind {
    fileprivate var isLiteral: Bool {
        switch self {
        case .bool, .long, .string, .entity: true
        default: false
        }
    }

    /// Whether a literal has this value.
    fileprivate func equals(_ value: Value) -> Bool {
        switch (self, value) {
        case (.bool(let a), .bool(let b)): a == b
        case (.long(let a), .long(let b)): a == b
        case (.string(let a), .string(let b)): a == b
        case (.entity(let a), .entity(let b)): a == b
        default: false
        }
    }
}
