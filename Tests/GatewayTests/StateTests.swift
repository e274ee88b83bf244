import Core
import Foundation
import Gateway
import Ledger
import Policy
import Simulator
import Testing

@Suite("Stored state is its tenant's and stays at its home")
struct StateTests {
    @Test("A chain of three responses goes on at one endpoint, plain and streamed, and its caller sees its own ids only")
    func chain() async throws {
        for stream in [false, true] {
            try await StateBench.with { bench async throws in
                var previous: StateBench.Reply?
                for turn in 1...3 {
                    let reply =
                        try previous.map { try bench.respond(after: $0.id, stream: stream) } ?? bench.respond(stream: stream)
                    #expect(reply.raw.status == 200 && reply.raw.isWhole, "\(reply.raw)")
                    #expect(reply.id.hasPrefix("resp_") && reply.id.utf8.count > 100)
                    #expect(reply.endpoint == "one")
                    #expect(reply.rewrites.contains("response_id") && !reply.rewrites.contains("store"))
                    #expect(reply.rewrites.contains("previous_response_id") == (turn > 1))
                    // What is billed grows by all that was said before.
                    if let previous {
                        #expect(reply.previous == previous.id)
                        #expect(reply.inputTokens > previous.inputTokens + previous.outputTokens)
                        let named = try #require(bench.asked.last?.state)
                        #expect(named != previous.id && !reply.raw.body.contains(named) && !previous.raw.body.contains(named))
                    } else {
                        #expect(reply.previous == nil)
                    }
                    if stream {
                        let ids = StateBench.events(reply.raw.body).compactMap { event -> String? in
                            let object = try? JSONSerialization.jsonObject(with: Data(event.utf8)) as? [String: Any]
                            return (object?["response"] as? [String: Any])?["id"] as? String
                        }
                        #expect(ids.count == 3 && Set(ids) == [reply.id])
                    }
                    previous = reply
                }
                #expect(bench.weir.settles() && bench.weir.held == .zero)
            }
        }
    }

    @Test("Without `state` in the configuration nothing is kept, ids stay as they came, and state by id is refused by name")
    func without() async throws {
        try await StateBench.with(state: nil) { bench async throws in
            let reply = try bench.respond()
            #expect(reply.rewrites.contains("store") && !reply.rewrites.contains("response_id"))
            #expect(reply.id.utf8.count < 60)
            for members in [
                #""previous_response_id":"\#(reply.id)""#, #""conversation":"conv_1""#, #""conversation":{"id":"c"}"#,
            ] {
                let refused = try bench.respond(members)
                #expect(refused.raw.status == 400 && refused.raw.code == "weir_unbounded_field", "\(refused.raw)")
            }
            #expect(bench.asked.count == 1)
        }
    }

