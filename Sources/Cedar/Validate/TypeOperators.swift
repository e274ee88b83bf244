/// The rules of operators, built-in methods and the extensions' functions.
extension TypeChecker {
    mutating func binary(
        _ operation: BinaryOperator, _ left: Expression, _ right: Expression, _ known: Capabilities, _ whole: Expression
    ) -> Checked {
        let range = whole.range
        switch operation {
        case .equal: return Checked(type: equality(left, right, known, range))
        case .notEqual:
            guard case .boolean(let truth) = equality(left, right, known, range) else { return Checked() }
            return Checked(type: .boolean(truth.negated))
        case .less, .lessOrEqual, .greater, .greaterOrEqual: return Checked(type: order(left, right, known, range))
        case .add, .subtract, .multiply:
            let areNumbers = [expect(.long, left, known), expect(.long, right, known)]
            return Checked(type: areNumbers == [true, true] ? .long : nil)
        case .within: return Checked(type: within(left, right, known, range))
        case .contains: return Checked(type: contains(left, right, known, range))
        case .containsAll, .containsAny:
            let elements = (expectSet(left, known), expectSet(right, known))
            guard let leftElement = elements.0, let rightElement = elements.1 else { return Checked() }
            guard union(leftElement, rightElement) != nil else {
                error(
                    range, "one set holds \(leftElement.inWords), the other \(rightElement.inWords)",
                    "sets that are compared must hold values of one type")
                return Checked()
            }
            return Checked(type: .anyBoolean)
        case .hasTag: return hasTag(left, right, known, range)
        case .getTag: return Checked(type: getTag(left, right, known, range))
        }
    }

    /// The operand with the action of this kind of request put for the variable.
    private func withAction(_ expression: Expression) -> Expression.Kind {
        if case .variable(.action) = expression.kind, let environment { return .entity(environment.action) }
        return expression.kind
    }

    private mutating func equality(
        _ left: Expression, _ right: Expression, _ known: Capabilities, _ range: SourceRange
    ) -> CedarType? {
        let types = (check(left, known).type, check(right, known).type)
        guard let leftType = types.0, let rightType = types.1 else { return nil }
        let kinds = (withAction(left), withAction(right))
        if kinds.0.isLiteral, kinds.1.isLiteral {
            if kinds.0 != kinds.1 { noteFalse(range, "the two are never equal") }
            return .certain(kinds.0 == kinds.1)
        }
        if union(leftType, rightType) != nil { return .anyBoolean }
        if case .entity(let leftEntity) = leftType, case .entity(let rightEntity) = rightType {
            noteFalse(range, "\(leftEntity) and \(rightEntity) are different types of entities")
            return .certain(false)
        }
        error(
            range, "\(leftType.inWords) is compared with \(rightType.inWords)",
            comparisonHint(leftType, rightType))
        return nil
    }

    private func comparisonHint(_ left: CedarType, _ right: CedarType) -> String {
        switch (left, right) {
        case (.set, _), (_, .set): return "for a value in a set write contains"
        case (.extension(let type), .string), (.string, .extension(let type)):
            return "write \(type.constructor.rawValue)(\"…\") around the string"
        case (.entity(let type), .string), (.string, .entity(let type)): return "write the entity: \(type)::\"…\""
        default: return "both sides must be of the same type"
        }
    }

    private mutating func order(
        _ left: Expression, _ right: Expression, _ known: Capabilities, _ range: SourceRange
    ) -> CedarType? {
        let types = (check(left, known).type, check(right, known).type)
        guard let leftType = types.0, let rightType = types.1 else { return nil }
        switch (leftType, rightType) {
        case (.long, .long), (.extension(.datetime), .extension(.datetime)), (.extension(.duration), .extension(.duration)):
            return .anyBoolean
        case (.extension(.decimal), _), (_, .extension(.decimal)):
            error(range, "decimals have no < and >", "write a.lessThan(b), lessThanOrEqual, greaterThan or greaterThanOrEqual")
        default:
            error(
                range, "\(leftType.inWords) and \(rightType.inWords) have no order",
                "two numbers, two datetimes or two durations are compared")
        }
        return nil
    }

    // MARK: Membership

    private mutating func within(
        _ left: Expression, _ right: Expression, _ known: Capabilities, _ range: SourceRange
    ) -> CedarType? {
        let member = expectEntity(left, known, "for a value in a set write set.contains(value)")
        guard let found = check(right, known).type else { return nil }
        let group: EntityType
        switch found {
        case .entity(let type), .set(.entity(let type)): group = type
        default:
            error(
                right.range, "this is \(found.inWords), not an entity or a set of entities",
                "for a value in a set write set.contains(value)")
            return nil
        }
        guard let member else { return nil }
        if case .entity(let action) = withAction(left), action.type.isAction, let groups = entities(right) {
            let isWithin = groups.contains { schema.isWithin(action, $0) }
            if !isWithin { noteFalse(range, "\(action) is in none of these") }
            return .certain(isWithin)
        }
        return mayBeWithin(member, group, range)
    }

