/// Reads the schema syntax for people into declarations: recursive descent over the same tokens as policies. After a mistake it
/// goes on behind the next semicolon, so that one reading names the mistakes of several declarations.
enum SchemaParser {
    static func declarations(_ source: Source) throws(Diagnostics) -> [NamespaceDeclaration] {
        var parser = try Parser(source)
        var schema = SchemaText()
        while parser.token.kind != .end, schema.problems.count < Limits.diagnostics {
            parser.schemaItem(into: &schema)
        }
        if let diagnostics = Diagnostics(schema.problems) { throw diagnostics }
        return [schema.outside] + schema.namespaces
    }
}

/// What was read so far.
private struct SchemaText {
    /// What stands outside of any namespace.
    var outside = NamespaceDeclaration(name: "", range: SourceRange(0, 0))
    var namespaces: [NamespaceDeclaration] = []
    var problems: [Diagnostic] = []
}

extension Parser {
    /// A namespace, or one declaration outside of any. Mistakes are noted.
    fileprivate mutating func schemaItem(into schema: inout SchemaText) {
        do throws(Diagnostic) {
            let annotations = try annotations()
            guard isWord("namespace") else {
                return try declaration(annotations, into: &schema.outside)
            }
            let start = token.range
            advance()
            var namespace = NamespaceDeclaration(name: try writtenName("after namespace").name, range: start)
            try expect(.leftBrace, "after the name of a namespace")
            declarations(into: &namespace, problems: &schema.problems)
            schema.namespaces.append(namespace)
            try expect(.rightBrace, "at the end of a namespace")
        } catch {
            schema.problems.append(error)
            skipDeclaration()
        }
    }

    /// The declarations of a namespace, up to its closing brace.
    private mutating func declarations(into namespace: inout NamespaceDeclaration, problems: inout [Diagnostic]) {
        while token.kind != .rightBrace, token.kind != .end, problems.count < Limits.diagnostics {
            do throws(Diagnostic) {
                let annotations = try annotations()
                if isWord("namespace") {
                    throw unexpected("a namespace cannot stand inside of another", hint: "write namespace Outer::Inner { … }")
                }
                try declaration(annotations, into: &namespace)
            } catch {
                problems.append(error)
                skipDeclaration()
            }
        }
    }

    private mutating func skipDeclaration() {
        depth = 0
        while token.kind != .end, token.kind != .semicolon { advance() }
        _ = accept(.semicolon)
    }

    private mutating func declaration(
        _ annotations: [Annotation], into namespace: inout NamespaceDeclaration
    ) throws(Diagnostic) {
        if acceptWord("entity") {
            namespace.entityTypes += try entityTypes(annotations)
        } else if acceptWord("action") {
            namespace.actions += try actions(annotations)
        } else if acceptWord("type") {
            namespace.commonTypes.append(try commonType())
        } else {
            let looksLikeJSON = token.kind == .leftBrace && index == 0
            throw unexpected(
                "a declaration begins with entity, action, type or namespace",
                hint: looksLikeJSON ? "this looks like the JSON form of a schema" : "every declaration ends with a semicolon")
        }
        guard accept(.semicolon) else {
            throw unexpected("expected a semicolon", hint: "every declaration ends with a semicolon")
        }
    }

    // MARK: Declarations

    private mutating func commonType() throws(Diagnostic) -> CommonTypeDeclaration {
        let name = try declaredName("after type")
        try expect(.equal, "after the name of a type")
        return CommonTypeDeclaration(name: name, type: try writtenType())
    }

    private mutating func entityTypes(_ annotations: [Annotation]) throws(Diagnostic) -> [EntityTypeDeclaration] {
        var names = [try declaredName("after entity")]
        while accept(.comma) { names.append(try declaredName("after a comma")) }
        let kind = try acceptWord("enum") ? EntityTypeDeclaration.Kind.enumerated(entityIDs()) : standardKind()
        return names.map { EntityTypeDeclaration(name: $0, kind: kind, annotations: annotations) }
    }

    private mutating func standardKind() throws(Diagnostic) -> EntityTypeDeclaration.Kind {
        let memberOf = try acceptWord("in") ? entityTypeNames() : []
        var shape = WrittenType.emptyRecord(token.range)
        if accept(.equal) || token.kind == .leftBrace {
            guard token.kind == .leftBrace else {
                throw unexpected(
                    "expected { and the attributes", hint: "the attributes of an entity type stand in braces, not under a name")
            }
            shape = try writtenType()
        }
        let tags = try acceptWord("tags") ? writtenType() : nil
        return .standard(memberOf: memberOf, shape: shape, tags: tags)
    }

    /// The ids of an enumerated type: at least one.
    private mutating func entityIDs() throws(Diagnostic) -> [Text] {
        try expect(.leftBracket, "after enum")
        var ids = [try stringLiteral()]
        while accept(.comma) { ids.append(try stringLiteral()) }
        try expect(.rightBracket, "after the ids of an enum")
        return ids
    }

    private mutating func actions(_ annotations: [Annotation]) throws(Diagnostic) -> [ActionDeclaration] {
        var names: [(id: Text, range: SourceRange)] = []
        repeat {
            let range = token.range
            names.append((try identifierOrString("as the name of an action"), range))
        } while accept(.comma)
        let memberOf = try acceptWord("in") ? actionReferences() : []
        let appliesTo = try acceptWord("appliesTo") ? appliesTo() : nil
        if acceptWord("attributes") {
            try expect(.leftBrace, "after attributes")
            guard accept(.rightBrace) else {
                throw unexpected(
                    "actions have no attributes", hint: "leave them out, and put facts of a request into its context")
            }
        }
        return names.map {
            ActionDeclaration(id: $0.id, range: $0.range, memberOf: memberOf, appliesTo: appliesTo, annotations: annotations)
        }
    }

