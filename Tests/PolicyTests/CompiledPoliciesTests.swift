import Cedar
import Policy
import TestKit
import Testing

@Suite("Compiled policies")
struct CompiledPoliciesTests {
    @Test(
        "For random policies and labels, every call at every endpoint is judged as the interpreter judges it, for the same reasons"
    )
    func sameAsInterpreter() throws {
        var random = SeededRandom(seed: testSeed("CompiledPoliciesTests.sameAsInterpreter"))
        var permitted = 0
        var erred = 0
        for _ in 0..<150 {
            let world = try World(using: &random)
            let policies = try randomPolicies(using: &random)
            let compiled = try #require(
                CompiledPolicies(policies, resources: world.endpoints, entities: world.entities, volatile: ["now"]))
            var memo = PolicyMemo(compiled)
            for (number, call) in world.calls.enumerated() {
                // A kind of calls are those that differ in the time alone.
                let kind = PolicyMemo.Kind(key: UInt32(number / World.times.count), model: 0, operation: 0, labels: 0)
                let verdict = memo.judge(kind) { call }
                for (endpoint, uid) in world.endpoints.enumerated() {
                    let expected = interpreted(policies, call, uid, world.entities)
                    #expect(compiled.judge(call, at: endpoint) == expected, "\(policies) \(call) at \(uid)")
                    #expect(memo.reasons(verdict, at: endpoint) == expected)
                    #expect(verdict.permitted.contains(endpoint) == expected.isPermitted, "\(policies) \(call) at \(uid)")
                    if expected.isPermitted { permitted += 1 }
                    if !expected.errors.isEmpty { erred += 1 }
                }
            }
        }
        // The generator makes each kind of answer.
        #expect(permitted > 1_000)
        #expect(erred > 1_000)
    }

    @Test("A forbid without an answer denies, where Cedar alone would pass over it")
    func errorInForbid() throws {
        let world = try World(endpoints: [Record([])])
        let policies = try PolicySet.parse(
            Source(
                name: "test",
                text: """
                    permit (principal, action, resource);
                    @id("border") forbid (principal, action, resource) when { resource.retentionDays > context.days };
                    """))
        let compiled = try #require(CompiledPolicies(policies, resources: world.endpoints, entities: world.entities))
        let call = CompiledPolicies.Call(
            principal: World.keys[0], action: World.actions[0], context: Record([("days", .long(3))]))
        #expect(
            policies.authorize(
                Request(principal: call.principal, action: call.action, resource: world.endpoints[0], context: call.context),
                world.entities
            ).decision == .allow)
        let expected = Reasons(isPermitted: false, determining: ["policy0"], errors: ["border"], unanswered: ["border"])
        #expect(compiled.judge(call, at: 0) == expected)
        #expect(expected.deciding == ["border"])
    }

    @Test("A question is asked once for all endpoints that it cannot tell apart")
    func shared() throws {
        let record = Record([("places", .set(ValueSet([.string("SE")])))])
        let world = try World(endpoints: [Record](repeating: record, count: 50))
        let policies = try PolicySet.parse(
            Source(
                name: "test",
                text: "permit (principal, action, resource) when { context.allowed.containsAll(resource.places) };"))
        let compiled = try #require(CompiledPolicies(policies, resources: world.endpoints, entities: world.entities))
        #expect(compiled.questionCount == 1)
    }
}

/// The rule in the interpreter's words.
func interpreted(
    _ policies: PolicySet, _ call: CompiledPolicies.Call, _ resource: EntityUID, _ entities: Entities
) -> Reasons {
    let answer = policies.authorize(
        Request(principal: call.principal, action: call.action, resource: resource, context: call.context), entities)
    let forbids = Set(policies.policies.filter { $0.effect == .forbid }.map(\.id))
    let unanswered = answer.failures.map(\.policy).filter { forbids.contains($0) }
    return Reasons(
        isPermitted: answer.decision == .allow && unanswered.isEmpty, determining: answer.determining,
        errors: answer.failures.map(\.policy), isForbidden: answer.determining.contains { forbids.contains($0) },
        unanswered: unanswered)
}

/// Keys of two teams of a tenant, and endpoints with random labels, some of them without.
private struct World {
    static func uid(_ type: String, _ id: String) -> EntityUID {
        guard let type = EntityType(type) else { preconditionFailure("not a type's name") }
        return EntityUID(type, Text(id))
    }
    static let keys = [uid("Key", "a"), uid("Key", "b"), uid("Key", "stray")]
    static let actions = [uid("Action", "chat"), uid("Action", "embeddings")]
    static let places = ["SE", "DE", "US", "CN"]
    static let times: [Int64] = [5, 10]

    let endpoints: [EntityUID]
    let entities: Entities

