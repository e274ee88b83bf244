import Core
import Foundation
import Policy
import Settings
import Testing

/// Tables of cases are read against the example that docs/compliance.md follows, and judged by it.
@Suite("Tables of policy cases")
struct PolicyCaseTests {
    private static let folder = repository.appendingPathComponent("examples/residency").path + "/"
    private static let environment = ["WEIR_SHARE": repository.appendingPathComponent("share").path]
    private static let now = Timestamp(policyDay: "2026-11-24").unsafelyUnwrapped

    private static func configuration() throws -> Configuration {
        try loadConfiguration(
            file: folder + "weir.yaml", environment: environment, secrets: .standIns, at: now
        ).get()
    }

    private static func cases(_ text: String) throws -> Result<[PolicyCase], ConfigurationErrors> {
        loadPolicyCases(
            text: text, file: "cases.yaml", for: try configuration(), environment: environment, at: now,
            serves: { _, operation in operation != .embeddings }, readFile: read)
    }

    private static func judge() throws -> PolicyCaseJudge { PolicyCaseJudge(try configuration().catalogue) }

    @Test("Every case of the example holds, and every one of its policies decides some")
    func example() throws {
        let rows = try Self.cases(try read(Self.folder + "cases.yaml")).get()
        #expect(rows.count == 8)
        var judge = try Self.judge()
        for row in rows { #expect(judge.differences(row) == [], "\(row.name)") }
        #expect(judge.deciding == ["lists", "china-stays", "europe-stays"])
    }

    @Test("A case that asks for too much or too little says at which endpoint, and by which policy")
    func differences() throws {
        func differences(_ row: String) throws -> [String] {
            let text = "cases: [{name: n, tenant: acme, team: support, model: assistant, \(row)}]"
            var judge = try Self.judge()
            return try Self.cases(text).get().flatMap { judge.differences($0) }
        }
        #expect(try differences("client: {subject: CN}, allowed: [qwen-beijing]").isEmpty)
        #expect(try differences("client: {subject: CN}, allowed: []") == ["qwen-beijing is allowed, by lists"])
        #expect(
            try differences("client: {subject: SE}, allowed: [azure-sweden, qwen-beijing]")
                == ["qwen-beijing is denied: forbidden by policy europe-stays"])
        #expect(
            try differences("client: {subject: SE}, allowed: [azure-sweden], denied: {qwen-beijing: [china-stays]}")
                == ["qwen-beijing is denied, but not by china-stays: forbidden by policy europe-stays"])
        let refused = try differences("client: {subject: US}, allowed: [azure-global]")
        #expect(refused.count == 1 && refused[0].hasPrefix("what the client says is refused: "))
    }

    @Test("A label that nobody knows denies, and the difference says what was asked of it")
    func unknown() throws {
        let text = "cases: [{name: n, tenant: acme, team: engineering, model: assistant, allowed: [qwen-beijing]}]"
        let bare = try read(Self.folder + "weir.yaml")
            .replacing("    labels: {class: internal, categories: [], subjects: [EEA, CN], exportTags: []}\n", with: "")
        let configuration = try loadConfiguration(
            text: bare, file: Self.folder + "weir.yaml", environment: Self.environment, secrets: .standIns, at: Self.now,
            readFile: read
        ).get()
        var judge = PolicyCaseJudge(configuration.catalogue)
        let said = try Self.cases(text).get().flatMap { judge.differences($0) }
        #expect(said.count == 1 && said[0].contains("qwen-beijing is denied") && said[0].contains("dataClass"), "\(said)")
    }

    struct Wrong: Sendable, CustomTestStringConvertible {
        var text: String
        /// What the place of the error points at.
        var at: String
        var sentence: String
        var testDescription: String { sentence }
    }

    private static let head = "tenant: acme, team: support, model: assistant"

    static let wrongs: [Wrong] = [
        Wrong(text: "", at: "", sentence: "The file is empty."),
        Wrong(text: "cases: []", at: "[]", sentence: "`cases` takes 1 to 10000 cases."),
        Wrong(text: "cases: 7", at: "7", sentence: "`cases` takes a list of cases."),
        Wrong(text: "cases: [{\(head), allowed: []}]", at: "{tenant", sentence: "`name` is missing"),
        Wrong(text: "cases: [{name: n, \(head)}]", at: "{name", sentence: "`[]` says that the call may go nowhere."),
        Wrong(
            text: "cases: [{name: n, tenant: acme, team: suport, model: assistant, allowed: []}]", at: "suport",
            sentence: "`team` names none of the configuration's: `engineering`, `support`."),
        Wrong(
            text: "cases: [{name: n, tenant: other, team: support, model: assistant, allowed: []}]", at: "other",
            sentence: "`tenant` names none of the configuration's: `acme`."),
        Wrong(
            text: "cases: [{name: n, tenant: acme, team: support, model: asistant, allowed: []}]", at: "asistant",
            sentence: "`model` names none of the configuration's: `assistant`."),
        Wrong(
            text: "cases: [{name: n, \(head), allowed: [azure-norway]}]", at: "azure-norway",
            sentence: "`allowed` names none of the configuration's"),
        Wrong(
            text: "cases: [{name: n, \(head), operation: embeddings, allowed: [azure-sweden]}]", at: "azure-sweden",
            sentence: "there are none"),
        Wrong(
            text: "cases: [{name: n, \(head), allowed: [azure-sweden], denied: {azure-sweden: [china-stays]}}]",
            at: "azure-sweden: [",
            sentence: "This endpoint is in `allowed`, too."),
        Wrong(
            text: "cases: [{name: n, \(head), allowed: [], denied: {azure-sweden: [china-stay]}}]", at: "china-stay]",
            sentence: "The configuration has no policy of this name."),
        Wrong(
            text: "cases: [{name: n, \(head), at: noon, allowed: []}]", at: "noon",
            sentence: "`at` takes a day"),
        Wrong(
            text: "cases: [{name: n, \(head), exported: {persons: 1, sensitivePersons: 2}, allowed: []}]", at: "2}",
            sentence: "cannot be more"),
        Wrong(text: "cases: [{name: n, \(head), alowed: []}]", at: "alowed", sentence: "`alowed`"),
        Wrong(text: "cases: [{name: n, \(head), allowed: []}]\nmore: 1", at: "more", sentence: "`more`"),
    ]

    @Test("What is wrong in a table is named with its place", arguments: wrongs)
    func refused(_ wrong: Wrong) throws {
        guard case .failure(let errors) = try Self.cases(wrong.text) else {
            Issue.record("was taken")
            return
        }
        #expect(errors.description.contains(wrong.sentence), "\(errors)")
        let before = wrong.text.prefix(upTo: wrong.text.firstRange(of: wrong.at)?.lowerBound ?? wrong.text.startIndex)
        let line = before.split(separator: "\n", omittingEmptySubsequences: false).last ?? ""
        let place = "\(before.count { $0 == "\n" } + 1):\(line.count + 1)"
        #expect(errors.description.contains("cases.yaml:\(place): "), "\(errors)")
    }

    @Test("A table of 10,001 cases is refused, one of 10,000 is judged")
    func many() throws {
        func table(_ count: Int) -> String {
            "defaults: {\(Self.head)}\ncases:\n" + (0..<count).map { "  - {name: n\($0), allowed: []}\n" }.joined()
        }
        guard case .failure(let errors) = try Self.cases(table(policyCasesMax + 1)) else {
            Issue.record("was taken")
            return
        }
        #expect(errors.description.contains("1 to 10000 cases"))
        var judge = try Self.judge()
        let rows = try Self.cases(table(policyCasesMax)).get()
        #expect(rows.allSatisfy { judge.differences($0).isEmpty } && rows.count == policyCasesMax)
    }

    @Test("A dated policy counts at the case's moment, and counts of persons are those of the case")
    func moments() throws {
        let environment = Self.environment
        let policies = """
            @id("some") permit (principal, action, resource);
            @id("later") @effective("2027-03-01") forbid (principal, action, resource == Endpoint::"azure-sweden");
            """
        let text = try read(Self.folder + "weir.yaml")
        let configuration = try loadConfiguration(
            text: text, file: Self.folder + "weir.yaml", environment: environment, secrets: .standIns, at: Self.now
        ) { path in path.hasSuffix("residency.cedar") ? policies : try read(path) }.get()
        let table = """
            defaults: {tenant: acme, team: engineering, model: assistant}
            cases:
              - {name: before, at: "2027-02-28", allowed: [azure-global, azure-sweden, qwen-beijing]}
              - {name: after, at: "2027-03-01", allowed: [azure-global, qwen-beijing], denied: {azure-sweden: [later]}}
            """
        let rows = try loadPolicyCases(
            text: table, file: "cases.yaml", for: configuration, environment: environment, at: Self.now, serves: { _, _ in true },
            readFile: read
        ).get()
        var judge = PolicyCaseJudge(configuration.catalogue)
        for row in rows { #expect(judge.differences(row) == [], "\(row.name)") }
    }
}

extension Configuration {
    fileprivate var catalogue: Catalogue {
        Catalogue(generation: 0, endpoints: endpoints, tenants: tenants, classes: classes, policies: policies)
    }
}
