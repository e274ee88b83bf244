import Cedar
import Core
import Policy
import TestKit
import Testing

@Suite("The rule pack")
struct RuleTests {
    private static let permit = Source(name: "permit", text: #"@id("all") permit (principal, action, resource);"#)

    @Test(
        "Every case of every rule's table is answered as it says, by the compiled policies of the moment",
        arguments: Pack.rules.map(\.name))
    func tables(name: String) throws {
        let rule = try #require(Pack.rules.first { $0.name == name })
        let cases = try Pack.cases(of: name)
        #expect(cases.contains { $0.expected.isEmpty }, "no case is allowed")
        for entry in cases {
            let book = try PolicyBook([Self.permit, rule.source], in: entry.world)
            let timeline = try #require(PolicyTimeline(book, in: entry.world, at: Timestamp(nanoseconds: .min)))
            let reasons = timeline.stages[timeline.stage(at: entry.now)].policies.judge(entry.call, at: 0)
            let denied = reasons.isPermitted ? [] : reasons.determining.filter { $0 != "all" }
            #expect(Set(denied) == Set(entry.expected.filter { $0.value == .holds }.keys), "\(entry.place): denied by")
            #expect(
                Set(reasons.errors) == Set(entry.expected.filter { $0.value == .errs }.keys), "\(entry.place): without an answer")
            #expect(reasons.isPermitted == entry.expected.isEmpty, "\(entry.place)")
        }
        for part in rule.parts {
            #expect(cases.contains { $0.expected[Text(part.id)] == .holds }, "no case is denied by \(part.id)")
        }
    }

