import Cedar
import Core
import Policy
import Synchronization
import TestKit
import Testing

/// Policies that nobody writes in good faith: each is refused in a sentence or judged rightly, in bounded time and on a small stack.
@Suite("Hostile policies")
struct HostilePolicyTests {
    private static let world = ProofCaseTests.world()

    /// What becomes of a text on its way from the file to a judged call and a proof.
    private struct Fate: Sendable {
        var refusal: String?
        var isPermitted: Bool?
        var proof: String?
    }

    /// A book is read on a command's thread; calls are judged and claims proved on one with a small stack.
    private func fate(_ text: String, _ world: PolicyWorld = Self.world, proving: Bool = true) throws -> Fate {
        let book: PolicyBook
        do throws(Diagnostics) { book = try PolicyBook([Source(name: "hostile.cedar", text: text)], in: world) } catch {
            return Fate(refusal: "\(error)")
        }
        let timeline = try #require(PolicyTimeline(book, in: world, at: noon))
        let claims = try Claim.parse(Source(name: "claims.cedar", text: ProofCaseTests.claim), in: world)
        let fate = Mutex(Fate())
        let ran = onSmallStack {
            let caller = world.principal(key: "key_1", team: "t", tenant: "acme")
            let context = CallContext(
                model: "m",
                labels: CallLabels(
                    dataClass: "personal", categories: [], subjects: ["SE"], purposes: [String(repeating: "a", count: 64)],
                    exportTags: []), now: noon)
            let reasons = timeline.stages[0].policies.judge(
                CompiledPolicies.Call(
                    principal: caller.uid, action: .operation(.chat), context: context.record(), guest: caller), at: 1)
            fate.withLock { $0.isPermitted = reasons.isPermitted }
            guard proving else { return }
            let answer = Proof(timeline, at: noon, casesMax: 500).prove(claims)[0].stages[0]
            fate.withLock {
                switch answer.outcome {
                case .proved: $0.proof = "proved"
                case .violated: $0.proof = "violated"
                case .undecided(let reason): $0.proof = reason.reason
                }
            }
        }
        try #require(ran)
        return fate.withLock { $0 }
    }

    private func forbid(_ condition: String, _ id: String = "odd") -> String {
        "@id(\"\(id)\") forbid (principal, action, resource) when { \(condition) };\n"
    }

    private func nested(_ open: String, _ inside: String, _ close: String, _ count: Int) -> String {
        String(repeating: open, count: count) + inside + String(repeating: close, count: count)
    }

    @Test(
        "The deepest condition that is taken is judged and proved on a small stack, and a deeper one is refused with its place",
        arguments: [
            ("(", "context.dataClass in DataClass::\"sensitive\"", ")", 61),
            ("!(", "context.dataClass in DataClass::\"sensitive\"", ")", 60),
            ("if ", "context.dataClass in DataClass::\"sensitive\"", " then false else false", 61),
            ("if context.dataClass in DataClass::\"sensitive\" then true else ", "false", "", 61),
            ("true && (false || ", "context.dataClass in DataClass::\"sensitive\"", ")", 30),
        ])
    func depth(_ open: String, _ inside: String, _ close: String, _ count: Int) throws {
        let deepest = try fate(ProofCaseTests.lists + forbid(nested(open, inside, close, count)))
        #expect(deepest.refusal == nil)
        #expect(deepest.isPermitted == true, "\(deepest)")
        #expect(deepest.proof == "violated", "\(deepest)")
        for count in [100, 201, 50_000] {
            let fate = try fate(ProofCaseTests.lists + forbid(nested(open, inside, close, count)))
            // Parentheses alone do not make a condition deeper once it is read.
            if count == 100, open == "(" { continue }
            #expect(fate.refusal?.contains("hostile.cedar:2:") == true, "\(fate.refusal ?? "taken")")
            let said = ["64 are taken", "200 levels"].contains { fate.refusal?.contains($0) == true }
            #expect(said, "\(fate.refusal ?? "taken")")
        }
    }

    @Test("Nested sets and records, and minus signs, of any depth are refused")
    func values() throws {
        for (open, inside, close) in [
            ("[", "1", "]"), ("{a: ", "1", "}"), ("-", "1", ""), ("[{a: ", "1", "}]"), ("ip(", "\"::1\"", ")"),
            ("context.subjects.contains(", "\"CN\"", ")"), ("[1].containsAll(", "[1]", ")"),
        ] {
            for count in [150, 201, 100_000] {
                let fate = try fate(ProofCaseTests.lists + forbid(nested(open, inside, close, count) + " == 1"))
                #expect(fate.refusal != nil)
            }
        }
    }