    private mutating func actionReferences() throws(Diagnostic) -> [ActionDeclaration.Reference] {
        guard accept(.leftBracket) else { return [try actionReference()] }
        var references = [try actionReference()]
        while accept(.comma) { references.append(try actionReference()) }
        try expect(.rightBracket, "after actions")
        return references
    }

    /// `name`, `"name"` or `Namespace::Action::"name"`.
    private mutating func actionReference() throws(Diagnostic) -> ActionDeclaration.Reference {
        let start = token.range
        guard token.kind == .identifier, kind(ahead: 1) == .doubleColon else {
            return .init(type: nil, id: try identifierOrString("as the name of an action"), range: start)
        }
        let type = try writtenName("as the type of an action")
        try expect(.doubleColon, "before the name of an action in quotes")
        return .init(type: type, id: try stringLiteral(), range: start)
    }

    private mutating func appliesTo() throws(Diagnostic) -> ActionDeclaration.AppliesTo {
        let start = try expect(.leftBrace, "after appliesTo").range
        var principals: [WrittenName]?
        var resources: [WrittenName]?
        var context: WrittenType?
        while token.kind != .rightBrace {
            let key = try expect(.identifier, "in appliesTo")
            try expect(.colon, "after \(word(key))")
            switch word(key) {
            case "principal" where principals == nil: principals = try applicableTypes()
            case "resource" where resources == nil: resources = try applicableTypes()
            case "context" where context == nil: context = try writtenType()
            case let name:
                let isTwice = ["principal", "resource", "context"].contains(name)
                throw failure(
                    key.range, isTwice ? "\(name) stands twice in appliesTo" : "appliesTo knows no \(name)",
                    hint: "appliesTo holds principal, resource and, if wanted, context, each once")
            }
            guard token.kind == .rightBrace || accept(.comma) else {
                throw unexpected("expected a comma or } in appliesTo")
            }
        }
        advance()
        guard let principals, let resources else {
            throw failure(
                start, "appliesTo lacks \(principals == nil ? "principal" : "resource")",
                hint: "name both, or leave out appliesTo for an action that is only a group")
        }
        return .init(principals: principals, resources: resources, context: context ?? .emptyRecord(start))
    }

    private mutating func applicableTypes() throws(Diagnostic) -> [WrittenName] {
        let start = token.range
        let types = try entityTypeNames()
        guard !types.isEmpty else {
            throw failure(
                start, "the list of types is empty", hint: "leave out appliesTo for an action that is only a group")
        }
        return types
    }

    /// `T` or `[T, U]`.
    private mutating func entityTypeNames() throws(Diagnostic) -> [WrittenName] {
        guard accept(.leftBracket) else { return [try writtenName("as an entity type")] }
        var names: [WrittenName] = []
        if accept(.rightBracket) { return names }
        repeat { names.append(try writtenName("as an entity type")) } while accept(.comma)
        try expect(.rightBracket, "after entity types")
        return names
    }

    // MARK: Types

    private mutating func writtenType() throws(Diagnostic) -> WrittenType {
        try nested { parser throws(Diagnostic) in
            let start = parser.token.range
            if parser.token.kind == .leftBrace { return WrittenType(.record(try parser.attributes()), start) }
            if parser.isWord("Set"), parser.kind(ahead: 1) == .less {
                parser.advance()
                parser.advance()
                let element = try parser.writtenType()
                try parser.expect(.greater, "after the type of a set's elements")
                return WrittenType(.set(element), start)
            }
            return WrittenType(.named(try parser.writtenName("as a type"), .commonOrEntity), start)
        }
    }

    private mutating func attributes() throws(Diagnostic) -> [WrittenAttribute] {
        try expect(.leftBrace, "before attributes")
        var attributes: [WrittenAttribute] = []
        while token.kind != .rightBrace {
            _ = try annotations()
            let range = token.range
            let name = try identifierOrString("as the name of an attribute")
            let isOptional = accept(.question)
            try expect(.colon, "after the name of an attribute")
            attributes.append(
                WrittenAttribute(name: name, isRequired: !isOptional, type: try writtenType(), range: range))
            guard token.kind == .rightBrace || accept(.comma) else {
                throw unexpected("expected a comma or } after an attribute", hint: "attributes are divided by commas")
            }
        }
        advance()
        return attributes
    }

    // MARK: Names

    private mutating func identifierOrString(_ place: String) throws(Diagnostic) -> Text {
        if token.kind == .string { return try stringLiteral() }
        return Text(try plainWord(place))
    }

    private mutating func declaredName(_ place: String) throws(Diagnostic) -> WrittenName {
        let range = token.range
        return WrittenName(name: try plainWord(place), range: range)
    }

    /// Identifiers joined by `::`, up to the last one that is followed by no other.
    private mutating func writtenName(_ place: String) throws(Diagnostic) -> WrittenName {
        let start = token.range
        var end = start
        var name = try plainWord(place)
        while token.kind == .doubleColon, kind(ahead: 1) == .identifier {
            advance()
            end = token.range
            name += "::" + (try plainWord(place))
        }
        return WrittenName(name: name, range: start.through(end))
    }

    private mutating func plainWord(_ place: String) throws(Diagnostic) -> String {
        let found = try expect(.identifier, place)
        let name = word(found)
        guard !Identifier.reserved.contains(name) else {
            throw failure(
                found.range, "\(name) is a word of the language",
                hint: "choose another name; attributes and actions may be quoted")
        }
        return name
    }
}
