import Core
public import Ledger

/// Persons whose data have left mainland China in a year, by tenant, for whoever has to file it. It supports a decision and is none.
public struct ExportReport: Sendable, Hashable, Codable {
    public struct Line: Sendable, Hashable, Codable {
        public var tenant: String
        public var persons: Int64
        public var sensitivePersons: Int64
        /// A count has reached the most that are told apart: there may be more.
        public var isAtLeast: Bool
        /// What the law asks at these counts: `exempt`, `contract` or `assessment`.
        public var path: String

        init(_ year: ExportYear) {
            tenant = year.tenant
            persons = year.count.persons
            sensitivePersons = year.count.sensitivePersons
            isAtLeast = max(persons, sensitivePersons) >= ExportCount.personsMax
            path = year.count.path.rawValue
        }
    }

    /// From 1 January to 31 December in China (UTC+8).
    public var year: Int
    public var rows: [Line]

    public init(year: Int, _ tenants: [ExportYear]) {
        self.year = year
        rows = tenants.map(Line.init)
    }
}
