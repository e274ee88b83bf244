import Cedar
import Foundation
import TestKit
import Testing

private func parseJSON(_ text: String) throws(Diagnostics) -> PolicySet {
    try PolicySet.parseJSON(Source(name: "p.json", text: text))
}

/// A set of one policy or template.
private func only(_ policy: Policy) -> PolicySet {
    var set = PolicySet()
    let isNew = set.add(policy)
    precondition(isNew)
    return set
}

@Suite("Policies as JSON")
struct PolicyJSONTests {
    @Test("The language's own example means the same in both forms")
    func example() throws {
        let json = """
            {"effect": "permit", "principal": {"op": "==", "entity": {"type": "User", "id": "12UA45"}},
             "action": {"op": "==", "entity": {"type": "Action", "id": "view"}},
             "resource": {"op": "in", "entity": {"type": "Folder", "id": "abc"}},
             "conditions": [{"kind": "when", "body": {"==": {"left": {".": {"left": {"Var": "context"}, "attr": "tls_version"}},
               "right": {"Value": "1.3"}}}}]}
            """
        let text = """
            permit (principal == User::"12UA45", action == Action::"view", resource in Folder::"abc")
            when { context.tls_version == "1.3" };
            """
        #expect(try parseJSON(json).policies == PolicySet.parse(Source(name: "p", text: text)).policies)
    }

    @Test("Every policy of the corpus is the same after a way through JSON")
    func corpus() throws {
        let files = FileManager.default.enumerator(at: cases, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
        for file in files where file.pathExtension == "cedar" {
            let source = Source(name: file.lastPathComponent, text: try String(contentsOf: file, encoding: .utf8))
            let set = try PolicySet.parse(source)
            #expect(try parseJSON(set.json.description).policies == set.policies)
        }
    }

    @Test("Every expression has the same value or the same kind of error after a way through JSON")
    func expressions() throws {
        let evaluator = try World.load().evaluator
        func outcome(_ expression: Cedar.Expression) -> String {
            do throws(EvaluationError) { return try evaluator.value(expression).description } catch { return "\(error.kind)" }
        }
        for one in try ExpressionCase.load() {
            guard let parsed = try? expression(one.text) else { continue }
            let set = only(Policy(id: "p", effect: .permit, conditions: [Condition(.when, parsed)]))
            let again = try #require(try parseJSON(set.json.description).policies.first?.conditions.first?.body)
            #expect(outcome(again) == outcome(parsed), "\(one.text)")
        }
    }

    @Test("A random policy is the same after a way through JSON, but for nested chains, which become one")
    func random() throws {
        var generator = ExpressionGenerator(seed: testSeed("policies through JSON"))
        for round in 0..<2000 {
            let set = only(generator.policy(Text("p\(round)")))
            let once = try parseJSON(set.json.description)
            #expect(try parseJSON(once.json.description).description == once.description)
            #expect((once.policies + once.templates).first?.principal == (set.policies + set.templates).first?.principal)
        }
    }

    @Test("Templates and their links come back")
    func links() throws {
        var set = try PolicySet.parse(
            Source(name: "p", text: "@id(\"t\") permit (principal == ?principal, action, resource is A::B in ?resource);"))
        let user = EntityUID(try #require(EntityType("User")), "é\"")
        try set.link(template: "t", as: "l", [.principal: user, .resource: user])
        let again = try parseJSON(set.json.description)
        #expect(again.policies == set.policies)
        #expect(again.templates == set.templates)
        #expect(again.policies.first?.id == "l")
    }

    @Test("A value is the same after a way through JSON")
    func values() throws {
        let value = try World.load().evaluator.value(
            expression(
                "{a: [1, true, \"\\0\"], b: ip(\"::1/64\"), c: decimal(\"-0.5\"), d: datetime(\"2024-01-01\"), e: duration(\"-1ms\"), f: principal}"
            ))
        let source = Source(name: "v", text: value.json.description)
        #expect(try .record(Record.parseJSON(JSON.parse(source), in: source)) == value)
    }

    @Test(
        "A mistake in a policy's JSON is named",
        arguments: [
            ("{}", "a policy has the effect permit or forbid"),
            ("{\"effect\": \"permit\"}", "a policy has no principal"),
            ("[{\"effects\": 1}]", "did you mean effect?"),
            ("{\"staticPolicies\": {\"a\": {\"effect\": \"permit\", \"principal\": {\"op\": \"<\"}}}}", "a scope's op is"),
            ("{\"templateLinks\": [{\"templateId\": \"x\", \"newId\": \"y\", \"values\": {}}]}", "there is no template \"x\""),
        ])
    func mistakes(_ text: String, _ expected: String) {
        let error = #expect(throws: Diagnostics.self) { try parseJSON(text) }
        #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
    }

    @Test(
        "A mistake in an expression's JSON is named",
        arguments: [
            ("{}", "one member"), ("{\"Value\": null}", "null is no value"), ("{\"Vars\": 1}", "no form of expressions"),
            ("{\"Var\": \"prince\"}", "a variable is"), ("{\"Slot\": \"?principal\"}", "only in a scope"),
            ("{\"isIpv4\": []}", "called on"), ("{\"==\": {\"left\": {\"Value\": 1}}}", "right is missing"),
        ])
    func expressionMistakes(_ body: String, _ expected: String) {
        let all = "{\"op\": \"All\"}"
        let text =
            "{\"effect\": \"permit\", \"principal\": \(all), \"action\": \(all), \"resource\": \(all), "
            + "\"conditions\": [{\"kind\": \"when\", \"body\": \(body)}]}"
        let error = #expect(throws: Diagnostics.self) { try parseJSON(text) }
        #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
    }
}
