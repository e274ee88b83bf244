/// Distinct persons of one tenant whose data have left mainland China since 1 January, as far as Weir has seen.
public struct ExportCount: Sendable, Hashable {
    /// Persons of one tenant and year that are told apart, in each of the two counts; from there on a count means "at least". It is
    /// the highest threshold of the law, so that nothing beyond it is decided by a count.
    public static let personsMax: Int64 = 1_000_000

    /// All of them.
    public var persons: Int64
    /// Those with sensitive data among them.
    public var sensitivePersons: Int64

    public init(persons: Int64, sensitivePersons: Int64) {
        self.persons = persons
        self.sensitivePersons = sensitivePersons
    }

    public static let zero = ExportCount(persons: 0, sensitivePersons: 0)

    /// Whether either count is greater than the other's.
    public func exceeds(_ other: ExportCount) -> Bool {
        persons > other.persons || sensitivePersons > other.sensitivePersons
    }
}

/// What Chinese law asks of an exporter at a year's count, where no other exemption applies and it runs no critical infrastructure:
/// provisions on promoting and regulating cross-border data flows (CAC order 16, in force since 2024-03-22).
public enum ExportPath: String, Sendable, CaseIterable {
    /// Fewer persons than any threshold, and none with sensitive data.
    case exempt
    /// A standard contract on file, or a certificate.
    case contract
    /// A security assessment by the CAC.
    case assessment
}

extension ExportPath {
    public static let contractPersons: Int64 = 100_000
    public static let contractSensitivePersons: Int64 = 1
    public static let assessmentPersons: Int64 = 1_000_000
    public static let assessmentSensitivePersons: Int64 = 10_000
}

extension ExportCount {
    /// The law counts persons without sensitive data by themselves; all persons are at least as many, so this never says too little.
    public var path: ExportPath {
        if persons >= ExportPath.assessmentPersons { return .assessment }
        if sensitivePersons >= ExportPath.assessmentSensitivePersons { return .assessment }
        if persons >= ExportPath.contractPersons { return .contract }
        return sensitivePersons >= ExportPath.contractSensitivePersons ? .contract : .exempt
    }
}
