extension PolicySet {
    /// The set in the language's JSON form, `{"staticPolicies", "templates", "templateLinks"}`. A chain of more than some hundred
    /// `&&` or `||` nests deeper there than `parseJSON` reads: keep such policies as text.
    public var json: JSON {
        func byName(_ policies: [Policy]) -> JSON {
            JSON(.object(policies.map { JSON.Member(name: $0.id, value: $0.json) }))
        }
        return .object(
            ("staticPolicies", byName(policies.filter { $0.template == nil })), ("templates", byName(templates)),
            ("templateLinks", JSON(.array(policies.compactMap { link($0) }))))
    }

    private func link(_ policy: Policy) -> JSON? {
        guard let id = policy.template, let template = templates.first(where: { $0.id == id }) else { return nil }
        var values: [JSON.Member] = []
        for (slot, filled) in [(template.principal.slot, policy.principal), (template.resource.slot, policy.resource)] {
            guard let slot, case .entity(let uid) = filled.reference else { continue }
            values.append(JSON.Member(name: Text(slot.rawValue), value: uid.json))
        }
        return .object(("templateId", JSON(.string(id))), ("newId", JSON(.string(policy.id))), ("values", JSON(.object(values))))
    }
}

extension Policy {
    /// The policy in the language's JSON form. Its id is not part of it.
    public var json: JSON {
        var members: [(Text, JSON)] = [
            ("effect", .string(effect.rawValue)), ("principal", principal.json), ("action", action.json),
            ("resource", resource.json),
            ("conditions", JSON(.array(conditions.map { .object(("kind", .string($0.kind.rawValue)), ("body", $0.body.json)) }))),
        ]
        if !annotations.isEmpty {
            let all = annotations.map { JSON.Member(name: Text($0.name), value: JSON($0.value.map { .string($0) } ?? .null)) }
            members.append(("annotations", JSON(.object(all))))
        }
        return JSON(.object(members.map { JSON.Member(name: $0.0, value: $0.1) }))
    }
}

extension EntityReference {
    fileprivate var member: (Text, JSON) {
        switch self {
        case .entity(let uid): ("entity", uid.json)
        case .slot(let slot): ("slot", .string(slot.rawValue))
        }
    }
}

extension ScopeConstraint {
    fileprivate var json: JSON {
        switch self {
        case .any: .object(("op", .string("All")))
        case .equal(let reference): .object(("op", .string("==")), reference.member)
        case .within(let reference): .object(("op", .string("in")), reference.member)
        case .isType(let type): .object(("op", .string("is")), ("entity_type", .string(type.name)))
        case .isTypeWithin(let type, let reference):
            .object(("op", .string("is")), ("entity_type", .string(type.name)), ("in", .object(reference.member)))
        }
    }
}

extension ActionConstraint {
    fileprivate var json: JSON {
        switch self {
        case .any: .object(("op", .string("All")))
        case .equal(let action): .object(("op", .string("==")), ("entity", action.json))
        case .within(let groups): .object(("op", .string("in")), ("entities", JSON(.array(groups.map(\.json)))))
        }
    }
}

extension Expression {
    /// The expression in the language's JSON form: an object with one member, whose name says which form it is.
    public var json: JSON {
        switch kind {
        case .bool(let value): .object(("Value", JSON(.bool(value))))
        case .long(let value): .object(("Value", JSON(.integer(value))))
        case .string(let text): .object(("Value", JSON(.string(text))))
        case .entity(let uid): .object(("Value", .object(("__entity", uid.json))))
        case .variable(let variable): .object(("Var", .string(variable.rawValue)))
        case .conditional(let condition, let then, let otherwise):
            .object(("if-then-else", .object(("if", condition.json), ("then", then.json), ("else", otherwise.json))))
        case .and(let all): Self.chain("&&", all.map(\.json))
        case .or(let all): Self.chain("||", all.map(\.json))
        case .not(let operand): .object(("!", .object(("arg", operand.json))))
        case .negate(let operand): .object(("neg", .object(("arg", operand.json))))
        case .isEmpty(let operand): .object(("isEmpty", .object(("arg", operand.json))))
        case .binary(let operation, let left, let right):
            .object((Text(operation.rawValue), .object(("left", left.json), ("right", right.json))))
        case .attribute(let owner, let name): .object((".", .object(("left", owner.json), ("attr", JSON(.string(name))))))
        case .has(let owner, let names): Self.path(owner.json, names)
        case .like(let operand, let pattern): .object(("like", .object(("left", operand.json), ("pattern", pattern.json))))
        case .isType(let operand, let type, let group):
            if let group {
                .object(("is", .object(("left", operand.json), ("entity_type", .string(type.name)), ("in", group.json))))
            } else {
                .object(("is", .object(("left", operand.json), ("entity_type", .string(type.name)))))
            }
        case .set(let elements): .object(("Set", JSON(.array(elements.map(\.json)))))
        case .record(let fields):
            .object(("Record", JSON(.object(fields.map { JSON.Member(name: $0.name, value: $0.value.json) }))))
        case .call(let function, let arguments): .object((Text(function.rawValue), JSON(.array(arguments.map(\.json)))))
        }
    }

    /// A chain as pairs, the first two innermost. The JSON form has no longer ones.
    private static func chain(_ name: Text, _ all: [JSON]) -> JSON {
        guard var result = all.first else { return .object(("Value", JSON(.bool(name == "&&")))) }
        for next in all.dropFirst() { result = .object((name, .object(("left", result), ("right", next)))) }
        return result
    }

    /// `a has b.c` as `a has b && a.b has c`. The JSON form has no paths.
    private static func path(_ owner: JSON, _ names: [Text]) -> JSON {
        var owner = owner
        var steps: [JSON] = []
        for name in names {
            let inside = JSON.object(("left", owner), ("attr", JSON(.string(name))))
            steps.append(.object(("has", inside)))
            owner = .object((".", inside))
        }
        return chain("&&", steps)
    }
}

extension Pattern {
    /// Runs of characters between wildcards.
    fileprivate var json: JSON {
        var parts: [JSON] = []
        var literal = String.UnicodeScalarView()
        func flush() {
            if !literal.isEmpty { parts.append(.object(("Literal", .string(String(literal))))) }
            literal = String.UnicodeScalarView()
        }
        for element in elements {
            switch element {
            case .wildcard:
                flush()
                parts.append(.string("Wildcard"))
            case .scalar(let scalar): literal.append(scalar)
            }
        }
        flush()
        return JSON(.array(parts))
    }
}
