/// One `permit` or `forbid`: whom, what and where it is about, and its conditions. With a slot in its scope it is a template, which
/// decides nothing until it is linked.
public struct Policy: Hashable, Sendable {
    public let id: Text
    public let effect: Effect
    public let annotations: [Annotation]
    public let principal: ScopeConstraint
    public let action: ActionConstraint
    public let resource: ScopeConstraint
    public let conditions: [Condition]
    /// The template that this policy was linked from.
    public let template: Text?
    /// The whole policy, from its first annotation to its semicolon.
    public let range: SourceRange

    public init(
        id: Text, effect: Effect, annotations: [Annotation] = [], principal: ScopeConstraint = .any,
        action: ActionConstraint = .any,
        resource: ScopeConstraint = .any, conditions: [Condition] = [], template: Text? = nil,
        range: SourceRange = SourceRange(0, 0)
    ) {
        self.id = id
        self.effect = effect
        self.annotations = annotations
        self.principal = principal
        self.action = action
        self.resource = resource
        self.conditions = conditions
        self.template = template
        self.range = range
    }

    /// Equal in what they say, not in where they stand.
    public static func == (left: Policy, right: Policy) -> Bool {
        left.id == right.id && left.effect == right.effect && left.annotations == right.annotations
            && left.principal == right.principal && left.action == right.action && left.resource == right.resource
            && left.conditions == right.conditions && left.template == right.template
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(id)
        hasher.combine(conditions)
    }

    /// The slots of its scope, in the order principal, resource.
    public var slots: [Slot] { [principal.slot, resource.slot].compactMap { $0 } }

    public var isTemplate: Bool { !slots.isEmpty }

    /// The value of an annotation; of one without a value it is empty.
    public func annotation(_ name: String) -> Text? {
        annotations.first { $0.name == name }.map { $0.value ?? "" }
    }
}

/// Whether a satisfied policy allows or denies.
public enum Effect: String, Hashable, Sendable {
    case permit, forbid
}

/// `@name("value")` or `@name` before a policy.
public struct Annotation: Hashable, Sendable {
    public let name: String
    public let value: Text?

    public init(name: String, value: Text?) {
        self.name = name
        self.value = value
    }
}

/// A `when` or an `unless` of a policy.
public struct Condition: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
        case when, unless
    }

    public let kind: Kind
    public let body: Expression

    public init(_ kind: Kind, _ body: Expression) {
        self.kind = kind
        self.body = body
    }
}

/// A place in a template's scope that linking fills.
public enum Slot: String, Hashable, Sendable {
    case principal = "?principal"
    case resource = "?resource"
}

/// What a scope compares with: an entity, or the slot for one.
public enum EntityReference: Hashable, Sendable {
    case entity(EntityUID)
    case slot(Slot)
}

/// What a policy's scope asks of the principal or of the resource.
public enum ScopeConstraint: Hashable, Sendable {
    case any
    case equal(EntityReference)
    /// `in`: the entity itself or one of its descendants.
    case within(EntityReference)
    case isType(EntityType)
    /// `is T in e`
    case isTypeWithin(EntityType, EntityReference)

    /// The entity or slot that it compares with.
    public var reference: EntityReference? {
        switch self {
        case .any, .isType: nil
        case .equal(let reference), .within(let reference), .isTypeWithin(_, let reference): reference
        }
    }

    public var slot: Slot? {
        if case .slot(let slot) = reference { slot } else { nil }
    }

    /// The same with its slot filled.
    func filled(with entity: EntityUID) -> ScopeConstraint {
        guard slot != nil else { return self }
        switch self {
        case .any, .isType: return self
        case .equal: return .equal(.entity(entity))
        case .within: return .within(.entity(entity))
        case .isTypeWithin(let type, _): return .isTypeWithin(type, .entity(entity))
        }
    }
}

/// What a policy's scope asks of the action.
public enum ActionConstraint: Hashable, Sendable {
    case any
    case equal(EntityUID)
    /// `in e` and `in [e, f]`
    case within([EntityUID])
}