    @Test("What a call asks not to be kept keeps the provider's id, which names nothing; what it builds on is the caller's id")
    func notStored() async throws {
        try await StateBench.with { bench async throws in
            let first = try bench.respond()
            let second = try bench.respond(#""store":false,"previous_response_id":"\#(first.id)""#)
            #expect(second.raw.status == 200 && second.id.utf8.count < 60 && second.previous == first.id)
            #expect(try bench.respond(after: second.id).raw.code == "weir_state_not_found")
            let plain = try bench.respond(#""store":false"#)
            #expect(plain.id.utf8.count < 60 && !plain.rewrites.contains("response_id"))
        }
    }

    @Test("Another tenant's live id is answered as a made-up one is, word for word, and a key without a limit changes nothing")
    func otherTenant() async throws {
        for limit in [Money(dollars: "1000"), nil] {
            var other = StateBench.otherKey
            other.id = "key_unlimited"
            other.secret += "_unlimited"
            other.limit = limit
            let secret = other.secret
            try await StateBench.with(limit: limit, keys: [other]) { bench async throws in
                for stream in [false, true] {
                    let mine = try bench.respond(stream: stream)
                    #expect(try bench.respond(after: mine.id, stream: stream).raw.status == 200)
                    let asked = bench.asked.count
                    let theirs = try bench.respond(after: mine.id, stream: stream, key: secret)
                    #expect(theirs.raw.status == 404 && theirs.raw.code == "weir_state_not_found")
                    #expect(theirs.raw.header("x-should-retry") == "false")
                    let provider = try #require(bench.asked.last?.state)
                    for forged in ["resp_made_up", "x", "resp_" + String(repeating: "A", count: 200), provider, mine.id + "A"] {
                        let refused = try bench.respond(after: forged, stream: stream, key: secret)
                        #expect(refused.raw.withoutNames == theirs.raw.withoutNames)
                        // Its owner is told the same of what is not an id.
                        #expect(try bench.respond(after: forged, stream: stream).raw.withoutNames == theirs.raw.withoutNames)
                    }
                    #expect(bench.asked.count == asked, "nothing of it reached an endpoint")
                }
            }
        }
    }

    @Test("State does not move: while its home fails or is down, its calls are refused and no other endpoint sees them")
    func staysAtHome() async throws {
        try await StateBench.with(threads: 1) { bench async throws in
            let first = try bench.respond()
            #expect(first.endpoint == "one")
            try await bench.weir.simulator.setFault(.down, endpoint: "one")
            // Calls without state go on elsewhere, and what they leave lives there.
            let elsewhere = try bench.respond()
            #expect(elsewhere.endpoint == "two")
            for _ in 0..<6 {
                let refused = try bench.respond(after: first.id)
                #expect((502...504).contains(refused.raw.status), "\(refused.raw)")
            }
            let paused = try bench.respond(after: first.id)
            #expect(paused.raw.status == 503 && paused.raw.code == "weir_state_home_unavailable")
            #expect(paused.raw.header("retry-after") != nil && paused.raw.body.contains("endpoint one"))
            #expect(try bench.respond(after: elsewhere.id).endpoint == "two")
            #expect(bench.asked.filter { $0.endpoint == "two" }.count == 2)
            #expect(bench.weir.settles())
        }
    }

    @Test("A suspended home, also where it is suspended while the call waits: its reason, no other endpoint, and no second try")
    func suspended() async throws {
        let disk = SwitchedDisk()
        defer { disk.stalls = false }
        // The tenant's other key has no allowance yet, so that its first call waits for the disk.
        let second = TestKey(id: "key_second", secret: "weir_test_second")
        try await StateBench.with(keys: [second], disk: disk) { bench async throws in
            defer { disk.stalls = false }
            let first = try bench.respond()
            disk.stalls = true
            let client = try RawClient(port: bench.weir.port)
            try client.send(
                Harness.request(
                    #"{"model":"m","input":"x","previous_response_id":"\#(first.id)"}"#, path: "/v1/responses",
                    key: "weir_test_second"))
            #expect(eventually { bench.weir.openHolds == 1 })
            #expect(bench.weir.board.suspend("one"))
            disk.stalls = false
            let late = try client.answer()
            #expect(late.status == 503 && late.code == "weir_state_home_suspended", "\(late)")
            let refused = try bench.respond(after: first.id)
            #expect(refused.raw.status == 503 && refused.raw.code == "weir_state_home_suspended", "\(refused.raw)")
            #expect(refused.raw.body.contains("endpoint one") && refused.raw.header("x-should-retry") == "false")
            #expect(try bench.respond().endpoint == "two")
            #expect(bench.asked.filter { $0.state != nil }.isEmpty && bench.weir.settles())
        }
    }

    @Test("No client chooses the id under which a provider keeps a response: it could be another tenant's")
    func chosen() async throws {
        try await StateBench.with { bench async throws in
            _ = try bench.respond()
            for stream in [false, true] {
                let refused = try bench.respond(#""request_id":"resp_of_another""#, stream: stream)
                #expect(refused.raw.status == 400 && refused.raw.code == "weir_unbounded_field", "\(refused.raw)")
                #expect(refused.raw.error?["param"] as? String == "request_id")
            }
            #expect(bench.asked.count == 1)
        }
    }

    @Test("A stored response is read and forgotten by its provider alone: those routes are refused, whoever asks")
    func routes() async throws {
        try await StateBench.with { bench async throws in
            let mine = try bench.respond()
            let client = try RawClient(port: bench.weir.port)
            for key in [Harness.key, StateBench.otherKey.secret] {
                for line in [
                    "GET /v1/responses/\(mine.id)", "DELETE /v1/responses/\(mine.id)", "POST /v1/responses/\(mine.id)/cancel",
                    "GET /v1/responses/\(mine.id)/input_items", "DELETE /v1/conversations/conv_1", "GET /v1/conversations/conv_1",
                    "GET /v1/files",
                ] {
                    try client.send(
                        "\(line) HTTP/1.1\r\nhost: weir\r\nauthorization: Bearer \(key)\r\ncontent-length: 0\r\n\r\n")
                    let refused = try client.answer()
                    #expect(refused.code == "weir_route_not_governed", "\(line): \(refused)")
                }
            }
            #expect(bench.asked.count == 1)
        }
    }

    @Test("A home that left the configuration, lost its state or its model, or is not permitted any more: each with its reason")
    func homeGone() async throws {
        try await StateBench.with { bench async throws in
            let first = try bench.respond()
            let ofOther = try bench.respond(model: "n")
            let endpoints = bench.weir.endpoints
            let asked = bench.asked.count

            #expect(try bench.respond(after: first.id, model: "missing").raw.code == "weir_unknown_model")

            try await bench.reload(2, endpoints: [endpoints[1]])
            let gone = try bench.respond(after: first.id)
            #expect(gone.raw.status == 410 && gone.raw.code == "weir_state_home_gone", "\(gone.raw)")
            #expect(gone.raw.error?["param"] as? String == "previous_response_id")

            var moved = endpoints
            moved[0].models["m"] = nil
            try await bench.reload(3, endpoints: moved)
            let other = try bench.respond(after: first.id)
            #expect(other.raw.status == 400 && other.raw.code == "weir_state_other_model", "\(other.raw)")
            #expect(try bench.respond(after: ofOther.id, model: "n").raw.status == 200)

            var stateless = endpoints
            stateless[0].models["m"]?.state = nil
            try await bench.reload(4, endpoints: stateless)
            let forgotten = try bench.respond(after: first.id)
            #expect(forgotten.raw.status == 400 && forgotten.raw.code == "weir_unbounded_field", "\(forgotten.raw)")

            var tenants = bench.weir.tenants
            var abroad = endpoints
            abroad[0].labels.storedIn = ["US"]
            tenants[0].places = .only(["SE"])
            try await bench.reload(5, endpoints: abroad, tenants: tenants)
            let denied = try bench.respond(after: first.id)
            #expect(denied.raw.status == 403 && denied.raw.code == "weir_policy_denied", "\(denied.raw)")
            #expect(denied.raw.body.contains("endpoint one") && denied.raw.body.contains("store in US"))

            // Only the one call whose home was right went out.
            #expect(bench.asked.count == asked + 1)
            try await bench.reload(6, endpoints: endpoints)
            #expect(try bench.respond(after: first.id).raw.status == 200)
        }
    }

    @Test("A hold adds what the state can add: what was counted when it was made, and no more than the cap")
    func cap() async throws {
        try await StateBench.with { bench async throws in
            let plain = try bench.respond(#""max_output_tokens":16"#)
            let chained = try bench.respond(#""max_output_tokens":16,"previous_response_id":"\#(plain.id)""#)
            let unlimited = try bench.respond()
            let long = try bench.respond(#""max_output_tokens":6000"#)
            let capped = try bench.respond(#""max_output_tokens":16,"previous_response_id":"\#(long.id)""#)
            #expect([plain, chained, unlimited, long, capped].allSatisfy { $0.raw.status == 200 })
            let holds = try bench.weir.holds()
            func bytes(_ index: Int) -> Int64 { Int64(bench.asked[index].inputBytes) }
            // The caller's id is longer than the provider's, so the bound is at least what the endpoint was sent.
            let state = holds[0].inputBound + holds[0].outputBound
            #expect(holds[0].outputBound == 16)
            #expect(holds[1].inputBound >= bytes(1) + state && holds[1].inputBound < bytes(1) + state + 500)
            #expect(holds[4].inputBound >= bytes(4) + StateBench.cap && holds[4].inputBound < bytes(4) + StateBench.cap + 500)
            for (hold, request) in zip(holds, bench.asked) {
                #expect(hold.inputBound >= Int64(request.billedInput) && hold.outputBound >= Int64(request.billedOutput))
            }
            #expect(bench.weir.settles())
            for end in try bench.weir.ends() where end.how == .settled {
                let hold = try #require(holds.first { $0.attempt == end.attempt })
                #expect(end.settled <= hold.amount && !end.estimated)
            }
        }
    }

    @Test("State that its provider has forgotten is an error with the caller's own id, and the endpoint serves on")
    func forgotten() async throws {
        let scenario = """
            endpoints:
              - name: one
                provider: vllm
                output: 8
                models: [up-m]
            """
        for (played, provider) in [(scenario, ProviderKind.vllm), (StateBench.scenario, .openai)] {
            try await StateBench.with(
                scenario: played, threads: 1,
                endpoints: { [.test("one", port: $0["one"] ?? 0, provider: provider, state: KeptState(maxTokens: 100))] }
            ) { bench async throws in
                let first = try bench.respond()
                let second = try bench.respond(after: first.id)
                let provider = try #require(bench.asked.last?.state)
                try await bench.weir.simulator.reset()
                for stream in [false, true] {
                    let lost = try bench.respond(after: first.id, stream: stream)
                    #expect([400, 404].contains(lost.raw.status), "\(lost.raw)")
                    #expect(lost.raw.body.contains("'\(first.id)' not found") && !lost.raw.body.contains(provider))
                }
                #expect(second.raw.status == 200)
                #expect(try bench.respond().raw.status == 200)
                #expect(bench.weir.settles() && bench.weir.held == .zero)
            }
        }
    }

    @Test(
        "Ids in other shapes are refused",
        arguments: [
            (#""previous_response_id":7"#, "weir_field_wrong_type"), (#""previous_response_id":["x"]"#, "weir_field_wrong_type"),
            (#""previous_response_id":"""#, "weir_field_escaped"),
            (#""previous_response_id":"resp\u005f1""#, "weir_field_escaped"),
            (#""previous_response_id":"a","previous_response_id":"b""#, "weir_json_duplicate_key"),
            (#""previous\u005fresponse_id":"a""#, "weir_json_escaped_key"), (#""conversation":{}"#, "weir_field_wrong_type"),
            (#""conversation":{"id":"a","id":"b"}"#, "weir_json_duplicate_key"),
            (#""conversation":{"\u0069d":"a"}"#, "weir_json_escaped_key"), (#""conversation":true"#, "weir_field_wrong_type"),
            (#""conversation":{"id":null}"#, "weir_field_wrong_type"),
            (#""conversation":"conv_x","previous_response_id":"resp_x""#, "weir_bad_value"),
            (#""conversation":"conv_x""#, "weir_state_not_found"), (#""conversation":{"id":"conv_x"}"#, "weir_state_not_found"),
        ])
    func shapes(_ members: String, _ code: String) async throws {
        try await StateBench.with { bench async throws in
            let refused = try bench.respond(members)
            #expect(refused.raw.code == code && bench.asked.isEmpty, "\(refused.raw)")
        }
    }

    @Test("Items that stand for what a provider keeps need its signed id, and so are refused; sealed reasoning passes")
    func items() async throws {
        try await StateBench.with { bench async throws in
            func ask(_ item: String) throws -> RawAnswer {
                try bench.weir.chat(#"{"model":"m","input":[\#(item),{"role":"user","content":"x"}]}"#, path: "/v1/responses")
            }
            for item in [
                #"{"type":"item_reference","id":"rs_1"}"#, #"{"id":"rs_1"}"#, #"{"type":"reasoning","id":"rs_1","summary":[]}"#,
                #"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":""}"#,
                #"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":null,"content":[]}"#,
            ] {
                let refused = try ask(item)
                #expect(refused.status == 400 && refused.code == "weir_unbounded_field", "\(refused)")
            }
            #expect(bench.asked.isEmpty)
            #expect(try ask(#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAA"}"#).status == 200)
            #expect(try ask(#"{"type":"reasoning","summary":[]}"#).status == 200)
            #expect(try ask(#"{"type":"message","id":"msg_1","role":"assistant","content":"x"}"#).status == 200)
        }
    }
}
