import Testing
import Wire

@Suite("Shapes that one reader takes for one request and another for two")
struct HTTPSmugglingTests {
    private static let host = "POST / HTTP/1.1\nHost: a\n"
    private static let chunked = host + "Transfer-Encoding: chunked\n\n"

    static let requests: [(HTTPViolation, String)] = [
        // Two answers to where the body ends.
        (.contentLengthAndTransferEncoding, host + "Content-Length: 4\nTransfer-Encoding: chunked\n\n0\n\n"),
        (.contentLengthAndTransferEncoding, host + "Transfer-Encoding: chunked\nContent-Length: 4\n\n0\n\n"),
        (.contentLengthAndTransferEncoding, host + "Content-Length: 0\nTransfer-Encoding: identity\n\n"),
        (.duplicateContentLength, host + "Content-Length: 4\nContent-Length: 4\n\nabcd"),
        (.duplicateContentLength, host + "Content-Length: 4\ncontent-length: 5\n\nabcd"),
        (.badContentLength, host + "Content-Length: 4, 4\n\nabcd"),
        (.badContentLength, host + "Content-Length: +4\n\nabcd"),
        (.badContentLength, host + "Content-Length: -4\n\nabcd"),
        (.badContentLength, host + "Content-Length: 0x4\n\nabcd"),
        (.badContentLength, host + "Content-Length: 4 4\n\nabcd"),
        (.badContentLength, host + "Content-Length: 4 \n\nabcd"),
        (.badContentLength, host + "Content-Length: 4\t\n\nabcd"),
        (.badContentLength, host + "Content-Length: 4;\n\nabcd"),
        (.badContentLength, host + "Content-Length: \"4\"\n\nabcd"),
        (.badContentLength, host + "Content-Length:\n\n"),
        (.badContentLength, host + "Content-Length: \u{664}\n\n"),
        (.badContentLength, host + "Content-Length: 18446744073709551620\n\nabcd"),
        (.badContentLength, host + "Content-Length: 9223372036854775808\n\nabcd"),
        (.badContentLength, host + "Content-Length: 0000000000000000004\n\nabcd"),
        (.duplicateTransferEncoding, host + "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n0\n\n"),
        (.duplicateTransferEncoding, host + "Transfer-Encoding: chunked\nTransfer-Encoding: identity\n\n0\n\n"),
        (.unsupportedTransferEncoding, host + "Transfer-Encoding: identity\n\n"),
        (.unsupportedTransferEncoding, host + "Transfer-Encoding: xchunked\n\n0\n\n"),
        (.unsupportedTransferEncoding, host + "Transfer-Encoding: gzip, chunked\n\n0\n\n"),
        (.unsupportedTransferEncoding, host + "Transfer-Encoding: chunked, chunked\n\n0\n\n"),
        (.unsupportedTransferEncoding, host + "Transfer-Encoding: chunked, identity\n\n0\n\n"),
        (.unsupportedTransferEncoding, host + "Transfer-Encoding: chunked;q=1\n\n0\n\n"),
        (.unsupportedTransferEncoding, host + "Transfer-Encoding: \"chunked\"\n\n0\n\n"),
        (.unsupportedTransferEncoding, host + "Transfer-Encoding: chunked \n\n0\n\n"),
        (.unsupportedTransferEncoding, host + "Transfer-Encoding: chunKed\u{212A}\n\n0\n\n"),
        (.unsupportedTransferEncoding, host + "Transfer-Encoding:\n\n"),
        (.badFieldValue, host + "Transfer-Encoding: \u{0B}chunked\n\n0\n\n"),
        (.transferEncodingInOldVersion, "POST / HTTP/1.0\nTransfer-Encoding: chunked\n\n0\n\n"),
        // Names that some reader would mend.
        (.spaceBeforeColon, host + "Content-Length : 4\n\nabcd"),
        (.spaceBeforeColon, host + "Transfer-Encoding\t: chunked\n\n0\n\n"),
        (.foldedLine, host + "Transfer-Encoding:\n chunked\n\n0\n\n"),
        (.foldedLine, host + "X: 1\n\tContent-Length: 4\n\nabcd"),
        (.foldedLine, "POST / HTTP/1.1\n Host: a\n\n"),
        (.emptyFieldName, host + ": x\n\n"),
        (.badFieldName, host + "Content-Length\u{0B}: 4\n\n"),
        (.badFieldName, host + "Transfer\u{0}-Encoding: chunked\n\n"),
        (.badFieldName, host + "(X): 1\n\n"),
        (.badFieldName, host + "X\u{E9}: 1\n\n"),
        (.badFieldName, host + "no\"colon\n\n"),
        (.badFieldName, host + "NoColon\n\n"),
        (.badFieldValue, host + "X: a\u{0}b\n\n"),
        (.badFieldValue, host + "X: a\u{7F}b\n\n"),
        (.badFieldValue, host + "X: 12345678\u{1B}\n\n"),
        // Line ends.
        (.bareLineFeed, "GET / HTTP/1.1␊Host: a\n\n"),
        (.bareLineFeed, host + "X: 1␊Content-Length: 4\n\n"),
        (.bareLineFeed, host + "X: 1\n␊"),
        (.bareCarriageReturn, host + "X: 1\rContent-Length: 4\n\n"),
        (.bareCarriageReturn, host + "X: 1\n\rX"),
        (.bareCarriageReturn, "GET / HTTP/1.1\rHost: a\n\n"),
        (.bareCarriageReturn, "\rGET / HTTP/1.1\nHost: a\n\n"),
        (.malformedRequestLine, "\n\nGET / HTTP/1.1\nHost: a\n\n"),
        (.malformedRequestLine, "␊GET / HTTP/1.1\nHost: a\n\n"),
        // The request line.
        (.malformedRequestLine, "GET  / HTTP/1.1\nHost: a\n\n"),
        (.malformedRequestLine, "GET /  HTTP/1.1\nHost: a\n\n"),
        (.malformedRequestLine, "GET / HTTP/1.1 \nHost: a\n\n"),
        (.malformedRequestLine, "GET / HTTP/11\nHost: a\n\n"),
        (.malformedRequestLine, "GET / http/1.1\nHost: a\n\n"),
        (.malformedRequestLine, "GET /a b HTTP/1.1\nHost: a\n\n"),
        (.malformedRequestLine, "GET /\n\n"),
        (.malformedRequestLine, " GET / HTTP/1.1\nHost: a\n\n"),
        (.malformedRequestLine, "GET\t/ HTTP/1.1\nHost: a\n\n"),
        (.malformedRequestLine, "\u{16}\u{3}\u{1}\u{2}\u{0}"),
        (.unknownMethod, "get / HTTP/1.1\nHost: a\n\n"),
        (.unknownMethod, "BREW / HTTP/1.1\nHost: a\n\n"),
        (.unknownMethod, "TRACE / HTTP/1.1\nHost: a\n\n"),
        (.unknownMethod, "CONNECT a:443 HTTP/1.1\nHost: a\n\n"),
        (.unknownMethod, "PROPFIND / HTTP/1.1\nHost: a\n\n"),
        (.unknownMethod, "PRI * HTTP/2.0\n\nSM\n\n"),
        (.targetForm, "GET http://b/ HTTP/1.1\nHost: a\n\n"),
        (.targetForm, "GET a HTTP/1.1\nHost: a\n\n"),
        (.targetForm, "GET * HTTP/1.1\nHost: a\n\n"),
        (.targetForm, "OPTIONS */x HTTP/1.1\nHost: a\n\n"),
        (.badTarget, "GET /\u{0} HTTP/1.1\nHost: a\n\n"),
        (.badTarget, "GET /a#b HTTP/1.1\nHost: a\n\n"),
        (.badTarget, "GET /a\\b HTTP/1.1\nHost: a\n\n"),
        (.badTarget, "GET /\u{E9} HTTP/1.1\nHost: a\n\n"),
        (.unsupportedVersion, "GET / HTTP/2.0\nHost: a\n\n"),
        (.unsupportedVersion, "GET / HTTP/1.2\nHost: a\n\n"),
        (.unsupportedVersion, "GET / HTTP/0.9\nHost: a\n\n"),
        // Whose request it is.
        (.missingHost, "GET / HTTP/1.1\n\n"),
        (.missingHost, "GET / HTTP/1.1\nHos: a\nXost: a\n\n"),
        (.duplicateHost, "GET / HTTP/1.1\nHost: a\nHOST: a\n\n"),
        (.badHost, "GET / HTTP/1.1\nHost:\n\n"),
        (.badHost, "GET / HTTP/1.1\nHost: a, b\n\n"),
        (.badHost, "GET / HTTP/1.1\nHost: a/b\n\n"),
        (.badHost, "GET / HTTP/1.1\nHost: a@b\n\n"),
        (.duplicateField, "GET / HTTP/1.1\nHost: a\nAuthorization: Bearer a\nAuthorization: Bearer b\n\n"),
        (.duplicateField, "GET / HTTP/1.1\nHost: a\napi-key: a\nAPI-Key: b\n\n"),
        (.duplicateField, "GET / HTTP/1.1\nHost: a\ncontent-type: a\ncontent-type: b\n\n"),
        (.unknownExpectation, "GET / HTTP/1.1\nHost: a\nExpect: 200-maybe\n\n"),
        // Chunks.
        (.badChunkSize, chunked + "\n\n"),
        (.badChunkSize, chunked + "+5\nhello\n0\n\n"),
        (.badChunkSize, chunked + "0x5\nhello\n0\n\n"),
        (.badChunkSize, chunked + " 5\nhello\n0\n\n"),
        (.badChunkSize, chunked + "5 \nhello\n0\n\n"),
        (.badChunkSize, chunked + "-1\nhello\n0\n\n"),
        (.chunkTooLarge, chunked + "000000005\nhello\n0\n\n"),
        (.chunkTooLarge, chunked + "10000000000000005\nhello\n0\n\n"),
        (.chunkExtension, chunked + "5;a=b\nhello\n0\n\n"),
        (.chunkExtension, chunked + "5;␊hello\n0\n\n"),
        (.bareLineFeed, chunked + "5␊hello\n0\n\n"),
        (.bareCarriageReturn, chunked + "5\rhello\n0\n\n"),
        (.badChunkEnd, chunked + "5\nhello!\n0\n\n"),
        (.bareLineFeed, chunked + "5\nhello␊0\n\n"),
        (.bareCarriageReturn, chunked + "5\nhello\r0\n\n"),
        (.trailers, chunked + "5\nhello\n0\nX: 1\n\n"),
        (.trailers, chunked + "0\nContent-Length: 5\n\n"),
        (.bareLineFeed, chunked + "0\n␊"),
        (.bareCarriageReturn, chunked + "0\n\rX"),
    ]