    private mutating func mayBeWithin(_ member: EntityType, _ group: EntityType, _ range: SourceRange) -> CedarType {
        if schema.mayBeWithin(member, group) { return .anyBoolean }
        noteFalse(range, "by the schema, no \(member) is in any \(group)")
        return .certain(false)
    }

    /// The entities of a literal, of the action, or of a set of nothing else.
    private func entities(_ expression: Expression) -> [EntityUID]? {
        if case .entity(let uid) = withAction(expression) { return [uid] }
        guard case .set(let elements) = expression.kind else { return nil }
        var all: [EntityUID] = []
        for element in elements {
            guard case .entity(let uid) = withAction(element) else { return nil }
            all.append(uid)
        }
        return all
    }

    mutating func isType(
        _ value: Expression, _ type: EntityType, _ group: Expression?, _ known: Capabilities, _ range: SourceRange
    ) -> Checked {
        guard let found = expectEntity(value, known, "is asks for the type of an entity") else {
            if let group { _ = check(group, known) }
            return Checked()
        }
        guard found == type else {
            noteFalse(range, "it is always of type \(found)")
            return Checked(type: .certain(false))
        }
        guard let group else { return Checked(type: .certain(true)) }
        return Checked(type: within(value, group, known, range))
    }

    private mutating func contains(
        _ set: Expression, _ value: Expression, _ known: Capabilities, _ range: SourceRange
    ) -> CedarType? {
        let types = (expectSet(set, known), check(value, known).type)
        guard let element = types.0, let type = types.1 else { return nil }
        guard union(element, type) != nil else {
            var hint = "a set is asked for values of the type that it holds"
            if case .set = type { hint = "for several values write containsAll or containsAny" }
            error(range, "the set holds \(element.inWords), and is asked for \(type.inWords)", hint)
            return nil
        }
        return .anyBoolean
    }

    // MARK: Extensions

    mutating func call(
        _ function: ExtensionFunction, _ arguments: [Expression], _ known: Capabilities, _ range: SourceRange
    ) -> CedarType? {
        let signature = function.signature
        guard arguments.count == signature.arguments.count else {
            for argument in arguments { _ = check(argument, known) }
            error(
                range, "\(function.rawValue) takes \(signature.arguments.count) values, and gets \(arguments.count)",
                "a method's own value counts as one")
            return nil
        }
        if function.isConstructor {
            guard case .string(let text) = arguments[0].kind else {
                _ = check(arguments[0], known)
                error(
                    range, "\(function.rawValue) is not given a string that stands here",
                    "write \(function.rawValue)(\"…\"), or let the attribute have the type \(signature.result)")
                return nil
            }
            guard Value(function, text) != nil else {
                error(range, "\(function.rawValue) cannot read \(quoted(text))", function.literalHint)
                return nil
            }
            return signature.result
        }
        var failed = false
        for (argument, type) in zip(arguments, signature.arguments) where !expect(type, argument, known) { failed = true }
        return failed ? nil : signature.result
    }
}

extension Expression.Kind {
    /// Whether it is a boolean, number, string or entity as it stands.
    fileprivate var isLiteral: Bool {
        switch self {
        case .bool, .long, .string, .entity: true
        default: false
        }
    }
}

extension ExtensionFunction {
    /// The types of its arguments, a method's own value first, and of its result.
    fileprivate var signature: (arguments: [CedarType], result: CedarType) {
        let address = CedarType.extension(.address)
        let decimal = CedarType.extension(.decimal)
        let datetime = CedarType.extension(.datetime)
        let duration = CedarType.extension(.duration)
        return switch self {
        case .ip: ([.string], address)
        case .decimal: ([.string], decimal)
        case .datetime: ([.string], datetime)
        case .duration: ([.string], duration)
        case .lessThan, .lessThanOrEqual, .greaterThan, .greaterThanOrEqual: ([decimal, decimal], .anyBoolean)
        case .isIpv4, .isIpv6, .isLoopback, .isMulticast: ([address], .anyBoolean)
        case .isInRange: ([address, address], .anyBoolean)
        case .offset: ([datetime, duration], datetime)
        case .durationSince: ([datetime, datetime], duration)
        case .toDate: ([datetime], datetime)
        case .toTime: ([datetime], duration)
        case .toMilliseconds, .toSeconds, .toMinutes, .toHours, .toDays: ([duration], .long)
        }
    }
}

extension ExtensionFunction {
    /// What the string of a constructor looks like.
    fileprivate var literalHint: String {
        switch self {
        case .ip: "write 10.0.0.1, 10.0.0.0/8 or ::1"
        case .decimal: "write digits, a point and one to four digits: 1.5"
        case .datetime: "write 2024-10-15, or with a time 2024-10-15T11:38:02Z"
        default: "write 1d2h3m4s5ms, or a part of it"
        }
    }
}
