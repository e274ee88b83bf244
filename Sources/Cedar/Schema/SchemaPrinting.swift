/// A schema as text that reads back as the same schema. Common types are gone: each type stands where it is used.
extension Schema: CustomStringConvertible {
    /// In the syntax for people.
    public var description: String {
        var text = ""
        for namespace in namespaces {
            let indent = namespace.isEmpty ? "" : "    "
            if !namespace.isEmpty { text += "namespace \(namespace) {\n" }
            for (type, entity) in sortedEntityTypes(namespace) { text += entity.text(type.baseName, indent) }
            for (uid, action) in sortedActions(namespace) { text += action.text(uid.id, indent) }
            if !namespace.isEmpty { text += "}\n" }
        }
        return text
    }

    /// In the JSON form, without spaces.
    public var json: String {
        object(
            namespaces.map { namespace in
                let types = sortedEntityTypes(namespace).map { (Text(String($0.0.baseName)), $0.1.json) }
                let actions = sortedActions(namespace).map { ($0.0.id, $0.1.json) }
                return (Text(namespace), object([("entityTypes", object(types)), ("actions", object(actions))]))
            })
    }

    private var namespaces: [String] {
        Set(entityTypes.keys.map { String($0.namespace) } + actions.keys.map { String($0.type.namespace) }).sorted()
    }

    private func sortedEntityTypes(_ namespace: String) -> [(EntityType, EntityTypeSchema)] {
        entityTypes.filter { $0.key.namespace == namespace }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private func sortedActions(_ namespace: String) -> [(EntityUID, ActionSchema)] {
        actions.filter { $0.key.type.namespace == namespace }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

// MARK: Text

private func list(_ types: [EntityType]) -> String { "[" + types.map(\.name).joined(separator: ", ") + "]" }

private func text(_ annotations: [Annotation], _ indent: String) -> String {
    annotations.map { annotation in
        indent + "@" + annotation.name + (annotation.value.map { "(\(quoted($0)))" } ?? "") + "\n"
    }.joined()
}

extension CedarType {
    /// With the built-in types under their own names, which no schema can take away.
    fileprivate var text: String {
        let own = Identifier.internalNamespace + "::"
        switch self {
        case .boolean: return own + "Bool"
        case .long: return own + "Long"
        case .string: return own + "String"
        case .extension(let type): return own + type.rawValue
        case .entity(let type): return type.name
        case .set(let element): return "Set<\(element.text)>"
        case .record(let record):
            let attributes = record.sorted.map { "\(quoted($0.name))\($0.type.isRequired ? "" : "?"): \($0.type.type.text)" }
            return "{" + attributes.joined(separator: ", ") + "}"
        }
    }
}

extension EntityTypeSchema {
    fileprivate func text(_ name: Substring, _ indent: String) -> String {
        var line = Cedar.text(annotations, indent) + indent + "entity \(name)"
        switch kind {
        case .enumerated(let ids): line += " enum [" + ids.map(quoted).joined(separator: ", ") + "]"
        case .standard(let attributes, let tags):
            if !memberOf.isEmpty { line += " in " + list(memberOf) }
            line += " = " + CedarType.record(attributes).text
            if let tags { line += " tags " + tags.text }
        }
        return line + ";\n"
    }
}

extension ActionSchema {
    fileprivate func text(_ id: Text, _ indent: String) -> String {
        var line = Cedar.text(annotations, indent) + indent + "action " + quoted(id)
        if !memberOf.isEmpty { line += " in [" + memberOf.map(\.description).joined(separator: ", ") + "]" }
        if !principals.isEmpty {
            line += " appliesTo { principal: \(list(principals)), resource: \(list(resources))"
            line += ", context: \(CedarType.record(context).text) }"
        }
        return line + ";\n"
    }
}

// MARK: JSON

private func object(_ members: [(Text, String)]) -> String {
    "{" + members.map { "\(literal($0)):\($1)" }.joined(separator: ",") + "}"
}

private func array(_ elements: [String]) -> String { "[" + elements.joined(separator: ",") + "]" }

/// A string of JSON.
private func literal(_ text: Text) -> String {
    var result = "\""
    for scalar in text.string.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\u{0}"..<" ":
            let digits = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}

private func json(_ annotations: [Annotation]) -> [(Text, String)] {
    if annotations.isEmpty { return [] }
    return [("annotations", object(annotations.map { (Text($0.name), $0.value.map(literal) ?? "null") }))]
}

extension CedarType {
    fileprivate func json(_ more: [(Text, String)] = []) -> String {
        func type(_ name: Text, _ parts: [(Text, String)] = []) -> String {
            let first: [(Text, String)] = [("type", literal(name))]
            return object(first + parts + more)
        }
        switch self {
        case .boolean: return type("Boolean")
        case .long: return type("Long")
        case .string: return type("String")
        case .extension(let kind): return type("Extension", [("name", literal(Text(kind.rawValue)))])
        case .entity(let kind): return type("Entity", [("name", literal(Text(kind.name)))])
        case .set(let element): return type("Set", [("element", element.json())])
        case .record(let record):
            let attributes = record.sorted.map { name, attribute in
                (name, attribute.type.json(attribute.isRequired ? [] : [("required", "false")]))
            }
            return type("Record", [("attributes", object(attributes))])
        }
    }
}

extension EntityTypeSchema {
    fileprivate var json: String {
        switch kind {
        case .enumerated(let ids):
            let members: [(Text, String)] = [("enum", array(ids.map(literal)))]
            return object(members + Cedar.json(annotations))
        case .standard(let attributes, let tags):
            var members: [(Text, String)] = [
                ("memberOfTypes", array(memberOf.map { literal(Text($0.name)) })),
                ("shape", CedarType.record(attributes).json()),
            ]
            if let tags { members.append(("tags", tags.json())) }
            return object(members + Cedar.json(annotations))
        }
    }
}

extension ActionSchema {
    fileprivate var json: String {
        let groups = memberOf.map { object([("type", literal(Text($0.type.name))), ("id", literal($0.id))]) }
        func names(_ types: [EntityType]) -> String { array(types.map { literal(Text($0.name)) }) }
        let applies = object([
            ("principalTypes", names(principals)), ("resourceTypes", names(resources)),
            ("context", CedarType.record(context).json()),
        ])
        let members: [(Text, String)] = [("memberOf", array(groups)), ("appliesTo", applies)]
        return object(members + Cedar.json(annotations))
    }
}
