import Core
import Foundation
import Ledger
import Simulator
import Testing

@Suite("Endpoints that misbehave")
struct UpstreamFaultTests {
    private static let timeouts = EndpointTimeouts(connect: 1_000, firstByte: 600, idle: 600)
    private static let json = #"{"id":"c","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}"#
    private static var length: Int { json.utf8.count }

    private static func with(
        _ acts: [ScriptedUpstream.Act], _ body: (Harness, ScriptedUpstream) async throws -> Void
    ) async throws {
        try await ScriptedUpstream.with({ _, _ in acts }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(endpoints: { _ in [.test("raw", port: port, timeouts: timeouts)] }) { weir async throws in
                try await body(weir, upstream)
            }
        }
    }

    /// Answers that no careful client can trust.
    private static let untrustworthy: [String: [ScriptedUpstream.Act]] = [
        "garbage": [.send("\u{1}\u{2}nonsense\r\n\r\n"), .close], "another protocol": [.send("SSH-2.0-OpenSSH_9.2\r\n"), .close],
        "an answer of HTTP/0.9": [.send("<html>hello</html>"), .close], "closes at once": [.close], "resets": [.reset],
        "closes within the head": [.send("HTTP/1.1 200 OK\r\nContent-Ty"), .close], "never answers": [.awaitClose],
        "a head that never ends": [.send("HTTP/1.1 200 OK\r\n"), .awaitClose],
        "two lengths": [
            .send("HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\nContent-Length: \(length + 1)\r\n\r\n\(json)x"), .close,
        ],
        "the same length twice": [
            .send("HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\nContent-Length: \(length)\r\n\r\n\(json)"), .close,
        ],
        "length and chunks": [
            .send("HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), .close,
        ],
        "no framing": [.send("HTTP/1.1 200 OK\r\n\r\n\(json)"), .close],
        "a negative length": [.send("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n\(json)"), .close],
        "an encoding nobody asked for": [.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), .close],
        "a bare line feed": [.send("HTTP/1.1 200 OK\nContent-Length: \(length)\n\n\(json)"), .close],
        "a folded header": [.send("HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: \(length)\r\n\r\n\(json)"), .close],
        "a header with a NUL": [.send("HTTP/1.1 200 OK\r\nX: a\u{0}b\r\nContent-Length: \(length)\r\n\r\n\(json)"), .close],
        "a huge head": [
            .send(
                "HTTP/1.1 200 OK\r\n" + String(repeating: "X-Filler: \(String(repeating: "f", count: 980))\r\n", count: 300)
                    + "\r\n"), .close,
        ],
        "many headers": [.send("HTTP/1.1 200 OK\r\n" + String(repeating: "X: y\r\n", count: 3_000) + "\r\n"), .close],
        "interim answers without end": [.send(String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 50)), .close],
        "switching protocols": [.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), .close],
        "a length that is too long": [.send("HTTP/1.1 200 OK\r\nContent-Length: \(length + 50)\r\n\r\n\(json)"), .close],
        "a length that is too short": [.send("HTTP/1.1 200 OK\r\nContent-Length: \(length - 9)\r\n\r\n\(json)"), .close],
        "half a body, then silence": [.send("HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\n{\"id\""), .awaitClose],
        "a bad chunk": [.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), .close],
        "a chunk that is cut": [.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"), .close],
        "not JSON": [.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), .close],
        "an empty body": [.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), .close],
        "two JSON documents": [.send("HTTP/1.1 200 OK\r\nContent-Length: \(length * 2)\r\n\r\n\(json)\(json)"), .close],
        "a redirect": [.send("HTTP/1.1 302 Found\r\nLocation: http://evil/\r\nContent-Length: 0\r\n\r\n"), .close],
        "no content": [.send("HTTP/1.1 204 No Content\r\n\r\n"), .close],
        "a status out of range": [.send("HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"), .close],
        "an empty stream": [.send(Say.streamHead + Say.lastChunk), .close],
        "a stream that is no event stream": [.send(Say.streamHead + Say.chunk("<html>\n\n") + Say.lastChunk), .close],
    ]

    @Test(
        "Nothing of an untrustworthy answer is delivered: the caller gets 502 or 504, a code, and a connection that goes on",
        arguments: untrustworthy.keys.sorted())
    func broken(_ name: String) async throws {
        try await Self.with(Self.untrustworthy[name] ?? []) { weir, upstream async throws in
            let client = try RawClient(port: weir.port)
            for body in [Ask.chat, Ask.stream] {
                try client.send(Harness.request(body))
                let answer = try client.answer()
                #expect(answer.status == 502 || answer.status == 504, "\(answer)")
                #expect(answer.code?.hasPrefix("weir_") == true && answer.isWhole && !answer.body.contains("evil"), "\(answer)")
            }
            try client.send("GET /v1/models HTTP/1.1\r\nHost: w\r\napi-key: \(Harness.key)\r\n\r\n")
            #expect(try client.answer().status == 200)
            // Whether it billed the calls nobody knows, so the money stays reserved.
            #expect(weir.openHolds == 2 && weir.ledger.doubtfulHolds.count == 2)
            let doubtful = weir.ledger.doubtfulHolds.reduce(MoneyTotal.zero) { $0 + MoneyTotal($1.amount) }
            #expect(weir.held == doubtful && doubtful > .zero)
            #expect(upstream.requests.count == 2)
        }
    }

    @Test("What follows an answer is never taken for the next one's")
    func extra() async throws {
        let smuggled = Say.json(#"{"smuggled":true,"usage":\#(Say.usage)}"#)
        for acts: [ScriptedUpstream.Act] in [
            [.send(Say.whole + smuggled)], [.send(Say.whole), .wait(milliseconds: 30), .send(smuggled)],
        ] {
            try await Self.with(acts) { weir, upstream async throws in
                for _ in 0..<3 {
                    let answer = try weir.chat(Ask.chat)
                    #expect(answer.status == 200 && !answer.body.contains("smuggled"))
                    usleep(60_000)
                }
                #expect(upstream.connections == 3 && weir.settles())
            }
        }
    }

    @Test("A connection is used again after a whole answer, and not after `Connection: close` or an error in between")
    func reuse() async throws {
        try await Self.with([.send(Say.whole)]) { weir, upstream async throws in
            let client = try RawClient(port: weir.port)
            for body in [Ask.chat, Ask.chat, Ask.stream, Ask.chat] {
                try client.send(Harness.request(body))
                #expect(try client.answer().status == 200)
            }
            #expect(upstream.connections == 1 && upstream.requests.count == 4)
        }
        let closing = Say.json(Self.json, headers: ["Connection: close"])
        try await Self.with([.send(closing), .close]) { weir, upstream async throws in
            for _ in 0..<3 { #expect(try weir.chat(Ask.chat).status == 200) }
            #expect(upstream.connections == 3)
        }
    }

    @Test("Interim answers are passed over; an unknown success without usage is held at its bound")
    func odd() async throws {
        try await Self.with([.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + Say.whole)]) {
            weir, _ async throws in
            let answer = try weir.chat(Ask.chat)
            #expect(answer.status == 200 && answer.header("link") == nil)
        }
        try await Self.with([.send(Say.json("{}"))]) { weir, _ async throws in
            #expect(try weir.chat(Ask.chat).status == 200)
            let (end, hold) = (try #require(try weir.ends().first), try #require(try weir.holds().first))
            #expect(end.estimated && end.settled == hold.amount)
        }
    }

    @Test(
        "An error's body reaches the caller as the provider wrote it, whatever its shape",
        arguments: [
            #"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}"#,
            #"{"error_code":"X","error_msg":"no"}"#,
            #"{"message":"no","code":40001}"#, "plain text", "", "<html>no</html>", #"{"error":"#,
        ])
    func errors(_ body: String) async throws {
        try await Self.with([.send(Say.json(body, status: "400 Bad Request"))]) { weir, _ async throws in
            let answer = try weir.chat(Ask.chat)
            #expect(answer.status == 400 && answer.body == body && answer.isWhole)
            #expect(weir.openHolds == 0 && weir.held == .zero)
        }
    }

    @Test("A blocked prompt is billed where the provider bills it")
    func contentFilter() async throws {
        try await Self.with([.send(Say.error("400 Bad Request", code: "content_filter"))]) { weir, _ async throws in
            #expect(try weir.chat(Ask.chat).status == 400)
            let ends = try weir.ends()
            #expect(ends.count == 1 && ends[0].estimated && ends[0].settled > .zero && ends[0].usage.output == 0)
        }
    }

    @Test("More connections than the endpoint may have are refused by Weir, and cost nothing")
    func connectionLimit() async throws {
        try await ScriptedUpstream.with({ _, _ in [.wait(milliseconds: 300), .send(Say.whole)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                threads: 1,
                endpoints: { _ in
                    var made = Endpoint.test("raw", port: port)
                    made.maxConnectionsPerLoop = 2
                    return [made]
                }
            ) { weir async throws in
                let clients = try (0..<4).map { _ in try RawClient(port: weir.port) }
                for client in clients { try client.send(Harness.request(Ask.chat)) }
                let answers = try clients.map { try $0.answer() }
                #expect(answers.count { $0.status == 200 } == 2)
                #expect(answers.count { $0.code == "weir_endpoint_too_many_connections" } == 2)
                #expect(upstream.connections == 2 && weir.openHolds == 0 && weir.held == .zero)
            }
        }
    }
}
