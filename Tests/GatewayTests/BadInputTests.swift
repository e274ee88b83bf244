import Core
import Foundation
import Ledger
import Simulator
import Testing

@Suite("Bad input gets a clear answer, and the connection stays right")
struct BadInputTests {
    static var small: ListenerLimits {
        var limits = ListenerLimits()
        limits.headBytes = 4_096
        limits.headerCount = 20
        limits.bodyBytes = 10_000
        limits.jsonDepth = 16
        return limits
    }

    private static let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer \(Harness.key)\r\n"

    @Test("JSON that is broken, ambiguous or too deep is refused with a code, and the next request on the connection works")
    func json() async throws {
        func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        let cases: [(String, String)] = [
            ("", "weir_json_"), ("{", "weir_json_incomplete"), ("nonsense", "weir_json_"), ("[]", "weir_json_not_an_object"),
            ("null", "weir_json_not_an_object"),
            (#"{"model":"m"} {}"#, "weir_json_trailing_bytes"), (#"{"model":"m",}"#, "weir_json_malformed"),
            (#"{"model":"m","model":"m","messages":[]}"#, "weir_json_duplicate_key"),
            (#"{"stream":true,"model":"m","stream":false}"#, "weir_json_duplicate_key"),
            (
                #"{"model":"m","stream_options":{"include_usage":true,"include_usage":false},"messages":[]}"#,
                "weir_json_duplicate_key"
            ),
            (#"{"m\u006fdel":"m"}"#, "weir_json_escaped_key"), (#"{"model":"\u006d"}"#, "weir_field_escaped"),
            (#"{"model":""}"#, "weir_field_escaped"),
            (#"{"model":7}"#, "weir_field_wrong_type"), (#"{"model":"m","stream":"yes"}"#, "weir_field_wrong_type"),
            (#"{"messages":[]}"#, "weir_model_missing"),
            (#"{"model":"m","x":\#(nested(20))}"#, "weir_json_too_deep"), (#"{"model":"m","x":"\#u{1}"}"#, "weir_json_malformed"),
            (#"{"model":"m","x":NaN}"#, "weir_json_malformed"), (#"{"model":"m","x":01}"#, "weir_json_malformed"),
            (#"{"model":"m","x":"\ud800"}"#, "weir_json_"),
            ("\u{FEFF}{\"model\":\"m\"}", "weir_json_"),
        ]
        try await Harness.with(limits: Self.small) { weir async throws in
            let client = try RawClient(port: weir.port)
            for (body, code) in cases {
                try client.send(Harness.request(body))
                let answer = try client.answer()
                #expect(answer.status == 400 && answer.code?.hasPrefix(code) == true, "\(body): \(answer)")
                #expect(answer.header("x-should-retry") == "false")
            }
            for bytes: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xE6, 0xB0]] {
                let body = Array(#"{"model":"m","messages":[],"x":""#.utf8) + bytes + Array(#""}"#.utf8)
                try client.send(Self.head + "Content-Length: \(body.count)\r\n\r\n")
                try client.send(body)
                let answer = try client.answer()
                #expect(answer.status == 400 && answer.code == "weir_json_not_utf8", "\(bytes): \(answer)")
            }
            try client.send(Harness.request(Ask.chat))
            #expect(try client.answer().status == 200)
            #expect(weir.simulator.record().count == 1 && weir.openHolds == 0)
        }
    }

    @Test("A head or body over its limit is refused, the answer arrives although the client still sends, and the connection ends")
    func tooLong() async throws {
        let long = String(repeating: "a", count: 5_000)
        let many = (0..<30).map { "x-\($0): y\r\n" }.joined()
        let big = String(repeating: "x", count: 2_000_000)
        let cases: [(String, Int, String)] = [
            (Self.head + "x-long: \(long)\r\nContent-Length: 0\r\n\r\n", 431, "weir_malformed_http"),
            (Self.head + many + "Content-Length: 0\r\n\r\n", 431, "weir_malformed_http"),
            ("GET /\(String(repeating: "a", count: 20_000)) HTTP/1.1\r\nHost: w\r\n\r\n", 0, "weir_malformed_http"),
            (Self.head + "Content-Length: \(big.utf8.count)\r\n\r\n" + big, 413, "weir_body_too_long"),
            (Self.head + "Content-Length: 10001\r\n\r\n", 413, "weir_body_too_long"),
            (Self.head + "Content-Length: 99999999999999999999\r\n\r\n", 400, "weir_malformed_http"),
            (Self.head + "Transfer-Encoding: chunked\r\n\r\n2711\r\n", 413, "weir_body_too_long"),
            (
                Self.head + "Transfer-Encoding: chunked\r\n\r\n1000\r\n\(String(repeating: "x", count: 4096))\r\n1712\r\n", 413,
                "weir_body_too_long"
            ),
            (
                Self.head + "Transfer-Encoding: chunked\r\n\r\n\(String(big.utf8.count, radix: 16))\r\n" + big, 413,
                "weir_body_too_long"
            ),
        ]
        try await Harness.with(limits: Self.small) { weir async throws in
            for (request, status, code) in cases {
                let client = try RawClient(port: weir.port)
                // A client that is refused while it sends may see its sending fail; the answer must be there all the same.
                try? client.send(request)
                let answer = try client.answer()
                if status == 0 {
                    #expect(answer.status == 414 || answer.status == 431)
                } else {
                    #expect(answer.status == status, "\(answer)")
                }
                #expect(answer.code == code && answer.header("connection") == "close", "\(answer)")
                #expect(client.isClosedByPeer())
            }
            #expect(weir.simulator.record().isEmpty && weir.openHolds == 0)
        }
    }

    @Test("A body at its limit is taken")
    func atLimit() async throws {
        try await Harness.with(limits: Self.small) { weir async throws in
            let prefix = #"{"model":"m","messages":[],"x":""#
            let body = prefix + String(repeating: "y", count: 10_000 - prefix.utf8.count - 2) + "\"}"
            #expect(body.utf8.count == 10_000)
            #expect(try weir.chat(body).status == 200)
        }
    }

    @Test(
        "Shapes that smuggle a request are refused and the connection ends; none of them reaches an endpoint",
        arguments: [
            "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            "Content-Length: 2, 2\r\n\r\n{}",
            "Content-Length: +2\r\n\r\n{}", "Content-Length: -2\r\n\r\n{}", "Content-Length: 0x2\r\n\r\n{}",
            "Content-Length: 2 2\r\n\r\n{}", "Content-Length:\r\n\r\n{}",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: identity\r\n\r\n", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding:\u{0B}chunked\r\n\r\n0\r\n\r\n",
            " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Content-Length : 2\r\n\r\n{}",
            "X: a\nContent-Length: 2\r\n\r\n{}", "X: a\rContent-Length: 2\r\n\r\n{}", "X: a\u{0}b\r\n\r\n", "X\u{0}: a\r\n\r\n",
            ": empty\r\n\r\n", "No colon\r\n\r\n", "X y: z\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n2\r\n{}X\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
            "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF1\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: y\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n", "Host: other\r\n\r\n", "Host: a b\r\n\r\n",
            "Expect: everything\r\n\r\n",
        ])
    func smuggling(_ rest: String) async throws {
        let tail = "GET /v1/models HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer \(Harness.key)\r\n\r\n"
        try await Harness.with { weir async throws in
            let client = try RawClient(port: weir.port)
            try client.send(Self.head + rest + tail)
            let answer = try client.answer()
            #expect([400, 413, 417, 501].contains(answer.status) && answer.code?.hasPrefix("weir_") == true, "\(answer)")
            #expect(answer.header("connection") == "close", "\(answer)")
            #expect(client.isClosedByPeer(), "what follows must not be answered")
            #expect(weir.simulator.record().isEmpty && weir.openHolds == 0)
        }
    }

    @Test(
        "Request lines that are not a plain path are refused",
        arguments: [
            "GET http://evil/v1/models HTTP/1.1\r\nHost: w\r\n\r\n", "GET evil HTTP/1.1\r\nHost: w\r\n\r\n",
            "GET  /v1/models HTTP/1.1\r\nHost: w\r\n\r\n",
            "GET /v1/models  HTTP/1.1\r\nHost: w\r\n\r\n", "GET /v1/models HTTP/2.0\r\nHost: w\r\n\r\n",
            "GET /v1/models HTTP/1.2\r\nHost: w\r\n\r\n", "GET /v1/models\r\nHost: w\r\n\r\n",
            "GET /v1/m\u{7F} HTTP/1.1\r\nHost: w\r\n\r\n", "GET /v1/models HTTP/1.1\nHost: w\n\n",
            "GET /v1/models HTTP/1.1\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}\u{00}\u{01}\r\n",
            "\r\n\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: w\r\n\r\n",
        ])
    func requestLines(_ request: String) async throws {
        try await Harness.with { weir async throws in
            let client = try RawClient(port: weir.port)
            try client.send(request)
            let answer = try client.answer()
            #expect((400...505).contains(answer.status) && answer.code == "weir_malformed_http", "\(answer)")
            #expect(client.isClosedByPeer())
        }
    }

    @Test(
        "Bodies in a form that is not served are refused, and the connection goes on",
        arguments: [
            (["Content-Encoding: gzip"], 415, "weir_compressed_body"), (["Content-Encoding: br"], 415, "weir_compressed_body"),
            (["Content-Encoding: identity, gzip"], 415, "weir_compressed_body"),
            (["Content-Encoding: identity"], 200, nil as String?),
        ])
    func encodings(_ headers: [String], _ status: Int, _ code: String?) async throws {
        try await Harness.with { weir async throws in
            let client = try RawClient(port: weir.port)
            for _ in 0..<2 {
                try client.send(Harness.request(Ask.chat, headers: headers))
                let answer = try client.answer()
                #expect(answer.status == status && answer.code == code, "\(answer)")
            }
        }
    }

    @Test(
        "A body must be declared as JSON, if it is declared",
        arguments: [
            ("application/json", 200), ("application/json; charset=utf-8", 200), ("Application/JSON", 200), ("text/plain", 415),
            ("multipart/form-data; boundary=x", 415), ("application/jsonx", 415), ("application/x-www-form-urlencoded", 415),
        ])
    func contentTypes(_ type: String, _ status: Int) async throws {
        try await Harness.with { weir async throws in
            let request = Self.head + "Content-Type: \(type)\r\nContent-Length: \(Ask.chat.utf8.count)\r\n\r\n\(Ask.chat)"
            let answer = try weir.exchange(request)
            #expect(answer.status == status, "\(answer)")
            if status == 415 { #expect(answer.code == "weir_content_type") }
        }
    }
}
