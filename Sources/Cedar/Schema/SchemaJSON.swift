/// Reads the JSON form of a schema into declarations. Members that the form does not know are mistakes.
struct SchemaJSONReader {
    private let source: Source

    static func declarations(_ source: Source) throws(Diagnostics) -> [NamespaceDeclaration] {
        let json = try JSON.parse(source)
        let reader = SchemaJSONReader(source: source)
        var problems: [Diagnostic] = []
        var namespaces: [NamespaceDeclaration] = []
        do throws(Diagnostic) {
            for member in try reader.object(json, "a schema") {
                do throws(Diagnostic) {
                    namespaces.append(try reader.namespace(member))
                } catch {
                    problems.append(error)
                }
            }
        } catch {
            problems.append(error)
        }
        if let diagnostics = Diagnostics(problems) { throw diagnostics }
        return namespaces
    }

    // MARK: Declarations

    private func namespace(_ member: JSON.Member) throws(Diagnostic) -> NamespaceDeclaration {
        var namespace = NamespaceDeclaration(name: member.name.string, range: member.nameRange)
        let fields = try fields(
            member.value, "a namespace", ["commonTypes", "entityTypes", "actions", "annotations"],
            required: ["entityTypes", "actions"])
        _ = try annotations(fields["annotations"])
        for member in try members(fields["commonTypes"], "commonTypes") {
            let type = try type(member.value, also: ["annotations"])
            namespace.commonTypes.append(CommonTypeDeclaration(name: written(member), type: type))
        }
        for member in try members(fields["entityTypes"], "entityTypes") { namespace.entityTypes.append(try entityType(member)) }
        for member in try members(fields["actions"], "actions") { namespace.actions.append(try action(member)) }
        return namespace
    }

    private func entityType(_ member: JSON.Member) throws(Diagnostic) -> EntityTypeDeclaration {
        let isEnumerated = member.value["enum"] != nil
        let known = isEnumerated ? ["enum", "annotations"] : ["memberOfTypes", "shape", "tags", "annotations"]
        let fields = try fields(member.value, "an entity type", known)
        let kind: EntityTypeDeclaration.Kind
        if let choices = fields["enum"] {
            var ids: [Text] = []
            for element in try array(choices, "enum") { ids.append(try text(element, "an id of an enum")) }
            guard !ids.isEmpty else { throw wrong(choices.range, "an enum has no ids", "name at least one") }
            kind = .enumerated(ids)
        } else {
            kind = .standard(
                memberOf: try names(fields["memberOfTypes"], "memberOfTypes"),
                shape: try fields["shape"].map { json throws(Diagnostic) in try type(json) } ?? .emptyRecord(member.nameRange),
                tags: try fields["tags"].map { json throws(Diagnostic) in try type(json) })
        }
        return EntityTypeDeclaration(name: written(member), kind: kind, annotations: try annotations(fields["annotations"]))
    }

    private func action(_ member: JSON.Member) throws(Diagnostic) -> ActionDeclaration {
        let fields = try fields(member.value, "an action", ["attributes", "appliesTo", "memberOf", "annotations"])
        if let attributes = fields["attributes"], !isNull(attributes), try !object(attributes, "attributes").isEmpty {
            throw wrong(attributes.range, "actions have no attributes", "leave them out")
        }
        var groups: [ActionDeclaration.Reference] = []
        if let memberOf = fields["memberOf"], !isNull(memberOf) {
            for element in try array(memberOf, "memberOf") { groups.append(try actionReference(element)) }
        }
        var appliesTo: ActionDeclaration.AppliesTo?
        if let applies = fields["appliesTo"], !isNull(applies) { appliesTo = try self.appliesTo(applies) }
        return ActionDeclaration(
            id: member.name, range: member.nameRange, memberOf: groups, appliesTo: appliesTo,
            annotations: try annotations(fields["annotations"]))
    }

    private func actionReference(_ json: JSON) throws(Diagnostic) -> ActionDeclaration.Reference {
        let fields = try fields(json, "a member of memberOf", ["id", "type"], required: ["id"])
        var type: WrittenName?
        if let json = fields["type"], !isNull(json) { type = try name(json, "the type of an action") }
        let id = try fields["id"].map { json throws(Diagnostic) in try text(json, "the id of an action") } ?? ""
        return .init(type: type, id: id, range: json.range)
    }

    private func appliesTo(_ json: JSON) throws(Diagnostic) -> ActionDeclaration.AppliesTo {
        let fields = try fields(
            json, "appliesTo", ["principalTypes", "resourceTypes", "context"], required: ["principalTypes", "resourceTypes"])
        return .init(
            principals: try names(fields["principalTypes"], "principalTypes"),
            resources: try names(fields["resourceTypes"], "resourceTypes"),
            context: try fields["context"].map { json throws(Diagnostic) in try type(json) } ?? .emptyRecord(json.range))
    }

    private func annotations(_ json: JSON?) throws(Diagnostic) -> [Annotation] {
        var annotations: [Annotation] = []
        for member in try members(json, "annotations") {
            guard Identifier.isIdentifier(member.name.string.utf8) else {
                throw wrong(
                    member.nameRange, "\(member.name) cannot name an annotation", "names are of ASCII letters, digits and _")
            }
            let value = isNull(member.value) ? nil : try text(member.value, "the value of an annotation")
            annotations.append(Annotation(name: member.name.string, value: value))
        }
        return annotations
    }