    @Test("Each is refused by its name, however it is cut", arguments: requests.indices)
    func refused(index: Int) {
        let (violation, text) = Self.requests[index]
        let bytes = wire(text)
        let whole = requestTranscript([bytes[...]])
        #expect(whole.violation == violation, "\(text.debugDescription)")
        #expect(!whole.anyComplete)
        for cut in 0...bytes.count {
            let got = requestTranscript(pieces(bytes, cutAt: [cut]))
            #expect(got.violation == violation && got.messages == whole.messages, "\(text.debugDescription) cut at \(cut)")
        }
        let got = requestTranscript(pieces(bytes, cutAt: Array(1..<bytes.count)))
        #expect(got.violation == violation && got.messages == whole.messages, "\(text.debugDescription)")
    }

    @Test("A parser that has refused once refuses for good")
    func refusedForGood() {
        let bytes = wire("GET / HTTP/1.1\nHost : a\n\n")
        let more = wire("GET / HTTP/1.1\nHost: a\n\n")
        #expect(requestTranscript([bytes[...]]).violation == .spaceBeforeColon)
        #expect(requestTranscript([bytes[...], more[...]]).messages.isEmpty)
    }

    @Test("Every violation has a code of its own and a status that HTTP knows")
    func codes() {
        #expect(Set(HTTPViolation.allCases.map(\.code)).count == HTTPViolation.allCases.count)
        #expect(Set(HTTPViolation.allCases.map(\.status)) == [400, 413, 414, 417, 431, 501, 502, 505])
    }

