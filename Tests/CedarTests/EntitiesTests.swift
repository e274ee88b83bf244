import Cedar
import Testing

private func entities(_ text: String) throws(Diagnostics) -> Entities {
    try Entities.parseJSON(Source(name: "e.json", text: text))
}

@Suite("Entities")
struct EntitiesTests {
    private let type = EntityType("T")

    private func uid(_ number: Int) throws -> EntityUID { EntityUID(try #require(type), Text("\(number)")) }

    @Test("A chain of parents of a thousand entities is closed; the first is in the last")
    func chain() throws {
        let all = try (0..<1000).map { Entity(try uid($0), parents: [try uid($0 + 1)]) }
        let store = try Entities(all)
        #expect(try store.isWithin(uid(0), uid(1000)))
        #expect(try !store.isWithin(uid(1000), uid(0)))
        #expect(try store.isWithin(uid(5), uid(5)))
    }

    @Test("A circle of parents is refused, whatever its length", arguments: [1, 2, 3, 1000])
    func circle(_ length: Int) throws {
        let all = try (0..<length).map { Entity(try uid($0), parents: [try uid(($0 + 1) % length)]) }
        #expect(throws: EntitiesError.self) { try Entities(all) }
    }

    @Test("A hierarchy whose ancestors would fill the memory is refused")
    func tooMany() throws {
        let all = try (0..<1500).map { Entity(try uid($0), parents: [try uid($0 + 1)]) }
        #expect(throws: EntitiesError.tooManyAncestors) { try Entities(all) }
    }

    @Test("Two entities of one name are refused, unless they are the same")
    func duplicates() throws {
        let same = Entity(try uid(1))
        #expect(try Entities([same, same]).count == 1)
        #expect(throws: EntitiesError.duplicate(try uid(1))) { try Entities([same, Entity(uid(1), parents: [uid(2)])]) }
    }

    @Test(
        "A mistake in entities is named with its place",
        arguments: [
            ("{}", "1:1: expected an array of entities"),
            ("[{}]", "1:2: an entity has no uid"),
            ("[{\"uid\": \"a\"}]", "1:10: an entity wants a type and an id"),
            ("[{\"uid\": {\"type\": \"a b\", \"id\": \"x\"}}]", "1:10: \"a b\" is no name of a type"),
            ("[{\"uid\": {\"type\": \"if\", \"id\": \"x\"}}]", "1:10: \"if\" is no name of a type"),
            (
                "[{\"uid\": {\"type\": \"A\", \"id\": \"x\"},\n \"attr\": {}}]",
                "2:2: \"attr\" is not known here; did you mean attrs?"
            ),
            ("[{\"uid\": {\"type\": \"A\", \"id\": \"x\"}, \"attrs\": {\"a\": null}}]", "1:51: null is no value"),
            ("[{\"uid\": {\"type\": \"A\", \"id\": \"x\"}, \"attrs\": {\"a\": 1.5}}]", "1:51: a number is whole"),
            (
                "[{\"uid\": {\"type\": \"A\", \"id\": \"x\"}, \"attrs\": {\"a\": 1, \"a\": 2}}]",
                "1:54: the name \"a\" stands twice"
            ),
            (
                "[{\"uid\": {\"type\": \"A\", \"id\": \"x\"}, \"attrs\": {\"a\": {\"__extn\": {\"fn\": \"ip\", \"arg\": \"x\"}}}}]",
                "1:82: ip cannot read"
            ),
            ("[{\"uid\": {\"type\": \"A\", \"id\": \"x\"}, \"parents\": [{\"type\": \"A\", \"id\": \"x\"}]}]", "in itself"),
        ])
    func mistakes(_ text: String, _ expected: String) {
        let error = #expect(throws: Diagnostics.self) { try entities(text) }
        #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
    }

    @Test("With a schema, escapes may be left out and actions are entities")
    func schema() throws {
        let schema = try Schema.parse(
            Source(
                name: "s",
                text: """
                    entity User { boss: User, from: ipaddr, days: Set<datetime>, deep: { limit: decimal } } tags duration;
                    action read; action view in [read] appliesTo { principal: User, resource: User };
                    """))
        let store = try Entities.parseJSON(
            Source(
                name: "e",
                text: """
                    [{"uid": {"type": "User", "id": "a"}, "tags": {"t": "1h"}, "attrs": {
                      "boss": {"type": "User", "id": "b"}, "from": "10.0.0.0/8", "days": ["2024-01-01"], "deep": {"limit": "1.5"}}}]
                    """), schema: schema)
        let user = try #require(EntityType("User"))
        let entity = try #require(store[EntityUID(user, "a")])
        #expect(entity.attributes["boss"] == .entity(EntityUID(user, "b")))
        #expect(entity.attributes["from"] == IPRange("10.0.0.0/8").map(Value.address))
        #expect(entity.attributes["days"] == DateTime("2024-01-01").map { .set(ValueSet([.datetime($0)])) })
        #expect(entity.tags["t"] == .duration(TimeSpan(milliseconds: 3_600_000)))
        let action = try #require(EntityType("Action"))
        #expect(store.isWithin(EntityUID(action, "view"), EntityUID(action, "read")))
    }
}
