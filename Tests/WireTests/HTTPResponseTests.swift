import NIOCore
import Testing
import Wire

@Suite("Answers off the wire")
struct HTTPResponseTests {
    /// Shapes that are read: the requests they answer (true: HEAD), and their bodies.
    static let valid: [(String, [UInt8], head: [Bool], bodies: [String])] = [
        ("with a length", wire("HTTP/1.1 200 OK\nContent-Length: 2\n\n{}"), [false], ["{}"]),
        ("with no bytes", wire("HTTP/1.1 500 Internal Server Error\nContent-Length: 0\n\n"), [false], [""]),
        (
            "a stream in chunks",
            wire("HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\n\n6\ndata: \n1c\n")
                + wire("[DONE] and then some more..!\n0\n\n"), [false], ["data: [DONE] and then some more..!"]
        ),
        ("without a reason", wire("HTTP/1.1 429 \nRetry-After: 1\nContent-Length: 1\n\nx"), [false], ["x"]),
        ("without the space before no reason", wire("HTTP/1.1 429\nContent-Length: 1\n\nx"), [false], ["x"]),
        ("HTTP/1.0 with a length", wire("HTTP/1.0 200 OK\nContent-Length: 1\n\nx"), [false], ["x"]),
        ("204", wire("HTTP/1.1 204 No Content\n\n"), [false], [""]),
        ("204 with a length of 0", wire("HTTP/1.1 204 No Content\nContent-Length: 0\n\n"), [false], [""]),
        ("304 with the length that a 200 would have", wire("HTTP/1.1 304 X\nContent-Length: 99\n\n"), [false], [""]),
        ("the answer to HEAD", wire("HTTP/1.1 200 OK\nContent-Length: 99\n\n"), [true], [""]),
        ("the answer to HEAD, in chunks that do not come", wire("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n"), [true], [""]),
        ("the answer to HEAD without framing", wire("HTTP/1.1 404 No\n\n"), [true], [""]),
        (
            "after 100 and 103",
            wire("HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early\nLink: a\n\nHTTP/1.1 200 OK\nContent-Length: 1\n\nx"),
            [false], ["x"]
        ),
        (
            "three in a row",
            wire(
                "HTTP/1.1 200 OK\nContent-Length: 3\n\nabcHTTP/1.1 204 N\n\nHTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\nx\n0\n\n"
            ),
            [false, true, false], ["abc", "", "x"]
        ),
    ]

    @Test("An answer is the same however its bytes are cut", arguments: valid.indices)
    func cuts(index: Int) {
        let (name, bytes, head, bodies) = Self.valid[index]
        let whole = responseTranscript([bytes[...]], head: head, closes: true)
        #expect(whole.violation == nil, "\(name)")
        #expect(whole.consumed == bytes.count, "\(name)")
        #expect(whole.messages.map { String(decoding: $0.body, as: UTF8.self) } == bodies, "\(name)")
        #expect(whole.allComplete, "\(name)")
        for cut in 0...bytes.count {
            #expect(responseTranscript(pieces(bytes, cutAt: [cut]), head: head, closes: true) == whole, "\(name) cut at \(cut)")
        }
        #expect(responseTranscript(pieces(bytes, cutAt: Array(1..<bytes.count)), head: head, closes: true) == whole, "\(name)")
    }

    @Test("An upstream that closes early is found out wherever it does", arguments: valid.indices)
    func closesEarly(index: Int) {
        let (name, bytes, head, _) = Self.valid[index]
        let whole = responseTranscript([bytes[...]], head: head)
        for length in 0..<bytes.count {
            let got = responseTranscript([bytes[..<length]], head: head, closes: true)
            let ended = got.messages.count { $0.isComplete }
            #expect(ended < whole.messages.count, "\(name) after \(length)")
            switch got.violation {
            case .closedBeforeAnswer: #expect(got.allComplete && (length == 0 || ended > 0), "\(name) after \(length)")
            case .closedInHead: #expect(got.allComplete, "\(name) after \(length)")
            case .closedInBody: #expect(got.messages.last?.isComplete == false, "\(name) after \(length)")
            default: Issue.record("\(name) after \(length): \(got)")
            }
        }
    }

