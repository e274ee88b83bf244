import Cedar
import Foundation
import TestKit
import Testing

/// The schema that the validator's cases speak of.
func validationSchema() throws -> Schema {
    let name = "validation.cedarschema"
    return try Schema.parse(Source(name: name, text: try String(contentsOf: cases.appending(path: name), encoding: .utf8)))
}

@Suite("Validator")
struct ValidateTests {
    /// One line of `conditions.txt`.
    struct Condition: CustomTestStringConvertible, Sendable {
        let text: String
        let expected: [String]

        var testDescription: String { text }

        static func load() throws -> [Condition] {
            try String(contentsOf: cases.appending(path: "conditions.txt"), encoding: .utf8).split(separator: "\n")
                .filter { !$0.hasPrefix("#") }
                .map { line in
                    let parts = line.components(separatedBy: " => ")
                    let expected = parts[1].trimmingCharacters(in: .whitespaces)
                    return Condition(
                        text: parts[0].trimmingCharacters(in: .whitespaces),
                        expected: expected == "nothing" ? [] : expected.components(separatedBy: " & "))
                }
        }
    }

    /// Every expected text stands for one finding, and the other way round.
    private func compare(_ found: [String], _ expected: [String]) {
        #expect(found.count == expected.count, "found: \(found)")
        for expected in expected {
            let parts = expected.components(separatedBy: " … ")
            #expect(found.contains { finding in parts.allSatisfy { finding.contains($0) } }, "found: \(found)")
        }
    }

    @Test("What the validator finds in a condition", arguments: try Condition.load())
    func conditions(condition: Condition) throws {
        let source = Source(
            name: "p",
            text: "permit (principal is User, action == Action::\"read\", resource) when { \(condition.text) };")
        let found = validate(try PolicySet.parse(source), against: try validationSchema())
        compare(
            found.map { finding in
                let place = source.position(at: finding.range.start)
                return "\(finding.severity) \(place.line):\(place.column): \(finding.message); \(finding.hint)"
            }, condition.expected)
    }

    @Test("What the validator finds in a policy", arguments: try CaseBlock.load("validation.txt"))
    func policies(block: CaseBlock) throws {
        let source = Source(name: "p", text: block.text)
        let found = validate(try PolicySet.parse(source), against: try validationSchema())
        compare(
            found.map { "\($0.severity) " + String($0.diagnostic(in: source).description.dropFirst(2)) }, block.expected)
    }

