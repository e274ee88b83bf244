/// Reads values from JSON. What JSON has no form for is written as an escape: `{"__entity": {"type": "User", "id": "alice"}}` and
/// `{"__extn": {"fn": "ip", "arg": "10.0.0.1"}}`; where a schema's type is known, its inside alone will do.
struct ValueReader {
    let source: Source

    func value(_ json: JSON, _ type: CedarType?) throws(Diagnostic) -> Value {
        if let escape = try escape(json) { return escape }
        switch (type, json.kind) {
        case (.entity, _): return .entity(try uid(json))
        case (.extension(let type), .string(let text)): return try construct(type.constructor, text, json)
        case (.extension, .object): return try call(json)
        case (_, .bool(let value)): return .bool(value)
        case (_, .integer(let value)): return .long(value)
        case (_, .string(let text)): return .string(text)
        case (_, .array(let elements)):
            var elementType: CedarType?
            if case .set(let known) = type { elementType = known }
            var values: [Value] = []
            values.reserveCapacity(elements.count)
            for element in elements { values.append(try value(element, elementType)) }
            return .set(ValueSet(values))
        case (_, .object):
            guard case .record(let known) = type else { return .record(try record(json, nil)) }
            return .record(try record(json, known))
        case (_, .null):
            throw failure(json, "null is no value", hint: "leave the attribute out, and ask for it with has")
        case (_, .number):
            throw failure(
                json, "a number is whole and from -9223372036854775808 to 9223372036854775807",
                hint: "for fractions write {\"__extn\": {\"fn\": \"decimal\", \"arg\": \"1.5\"}}")
        }
    }

    func record(_ json: JSON, _ type: RecordType?) throws(Diagnostic) -> Record {
        guard let members = json.members else { throw failure(json, "expected an object, found \(json.kindName)", hint: "") }
        var values: [(Text, Value)] = []
        values.reserveCapacity(members.count)
        for member in members { values.append((member.name, try value(member.value, type?[member.name]?.type))) }
        return Record(values)
    }

    /// A name of an entity, `{"type": …, "id": …}`, in an `__entity` or not.
    func uid(_ json: JSON) throws(Diagnostic) -> EntityUID {
        if let inner = json["__entity"] {
            try expectMembers(json, ["__entity"])
            return try uid(inner)
        }
        guard let type = json["type"]?.text, let id = json["id"]?.text else {
            throw failure(
                json, "an entity wants a type and an id, both strings", hint: "write {\"type\": \"User\", \"id\": \"alice\"}")
        }
        try expectMembers(json, ["type", "id"])
        guard let type = EntityType(type.string) else {
            throw failure(json, "\(quoted(type)) is no name of a type", hint: "names are identifiers joined by ::")
        }
        return EntityUID(type, id)
    }

    private func escape(_ json: JSON) throws(Diagnostic) -> Value? {
        guard let members = json.members else { return nil }
        if json["__entity"] != nil { return .entity(try uid(json)) }
        if let inner = json["__extn"] {
            try expectMembers(json, ["__extn"])
            return try call(inner)
        }
        if members.contains(where: { $0.name == "__expr" }) {
            throw failure(json, "__expr is no longer part of the format", hint: "write __entity or __extn")
        }
        return nil
    }

    /// `{"fn": "ip", "arg": "…"}`, and with `"args"` for the one method that writes values: a datetime's offset.
    private func call(_ json: JSON) throws(Diagnostic) -> Value {
        if json.members?.count == 1, let inner = json["__extn"] { return try call(inner) }
        guard let name = json["fn"]?.text, let function = ExtensionFunction(rawValue: name.string) else {
            throw failure(
                json, "an extension value wants fn, the name of its function",
                hint: "functions are ip, decimal, datetime and duration")
        }
        try expectMembers(json, ["fn", "arg", "args"])
        let arguments = json["args"]?.elements ?? json["arg"].map { [$0] } ?? []
        if function.isConstructor, arguments.count == 1, let text = arguments[0].text {
            return try construct(function, text, arguments[0])
        }
        if function == .offset, arguments.count == 2, case .datetime(let start) = try value(arguments[0], nil),
            case .duration(let span) = try value(arguments[1], nil), let moment = start.offset(by: span)
        {
            return .datetime(moment)
        }
        throw failure(json, "these are no arguments for \(name)", hint: "write {\"fn\": \"ip\", \"arg\": \"10.0.0.1\"}")
    }

    private func construct(_ function: ExtensionFunction, _ text: Text, _ json: JSON) throws(Diagnostic) -> Value {
        guard let value = Value(function, text) else {
            throw failure(json, "\(function.rawValue) cannot read \(source.quote(json.range))", hint: function.example)
        }
        return value
    }

    func expectMembers(_ json: JSON, _ known: [Text]) throws(Diagnostic) {
        for member in json.members ?? [] where !known.contains(member.name) {
            throw source.diagnostic(
                member.nameRange, "\(quoted(member.name)) is not known here",
                hint: nearest(member.name.string, known.map(\.string)).map { "did you mean \($0)?" }
                    ?? "known are " + known.map(\.string).joined(separator: ", "))
        }
    }

    func failure(_ json: JSON, _ message: String, hint: String) -> Diagnostic {
        source.diagnostic(json.range, message, hint: hint)
    }
}

extension ExtensionFunction {
    /// What its argument looks like, for hints.
    fileprivate var example: String {
        switch self {
        case .ip: "write 10.0.0.1, 10.0.0.0/8 or ::1"
        case .decimal: "write digits, a point and one to four digits: 1.5"
        case .datetime: "write 2024-10-15, 2024-10-15T11:38:02Z or 2024-10-15T11:38:02.101+0130"
        default: "write 1d2h3m4s5ms, or a part of it"
        }
    }
}
