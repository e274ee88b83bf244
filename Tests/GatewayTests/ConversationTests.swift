import Core
import Foundation
import Gateway
import Ledger
import Policy
import Simulator
import Testing

@Suite("Conversations are made where policy lets them be kept, and are their tenant's alone")
struct ConversationTests {
    private static let kept = KeptState(maxTokens: StateBench.cap, allowsConversations: true)

    /// Makes one.
    private func make(
        _ bench: StateBench, _ body: String = "{}", model: String? = "m", headers: [String] = [], key: String = Harness.key
    ) throws -> StateBench.Reply {
        let named = model.map { ["weir-model: \($0)"] } ?? []
        let raw = try bench.weir.chat(body, path: "/v1/conversations", headers: named + headers, key: key)
        let object = try JSONSerialization.jsonObject(with: Data(raw.body.utf8)) as? [String: Any] ?? [:]
        return StateBench.Reply(raw: raw, object: object)
    }

    private static let item = #"{"items":[{"role":"user","content":"I am called Ada."}],"metadata":{"topic":"names"}}"#

    @Test("A conversation is made, grows with every call that names it, and its id is Weir's own, plain and streamed")
    func grows() async throws {
        try await StateBench.with { bench async throws in
            let made = try make(bench, Self.item)
            #expect(made.raw.status == 200 && made.object["object"] as? String == "conversation", "\(made.raw)")
            #expect(made.id.hasPrefix("conv_") && made.id.utf8.count > 60 && made.endpoint == "one")
            #expect((made.object["metadata"] as? [String: String]) == ["topic": "names"])
            #expect(made.rewrites == ["response_id"])
            #expect(bench.asked.last?.path == "/v1/conversations" && bench.asked.last?.model == nil)
            var before = try bench.respond()
            for stream in [false, true, false] {
                for members in [#""conversation":"\#(made.id)""#, #""conversation":{"id":"\#(made.id)"}"#] {
                    let reply = try bench.respond(members, stream: stream)
                    #expect(reply.raw.status == 200 && reply.inputTokens > before.inputTokens, "\(reply.raw)")
                    #expect((reply.object["conversation"] as? [String: Any])?["id"] as? String == made.id)
                    let named = try #require(bench.asked.last?.state)
                    #expect(named.hasPrefix("conv_") && named != made.id && !reply.raw.body.contains(named))
                    before = reply
                }
            }
            #expect(bench.weir.settles() && bench.weir.held == .zero)
        }
    }

    @Test("Making one costs nothing, is judged and journalled as an attempt, and works where a limit leaves no money")
    func journalled() async throws {
        let poor = TestKey(id: "key_poor", secret: "weir_test_poor", limit: .zero)
        try await StateBench.with(keys: [poor], policies: #"@id("all") permit (principal, action, resource);"#) {
            bench async throws in
            let made = try make(bench, Self.item, key: poor.secret)
            #expect(made.raw.status == 200, "\(made.raw)")
            #expect(try bench.respond(#""conversation":"\#(made.id)""#, key: poor.secret).raw.status == 429)
            #expect(bench.weir.settles())
            let hold = try #require(try bench.weir.holds().last)
            #expect(hold.operation == .conversations && hold.amount == .zero && hold.inputBound == 0 && hold.outputBound == 0)
            #expect(hold.judged?.by == ["all"])
            let end = try #require(try bench.weir.ends().last)
            #expect(end.how == .settled && end.settled == .zero && end.usage == Usage() && !end.estimated, "\(end)")
        }
    }

    @Test("A request that names no model is for the only one that keeps conversations; where there are several, it has to say")
    func model() async throws {
        try await StateBench.with { bench async throws in
            let unsaid = try make(bench, model: nil)
            #expect(unsaid.raw.status == 400 && unsaid.raw.code == "weir_model_missing", "\(unsaid.raw)")
            #expect(unsaid.raw.error?["param"] as? String == "weir-model")
            #expect(try make(bench, model: "nobody's").raw.status == 404)
            #expect(try make(bench, headers: ["weir-model: n"]).raw.code == "weir_header_repeated")
            #expect(try make(bench, model: "é").raw.code == "weir_header_bad")
            #expect(try bench.respond(headers: ["weir-model: m"]).raw.code == "weir_header_bad")
            #expect(bench.asked.isEmpty)
            let ports = bench.weir.simulator.ports
            try await bench.reload(
                2, endpoints: [.test("one", port: ports["one"] ?? 0, provider: .openai, models: ["m"], state: Self.kept)])
            #expect(try make(bench, model: nil).raw.status == 200)
        }
    }

