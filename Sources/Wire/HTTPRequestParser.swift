import NIOCore

/// Reads requests off one client connection, one after the other, strictly (RFC 9112; what is optional or ambiguous is refused).
///
/// Give it the connection's unread bytes; it consumes what it returns and leaves the rest, which must be given again with what
/// comes next. It keeps no bytes and looks at each of a head once. After a violation, and after a request that ends the
/// connection, it reads no more.
public struct RequestParser: Sendable {
    private enum State {
        /// Between requests, or within a head.
        case head
        case body
        /// After a request without keep-alive: the client may send on, nobody listens.
        case closed
        case failed(HTTPViolation)
    }

    private let limits: HTTPLimits
    private var state = State.head
    private var scan = RequestScanState()
    private var body = HTTPBody()
    private var keepAlive = true
    /// RFC 9112 section 2.2: one empty line before a request is forgiven.
    private var mayBeEmptyLine = true

    public init(limits: HTTPLimits = HTTPLimits()) { self.limits = limits }

    /// Whether no byte of a request has come since the last one ended, so that the connection may be closed.
    public var isBetweenRequests: Bool {
        guard case .head = state else { return false }
        return scan.isUntouched
    }

    /// The next event, or `nil` when it needs more bytes.
    public mutating func next(_ buffer: inout ByteBuffer) throws(HTTPViolation) -> RequestEvent? {
        do throws(HTTPViolation) {
            switch state {
            case .head: return try head(&buffer)
            case .body: return try body(&buffer)
            case .closed:
                buffer.moveReaderIndex(to: buffer.writerIndex)
                return nil
            case .failed(let violation): throw violation
            }
        } catch {
            state = .failed(error)
            throw error
        }
    }

    private mutating func head(_ buffer: inout ByteBuffer) throws(HTTPViolation) -> RequestEvent? {
        if mayBeEmptyLine {
            guard try skipEmptyLine(&buffer) else { return nil }
            mayBeEmptyLine = false
        }
        let limits = limits
        var scan = scan
        let outcome = buffer.withUnsafeReadableBytes { raw -> Result<RequestHead.Parts?, HTTPViolation> in
            guard let base = raw.assumingMemoryBound(to: UInt8.self).baseAddress else { return .success(nil) }
            do throws(HTTPViolation) {
                let end = min(raw.count, limits.headBytes)
                guard try scan.run(base, end: end, limits: limits) else {
                    if end == limits.headBytes { throw .headTooLarge }
                    return .success(nil)
                }
                return .success(try scan.parts(base))
            } catch {
                return .failure(error)
            }
        }
        self.scan = scan
        guard let parts = try outcome.get(), let bytes = buffer.readSlice(length: scan.fields.at) else { return nil }
        body = try HTTPBody(parts.framing, maxBytes: limits.bodyBytes)
        keepAlive = parts.keepAlive
        state = .body
        self.scan = RequestScanState()
        return .head(RequestHead(parts: parts, scan: scan, bytes: bytes))
    }

    private mutating func body(_ buffer: inout ByteBuffer) throws(HTTPViolation) -> RequestEvent? {
        switch try body.next(&buffer) {
        case .needsMore: return nil
        case .data(let slice): return .body(slice)
        case .end:
            state = keepAlive ? .head : .closed
            mayBeEmptyLine = true
            return .end
        }
    }

    /// False while it is undecided whether there is one.
    private func skipEmptyLine(_ buffer: inout ByteBuffer) throws(HTTPViolation) -> Bool {
        guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return false }
        guard first == carriageReturn else { return true }
        guard let second = buffer.getInteger(at: buffer.readerIndex + 1, as: UInt8.self) else { return false }
        guard second == lineFeed else { throw .bareCarriageReturn }
        buffer.moveReaderIndex(forwardBy: 2)
        return true
    }
}

public enum RequestEvent: Sendable {
    case head(RequestHead)
    /// A slice of the bytes that were given.
    case body(ByteBuffer)
    case end
}

/// The methods that Weir knows; any other is refused with 501, CONNECT and TRACE among them.
public enum RequestMethod: String, Sendable, CaseIterable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    case options = "OPTIONS"
}

/// The head of one request. Its target is a path with an optional query, or `*` for OPTIONS.
public struct RequestHead: Sendable {
    struct Parts {
        let framing: HTTPFraming
        let keepAlive: Bool
        let expectContinue: Bool
    }

    public let method: RequestMethod
    public let minorVersion: Int
    public let framing: HTTPFraming
    /// Whether the client may send another request on the connection.
    public let keepAlive: Bool
    /// Whether the client waits for `100 Continue` before it sends the body.
    public let expectContinue: Bool
    public let target: HTTPSpan
    public let path: HTTPSpan
    /// Without the question mark.
    public let query: HTTPSpan?
    public let head: HTTPHead

    init(parts: Parts, scan: RequestScanState, bytes: ByteBuffer) {
        method = scan.method
        minorVersion = scan.minorVersion
        framing = parts.framing
        keepAlive = parts.keepAlive
        expectContinue = parts.expectContinue
        target = HTTPSpan(scan.targetStart, scan.targetEnd)
        path = HTTPSpan(scan.targetStart, scan.queryMark ?? scan.targetEnd)
        query = scan.queryMark.map { HTTPSpan($0 + 1, scan.targetEnd) }
        head = HTTPHead(
            bytes: bytes, fieldCount: scan.fields.count, known: scan.fields.known, firstField: UInt16(scan.fieldsStart),
            hasOwnFields: scan.fields.hasOwnFields)
    }
}
