import Cedar
import Core
import Foundation
import Policy
import Settings
import Testing

/// The catalogue of places and the files of the rule pack, under the names by which a test's environment finds them.
func packFiles() throws -> [String: String] {
    var files = ["share/places.json": try read(repository.appendingPathComponent("share/places.json").path)]
    for name in Rule.names {
        files["share/rules/\(name).cedar"] = try read(repository.appendingPathComponent("share/rules/\(name).cedar").path)
    }
    return files
}

/// Loads the smallest file with more sections, and a company for its tenant.
private func loaded(
    _ more: String, company: String = "", files: [String: String] = [:]
) throws -> Result<Configuration, ConfigurationErrors> {
    let text = smallest.replacing("teams: {a: {}}", with: "teams: {a: {}}" + (company.isEmpty ? "" : ", company: {\(company)}"))
    return load(
        text + "\n" + more, environment: ["WEIR_SHARE": "share"], files: try packFiles().merging(files) { $1 })
}

@Suite("Rules in a configuration")
struct RuleSettingsTests {
    private static let wholeCompany =
        "country: SE, parentCountry: SE, ownerCountries: [], publicIn: [], usersIn: [EU], criticalInfrastructure: no"

    @Test("All rules are on by one word; the tenants' lists are what they forbid some of, and their files are watched")
    func all() throws {
        let configuration = try loaded("policy: {rules: all}").get()
        #expect(configuration.rules.map(\.name) == Rule.names)
        #expect(configuration.files == Rule.names.map { "share/rules/\($0).cedar" })
        let book = try #require(configuration.policies).book
        #expect(book.dated.first?.policy.id == "lists")
        #expect(book.dated.count == 1 + configuration.rules.reduce(0) { $0 + $1.parts.count })
        #expect(configuration.notes.contains { $0.contains(Rule.caution) })
    }

    @Test("Rules stand behind the policies of files, which have to permit")
    func withFiles() throws {
        let permit = #"@id("some") permit (principal, action, resource);"#
        let configuration = try loaded("policy: {files: [own.cedar], rules: [cn.label]}", files: ["own.cedar": permit]).get()
        #expect(configuration.policies?.book.dated.map(\.policy.id) == ["some", "cn.label"])
        #expect(configuration.files == ["own.cedar", "share/rules/cn.label.cedar"])
        let forbid = #"@id("some") forbid (principal, action, resource) when { resource.trains == "yes" };"#
        guard
            case .failure(let errors) = try loaded(
                "policy: {files: [own.cedar], rules: [cn.label]}", files: ["own.cedar": forbid])
        else {
            Issue.record("loaded without a permit")
            return
        }
        #expect(errors.description.contains("nothing here is a permit"))
    }

    @Test("A rule that is on denies by its name, and what a company has on record satisfies it")
    func judged() throws {
        func reasons(_ company: String) throws -> Reasons {
            let timeline = try #require(try loaded("policy: {rules: [cn.label]}", company: company).get().policies)
            let world = timeline.world
            let principal = world.principal(key: "k", team: "a", tenant: "t")
            let context = CallContext(
                model: "m", labels: CallLabels(purposes: ["support"]), now: Timestamp(seconds: 1_800_000_000))
            let call = CompiledPolicies.Call(
                principal: principal.uid, action: .operation(.chat), context: context.record(world.countries), guest: principal)
            return timeline.stages[timeline.stage(at: context.now)].policies.judge(call, at: 0)
        }
        #expect(try reasons("publicIn: [CN]").determining == ["cn.label"])
        #expect(try reasons("usersIn: [CN]").errors == ["cn.label"])
        #expect(try reasons("publicIn: [SE]").isPermitted)
        #expect(try reasons("publicIn: [CN], records: {aigc-label: \"yes\"}").isPermitted)
    }