    @Test("All rules together type against Weir's words without a remark, and each answers as it does alone")
    func together() throws {
        let sources = [Self.permit] + Pack.rules.map(\.source)
        #expect(Pack.rules.count >= 20)
        // The cases' worlds differ in what is known of their things, not in which there are.
        let world = try #require(try Pack.cases(of: Pack.rules[0].name).first).world
        let book = try PolicyBook(sources, in: world)
        #expect(book.notes.isEmpty, "\(book.notes)")
        for rule in Pack.rules {
            for entry in try Pack.cases(of: rule.name) {
                let compiled = try #require(
                    CompiledPolicies(
                        book.policies(at: entry.now), resources: entry.world.resources,
                        entities: entry.world.entities(at: entry.now),
                        volatile: WeirSchema.volatileFields))
                let reasons = compiled.judge(entry.call, at: 0)
                let own = Set(rule.parts.map { Text($0.id) })
                let denied = reasons.isPermitted ? [] : Set(reasons.determining).intersection(own)
                #expect(denied == Set(entry.expected.filter { $0.value == .holds }.keys), "\(entry.place)")
                #expect(
                    Set(reasons.errors).intersection(own) == Set(entry.expected.filter { $0.value == .errs }.keys),
                    "\(entry.place)")
            }
        }
    }

    @Test("Each rule says its law, its source, its days and how sure it is, and that it is no legal advice")
    func annotations() {
        var ids: Set<String> = []
        for rule in Pack.rules {
            #expect(rule.source.text.contains("Decision support, not legal advice"), "\(rule.name)")
            #expect(!rule.law.isEmpty && ["CN", "EU", "US", "provider"].contains(rule.jurisdiction), "\(rule.name)")
            for part in rule.parts {
                #expect(ids.insert(part.id).inserted, "\(part.id) is there twice")
                #expect(part.until.map { part.effective < $0 } ?? true, "\(part.id)")
            }
        }
    }

    @Test("The files of the pack are those that it names")
    func names() {
        #expect(Pack.rules.map(\.name) == Rule.names.sorted())
        #expect(Set(Rule.names).count == Rule.names.count)
    }

    @Test("Every zone that a rule compares with is in the catalogue of places")
    func zones() {
        for rule in Pack.rules {
            for zone in rule.zones { #expect(Pack.zones[zone]?.isEmpty == false, "\(rule.name): \(zone)") }
        }
    }

    @Test(
        "The affiliates rule turns on 10 November 2026 in Washington, the marking of new services ends in December, and diffusion is over"
    )
    func states() throws {
        func state(_ name: String, _ day: String) throws -> Rule.State {
            let rule = try #require(Pack.rules.first { $0.name == name })
            return rule.state(at: try #require(Timestamp(policyDay: day)))
        }
        func moment(_ day: String) throws -> Timestamp { try #require(Timestamp(policyDay: day)) }
        #expect(try state("us.bis.affiliates50", "2026-11-10T04:59:59.999Z") == .from(moment("2026-11-10T05:00:00Z")))
        #expect(try state("us.bis.affiliates50", "2026-11-10T05:00:00Z") == .inForce(until: nil))
        #expect(try state("us.bis.diffusion", "2026-11-23") == .over(since: moment("2025-05-13T04:00:00Z")))
        #expect(try state("us.bis.diffusion", "2025-02-01") == .inForce(until: moment("2025-05-13T04:00:00Z")))
        #expect(try state("eu.aiact.art50", "2026-08-01T21:59:59.999Z") == .from(moment("2026-08-01T22:00:00Z")))
        #expect(try state("eu.aiact.art50", "2026-08-01T22:00:00Z") == .inForce(until: nil))
    }

    @Test("All rules over a thousand endpoints with labels of their own ask less than a tenth of what one set may")
    func thousandEndpoints() throws {
        var random = SeededRandom(seed: testSeed("RuleTests.thousandEndpoints"))
        let countries = ["CN", "DE", "HK", "IN", "JP", "SE", "SG", "US"]
        func some() -> Set<Place> { Set(countries.filter { _ in Int.random(in: 0..<3, using: &random) == 0 } + ["FR"]) }
        let endpoints = (0..<1_000).map { number in
            var facts = labels(processedIn: some(), storedIn: some(), operator: "Operator \(number)")
            facts.accessFrom = some()
            facts.ownerCountry = countries.randomElement(using: &random)
            facts.exportTags = Bool.random(using: &random) ? ["3A090"] : []
            facts.hardware = Bool.random(using: &random) ? "h200" : nil
            facts.records = Bool.random(using: &random) ? ["scc": "S", "tia": "T"] : ["dpa": "D"]
            return endpoint("e\(number)", labels: facts)
        }
        let world = PolicyWorld(endpoints: endpoints, tenants: [tenant()], zones: Pack.zones)
        let book = try PolicyBook([Self.permit] + Pack.rules.map(\.source), in: world)
        let now = try #require(Timestamp(policyDay: "2029-01-01"))
        let timeline = try #require(PolicyTimeline(book, in: world, at: now))
        let most = timeline.stages.map(\.policies.questionCount).max() ?? 0
        #expect(most > 0 && most * 10 < CompiledPolicies.questionsMax, "\(most)")
        #expect(timeline.stages.count == 1, "everything has begun")
    }

    @Test(
        "A file that permits, names another rule, or leaves out what an annotation has to say is no rule, with a place for each mistake"
    )
    func noRules() {
        let good = """
            @id("x") @law("l") @title("t") @jurisdiction("EU") @source("s") @effective("2026-01-01") @confidence("read")
            forbid (principal, action, resource);
            """
        let table: [(String, String)] = [
            (good.replacing("forbid", with: "permit"), "only forbids"),
            (good.replacing(#""x""#, with: #""y""#), "not of the rule x"),
            (good.replacing(#"@source("s")"#, with: ""), "no @source"),
            (good.replacing(#"@source("s")"#, with: #"@source("")"#), "no @source"),
            (good.replacing(#"("2026-01-01")"#, with: #"("soon")"#), "@effective is no moment"),
            (good.replacing(#"("read")"#, with: #"("sure")"#), "@confidence is none"),
            (good + good.replacing(#""x""#, with: #""x/b""#).replacing(#""l""#, with: #""k""#), "differ in @law"),
            ("", "one policy or several"),
        ]
        #expect(throws: Never.self) { try Rule(name: "x", Source(name: "x.cedar", text: good)) }
        for (text, message) in table {
            do {
                _ = try Rule(name: "x", Source(name: "x.cedar", text: text))
                Issue.record("read: \(text)")
            } catch {
                #expect("\(error)".contains(message) && "\(error)".hasPrefix("x.cedar:"), "\(error)")
            }
        }
    }
}
