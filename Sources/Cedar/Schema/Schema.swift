/// The words that policies may use: entity types with their attributes and tags, and actions with the principals, resources and
/// contexts they apply to. Every name is complete and every common type is put in place.
public struct Schema: Equatable, Sendable {
    public let entityTypes: [EntityType: EntityTypeSchema]
    public let actions: [EntityUID: ActionSchema]
    /// Of each type of action, the types of the actions that its actions are in.
    private let actionTypes: [EntityType: Set<EntityType>]

    /// For tests and for schemas that a program makes; texts are read with `parse` and `parseJSON`, which check them.
    init(entityTypes: [EntityType: EntityTypeSchema] = [:], actions: [EntityUID: ActionSchema] = [:]) {
        self.entityTypes = entityTypes
        self.actions = actions
        var actionTypes: [EntityType: Set<EntityType>] = [:]
        for (uid, action) in actions { actionTypes[uid.type, default: []].formUnion(action.ancestors.map(\.type)) }
        self.actionTypes = actionTypes
    }

    /// Reads a schema in the syntax for people. Throws everything that is wrong, each with its place and a hint.
    public static func parse(_ source: Source) throws(Diagnostics) -> Schema {
        try SchemaResolver.schema(try SchemaParser.declarations(source), source)
    }

    /// Reads a schema in its JSON form. Throws everything that is wrong, each with its place and a hint.
    public static func parseJSON(_ source: Source) throws(Diagnostics) -> Schema {
        try SchemaResolver.schema(try SchemaJSONReader.declarations(source), source)
    }

    /// Whether an entity of one type may be, or be inside of, an entity of the other.
    public func mayBeWithin(_ type: EntityType, _ group: EntityType) -> Bool {
        if type == group { return true }
        return (entityTypes[type]?.ancestors ?? actionTypes[type])?.contains(group) ?? false
    }

    /// Whether the action is the other or inside of it.
    public func isWithin(_ action: EntityUID, _ group: EntityUID) -> Bool {
        action == group || actions[action]?.ancestors.contains(group) ?? false
    }

    /// Whether entities of the type may exist: it is declared, or it is the type of a declared action.
    public func knows(_ type: EntityType) -> Bool {
        entityTypes[type] != nil || actionTypes[type] != nil
    }
}

/// What a schema says of one type of entities.
public struct EntityTypeSchema: Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        /// Attributes, and the type of every tag if it has tags.
        case standard(RecordType, tags: CedarType?)
        /// Only entities with these ids exist; they have no attributes.
        case enumerated([Text])
    }

    public let kind: Kind
    /// The types whose entities may directly hold entities of this one, in the order of their names.
    public let memberOf: [EntityType]
    /// The types whose entities may hold entities of this one, at any distance.
    public let ancestors: Set<EntityType>
    public let annotations: [Annotation]

    public init(
        _ kind: Kind, memberOf: [EntityType] = [], ancestors: Set<EntityType> = [], annotations: [Annotation] = []
    ) {
        self.kind = kind
        self.memberOf = memberOf
        self.ancestors = ancestors
        self.annotations = annotations
    }

    public var attributes: RecordType {
        if case .standard(let attributes, _) = kind { attributes } else { RecordType() }
    }

    public var tags: CedarType? {
        if case .standard(_, let tags) = kind { tags } else { nil }
    }

    /// The ids that exist, of an enumerated type.
    public var ids: [Text]? {
        if case .enumerated(let ids) = kind { ids } else { nil }
    }
}

/// What a schema says of one action. Without principals or resources no request can name it: it is a group of actions.
public struct ActionSchema: Equatable, Sendable {
    /// The types of principal and of resource that it applies to, in the order of their names.
    public let principals: [EntityType]
    public let resources: [EntityType]
    public let context: RecordType
    /// The actions it is directly in, in order.
    public let memberOf: [EntityUID]
    /// The actions it is in, at any distance.
    public let ancestors: Set<EntityUID>
    public let annotations: [Annotation]

    public init(
        principals: [EntityType] = [], resources: [EntityType] = [], context: RecordType = RecordType(),
        memberOf: [EntityUID] = [], ancestors: Set<EntityUID> = [], annotations: [Annotation] = []
    ) {
        self.principals = principals
        self.resources = resources
        self.context = context
        self.memberOf = memberOf
        self.ancestors = ancestors
        self.annotations = annotations
    }
}
