import Core
import Yams

/// Zones that the file spells out, expanded to all their members, and behind them those of the catalogue.
struct Zones {
    var expanded: [String: Set<Place>] = [:]
    var source: PlaceSource?

    /// A zone's members; the file's own zone hides the catalogue's.
    func members(of name: String) -> Set<Place>? {
        expanded[name] ?? (isPlace(name) ? nil : source?.zone(name))
    }

    /// The places beside the members of those that are zones.
    func expand(_ places: Set<Place>) -> Set<Place> {
        places.reduce(into: places) { all, place in all.formUnion(members(of: place) ?? []) }
    }

    /// The countries and regions alone, zones replaced by their members.
    func spelledOut(_ places: Set<Place>) -> Set<Place> { expand(places).filter { members(of: $0) == nil } }

    /// Reports a word that is neither a zone, nor a country, nor a region.
    func check(_ word: Section.Text, _ key: String, _ report: Report) {
        guard !isPlace(word.value), members(of: word.value) == nil else { return }
        let near =
            likely(word.value, among: expanded.keys.sorted()) ?? nearPlace(word.value)
            ?? likely(word.value, among: source?.zoneNames ?? [])
        report.error(
            word.spot,
            "`\(key)` takes zones (`EEA`), countries (`SE`) and cloud regions (`azure:swedencentral`); this is none of them.",
            meant: near)
    }
}

func decodeZones(_ section: Section, _ source: PlaceSource) -> Zones {
    var members: [(name: String, words: [Section.Text])] = []
    for member in section.members("a zone", .label) {
        if isPlace(member.name) {
            section.report.error(member.spot, "A zone cannot have the name of a country or region.")
        } else if member.name == "any" || member.name == anywhere {
            section.report.error(member.spot, "A zone cannot be called `\(member.name)`.")
        } else if let words = section.list(member.value, member.name) {
            if words.isEmpty { section.report.error(Spot(member.value), "A zone needs at least one member.") }
            members.append((member.name, words))
        }
    }
    var zones = Zones(expanded: Dictionary(uniqueKeysWithValues: members.map { ($0.name, []) }), source: source)
    for member in members {
        for word in member.words { zones.check(word, member.name, section.report) }
    }
    let direct = Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0.words) })
    for member in members {
        // A walk over the zones below this one; meeting itself again is a circle.
        var all: Set<Place> = []
        var open = member.words
        while let word = open.popLast() {
            if word.value == member.name {
                section.report.error(word.spot, "This zone holds itself.")
            } else if all.insert(word.value).inserted {
                if let inner = direct[word.value] {
                    open += inner
                } else {
                    all.formUnion(zones.members(of: word.value) ?? [])
                }
            }
        }
        zones.expanded[member.name] = all
    }
    return zones
}

/// A country of ISO 3166-1, or a region of a cloud such as `azure:swedencentral`.
func isPlace(_ word: String) -> Bool {
    if word.utf8.count == 2 { return isCountry(word) }
    let parts = word.split(separator: ":", omittingEmptySubsequences: false)
    return parts.count == 2
        && parts.allSatisfy { part in
            (1...40).contains(part.utf8.count)
                && part.utf8.allSatisfy { isDigit($0) || (isLetter($0) && $0 > 0x60) || $0 == UInt8(ascii: "-") }
        }
}

/// The country that people write otherwise.
func nearPlace(_ word: String) -> String? {
    let upper = word.uppercased()
    if upper == "UK" { return "GB" }
    if upper == "EL" { return "GR" }
    return isCountry(upper) ? upper : nil
}
