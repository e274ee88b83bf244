import Core
import Foundation
import Ledger
import Simulator
import Testing

@Suite("A stream that breaks is visibly cut, and its hold ends once")
struct StreamFaultTests {
    private static let scenario = """
        endpoints:
          - name: one
            provider: openai
            output: 20
            pace: 2000
            models: [up-m]
        """
    private static let timeouts = EndpointTimeouts(connect: 1_000, firstByte: 800, idle: 600)

    private static func with(_ fault: String, _ body: (Harness) async throws -> Void) async throws {
        try await Harness.with(
            scenario: scenario,
            endpoints: { [.test("one", port: $0["one"] ?? 0, provider: .openai, timeouts: timeouts)] }
        ) { weir async throws in
            try await weir.simulator.setFault(Fault(fault), endpoint: "one", times: 1)
            try await body(weir)
        }
    }

    /// Whole events of a stream, each without its blank line.
    private static func events(_ body: String) -> [String] { body.components(separatedBy: "\n\n").filter { !$0.isEmpty } }

    @Test(
        "What was delivered is genuine, Weir's error event says so, and the body has no proper end",
        arguments: [
            "cut-stream:6", "cut-inside:6", "reset-stream:6", "stall-stream:6", "malformed-event:6", "bad-chunk:6", "end-early:6",
        ])
    func cut(_ fault: String) async throws {
        try await Self.with(fault) { weir async throws in
            let client = try RawClient(port: weir.port)
            try client.send(Harness.request(Ask.stream))
            let answer = try client.answer()
            #expect(answer.status == 200)
            #expect(!answer.isWhole, "the cut must be visible to HTTP: \(answer)")
            let events = Self.events(answer.body)
            #expect(events.last?.contains(#""code":"weir_"#) == true, "\(answer)")
            #expect(!answer.body.contains("[DONE]") && !answer.body.contains(#""finish_reason":"stop""#))
            for event in events.dropLast() {
                let json = try JSONSerialization.jsonObject(with: Data(event.dropFirst(6).utf8)) as? [String: Any]
                #expect(json?["object"] as? String == "chat.completion.chunk")
            }
            #expect(events.count <= 7 && events.count >= 2)
            #expect(client.isClosedByPeer())
            #expect(weir.settles())
            let ends = try weir.ends()
            #expect(ends.count == 1 && ends[0].estimated && ends[0].how == .settled)
            let record = weir.simulator.record()
            #expect(record.count == 1, "no failover after the first delivered byte")
            // An event each but for the first, which has the role, and Weir's own.
            #expect(ends[0].usage.output >= Int64(events.count - 2), "an estimate is rather high")
            #expect(weir.held == .zero)
            // Weir goes on.
            #expect(try weir.chat(Ask.stream).isWhole)
        }
    }

    @Test(
        "A Responses stream that is cut ends with an error event of its own dialect",
        arguments: ["cut-stream:6", "cut-inside:6", "malformed-event:6", "end-early:6"])
    func responses(_ fault: String) async throws {
        try await Self.with(fault) { weir async throws in
            let answer = try weir.chat(Ask.responseStream, path: "/v1/responses")
            #expect(answer.status == 200 && !answer.isWhole)
            let last = Self.events(answer.body).last ?? ""
            #expect(last.hasPrefix("event: error\ndata: {\"type\":\"error\""), "\(answer)")
            #expect(last.contains(#""code":"weir_"#) && !answer.body.contains("response.completed"))
            #expect(weir.settles())
            #expect(try weir.ends().count == 1)
        }
    }

