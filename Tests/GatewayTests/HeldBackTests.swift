import Core
import Foundation
import Gateway
import Ledger
import Testing

/// A disk that stalls while a stream runs past its hold.
@Suite("What nothing on disk pays for is held back")
struct HeldBackTests {
    /// Eight tokens are asked for; the hold pays for eight.
    private static let ask = #"{"model":"m","stream":true,"max_tokens":8,"messages":[{"role":"user","content":"hello there"}]}"#
    private static let events = 300
    /// What is certain begins this many events later: some events carry no token.
    private static let eventsInDoubt = 16

    private static let last =
        #"data: {"id":"c","object":"chat.completion.chunk","model":"up-m","choices":[],"#
        + #""usage":{"prompt_tokens":10,"completion_tokens":300,"total_tokens":310}}"# + "\n\n"

    /// Two events, time to stall the disk, and the rest.
    private static var script: [ScriptedUpstream.Act] {
        let event = ScriptedUpstream.Act.send(Say.chunk(Say.delta("a")))
        return [.send(Say.streamHead), event, event, .wait(milliseconds: 300)]
            + (2..<events).flatMap { _ in [event, .wait(milliseconds: 1)] }
            + [.send(Say.chunk(last) + Say.chunk(Say.done) + Say.lastChunk)]
    }

    private static func with(
        clientTimeout: Double, _ body: (Harness, RawClient, SwitchedDisk) async throws -> Void
    ) async throws {
        let disk = SwitchedDisk()
        defer { disk.stalls = false }
        try await ScriptedUpstream.with({ _, _ in script }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(disk: disk, endpoints: { _ in [.test("raw", port: port)] }) { weir async throws in
                defer { disk.stalls = false }
                let client = try RawClient(port: weir.port, timeout: clientTimeout)
                try client.send(Harness.request(ask))
                _ = try client.read(until: "data: ")
                disk.stalls = true
                try await body(weir, client, disk)
            }
        }
    }

    private static func deltas(_ text: String) -> Int { text.components(separatedBy: "\"delta\"").count - 1 }

    @Test("A stream stops at what is paid for on disk, and goes on when its lengthening is there")
    func heldBack() async throws {
        try await Self.with(clientTimeout: 1.5) { weir, client, disk async throws in
            // Until nothing has come for the client's patience.
            while (try? client.more()) == true {}
            let before = Self.deltas(try client.read(until: "data: "))
            #expect((8...8 + Self.eventsInDoubt).contains(before), "\(before)")
            disk.stalls = false
            let answer = try client.answer()
            #expect(answer.isWhole && answer.body.hasSuffix(Say.done), "\(answer)")
            #expect(Self.deltas(answer.body) == Self.events)
            #expect(weir.settles())
            let ends = try weir.ends()
            #expect(ends.count == 1 && !ends[0].estimated && ends[0].settled.nanos == 10 * 1_000 + 300 * 4_000)
            #expect(weir.held == .zero)
        }
    }

    @Test("A disk that does not come back ends the stream with an error event, and its hold is in doubt")
    func neverDurable() async throws {
        try await Self.with(clientTimeout: 14) { weir, client, disk async throws in
            let answer = try client.answer()
            #expect(answer.status == 200 && !answer.isWhole)
            #expect(answer.body.contains("weir_journal_unavailable") && !answer.body.contains("[DONE]"), "\(answer.body)")
            #expect(Self.deltas(answer.body) <= 8 + Self.eventsInDoubt)
            disk.stalls = false
            let doubts = try weir.entries().compactMap {
                if case .doubt(hold: _, why: let why, region: _) = $0 { why } else { nil }
            }
            #expect(doubts == ["journal_unavailable"])
        }
    }

    @Test("A caller who leaves while bytes are held back is read on, and charged what the provider says")
    func leaves() async throws {
        try await Self.with(clientTimeout: 2) { weir, client, disk async throws in
            #expect(eventually { weir.account.map { $0.reserved > .zero } ?? false })
            usleep(500_000)
            client.close()
            usleep(200_000)
            disk.stalls = false
            #expect(weir.settles(within: 5))
            let ends = try weir.ends()
            #expect(ends.count == 1 && !ends[0].estimated && ends[0].usage.output == 300, "\(ends)")
            #expect(weir.held == .zero)
        }
    }
}
