public import Core

/// What counts as an export of personal data under Chinese law: provisions on promoting and regulating cross-border data flows (CAC
/// order 16, in force since 2024-03-22), as far as labels can tell.
public enum ChinaExport {
    /// The mainland. Hong Kong and Macau are outside of it.
    public static let mainland: Place = "CN"

    /// Categories that the Personal Information Protection Law calls sensitive (article 28: biometrics, health, finance, whereabouts and
    /// what else could harm a person's dignity), whatever the data class says. Genomic data identify their person as biometrics do.
    public static let sensitiveCategories: Set<DataCategory> = [
        .special, .genomic, .omic, .biometric, .geolocation, .health, .financial,
    ]

    /// What kind of personal data of people in the mainland a call may carry.
    public enum Kind: Sendable, Hashable { case personal, sensitive }

    /// The kind that a call's labels leave possible; nil: it has no personal data, or none of the mainland's.
    ///
    /// Personal data count when nobody says whose they are. A call whose class nobody knows counts only where its subjects name the
    /// mainland, and then as sensitive: a key of which nothing at all is said would otherwise count in every company of the world.
    public static func kind(
        _ labels: CallLabels, in classes: DataClasses, countries: Countries = Countries()
    ) -> Kind? {
        guard let name = labels.dataClass, classes.rank(of: name) != nil else {
            return labels.subjects.contains(where: countries.isMainland) ? .sensitive : nil
        }
        guard classes.isPersonal(name) else { return nil }
        guard labels.subjects.isUnknown || labels.subjects.contains(where: countries.mayBeMainland) else { return nil }
        let isSensitive = classes.isSensitive(name) || !(labels.categories ?? []).isDisjoint(with: sensitiveCategories)
        return isSensitive ? .sensitive : .personal
    }

    /// Whether content leaves the mainland at an endpoint: unless both where it processes and where it stores are known to lie wholly
    /// inside. Access from outside is an export too, where it is known of; most pages say nothing, and unknown access does not count.
    public static func leaves(by labels: Labels, countries: Countries = Countries()) -> Bool {
        func staysInside(_ places: Set<Place>) -> Bool { !places.isUnknown && places.allSatisfy(countries.isMainland) }
        if !staysInside(labels.processedIn) { return true }
        // What keeps nothing stores nowhere.
        if !staysInside(labels.storedIn) && !(labels.storedIn.isUnknown && labels.retentionDays == 0) { return true }
        return !labels.accessFrom.isUnknown && !staysInside(labels.accessFrom)
    }
}

extension Catalogue {
    /// What calls with these labels may carry out of mainland China; nil: nothing that counts.
    public func exportKind(_ labels: CallLabels) -> ChinaExport.Kind? {
        ChinaExport.kind(labels, in: classes, countries: countries)
    }
}

extension Countries {
    /// Whether a place is known to lie in the mainland.
    public func isMainland(_ place: Place) -> Bool { country(of: place) == ChinaExport.mainland }

    /// Whether nobody knows that a place lies elsewhere.
    func mayBeMainland(_ place: Place) -> Bool { country(of: place).map { $0 == ChinaExport.mainland } ?? true }
}
