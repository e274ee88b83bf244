public import Core

/// How many persons' data a tenant has taken out of mainland China in a year.
public struct ExportYear: Sendable, Hashable {
    public var tenant: String
    /// By China's calendar.
    public var year: Int
    public var count: ExportCount

    public init(tenant: String, year: Int, count: ExportCount) {
        self.tenant = tenant
        self.year = year
        self.count = count
    }
}

/// Persons whose data have left mainland China, by tenant and year: of the current year each of them, of years before their number.
///
/// The year is that of the last export, and never goes back: entries carry ledger time, which does not either.
struct ExportBook: Sendable, Equatable {
    struct Persons: Sendable, Equatable {
        var all = PersonSet()
        var sensitive = PersonSet()

        var count: ExportCount { ExportCount(persons: all.count, sensitivePersons: sensitive.count) }
    }

    struct Past: Sendable, Hashable {
        var tenant: String
        var year: Int
    }

    /// What one export would add to a tenant's counts.
    struct Addition: Sendable, Hashable {
        var person = false
        var sensitivePerson = false

        var isNone: Bool { !person && !sensitivePerson }
    }

    /// 0 before the first export.
    private(set) var year = 0
    private(set) var current: [String: Persons] = [:]
    private(set) var past: [Past: ExportCount] = [:]
    private let most: Int64

    /// - Parameter most: another limit than the real one, for tests.
    init(most: Int64 = ExportCount.personsMax) { self.most = most }

    func addition(_ exported: ExportedPerson, of tenant: String, in year: Int) -> Addition {
        guard year <= self.year, let persons = current[tenant] else {
            return Addition(person: most > 0, sensitivePerson: exported.isSensitive && most > 0)
        }
        return Addition(
            person: persons.all.count < most && !persons.all.contains(exported.person),
            sensitivePerson: exported.isSensitive && persons.sensitive.count < most
                && !persons.sensitive.contains(exported.person))
    }

    /// A tenant's counts with a person among them.
    func count(_ tenant: String, with exported: ExportedPerson, in year: Int) -> ExportCount {
        var count = year <= self.year ? current[tenant]?.count ?? .zero : .zero
        let addition = addition(exported, of: tenant, in: year)
        if addition.person { count.persons += 1 }
        if addition.sensitivePerson { count.sensitivePersons += 1 }
        return count
    }

    /// A later year begins with nobody.
    mutating func add(_ exported: ExportedPerson, of tenant: String, in year: Int) -> Addition {
        turn(to: year)
        var addition = Addition()
        addition.person = current[tenant, default: Persons()].all.insert(exported.person, most: most)
        if exported.isSensitive {
            addition.sensitivePerson = current[tenant, default: Persons()].sensitive.insert(exported.person, most: most)
        }
        return addition
    }

    private mutating func turn(to year: Int) {
        guard year > self.year else { return }
        for (tenant, persons) in current { past[Past(tenant: tenant, year: self.year)] = persons.count }
        current = [:]
        self.year = year
    }

    /// Every tenant that exported in a year, in the order of their names.
    func tenants(in year: Int) -> [ExportYear] {
        let counts: [(String, ExportCount)] =
            year == self.year
            ? current.map { ($0.key, $0.value.count) }
            : past.compactMap { $0.key.year == year ? ($0.key.tenant, $0.value) : nil }
        return counts.map { ExportYear(tenant: $0.0, year: year, count: $0.1) }.sorted { $0.tenant < $1.tenant }
    }

    func count(_ tenant: String, in year: Int) -> ExportCount {
        year == self.year ? current[tenant]?.count ?? .zero : past[Past(tenant: tenant, year: year)] ?? .zero
    }

    // MARK: From books

    mutating func restore(past year: ExportYear) { past[Past(tenant: year.tenant, year: year.year)] = year.count }

    mutating func restore(year: Int) { self.year = year }

    mutating func restore(_ person: Pseudonym, of tenant: String, all: Bool, sensitive: Bool) {
        if all { _ = current[tenant, default: Persons()].all.insert(person, most: most) }
        if sensitive { _ = current[tenant, default: Persons()].sensitive.insert(person, most: most) }
    }
}
