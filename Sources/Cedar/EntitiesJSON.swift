extension Entities {
    /// Reads entities from their JSON form, an array of `{"uid", "attrs", "parents", "tags"}`. With a schema, values are read as
    /// the types that it gives them, so escapes may be left out, and the schema's actions are entities of the store. Whether
    /// the entities are what the schema says is not checked here.
    public static func parseJSON(_ source: Source, schema: Schema? = nil) throws(Diagnostics) -> Entities {
        let json = try JSON.parse(source)
        let reader = EntityReader(values: ValueReader(source: source), schema: schema)
        do throws(Diagnostic) {
            return try reader.entities(json)
        } catch {
            throw Diagnostics(error)
        }
    }
}

extension Record {
    /// Reads a request's context from JSON that stands in a source. With a type, escapes may be left out.
    public static func parseJSON(_ json: JSON, in source: Source, type: RecordType? = nil) throws(Diagnostics) -> Record {
        do throws(Diagnostic) {
            let reader = ValueReader(source: source)
            guard case .record(let record) = try reader.value(json, type.map(CedarType.record)) else {
                throw reader.failure(json, "expected a record", hint: "a context is an object of names and values")
            }
            return record
        } catch {
            throw Diagnostics(error)
        }
    }
}

extension EntityUID {
    /// Reads `{"type": "User", "id": "alice"}`, in an `__entity` or not.
    public static func parseJSON(_ json: JSON, in source: Source) throws(Diagnostics) -> EntityUID {
        do throws(Diagnostic) {
            return try ValueReader(source: source).uid(json)
        } catch {
            throw Diagnostics(error)
        }
    }
}

private struct EntityReader {
    let values: ValueReader
    let schema: Schema?

    func entities(_ json: JSON) throws(Diagnostic) -> Entities {
        guard let elements = json.elements else {
            throw values.failure(json, "expected an array of entities, found \(json.kindName)", hint: "write [{\"uid\": …}, …]")
        }
        var all: [Entity] = []
        all.reserveCapacity(elements.count)
        for element in elements {
            let entity = try entity(element)
            // The schema's actions come below, from the schema.
            if let declared = schema?.actions[entity.uid] {
                guard entity.parents.allSatisfy(declared.ancestors.contains), entity.attributes == .empty else {
                    throw values.failure(
                        element, "the action \(entity.uid) is not what the schema says", hint: "leave actions to the schema")
                }
            } else {
                all.append(entity)
            }
        }
        for (uid, action) in schema?.actions ?? [:] { all.append(Entity(uid, parents: action.memberOf)) }
        do throws(EntitiesError) {
            return try Entities(all)
        } catch {
            throw values.failure(json, error.description, hint: "every entity stands once, and no entity is in itself")
        }
    }

    private func entity(_ json: JSON) throws(Diagnostic) -> Entity {
        guard let name = json["uid"] else {
            throw values.failure(
                json, "an entity has no uid",
                hint: "write {\"uid\": {\"type\": \"User\", \"id\": \"alice\"}, \"attrs\": {}, \"parents\": []}")
        }
        try values.expectMembers(json, ["uid", "attrs", "parents", "tags"])
        let uid = try values.uid(name)
        let type = schema?.entityTypes[uid.type]
        let attributes = try json["attrs"].map { (json) throws(Diagnostic) in try values.record(json, type?.attributes) }
        var tags: [(Text, Value)] = []
        if let json = json["tags"] {
            guard let members = json.members else {
                throw values.failure(json, "expected an object of tags, found \(json.kindName)", hint: "write {\"name\": value}")
            }
            for member in members { tags.append((member.name, try values.value(member.value, type?.tags))) }
        }
        var parents: [EntityUID] = []
        if let json = json["parents"] {
            guard let elements = json.elements else {
                throw values.failure(
                    json, "expected an array of parents, found \(json.kindName)", hint: "write [{\"type\": …, \"id\": …}]")
            }
            for element in elements { parents.append(try values.uid(element)) }
        }
        return Entity(uid, attributes: attributes ?? .empty, tags: Record(tags), parents: parents)
    }
}
