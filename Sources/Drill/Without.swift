public import Core
public import Policy

/// Which endpoints a drill takes away. A word takes every endpoint that it fits, as a name, a provider, a cloud, an operator or a
/// place; `operator:Microsoft` looks among one kind only.
public struct Without: Sendable, Hashable {
    public enum Kind: String, Sendable, CaseIterable {
        case endpoint, provider, cloud, `operator`, place
    }

    public struct Gone: Sendable, Hashable {
        public var endpoint: String
        public var because: Kind
        public var word: String
    }

    /// A word that fits no endpoint, with all that would.
    public struct Unknown: Error, Sendable, Hashable, CustomStringConvertible {
        public var word: String
        public var known: [Kind: [String]]

        public var description: String {
            let lists = Kind.allCases.compactMap { kind in
                known[kind].flatMap { $0.isEmpty ? nil : "\(kind.rawValue)s \($0.joined(separator: ", "))" }
            }
            return "Nothing is called `\(word)`. There are " + lists.joined(separator: "; ") + "."
        }
    }

    /// In the order of the configuration, each by the first word and kind that fits.
    public var gone: [Gone]

    public var endpoints: Set<String> { Set(gone.map(\.endpoint)) }

    /// - Parameter zones: with all their members.
    public init(
        _ words: [String], of endpoints: [Endpoint], zones: [String: Set<Place>], countries: Countries
    ) throws(Unknown) {
        var found: [String: Gone] = [:]
        let names = endpoints.map { Names($0, countries) }
        for word in words {
            let (kinds, bare) = Self.kinds(word)
            let places = zones[bare].map { $0.union([bare]) } ?? [bare]
            var fits = false
            for (endpoint, names) in zip(endpoints, names) {
                guard let kind = kinds.first(where: { names.fits(bare, places, $0) }) else { continue }
                fits = true
                if found[endpoint.name] == nil { found[endpoint.name] = Gone(endpoint: endpoint.name, because: kind, word: word) }
            }
            guard fits else { throw Unknown(word: word, known: Self.known(names)) }
        }
        gone = endpoints.compactMap { found[$0.name] }
    }

    private static func kinds(_ word: String) -> ([Kind], String) {
        guard let colon = word.firstIndex(of: ":"), let kind = Kind(rawValue: String(word[..<colon])) else {
            return (Kind.allCases, word)
        }
        return ([kind], String(word[word.index(after: colon)...]))
    }

    private static func known(_ names: [Names]) -> [Kind: [String]] {
        var known: [Kind: Set<String>] = [:]
        for names in names {
            known[.endpoint, default: []].insert(names.endpoint)
            known[.provider, default: []].insert(names.provider)
            if let cloud = names.cloud { known[.cloud, default: []].insert(cloud) }
            for name in names.operators { known[.operator, default: []].insert(name) }
            // A zone of thirty countries would bury the rest.
            if names.sites.count == 1 { known[.place, default: []].formUnion(names.sites) }
            if let region = names.region { known[.place, default: []].insert(region) }
        }
        return known.mapValues { $0.sorted() }
    }
}

/// What one endpoint can be called.
private struct Names {
    var endpoint: String
    var provider: String
    var cloud: String?
    var operators: [String]
    /// Where it may process.
    var sites: Set<Place>
    /// With the countries that they lie in, of those that lie in one.
    var regionCountries: [Place: Place]
    /// Of its resource, and the country of that.
    var region: Place?
    var regionCountry: Place?

    init(_ endpoint: Endpoint, _ countries: Countries) {
        self.endpoint = endpoint.name
        provider = endpoint.provider.rawValue
        cloud = endpoint.labels.deployment?.cloud
        operators = [endpoint.labels.operator, endpoint.labels.owner ?? ""].filter { !$0.isEmpty }
        sites = endpoint.labels.processedIn
        regionCountries = Dictionary(
            uniqueKeysWithValues: sites.compactMap { place in countries.country(of: place).map { (place, $0) } })
        region = endpoint.labels.deployment?.place
        regionCountry = region.flatMap { countries.country(of: $0) }
    }

    func fits(_ word: String, _ places: Set<Place>, _ kind: Without.Kind) -> Bool {
        switch kind {
        case .endpoint: return endpoint == word
        case .provider: return provider == word
        case .cloud: return cloud == word
        case .operator: return operators.contains(word)
        case .place:
            // Its resource is there, or it can process nowhere else.
            if let region, places.contains(region) || regionCountry.map(places.contains) == true { return true }
            return !sites.isEmpty
                && sites.allSatisfy { places.contains($0) || regionCountries[$0].map(places.contains) == true }
        }
    }
}
