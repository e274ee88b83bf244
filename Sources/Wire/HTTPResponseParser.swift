import NIOCore

/// How many `1xx` heads may come before one answer.
private let informationalMax = 8

/// Reads answers off one upstream connection, each announced with `begin`, strictly: an answer whose end only the connection's
/// end would tell is refused, since a cut could not be told from it.
///
/// Bytes are given and left as with `RequestParser`.
public struct ResponseParser: Sendable {
    private enum State {
        case idle
        case head
        case body
        case failed(HTTPViolation)
    }

    private let limits: HTTPLimits
    private var state = State.idle
    private var scan = ResponseScanState()
    private var body = HTTPBody()
    private var isHeadRequest = false
    private var informational = 0

    public init(limits: HTTPLimits = HTTPLimits()) { self.limits = limits }

    /// Whether no answer is awaited.
    public var isIdle: Bool {
        if case .idle = state { true } else { false }
    }

    /// Awaits the answer to the request that is about to be sent; the one before must have ended.
    public mutating func begin(headRequest: Bool) {
        if case .failed = state { return }
        precondition(isIdle, "an answer is awaited already")
        state = .head
        isHeadRequest = headRequest
        informational = 0
    }

    /// The next event, or `nil` when it needs more bytes.
    public mutating func next(_ buffer: inout ByteBuffer) throws(HTTPViolation) -> ResponseEvent? {
        do throws(HTTPViolation) {
            switch state {
            case .idle:
                guard buffer.readableBytes == 0 else { throw .unsolicitedAnswer }
                return nil
            case .head: return try head(&buffer)
            case .body: return try body(&buffer)
            case .failed(let violation): throw violation
            }
        } catch {
            state = .failed(error)
            throw error
        }
    }

    /// Tells that the upstream closed. Throws unless no answer was awaited; `closedBeforeAnswer` when not a byte of it came.
    public mutating func endOfInput() throws(HTTPViolation) {
        let violation: HTTPViolation
        switch state {
        case .idle: return
        case .head: violation = scan.isUntouched && informational == 0 ? .closedBeforeAnswer : .closedInHead
        case .body: violation = .closedInBody
        case .failed(let before): violation = before
        }
        state = .failed(violation)
        throw violation
    }

    private mutating func head(_ buffer: inout ByteBuffer) throws(HTTPViolation) -> ResponseEvent? {
        let limits = limits
        let isHeadRequest = isHeadRequest
        var scan = scan
        let outcome = buffer.withUnsafeReadableBytes { raw -> Result<ResponseHead.Parts?, HTTPViolation> in
            guard let base = raw.assumingMemoryBound(to: UInt8.self).baseAddress else { return .success(nil) }
            do throws(HTTPViolation) {
                let end = min(raw.count, limits.headBytes)
                guard try scan.run(base, end: end, limits: limits) else {
                    if end == limits.headBytes { throw .headTooLarge }
                    return .success(nil)
                }
                return .success(try scan.parts(base, isHeadRequest: isHeadRequest))
            } catch {
                return .failure(error)
            }
        }
        self.scan = scan
        guard let parts = try outcome.get(), let bytes = buffer.readSlice(length: scan.fields.at) else { return nil }
        self.scan = ResponseScanState()
        if scan.status < 200 {
            informational += 1
            guard informational <= informationalMax else { throw .tooManyInformational }
            return .informational
        }
        body = try HTTPBody(parts.framing, maxBytes: limits.bodyBytes)
        state = .body
        return .head(ResponseHead(parts: parts, scan: scan, bytes: bytes))
    }

    private mutating func body(_ buffer: inout ByteBuffer) throws(HTTPViolation) -> ResponseEvent? {
        switch try body.next(&buffer) {
        case .needsMore: return nil
        case .data(let slice): return .body(slice)
        case .end:
            state = .idle
            return .end
        }
    }
}

public enum ResponseEvent: Sendable {
    case head(ResponseHead)
    /// A `1xx` head came and was passed over; the answer is yet to come.
    case informational
    /// A slice of the bytes that were given.
    case body(ByteBuffer)
    case end
}

/// The head of one final answer.
public struct ResponseHead: Sendable {
    struct Parts {
        let framing: HTTPFraming
        let keepAlive: Bool
    }

    /// 200 to 599.
    public let status: Int
    public let minorVersion: Int
    /// What follows on the wire: `none` after HEAD, 204 and 304, whatever the fields say.
    public let framing: HTTPFraming
    /// Whether the connection can carry another request once this answer has ended.
    public let keepAlive: Bool
    public let head: HTTPHead

    init(parts: Parts, scan: ResponseScanState, bytes: ByteBuffer) {
        status = scan.status
        minorVersion = scan.minorVersion
        framing = parts.framing
        keepAlive = parts.keepAlive
        head = HTTPHead(
            bytes: bytes, fieldCount: scan.fields.count, known: scan.fields.known, firstField: UInt16(scan.fieldsStart),
            hasOwnFields: scan.fields.hasOwnFields)
    }
}