    static let refusals: [(HTTPViolation, String)] = [
        (.unframedBody, "HTTP/1.1 200 OK\n\nbody"),
        (.unframedBody, "HTTP/1.0 200 OK\nConnection: close\n\nbody"),
        (.contentLengthAndTransferEncoding, "HTTP/1.1 200 OK\nContent-Length: 4\nTransfer-Encoding: chunked\n\n0\n\n"),
        (.duplicateContentLength, "HTTP/1.1 200 OK\nContent-Length: 4\nContent-Length: 4\n\nabcd"),
        (.badContentLength, "HTTP/1.1 200 OK\nContent-Length: 4,4\n\nabcd"),
        (.badContentLength, "HTTP/1.1 304 OK\nContent-Length: x\n\n"),
        (.unsupportedTransferEncoding, "HTTP/1.1 200 OK\nTransfer-Encoding: gzip\n\n"),
        (.duplicateTransferEncoding, "HTTP/1.1 200 OK\nTransfer-Encoding: gzip\nTransfer-Encoding: chunked\n\n"),
        (.transferEncodingInOldVersion, "HTTP/1.0 200 OK\nTransfer-Encoding: chunked\n\n0\n\n"),
        (.unexpectedBody, "HTTP/1.1 204 No\nContent-Length: 1\n\nx"),
        (.unexpectedBody, "HTTP/1.1 204 No\nTransfer-Encoding: chunked\n\n0\n\n"),
        (.unexpectedBody, "HTTP/1.1 100 Continue\nContent-Length: 0\n\n"),
        (.unexpectedBody, "HTTP/1.1 103 Early\nTransfer-Encoding: chunked\n\n"),
        (.switchedProtocols, "HTTP/1.1 101 Switching\nUpgrade: h2c\nConnection: upgrade\n\n"),
        (.closingInformational, "HTTP/1.0 100 Continue\n\n"),
        (.closingInformational, "HTTP/1.1 100 Continue\nConnection: close\n\n"),
        (.tooManyInformational, String(repeating: "HTTP/1.1 102 Wait\n\n", count: 9)),
        (.badStatus, "HTTP/1.1 099 X\n\n"), (.badStatus, "HTTP/1.1 600 X\n\n"),
        (.malformedStatusLine, "HTTP/1.1 20 X\n\n"), (.malformedStatusLine, "HTTP/1.1 2000 X\n\n"),
        (.malformedStatusLine, "HTTP/1.1  200 X\n\n"), (.malformedStatusLine, "HTTP/1.1 200\tX\n\n"),
        (.malformedStatusLine, "ICY 200 OK\n\n"), (.malformedStatusLine, "\nHTTP/1.1 200 OK\n\n"),
        (.malformedStatusLine, "HTTP/1.1 200 O\u{1}K\n\n"),
        (.bareLineFeed, "HTTP/1.1 200 OK␊Content-Length: 0\n\n"), (.bareLineFeed, "HTTP/1.1 200␊Content-Length: 0\n\n"),
        (.bareCarriageReturn, "HTTP/1.1 200 OK\rContent-Length: 0\n\n"),
        (.unsupportedVersion, "HTTP/2 200\n\n"), (.unsupportedVersion, "HTTP/1.2 200 OK\n\n"),
        (.foldedLine, "HTTP/1.1 200 OK\nX: 1\n Content-Length: 0\n\n"),
        (.spaceBeforeColon, "HTTP/1.1 200 OK\nContent-Length : 0\n\n"),
        (.chunkExtension, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1;x\na\n0\n\n"),
        (.trailers, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n0\nX: 1\n\n"),
        (.badChunkEnd, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\nab\n0\n\n"),
        // More than was promised.
        (.unsolicitedAnswer, "HTTP/1.1 200 OK\nContent-Length: 2\n\nabc"),
        (.unsolicitedAnswer, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n0\n\nHTTP/1.1 200 OK\n"),
        (.unsolicitedAnswer, "HTTP/1.1 204 N\n\nx"),
    ]

    @Test("What is ambiguous or broken is refused by its name, however it is cut", arguments: refusals.indices)
    func refused(index: Int) {
        let (violation, text) = Self.refusals[index]
        let bytes = wire(text)
        let whole = responseTranscript([bytes[...]])
        #expect(whole.violation == violation, "\(text.debugDescription)")
        for cuts in (0...bytes.count).map({ [$0] }) + [Array(1..<bytes.count)] {
            let got = responseTranscript(pieces(bytes, cutAt: cuts))
            #expect(got.violation == violation && got.messages == whole.messages, "\(text.debugDescription) cut at \(cuts)")
        }
    }

    @Test("Bytes that nobody asked for are refused, and an idle connection may close")
    func idle() throws {
        var parser = ResponseParser()
        try parser.endOfInput()
        var buffer = ByteBuffer()
        let nothing = try parser.next(&buffer)
        if nothing != nil { Issue.record("no bytes are no event") }
        buffer.writeString("H")
        #expect(throws: HTTPViolation.unsolicitedAnswer) { _ = try parser.next(&buffer) }
        #expect(throws: HTTPViolation.unsolicitedAnswer) { try parser.endOfInput() }
    }

    @Test("An answer's head tells status, framing, fields and whether the connection lives")
    func head() throws {
        var parser = ResponseParser()
        parser.begin(headRequest: false)
        var buffer = ByteBuffer(
            bytes: wire("HTTP/1.1 429 Too Many\nRetry-After: 7\nConnection: close\nx-ratelimit-x: y\nContent-Length: 3\n\nabc"))
        guard case .head(let answer) = try parser.next(&buffer) else {
            Issue.record("a head")
            return
        }
        #expect(answer.status == 429)
        #expect(answer.framing == .length(3))
        #expect(!answer.keepAlive)
        #expect(answer.head[.retryAfter].map(answer.head.string) == "7")
        #expect(answer.head.value(of: "x-ratelimit-x").map(answer.head.string) == "y")
        #expect(String(buffer: buffer) == "abc")
    }
}
