/// The data classes of a configuration, least first: how much harm content could do in the wrong place.
///
/// Rules ask for two of them by name, so every list holds `personal` and, at or above it, `sensitive`: what is at or above
/// `personal` counts as personal data, what is at or above `sensitive` as its sensitive kinds.
public struct DataClasses: Sendable, Hashable {
    public static let personal = "personal"
    public static let sensitive = "sensitive"
    public static let countMax = 32

    public let names: [String]
    private let ranks: [String: Int]

    /// nil when a name is there twice or empty, `personal` or `sensitive` is missing or they stand in the wrong order, or there are
    /// more than `countMax`.
    public init?(_ names: [String]) {
        var ranks: [String: Int] = [:]
        for (rank, name) in names.enumerated() where !name.isEmpty { ranks[name] = rank }
        guard ranks.count == names.count, names.count <= Self.countMax, let personal = ranks[Self.personal],
            let sensitive = ranks[Self.sensitive], personal < sensitive
        else { return nil }
        self.names = names
        self.ranks = ranks
    }

    private init(standard names: [String]) {
        self.names = names
        ranks = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    }

    public static let standard = DataClasses(standard: ["public", "internal", personal, sensitive])

    /// Position in the order, from 0; nil: the configuration has no such class.
    public func rank(of name: String) -> Int? { ranks[name] }

    /// The stricter of two classes. One that the configuration does not know is unknown; unknown leaves the other.
    public func stricter(_ a: String?, _ b: String?) -> String? {
        guard let a, let first = ranks[a] else { return b.flatMap { ranks[$0] == nil ? nil : $0 } }
        guard let b, let second = ranks[b] else { return a }
        return first >= second ? a : b
    }

    public func isPersonal(_ name: String) -> Bool { isAtLeast(name, Self.personal) }
    public func isSensitive(_ name: String) -> Bool { isAtLeast(name, Self.sensitive) }

    private func isAtLeast(_ name: String, _ other: String) -> Bool {
        guard let rank = ranks[name], let least = ranks[other] else { return false }
        return rank >= least
    }
}

/// A kind of data that a law names on its own, beside the order of classes.
public enum DataCategory: String, Sendable, CaseIterable {
    /// Important data under Chinese law: no export without an assessment (CAC order 16, 2024-03-22).
    case important
    /// Special categories of GDPR article 9, where none of those below fits.
    case special
    // 28 CFR 202.206 and 202.205: each has its own bulk threshold.
    case genomic
    case omic
    case biometric
    case geolocation
    case health
    case financial
    case identifiers
    /// Government-related data of 28 CFR 202.222: no threshold.
    case government
}