    init(endpoints records: [Record]) throws {
        endpoints = records.indices.map { Self.uid("Endpoint", "e\($0)") }
        var all = [
            Entity(Self.uid("Tenant", "t"), attributes: Record([("home", .string("SE"))])),
            Entity(Self.uid("Team", "x"), parents: [Self.uid("Tenant", "t")]),
            Entity(Self.uid("Team", "y"), parents: [Self.uid("Tenant", "t")]),
            Entity(Self.keys[0], attributes: Record([("home", .string("SE"))]), parents: [Self.uid("Team", "x")]),
            Entity(Self.keys[1], attributes: Record([("home", .string("CN"))]), parents: [Self.uid("Team", "y")]),
            Entity(Self.uid("Zone", "eu")),
        ]
        for (index, record) in records.enumerated() {
            all.append(Entity(endpoints[index], attributes: record, parents: index % 2 == 0 ? [Self.uid("Zone", "eu")] : []))
        }
        entities = try Entities(all)
    }

    init(using random: inout SeededRandom) throws {
        try self.init(
            endpoints: (0..<Int.random(in: 1...6, using: &random)).map { _ in
                var fields: [(Text, Value)] = []
                let places = Self.places.filter { _ in Bool.random(using: &random) }
                if Int.random(in: 0..<5, using: &random) > 0 {
                    fields.append(("places", .set(ValueSet(places.map { .string(Text($0)) }))))
                }
                if Bool.random(using: &random) { fields.append(("days", .long(Int64.random(in: 0...2, using: &random)))) }
                fields.append(("country", .string(Text(Self.places.randomElement(using: &random) ?? "SE"))))
                return Record(fields)
            })
    }

    /// Every call that the policies of these tests can tell apart.
    var calls: [CompiledPolicies.Call] {
        var calls: [CompiledPolicies.Call] = []
        for key in Self.keys {
            for action in Self.actions {
                for subject in ["SE", "CN", nil] {
                    for time in Self.times {
                        var fields: [(Text, Value)] = [("now", .long(time)), ("days", .long(1))]
                        if let subject { fields.append(("subject", .string(Text(subject)))) }
                        calls.append(CompiledPolicies.Call(principal: key, action: action, context: Record(fields)))
                    }
                }
            }
        }
        return calls
    }
}

private func randomPolicies(using random: inout SeededRandom) throws -> PolicySet {
    var text = ""
    for number in 0..<Int.random(in: 1...8, using: &random) {
        let effect = Int.random(in: 0..<3, using: &random) == 0 ? "forbid" : "permit"
        let principal = ["principal", "principal in Team::\"x\"", "principal == Key::\"b\"", "principal is Key in Tenant::\"t\""]
        let action = ["action", "action == Action::\"chat\"", "action in [Action::\"chat\", Action::\"embeddings\"]"]
        let resource = ["resource", "resource == Endpoint::\"e1\"", "resource in Zone::\"eu\"", "resource is Endpoint"]
        text +=
            "@id(\"p\(number)\") \(effect) (\(pick(principal, &random)), \(pick(action, &random)), \(pick(resource, &random)))"
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            text += " \(pick(["when", "unless"], &random)) { \(condition(3, &random)) }"
        }
        text += ";\n"
    }
    return try PolicySet.parse(Source(name: "random", text: text))
}

private func pick(_ all: [String], _ random: inout SeededRandom) -> String { all.randomElement(using: &random) ?? "" }

private func condition(_ depth: Int, _ random: inout SeededRandom) -> String {
    let plain = [
        "resource.places.contains(context.subject)", "resource.places.containsAny([context.subject, \"DE\"])",
        "resource has days && resource.days < context.days", "resource.days >= 1", "context.now < 7", "context has subject",
        "context.subject == \"CN\"", "principal.home == resource.country", "resource == Endpoint::\"e0\"",
        "resource in Zone::\"eu\"", "principal in Team::\"x\"", "resource.places.isEmpty()", "context.subject like \"S*\"",
        "action == Action::\"chat\"", "true", "resource.country == \"SE\"", "principal has home", "1 == \"a\"",
        "{a: resource.country, b: context.days} == {a: \"SE\", b: 1}", "context.now + resource.days > 10",
        "resource.places == [\"SE\", \"DE\"]", "[context.subject, resource.country].contains(\"CN\")", "context has now.x",
        "context == {now: 5, days: 1}",
    ]
    guard depth > 0, Int.random(in: 0..<5, using: &random) > 1 else { return pick(plain, &random) }
    switch Int.random(in: 0..<4, using: &random) {
    case 0: return "(\(condition(depth - 1, &random)) && \(condition(depth - 1, &random)))"
    case 1: return "(\(condition(depth - 1, &random)) || \(condition(depth - 1, &random)))"
    case 2: return "!(\(condition(depth - 1, &random)))"
    default:
        return
            "(if \(condition(depth - 1, &random)) then \(condition(depth - 1, &random)) else \(condition(depth - 1, &random)))"
    }
}
