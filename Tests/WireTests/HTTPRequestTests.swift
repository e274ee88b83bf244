import NIOCore
import Testing
import Wire

@Suite("Requests off the wire")
struct HTTPRequestTests {
    static let chat = """
        POST /v1/chat/completions?api-version=2024-10-21 HTTP/1.1
        Host: weir.example:8080
        Authorization: Bearer sk-weir-1
        Content-Type: application/json
        content-length: 13
        X-Request-ID:\t abc-123 \t
        X-Empty:

        {"model":"m"}
        """

    /// Shapes that are read, with the bytes of their bodies and how many messages they are.
    static let valid: [(String, [UInt8], bodies: [String])] = [
        ("a chat call", wire(chat), ["{\"model\":\"m\"}"]),
        ("no body", wire("GET /healthz HTTP/1.1\nHost: a\n\n"), [""]),
        ("a body of no bytes", wire("POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n"), [""]),
        ("OPTIONS for the server", wire("OPTIONS * HTTP/1.1\nHost: [::1]:80\n\n"), [""]),
        (
            "chunks", wire("PUT /x HTTP/1.1\nHost: a\nTransfer-Encoding: Chunked\n\n5\nhello\nA\n, world 12\n000\n\n"),
            ["hello, world 12"]
        ),
        (
            "three in a row",
            wire("POST /1 HTTP/1.1\nHost: a\nContent-Length: 3\n\nabcGET /2 HTTP/1.1\nHost: a\n\n")
                + wire("PATCH /3 HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n1\nx\n0\n\n"), ["abc", "", "x"]
        ),
        (
            "an empty line between two", wire("POST / HTTP/1.1\nHost: a\nContent-Length: 1\n\nx\nGET / HTTP/1.1\nHost: a\n\n"),
            ["x", ""]
        ),
        ("HTTP/1.0 without Host", wire("HEAD / HTTP/1.0\n\n"), [""]),
        ("what follows the last request", wire("DELETE /a HTTP/1.1\nHost: a\nConnection: close\n\nGET / HT"), [""]),
        ("bytes above ASCII in a value", wire("GET / HTTP/1.1\nHost: a\nX-Name: Åsa\tÖ\n\n"), [""]),
        (
            "an upgrade that is declined",
            wire("POST / HTTP/1.1\nHost: a\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nContent-Length: 2\n\n{}"), ["{}"]
        ),
    ]

