import Cedar

/// What an expression asks about: which of the request's parts it names.
struct Mentions: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    static let principal = Mentions(rawValue: 1)
    static let action = Mentions(rawValue: 2)
    static let resource = Mentions(rawValue: 4)
    static let context = Mentions(rawValue: 8)
    /// Everything that a call brings with it: all but the resource.
    static let call: Mentions = [.principal, .action, .context]
}

extension Expression {
    /// The variables in it, at any depth.
    var mentions: Mentions {
        if case .variable(let variable) = kind {
            return switch variable {
            case .principal: .principal
            case .action: .action
            case .resource: .resource
            case .context: .context
            }
        }
        return kind.children.reduce(into: []) { $0.formUnion($1.mentions) }
    }

    /// The largest parts of it that ask about the resource and about nothing that a call brings. Two resources for which these have the
    /// same values, or fail in the same way, cannot be told apart by the expression.
    var resourceParts: [Expression] {
        let mentions = mentions
        guard mentions.contains(.resource) else { return [] }
        if mentions.isDisjoint(with: .call) { return [self] }
        return kind.children.flatMap(\.resourceParts)
    }

    /// The fields of the context that it reads; `nil` when it takes the context as a whole.
    var contextFields: Set<Text>? {
        switch kind {
        case .variable(.context): return nil
        case .attribute(let owner, let name) where owner.kind == .variable(.context): return [name]
        case .has(let owner, let names) where owner.kind == .variable(.context): return names.first.map { [$0] } ?? []
        default: break
        }
        var fields: Set<Text> = []
        for child in kind.children {
            guard let more = child.contextFields else { return nil }
            fields.formUnion(more)
        }
        return fields
    }
}
