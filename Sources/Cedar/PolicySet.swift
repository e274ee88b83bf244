/// Policies that are judged together, and templates that wait to be linked. Ids are distinct.
public struct PolicySet: Sendable {
    /// In the order of the text; policies linked later follow.
    public private(set) var policies: [Policy] = []
    public private(set) var templates: [Policy] = []
    private var ids: Set<Text> = []

    public init() {}

    /// How policies that are read from a text get their ids.
    public enum Naming: Sendable {
        /// `policy0`, `policy1`, … by their place in the text, whatever their annotations say.
        case position
        /// The value of `@id("…")`, or `policyN` by place for a policy without one.
        case annotation
    }

    /// Reads policies in Cedar's own syntax. Throws everything that is wrong, each with its place and a hint.
    public static func parse(_ source: Source, naming: Naming = .annotation) throws(Diagnostics) -> PolicySet {
        let parsed = try Parser.policies(source, naming: naming)
        var set = PolicySet()
        var problems: [Diagnostic] = []
        for policy in parsed where !set.add(policy) {
            problems.append(
                source.diagnostic(
                    policy.range, "the id \(quoted(policy.id)) is taken by an earlier policy",
                    hint: "give each policy an @id of its own"))
        }
        if let diagnostics = Diagnostics(problems) { throw diagnostics }
        return set
    }

    /// Adds a policy or a template; false when its id is taken, and nothing changes.
    public mutating func add(_ policy: Policy) -> Bool {
        guard ids.insert(policy.id).inserted else { return false }
        if policy.isTemplate { templates.append(policy) } else { policies.append(policy) }
        return true
    }

    /// Makes a policy of a template by filling exactly its slots, and adds it.
    public mutating func link(template: Text, as id: Text, _ values: [Slot: EntityUID]) throws(LinkError) {
        guard let source = templates.first(where: { $0.id == template }) else { throw .noSuchTemplate(template) }
        for slot in source.slots where values[slot] == nil { throw .slotWithoutValue(slot) }
        for slot in values.keys where !source.slots.contains(slot) { throw .valueWithoutSlot(slot) }
        let linked = Policy(
            id: id, effect: source.effect, annotations: source.annotations,
            principal: values[.principal].map(source.principal.filled) ?? source.principal, action: source.action,
            resource: values[.resource].map(source.resource.filled) ?? source.resource, conditions: source.conditions,
            template: template, range: source.range)
        guard add(linked) else { throw .idTaken(id) }
    }
}

/// Why a template could not be linked: the caller's mistake, and trying the same again changes nothing.
public enum LinkError: Error, Hashable, Sendable, CustomStringConvertible {
    case noSuchTemplate(Text)
    case slotWithoutValue(Slot)
    case valueWithoutSlot(Slot)
    case idTaken(Text)

    public var description: String {
        switch self {
        case .noSuchTemplate(let id): "there is no template \(quoted(id)); name a policy that has ?principal or ?resource"
        case .slotWithoutValue(let slot): "\(slot.rawValue) has no value; give an entity for each slot of the template"
        case .valueWithoutSlot(let slot): "the template has no \(slot.rawValue); give values only for its slots"
        case .idTaken(let id): "the id \(quoted(id)) is taken; choose another for the linked policy"
        }
    }
}
