import Core

/// Models that have others to answer in their place, of one key, and such others of one model.
private let fallbackModelsMax = 64
private let fallbackChoicesMax = 8
private let fallbackBytesMax = 1_024

extension Members {
    /// `fallbacks` of a key: a list of `MODEL=OTHER,OTHER`, the other that is tried first in front.
    mutating func fallbacks() throws(AdminError) -> [String: [String]] {
        let form = "a list of `MODEL=OTHER,OTHER`, each model once, with 1 to \(fallbackChoicesMax) others"
        var result: [String: [String]] = [:]
        for text in try texts("fallbacks", least: 0, count: fallbackModelsMax, bytes: fallbackBytesMax) ?? [] {
            let sides = text.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2, !sides[0].isEmpty else { throw .value("fallbacks", form) }
            let model = String(sides[0])
            let others = sides[1].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            guard (1...fallbackChoicesMax).contains(others.count), !others.contains(""), !others.contains(model),
                Set(others).count == others.count, result.updateValue(others, forKey: model) == nil
            else { throw .value("fallbacks", form) }
        }
        return result
    }
}

extension KeyRecord {
    /// As `Members.fallbacks` reads them.
    var fallbackTexts: [String] {
        fallbacks.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.joined(separator: ","))" }
    }
}