    // MARK: Types

    /// A type: an object whose `type` names what it is. `also` are members that are no part of the type.
    private func type(_ json: JSON, also: [String] = []) throws(Diagnostic) -> WrittenType {
        guard let kind = json["type"] else {
            _ = try object(json, "a type")
            throw wrong(json.range, "a type lacks its type", "write {\"type\": \"String\"} or the like")
        }
        let word = try text(kind, "the type of a type").string
        func part(_ name: String, _ more: String...) throws(Diagnostic) -> JSON? {
            let required = name.isEmpty ? [] : [name]
            return try fields(json, "the type \(word)", ["type"] + required + more + also, required: required)[name]
        }
        switch word {
        case "String", "Long", "Boolean":
            _ = try part("")
            return WrittenType(.given(word == "String" ? .string : word == "Long" ? .long : .anyBoolean), json.range)
        case "Set":
            guard let element = try part("element") else { break }
            return WrittenType(.set(try type(element)), json.range)
        case "Record":
            guard let attributes = try part("attributes", "additionalAttributes") else { break }
            if let open = json["additionalAttributes"], open.bool != false {
                throw wrong(
                    open.range, "records with other attributes than the declared are not known", "write false, or leave it out")
            }
            return WrittenType(.record(try self.attributes(attributes)), json.range)
        case "Entity", "EntityOrCommon", "Extension":
            guard let reference = try part("name") else { break }
            let kind: NameKind = word == "Entity" ? .entity : word == "Extension" ? .extension : .commonOrEntity
            return WrittenType(.named(try name(reference, "the name of a type"), kind), json.range)
        default:
            _ = try part("")
            return WrittenType(.named(try name(kind, "the name of a type"), .common), json.range)
        }
        throw wrong(json.range, "the type \(word) is not complete", "see the JSON form of schemas")
    }

    private func attributes(_ json: JSON) throws(Diagnostic) -> [WrittenAttribute] {
        var attributes: [WrittenAttribute] = []
        for member in try object(json, "attributes") {
            let type = try type(member.value, also: ["required", "annotations"])
            _ = try annotations(member.value["annotations"])
            var isRequired = true
            if let required = member.value["required"] {
                guard let bool = required.bool else {
                    throw wrong(required.range, "required is \(required.kindName)", "write true or false")
                }
                isRequired = bool
            }
            attributes.append(
                WrittenAttribute(name: member.name, isRequired: isRequired, type: type, range: member.nameRange))
        }
        return attributes
    }

    // MARK: Pieces

    private func wrong(_ range: SourceRange, _ message: String, _ hint: String) -> Diagnostic {
        source.diagnostic(range, shortened(message), hint: hint)
    }

    private func isNull(_ json: JSON) -> Bool {
        if case .null = json.kind { true } else { false }
    }

    private func object(_ json: JSON, _ what: String) throws(Diagnostic) -> [JSON.Member] {
        guard let members = json.members else {
            throw wrong(json.range, "\(what) is \(json.kindName)", "it must be an object: {…}")
        }
        return members
    }

    private func members(_ json: JSON?, _ what: String) throws(Diagnostic) -> [JSON.Member] {
        guard let json else { return [] }
        return try object(json, what)
    }

    private func array(_ json: JSON, _ what: String) throws(Diagnostic) -> [JSON] {
        guard let elements = json.elements else {
            throw wrong(json.range, "\(what) is \(json.kindName)", "it must be an array: […]")
        }
        return elements
    }

    private func text(_ json: JSON, _ what: String) throws(Diagnostic) -> Text {
        guard let text = json.text else {
            throw wrong(json.range, "\(what) is \(json.kindName)", "it must be a string")
        }
        return text
    }

    private func name(_ json: JSON, _ what: String) throws(Diagnostic) -> WrittenName {
        WrittenName(name: try text(json, what).string, range: json.range)
    }

    private func names(_ json: JSON?, _ what: String) throws(Diagnostic) -> [WrittenName] {
        guard let json else { return [] }
        var names: [WrittenName] = []
        for element in try array(json, what) { names.append(try name(element, "an entity type")) }
        return names
    }

    private func written(_ member: JSON.Member) -> WrittenName {
        WrittenName(name: member.name.string, range: member.nameRange)
    }

    /// The members of an object by name, if all are known and the required are there.
    private func fields(
        _ json: JSON, _ what: String, _ known: [String], required: [String] = []
    ) throws(Diagnostic) -> [String: JSON] {
        var fields: [String: JSON] = [:]
        for member in try object(json, what) {
            guard known.contains(member.name.string) else {
                let near = nearest(member.name.string, known)
                throw wrong(
                    member.nameRange, "\(what) knows no \(member.name)",
                    near.map { "did you mean \($0)?" } ?? "it knows \(known.joined(separator: ", "))")
            }
            fields[member.name.string] = member.value
        }
        for name in required where fields[name] == nil {
            throw wrong(json.range, "\(what) lacks \(name)", "add it; it may be empty")
        }
        return fields
    }
}
