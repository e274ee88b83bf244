import Core
import Yams

/// Zones that the file spells out, expanded to all their members.
struct Zones {
    var expanded: [String: Set<Place>] = [:]

    /// The places beside the members of those that are zones.
    func expand(_ places: Set<Place>) -> Set<Place> {
        places.reduce(into: places) { all, place in all.formUnion(expanded[place] ?? []) }
    }

    /// Reports a word that is neither a zone, nor a country, nor a region.
    func check(_ word: Section.Text, _ key: String, _ report: Report) {
        guard expanded[word.value] == nil, !isPlace(word.value) else { return }
        let near = likely(word.value, among: expanded.keys.sorted()) ?? nearPlace(word.value)
        report.error(
            word.spot,
            "`\(key)` takes zones of this file, countries (`SE`) and cloud regions (`azure:swedencentral`); this is none of them.",
            meant: near)
    }
}

func decodeZones(_ section: Section) -> Zones {
    var members: [(name: String, words: [Section.Text])] = []
    for member in section.members("a zone", .label) {
        if isPlace(member.name) {
            section.report.error(member.spot, "A zone cannot have the name of a country or region.")
        } else if member.name == "any" {
            section.report.error(member.spot, "A zone cannot be called `any`.")
        } else if let words = section.list(member.value, member.name) {
            if words.isEmpty { section.report.error(Spot(member.value), "A zone needs at least one member.") }
            members.append((member.name, words))
        }
    }
    var zones = Zones(expanded: Dictionary(uniqueKeysWithValues: members.map { ($0.name, []) }))
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
            } else if all.insert(word.value).inserted, let inner = direct[word.value] {
                open += inner
            }
        }
        zones.expanded[member.name] = all
    }
    return zones
}

/// A country of ISO 3166-1, or a region of a cloud such as `azure:swedencentral`.
func isPlace(_ word: String) -> Bool {
    if word.utf8.count == 2 { return countries.contains(word) }
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
    return countries.contains(upper) ? upper : nil
}

/// The country codes of ISO 3166-1 alpha-2.
private let countries = Set(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF
    CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH
    GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW
    KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG
    NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN
    SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT
    ZA ZM ZW
    """.split(whereSeparator: \.isWhitespace).map(String.init))
