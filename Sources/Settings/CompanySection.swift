import Core
import Yams

// What law asks about the company behind a tenant and about a model, whoever serves it. Nothing is inferred; what is left out is unknown.

func decodeCompany(_ section: Section, _ zones: Zones) -> Company {
    let company = Company(
        country: section.optionalCountry("country"), parentCountry: section.optionalCountry("parentCountry"),
        ownerCountries: section.optionalCountries("ownerCountries", zones),
        publicIn: section.optionalCountries("publicIn", zones), usersIn: section.optionalCountries("usersIn", zones),
        criticalInfrastructure: section.optionalChoice("criticalInfrastructure", YesOrNo.self).map { $0 == .yes },
        records: section.optionalSection("records").map(decodeRecords) ?? [:])
    section.finish()
    return company
}

private enum YesOrNo: String, CaseIterable { case no, yes }

/// Facts of models, by their public names.
func decodeModels(_ section: Section, endpoints: Endpoints?) -> [String: ModelFacts] {
    var models: [String: ModelFacts] = [:]
    for member in section.members("a model", .model) {
        if let served = endpoints?.models, !served.contains(member.name) {
            section.report.error(
                member.spot, "No endpoint serves this model.", meant: likely(member.name, among: served.sorted()))
        }
        guard let model = Section(member.value, "model \(quoted(member.name, or: "here"))", section.report) else { continue }
        models[member.name] = ModelFacts(
            family: model.value(model.optionalText("family")) { readName($0, "family", .label) },
            developerCountry: model.optionalCountry("developerCountry"),
            records: model.optionalSection("records").map(decodeRecords) ?? [:])
        model.finish()
    }
    return models
}

extension Section {
    /// A country of ISO 3166-1.
    func optionalCountry(_ key: String) -> Place? {
        guard let word = optionalText(key) else { return nil }
        if isCountry(word.value) { return word.value }
        report.error(word.spot, "`\(key)` takes a country of ISO 3166-1: two capitals.", meant: nearPlace(word.value))
        return nil
    }

    /// Countries, with zones spelled out, or `[anywhere]`; `[]` is none.
    func optionalCountries(_ key: String, _ zones: Zones) -> Set<Place>? {
        guard let words = optional(key).flatMap({ list($0, key) }) else { return nil }
        for word in words where word.value != anywhere {
            zones.check(word, key, report)
            if isPlace(word.value), !isCountry(word.value) {
                report.error(word.spot, "`\(key)` takes countries and zones of them: people are not in a cloud region.")
            }
        }
        let all = Set(words.map(\.value))
        if all.isAnywhere, all.count > 1 {
            report.error(spot(of: key), "`\(anywhere)` holds every place: write it alone, or leave it out.")
        }
        return zones.spelledOut(all).filter { $0 == anywhere || isCountry($0) }
    }
}
