import Core
import Settings

/// What an administrator asks of a key that could never do what it seems to say.
extension Node {
    func problem(with key: KeyRecord, in tenant: TenantPolicy) -> String? {
        problem(with: key.labels, of: key, in: tenant) ?? problem(withFallbacksOf: key)
    }

    /// What makes labels useless on a key: words that the configuration does not have, or bounds that its team's and tenant's leave no
    /// room for. They could never widen anything, so this is for clarity alone.
    private func problem(with labels: CallLabels, of key: KeyRecord, in tenant: TenantPolicy) -> String? {
        let classes = configuration.classes
        if let name = labels.dataClass, classes.rank(of: name) == nil {
            return "There is no data class `\(name)`; there are \(classes.names.joined(separator: ", "))."
        }
        let above = CallLabels.together([tenant.labels, tenant.teamLabels[key.team] ?? .unknown], in: classes)
        if let name = labels.dataClass, let least = above.dataClass, classes.stricter(name, least) != name {
            return "The class of the key's team is `\(least)`; a key can only raise it."
        }
        if !labels.subjects.isEmpty, !above.subjects.isEmpty, !labels.subjects.lies(within: above.subjects) {
            return "The subjects of the key's team do not hold all of these; a key can only narrow them."
        }
        if !labels.purposes.isEmpty, !above.purposes.isEmpty, !labels.purposes.isSubset(of: above.purposes) {
            return "The purposes of the key's team do not hold all of these; a key can only narrow them."
        }
        if labels.clientNarrows == true, above.clientNarrows == false {
            return "The key's team fixes the labels of its clients' calls; a key cannot allow more."
        }
        return nil
    }

    /// A model that stands in for another is judged like any, so this too is for clarity alone.
    private func problem(withFallbacksOf key: KeyRecord) -> String? {
        for model in key.fallbacks.flatMap({ [$0.key] + $0.value }).sorted() {
            if !configuration.endpoints.contains(where: { $0.models[model] != nil }) {
                return "No endpoint serves the model `\(model)`."
            }
            if let models = key.models, !models.contains(model) { return "The key is not for the model `\(model)`." }
        }
        return nil
    }
}
