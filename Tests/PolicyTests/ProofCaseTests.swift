import Cedar
import Core
import Policy
import Testing

/// Configurations whose answers are known by thought.
@Suite("Proofs of small configurations")
struct ProofCaseTests {
    /// A tenant with a team, and endpoints in China, Sweden and nobody knows where.
    static func world(_ labels: CallLabels = .unknown, places: TenantPolicy.Allowed = .any) -> PolicyWorld {
        func one(_ name: String, _ places: Set<Place>) -> Endpoint {
            endpoint(name, labels: PolicyTests.labels(processedIn: places, storedIn: places))
        }
        return PolicyWorld(
            endpoints: [one("cn", ["CN"]), one("se", ["SE"]), one("nowhere", [])],
            tenants: [
                TenantPolicy(
                    tenant: "acme", teams: ["t"], places: places, operators: .any, models: .any, labels: labels,
                    company: Company(country: "SE"))
            ],
            zones: ["EU": ["SE", "DE"]])
    }

    static let lists = "@id(\"lists\") permit (principal, action, resource);\n"
    /// Personal data about people in China stays there.
    static let stays = """
        @id("cn-stays") forbid (principal, action, resource)
        when { context.dataClass in DataClass::"personal" && context.subjects.contains("CN") }
        unless { ["CN"].containsAll(resource.processedIn) };\n
        """
    static let claim = """
        @id("cn") @claim("No call with personal data about people in China is processed elsewhere.")
        forbid (principal, action, resource)
        when { context.dataClass in DataClass::"personal" && context.subjects.contains("CN") }
        unless { ["CN"].containsAll(resource.processedIn) };\n
        """

    static func prove(
        _ policies: String, _ claims: String, _ world: PolicyWorld = world(), casesMax: Int = Proof.casesMax
    ) throws -> [Proof.Answer] {
        let timeline = try timeline(policies, in: world, at: noon)
        return Proof(timeline, at: noon, casesMax: casesMax).prove(
            try Claim.parse(Source(name: "claims.cedar", text: claims), in: world))
    }

    private func outcome(
        _ policies: String, _ claims: String, _ world: PolicyWorld = world(), casesMax: Int = Proof.casesMax
    ) throws -> Proof.Outcome {
        let answers = try Self.prove(policies, claims, world, casesMax: casesMax)
        return try #require(answers.first?.stages.first).outcome
    }

    @Test("A claim that a policy keeps is proved, with what it covers")
    func proved() throws {
        guard case .proved(let coverage) = try outcome(Self.lists + Self.stays, Self.claim) else {
            Issue.record("not proved")
            return
        }
        // Of three endpoints the lists deny the one that is nowhere, four operations are one case each.
        #expect(coverage.endpoints == 3)
        #expect(coverage.concerned > 0)
        #expect(coverage.attempts > coverage.concerned)
        #expect(coverage.cases > 0)
    }

    @Test("Without the policy there is a call that the claim says cannot be: who, what, where, with which labels")
    func violated() throws {
        guard case .violated(let example) = try outcome(Self.lists, Self.claim) else {
            Issue.record("not violated")
            return
        }
        #expect(example.isPermitted)
        #expect(!example.claimErrs)
        #expect(example.reasons == Reasons(isPermitted: true, determining: ["lists"], errors: []))
        #expect(example.attempt.tenant == "acme")
        #expect(example.attempt.endpoint == "se")
        #expect(example.attempt.labels.dataClass.map(DataClasses.standard.isPersonal) == true)
        #expect(example.attempt.labels.subjects.contains("CN"))
        #expect(example.attempt.free.contains("purposes"))
    }

    @Test("A policy that looks away from unknown labels leaves the claim without an answer, which counts against it")
    func unknown() throws {
        let guarded = Self.stays.replacing("when { context.dataClass", with: "when { context has dataClass && context.dataClass")
        guard case .violated(let example) = try outcome(Self.lists + guarded, Self.claim) else {
            Issue.record("not violated")
            return
        }
        #expect(example.claimErrs)
        #expect(example.attempt.labels.dataClass == nil)
    }

    @Test("Bounds of the tenant make a claim true that is not true of every call")
    func bounds() throws {
        let world = Self.world(CallLabels(subjects: ["SE", "DE"]), places: .only(["CN", "SE"]))
        let claim = """
            @id("no-cn") @claim("Nothing is about people in China.")
            forbid (principal, action, resource) when { context has subjects && context.subjects.contains("CN") };
            """
        guard case .proved(let coverage) = try outcome(Self.lists, claim, world) else {
            Issue.record("not proved")
            return
        }
        #expect(coverage.concerned == 0)
        guard case .violated = try outcome(Self.lists, claim) else {
            Issue.record("not violated")
            return
        }
    }