    @Test(
        "Before the first delivered byte every fault is a whole error answer",
        arguments: [
            ("cut-stream:0", 502), ("cut-inside:0", 502), ("reset-stream:0", 502), ("stall-stream:0", 504),
            ("malformed-event:0", 502),
            ("bad-chunk:0", 502), ("end-early:0", 502), ("error-event:0", 502), ("garbage", 502), ("no-answer", 502),
            ("stall-head", 504),
        ])
    func early(_ fault: String, _ status: Int) async throws {
        try await Self.with(fault) { weir async throws in
            let client = try RawClient(port: weir.port)
            try client.send(Harness.request(Ask.stream))
            let answer = try client.answer()
            #expect(answer.status == status && answer.isWhole, "\(answer)")
            #expect(answer.header("content-type") == "application/json")
            if fault != "error-event:0" { #expect(answer.code?.hasPrefix("weir_") == true, "\(answer)") }
            // The client's connection is still good.
            try client.send(Harness.request(Ask.chat))
            #expect(try client.answer().status == 200)
            #expect(weir.settles(holds: weir.ledger.doubtfulHolds.count))
            let doubtful = weir.ledger.doubtfulHolds.reduce(MoneyTotal.zero) { $0 + MoneyTotal($1.amount) }
            #expect(weir.held == doubtful)
            #expect(try weir.ends().count + weir.ledger.doubtfulHolds.count == 2)
        }
    }

    @Test("An error that the provider tells inside a stream reaches the caller as it came, and nothing is added")
    func errorLater() async throws {
        try await Self.with("error-event:6") { weir async throws in
            let answer = try weir.chat(Ask.stream)
            #expect(answer.status == 200 && answer.isWhole, "\(answer)")
            let events = Self.events(answer.body)
            #expect(events.count == 7)
            #expect(
                events.last?.contains(#""error""#) == true && !answer.body.contains("weir_") && !answer.body.contains("[DONE]"))
            #expect(weir.settles())
            let ends = try weir.ends()
            #expect(ends.count == 1 && ends[0].estimated)
        }
    }

    @Test("An error event after which the provider falls silent is not told twice")
    func errorThenSilence() async throws {
        let error = "data: {\"error\":{\"message\":\"no\",\"type\":\"server_error\",\"code\":\"boom\"}}\n\n"
        let script: [ScriptedUpstream.Act] = [
            .send(Say.streamHead + Say.chunk(Say.delta("a")) + Say.chunk(error)), .wait(milliseconds: 1_500),
        ]
        try await ScriptedUpstream.with({ _, _ in script }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(endpoints: { _ in [.test("raw", port: port, timeouts: Self.timeouts)] }) { weir async throws in
                let answer = try weir.chat(Ask.stream)
                #expect(answer.body == Say.delta("a") + error, "\(answer)")
                #expect(weir.settles())
                #expect(try weir.ends().count == 1)
            }
        }
    }

    @Test("What follows the end of a stream is not delivered")
    func afterDone() async throws {
        let bytes = Say.stream([Say.delta("a"), Say.finish, Say.done, Say.delta("smuggled")])
        try await ScriptedUpstream.with({ _, _ in [.send(bytes)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(endpoints: { _ in [.test("raw", port: port)] }) { weir async throws in
                let answer = try weir.chat(Ask.stream)
                #expect(!answer.body.contains("smuggled") && answer.body.contains("[DONE]"), "\(answer)")
                #expect(weir.settles())
                #expect(try weir.ends().count == 1)
            }
        }
    }

    @Test("A whole JSON answer to a call for a stream is delivered as it is")
    func wholeInsteadOfStream() async throws {
        try await ScriptedUpstream.with({ _, _ in [.send(Say.whole)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(endpoints: { _ in [.test("raw", port: port)] }) { weir async throws in
                let answer = try weir.chat(Ask.stream)
                #expect(answer.status == 200 && answer.isWhole && Say.whole.hasSuffix(answer.body))
                #expect(weir.settles())
                #expect(try weir.ends().first?.estimated == false)
            }
        }
    }

    @Test(
        "A stream without usage is settled at an estimate, as is one with impossible usage",
        arguments: ["no-usage", "absurd-usage"])
    func noUsage(_ fault: String) async throws {
        try await Self.with(fault) { weir async throws in
            let answer = try weir.chat(Ask.stream)
            #expect(answer.isWhole && answer.body.hasSuffix(Say.done))
            #expect(weir.settles())
            let ends = try weir.ends()
            #expect(ends.count == 1 && ends[0].estimated && ends[0].settled > .zero)
            #expect(weir.held == .zero)
        }
    }
}
