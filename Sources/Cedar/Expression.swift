/// An expression of the policy language, with its place in the source. Two expressions are equal when they say the same, wherever
/// they stand.
public struct Expression: Hashable, Sendable {
    public let kind: Kind
    public let range: SourceRange
    /// How many levels the tree has: what evaluating it needs of the stack.
    public let height: Int

    public init(_ kind: Kind, range: SourceRange = SourceRange(0, 0)) {
        self.kind = kind
        self.range = range
        height = 1 + kind.children.reduce(0) { max($0, $1.height) }
    }

    public static func == (left: Expression, right: Expression) -> Bool { left.kind == right.kind }

    public func hash(into hasher: inout Hasher) { hasher.combine(kind) }

    public enum Kind: Hashable, Sendable {
        case bool(Bool)
        case long(Int64)
        case string(Text)
        case entity(EntityUID)
        case variable(Variable)
        /// `if a then b else c`
        indirect case conditional(Expression, then: Expression, otherwise: Expression)
        /// A chain `a && b && c`, of two or more, which the text held without parentheses between them.
        case and([Expression])
        /// A chain `a || b || c`, of two or more.
        case or([Expression])
        indirect case not(Expression)
        indirect case negate(Expression)
        indirect case binary(BinaryOperator, Expression, Expression)
        indirect case isEmpty(Expression)
        /// `a.name` and `a["name"]`
        indirect case attribute(Expression, Text)
        /// `a has name` and `a has b.c.d`: the names on the way, one or more.
        indirect case has(Expression, [Text])
        indirect case like(Expression, Pattern)
        /// `a is T` and `a is T in b`
        indirect case isType(Expression, EntityType, in: Expression?)
        case set([Expression])
        /// Fields in the order of the text; names are distinct.
        case record([RecordField])
        /// An extension's function, or its method with the value it is called on first. The count of arguments is checked when
        /// it is evaluated, as the language defines.
        case call(ExtensionFunction, [Expression])

        /// The expressions directly below, in the order of the text.
        public var children: [Expression] {
            switch self {
            case .bool, .long, .string, .entity, .variable: []
            case .conditional(let condition, let then, let otherwise): [condition, then, otherwise]
            case .and(let all), .or(let all), .set(let all), .call(_, let all): all
            case .not(let one), .negate(let one), .isEmpty(let one), .attribute(let one, _), .has(let one, _), .like(let one, _):
                [one]
            case .binary(_, let left, let right): [left, right]
            case .isType(let one, _, let group): group.map { [one, $0] } ?? [one]
            case .record(let fields): fields.map(\.value)
            }
        }
    }
}

/// One `name: value` of a record.
public struct RecordField: Hashable, Sendable {
    public let name: Text
    public let value: Expression

    public init(name: Text, value: Expression) {
        self.name = name
        self.value = value
    }
}

/// What a request binds.
public enum Variable: String, Hashable, Sendable, CaseIterable {
    case principal, action, resource, context
}

/// What stands between two operands, or between a value and the one argument of its built-in method.
public enum BinaryOperator: String, Hashable, Sendable, CaseIterable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case within = "in"
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case contains, containsAll, containsAny, hasTag, getTag

    /// Whether it is written `a.contains(b)`.
    public var isMethod: Bool {
        switch self {
        case .contains, .containsAll, .containsAny, .hasTag, .getTag: true
        default: false
        }
    }
}

/// A function or method of the extension types: `ip`, `decimal`, `datetime`, `duration`.
public enum ExtensionFunction: String, Hashable, Sendable, CaseIterable {
    case ip, decimal, datetime, duration
    case lessThan, lessThanOrEqual, greaterThan, greaterThanOrEqual
    case isIpv4, isIpv6, isLoopback, isMulticast, isInRange
    case offset, durationSince, toDate, toTime
    case toMilliseconds, toSeconds, toMinutes, toHours, toDays

    /// Whether it is written `f(a)`; all others are written `a.f()`.
    public var isConstructor: Bool {
        switch self {
        case .ip, .decimal, .datetime, .duration: true
        default: false
        }
    }

    /// How many arguments it takes, the value that a method is called on included.
    public var argumentCount: Int {
        switch self {
        case .lessThan, .lessThanOrEqual, .greaterThan, .greaterThanOrEqual, .isInRange, .offset, .durationSince: 2
        default: 1
        }
    }
}

/// The right side of `like`: characters, and `*` for any run of them, also none.
public struct Pattern: Hashable, Sendable {
    public enum Element: Hashable, Sendable {
        case wildcard
        case scalar(Unicode.Scalar)
    }

    public let elements: [Element]

    public init(_ elements: [Element]) { self.elements = elements }
}

extension Expression {
    /// Reads one expression that is the whole of a text, as a condition holds it.
    public static func parse(_ source: Source) throws(Diagnostics) -> Expression { try Parser.expression(source) }
}
