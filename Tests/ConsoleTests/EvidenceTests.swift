import Console
import Core
import Foundation
import Ledger
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@Suite("Evidence for the ledger")
struct EvidenceTests {
    private static func body(
        action: String = "correct", attempt: String = "0123456789abcdef0123456789abcdef", hold: String = "17",
        meters: String = "input=12 output=-3", amount: String = "-0.000000125", evidence: String = "invoice-9#4"
    ) -> String {
        #"{"action":"\#(action)","attempt":"\#(attempt)","hold":\#(hold),"meters":"\#(meters)","amount":"\#(amount)","evidence":"\#(evidence)"}"#
    }

    @Test("A correction reaches the ledger as it was sent, once for each name of evidence")
    func books() async throws {
        try await withAdminServer { client, world in
            let first = try await client.send("POST", "/admin/v1/evidence", body: Self.body())
            #expect(first.status == 200)
            #expect(try JSONDecoder().decode(EvidenceReport.self, from: Data(first.body.utf8)).outcome == .booked)
            let again = try await client.send("POST", "/admin/v1/evidence", body: Self.body())
            #expect(try JSONDecoder().decode(EvidenceReport.self, from: Data(again.body.utf8)).outcome == .already)
            let evidence = world.state.withLock { $0.evidence }
            #expect(evidence.count == 1)
            #expect(evidence.first?.action == .correct && evidence.first?.hold == 17)
            #expect(evidence.first?.meters == Usage(input: 12, output: -3))
            #expect(evidence.first?.amount == Money(nanos: -125))
        }
    }

    @Test("What is no evidence is refused with the member to blame, and nothing is booked")
    func refuses() async throws {
        try await withAdminServer { client, world in
            let bad = [
                (Self.body(action: "forgive"), "action"), (Self.body(attempt: "17"), "attempt"), (Self.body(hold: "-1"), "hold"),
                (Self.body(meters: "input=1 input=2"), "meters"), (Self.body(meters: "tokens=1"), "meters"),
                (Self.body(meters: "input=1.5"), "meters"), (Self.body(amount: "1e3"), "amount"),
                (Self.body(action: "settle"), "amount"), (Self.body(action: "settleAllowance"), "amount"),
                (Self.body(evidence: ""), "evidence"),
            ]
            for (body, member) in bad {
                let answer = try await client.send("POST", "/admin/v1/evidence", body: body)
                #expect(answer.status == 400)
                #expect(answer.body.contains("`\(member)`"), "\(body) got \(answer.body)")
            }
            #expect(try await client.send("POST", "/admin/v1/evidence", body: Self.body(hold: "404")).status == 404)
            #expect(try await client.send("POST", "/admin/v1/evidence", body: Self.body(hold: "409")).status == 409)
            #expect(world.state.withLock { $0.evidence }.isEmpty)
        }
    }

    @Test("Holds in doubt are listed with what is reserved for them")
    func lists() async throws {
        try await withAdminServer { client, world in
            let attempt = try #require(AttemptID("0123456789abcdef0123456789abcdef"))
            let view = DoubtView(
                DoubtfulHoldView(sequence: 5, attempt: attempt, amount: Money(nanos: 1_500_000_000), since: Timestamp(seconds: 0))
            )
            world.state.withLock { $0.doubts = [view] }
            let answer = try await client.send("GET", "/admin/v1/doubts")
            #expect(try JSONDecoder().decode(DoubtList.self, from: Data(answer.body.utf8)).doubts == [view])
            #expect(view.amount == "1.50" && view.hold == 5)
        }
    }
}

@Suite("Alerts to a webhook")
struct AlertSenderTests {
    @Test("Each alert arrives once, in order, with its credential, over a real socket; a receiver that is away is tried again")
    func arrives() async throws {
        let hook = try await Hook.start(statuses: [503])
        defer { hook.stop() }
        let sender = AlertSender(
            url: Secret("http://127.0.0.1:\(hook.port)/hook"), credential: Secret("canary"), node: "n", log: .init(label: "test"))
        let told = [50, 80] + Array(101...140)
        for percent in told {
            sender.send(
                .limit(
                    LimitNotice(
                        account: .tenant("acme"), period: .day(zone: "Asia/Shanghai"), percent: percent,
                        settled: Money(nanos: 5_000_000_000), limit: Money(nanos: 10_000_000_000))), at: Timestamp(seconds: 0))
        }
        for _ in 0..<200 where hook.bodies.count < told.count + 1 { try await Task.sleep(for: .milliseconds(50)) }
        let bodies = hook.bodies
        #expect(bodies.count == told.count + 1, "one refused, the rest taken")
        let messages = try bodies.map { try JSONDecoder().decode(LimitMessage.self, from: Data($0.body.utf8)) }
        #expect(messages.map(\.percent) == [50] + told)
        #expect(messages.first?.account == "tenant acme" && messages.first?.settled == "5.00" && messages.first?.limit == "10.00")
        #expect(bodies.allSatisfy { $0.head.contains("authorization: Bearer canary") })
        for _ in 0..<100 where await sender.sent < told.count { try await Task.sleep(for: .milliseconds(20)) }
        #expect(await sender.sent == told.count)
        #expect(await sender.dropped == 0)
    }
}

/// A receiver on a real socket that answers with the given statuses, one after another.
private final class Hook: Sendable {
    struct Got: Sendable { var head: String; var body: String }

    private let state = Mutex<(got: [Got], statuses: [Int])>(([], []))
    private let channel: any Channel

    var port: Int { channel.localAddress?.port ?? 0 }
    var bodies: [Got] { state.withLock { $0.got } }

    private init(_ channel: any Channel) { self.channel = channel }

    static func start(statuses: [Int]) async throws -> Hook {
        let shared = HookBox()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture { try child.pipeline.syncOperations.addHandler(HookHandler(shared)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let hook = Hook(channel)
        hook.state.withLock { $0.statuses = statuses }
        shared.set(hook)
        return hook
    }

    func stop() { channel.close(promise: nil) }

    func take(_ head: String, _ body: String) -> Int {
        state.withLock { state in
            state.got.append(Got(head: head, body: body))
            return state.statuses.isEmpty ? 200 : state.statuses.removeFirst()
        }
    }
}

private final class HookBox: Sendable {
    private let hook = Mutex<Hook?>(nil)
    func set(_ value: Hook) { hook.withLock { $0 = value } }
    var value: Hook? { hook.withLock { $0 } }
}

private final class HookHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let box: HookBox
    private var text = ""

    init(_ box: HookBox) { self.box = box }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(buffer: unwrapInboundIn(data))
        guard let end = text.range(of: "\r\n\r\n") else { return }
        let head = String(text[..<end.lowerBound])
        let length =
            head.components(separatedBy: "\r\n").lazy
            .compactMap {
                $0.lowercased().hasPrefix("content-length:") ? Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) : nil
            }
            .first ?? 0
        let body = String(text[end.upperBound...])
        guard body.utf8.count >= length, let hook = box.value else { return }
        text = ""
        let status = hook.take(head, body)
        context.writeAndFlush(
            wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 \(status) X\r\ncontent-length: 0\r\n\r\n")), promise: nil)
    }
}
