import Core
import Foundation
import Ledger
import Policy
import Testing

@Suite("Stored state brings its labels with it")
struct StateLabelTests {
    private static let policies = """
        @id("lists") permit (principal, action, resource);
        @id("cn-stays") forbid (principal, action, resource)
        when { context.dataClass in DataClass::"personal" && context.subjects.contains("CN") }
        unless { ["CN"].containsAll(resource.processedIn) && ["CN"].containsAll(resource.storedIn) };
        """

    private static let labels = CallLabels(
        dataClass: "internal", categories: [], subjects: ["SE", "CN"], purposes: ["support"], exportTags: [],
        clientNarrows: true)

    private static func with(_ body: (StateBench) async throws -> Void) async throws {
        let careless = TestKey(id: "key_careless", secret: "weir_test_unlabelled")
        try await StateBench.with(
            keys: [careless], labels: labels, policies: policies,
            endpoints: { ports in
                zip(["one", "two"], ["SE", "CN"]).enumerated().map { index, home in
                    .test(
                        home.0, port: ports[home.0] ?? 0, provider: .openai, place: home.1, priority: index + 1,
                        state: KeptState(maxTokens: 5_000, allowsConversations: true))
                }
            }, body)
    }

    private let swede = ["weir-class: personal", "weir-subject: SE"]
    private let chinese = ["weir-class: personal", "weir-subject: CN"]

    @Test("A call that is harmless alone is refused where it would build on state that must not cross the border with it")
    func border() async throws {
        for stream in [false, true] {
            try await Self.with { bench async throws in
                let swedish = try bench.respond(stream: stream, headers: swede)
                #expect(swedish.endpoint == "one")
                // The same person goes on, and what is internal about Swedes as well.
                let next = try bench.respond(after: swedish.id, stream: stream, headers: swede)
                #expect(next.raw.status == 200)
                #expect(try bench.respond(after: next.id, stream: stream, headers: ["weir-subject: SE"]).raw.status == 200)
                // What is internal about either may go to `one` alone, but not with personal data in the same context.
                #expect(try bench.respond(stream: stream).endpoint == "one")
                let asked = bench.asked.count
                for id in [swedish.id, next.id] {
                    for headers in [[], chinese, ["weir-subject: CN"]] {
                        let refused = try bench.respond(after: id, stream: stream, headers: headers)
                        #expect(refused.raw.status == 403 && refused.raw.code == "weir_policy_denied", "\(refused.raw)")
                        #expect(refused.raw.body.contains("endpoint one") && refused.raw.body.contains("cn-stays"))
                    }
                }
                // And the other way round: a Swede's call goes to CN with the state, or not at all.
                let there = try bench.respond(stream: stream, headers: chinese)
                #expect(there.endpoint == "two")
                #expect(try bench.respond(after: there.id, stream: stream, headers: ["weir-subject: SE"]).endpoint == "two")
                #expect(bench.asked.count == asked + 2)
            }
        }
    }

    @Test("A response carries the labels of all that it was built on, and each hold tells by which labels it was judged")
    func chain() async throws {
        try await Self.with { bench async throws in
            let first = try bench.respond(headers: swede + ["weir-categories: health"])
            let second = try bench.respond(after: first.id, headers: ["weir-subject: SE", "weir-export-tags: EAR99"])
            let third = try bench.respond(after: second.id, headers: ["weir-subject: SE"])
            #expect(third.raw.status == 200, "\(third.raw)")
            let judged = try bench.weir.holds().compactMap(\.judged?.labels)
            #expect(judged.map(\.dataClass) == ["personal", "personal", "personal"])
            #expect(judged.map(\.categories) == [[.health], [.health], [.health]])
            #expect(judged.map(\.exportTags) == [[], ["EAR99"], ["EAR99"]])
            #expect(judged.map(\.subjects) == [["SE"], ["SE"], ["SE"]])
        }
    }

    @Test("State whose labels nobody knows is denied to calls with labels, and state with labels to a key without")
    func unknown() async throws {
        try await Self.with { bench async throws in
            let unlabelled = TestKey(id: "key_careless", secret: "weir_test_unlabelled").secret
            let known = try bench.respond(headers: swede)
            #expect(known.raw.status == 200)
            let refused = try bench.respond(after: known.id, key: unlabelled)
            #expect(refused.raw.status == 403 && refused.raw.body.contains("cn-stays"), "\(refused.raw)")
        }
    }
}
