extension PolicySet {
    /// Reads policies in the language's JSON form: one policy, an array of them, or a set with `staticPolicies`, `templates` and
    /// `templateLinks`. Outside of a set they are named by place, as in a text.
    public static func parseJSON(_ source: Source, naming: Naming = .annotation) throws(Diagnostics) -> PolicySet {
        let json = try JSON.parse(source)
        do throws(Diagnostic) {
            return try PolicyJSONReader(source: source, naming: naming).set(json)
        } catch {
            throw Diagnostics(error)
        }
    }
}

/// Policies from their JSON form, around the expressions that `ExpressionJSONReader` reads.
private struct PolicyJSONReader {
    let source: Source
    let naming: PolicySet.Naming
    let values: ValueReader
    let expressions: ExpressionJSONReader

    init(source: Source, naming: PolicySet.Naming) {
        self.source = source
        self.naming = naming
        values = ValueReader(source: source)
        expressions = ExpressionJSONReader(values: values)
    }

    func set(_ json: JSON) throws(Diagnostic) -> PolicySet {
        var set = PolicySet()
        if let elements = json.elements {
            for (position, element) in elements.enumerated() {
                try add(try policy(element, position: position), element, to: &set)
            }
            return set
        }
        guard json["staticPolicies"] != nil || json["templates"] != nil || json["templateLinks"] != nil else {
            try add(try policy(json, position: 0), json, to: &set)
            return set
        }
        try values.expectMembers(json, ["staticPolicies", "templates", "templateLinks"])
        for name in ["staticPolicies", "templates"] as [Text] {
            for member in json[name]?.members ?? [] {
                let policy = try policy(member.value, id: member.name)
                guard policy.isTemplate == (name == "templates") else {
                    throw values.failure(
                        member.value, policy.isTemplate ? "a policy with a slot is a template" : "a template has a slot",
                        hint: "move it to \(policy.isTemplate ? "templates" : "staticPolicies")")
                }
                try add(policy, member.value, to: &set)
            }
        }
        for link in json["templateLinks"]?.elements ?? [] { try self.link(link, in: &set) }
        return set
    }

    private func add(_ policy: Policy, _ json: JSON, to set: inout PolicySet) throws(Diagnostic) {
        guard set.add(policy) else {
            throw values.failure(
                json, "the id \(quoted(policy.id)) is taken by an earlier policy", hint: "give each an id of its own")
        }
    }

    private func link(_ json: JSON, in set: inout PolicySet) throws(Diagnostic) {
        try values.expectMembers(json, ["templateId", "newId", "values"])
        guard let template = json["templateId"]?.text, let id = json["newId"]?.text else {
            throw values.failure(json, "a link wants templateId and newId, both strings", hint: "and values, by slot")
        }
        var filling: [Slot: EntityUID] = [:]
        for member in json["values"]?.members ?? [] {
            guard let slot = Slot(rawValue: member.name.string) else {
                throw source.diagnostic(member.nameRange, "\(member.name) is no slot", hint: "slots are ?principal and ?resource")
            }
            filling[slot] = try values.uid(member.value)
        }
        do throws(LinkError) {
            try set.link(template: template, as: id, filling)
        } catch {
            throw values.failure(json, error.description, hint: "see the template \(quoted(template))")
        }
    }

    private func policy(_ json: JSON, position: Int) throws(Diagnostic) -> Policy {
        let own = naming == .annotation ? json["annotations"]?["id"]?.text : nil
        return try policy(json, id: own ?? Text("policy\(position)"))
    }

