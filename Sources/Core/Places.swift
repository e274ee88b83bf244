/// Where something happens: a country (`SE`), a region of a cloud (`azure:swedencentral`), a site (`site:rack-7`), a zone of the
/// configuration (`EU`), or `anywhere`. In a set of places each member is possible; **an empty set is unknown**.
public typealias Place = String

/// The place that holds every other: nobody says where. It is a value of its own, so that it never looks like unknown.
public let anywhere: Place = "anywhere"

extension Set<Place> {
    /// Nobody knows where, or nobody has said.
    public var isUnknown: Bool { isEmpty }
    public var isAnywhere: Bool { contains(anywhere) }

    /// Whether it is known that each of these places lies in one of `others`. Unknown lies nowhere, and anywhere only in anywhere.
    public func lies(within others: Set<Place>) -> Bool {
        !isEmpty && (others.isAnywhere || isSubset(of: others))
    }

    /// The places that both sets hold, where `anywhere` holds all. Empty when they share none.
    public func meeting(_ others: Set<Place>) -> Set<Place> {
        if others.isAnywhere { return isAnywhere ? [anywhere] : self }
        return isAnywhere ? others : intersection(others)
    }
}

/// Whether a word is a country's code of ISO 3166-1 alpha-2, in capitals.
public func isCountry(_ word: String) -> Bool { word.utf8.count == 2 && countryCodes.contains(word) }

/// The country codes of ISO 3166-1 alpha-2.
public let countryCodes = Set(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF
    CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH
    GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW
    KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG
    NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN
    SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT
    ZA ZM ZW
    """.split(whereSeparator: \.isWhitespace).map(String.init))
