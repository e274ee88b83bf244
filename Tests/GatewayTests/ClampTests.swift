import Core
import Foundation
import Ledger
import Testing

@Suite("What a call may produce is bounded before it is sent")
struct ClampTests {
    private static func with(
        limit: Money? = Money(dollars: "1000"), provider: ProviderKind = .compatible, maxTokensPerImage: Int64? = nil,
        script: String = Say.whole, _ body: (Harness, ScriptedUpstream) async throws -> Void
    ) async throws {
        try await ScriptedUpstream.with({ _, _ in [.send(script)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                limit: limit,
                endpoints: { _ in
                    var made = Endpoint.test("raw", port: port, provider: provider)
                    made.models["m"]?.maxTokensPerImage = maxTokensPerImage
                    return [made]
                }
            ) { weir async throws in try await body(weir, upstream) }
        }
    }

    private static func number(_ name: String, in body: String) -> Int? {
        let object = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
        return object?[name] as? Int
    }

    @Test(
        "Near the limit the output is clamped to what is left, and the caller is told",
        arguments: [
            (ProviderKind.compatible, "/v1/chat/completions", Ask.chat, "max_tokens"),
            (.openai, "/v1/chat/completions", Ask.chat, "max_completion_tokens"),
            (.compatible, "/v1/completions", Ask.completion, "max_tokens"),
            (.openai, "/v1/responses", Ask.response, "max_output_tokens"),
            (
                .openai, "/v1/chat/completions", #"{"model":"m","max_completion_tokens":900,"messages":[]}"#,
                "max_completion_tokens"
            ),
            (.openai, "/v1/chat/completions", #"{"model":"m","max_tokens":900,"messages":[]}"#, "max_tokens"),
            (.openai, "/v1/responses", #"{"model":"m","input":"x","max_output_tokens":900}"#, "max_output_tokens"),
            (
                .openai, "/v1/chat/completions", #"{"model":"m","max_completion_tokens":null,"messages":[]}"#,
                "max_completion_tokens"
            ),
        ])
    func clamp(_ provider: ProviderKind, _ path: String, _ body: String, _ field: String) async throws {
        // Room for about 500 of the model's 1,000 tokens.
        try await Self.with(limit: Money(dollars: "0.0022"), provider: provider) { weir, upstream async throws in
            let answer = try weir.chat(body, path: path)
            #expect(answer.status == 200, "\(answer)")
            let told = try #require(answer.header("x-weir-output-limit").flatMap { Int($0) })
            #expect((16..<600).contains(told))
            #expect(answer.header("x-weir-rewrites")?.contains("output_limit") == true)
            let sent = try #require(upstream.requests.first?.body)
            #expect(Self.number(field, in: sent) == told, "\(sent)")
            #expect(try weir.holds().first?.outputBound == Int64(told))
            #expect(weir.held == .zero)
        }
    }

    @Test("Far from the limit the caller's own output limit stays as it came")
    func unclamped() async throws {
        try await Self.with(provider: .openai) { weir, upstream async throws in
            let answer = try weir.chat(#"{"model":"m","max_completion_tokens": 900 ,"messages":[]}"#)
            #expect(answer.header("x-weir-output-limit") == nil)
            #expect(upstream.requests[0].body == #"{"model":"up-m","max_completion_tokens": 900 ,"messages":[]}"#)
        }
    }

    @Test(
        "Each choice counts: n and best_of multiply the hold, and so does each prompt of the completions API",
        arguments: [
            (#"{"model":"m","n":5,"max_tokens":100,"messages":[]}"#, "/v1/chat/completions", Int64(500)),
            (#"{"model":"m","n":2,"best_of":4,"max_tokens":100,"prompt":"x"}"#, "/v1/completions", 400),
            (#"{"model":"m","n":2,"max_tokens":100,"prompt":["x","y","z"]}"#, "/v1/completions", 600),
            (#"{"model":"m","max_tokens":100,"prompt":"x"}"#, "/v1/completions", 100),
            (#"{"model":"m","input":["a","b"]}"#, "/v1/embeddings", 0),
        ])
    func choices(_ body: String, _ path: String, _ outputs: Int64) async throws {
        try await Self.with { weir, _ async throws in
            #expect(try weir.chat(body, path: path).status == 200)
            #expect(try weir.holds().first?.outputBound == outputs)
        }
    }

    @Test("No output limit brings Weir down, not even where nothing is held because the model is free")
    func endless() async throws {
        let free = Price(
            from: CivilDate(year: 2020, month: 1, day: 1), input: TokenPrice(picos: 0), cachedInput: TokenPrice(picos: 0),
            output: TokenPrice(picos: 0), attested: "the test")
        try await ScriptedUpstream.with({ _, _ in [.send(Say.whole)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                price: free,
                endpoints: { _ in
                    // Openai's limit is the caller's own, so that nothing of Weir's makes it smaller.
                    var made = Endpoint.test("raw", port: port, provider: .openai)
                    made.pace = PaceLimit(tokensPerMinute: 1_000_000)
                    return [made]
                }
            ) { weir async throws in
                func completion(_ tokens: String, _ more: String = "") -> String {
                    #"{"model":"m","echo":true,"max_tokens":\#(tokens)\#(more),"prompt":["a","b"]}"#
                }
                let refused = try weir.chat(completion("9223372036854775807"), path: "/v1/completions")
                #expect(refused.status == 400 && refused.code == "weir_number_out_of_range", "\(refused)")
                #expect(refused.error?["param"] as? String == "max_tokens" && refused.body.contains("1000000000"), "\(refused)")
                #expect(upstream.requests.isEmpty)
                // The largest that is taken: the pace's whole minute, then none is left.
                let served = try weir.chat(completion("1000000000", #","n":128"#), path: "/v1/completions")
                #expect(served.status == 200, "\(served)")
                #expect(try weir.holds().first?.outputBound == 256_000_000_000)
                #expect(weir.settles())
                _ = try weir.chat(completion("7"), path: "/v1/completions")
                #expect(weir.settles())
            }
        }
    }

    @Test("A refusal names the grace that is used up as well")
    func grace() async throws {
        try await Self.with { weir, upstream async throws in
            let limit = SpendLimit(
                period: .monthUTC, amount: Money(nanos: 1_000), grace: .init(name: "year's end", amount: Money(nanos: 500)))
            _ = try weir.ledger.setLimits([(.key("key_test"), AccountLimits(spend: [limit]))], at: .now())
            let answer = try weir.chat(Ask.chat)
            #expect(answer.status == 429 && answer.code == "weir_limit_reached", "\(answer)")
            let words = "with its grace 'year's end' of $0.0000005,"
            #expect((answer.error?["message"] as? String)?.contains(words) == true && upstream.requests.isEmpty, "\(answer)")
        }
    }

    @Test(
        "Numbers that could not be bounded are refused by name",
        arguments: [
            (#"{"model":"m","n":129,"messages":[]}"#, "/v1/chat/completions"),
            (#"{"model":"m","n":9223372036854775807,"messages":[]}"#, "/v1/chat/completions"),
            (#"{"model":"m","n":99999999999999999999,"messages":[]}"#, "/v1/chat/completions"),
            (#"{"model":"m","n":1.5,"messages":[]}"#, "/v1/chat/completions"),
            (#"{"model":"m","n":"2","messages":[]}"#, "/v1/chat/completions"),
            (#"{"model":"m","best_of":1000,"prompt":"x"}"#, "/v1/completions"),
            (#"{"model":"m","max_tokens":-1,"messages":[]}"#, "/v1/chat/completions"),
            (#"{"model":"m","max_tokens":1e3,"messages":[]}"#, "/v1/chat/completions"),
            (#"{"model":"m","max_tokens":99999999999999999999,"messages":[]}"#, "/v1/chat/completions"),
            (#"{"model":"m","n":-3,"messages":[]}"#, "/v1/chat/completions"),
        ])
    func badNumbers(_ body: String, _ path: String) async throws {
        try await Self.with { weir, upstream async throws in
            let answer = try weir.chat(body, path: path)
            #expect(answer.status == 400 && answer.code?.hasPrefix("weir_") == true, "\(answer)")
            #expect(upstream.requests.isEmpty && weir.openHolds == 0)
        }
    }

    private static let image =
        #"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]}"#

    @Test("An image is refused where nobody has bounded what it costs, and held at its bound where somebody has")
    func images() async throws {
        try await Self.with { weir, upstream async throws in
            let answer = try weir.chat(Self.image)
            #expect(answer.status == 400 && answer.code == "weir_unbounded_field", "\(answer)")
            #expect(upstream.requests.isEmpty && weir.openHolds == 0)
        }
        try await Self.with(maxTokensPerImage: 1_500) { weir, _ async throws in
            #expect(try weir.chat(Self.image).status == 200)
            let bound = try #require(try weir.holds().first?.inputBound)
            #expect(bound >= 1_500 + Int64(Self.image.utf8.count))
        }
    }

    @Test(
        "What the body's size does not bound is refused by name under a limit",
        arguments: [
            (
                #"{"model":"m","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"","format":"wav"}}]}]}"#,
                "input_audio"
            ),
            (#"{"model":"m","modalities":["text","audio"],"messages":[]}"#, "modalities"),
            (#"{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}"#, "file"),
            (#"{"model":"m","service_tier":"scale","messages":[]}"#, "service_tier"),
            (#"{"model":"m","moderation":{"model":"omni-moderation-latest"},"messages":[]}"#, "moderation"),
            (#"{"model":"m","prediction":{"type":"content","content":"x"},"messages":[]}"#, "prediction"),
            (#"{"model":"m","web_search_options":{},"messages":[]}"#, "web_search_options"),
            (#"{"model":"m","messages":[{"role":"user","content":[{"type":"hologram"}]}]}"#, "content"),
        ])
    func unbounded(_ body: String, _ field: String) async throws {
        try await Self.with { weir, upstream async throws in
            let answer = try weir.chat(body)
            #expect(answer.status == 400 && answer.code == "weir_unbounded_field", "\(answer)")
            #expect(answer.error?["param"] as? String == field)
            #expect(upstream.requests.isEmpty && weir.openHolds == 0)
        }
    }
}
