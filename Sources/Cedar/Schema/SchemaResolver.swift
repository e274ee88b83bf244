/// Completes the names of a schema's declarations: finds what each name stands for, puts common types in place, and follows
/// membership to all ancestors.
struct SchemaResolver {
    private let source: Source
    private let names: SchemaNames
    private var problems: [Diagnostic] = []
    private var common: [String: ResolvedType] = [:]
    /// Common types that are being put in place: one that is met again is made of itself.
    private var open: Set<String> = []

    static func schema(_ namespaces: [NamespaceDeclaration], _ source: Source) throws(Diagnostics) -> Schema {
        let names = try SchemaNames(namespaces, source)
        var resolver = SchemaResolver(source: source, names: names)
        let schema = resolver.schema(namespaces)
        if let diagnostics = Diagnostics(resolver.problems) { throw diagnostics }
        return schema
    }

    private init(source: Source, names: SchemaNames) {
        self.source = source
        self.names = names
    }

    private mutating func schema(_ namespaces: [NamespaceDeclaration]) -> Schema {
        // Also those that nothing uses are looked through, for their mistakes.
        for (name, declaration) in names.commonTypes.sorted(by: { $0.key < $1.key }) {
            _ = commonType(name, WrittenName(name: name, range: declaration.type.range), depth: 0)
        }
        var entityTypes: [EntityType: EntityTypeSchema] = [:]
        var entityParents: [EntityType: [EntityType]] = [:]
        var actions: [EntityUID: (schema: ActionSchema, range: SourceRange)] = [:]
        var actionParents: [EntityUID: [EntityUID]] = [:]
        for namespace in namespaces {
            for declaration in namespace.entityTypes {
                guard let type = EntityType(namespace.complete(declaration.name.name)) else { continue }
                let (kind, memberOf) = entityKind(declaration, in: namespace.name)
                entityTypes[type] = EntityTypeSchema(kind, memberOf: memberOf, annotations: declaration.annotations)
                entityParents[type] = memberOf
            }
            for declaration in namespace.actions {
                guard let type = EntityType(namespace.complete("Action")) else { continue }
                let uid = EntityUID(type, declaration.id)
                let schema = action(declaration, in: namespace.name)
                actions[uid] = (schema, declaration.range)
                actionParents[uid] = schema.memberOf
            }
        }
        var steps = Limits.hierarchySteps
        let entityAncestors = entityParents.mapValues { ancestors($0, entityParents, &steps) }
        let actionAncestors = actionParents.mapValues { ancestors($0, actionParents, &steps) }
        if steps <= 0 {
            let range = SourceRange(0, 0)
            problem(range, "the hierarchy of the schema is too large to follow", "let fewer types and actions be in each other")
        }
        for (uid, ancestors) in actionAncestors.sorted(by: { $0.key < $1.key }) where ancestors.contains(uid) {
            guard let range = actions[uid]?.range else { continue }
            problem(range, "the action \(uid) is in itself", "take it out of the groups that it holds")
        }
        return Schema(
            entityTypes: entityTypes.reduce(into: [:]) { result, entry in
                result[entry.key] = entry.value.with(ancestors: entityAncestors[entry.key] ?? [])
            },
            actions: actions.reduce(into: [:]) { result, entry in
                result[entry.key] = entry.value.schema.with(ancestors: actionAncestors[entry.key] ?? [])
            })
    }

    private mutating func problem(_ range: SourceRange, _ message: String, _ hint: String) {
        guard problems.count < Limits.diagnostics else { return }
        problems.append(source.diagnostic(range, shortened(message), hint: shortened(hint)))
    }

    // MARK: Declarations

    private mutating func entityKind(
        _ declaration: EntityTypeDeclaration, in namespace: String
    ) -> (EntityTypeSchema.Kind, [EntityType]) {
        switch declaration.kind {
        case .enumerated(let ids): return (.enumerated(Set(ids).sorted()), [])
        case .standard(let memberOf, let shape, let tags):
            let record = record(shape, in: namespace, "the shape of an entity type")
            let tags = tags.map { resolved($0, in: namespace, depth: 0).type }
            return (.standard(record, tags: tags), declaredTypes(memberOf, in: namespace))
        }
    }

    private mutating func action(_ declaration: ActionDeclaration, in namespace: String) -> ActionSchema {
        var principals: [EntityType] = []
        var resources: [EntityType] = []
        var context = RecordType()
        if let appliesTo = declaration.appliesTo {
            principals = declaredTypes(appliesTo.principals, in: namespace)
            resources = declaredTypes(appliesTo.resources, in: namespace)
            context = record(appliesTo.context, in: namespace, "a context")
        }
        // With one of them empty there is no request for the action, as with both; the JSON form can say so, the other cannot.
        if principals.isEmpty || resources.isEmpty { (principals, resources, context) = ([], [], RecordType()) }
        return ActionSchema(
            principals: principals, resources: resources, context: context,
            memberOf: Set(declaration.memberOf.compactMap { actionGroup($0, in: namespace) }).sorted(),
            annotations: declaration.annotations)
    }

    private mutating func actionGroup(_ reference: ActionDeclaration.Reference, in namespace: String) -> EntityUID? {
        let written = reference.type?.name ?? "Action"
        for name in names.possible(written, in: namespace) {
            guard let type = EntityType(name) else { continue }
            let uid = EntityUID(type, reference.id)
            if names.actions.contains(uid) { return uid }
        }
        guard problems.count < Limits.diagnostics else { return nil }
        let near = nearest(reference.id.string, names.actions.map(\.id.string).sorted())
        problem(
            reference.range, "no action \(written)::\(quoted(reference.id)) is declared",
            near.map { "did you mean \(quoted(Text($0)))?" } ?? "declare it: action \(quoted(reference.id));")
        return nil
    }