    @Test("It is made only where the configuration says `conversations: allowed`, and goes on only while it says so")
    func allowed() async throws {
        try await StateBench.with(state: KeptState(maxTokens: StateBench.cap)) { bench async throws in
            for model in ["m", nil] {
                let refused = try make(bench, model: model)
                #expect(refused.raw.status == 400 && refused.raw.code == "weir_unbounded_field", "\(refused.raw)")
                #expect(refused.raw.body.contains("conversations: allowed"))
            }
            #expect(bench.asked.isEmpty)
            let ports = bench.weir.simulator.ports
            try await bench.reload(2, endpoints: StateBench.endpoints(ports, state: Self.kept))
            let made = try make(bench)
            #expect(try bench.respond(#""conversation":"\#(made.id)""#).raw.status == 200)
            try await bench.reload(3, endpoints: StateBench.endpoints(ports, state: KeptState(maxTokens: 10)))
            let refused = try bench.respond(#""conversation":"\#(made.id)""#)
            #expect(refused.raw.status == 400 && refused.raw.body.contains("no conversations"), "\(refused.raw)")
        }
    }

    @Test("Another tenant's conversation is told of as one that nobody made, and a response's id is no conversation's")
    func strangers() async throws {
        try await StateBench.with { bench async throws in
            let made = try make(bench)
            let response = try bench.respond()
            let asked = bench.asked.count
            let nobodys = try bench.respond(#""conversation":"conv_made_up""#)
            #expect(nobodys.raw.status == 404 && nobodys.raw.code == "weir_state_not_found")
            for (id, key) in [(made.id, StateBench.otherKey.secret), (response.id, Harness.key), (made.id + "A", Harness.key)] {
                let refused = try bench.respond(#""conversation":"\#(id)""#, key: key)
                #expect(refused.raw.withoutNames == nobodys.raw.withoutNames)
            }
            #expect(bench.asked.count == asked)
        }
    }

    @Test(
        "Policy decides where it is kept: not at the first endpoint, nowhere, and not with content stricter than it was made for")
    func placed() async throws {
        let policies = """
            @id("lists") permit (principal, action, resource);
            @id("not-one") forbid (principal, action == Action::"conversations", resource == Endpoint::"one");
            @id("none") forbid (principal, action == Action::"conversations", resource)
            when { context.dataClass in DataClass::"sensitive" };
            """
        let labels = CallLabels(
            dataClass: "internal", categories: [], subjects: ["SE"], purposes: ["support"], exportTags: [], clientNarrows: true)
        try await StateBench.with(labels: labels, policies: policies) { bench async throws in
            let made = try make(bench)
            #expect(made.endpoint == "two", "\(made.raw)")
            let named = #""conversation":"\#(made.id)""#
            #expect(try bench.respond(named).endpoint == "two")
            let stricter = try bench.respond(named, headers: ["weir-class: personal"])
            #expect(stricter.raw.status == 403 && stricter.raw.code == "weir_state_labels")
            let personal = try make(bench, headers: ["weir-class: personal"])
            #expect(try bench.respond(#""conversation":"\#(personal.id)""#, headers: ["weir-class: personal"]).raw.status == 200)
            let asked = bench.asked.count
            let denied = try make(bench, headers: ["weir-class: sensitive"])
            #expect(denied.raw.status == 403 && denied.raw.code == "weir_policy_denied" && denied.raw.body.contains("none"))
            #expect(bench.asked.count == asked)
        }
    }

    @Test("Another endpoint is tried where the first is down; an endpoint without the API says so itself and stays in use")
    func failing() async throws {
        try await StateBench.with(threads: 1) { bench async throws in
            try await bench.weir.simulator.setFault(.status(404, code: nil), endpoint: "one")
            let missing = try make(bench)
            #expect(missing.raw.status == 404 && missing.endpoint == "one", "\(missing.raw)")
            try await bench.weir.simulator.setFault(nil, endpoint: "one")
            #expect(try bench.respond().endpoint == "one")
            try await bench.weir.simulator.setFault(.down, endpoint: "one")
            #expect(try make(bench).endpoint == "two")
            #expect(bench.weir.settles())
        }
    }

    @Test("Items that name what Weir has not signed, and bodies that are no object, are refused before anything is sent")
    func refused() async throws {
        try await StateBench.with { bench async throws in
            for (body, code) in [
                (#"{"items":[{"type":"item_reference","id":"x"}]}"#, "weir_unbounded_field"),
                (#"{"items":[{"id":"msg_1"}]}"#, "weir_unbounded_field"),
                (#"{"items":[{"type":"reasoning","id":"rs_1"}]}"#, "weir_unbounded_field"),
                (#"{"items":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]}"#, "weir_unbounded_field"),
                (#"{"items":"hello"}"#, "weir_field_wrong_type"), (#"{"items":["hello"]}"#, "weir_field_wrong_type"),
                (#"{"items":[],"items":[]}"#, "weir_json_duplicate_key"), ("[]", "weir_json_not_an_object"),
                ("", "weir_json_incomplete"),
            ] {
                let refused = try make(bench, body)
                #expect(refused.raw.status == 400 && refused.raw.code == code, "\(body): \(refused.raw)")
            }
            #expect(bench.asked.isEmpty)
            // A member that Weir does not know is the provider's to refuse.
            #expect(try make(bench, #"{"model":"m"}"#).raw.body.contains("Unknown parameter: 'model'"))
            #expect(try make(bench, #"{"items":null}"#).raw.status == 200)
        }
    }
}
