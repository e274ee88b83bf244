import Core
import Foundation
import Ledger
import Simulator
import Testing

@Suite("Callers that leave or read slowly")
struct LeavingTests {
    private static func scenario(billsAll: Bool) -> String {
        """
        endpoints:
          - name: one
            provider: openai
            firstToken: 150ms
            pace: 100
            output: \(billsAll ? 30 : 300)
            onLeave: \(billsAll ? "billAll" : "billPlayed")
            models: [up-m]
        """
    }

    private static func with(_ leaving: Endpoint.WhenCallerLeaves, _ body: (Harness) async throws -> Void) async throws {
        try await Harness.with(
            scenario: scenario(billsAll: leaving == .drain),
            endpoints: { [.test("one", port: $0["one"] ?? 0, provider: .openai, whenCallerLeaves: leaving)] }, body)
    }

    @Test(
        "Where the provider bills on, the answer is read to its end and settled at what it says",
        arguments: ["early", "streaming", "whole"])
    func drains(_ when: String) async throws {
        try await Self.with(.drain) { weir async throws in
            let client = try RawClient(port: weir.port)
            try client.send(Harness.request(when == "whole" ? Ask.chat : Ask.stream))
            if when == "streaming" {
                _ = try client.read(until: "data: ")
            } else {
                #expect(eventually { !weir.simulator.record().isEmpty })
            }
            client.close()
            #expect(weir.settles())
            let ends = try weir.ends()
            #expect(ends.count == 1 && !ends[0].estimated && ends[0].usage.output == 30)
            #expect(weir.simulator.record().map(\.outcome) == [.completed])
            #expect(weir.held == .zero)
        }
    }

    @Test(
        "Where the provider stops, the attempt is cancelled at once and settled at an estimate",
        arguments: ["early", "streaming"])
    func cancels(_ when: String) async throws {
        try await Self.with(.cancel) { weir async throws in
            let client = try RawClient(port: weir.port)
            try client.send(Harness.request(Ask.stream))
            if when == "streaming" {
                _ = try client.read(until: "data: ")
            } else {
                #expect(eventually { !weir.simulator.record().isEmpty })
            }
            client.close()
            #expect(weir.settles(within: 1.5))
            let ends = try weir.ends()
            #expect(ends.count == 1 && ends[0].estimated && ends[0].settled > .zero)
            #expect(eventually { weir.simulator.record().map(\.outcome) == [.clientLeft] })
            #expect(weir.held == .zero)
        }
    }

    @Test("Who leaves while an error is arriving has cost nothing")
    func leavesDuringError() async throws {
        let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n{\"error\":"
        try await ScriptedUpstream.with({ _, _ in [.send(head), .awaitClose] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(endpoints: { _ in [.test("raw", port: port, whenCallerLeaves: .cancel)] }) {
                weir async throws in
                let client = try RawClient(port: weir.port)
                try client.send(Harness.request(Ask.chat))
                #expect(eventually { !upstream.requests.isEmpty })
                usleep(200_000)
                client.close()
                #expect(weir.settles() && eventually { upstream.clientsGone == 1 })
                let ends = try weir.ends()
                #expect(ends.count == 1 && ends[0].how == .voided && ends[0].why == "status_400", "\(ends)")
                #expect(weir.held == .zero && weir.account?.settled == .zero)
            }
        }
    }

    @Test("Who leaves while sending has cost nothing")
    func leavesWhileSending() async throws {
        try await Harness.with { weir async throws in
            let request = Harness.request(Ask.chat)
            for length in [3, 40, 120, request.utf8.count - 1] {
                let client = try RawClient(port: weir.port)
                try client.send(Array(request.utf8.prefix(length)))
                usleep(20_000)
                client.close()
            }
            #expect(try weir.chat(Ask.chat).status == 200)
            #expect(try weir.holds().count == 1 && weir.simulator.record().count == 1)
            #expect(weir.settles())
        }
    }

    @Test("A drained answer is given up after its time")
    func givesUp() async throws {
        var limits = ListenerLimits()
        limits.callerGoneMilliseconds = 200
        try await ScriptedUpstream.with({ _, _ in [.send(Say.streamHead + Say.chunk(Say.delta("a"))), .awaitClose] }) {
            upstream async throws in
            let port = upstream.port
            try await Harness.with(limits: limits, endpoints: { _ in [.test("raw", port: port)] }) { weir async throws in
                let client = try RawClient(port: weir.port)
                try client.send(Harness.request(Ask.stream))
                _ = try client.read(until: "data: ")
                client.close()
                #expect(weir.settles(within: 2))
                let ends = try weir.ends()
                #expect(ends.count == 1 && ends[0].estimated)
                #expect(eventually { upstream.clientsGone == 1 })
            }
        }
    }

    @Test("A client that does not read pauses its endpoint, and memory stays bounded; it is closed after its time")
    func slowReader() async throws {
        var limits = ListenerLimits()
        limits.idleMilliseconds = 700
        let event = Say.chunk(Say.delta(String(repeating: "x", count: 8_000)))
        let script: [ScriptedUpstream.Act] = [.send(Say.streamHead), .flood(event, copies: 8_000), .close]
        try await ScriptedUpstream.with({ _, _ in script }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                limits: limits, endpoints: { _ in [.test("raw", port: port, whenCallerLeaves: .cancel)] }
            ) { weir async throws in
                let client = try RawClient(port: weir.port, receiveBuffer: 16_384)
                try client.send(Harness.request(Ask.stream))
                _ = try client.read(until: "data: ")
                usleep(200_000)
                let taken = upstream.floodedBytes
                usleep(200_000)
                // What the kernels' buffers took, nowhere near the 64 MB on offer.
                #expect(upstream.floodedBytes == taken && taken < 24_000_000, "\(upstream.floodedBytes)")
                #expect(weir.settles(within: 3), "the connection is given up")
                #expect(try weir.ends().count == 1)
                #expect(weir.held == .zero)
            }
        }
    }

    @Test("A client that reads slowly but steadily gets the whole stream")
    func steadyReader() async throws {
        let event = Say.chunk(Say.delta(String(repeating: "x", count: 8_000)))
        let script: [ScriptedUpstream.Act] = [
            .send(Say.streamHead), .flood(event, copies: 500),
            .send(Say.chunk(Say.usageEvent) + Say.chunk(Say.done) + Say.lastChunk),
        ]
        try await ScriptedUpstream.with({ _, _ in script }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(endpoints: { _ in [.test("raw", port: port)] }) { weir async throws in
                let client = try RawClient(port: weir.port, receiveBuffer: 16_384)
                try client.send(Harness.request(Ask.streamWithUsage))
                for _ in 0..<20 {
                    _ = try client.more()
                    usleep(5_000)
                }
                let answer = try client.answer()
                #expect(answer.isWhole && answer.body.utf8.count > 4_000_000 && answer.body.hasSuffix(Say.done))
                #expect(weir.settles())
                #expect(try weir.ends().first?.estimated == false)
            }
        }
    }
}
