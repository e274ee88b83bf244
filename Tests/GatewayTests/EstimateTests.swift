import Core
import Foundation
import Gateway
import Ledger
import Testing
import Tokens

@Suite("What a provider did not count is counted with the model's tokenizer, off the event loops")
struct EstimateTests {
    private static let vocabularies = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
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
