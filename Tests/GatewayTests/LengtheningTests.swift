import Core
import Foundation
import Gateway
import Ledger
import Testing

/// An endpoint that goes on and on, whatever limit the request set.
@Suite("A stream that runs past its hold")
struct LengtheningTests {
    /// Eight tokens are asked for; the hold pays for eight.
    private static let ask = #"{"model":"m","stream":true,"max_tokens":8,"messages":[{"role":"user","content":"hello there"}]}"#
    private static let askResponses = #"{"model":"m","stream":true,"max_output_tokens":16,"input":"hello there"}"#

    /// A chunk of a server that counts usage on the way, as vLLM does with `continuous_usage_stats`.
    private static func counted(_ output: Int) -> String {
        #"data: {"id":"c","object":"chat.completion.chunk","model":"up-m","choices":[{"index":0,"delta":{"content":"a"}}],"#
            + #""usage":{"prompt_tokens":10,"completion_tokens":\#(output),"total_tokens":\#(output + 10)}}"# + "\n\n"
    }

    private static func last(_ output: Int) -> String {
        #"data: {"id":"c","object":"chat.completion.chunk","model":"up-m","choices":[],"#
            + #""usage":{"prompt_tokens":10,"completion_tokens":\#(output),"total_tokens":\#(output + 10)}}"# + "\n\n"
    }

    /// Sends events slowly enough that each is read by itself.
    private static func slowly(_ events: [String]) -> [ScriptedUpstream.Act] {
        [.send(Say.streamHead)] + events.flatMap { [.send(Say.chunk($0)), .wait(milliseconds: 3)] } + [.send(Say.lastChunk)]
    }

    private static func with(
        _ script: [ScriptedUpstream.Act], limit: String, leaving: Endpoint.WhenCallerLeaves = .drain,
        _ body: (Harness, ScriptedUpstream) async throws -> Void
    ) async throws {
        try await ScriptedUpstream.with({ _, _ in script }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                limit: Money(dollars: limit), endpoints: { _ in [.test("raw", port: port, whenCallerLeaves: leaving)] }
            ) { weir async throws in try await body(weir, upstream) }
        }
    }

    private func lengthened(_ weir: Harness) throws -> Int {
        try weir.entries().count { if case .lengthened = $0 { true } else { false } }
    }

    @Test(
        "Where there is money its hold grows, the whole stream arrives and is charged as the provider says",
        arguments: [true, false])
    func grows(_ counts: Bool) async throws {
        let events = (1...400).map { counts ? Self.counted($0) : Say.delta("a") } + [Self.last(400), Say.done]
        try await Self.with(Self.slowly(events), limit: "1") { weir, _ async throws in
            let answer = try weir.chat(Self.ask)
            #expect(answer.isWhole && answer.body.hasSuffix(Say.done), "\(answer)")
            #expect(!answer.body.contains("weir_"))
            #expect(weir.settles())
            let ends = try weir.ends()
            #expect(ends.count == 1 && !ends[0].estimated && ends[0].settled.nanos == 10 * 1_000 + 400 * 4_000)
            // 8 tokens, then blocks of 256.
            #expect(try lengthened(weir) == 2)
            #expect(try !weir.entries().contains { if case .overrun = $0 { true } else { false } })
            #expect(weir.held == .zero)
            #expect(try await weir.gateway.metrics().lengthenedHolds == 2)
        }
    }

    @Test("Where there is none it ends with an error event that names account and reason, and the endpoint is cut off")
    func stops() async throws {
        let events = (1...2_000).map { _ in Say.delta("a") } + [Say.finish, Say.done]
        // Pays for the hold of about 200 input and 8 output tokens and for some 100 tokens more.
        try await Self.with(Self.slowly(events), limit: "0.0007") { weir, upstream async throws in
            let client = try RawClient(port: weir.port)
            try client.send(Harness.request(Self.ask))
            let answer = try client.answer()
            #expect(answer.status == 200 && !answer.isWhole)
            let parts = answer.body.components(separatedBy: "\n\n").filter { !$0.isEmpty }
            let error = parts.last ?? ""
            #expect(error.contains(#""code":"weir_limit_reached""#) && error.contains("key key_test"), "\(error)")
            #expect(error.contains("ran past") && error.contains("insufficient_quota"))
            #expect(!answer.body.contains("[DONE]") && !answer.body.contains(#""finish_reason":"stop""#))
            #expect(parts.count < 400 && client.isClosedByPeer())
            #expect(weir.settles())
            let ends = try weir.ends()
            #expect(ends.count == 1 && ends[0].estimated && ends[0].usage.output >= Int64(parts.count - 1))
            let account = try #require(weir.account)
            #expect(account.settled <= MoneyTotal(try #require(Money(dollars: "0.0007"))))
            #expect(weir.held == .zero)
            #expect(try await weir.gateway.metrics().stoppedStreams == 1)
        }
    }

    @Test("In the Responses dialect the error event is that dialect's")
    func stopsResponses() async throws {
        let delta = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n"
        try await Self.with(Self.slowly(Array(repeating: delta, count: 1_500)), limit: "0.0007") { weir, _ async throws in
            let answer = try weir.chat(Self.askResponses, path: "/v1/responses")
            #expect(answer.status == 200 && !answer.isWhole)
            let error = answer.body.components(separatedBy: "\n\n").last { !$0.isEmpty } ?? ""
            #expect(error.hasPrefix("event: error\ndata: {\"type\":\"error\",\"code\":\"weir_limit_reached\""), "\(error)")
            #expect(weir.settles() && weir.held == .zero)
        }
    }

    @Test("What is past the bound before anything was delivered is a whole error answer")
    func stopsEarly() async throws {
        let script: [ScriptedUpstream.Act] = [
            .send(Say.streamHead + Say.chunk(Array(repeating: Say.delta("a"), count: 900).joined())), .awaitClose,
        ]
        try await Self.with(script, limit: "0.0007") { weir, upstream async throws in
            let answer = try weir.chat(Self.ask)
            // Reads may split the burst, in which case some of it was delivered.
            #expect(answer.status == 429 ? answer.isWhole : !answer.isWhole, "\(answer.status)")
            #expect(answer.body.contains("weir_limit_reached"))
            #expect(weir.settles() && eventually { upstream.clientsGone == 1 })
            #expect(try weir.ends().count == 1 && weir.ends()[0].settled > .zero)
            #expect(weir.held == .zero)
        }
    }

    @Test("An answer that is read on for a caller who left is held to its bound too")
    func stopsReadingOn() async throws {
        let events = (1...3_000).map { _ in Say.delta("a") }
        try await Self.with(Self.slowly(events), limit: "0.0007") { weir, _ async throws in
            let client = try RawClient(port: weir.port)
            try client.send(Harness.request(Self.ask))
            _ = try client.read(until: "data: ")
            client.close()
            #expect(weir.settles(within: 5))
            let ends = try weir.ends()
            #expect(ends.count == 1 && ends[0].estimated && ends[0].usage.output < 1_000)
            #expect(weir.held == .zero)
        }
    }
}
