import NIOCore

/// Answers as bytes, so that they can also be wrong.
enum RawHTTP {
    static func head(_ status: Int, _ headers: [Header], into out: inout ByteBuffer) {
        out.writeString("HTTP/1.1 \(status) \(reason(status))\r\n")
        for header in headers { out.writeString("\(header.name): \(header.value)\r\n") }
        out.writeStaticString("\r\n")
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 404: "Not Found"
        case 408: "Request Timeout"
        case 429: "Too Many Requests"
        case 500: "Internal Server Error"
        case 503: "Service Unavailable"
        default: "Answer"
        }
    }
}

/// A fault that breaks an answer's framing; it is played on the whole body at once.
enum Breaker {
    case drip, lengthShort, lengthLong, closeEarly, smuggleLengths, smuggleEncoding, smuggleExtra, noFraming

    init?(_ fault: Fault) {
        switch fault {
        case .drip: self = .drip
        case .lengthShort: self = .lengthShort
        case .lengthLong: self = .lengthLong
        case .closeEarly: self = .closeEarly
        case .smuggleLengths: self = .smuggleLengths
        case .smuggleEncoding: self = .smuggleEncoding
        case .smuggleExtra: self = .smuggleExtra
        case .noFraming: self = .noFraming
        default: return nil
        }
    }

    /// An answer behind the answer, for whoever believes it.
    private static let smuggled =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{\"smuggled\": \"true\"}"

    /// The bytes to send, and whether the connection ends then.
    func play(_ status: Int, _ headers: [Header], _ body: ByteBuffer) -> (bytes: ByteBuffer, closes: Bool) {
        let length = body.readableBytes
        var out = ByteBuffer()
        var closes = true
        func head(_ framing: (String, String)...) {
            RawHTTP.head(status, headers + framing.map { Header($0.0, $0.1) }, into: &out)
        }
        var sent = body
        switch self {
        case .drip:
            head(("content-length", String(length)))
            closes = false
        case .lengthShort:
            head(("content-length", String(length / 2)))
            closes = false
        case .lengthLong: head(("content-length", String(length + 64)))
        case .closeEarly:
            head(("content-length", String(length)))
            sent = body.getSlice(at: body.readerIndex, length: length / 2) ?? body
        case .smuggleLengths:
            head(("content-length", String(length)), ("content-length", String(length + Breaker.smuggled.utf8.count)))
            sent.writeString(Breaker.smuggled)
            closes = false
        case .smuggleEncoding:
            head(("content-length", String(length)), ("transfer-encoding", "chunked"))
            closes = false
        case .smuggleExtra:
            head(("content-length", String(length)))
            sent.writeString(Breaker.smuggled)
            closes = false
        case .noFraming: head(("connection", "close"))
        }
        out.writeImmutableBuffer(sent)
        return (out, closes)
    }
}
