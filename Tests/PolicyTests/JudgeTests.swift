import Core
import Policy
import Testing

@Suite("Policy denies by default")
struct JudgeTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var tenant: TenantPolicy
        var model = "m"
        var labels: Labels
        var denial: Denial?

        init(_ what: String, tenant: TenantPolicy = PolicyTests.tenant(), model: String = "m", labels: Labels, denial: Denial?) {
            (testDescription, self.tenant, self.model, self.labels, self.denial) = (what, tenant, model, labels, denial)
        }
    }

    static let nothing = tenant(places: .only([]), operators: .only([]), models: .only([]))

    static let cases: [Case] = [
        Case("what the policy names is permitted", labels: labels(), denial: nil),
        Case("every place of a set that is permitted", labels: labels(processedIn: ["SE", "DE"], storedIn: ["DE"]), denial: nil),
        Case("nothing stored, and said so", labels: labels(storedIn: [], retentionDays: 0), denial: nil),
        Case(
            "any place, operator and model", tenant: tenant(places: .any, operators: .any, models: .any), model: "other",
            labels: labels(processedIn: ["US", "CN"], storedIn: ["KP"], operator: "Anyone"), denial: nil),
        Case("an empty policy permits nothing", tenant: nothing, labels: labels(), denial: .model("m")),
        Case("a model that is not named", model: "other", labels: labels(), denial: .model("other")),
        Case("a model in other letters", model: "M", labels: labels(), denial: .model("M")),
        Case("an operator that is not named", labels: labels(operator: "Fabrikam"), denial: .operatorNotAllowed("Fabrikam")),
        Case(
            "no operators named", tenant: tenant(operators: .only([])), labels: labels(), denial: .operatorNotAllowed("Contoso")),
        Case("an operator that is unknown", labels: labels(operator: ""), denial: .operatorUnknown),
        Case(
            "unknown is denied where any operator may", tenant: tenant(operators: .any), labels: labels(operator: ""),
            denial: .operatorUnknown),
        Case(
            "unknown is denied where the empty name is listed", tenant: tenant(operators: .only([""])),
            labels: labels(operator: ""), denial: .operatorUnknown),
        Case("where it processes is unknown", labels: labels(processedIn: []), denial: .processedInUnknown),
        Case(
            "the same where any place may", tenant: tenant(places: .any), labels: labels(processedIn: []),
            denial: .processedInUnknown),
        Case("where it stores is unknown", labels: labels(storedIn: []), denial: .storedInUnknown),
        Case(
            "the same where any place may, for storage", tenant: tenant(places: .any), labels: labels(storedIn: []),
            denial: .storedInUnknown),
        Case("nothing is said of retention", labels: labels(storedIn: [], retentionDays: nil), denial: .storedInUnknown),
        Case("one place too many to process in", labels: labels(processedIn: ["SE", "US"]), denial: .processedIn("US")),
        Case("the first of several places", labels: labels(processedIn: ["US", "CN", "SE"]), denial: .processedIn("CN")),
        Case("one place too many to store in", labels: labels(storedIn: ["SE", "US"]), denial: .storedIn("US")),
        Case(
            "places that are said to store nothing still count", labels: labels(storedIn: ["US"], retentionDays: 0),
            denial: .storedIn("US")),
        Case("no places named", tenant: tenant(places: .only([])), labels: labels(), denial: .processedIn("SE")),
        Case(
            "a zone's name is not its member", tenant: tenant(places: .only(["EU"])), labels: labels(), denial: .processedIn("SE")
        ),
        Case(
            "the model comes before all", tenant: nothing,
            labels: Labels(processedIn: [], storedIn: [], operator: "", operatorCountry: ""), denial: .model("m")),
    ]

    @Test("and each denial names what is missing", arguments: cases)
    func judges(_ example: Case) {
        #expect(judge(example.tenant, model: example.model, at: example.labels) == example.denial)
    }

    @Test("A denial reads as a sentence that names its value")
    func sentences() {
        let denials: [Denial] = [
            .model("word"), .keyModel("word"), .operatorNotAllowed("word"), .processedIn("word"), .storedIn("word"),
        ]
        for denial in denials { #expect(denial.description.contains("word")) }
        for denial in [Denial.operatorUnknown, .processedInUnknown, .storedInUnknown] {
            #expect(denial.description.contains("unknown is denied"))
        }
        #expect(Set((denials + [.operatorUnknown, .processedInUnknown, .storedInUnknown]).map(\.description)).count == 8)
    }

    @Test("A key that is made for some models opens no other, and none that its tenant may not use")
    func keyModels() {
        let all = catalogue(
            [endpoint("a", models: ["m", "n", "x"])], tenants: [tenant(models: .only(["m", "n"]))])
        #expect(all.denial(of: call("m", in: all, keyModels: ["m"]), at: 0) == nil)
        #expect(all.denial(of: call("n", in: all, keyModels: ["m"]), at: 0) == .keyModel("n"))
        #expect(all.denial(of: call("x", in: all, keyModels: ["x"]), at: 0) == .model("x"))
        #expect(all.denial(of: call("m", in: all, keyModels: []), at: 0) == .keyModel("m"))
        var judge = CallJudge(all)
        func models(_ tenant: Int, _ keyModels: Set<String>?) -> [String] {
            judge.models(for: call(in: all, tenant: tenant, keyModels: keyModels).caller, at: noon)
        }
        #expect(models(0, nil) == ["m", "n"])
        #expect(models(0, ["n", "x", "unknown"]) == ["n"])
        #expect(models(0, []) == [])
        #expect(models(1, nil) == [])
    }
}
