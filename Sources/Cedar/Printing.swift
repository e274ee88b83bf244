/// How tightly a form binds, from the loosest. A part that binds looser than its place asks for stands in parentheses.
private enum Binding: Int, Comparable {
    case conditional, or, and, relation, sum, product, unary, member, primary

    static func < (left: Binding, right: Binding) -> Bool { left.rawValue < right.rawValue }
}

extension Expression: CustomStringConvertible {
    /// As canonical policy text: reading it gives an equal expression.
    public var description: String {
        var text = ""
        write(.conditional, into: &text)
        return text
    }

    private func write(_ place: Binding, into text: inout String) {
        let needsParentheses = kind.binding < place
        if needsParentheses { text += "(" }
        kind.write(into: &text)
        if needsParentheses { text += ")" }
    }
}

extension Expression.Kind {
    fileprivate var binding: Binding {
        switch self {
        case .conditional: .conditional
        case .or: .or
        case .and: .and
        case .has, .like, .isType: .relation
        case .binary(let operation, _, _):
            switch operation {
            case .add, .subtract: .sum
            case .multiply: .product
            case .contains, .containsAll, .containsAny, .hasTag, .getTag: .member
            default: .relation
            }
        case .not, .negate: .unary
        case .long(let value): value < 0 ? .unary : .primary
        case .attribute, .isEmpty: .member
        case .call(let function, _): function.isConstructor ? .primary : .member
        case .bool, .string, .entity, .variable, .set, .record: .primary
        }
    }

    fileprivate func write(into text: inout String) {
        switch self {
        case .bool(let value): text += value ? "true" : "false"
        case .long(let value): text += String(value)
        case .string(let string): text += quoted(string)
        case .entity(let uid): text += uid.description
        case .variable(let variable): text += variable.rawValue
        case .conditional(let condition, let then, let otherwise):
            text += "if "
            condition.write(.conditional, into: &text)
            text += " then "
            then.write(.conditional, into: &text)
            text += " else "
            otherwise.write(.conditional, into: &text)
        case .or(let all): write(all, .and, " || ", into: &text)
        case .and(let all): write(all, .relation, " && ", into: &text)
        case .not(let operand):
            text += "!"
            operand.write(.member, into: &text)
        case .negate(let operand):
            text += "-"
            // A bare number behind a minus would be read as one negative number.
            if case .long = operand.kind {
                text += "("
                operand.write(.conditional, into: &text)
                text += ")"
            } else {
                operand.write(.member, into: &text)
            }
        case .binary(let operation, let left, let right): write(operation, left, right, into: &text)
        case .isEmpty(let operand):
            operand.write(.member, into: &text)
            text += ".isEmpty()"
        case .attribute(let owner, let name):
            owner.write(.member, into: &text)
            text += name.isPlainName ? ".\(name)" : "[\(quoted(name))]"
        case .has(let owner, let names):
            owner.write(.sum, into: &text)
            text += " has " + names.map { $0.isPlainName ? $0.string : quoted($0) }.joined(separator: ".")
        case .like(let operand, let pattern):
            operand.write(.sum, into: &text)
            text += " like " + quoted(pattern)
        case .isType(let operand, let type, let group):
            operand.write(.sum, into: &text)
            text += " is \(type)"
            if let group {
                text += " in "
                group.write(.sum, into: &text)
            }
        case .set(let elements):
            text += "["
            write(elements, .conditional, ", ", into: &text)
            text += "]"
        case .record(let fields):
            text += "{"
            for (index, field) in fields.enumerated() {
                text += (index == 0 ? "" : ", ") + (field.name.isPlainName ? field.name.string : quoted(field.name)) + ": "
                field.value.write(.conditional, into: &text)
            }
            text += "}"
        case .call(let function, let arguments):
            var arguments = arguments[...]
            if !function.isConstructor, let owner = arguments.popFirst() {
                owner.write(.member, into: &text)
                text += "."
            }
            text += function.rawValue + "("
            write(Array(arguments), .conditional, ", ", into: &text)
            text += ")"
        }
    }

    private func write(_ all: [Expression], _ place: Binding, _ separator: String, into text: inout String) {
        for (index, expression) in all.enumerated() {
            if index > 0 { text += separator }
            expression.write(place, into: &text)
        }
    }

    private func write(_ operation: BinaryOperator, _ left: Expression, _ right: Expression, into text: inout String) {
        if operation.isMethod {
            left.write(.member, into: &text)
            text += ".\(operation.rawValue)("
            right.write(.conditional, into: &text)
            text += ")"
            return
        }
        // Sums and products of three are read from the left; comparisons are not read in chains at all.
        let (leftPlace, rightPlace): (Binding, Binding) =
            switch operation {
            case .add, .subtract: (.sum, .product)
            case .multiply: (.product, .unary)
            default: (.sum, .sum)
            }
        left.write(leftPlace, into: &text)
        text += " \(operation.rawValue) "
        right.write(rightPlace, into: &text)
    }
}

extension Text {
    /// Whether it can stand without quotes as an attribute's name.
    var isPlainName: Bool { Identifier.isIdentifier(string.utf8) && !Identifier.reserved.contains(string) }
}

extension Policy: CustomStringConvertible {
    /// As canonical policy text: reading it gives an equal policy, as long as the id comes from `@id` or is given again.
    public var description: String {
        var text = ""
        for annotation in annotations {
            text += "@\(annotation.name)\(annotation.value.map { "(\(quoted($0)))" } ?? "")\n"
        }
        text += "\(effect.rawValue) (principal\(principal), action\(action), resource\(resource))"
        for condition in conditions { text += "\n\(condition.kind.rawValue) { \(condition.body) }" }
        return text + ";"
    }
}

extension ScopeConstraint: CustomStringConvertible {
    /// What follows the variable in a scope.
    public var description: String {
        switch self {
        case .any: ""
        case .equal(let reference): " == \(reference)"
        case .within(let reference): " in \(reference)"
        case .isType(let type): " is \(type)"
        case .isTypeWithin(let type, let reference): " is \(type) in \(reference)"
        }
    }
}

extension EntityReference: CustomStringConvertible {
    public var description: String {
        switch self {
        case .entity(let uid): uid.description
        case .slot(let slot): slot.rawValue
        }
    }
}

extension ActionConstraint: CustomStringConvertible {
    /// What follows `action` in a scope.
    public var description: String {
        switch self {
        case .any: ""
        case .equal(let action): " == \(action)"
        case .within(let groups): " in [" + groups.map(\.description).joined(separator: ", ") + "]"
        }
    }
}

extension PolicySet: CustomStringConvertible {
    /// Every policy and every template as canonical text, templates last. Linked policies are not in it: they have no text.
    public var description: String {
        (policies.filter { $0.template == nil } + templates).map { $0.description + "\n" }.joined()
    }
}