    @Test("Who a tenant's company is, and what a model is, are read; what policies ask of a company and nobody said is noted")
    func companies() throws {
        let text = "policy: {rules: all}\nmodels: {m: {family: gpt, developerCountry: US, records: {cac-filing: \"7\"}}}"
        let half = try loaded(text, company: "country: SE, ownerCountries: [CN, EU]").get()
        let company = half.tenants[0].company
        #expect(company.country == "SE" && company.parentCountry == nil && company.publicIn == nil)
        #expect(company.ownerCountries?.count == 28 && company.ownerCountries?.contains("FR") == true)
        #expect(
            half.notes.contains {
                $0.contains(
                    "tenant t: its `company` does not say `criticalInfrastructure`, `parentCountry`, `publicIn`, `usersIn`, ")
            }, "\(half.notes)")
        #expect(
            half.policies?.world.models["m"] == ModelFacts(family: "gpt", developerCountry: "US", records: ["cac-filing": "7"]))
        let whole = try loaded(
            text, company: Self.wholeCompany + ", records: {cn-certification: {number: C-1, until: 2029-01-01}}"
        ).get()
        #expect(whole.tenants[0].company.publicIn == [] && whole.tenants[0].company.criticalInfrastructure == false)
        #expect(whole.tenants[0].company.records["cn-certification"]?.until == Timestamp(policyDay: "2029-01-01"))
        #expect(!whole.notes.contains { $0.contains("does not say") }, "\(whole.notes)")
        #expect(whole.policies?.world.turns == [try #require(Timestamp(policyDay: "2029-01-01"))])
    }

    @Test("A zone of the file that hides the one a rule compares with is noted")
    func hiddenZone() throws {
        let hidden = try loaded("zones: {EEA: [SE]}\npolicy: {rules: [eu.gdpr.art9]}").get()
        #expect(hidden.notes.contains { $0.contains("rule eu.gdpr.art9 compares with the zone EEA of this file") })
        let other = try loaded("zones: {mine: [SE]}\npolicy: {rules: [eu.gdpr.art9]}").get()
        #expect(!other.notes.contains { $0.contains("compares with the zone") })
    }

    @Test("A file of the pack that is gone, permits or misspells a word is an error at its place")
    func brokenPack() throws {
        guard case .failure(let missing) = load(smallest + "\npolicy: {rules: [cn.label]}", environment: ["WEIR_SHARE": "none"]),
            case .failure(let permits) = try loaded(
                "policy: {rules: [cn.label]}",
                files: ["share/rules/cn.label.cedar": #"@id("cn.label") permit (principal, action, resource);"#]),
            case .failure(let misspelt) = try loaded(
                "policy: {rules: [cn.label]}",
                files: [
                    "share/rules/cn.label.cedar": try read(repository.appendingPathComponent("share/rules/cn.label.cedar").path)
                        .replacing("publicIn", with: "pubicIn")
                ])
        else {
            Issue.record("loaded")
            return
        }
        #expect(missing.description.contains("The rule `cn.label` cannot be read: none/rules/cn.label.cedar"))
        #expect(permits.description.contains("share/rules/cn.label.cedar:1:1: a rule only forbids"))
        #expect(misspelt.description.contains("did you mean publicIn?"))
    }

    @Test("The list says of each rule whether it is on and in force, how sure it is and from where, and ends with what it is not")
    func list() throws {
        let rules = try loaded("policy: {rules: all}").get().rules
        let before = try #require(Timestamp(policyDay: "2026-11-09"))
        let text = ruleList(rules, on: ["cn.label"], at: before)
        #expect(
            text.contains(
                """
                us.bis.affiliates50: off; in force from 2026-11-10 05:00 UTC
                  US: BIS affiliates (50 %) rule
                  confidence: unsure. Source: Federal Register volume 90 issue 216, 12 November 2025, through law-firm notes; sayari.com, training page of 2026

                """))
        #expect(
            text.contains("cn.label: on; in force\n") && text.contains("us.bis.diffusion: off; over since 2025-05-13 04:00 UTC\n")
        )
        #expect(text.hasSuffix(Rule.caution))
        #expect(rules.allSatisfy { text.contains("\($0.name): ") })
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 150 })
        #expect(ruleList(rules, on: nil, at: before).contains("cn.label: in force\n"))
        let rule = try #require(rules.first { $0.name == "eu.aiact.art50" })
        let details = ruleDetails(rule, isOn: nil, at: before)
        #expect(details.contains("from 2026-08-01 22:00 UTC until 2026-12-01 23:00 UTC") && details.hasSuffix(Rule.caution))
        #expect(rule.parts.allSatisfy { details.contains("\($0.id)\n  \($0.title)\n") })
    }
}
