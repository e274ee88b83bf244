import Cedar
import Core
import TestKit
import Testing

@testable import Policy

@Suite("Compiled policies agree with the interpreter")
struct AgreementTests {
    @Test("For random configurations, in every case that policies can tell apart")
    func exhaustive() throws {
        var random = SeededRandom(seed: testSeed("AgreementTests.exhaustive"))
        var cases = 0
        for _ in 0..<worlds(30) {
            let small = TinyWorld(using: &random)
            let timeline = try timeline(small.policies, in: small.world)
            let agreement = Proof(timeline, at: TinyWorld.now).agreement(using: &random)
            #expect(agreement.difference == nil, "\(small.policies)")
            #expect(agreement.isExhaustive)
            cases += agreement.cases
        }
        print("AgreementTests: \(cases) cases")
        #expect(cases > 1_000)
    }

    @Test("Where there are too many cases, random ones are drawn; a hundred policies and fifty endpoints")
    func drawn() throws {
        var random = SeededRandom(seed: testSeed("AgreementTests.drawn"))
        let timeline = try Self.large()
        let drawn = worlds(1) > 1 ? Agreement.drawn : 2_000
        let agreement = Proof(timeline, at: noon).agreement(casesMax: 1_000, drawn: drawn, using: &random)
        #expect(agreement.difference == nil)
        #expect(!agreement.isExhaustive)
        #expect(agreement.cases == drawn)
    }

    /// A hundred policies about countries, classes, tags and purposes, and fifty endpoints in places of their own.
    static func large() throws -> PolicyTimeline {
        let countries = countryCodes.sorted()
        let endpoints = (0..<50).map { number in
            endpoint("e\(number)", labels: labels(processedIn: [countries[number], countries[number + 50]], storedIn: ["SE"]))
        }
        let world = PolicyWorld(
            endpoints: endpoints,
            tenants: (0..<3).map {
                TenantPolicy(tenant: "t\($0)", teams: ["a", "b"], places: .any, operators: .any, models: .any)
            })
        var text = "@id(\"lists\") permit (principal, action, resource);\n"
        for number in 0..<99 {
            let asked = [
                "context.subjects.contains(\"\(countries[number])\") && !resource.processedIn.contains(\"\(countries[number])\")",
                "context.dataClass in DataClass::\"personal\" && resource.retentionDays > \(number)",
                "context.exportTags.contains(\"tag\(number % 7)\") && resource.processedIn.contains(\"\(countries[number])\")",
                "context.purpose == \"purpose\(number % 5)\" && principal in Tenant::\"t\(number % 3)\"",
            ][number % 4]
            text += "@id(\"p\(number)\") forbid (principal, action, resource) when { \(asked) };\n"
        }
        return try timeline(text, in: world, at: noon)
    }

    @Test("A difference is seen")
    func seen() throws {
        var random = SeededRandom(seed: testSeed("AgreementTests.seen"))
        let world = ProofCaseTests.world()
        let timeline = try timeline(ProofCaseTests.lists + ProofCaseTests.stays, in: world, at: noon)
        let other = try PolicySet.parse(
            Source(name: "other", text: ProofCaseTests.lists + ProofCaseTests.stays.replacing("\"CN\")", with: "\"RU\")")))
        let proof = Proof(timeline, at: noon)
        for casesMax in [Agreement.casesMax, 0] {
            #expect(proof.agreement(casesMax: casesMax, drawn: 1_000, interpreting: other, using: &random).difference != nil)
            #expect(proof.agreement(casesMax: casesMax, drawn: 1_000, using: &random).difference == nil)
        }
    }
}