    @Test("Heads, targets, fields and bodies end at their limits, and not a byte before")
    func limits() {
        let limits = HTTPLimits(headBytes: 64, headerCount: 3, targetBytes: 8, bodyBytes: 10)
        func violation(_ text: String) -> HTTPViolation? {
            let bytes = wire(text)
            let whole = requestTranscript([bytes[...]], limits: limits).violation
            #expect(requestTranscript(pieces(bytes, cutAt: Array(1..<bytes.count)), limits: limits).violation == whole)
            return whole
        }
        // 16 + 9 + 5 + n + 4 bytes.
        let fits = "GET / HTTP/1.1\nHost: a\nX: " + String(repeating: "x", count: 64 - 16 - 9 - 3 - 4)
        #expect(violation(fits + "\n\n") == nil)
        #expect(violation(fits + "x\n\n") == .headTooLarge)
        #expect(violation(fits + String(repeating: "x", count: 10_000)) == .headTooLarge)
        #expect(violation("GET /1234567 HTTP/1.1\nHost: a\n\n") == nil)
        #expect(violation("GET /12345678 HTTP/1.1\nHost: a\n\n") == .targetTooLong)
        #expect(violation("GET /12345678\u{0}") == .targetTooLong)
        #expect(violation("GET / HTTP/1.1\nHost: a\nB: 1\nC: 1\n\n") == nil)
        #expect(violation("GET / HTTP/1.1\nHost: a\nB: 1\nC: 1\nD: 1\n\n") == .tooManyFields)
        #expect(violation("PUT / HTTP/1.1\nHost: a\nContent-Length: 10\n\n0123456789") == nil)
        #expect(violation("PUT / HTTP/1.1\nHost: a\nContent-Length: 11\n\n") == .bodyTooLarge)
        let chunked = HTTPLimits(bodyBytes: 10)
        let head = "PUT / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n"
        let ten = wire(head + "4\nabcd\n6\nefghij\n0\n\n")
        let eleven = wire(head + "4\nabcd\n6\nefghij\n1\nk\n0\n\n")
        #expect(requestTranscript([ten[...]], limits: chunked).violation == nil)
        #expect(requestTranscript([eleven[...]], limits: chunked).violation == .bodyTooLarge)
    }
}
