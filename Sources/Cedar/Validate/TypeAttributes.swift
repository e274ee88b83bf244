/// The rules of attributes and of tags.
extension TypeChecker {
    /// The type of `value.name`.
    mutating func attribute(_ value: Expression, _ name: Text, _ known: Capabilities, _ range: SourceRange) -> CedarType? {
        guard let owner = check(value, known).type else { return nil }
        return attribute(of: owner, value, name, known, range)
    }

    private mutating func attribute(
        of owner: CedarType, _ value: Expression, _ name: Text, _ known: Capabilities, _ range: SourceRange
    ) -> CedarType? {
        guard let attributes = attributes(of: owner) else {
            error(range, "\(owner.inWords) has no attributes", hintForNoAttributes(owner))
            return nil
        }
        guard let attribute = attributes[name] else {
            let names = attributes.sorted.map(\.name.string)
            error(
                range, "\(shown(owner)) has no attribute \(quoted(name))",
                nearest(name.string, names).map { "did you mean \($0)?" }
                    ?? (names.isEmpty ? "it has no attributes at all" : "it has \(names.joined(separator: ", "))"))
            return nil
        }
        guard attribute.isRequired || known.contains(.attribute(value, name)) else {
            error(
                range, "the attribute \(quoted(name)) of \(shown(owner)) is optional, and may not be there",
                "ask first: … has \(Identifier.isIdentifier(name.string.utf8) ? name.string : quoted(name)) && …")
            return nil
        }
        return attribute.type
    }

    /// `value has a.b.c`: each name of the way is asked for, and read for the next.
    mutating func has(_ value: Expression, _ names: [Text], _ known: Capabilities, _ range: SourceRange) -> Checked {
        guard var owner = check(value, known).type else { return Checked() }
        var value = value
        var gained = Capabilities()
        var truth = CedarType.Truth.alwaysTrue
        for (index, name) in names.enumerated() {
            guard collector.spend() else { return Checked() }
            guard let attributes = attributes(of: owner) else {
                error(range, "\(owner.inWords) has no attributes", hintForNoAttributes(owner))
                return Checked()
            }
            guard let attribute = attributes[name] else {
                let near = nearest(name.string, attributes.sorted.map(\.name.string))
                noteFalse(
                    range, "\(shown(owner)) has no attribute \(quoted(name))" + (near.map { ", did you mean \($0)?" } ?? ""))
                return Checked(type: .certain(false))
            }
            let isCertain: Bool
            // An entity may be missing from the store, and then has nothing of what its type says.
            if case .record = owner, attribute.isRequired {
                isCertain = true
            } else {
                let capability = Capability.attribute(value, name)
                isCertain = known.contains(capability) || gained.contains(capability)
            }
            if !isCertain {
                truth = .unknown
                gained.insert(.attribute(value, name))
            }
            if index + 1 < names.count {
                owner = attribute.type
                value = Expression(.attribute(value, name), range: range)
                guard value.height <= Limits.expressionDepth else { return Checked() }
            }
        }
        return Checked(type: .boolean(truth), gained: gained)
    }

    /// The attributes that a value of a type may have; nil for a type whose values have none. Actions have none, but may be asked.
    private func attributes(of type: CedarType) -> RecordType? {
        switch type {
        case .record(let record): record
        case .entity(let type): schema.entityTypes[type]?.attributes ?? RecordType()
        default: nil
        }
    }

    private func shown(_ owner: CedarType) -> String {
        switch owner {
        case .entity(let type): type.name
        case .record(let record) where record == context: "the context"
        default: "the record \(owner)"
        }
    }

    private func hintForNoAttributes(_ type: CedarType) -> String {
        switch type {
        case .set: "for a set write contains"
        case .string: "for a string write like or =="
        default: "only entities and records have attributes"
        }
    }

    // MARK: Tags

    mutating func hasTag(_ entity: Expression, _ tag: Expression, _ known: Capabilities, _ range: SourceRange) -> Checked {
        let type = expectEntity(entity, known, "only entities have tags")
        let isString = expect(.string, tag, known)
        guard let type, isString else { return Checked() }
        guard schema.entityTypes[type]?.tags != nil else {
            noteFalse(range, "\(type) has no tags")
            return Checked(type: .certain(false))
        }
        let capability = Capability.tag(entity, tag)
        if known.contains(capability) { return Checked(type: .certain(true)) }
        return Checked(type: .anyBoolean, gained: [capability])
    }

    mutating func getTag(_ entity: Expression, _ tag: Expression, _ known: Capabilities, _ range: SourceRange) -> CedarType? {
        let type = expectEntity(entity, known, "only entities have tags")
        let isString = expect(.string, tag, known)
        guard let type, isString else { return nil }
        guard let tags = schema.entityTypes[type]?.tags else {
            error(range, "\(type) has no tags", "give the entity type tags in the schema, or read an attribute")
            return nil
        }
        guard known.contains(.tag(entity, tag)) else {
            error(range, "the tag may not be there", "ask first, with the same words: ….hasTag(…) && ….getTag(…)")
            return nil
        }
        return tags
    }
}
