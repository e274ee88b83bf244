/// What law asks about the company behind a tenant. What nobody has said is unknown, and denied wherever a policy asks.
public struct Company: Sendable, Hashable {
    /// Where it is organised or has its head office.
    public var country: Place?
    /// Where its ultimate parent has its head office.
    public var parentCountry: Place?
    /// The countries of companies that own more than half of it together, directly or not; nil: unknown, empty: nobody does.
    public var ownerCountries: Set<Place>?
    /// Where its services with these models are offered to the public; nil: unknown, empty: nowhere, they are in-house.
    public var publicIn: Set<Place>?
    /// Where the people are who use its services with these models, its own staff among them; nil: unknown.
    public var usersIn: Set<Place>?
    /// Operator of critical information infrastructure under Chinese law.
    public var criticalInfrastructure: Bool?
    /// Documents on record that rules ask for, by name: `cn-standard-contract` → its number.
    public var records: [String: OnRecord]

    public init(
        country: Place? = nil, parentCountry: Place? = nil, ownerCountries: Set<Place>? = nil, publicIn: Set<Place>? = nil,
        usersIn: Set<Place>? = nil, criticalInfrastructure: Bool? = nil, records: [String: OnRecord] = [:]
    ) {
        self.country = country
        self.parentCountry = parentCountry
        self.ownerCountries = ownerCountries
        self.publicIn = publicIn
        self.usersIn = usersIn
        self.criticalInfrastructure = criticalInfrastructure
        self.records = records
    }

    public static let unknown = Company()
}

/// What law and contract ask about a model, whoever serves it.
public struct ModelFacts: Sendable, Hashable {
    /// `gpt`, `claude`, `qwen`, …
    public var family: String?
    /// Where its developer has its head office.
    public var developerCountry: Place?
    /// Documents on record, by name: `cac-filing` → the number.
    public var records: [String: OnRecord]

    public init(family: String? = nil, developerCountry: Place? = nil, records: [String: OnRecord] = [:]) {
        self.family = family
        self.developerCountry = developerCountry
        self.records = records
    }

    public static let unknown = ModelFacts()
}