    private func policy(_ json: JSON, id: Text) throws(Diagnostic) -> Policy {
        try values.expectMembers(json, ["effect", "principal", "action", "resource", "conditions", "annotations"])
        guard let effect = json["effect"]?.text.flatMap({ Effect(rawValue: $0.string) }) else {
            throw values.failure(json, "a policy has the effect permit or forbid", hint: "write \"effect\": \"permit\"")
        }
        var conditions: [Condition] = []
        for condition in json["conditions"]?.elements ?? [] {
            guard let kind = condition["kind"]?.text.flatMap({ Condition.Kind(rawValue: $0.string) }),
                let body = condition["body"]
            else {
                throw values.failure(
                    condition, "a condition has a kind, when or unless, and a body",
                    hint: "write {\"kind\": \"when\", \"body\": …}")
            }
            conditions.append(Condition(kind, try expressions.expression(body)))
        }
        return Policy(
            id: id, effect: effect, annotations: try annotations(json["annotations"]),
            principal: try scope(json["principal"], .principal, in: json), action: try action(json["action"], in: json),
            resource: try scope(json["resource"], .resource, in: json), conditions: conditions, range: json.range)
    }

    private func annotations(_ json: JSON?) throws(Diagnostic) -> [Annotation] {
        var annotations: [Annotation] = []
        for member in json?.members ?? [] {
            guard Identifier.isIdentifier(member.name.string.utf8) else {
                throw source.diagnostic(member.nameRange, "an annotation's name is an identifier", hint: "leave out the @")
            }
            switch member.value.kind {
            case .string(let text): annotations.append(Annotation(name: member.name.string, value: text))
            case .null: annotations.append(Annotation(name: member.name.string, value: nil))
            default: throw values.failure(member.value, "an annotation's value is a string", hint: "or null for none")
            }
        }
        return annotations
    }

    private func scope(_ json: JSON?, _ slot: Slot, in policy: JSON) throws(Diagnostic) -> ScopeConstraint {
        guard let json else { throw missing(slot.rawValue, policy) }
        switch json["op"]?.text {
        case "All": return .any
        case "==": return .equal(try reference(json, slot))
        case "in": return .within(try reference(json, slot))
        case "is":
            let type = try expressions.entityType(json["entity_type"], in: json)
            guard let group = json["in"] else { return .isType(type) }
            return .isTypeWithin(type, try reference(group, slot))
        default: throw values.failure(json, "a scope's op is All, ==, in or is", hint: "write {\"op\": \"All\"}")
        }
    }

    private func reference(_ json: JSON, _ slot: Slot) throws(Diagnostic) -> EntityReference {
        if let entity = json["entity"] { return .entity(try values.uid(entity)) }
        guard json["slot"]?.text?.string == slot.rawValue else {
            throw values.failure(json, "a comparison wants an entity or the slot \(slot.rawValue)", hint: "write \"entity\": {…}")
        }
        return .slot(slot)
    }

    private func action(_ json: JSON?, in policy: JSON) throws(Diagnostic) -> ActionConstraint {
        guard let json else { throw missing("action", policy) }
        switch json["op"]?.text {
        case "All": return .any
        case "==":
            guard let entity = json["entity"] else {
                throw values.failure(json, "== wants an entity", hint: "write \"entity\": {…}")
            }
            return .equal(try actionEntity(entity))
        case "in":
            var groups: [EntityUID] = []
            for element in json["entities"]?.elements ?? json["entity"].map({ [$0] }) ?? [] {
                groups.append(try actionEntity(element))
            }
            return .within(groups)
        default: throw values.failure(json, "an action's op is All, == or in", hint: "write {\"op\": \"All\"}")
        }
    }

    private func actionEntity(_ json: JSON) throws(Diagnostic) -> EntityUID {
        let uid = try values.uid(json)
        guard uid.type.isAction else {
            throw values.failure(
                json, "\(uid.type) is no type of actions", hint: "an action's type is Action, with its namespace before")
        }
        return uid
    }

    private func missing(_ name: String, _ json: JSON) -> Diagnostic {
        let plain = name.drop { $0 == "?" }
        return values.failure(json, "a policy has no \(plain)", hint: "write \"\(plain)\": {\"op\": \"All\"}")
    }
}
