public import Cedar
public import Core

/// The countries that a place or a zone stands for, as far as a configuration knows.
public struct Countries: Sendable {
    /// Countries of cloud regions (`azure:swedencentral` → `SE`).
    private let regions: [Place: Place]

    public init(regions: [Place: Place] = [:]) { self.regions = regions }

    /// A zone's countries, and the regions that lie in them: what a set of places as policies see it can lie within.
    public func within(_ zone: Set<Place>) -> Set<Place> {
        let countries = zone.filter(isCountry)
        return countries.union(regions.filter { countries.contains($0.value) }.keys)
    }

    /// The country that a place is or lies in; nil: it may lie in several, or nobody knows.
    public func country(of place: Place) -> Place? { isCountry(place) ? place : regions[place] }

    /// Places as policies see them: each with its country. A place whose country nobody knows could be in any, so all are possible then.
    public func possible(in places: Set<Place>) -> Set<Place> {
        var all = places
        for place in places where !isCountry(place) {
            if let country = country(of: place) {
                all.insert(country)
            } else {
                all.formUnion(countryCodes)
            }
        }
        return all
    }
}

extension Endpoint {
    public var uid: EntityUID { EntityUID(Word.endpoint, Text(name)) }

    /// The endpoint as policies see it; what its labels do not know is not there, nor is a record that has run out.
    public func entity(link: String, countries: Countries, at moment: Timestamp) -> Entity {
        var fields: [(Text, Value)] = [("provider", .string(Text(provider.rawValue))), ("link", .string(Text(link)))]
        func set(_ name: Text, _ words: Set<String>?) {
            if let words { fields.append((name, .words(words))) }
        }
        func text(_ name: Text, _ word: String?) {
            if let word, !word.isEmpty { fields.append((name, .string(Text(word)))) }
        }
        func places(_ name: Text, _ places: Set<Place>) {
            if !places.isUnknown { fields.append((name, .words(countries.possible(in: places)))) }
        }
        text("cloud", labels.deployment?.cloud)
        text("region", labels.deployment?.region)
        text("sku", labels.deployment?.sku)
        places("processedIn", labels.processedIn)
        if labels.storedIn.isUnknown, labels.retentionDays == 0 {
            set("storedIn", [])
        } else {
            places("storedIn", labels.storedIn)
        }
        places("accessFrom", labels.accessFrom)
        text("operator", labels.operator)
        text("operatorCountry", labels.operatorCountry)
        text("owner", labels.owner)
        text("ownerCountry", labels.ownerCountry)
        text("trains", labels.trains?.rawValue)
        if let days = labels.retentionDays { fields.append(("retentionDays", .long(Int64(days)))) }
        text("review", labels.review?.rawValue)
        text("contract", labels.contract)
        text("hardware", labels.hardware)
        set("exportTags", labels.exportTags)
        set("records", labels.records.names(at: moment))
        return Entity(uid, attributes: Record(fields))
    }
}

extension Value {
    /// A set of strings, in an order that does not depend on hashing.
    static func words(_ words: Set<String>) -> Value { .set(ValueSet(words.sorted().map { .string(Text($0)) })) }
}
