/// Every name that a schema declares, complete, and what a written name stands for. A name without `::` is looked for in the
/// namespace where it stands and then outside of all namespaces; at each place a common type comes before an entity type.
struct SchemaNames {
    struct CommonType {
        let type: WrittenType
        /// Where the names in it are looked for first.
        let namespace: String
    }

    enum Meaning {
        case common(String)
        case entity(EntityType)
        case builtin(CedarType)
    }

    private(set) var commonTypes: [String: CommonType] = [:]
    private(set) var entityTypes: Set<EntityType> = []
    private(set) var actions: Set<EntityUID> = []
    private var actionTypes: Set<EntityType> = []

    /// Names that the JSON form gives a meaning of its own, so that no common type may have them.
    private static let reservedCommonTypes: Set<String> = [
        "Bool", "Boolean", "Entity", "Extension", "Long", "Record", "Set", "String",
    ]

    private static let builtin: [String: CedarType] = {
        var types: [String: CedarType] = ["Bool": .anyBoolean, "Long": .long, "String": .string]
        for type in ExtensionType.allCases { types[type.rawValue] = .extension(type) }
        return types
    }()

    init(_ namespaces: [NamespaceDeclaration], _ source: Source) throws(Diagnostics) {
        var problems: [Diagnostic] = []
        func problem(_ range: SourceRange, _ message: String, _ hint: String) {
            guard problems.count < Limits.diagnostics else { return }
            problems.append(source.diagnostic(range, shortened(message), hint: hint))
        }
        var count = 0
        var seen: Set<String> = []
        for namespace in namespaces {
            if !seen.insert(namespace.name).inserted {
                problem(namespace.range, "the namespace \(namespace.name) stands twice", "put its declarations together")
            }
            if !namespace.name.isEmpty, EntityType(namespace.name) == nil {
                problem(namespace.range, "\(namespace.name) cannot name a namespace", Self.nameHint)
            }
            count += namespace.commonTypes.count + namespace.entityTypes.count + namespace.actions.count
            for declaration in namespace.commonTypes {
                let name = declaration.name
                if EntityType(name.name) == nil || name.name.contains(":") || Self.reservedCommonTypes.contains(name.name) {
                    problem(name.range, "\(name.name) cannot name a common type", Self.nameHint)
                }
                let added = CommonType(type: declaration.type, namespace: namespace.name)
                if commonTypes.updateValue(added, forKey: namespace.complete(name.name)) != nil {
                    problem(name.range, "the common type \(name.name) is declared twice", "keep one of the two")
                }
            }
            for declaration in namespace.entityTypes {
                let name = declaration.name
                guard let type = EntityType(namespace.complete(name.name)), !name.name.contains(":"), !type.isAction else {
                    problem(
                        name.range, "\(name.name) cannot name an entity type",
                        name.name == "Action" ? "declare actions with action, not the type Action" : Self.nameHint)
                    continue
                }
                if !entityTypes.insert(type).inserted {
                    problem(name.range, "the entity type \(type) is declared twice", "keep one of the two")
                }
            }
            for declaration in namespace.actions {
                guard let type = EntityType(namespace.complete("Action")) else { continue }
                actionTypes.insert(type)
                if !actions.insert(EntityUID(type, declaration.id)).inserted {
                    problem(declaration.range, "the action \(quoted(declaration.id)) is declared twice", "keep one of the two")
                }
            }
        }
        if count > Limits.schemaDeclarations {
            problem(
                SourceRange(0, 0), "the schema declares \(count) things, and at most \(Limits.schemaDeclarations) are taken",
                "make it smaller")
        }
        for namespace in namespaces where !namespace.name.isEmpty {
            for name in namespace.commonTypes.map(\.name) + namespace.entityTypes.map(\.name) where isDeclaredOutside(name.name) {
                problem(
                    name.range, "\(namespace.complete(name.name)) hides the \(name.name) outside of any namespace",
                    "rename one of the two")
            }
            for action in namespace.actions
            where EntityType("Action").map({ actions.contains(EntityUID($0, action.id)) }) ?? false {
                problem(
                    action.range, "the action \(quoted(action.id)) hides the one outside of any namespace",
                    "rename one of the two")
            }
        }
        if let diagnostics = Diagnostics(problems) { throw diagnostics }
    }

    private static let nameHint =
        "names are of ASCII letters, digits and _, and words of the language, built-in types and __cedar are taken"

    private func isDeclaredOutside(_ name: String) -> Bool {
        commonTypes[name] != nil || EntityType(name).map(entityTypes.contains) ?? false
    }

    /// The complete names that a written one may stand for, the first that is declared being meant.
    func possible(_ name: String, in namespace: String) -> [String] {
        name.contains(":") || namespace.isEmpty ? [name] : [namespace + "::" + name, name]
    }

    /// The entity type that a name stands for; the types of actions are among them.
    func entityType(_ name: String, in namespace: String) -> EntityType? {
        for possible in possible(name, in: namespace) {
            if let type = EntityType(possible), entityTypes.contains(type) || actionTypes.contains(type) { return type }
        }
        return nil
    }

    func meaning(_ name: String, _ kind: NameKind, in namespace: String) -> Meaning? {
        switch kind {
        case .entity: return entityType(name, in: namespace).map(Meaning.entity)
        case .extension:
            let own = Identifier.internalNamespace + "::"
            let type = ExtensionType(rawValue: name.hasPrefix(own) ? String(name.dropFirst(own.count)) : name)
            return type.map { .builtin(.extension($0)) }
        case .common, .commonOrEntity:
            for possible in possible(name, in: namespace) {
                if commonTypes[possible] != nil { return .common(possible) }
                let own = Identifier.internalNamespace + "::"
                if possible.hasPrefix(own), let type = Self.builtin[String(possible.dropFirst(own.count))] {
                    return .builtin(type)
                }
                if kind == .commonOrEntity, let type = EntityType(possible),
                    entityTypes.contains(type) || actionTypes.contains(type)
                {
                    return .entity(type)
                }
                // The built-in types are common types outside of all namespaces, unless the schema declares the name there.
                if let type = Self.builtin[possible], !isDeclaredOutside(possible) { return .builtin(type) }
            }
            return nil
        }
    }

    /// What somebody who wrote an unknown name may have meant.
    func hint(for name: String, _ kind: NameKind) -> String {
        if name == "Boolean" || name == "boolean" || name == "bool" { return "did you mean Bool?" }
        if name == "Integer" || name == "Int" || name == "int" || name == "Number" { return "did you mean Long?" }
        if name == "Set" { return "a set has a type for its elements: Set<String>" }
        if name == "ip" { return "did you mean ipaddr?" }
        var candidates: [String] = []
        if kind == .entity || kind == .commonOrEntity { candidates += entityTypes.map(\.name) }
        if kind == .common || kind == .commonOrEntity { candidates += Array(commonTypes.keys) + Array(Self.builtin.keys) }
        if kind == .extension { candidates = ExtensionType.allCases.map(\.rawValue) }
        if let near = nearest(name, candidates.sorted()) { return "did you mean \(near)?" }
        let base = EntityType(name).map { String($0.baseName) }
        if let other = candidates.sorted().first(where: { EntityType($0).map { String($0.baseName) } == base }) {
            return "did you mean \(other)?"
        }
        return "declare it, or write its name with the namespace"
    }
}
