import Core
import Foundation
import Gateway
import Ledger
import Testing
import Tokens

@Suite("What a provider did not count is counted with the model's tokenizer, off the event loops")
struct EstimateTests {
    static let vocabularies = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "share/tokenizers").path()

    /// A call of `hello there` whose answer says ` the` so many times and is then cut.
    private static func with(
        words: Int, tokenizer: String? = "o200k_base", waiting: Int = Estimator.waitingMax, piece: String = " the",
        _ body: (Harness, Estimator) async throws -> Void
    ) async throws {
        let text = Array(repeating: Say.chunk(Say.delta(piece)), count: words).joined()
        try await ScriptedUpstream.with({ _, _ in [.send(Say.streamHead + text), .close] }) { upstream async throws in
            let port = upstream.port
            let estimator = Estimator(folder: vocabularies, waitingMax: waiting)
            try await Harness.with(
                estimator: estimator,
                endpoints: { _ in
                    var made = Endpoint.test("raw", port: port)
                    made.models["m"]?.tokenizer = tokenizer
                    made.models["m"]?.maxOutputTokens = 200_000
                    return [made]
                }
            ) { weir async throws in try await body(weir, estimator) }
            estimator.shutdown()
        }
    }

    @Test("A cut stream is charged the tokens of its prompt and of what was said, not their bytes")
    func cut() async throws {
        try await Self.with(words: 300) { weir, estimator async throws in
            #expect(try !weir.chat(Ask.stream).isWhole)
            #expect(weir.settles(within: 10))
            let end = try #require(try weir.ends().first)
            // Each event says one token; bytes would make 400 of them, and the prompt's two words some eighty.
            #expect(end.estimated && end.usage.output == 300, "\(end.usage)")
            #expect((2...20).contains(end.usage.input), "\(end.usage)")
            #expect(end.settled.nanos == end.usage.input * 1_000 + 300 * 4_000)
            #expect(estimator.statistics.counted == 1 && weir.held == .zero)
            #expect(try await weir.gateway.metrics().tokenizedEstimates == 1)
        }
    }

    @Test("Beyond the text that is kept, the rest is estimated by its bytes")
    func long() async throws {
        // Twice as much as is kept.
        try await Self.with(words: 128, piece: String(repeating: " the", count: 256)) { weir, _ async throws in
            _ = try weir.chat(Ask.stream)
            #expect(weir.settles(within: 10))
            let output = try #require(try weir.ends().first).usage.output
            #expect(abs(output - 128 * 256) < 128, "\(output)")
        }
    }

    @Test("Without a tokenizer, or with a queue that is full, bytes are counted, and the hold has its end all the same")
    func bytes() async throws {
        for (tokenizer, waiting) in [(nil, Estimator.waitingMax), ("o200k_base", 0)] as [(String?, Int)] {
            try await Self.with(words: 30, tokenizer: tokenizer, waiting: waiting) { weir, estimator async throws in
                _ = try weir.chat(Ask.stream)
                #expect(weir.settles())
                let end = try #require(try weir.ends().first)
                #expect(end.estimated && end.usage.output == 40 && estimator.statistics.counted == 0)
                #expect(try await weir.gateway.metrics().byteEstimates == 1)
            }
        }
    }

    static let silent: [(operation: String, path: String, body: String)] = [
        (
            #"{"model":"m","messages":[{"role":"user","content":"hello there"}]}"#, "/v1/chat/completions",
            #"{"choices":[{"index":0,"message":{"role":"assistant","content":"TEXT","tool_calls":[]}}]}"#
        ),
        (Ask.completion, "/v1/completions", #"{"choices":[{"index":0,"text":"TEXT","finish_reason":"stop"}]}"#),
        (
            Ask.response, "/v1/responses",
            #"{"id":"r","output":[{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","annotations":[],"text":"TEXT"}]}]}"#
        ),
    ]

    @Test("A whole answer without a usage is charged what it says, not its whole hold", arguments: silent, [nil, "o200k_base"])
    func whole(_ call: (operation: String, path: String, body: String), _ tokenizer: String?) async throws {
        let text = String(repeating: " the", count: 120)
        let answer = Say.json(call.body.replacingOccurrences(of: "TEXT", with: text))
        try await ScriptedUpstream.with({ _, _ in [.send(answer)] }) { upstream async throws in
            let port = upstream.port
            let estimator = Estimator(folder: Self.vocabularies)
            try await Harness.with(
                estimator: estimator,
                endpoints: { _ in
                    var made = Endpoint.test("raw", port: port)
                    made.models["m"]?.tokenizer = tokenizer
                    return [made]
                }
            ) { weir async throws in
                #expect(try weir.chat(call.operation, path: call.path).body.contains(text))
                #expect(weir.settles(within: 10))
                let end = try #require(try weir.ends().first)
                let hold = try #require(try weir.holds().first)
                // A token each with the tokenizer; without it three bytes a token.
                #expect(end.estimated && end.usage.output == (tokenizer == nil ? 160 : 120), "\(end.usage)")
                #expect(end.settled.nanos == end.usage.input * 1_000 + end.usage.output * 4_000 && end.settled < hold.amount)
                #expect(weir.held == .zero)
            }
            estimator.shutdown()
        }
    }

    @Test("What Weir estimated beyond a usage told on the way is never an overrun", arguments: [nil, "o200k_base"])
    func toldOnTheWay(_ tokenizer: String?) async throws {
        let told =
            #"data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}"#
            + "\n\n"
        // Bytes make more tokens of this than what is held for its certain ones.
        let script: [ScriptedUpstream.Act] = [
            .send(Say.streamHead + Say.chunk(told) + Say.chunk(Say.delta(String(repeating: "x", count: 3_000)))),
            .wait(milliseconds: 50), .close,
        ]
        try await ScriptedUpstream.with({ _, _ in script }) { upstream async throws in
            let port = upstream.port
            let estimator = Estimator(folder: Self.vocabularies)
            try await Harness.with(
                estimator: estimator,
                endpoints: { _ in
                    var made = Endpoint.test("raw", port: port)
                    made.models["m"]?.tokenizer = tokenizer
                    return [made]
                }
            ) { weir async throws in
                _ = try weir.chat(#"{"model":"m","stream":true,"max_tokens":8,"messages":[{"role":"user","content":"hello"}]}"#)
                #expect(weir.settles(within: 10))
                let end = try #require(try weir.ends().first)
                #expect(end.estimated && end.usage.input == 10 && end.usage.output > 5, "\(end.usage)")
                if tokenizer == nil { #expect(end.usage.output == 1_001) }
                #expect(try !weir.entries().contains { if case .overrun = $0 { true } else { false } })
                #expect(weir.held == .zero)
            }
            estimator.shutdown()
        }
    }

    @Test("After a drain every hold that was being counted has one end")
    func drain() async throws {
        try await Self.with(words: 200) { weir, _ async throws in
            MoneyPromiseTests.together(16) { _ in _ = try? weir.chat(Ask.stream) }
            _ = try await weir.gateway.drain()
            #expect(weir.openHolds == 0)
            let ends = try weir.ends()
            #expect(ends.count == 16 && Set(ends.map(\.hold)).count == 16)
        }
    }
}