    @Test("A permit claims that every attempt like it is permitted, by the tenant's lists too")
    func permits() throws {
        let claim = """
            @id("all") @claim("What is public may go to Sweden.")
            permit (principal, action, resource == Endpoint::"se") when { context.dataClass == DataClass::"public" };
            """
        guard case .proved(let coverage) = try outcome(Self.lists, claim) else {
            Issue.record("not proved")
            return
        }
        #expect(coverage.concerned > 0)
        let personal = claim.replacing("\"public\"", with: "\"personal\"")
        guard case .violated(let byPolicy) = try outcome(Self.lists + Self.stays, personal) else {
            Issue.record("not violated")
            return
        }
        #expect(!byPolicy.isPermitted)
        #expect(byPolicy.reasons.determining + byPolicy.reasons.errors == ["cn-stays"] || byPolicy.reasons.errors == ["cn-stays"])
        guard case .violated(let byLists) = try outcome(Self.lists, claim, Self.world(places: .only(["CN"]))) else {
            Issue.record("not violated")
            return
        }
        #expect(byLists.denial == .processedIn("SE"))
    }

    @Test("A dated policy is held against the claim from its day on")
    func stages() throws {
        let dated = Self.stays.replacing(
            "@id(\"cn-stays\")", with: "@id(\"cn-stays\") @effective(\"2028-01-01\") @until(\"2029-01-01\")")
        let answer = try #require(try Self.prove(Self.lists + dated, Self.claim).first)
        #expect(
            answer.stages.map(\.from.description) == [noon.description, "2028-01-01T00:00:00.000Z", "2029-01-01T00:00:00.000Z"])
        #expect(
            answer.stages.map { if case .proved = $0.outcome { true } else { false } } == [false, true, false])
        #expect(!answer.isProved)
    }

    @Test("The clock in a condition is gone through from now on")
    func clock() throws {
        let policies =
            Self.lists + """
                @id("closed") forbid (principal, action, resource)
                when { context.now >= datetime("2028-01-01") && context.now < datetime("2029-01-01") };
                """
        func claim(_ from: String, _ until: String) -> String {
            """
            @id("c") @claim("Nobody calls then.")
            forbid (principal, action, resource) when { context.now >= datetime("\(from)") && context.now < datetime("\(until)") };
            """
        }
        guard case .proved = try outcome(policies, claim("2028-01-01", "2029-01-01")) else {
            Issue.record("not proved")
            return
        }
        guard case .violated(let example) = try outcome(policies, claim("2028-06-01", "2029-01-01T00:00:00.001Z")) else {
            Issue.record("not violated")
            return
        }
        #expect(example.attempt.now.description == "2029-01-01T00:00:00.000Z")
        // What is past is not looked at.
        guard case .proved = try outcome(policies, claim("2020-01-01", "2026-01-01")) else {
            Issue.record("not proved")
            return
        }
    }

    @Test(
        "A condition in a form that is not gone through is named, with what to write instead",
        arguments: [
            ("context.now.toDate() == datetime(\"2028-01-01\")", "context.now.toDate()", "compare context.now itself"),
            ("context.exportedPersons + 1 > 10", "context.exportedPersons + 1", "compare the count itself"),
            ("context.subjects.containsAll(context.exportTags)", "context.subjects.containsAll(context.exportTags)", "contains"),
            ("[context.purpose].contains(\"support\")", "[context.purpose]", "context.purpose with =="),
            (
                "context.exportedPersons < context.exportedSensitivePersons", "two things that the call brings",
                "compare the count"
            ),
        ])
    func undecided(_ condition: String, _ part: String, _ hint: String) throws {
        let policies = Self.lists + "@id(\"odd\") forbid (principal, action, resource) when { \(condition) };"
        guard case .undecided(let reason) = try outcome(policies, Self.claim) else {
            Issue.record("decided")
            return
        }
        #expect(reason.reason.contains("\"odd\""), "\(reason)")
        #expect(reason.reason.contains(part), "\(reason)")
        #expect(reason.hint.contains(hint), "\(reason)")
    }

    @Test("What cannot be gone through does no harm where nothing turns on it")
    func harmless() throws {
        let policies =
            Self.lists + Self.stays + """
                @id("odd") forbid (principal in Tenant::"acme", action, resource == Endpoint::"cn")
                when { context.now.toDate() == datetime("2028-01-01") };
                """
        // The claim is about no attempt at the endpoint in China, and the odd policy about no other.
        guard case .proved = try outcome(policies, Self.claim) else {
            Issue.record("not proved")
            return
        }
    }

    @Test("Beyond a number of cases there is no answer, and it says so")
    func limits() throws {
        guard case .undecided(let cases) = try outcome(Self.lists + Self.stays, Self.claim, casesMax: 3) else {
            Issue.record("decided")
            return
        }
        #expect(cases.reason.contains("more than 3 cases"))
    }

    @Test("A hundred countries, tags and purposes that policies name one by one are as many cases, not all their combinations")
    func many() throws {
        let countries = countryCodes.sorted().prefix(100)
        let policies = countries.enumerated().map { number, country in
            let asked = [
                "context.subjects.contains(\"\(country)\")", "context.exportTags.contains(\"t\(number)\")",
                "context.purpose == \"p\(number)\"", "context.purpose like \"q\(number)*\"",
            ][number % 4]
            return "@id(\"p\(number)\") forbid (principal, action, resource == Endpoint::\"se\") when { \(asked) };\n"
        }
        let claim = """
            @id("c") @claim("What has three of them does not go to Sweden.")
            forbid (principal, action, resource == Endpoint::"se")
            when { context.exportTags.contains("t5") || context.subjects.contains("\(countries[4])") || context.purpose == "p6" };
            """
        guard case .proved(let coverage) = try outcome(Self.lists + policies.joined(), claim) else {
            Issue.record("not proved")
            return
        }
        #expect(coverage.concerned > 0)
        #expect(coverage.cases < 2_000)
        for removed in [4, 5, 6] {
            var kept = policies
            kept.remove(at: removed)
            guard case .violated = try outcome(Self.lists + kept.joined(), claim) else {
                Issue.record("not violated without \(policies[removed])")
                return
            }
        }
    }

    @Test("Of many claims with a policy each, taking one policy away breaks exactly its claim")
    func mutations() throws {
        let places = ["CN", "RU", "US", "IN", "BR"]
        let classes = ["personal", "sensitive"]
        let pairs = places.flatMap { place in classes.map { (place, $0) } }
        func condition(_ place: String, _ name: String) -> String {
            "when { context.dataClass == DataClass::\"\(name)\" && context.subjects.contains(\"\(place)\") }"
        }
        let policies = pairs.map { place, name in
            "@id(\"p-\(place)-\(name)\") forbid (principal, action, resource == Endpoint::\"se\") \(condition(place, name));\n"
        }
        let claims = pairs.map { place, name in
            "@id(\"\(place)-\(name)\") @claim(\"…\") forbid (principal, action, resource == Endpoint::\"se\") \(condition(place, name));\n"
        }.joined()
        for removed in policies.indices {
            var kept = policies
            kept.remove(at: removed)
            let answers = try Self.prove(Self.lists + kept.joined(), claims)
            // What is unknown is denied as long as any policy asks for it.
            #expect(answers.indices.filter { !answers[$0].isProved } == [removed])
        }
    }

    @Test(
        "A claims file that is wrong is refused with the place",
        arguments: [
            ("forbid (principal, action, resource);", "has no name"),
            ("@id(\"a\") forbid (principal, action, resource);", "does not say in words"),
            ("@id(\"a\") @claim(\"b\") forbid (principal == ?principal, action, resource);", "template"),
            (
                "@id(\"a\") @claim(\"b\") forbid (principal in Tenant::\"acmee\", action, resource);",
                "did you mean Tenant::\"acme\""
            ),
            (
                "@id(\"a\") @claim(\"b\") forbid (principal, action, resource) when { resource.procesedIn.isEmpty() };",
                "processedIn"
            ),
            ("@id(\"a\") @claim(\"b\") @effective(\"2028-01-01\") forbid (principal, action, resource);", "@effective"),
            ("", "no claim"),
        ])
    func mistakes(_ text: String, _ message: String) throws {
        do {
            _ = try Claim.parse(Source(name: "claims.cedar", text: text), in: Self.world())
            Issue.record("taken")
        } catch {
            #expect("\(error)".contains(message), "\(error)")
            #expect("\(error)".hasPrefix("claims.cedar:"))
        }
    }
}