    @Test("A linked policy is checked with what fills its slots")
    func linked() throws {
        let source = Source(name: "p", text: "@id(\"t\") permit (principal == ?principal, action, resource is Document);")
        var policies = try PolicySet.parse(source)
        func link(_ id: Text, _ type: String) throws {
            try policies.link(template: "t", as: id, [.principal: EntityUID(try #require(EntityType(type)), "x")])
        }
        try link("user", "User")
        try link("unknown", "Usr")
        try link("level", "Lonely")
        let found = validate(policies, against: try validationSchema())
        #expect(found.map { "\($0.policy)" } == ["unknown", "level"])
        #expect(found.allSatisfy { $0.severity == .error })
        #expect(found.first?.hint == "did you mean User?")
    }

    @Test("A finding of one kind of request names the first such kind")
    func environment() throws {
        let source = Source(
            name: "p.cedar", text: "permit (principal, action == Action::\"read\", resource) when { principal.age > 3 };")
        let found = validate(try PolicySet.parse(source), against: try validationSchema())
        #expect(
            found.map { "\($0.diagnostic(in: source))" } == [
                "p.cedar:1:63: policy \"policy0\": Robot has no attribute \"age\" (for principal Robot, action Action::\"read\", "
                    + "resource Document); it has address, name, serial"
            ])
    }

    @Test("Too much work ends with one finding that says so")
    func bounded() throws {
        var generated = "entity A; entity R;"
        for index in 0..<200 { generated += "entity P\(index) = { a: Long };" }
        generated += "action go appliesTo { principal: [\((0..<200).map { "P\($0)" }.joined(separator: ","))], resource: ["
        generated += (0..<200).map { "P\($0)" }.joined(separator: ",") + "] };"
        let schema = try Schema.parse(Source(name: "s", text: generated))
        let condition = Array(repeating: "principal.a + 1 < 3", count: 200).joined(separator: " && ")
        let source = Source(name: "p", text: "permit (principal, action, resource) when { \(condition) };")
        let found = validate(try PolicySet.parse(source), against: schema)
        #expect(found.count == 1)
        #expect(found.first?.message.contains("given up") == true)
    }

    @Test(
        "A condition without an error has a value in every world that is as the schema says, with all that is optional or without"
    )
    func sound() throws {
        let schema = try validationSchema()
        let text = try String(contentsOf: cases.appending(path: "validation-worlds.json"), encoding: .utf8)
        let worlds = try #require(try JSON.parse(Source(name: "worlds", text: text)).elements)
        let source = Source(name: "worlds", text: text)
        var evaluated = 0
        for world in worlds {
            let stretch = try #require(world["entities"]).range
            let part = String(decoding: Array(text.utf8)[stretch.start..<stretch.end], as: UTF8.self)
            let entities = try Entities.parseJSON(Source(name: "entities", text: part), schema: schema)
            for entity in entities.all { #expect(schema.problem(with: entity) == nil) }
            let action = try EntityUID.parseJSON(#require(world["action"]), in: source)
            let request = Request(
                principal: try EntityUID.parseJSON(#require(world["principal"]), in: source), action: action,
                resource: try EntityUID.parseJSON(#require(world["resource"]), in: source),
                context: try Record.parseJSON(#require(world["context"]), in: source, type: schema.actions[action]?.context))
            #expect(schema.problem(with: request) == nil)
            for condition in try Condition.load() where !condition.expected.contains(where: { !$0.contains("warning") }) {
                let value = try Evaluator(request, entities).value(expression(condition.text))
                guard case .bool(let holds) = value else {
                    Issue.record("\(condition.text) comes to \(value)")
                    continue
                }
                #expect(!holds || condition.expected.isEmpty, "\(condition.text) was said to be false always")
                evaluated += 1
            }
        }
        #expect(evaluated > 200)
    }

    @Test("Random policies are judged without a trap, and the same each time")
    func random() throws {
        var generator = ExpressionGenerator(seed: testSeed("validated policies"))
        let schema = try validationSchema()
        for round in 0..<3000 {
            var set = PolicySet()
            _ = set.add(generator.policy(Text("p\(round)")))
            #expect(validate(set, against: schema) == validate(set, against: schema))
        }
    }
}

@Suite("Conformance")
struct ValidateConformanceTests {
    private func uid(_ type: String, _ id: Text) throws -> EntityUID { EntityUID(try #require(EntityType(type)), id) }

    private func context(_ json: String) throws -> Record {
        let source = Source(name: "c", text: json)
        return try Record.parseJSON(try JSON.parse(source), in: source, type: try readContext())
    }

    private func readContext() throws -> RecordType {
        try #require(try validationSchema().actions[try uid("Action", "read")]).context
    }

    @Test(
        "A request is as its action says, or it is said what is not",
        arguments: [
            ("User", "read", "Document", #"{"mfa": true, "risk score": 3}"#, nil),
            (
                "User", "read", "Document",
                #"{"mfa": true, "risk score": 3, "from": "10.0.0.1", "device": {"os": "x", "id": 1}}"#, nil
            ),
            ("User", "read", "Document", #"{"mfa": true}"#, #"the context lacks "risk score"; it is a number, and required"#),
            (
                "User", "read", "Document", #"{"mfa": 1, "risk score": 3}"#,
                #"the context["mfa"] is a number; by the schema it is a boolean"#
            ),
            ("User", "read", "Document", #"{"mfa": true, "risk score": 3, "form": 1}"#, "did you mean from?"),
            (
                "User", "read", "Document", #"{"mfa": true, "risk score": 3, "device": {"os": 7}}"#,
                #"the context["device"]["os"] is a number; by the schema it is a string"#
            ),
            ("User", "reed", "Document", "{}", #"there is no action Action::"reed"; did you mean "read"?"#),
            (
                "Folder", "read", "Document", "{}",
                #"the principal Folder::"x" is of type Folder; Action::"read" applies to Robot, User"#
            ),
            ("User", "read", "Folder", "{}", "the resource"),
            ("Usr", "read", "Document", "{}", "there is no entity type Usr; did you mean User?"),
            ("User", "use", "Document", "{}", "applies to nothing"),
        ])
    func requests(principal: String, action: Text, resource: String, json: String, expected: String?) throws {
        let request = Request(
            principal: try uid(principal, "x"), action: try uid("Action", action), resource: try uid(resource, "x"),
            context: try context(json))
        let found = try validationSchema().problem(with: request)?.description
        if let expected {
            #expect(found?.contains(expected) == true, "found: \(found ?? "nothing")")
        } else {
            #expect(found == nil)
        }
    }

    @Test(
        "An entity is as its type says, or it is said what is not",
        arguments: [
            (#"{"uid": {"type": "Folder", "id": "f"}, "attrs": {"owner": {"type": "User", "id": "u"}}}"#, nil),
            (#"{"uid": {"type": "Group", "id": "g"}, "attrs": {}, "parents": [{"type": "Group", "id": "h"}]}"#, nil),
            (#"{"uid": {"type": "Level", "id": "low"}}"#, nil),
            (#"{"uid": {"type": "Level", "id": "mid"}}"#, #"there is no Level::"mid"; it has "high", "low""#),
            (#"{"uid": {"type": "Folder", "id": "f"}, "attrs": {}}"#, #"Folder::"f" lacks "owner""#),
            (
                #"{"uid": {"type": "Folder", "id": "f"}, "attrs": {"owner": {"type": "Robot", "id": "u"}}}"#,
                "an entity of type Robot"
            ),
            (#"{"uid": {"type": "Lonely", "id": "f"}, "attrs": {"a": 1}}"#, #"has "a", which the schema does not know"#),
            (#"{"uid": {"type": "Lonely", "id": "f"}, "tags": {"a": 1}}"#, "has tags"),
            (#"{"uid": {"type": "Lonely", "id": "f"}, "parents": [{"type": "Group", "id": "h"}]}"#, "are in none of type Group"),
            (#"{"uid": {"type": "Missing", "id": "f"}}"#, "there is no entity type Missing"),
        ])
    func entities(json: String, expected: String?) throws {
        let schema = try validationSchema()
        let entities = try Entities.parseJSON(Source(name: "e", text: "[\(json)]"), schema: schema)
        let found = entities.all.compactMap { schema.problem(with: $0)?.description }
        #expect(found.count == (expected == nil ? 0 : 1), "found: \(found)")
        if let expected { #expect(found.first?.contains(expected) == true, "found: \(found)") }
    }
}