    /// The types of names that must be declared entity types: each once, in order.
    private mutating func declaredTypes(_ written: [WrittenName], in namespace: String) -> [EntityType] {
        var types: Set<EntityType> = []
        for name in written {
            if let found = names.entityType(name.name, in: namespace), names.entityTypes.contains(found) {
                types.insert(found)
            } else {
                unknown(name, .entity)
            }
        }
        return types.sorted()
    }

    private mutating func unknown(_ name: WrittenName, _ kind: NameKind) {
        // Looking for a near name takes time, which a text full of mistakes must not be able to use up.
        guard problems.count < Limits.diagnostics else { return }
        let what =
            switch kind {
            case .entity: "entity type"
            case .common: "common type"
            case .commonOrEntity: "type"
            case .extension: "extension type"
            }
        problem(name.range, "no \(what) \(name.name) is declared", names.hint(for: name.name, kind))
    }

    private mutating func record(_ written: WrittenType, in namespace: String, _ what: String) -> RecordType {
        let type = resolved(written, in: namespace, depth: 0).type
        guard case .record(let record) = type else {
            problem(written.range, "\(what) is \(type.inWords)", "it must be a record: { … }")
            return RecordType()
        }
        return record
    }

    // MARK: Types

    /// A type with everything in place, and how large that made it.
    private struct ResolvedType {
        let type: CedarType
        var size = 1
        var depth = 1

        /// Stands for what could not be resolved; its problem is noted.
        static let unknown = ResolvedType(type: .record(RecordType()))
    }

    /// `depth` counts the calls that are open, through common types too.
    private mutating func resolved(_ written: WrittenType, in namespace: String, depth: Int) -> ResolvedType {
        guard depth < Limits.typeDepth + Limits.commonTypeChain else { return tooLarge(written) }
        let result: ResolvedType
        switch written.kind {
        case .given(let type): return ResolvedType(type: type)
        case .named(let name, let kind): return named(name, kind, in: namespace, depth: depth)
        case .set(let element):
            let element = resolved(element, in: namespace, depth: depth + 1)
            result = ResolvedType(type: .set(element.type), size: element.size + 1, depth: element.depth + 1)
        case .record(let written):
            var attributes: [Text: AttributeType] = [:]
            var size = 1
            var deepest = 0
            for attribute in written {
                let type = resolved(attribute.type, in: namespace, depth: depth + 1)
                size += type.size
                deepest = max(deepest, type.depth)
                let added = AttributeType(type.type, isRequired: attribute.isRequired)
                if attributes.updateValue(added, forKey: attribute.name) != nil {
                    problem(attribute.range, "the attribute \(attribute.name) stands twice", "keep one of the two")
                }
            }
            result = ResolvedType(type: .record(RecordType(attributes)), size: size, depth: deepest + 1)
        }
        guard result.size <= Limits.typeSize, result.depth <= Limits.typeDepth else {
            return tooLarge(written)
        }
        return result
    }

    private mutating func tooLarge(_ written: WrittenType) -> ResolvedType {
        problem(
            written.range,
            "the type has more than \(Limits.typeSize) places or \(Limits.typeDepth) levels once its common types are put in place",
            "make it smaller")
        return .unknown
    }

    private mutating func named(_ name: WrittenName, _ kind: NameKind, in namespace: String, depth: Int) -> ResolvedType {
        switch names.meaning(name.name, kind, in: namespace) {
        case .builtin(let type): return ResolvedType(type: type)
        case .entity(let type): return ResolvedType(type: .entity(type))
        case .common(let complete): return commonType(complete, name, depth: depth)
        case nil:
            unknown(name, kind)
            return .unknown
        }
    }

    private mutating func commonType(_ complete: String, _ user: WrittenName, depth: Int) -> ResolvedType {
        if let known = common[complete] { return known }
        guard let declaration = names.commonTypes[complete] else { return .unknown }
        guard open.insert(complete).inserted else {
            problem(user.range, "the common type \(complete) is made of itself", "refer to an entity instead")
            return .unknown
        }
        let type = resolved(declaration.type, in: declaration.namespace, depth: depth + 1)
        open.remove(complete)
        common[complete] = type
        return type
    }
}

/// All that can be reached from some parents, themselves included. Stops when the steps are used up.
private func ancestors<Member: Hashable>(
    _ parents: [Member], _ all: [Member: [Member]], _ steps: inout Int
) -> Set<Member> {
    var found = Set(parents)
    var open = parents
    while let next = open.popLast(), steps > 0 {
        for parent in all[next] ?? [] {
            steps -= 1
            if found.insert(parent).inserted { open.append(parent) }
        }
    }
    return found
}

extension EntityTypeSchema {
    fileprivate func with(ancestors: Set<EntityType>) -> EntityTypeSchema {
        EntityTypeSchema(kind, memberOf: memberOf, ancestors: ancestors, annotations: annotations)
    }
}

extension ActionSchema {
    fileprivate func with(ancestors: Set<EntityUID>) -> ActionSchema {
        ActionSchema(
            principals: principals, resources: resources, context: context, memberOf: memberOf, ancestors: ancestors,
            annotations: annotations)
    }
}
