/// Distinct persons of one tenant whose data have left mainland China since 1 January, as far as Weir has seen.
public struct ExportCount: Sendable, Hashable {
    /// All of them.
    public var persons: Int64
    /// Those with sensitive data among them.
    public var sensitivePersons: Int64

    public init(persons: Int64, sensitivePersons: Int64) {
        self.persons = persons
        self.sensitivePersons = sensitivePersons
    }

    public static let zero = ExportCount(persons: 0, sensitivePersons: 0)
}
