public import Cedar
public import Core

/// All that the policies of one configuration can speak of: tenants, teams, endpoints, models, zones and data classes as entities.
/// Keys come and go without a new configuration and are known by their calls.
public struct PolicyWorld: Sendable {
    /// In the catalogue's order.
    public let endpoints: [Endpoint]
    public let tenants: [TenantPolicy]
    public let classes: DataClasses
    public let models: [String: ModelFacts]
    public let zones: [String: Set<Place>]
    /// As they are before any record has run out: what exists, for policies that name it.
    public let entities: Entities
    /// The endpoints' names as entities, in the catalogue's order.
    public let resources: [EntityUID]
    public let countries: Countries
    /// When records run out, in order: what policies see changes then, as it does where a dated policy begins or ends.
    public let turns: [Timestamp]
    private let link: @Sendable (Int) -> String

    /// - Parameters:
    ///   - models: what is known of models, by their public names; models without an entry are known by name only.
    ///   - zones: with all their members, which are countries and regions.
    ///   - link: of an endpoint, by its number.
    public init(
        endpoints: [Endpoint], tenants: [TenantPolicy], classes: DataClasses = .standard, models: [String: ModelFacts] = [:],
        zones: [String: Set<Place>] = [:], countries: Countries = Countries(),
        link: @escaping @Sendable (Int) -> String = { _ in "public" }
    ) {
        self.endpoints = endpoints
        self.tenants = tenants
        self.classes = classes
        self.models = models
        self.zones = zones
        self.countries = countries
        self.link = link
        resources = endpoints.map(\.uid)
        let records =
            endpoints.flatMap(\.labels.records.values) + tenants.flatMap(\.company.records.values)
            + models.values.flatMap(\.records.values)
        turns = Set(records.compactMap(\.until)).sorted()
        entities = Self.entities(
            endpoints, tenants, classes, models, zones, countries, link, at: Timestamp(nanoseconds: .min))
    }

    /// All that policies can speak of as it is at a moment.
    public func entities(at moment: Timestamp) -> Entities {
        // Most configurations have no record that runs out.
        guard let first = turns.first, first <= moment else { return entities }
        return Self.entities(endpoints, tenants, classes, models, zones, countries, link, at: moment)
    }

    private static func entities(
        _ endpoints: [Endpoint], _ tenants: [TenantPolicy], _ classes: DataClasses, _ models: [String: ModelFacts],
        _ zones: [String: Set<Place>], _ countries: Countries, _ link: (Int) -> String, at moment: Timestamp
    ) -> Entities {
        var all = endpoints.enumerated().map { $1.entity(link: link($0), countries: countries, at: moment) }
        for tenant in tenants {
            all.append(Entity(.tenant(tenant.tenant), attributes: tenant.company.attributes(at: moment)))
            all += tenant.teams.sorted().map {
                Entity(.team($0, of: tenant.tenant), parents: [.tenant(tenant.tenant)])
            }
        }
        // A class is in each that is less strict, so that `in` says "at least".
        for (rank, name) in classes.names.enumerated() {
            all.append(Entity(.dataClass(name), parents: classes.names[..<rank].map { .dataClass($0) }))
        }
        let names = Set(endpoints.flatMap(\.models.keys)).union(models.keys)
        all += names.sorted().map { Entity(.model($0), attributes: (models[$0] ?? .unknown).attributes(at: moment)) }
        all += zones.sorted { $0.key < $1.key }.map { name, places in
            Entity(.zone(name), attributes: Record([("countries", .words(countries.within(places)))]))
        }
        // The names of one kind are distinct, and classes, the only hierarchy of more than two levels, are few.
        return (try? Entities(all)) ?? Entities()
    }

    /// A key's call is judged with the key in its team. It is in its tenant of itself: keys outlive a team that a configuration drops.
    public func principal(key: String, team: String, tenant: String) -> Entity {
        Entity(
            EntityUID(Word.key, Text(key)),
            attributes: Record([("team", .entity(.team(team, of: tenant))), ("tenant", .entity(.tenant(tenant)))]),
            parents: [.team(team, of: tenant), .tenant(tenant)])
    }
}

extension EntityUID {
    public static func tenant(_ name: String) -> EntityUID { EntityUID(Word.tenant, Text(name)) }
    /// Teams of two tenants may have one name, so the tenant's belongs to it: `Team::"acme/search"`.
    public static func team(_ name: String, of tenant: String) -> EntityUID { EntityUID(Word.team, Text("\(tenant)/\(name)")) }
    public static func dataClass(_ name: String) -> EntityUID { EntityUID(Word.dataClass, Text(name)) }
    public static func model(_ name: String) -> EntityUID { EntityUID(Word.model, Text(name)) }
    public static func zone(_ name: String) -> EntityUID { EntityUID(Word.zone, Text(name)) }
    public static func operation(_ operation: Operation) -> EntityUID { EntityUID(Word.action, Text(operation.rawValue)) }
}

extension Company {
    func attributes(at moment: Timestamp) -> Record {
        var fields: [(Text, Value)] = [
            ("records", .words(records.names(at: moment))),
            ("datedRecords", .words(records.filter { $0.value.until != nil }.names(at: moment))),
        ]
        if let country { fields.append(("country", .string(Text(country)))) }
        if let parentCountry { fields.append(("parentCountry", .string(Text(parentCountry)))) }
        if let ownerCountries { fields.append(("ownerCountries", .words(Countries().possible(in: ownerCountries)))) }
        if let publicIn { fields.append(("publicIn", .words(Countries().possible(in: publicIn)))) }
        if let usersIn { fields.append(("usersIn", .words(Countries().possible(in: usersIn)))) }
        if let criticalInfrastructure { fields.append(("criticalInfrastructure", .bool(criticalInfrastructure))) }
        return Record(fields)
    }
}

extension ModelFacts {
    func attributes(at moment: Timestamp) -> Record {
        var fields: [(Text, Value)] = [("records", .words(records.names(at: moment)))]
        if let family { fields.append(("family", .string(Text(family)))) }
        if let developerCountry { fields.append(("developerCountry", .string(Text(developerCountry)))) }
        return Record(fields)
    }
}
