import Core
import Foundation
import Ledger
import Simulator
import Testing

@Suite("Client connections stay right")
struct ConnectionTests {
    private static let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer \(Harness.key)\r\n"

    @Test("Requests in one packet are answered in order, refused ones among them")
    func pipelined() async throws {
        try await Harness.with { weir async throws in
            let client = try RawClient(port: weir.port)
            let bad = Harness.request(#"{"model":"nobody","messages":[]}"#, headers: ["x-request-id: second"])
            let list = "GET /v1/models HTTP/1.1\r\nHost: w\r\nx-request-id: third\r\napi-key: \(Harness.key)\r\n\r\n"
            try client.send(
                Harness.request(Ask.stream, headers: ["x-request-id: first"]) + bad + list
                    + Harness.request(Ask.chat, headers: ["x-request-id: fourth"]))
            for (name, status) in [("first", 200), ("second", 404), ("third", 200), ("fourth", 200)] {
                let answer = try client.answer()
                #expect(answer.header("x-request-id") == name && answer.status == status && answer.isWhole, "\(answer)")
            }
            #expect(weir.settles())
        }
    }

    @Test("Far more pipelined requests than are kept in memory are all answered")
    func flood() async throws {
        try await Harness.with { weir async throws in
            let client = try RawClient(port: weir.port)
            let filler = String(repeating: "y", count: 4_000)
            let request = Harness.request(#"{"model":"m","messages":[],"x":"\#(filler)"}"#)
            Thread.detachNewThread { try? client.send(String(repeating: request, count: 60)) }
            for _ in 0..<60 { #expect(try client.answer().status == 200) }
            #expect(weir.settles() && weir.simulator.record().count == 60)
        }
    }

    @Test("A request may come byte by byte; a chunked body is read as a whole")
    func pieces() async throws {
        try await Harness.with { weir async throws in
            let client = try RawClient(port: weir.port)
            for byte in Harness.request(Ask.chat).utf8 { try client.send([byte]) }
            #expect(try client.answer().status == 200)
            let chunks = Ask.chat.map { "1\r\n\($0)\r\n" }.joined()
            try client.send(Self.head + "Transfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n")
            #expect(try client.answer().status == 200)
            #expect(
                weir.simulator.record().allSatisfy {
                    $0.inputBytes == Ask.chat.utf8.count + 3 + #""max_tokens":1000,"#.utf8.count
                })
        }
    }

    @Test("HTTP/1.0 is answered and closed; its streams have no chunks; Connection: close is honoured")
    func oldClients() async throws {
        try await Harness.with { weir async throws in
            for (version, more, body) in [
                ("1.0", "", Ask.chat), ("1.0", "Connection: keep-alive\r\n", Ask.chat), ("1.0", "", Ask.stream),
                ("1.1", "Connection: close\r\n", Ask.chat),
                ("1.1", "Connection: Close, x\r\n", Ask.stream),
            ] {
                let client = try RawClient(port: weir.port)
                try client.send(
                    "POST /v1/chat/completions HTTP/\(version)\r\nHost: w\r\napi-key: \(Harness.key)\r\n\(more)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                )
                let answer = try client.answer()
                #expect(answer.status == 200 && answer.isWhole && answer.header("connection") == "close", "\(answer)")
                if version == "1.0" { #expect(answer.header("transfer-encoding") == nil) }
                if body == Ask.stream { #expect(answer.body.hasSuffix(Say.done)) }
                #expect(client.isClosedByPeer())
            }
            #expect(weir.settles())
        }
    }

    @Test("Expect: 100-continue gets leave to send, and a refusal instead where the call is refused")
    func expectContinue() async throws {
        try await Harness.with { weir async throws in
            let client = try RawClient(port: weir.port)
            let length = "Content-Length: \(Ask.chat.utf8.count)\r\nExpect: 100-continue\r\n\r\n"
            try client.send(Self.head + length)
            #expect(try client.read(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try client.send(Ask.chat)
            #expect(try client.answer().status == 200)
            try client.send(Self.head.replacingOccurrences(of: Harness.key, with: "weir_wrong") + length)
            #expect(try client.answer().status == 401)
            #expect(client.isClosedByPeer(), "the body that may or may not follow must not be read as a request")
        }
    }

    private static var hasty: ListenerLimits {
        var limits = ListenerLimits()
        limits.headMilliseconds = 200
        limits.bodyMilliseconds = 200
        limits.idleMilliseconds = 200
        return limits
    }

    @Test(
        "Who sends a head or body too slowly is told so and closed, also when bytes keep dripping",
        arguments: [
            "POST /v1/chat", head, head + "Content-Length: 100\r\n\r\n{", head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{",
            head + "Transfer-Encoding: chunked\r\n\r\n",
        ])
    func slowLoris(_ start: String) async throws {
        try await Harness.with(limits: Self.hasty) { weir async throws in
            let client = try RawClient(port: weir.port, timeout: 2)
            let began = Date()
            try client.send(start)
            Thread.detachNewThread {
                for _ in 0..<200 where (try? client.send("a")) != nil { usleep(20_000) }
            }
            let answer = try client.answer()
            #expect([408, 400].contains(answer.status) && answer.code?.hasPrefix("weir_") == true, "\(answer)")
            #expect(answer.header("connection") == "close")
            #expect(Date().timeIntervalSince(began) < 2)
            #expect(eventually { (try? client.more()) != true })
            #expect(weir.openHolds == 0)
        }
    }

    @Test("A connection without a request is closed after its time, before and between requests")
    func idle() async throws {
        try await Harness.with(limits: Self.hasty) { weir async throws in
            let silent = try RawClient(port: weir.port, timeout: 2)
            #expect(silent.isClosedByPeer())
            let used = try RawClient(port: weir.port, timeout: 2)
            try used.send(Harness.request(Ask.chat))
            #expect(try used.answer().status == 200)
            #expect(used.isClosedByPeer())
        }
    }

    @Test("A refused body that never comes does not hold its connection")
    func refusedBody() async throws {
        try await Harness.with(limits: Self.hasty) { weir async throws in
            let client = try RawClient(port: weir.port, timeout: 2)
            try client.send(Self.head.replacingOccurrences(of: Harness.key, with: "weir_wrong") + "Content-Length: 100\r\n\r\n")
            #expect(try client.answer().status == 401)
            #expect(client.isClosedByPeer())
        }
    }
}
