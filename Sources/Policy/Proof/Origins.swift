import Cedar

/// Where the value of an expression comes from. A proof goes through callers, operations, models and endpoints one by one; a call's
/// labels it has to group.
struct Origins: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    static let principal = Origins(rawValue: 1)
    static let action = Origins(rawValue: 2)
    static let resource = Origins(rawValue: 4)
    /// `context.model`
    static let model = Origins(rawValue: 8)
    /// Everything else in the context.
    static let labels = Origins(rawValue: 16)

    /// The one field of the context that is known before any label.
    static let modelField: Text = "model"
}

extension Expression {
    var origins: Origins {
        if case .variable(let variable) = kind {
            return switch variable {
            case .principal: .principal
            case .action: .action
            case .resource: .resource
            case .context: .labels
            }
        }
        if let field = contextField { return field == Origins.modelField ? .model : .labels }
        return kind.children.reduce(into: []) { $0.formUnion($1.origins) }
    }

    /// The field of the context that this reads, or asks the presence of, directly.
    private var contextField: Text? {
        switch kind {
        case .attribute(let owner, let name) where owner.kind == .variable(.context): name
        case .has(let owner, let names) where owner.kind == .variable(.context): names.first
        default: nil
        }
    }

    /// The largest parts of it that come from one origin alone. Two callers (operations, models, endpoints) for which these have the same
    /// values cannot be told apart by the expression.
    func parts(from origin: Origins) -> [Expression] {
        let origins = origins
        guard origins.contains(origin) else { return [] }
        return origins == origin ? [self] : kind.children.flatMap { $0.parts(from: origin) }
    }
}
