import Cedar
import Core
import Policy
import Testing

/// Proofs of policies as companies have them.
@Suite("Proofs of many policies")
struct ProofScaleTests {
    @Test("With every rule of the pack on, each rule alone and all together can be gone through, now and at each turn")
    func pack() throws {
        let permit = Source(name: "permit", text: ProofCaseTests.lists)
        let world = try #require(try Pack.cases(of: Pack.rules[0].name).first).world
        let claims = try Claim.parse(Source(name: "claims.cedar", text: ProofCaseTests.claim + Self.unknown), in: world)
        var cases = 0
        for rules in Pack.rules.map({ [$0] }) + [Pack.rules] {
            let book = try PolicyBook([permit] + rules.map(\.source), in: world)
            let timeline = try #require(PolicyTimeline(book, in: world, at: noon))
            for answer in Proof(timeline, at: noon).prove(claims) {
                #expect(!answer.stages.isEmpty)
                for stage in answer.stages {
                    switch stage.outcome {
                    case .proved(let coverage): cases += coverage.cases
                    case .violated: break
                    case .undecided(let reason): Issue.record("\(rules.map(\.name)): \(reason)")
                    }
                }
            }
        }
        print("ProofScaleTests: \(cases) cases of the pack")
    }

    private static let unknown = """
        @id("unknown") @claim("What has no class is not sent.")
        forbid (principal, action, resource) unless { context has dataClass };
        """

    @Test("A claim over a hundred policies and fifty endpoints is proved, and broken when its policy is gone")
    func hundred() throws {
        let timeline = try AgreementTests.large()
        let country = countryCodes.sorted()[12]
        let claim = """
            @id("kept") @claim("What is about people of one country stays in it.")
            forbid (principal, action, resource)
            when { context has subjects && context.subjects.contains("\(country)") && !resource.processedIn.contains("\(country)") };
            @id("broken") @claim("What is about people of a country without a policy stays in it.")
            forbid (principal, action, resource)
            when { context has subjects && context.subjects.contains("ZW") && !resource.processedIn.contains("ZW") };
            """
        let answers = Proof(timeline, at: noon).prove(
            try Claim.parse(Source(name: "claims.cedar", text: claim), in: timeline.world))
        guard case .proved(let coverage) = answers[0].stages[0].outcome,
            case .violated(let example) = answers[1].stages[0].outcome
        else {
            Issue.record("\(answers.map { "\($0.stages[0].outcome)".prefix(600) })")
            return
        }
        print("ProofScaleTests: \(coverage)")
        #expect(coverage.endpoints == 50)
        #expect(coverage.concerned > 0)
        #expect(example.attempt.labels.subjects.contains("ZW"))
    }
}
