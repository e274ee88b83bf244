/// What one type is to another, and what an operand has to be.
extension TypeChecker {
    /// The type of a value that has one of two types, if the strict rules have one: the same type twice, except that one boolean
    /// may be certain and the other not.
    mutating func union(_ left: CedarType, _ right: CedarType) -> CedarType? {
        guard collector.spend() else { return nil }
        switch (left, right) {
        case (.boolean(let left), .boolean(let right)): return left == right ? .boolean(left) : .anyBoolean
        case (.set(let left), .set(let right)): return union(left, right).map(CedarType.set)
        case (.record(let left), .record(let right)):
            guard left.attributes.count == right.attributes.count else { return nil }
            var attributes: [Text: AttributeType] = [:]
            for (name, leftAttribute) in left.attributes {
                guard let rightAttribute = right[name], leftAttribute.isRequired == rightAttribute.isRequired,
                    let type = union(leftAttribute.type, rightAttribute.type)
                else { return nil }
                attributes[name] = AttributeType(type, isRequired: leftAttribute.isRequired)
            }
            return .record(RecordType(attributes))
        case (.long, .long), (.string, .string): return left
        case (.entity(let leftType), .entity(let rightType)): return leftType == rightType ? left : nil
        case (.extension(let leftType), .extension(let rightType)): return leftType == rightType ? left : nil
        default: return nil
        }
    }

    /// A boolean, or a noted mistake.
    mutating func boolean(_ expression: Expression, _ known: Capabilities) -> CheckedBoolean {
        let checked = check(expression, known)
        switch checked.type {
        case .boolean(let truth): return CheckedBoolean(truth: truth, gained: checked.gained)
        case let type?:
            error(expression.range, "this is \(type.inWords), not a boolean", "compare it with something")
            return CheckedBoolean(truth: nil)
        case nil: return CheckedBoolean(truth: nil, gained: checked.gained)
        }
    }

    /// Whether the expression is of the type; if not, that is noted.
    mutating func expect(_ type: CedarType, _ expression: Expression, _ known: Capabilities) -> Bool {
        guard let found = check(expression, known).type else { return false }
        if found == type { return true }
        let hint =
            switch (type, found) {
            case (.long, .string): "numbers stand without quotes, and strings cannot be added"
            case (.string, .entity): "like looks at strings; for an entity write ==, in or is"
            default: "it must be \(type.inWords)"
            }
        error(expression.range, "this is \(found.inWords), not \(type.inWords)", hint)
        return false
    }

    /// The type of a set's elements; nil with a noted mistake for anything else.
    mutating func expectSet(_ expression: Expression, _ known: Capabilities) -> CedarType? {
        guard let found = check(expression, known).type else { return nil }
        if case .set(let element) = found { return element }
        let hint =
            switch found {
            case .entity: "for an entity write in"
            case .record: "for a record write has"
            case .string: "for a string write like or =="
            default: "only sets have elements"
            }
        error(expression.range, "this is \(found.inWords), not a set", hint)
        return nil
    }

    /// The type of an entity; nil with a noted mistake for anything else.
    mutating func expectEntity(_ expression: Expression, _ known: Capabilities, _ hint: String) -> EntityType? {
        guard let found = check(expression, known).type else { return nil }
        if case .entity(let type) = found { return type }
        error(expression.range, "this is \(found.inWords), not an entity", hint)
        return nil
    }
}
