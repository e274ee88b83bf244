/// Whether entities and requests are what a schema says. Each check gives the first thing that is wrong, or nothing.
extension Schema {
    /// What is wrong with an entity: its type, its id, attributes, tags or parents.
    public func problem(with entity: Entity) -> ConformanceError? {
        let uid = entity.uid
        if uid.type.isAction {
            guard let action = actions[uid] else {
                return ConformanceError("there is no action \(uid)", "see the actions of the schema")
            }
            let isDeclared =
                entity.attributes == .empty && entity.tags == .empty && entity.parents.allSatisfy(action.ancestors.contains)
                && action.memberOf.allSatisfy(entity.parents.contains)
            return isDeclared
                ? nil : ConformanceError("the action \(uid) is not what the schema says", "leave actions to the schema")
        }
        if let problem = problem(with: uid) { return problem }
        guard let type = entityTypes[uid.type] else { return nil }
        if let problem = problem(with: entity.attributes, type.attributes, "\(uid)") { return problem }
        for field in entity.tags.fields {
            guard let tags = type.tags else {
                return ConformanceError("\(uid) has tags", "entities of type \(uid.type) have none, by the schema")
            }
            if let mismatch = mismatch(field.value, tags) {
                let place = "the tag \(quoted(field.name)) of \(uid)" + mismatch.path.reversed().joined()
                return ConformanceError(place + " " + mismatch.message, mismatch.hint)
            }
        }
        for parent in entity.parents {
            if let problem = problem(with: parent) { return problem }
            guard type.ancestors.contains(parent.type) else {
                return ConformanceError(
                    "\(uid) is in \(parent)", "by the schema, entities of type \(uid.type) are in none of type \(parent.type)")
            }
        }
        return nil
    }

    /// What is wrong with a request: its types for its action, the ids of enumerated types, or its context.
    public func problem(with request: Request) -> ConformanceError? {
        guard let action = actions[request.action] else {
            let near = nearest(request.action.id.string, actions.keys.map(\.id.string).sorted())
            return ConformanceError(
                "there is no action \(request.action)",
                near.map { "did you mean \(quoted(Text($0)))?" } ?? "see the actions of the schema")
        }
        for (name, uid, types) in [
            ("principal", request.principal, action.principals), ("resource", request.resource, action.resources),
        ] {
            if let problem = problem(with: uid) { return problem }
            guard types.contains(uid.type) else {
                let allowed = types.map(\.name).joined(separator: ", ")
                return ConformanceError(
                    "the \(name) \(uid) is of type \(uid.type)",
                    types.isEmpty ? "\(request.action) applies to nothing" : "\(request.action) applies to \(allowed)")
            }
        }
        return problem(with: request.context, action.context, "the context")
    }

    /// What is wrong with a name: an unknown type, or an id that its enumerated type does not have.
    private func problem(with uid: EntityUID) -> ConformanceError? {
        if uid.type.isAction {
            return actions[uid] == nil ? ConformanceError("there is no action \(uid)", "see the actions of the schema") : nil
        }
        guard let type = entityTypes[uid.type] else {
            let near = nearest(uid.type.name, entityTypes.keys.map(\.name).sorted())
            return ConformanceError(
                "there is no entity type \(uid.type)", near.map { "did you mean \($0)?" } ?? "see the entity types of the schema")
        }
        guard let ids = type.ids, !ids.contains(uid.id) else { return nil }
        return ConformanceError("there is no \(uid)", "it has " + ids.prefix(10).map(quoted).joined(separator: ", "))
    }

    private func problem(with record: Record, _ type: RecordType, _ owner: String) -> ConformanceError? {
        guard let mismatch = mismatch(record, type) else { return nil }
        return ConformanceError(owner + mismatch.path.reversed().joined() + " " + mismatch.message, mismatch.hint)
    }

    /// What is wrong inside of a value, and the way to it, from the inside out.
    private struct Mismatch {
        var path: [String] = []
        let message: String
        let hint: String
    }

    private func mismatch(_ record: Record, _ type: RecordType) -> Mismatch? {
        for (name, attribute) in type.attributes where attribute.isRequired && record[name] == nil {
            return Mismatch(message: "lacks \(quoted(name))", hint: "it is \(attribute.type.inWords), and required")
        }
        for field in record.fields {
            guard let attribute = type[field.name] else {
                let near = nearest(field.name.string, type.sorted.map(\.name.string))
                return Mismatch(
                    message: "has \(quoted(field.name)), which the schema does not know",
                    hint: near.map { "did you mean \($0)?" } ?? "leave it out, or declare it")
            }
            guard var mismatch = mismatch(field.value, attribute.type) else { continue }
            mismatch.path.append("[\(quoted(field.name))]")
            return mismatch
        }
        return nil
    }

    private func mismatch(_ value: Value, _ type: CedarType) -> Mismatch? {
        switch (value, type) {
        case (.bool, .boolean), (.long, .long), (.string, .string): return nil
        case (.address, .extension(.address)), (.decimal, .extension(.decimal)): return nil
        case (.datetime, .extension(.datetime)), (.duration, .extension(.duration)): return nil
        case (.entity(let uid), .entity(let type)) where uid.type == type:
            return problem(with: uid).map { Mismatch(message: "is \(uid), and " + $0.message, hint: $0.hint) }
        case (.set(let set), .set(let type)):
            for element in set.elements {
                guard var mismatch = mismatch(element, type) else { continue }
                mismatch.path.append("[…]")
                return mismatch
            }
            return nil
        case (.record(let record), .record(let type)): return mismatch(record, type)
        default: return Mismatch(message: "is \(value.kindName)", hint: "by the schema it is \(type.inWords)")
        }
    }
}

/// In what an entity or a request is not as a schema says: a mistake of who wrote it, and trying the same again changes nothing.
public struct ConformanceError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    public let hint: String

    init(_ message: String, _ hint: String) {
        self.message = shortened(message)
        self.hint = shortened(hint)
    }

    public var description: String { "\(message); \(hint)" }
}
