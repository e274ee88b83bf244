import Core

/// What is publicly known of clouds: their regions, what each kind of deployment promises about places, who runs and owns them.
/// Facts with their sources, read from `share/places.json`; nothing here looks at a host name.
public struct PlaceCatalogue: Sendable, Hashable {
    /// A named set of countries, and who says so.
    public struct Zone: Sendable, Hashable {
        public var places: Set<Place>
        public var source: String

        public init(places: Set<Place>, source: String) {
            self.places = places
            self.source = source
        }
    }

    /// Where a kind of deployment may process, seen from the region of its resource.
    public enum Scope: String, Sendable, CaseIterable { case anywhere, zone, region }

    /// A kind of deployment.
    public struct SKU: Sendable, Hashable {
        public var processes: Scope
        /// The regions that sell it; nil: all.
        public var regions: Set<String>?

        public init(processes: Scope, regions: Set<String>? = nil) {
            self.processes = processes
            self.regions = regions
        }
    }

    public struct Region: Sendable, Hashable {
        /// nil: the region is a name for an interface and no place.
        public var country: Place?
        /// As the provider's answers call it: `East US 2` in `x-ms-region`.
        public var display: String?
        /// Within which data at rest may move.
        public var geography: String?
        /// Of clouds without SKUs: stated for the region itself; empty is unknown.
        public var processedIn: Set<Place>
        public var storedIn: Set<Place>

        public init(
            country: Place? = nil, display: String? = nil, geography: String? = nil, processedIn: Set<Place> = [],
            storedIn: Set<Place> = []
        ) {
            self.country = country
            self.display = display
            self.geography = geography
            self.processedIn = processedIn
            self.storedIn = storedIn
        }
    }

    /// How far data at rest may be from the region of its resource.
    public enum Storage: String, Sendable, CaseIterable { case geography, region }

    /// One provider's cloud under one operator.
    public struct Cloud: Sendable, Hashable {
        public var `operator`: String
        public var operatorCountry: Place?
        public var owner: String?
        public var ownerCountry: Place?
        public var trains: Labels.Trains?
        public var retentionDays: Int?
        public var review: Labels.Review?
        public var source: String
        /// Why its places count as unknown until somebody attests them; nil: they do not.
        public var attest: String?
        /// Empty: it has one kind of deployment only.
        public var skus: [String: SKU]
        /// nil: each region states it.
        public var stores: Storage?
        /// Zones that a deployment of scope `zone` can have; the one that holds its region's country counts.
        public var dataZones: [String]
        public var geographies: [String: Set<Place>]
        public var regions: [String: Region]

        public init(
            operator: String, operatorCountry: Place? = nil, owner: String? = nil, ownerCountry: Place? = nil,
            trains: Labels.Trains? = nil, retentionDays: Int? = nil, review: Labels.Review? = nil, source: String,
            attest: String? = nil, skus: [String: SKU] = [:], stores: Storage? = nil, dataZones: [String] = [],
            geographies: [String: Set<Place>] = [:], regions: [String: Region]
        ) {
            self.operator = `operator`
            self.operatorCountry = operatorCountry
            self.owner = owner
            self.ownerCountry = ownerCountry
            self.trains = trains
            self.retentionDays = retentionDays
            self.review = review
            self.source = source
            self.attest = attest
            self.skus = skus
            self.stores = stores
            self.dataZones = dataZones
            self.geographies = geographies
            self.regions = regions
        }
    }

    public var zones: [String: Zone]
    public var clouds: [String: Cloud]

    public init(zones: [String: Zone] = [:], clouds: [String: Cloud] = [:]) {
        self.zones = zones
        self.clouds = clouds
    }
}

extension PlaceCatalogue {
    /// The country of a cloud region such as `azure:swedencentral`; nil when it is none that the catalogue knows.
    public func country(of place: Place) -> Place? {
        guard let colon = place.firstIndex(of: ":") else { return nil }
        return clouds[String(place[..<colon])]?.regions[String(place[place.index(after: colon)...])]?.country
    }

    /// The countries of a set, with zones and known regions resolved: `[anywhere]` for anywhere, empty when any of it is unknown.
    public func countries(of places: Set<Place>) -> Set<Place> {
        if places.isAnywhere { return [anywhere] }
        var countries: Set<Place> = []
        for place in places {
            if isCountry(place) {
                countries.insert(place)
            } else if let zone = zones[place] {
                countries.formUnion(zone.places)
            } else if let country = country(of: place) {
                countries.insert(country)
            } else {
                return []
            }
        }
        return countries
    }

    /// Whether each of these places lies in one of `others`, a known region also in its country.
    public func lie(_ places: Set<Place>, within others: Set<Place>) -> Bool {
        outside(places, others).isEmpty && !places.isEmpty
    }

    /// Those of `places` that do not lie in any of `others`, in order.
    func outside(_ places: Set<Place>, _ others: Set<Place>) -> [Place] {
        if others.isAnywhere { return [] }
        return places.filter { place in
            if others.contains(place) { return false }
            guard let country = country(of: place) else { return true }
            return !others.contains(country)
        }.sorted()
    }
}
