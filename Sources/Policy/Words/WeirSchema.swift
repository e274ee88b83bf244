public import Cedar

/// The words that policies can use: Weir's schema.
///
/// Every attribute is declared as one that is there, so that policies read it plainly. One that nobody knows is left out of the entity:
/// asking for it is an error of the policy that asks, an error in a `forbid` denies, and a `permit` without an answer permits nothing.
/// Unknown is thus denied wherever a policy asks, and nowhere else.
public enum WeirSchema {
    public static let name = "weir.cedarschema"

    /// Places are countries of ISO 3166-1 as strings. In each set of places every member is possible; a set that says `anywhere` holds
    /// every country as well.
    public static let text = """
        // Who calls.
        entity Tenant = {
            // Of the company behind it.
            country: String,
            parentCountry: String,
            ownerCountries: Set<String>,
            publicIn: Set<String>,
            usersIn: Set<String>,
            criticalInfrastructure: Bool,
            records: Set<String>,
            // Those of them that say until when they count.
            datedRecords: Set<String>,
        };
        entity Team in [Tenant];
        entity Key in [Team, Tenant] = { team: Team, tenant: Tenant };

        // Where a call may go.
        entity Endpoint = {
            provider: String,
            cloud: String,
            region: String,
            sku: String,
            link: String,
            processedIn: Set<String>,
            storedIn: Set<String>,
            accessFrom: Set<String>,
            operator: String,
            operatorCountry: String,
            owner: String,
            ownerCountry: String,
            trains: String,
            retentionDays: Long,
            review: String,
            contract: String,
            hardware: String,
            exportTags: Set<String>,
            records: Set<String>,
        };

        // What policies compare with.
        // With the countries stand the cloud regions that lie in them, so that a set of places can lie within.
        entity Zone = { countries: Set<String> };
        entity DataClass in [DataClass];
        entity Model = { family: String, developerCountry: String, records: Set<String> };

        action "infer";
        action "chat", "completions", "embeddings", "responses", "conversations" in ["infer"] appliesTo {
            principal: [Key],
            resource: [Endpoint],
            context: {
                model: Model,
                dataClass: DataClass,
                categories: Set<String>,
                subjects: Set<String>,
                purpose: String,
                purposes: Set<String>,
                exportTags: Set<String>,
                // These may differ between two calls that are otherwise alike.
                now: datetime,
                exportedPersons: Long,
                exportedSensitivePersons: Long,
            },
        };
        """

    /// The fields of the context that change between two calls of one kind.
    public static let volatileFields: Set<Text> = ["now", "exportedPersons", "exportedSensitivePersons"]

    public static func parse() throws(Diagnostics) -> Schema { try Schema.parse(Source(name: name, text: text)) }
}

/// The kinds of things that Weir's policies name.
public enum Word {
    public static let tenant = type("Tenant")
    public static let team = type("Team")
    public static let key = type("Key")
    public static let endpoint = type("Endpoint")
    public static let zone = type("Zone")
    public static let dataClass = type("DataClass")
    public static let model = type("Model")
    public static let action = type("Action")

    private static func type(_ name: StaticString) -> EntityType {
        guard let type = EntityType("\(name)") else { preconditionFailure("\(name) is a name of the grammar") }
        return type
    }
}