    @Test("A request is the same however its bytes are cut", arguments: valid.indices)
    func cuts(index: Int) {
        let (name, bytes, bodies) = Self.valid[index]
        let whole = requestTranscript([bytes[...]])
        #expect(whole.violation == nil, "\(name)")
        #expect(whole.consumed == bytes.count, "\(name)")
        #expect(whole.messages.map { String(decoding: $0.body, as: UTF8.self) } == bodies, "\(name)")
        #expect(whole.allComplete, "\(name)")
        for cut in 0...bytes.count { #expect(requestTranscript(pieces(bytes, cutAt: [cut])) == whole, "\(name) cut at \(cut)") }
        #expect(requestTranscript(pieces(bytes, cutAt: Array(1..<bytes.count))) == whole, "\(name) byte by byte")
    }

    @Test("A head tells its method, target, fields, framing and connection")
    func head() throws {
        var heads: [RequestHead] = []
        _ = requestTranscript([wire(Self.chat)[...]]) { heads.append($0) }
        let request = try #require(heads.first)
        let head = request.head
        #expect(request.method == .post)
        #expect(request.minorVersion == 1)
        #expect(head.equals(request.path, "/v1/chat/completions"))
        #expect(head.string(try #require(request.query)) == "api-version=2024-10-21")
        #expect(request.framing == .length(13))
        #expect(request.keepAlive)
        #expect(!request.expectContinue)
        #expect(head.fieldCount == 6)
        #expect(head[.host].map(head.string) == "weir.example:8080")
        #expect(head[.authorization].map(head.string) == "Bearer sk-weir-1")
        #expect(head[.contentType].map { head.matches($0, "application/json") } == true)
        #expect(head[.xRequestID].map(head.string) == "abc-123")
        #expect(head[.apiKey] == nil)
        #expect(head.value(of: "x-empty").map(head.string) == "")
        #expect(head.value(of: "x-emptier") == nil)
        #expect(head.count(of: "content-length") == 1)
        let lines = head.fields.flatMap { head.view($0.line) }
        let requestLine = wire("POST /v1/chat/completions?api-version=2024-10-21 HTTP/1.1\n")
        #expect(requestLine + lines + wire("\n") == Array(head.bytes.readableBytesView))
    }

    @Test(
        "A head says whether it has fields for Weir itself, in any case of their names",
        arguments: [
            ("weir-person: 1", true), ("WEIR-Person: 1", true), ("weir-x:", true), ("x-a: 1\nx-b: 2\nWeir-B: 3", true),
            ("weir-: 1", true), ("weir: 1", false), ("weird-person: 1", false), ("x-weir-person: 1", false),
            ("weir_person: 1", false), ("wei-r: 1", false), ("x-a: weir-person", false),
        ])
    func own(fields: String, expected: Bool) throws {
        var heads: [RequestHead] = []
        _ = requestTranscript([wire("GET / HTTP/1.1\nHost: a\n\(fields)\n\n")[...]]) { heads.append($0) }
        #expect(try #require(heads.first).head.hasOwnFields == expected)
    }

    @Test("Every field that Weir acts on is found in any case, by its first value")
    func known() throws {
        let names: [HTTPField: String] = [
            .host: "Host", .date: "DATE", .expect: "expect", .apiKey: "Api-Key", .upgrade: "upgrade", .region: "X-MS-Region",
            .xAPIKey: "x-API-key", .connection: "connection", .traceparent: "TraceParent", .retryAfter: "Retry-After",
            .contentType: "Content-type", .xRequestID: "X-Request-Id", .authorization: "AUTHORIZATION",
            .contentLength: "content-Length", .contentEncoding: "content-encoding", .transferEncoding: "Transfer-encoding",
        ]
        #expect(names.count == HTTPField.allCases.count)
        for (field, name) in names {
            let value = field == .contentLength ? "0" : field == .transferEncoding ? "chunked" : "100-continue"
            let host = field == .host ? "" : "Host: h\n"
            var heads: [RequestHead] = []
            let got = requestTranscript([wire("GET / HTTP/1.1\n\(host)\(name): \(value)\n\n")[...]]) { heads.append($0) }
            #expect(got.violation == nil, "\(name)")
            let head = try #require(heads.first).head
            #expect(head[field].map(head.string) == value, "\(name)")
            for other in HTTPField.allCases where other != field && other != .host { #expect(head[other] == nil, "\(name)") }
        }
        var heads: [RequestHead] = []
        _ = requestTranscript([wire("GET / HTTP/1.1\nHost: h\nDate: 1\ndate: 2\n\n")[...]]) { heads.append($0) }
        let head = try #require(heads.first).head
        #expect(head.isRepeated(.date))
        #expect(!head.isRepeated(.host))
        #expect(head[.date].map(head.string) == "1")
    }

    @Test("A client that asks for 100-continue is known before its body comes")
    func expectContinue() throws {
        var heads: [RequestHead] = []
        let bytes = wire("POST / HTTP/1.1\nHost: a\nContent-Length: 2\nExpect: 100-Continue\n\n")
        let got = requestTranscript([bytes[...]]) { heads.append($0) }
        #expect(heads.map(\.expectContinue) == [true])
        #expect(got.messages.map(\.isComplete) == [false])
    }

    @Test("Keep-alive follows version and connection options")
    func keepAlive() {
        let cases: [(String, Bool)] = [
            ("1.1\nHost: a", true), ("1.1\nHost: a\nConnection: close", false), ("1.1\nHost: a\nConnection: CLOSE", false),
            ("1.1\nHost: a\nConnection: keep-alive", true), ("1.1\nHost: a\nConnection: te , close", false),
            ("1.1\nHost: a\nConnection: closed, x", true), ("1.1\nHost: a\nConnection: te\nConnection: close", false),
            ("1.0\nHost: a\nConnection: keep-alive", false), ("1.0", false), ("1.1\nHost: a\nConnection:", true),
        ]
        for (text, expected) in cases {
            #expect(requestTranscript([wire("GET / HTTP/\(text)\n\n")[...]]).messages.map(\.keepAlive) == [expected], "\(text)")
        }
    }

    @Test("A parser tells whether a connection is between two requests")
    func between() throws {
        var parser = RequestParser()
        var buffer = ByteBuffer()
        #expect(parser.isBetweenRequests)
        buffer.writeString("G")
        let nothing = try parser.next(&buffer)
        if nothing != nil { Issue.record("one byte is no event") }
        #expect(!parser.isBetweenRequests)
        buffer.writeString("ET / HTTP/1.1\r\nHost: a\r\n\r\n")
        guard case .head = try parser.next(&buffer), case .end = try parser.next(&buffer) else {
            Issue.record("a head and its end")
            return
        }
        #expect(parser.isBetweenRequests)
    }

    @Test("Bodies are slices of what came, not copies")
    func slices() throws {
        var parser = RequestParser()
        var buffer = ByteBuffer(bytes: wire("POST / HTTP/1.1\nHost: a\nContent-Length: 4\n\nabcd"))
        let address = buffer.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) + UInt($0.count) - 4 }
        guard case .head = try parser.next(&buffer), case .body(let body) = try parser.next(&buffer) else {
            Issue.record("a head and its body")
            return
        }
        #expect(body.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) } == address)
    }
}