    @Test(
        "Chains of ten thousand && and || are flat: judged, and a proof says that they may be given up for some labels",
        arguments: [" && ", " || "])
    func chains(_ operation: String) throws {
        let operand =
            operation == " && " ? "!(context.subjects.contains(\"CN\"))" : "context.subjects.contains(\"CN\")"
        let condition = Array(repeating: operand, count: 10_000).joined(separator: operation)
        let fate = try fate(ProofCaseTests.lists + forbid(condition))
        #expect(fate.refusal == nil)
        #expect(fate.isPermitted == (operation == " || "))
        #expect(fate.proof?.contains("may take more than") == true, "\(fate)")
    }

    @Test("A pattern of many stars against a long text is given up as an error, which denies in a forbid")
    func patterns() throws {
        let stars = String(repeating: "a*", count: 30) + "b"
        let fate = try fate(ProofCaseTests.lists + forbid("context.purpose like \"*\(stars)\""))
        #expect(fate.refusal == nil)
        #expect(fate.isPermitted == true)
        #expect(fate.proof == "violated", "\(fate)")
        let many = (0..<40).map { "context.purpose like \"*\(String(repeating: $0 % 2 == 0 ? "a" : "b", count: $0))*x*\"" }
        let gaveUp = try self.fate(ProofCaseTests.lists + forbid(many.joined(separator: " || ")))
        #expect(gaveUp.isPermitted == true)
        #expect(gaveUp.proof != nil)
        let text = String(repeating: "a", count: 1 << 20)
        let pattern = "*" + String(repeating: "a", count: 1 << 19) + "b"
        let slow = try self.fate(ProofCaseTests.lists + forbid("\"\(text)\" like \"\(pattern)\""))
        #expect(slow.refusal == nil)
        #expect(slow.isPermitted == false)
    }

    @Test("Sets of twenty thousand words, and numbers at the edge of 64 bits, have the right answer or an error that denies")
    func large() throws {
        let words = (0..<20_000).map { "\"w\($0)\"" }.joined(separator: ",")
        let set = try fate(ProofCaseTests.lists + forbid("[\(words), \"SE\"].containsAll(context.subjects)"))
        #expect(set.isPermitted == false)
        #expect(set.proof != nil)
        for (condition, isPermitted) in [
            ("9223372036854775807 + 1 > 0", false), ("-9223372036854775808 - 1 < 0", false),
            ("-(-9223372036854775808) > 0", false),
            ("9223372036854775807 * 2 > 0", false), ("9223372036854775807 > 9223372036854775806 && false", true),
            ("context.now < datetime(\"9999-12-31\")", false), ("context.now > datetime(\"9999-12-31\")", true),
        ] {
            let fate = try fate(ProofCaseTests.lists + forbid(condition))
            #expect(fate.refusal == nil, "\(condition)")
            #expect(fate.isPermitted == isPermitted, "\(condition)")
        }
        for number in ["9223372036854775808", "-9223372036854775809", String(repeating: "9", count: 100_000)] {
            let fate = try fate(ProofCaseTests.lists + forbid("\(number) > 0"))
            #expect(fate.refusal?.contains("hostile.cedar:2:") == true)
        }
    }

    @Test("As many policies as a book takes are judged; one more is refused")
    func thousands() throws {
        let many = (0..<PolicyBook.policiesMax - 1).map { forbid("context.subjects.contains(\"\($0)\")", "p\($0)") }.joined()
        let fate = try fate(ProofCaseTests.lists + many, proving: false)
        #expect(fate.refusal == nil)
        #expect(fate.isPermitted == true)
        let more = try self.fate(ProofCaseTests.lists + many + forbid("true", "last"))
        #expect(more.refusal?.contains("after the first \(PolicyBook.policiesMax)") == true)
    }

    @Test("Conditions whose combinations are exponential cost the data path one question each, and a proof gives up in time")
    func exponential() throws {
        let countries = countryCodes.sorted()
        let all = (0..<30).map { number in
            "(context.subjects.contains(\"\(countries[2 * number])\") == context.subjects.contains(\"\(countries[2 * number + 1])\"))"
        }
        let fate = try fate(
            ProofCaseTests.lists + forbid("!(" + all.joined(separator: " && ") + ")")
                + forbid(
                    "!(" + all.map { "!\($0)" }.joined(separator: " && ") + ")", "even"))
        #expect(fate.refusal == nil)
        #expect(fate.isPermitted == false)
        #expect(fate.proof == "proved" || fate.proof?.contains("cases") == true, "\(fate)")
        let parity = all.dropFirst().reduce(all[0]) { "(\($0) == \($1))" }
        let hard = try self.fate(ProofCaseTests.lists + forbid(parity, "parity"))
        #expect(hard.refusal == nil)
        #expect(hard.proof?.contains("there are more than 500 cases") == true, "\(hard)")
    }
}
