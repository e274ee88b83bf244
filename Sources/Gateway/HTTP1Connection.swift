import Core
import Links
import NIOCore
import Wire

/// One client connection that speaks HTTP/1.1: parses requests one after another and frames the answers.
final class HTTP1Connection: ChannelInboundHandler, AnswerSink, Deadlined, Drainable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Bytes of further requests kept while one is answered; beyond it the connection is not read.
    private static let pipelinedBytesMax = 64 * 1024
    /// How long a client that is refused while it sends may go on sending: closing at once would reset the connection, and the
    /// answer could be lost on its way.
    private static let lingerMilliseconds: Int64 = 2_000

    private enum Phase {
        case head
        case body
        /// The request is refused already; the rest of it is read and dropped.
        case discarding
        case answering
        /// The last answer is sent; what still comes is dropped until the client closes.
        case lingering
    }

    private let lane: Lane
    private let limits: ListenerLimits
    private var parser: RequestParser
    private var unparsed: ByteBuffer?
    private var phase = Phase.head
    private var relay: CallRelay
    private var context: ChannelHandlerContext?
    private var isParsing = false
    /// A read is under way, at whose end everything is flushed.
    private var isInRead = false
    private var isReadingStopped = false
    private var closesAfterAnswer = false
    private var chunked = false
    /// The answer to HEAD is a head alone: a body would be read as the next answer.
    private var withoutBody = false
    private var speaksHTTP11 = true
    private var bornAt = NIODeadline.now()

    private(set) var deadline = NIODeadline.distantFuture
    var sweeperSlot = -1

    init(lane: Lane) {
        self.lane = lane
        limits = lane.snapshot.limits
        parser = RequestParser(
            limits: HTTPLimits(headBytes: limits.headBytes, headerCount: limits.headerCount, bodyBytes: limits.bodyBytes))
        relay = CallRelay(lane: lane)
    }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        lane.connections[ObjectIdentifier(self)] = self
        lane.sweeper.add(self)
        deadline = .now() + .milliseconds(limits.headMilliseconds)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        lane.connections[ObjectIdentifier(self)] = nil
        lane.sweeper.remove(self)
    }

    func channelActive(context: ChannelHandlerContext) {
        if lane.connections.count > lane.connectionLimit {
            closesAfterAnswer = true
            relay.refuse(.overloaded, to: self)
            linger()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if phase == .lingering { return }
        isInRead = true
        var bytes = unwrapInboundIn(data)
        if var earlier = unparsed {
            earlier.writeBuffer(&bytes)
            bytes = earlier
        }
        unparsed = bytes
        if phase == .answering {
            if bytes.readableBytes > Self.pipelinedBytesMax { setReading(false) }
            return
        }
        parse()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isInRead = false
        context.flush()
    }

    func channelInactive(context: ChannelHandlerContext) { callerLeft() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let writable = context.channel.isWritable
        if phase == .answering { deadline = writable ? .distantFuture : .now() + .milliseconds(limits.idleMilliseconds) }
        relay.sinkBecame(writable: writable)
    }

    func expired(at now: NIODeadline) {
        deadline = .distantFuture
        switch phase {
        case .head where unparsed == nil: close()
        case .head, .body:
            closesAfterAnswer = true
            relay.refuse(.requestTimeout, to: self)
            linger()
        case .discarding, .answering, .lingering: close()
        }
    }

    func drain() {
        closesAfterAnswer = true
        if phase == .head && unparsed == nil { close() }
    }

    // MARK: Requests

    private func parse() {
        guard !isParsing, var bytes = unparsed else { return }
        unparsed = nil
        isParsing = true
        defer { isParsing = false }
        do throws(HTTPViolation) {
            while phase != .answering, let event = try parser.next(&bytes) {
                switch event {
                case .head(let head): received(head)
                case .body(let body): if phase == .body { take(body) }
                case .end: requestEnded()
                }
            }
        } catch {
            return refuse(error)
        }
        if bytes.readableBytes > 0 {
            unparsed = bytes
            if phase == .head && deadline > .now() + .milliseconds(limits.headMilliseconds) {
                deadline = .now() + .milliseconds(limits.headMilliseconds)
            }
        }
    }

    private func received(_ head: RequestHead) {
        speaksHTTP11 = head.minorVersion == 1
        withoutBody = head.method == .head
        if !head.keepAlive || lane.isDraining || NIODeadline.now() - bornAt > .milliseconds(limits.connectionAgeMilliseconds) {
            closesAfterAnswer = true
        }
        phase = .body
        deadline = .now() + .milliseconds(limits.bodyMilliseconds)
        if !relay.begin(head, sink: self) {
            phase = .discarding
            // Who waits for leave to send the body will not send it now, and the next request could not be told from it.
            if head.expectContinue {
                linger()
            }
        }
    }

    private func take(_ body: ByteBuffer) {
        if !relay.received(body) { phase = .discarding }
    }

    private func requestEnded() {
        if phase == .discarding { return next() }
        phase = .answering
        deadline = .distantFuture
        relay.requestEnded()
    }

    private func refuse(_ violation: HTTPViolation) {
        closesAfterAnswer = true
        unparsed = nil
        if phase != .discarding { relay.refuse(violation.failure(limits), to: self) }
        linger()
    }

    /// Ready for another request, which may have come already.
    private func next() {
        guard context != nil else { return }
        if closesAfterAnswer { return close() }
        phase = .head
        deadline = .now() + .milliseconds(unparsed == nil ? limits.idleMilliseconds : limits.headMilliseconds)
        setReading(true)
        parse()
    }

    private func callerLeft() {
        deadline = .distantFuture
        relay.callerLeft()
    }

    /// Ends the connection so that the answer arrives although the client may still be sending.
    private func linger() {
        guard let context else { return }
        context.flush()
        phase = .lingering
        unparsed = nil
        deadline = .now() + .milliseconds(Self.lingerMilliseconds)
        setReading(true)
        context.close(mode: .output, promise: nil)
    }

    private func close() {
        guard let context else { return }
        deadline = .distantFuture
        context.close(promise: nil)
    }

    private func setReading(_ reading: Bool) {
        guard isReadingStopped == reading, let context else { return }
        isReadingStopped = !reading
        context.channel.setOption(.autoRead, value: reading).whenComplete { _ in }
    }

    // MARK: Answers

    var isWritable: Bool { context?.channel.isWritable ?? false }

    func begin(_ head: AnswerHead, body: ByteBuffer) {
        guard let context else { return }
        chunked = head.length == nil && speaksHTTP11
        if head.length == nil && !speaksHTTP11 { closesAfterAnswer = true }
        var bytes = context.channel.allocator.buffer(capacity: 128 + head.headers.readableBytes + body.readableBytes)
        bytes.writeStatusLine(head.status)
        bytes.writeImmutableBuffer(head.headers)
        if let length = head.length {
            bytes.writeStaticString("content-length: ")
            bytes.writeDecimal(length)
            bytes.writeStaticString("\r\n")
        } else if chunked {
            bytes.writeStaticString("transfer-encoding: chunked\r\n")
        }
        if closesAfterAnswer { bytes.writeStaticString("connection: close\r\n") }
        bytes.writeStaticString("\r\n")
        if body.readableBytes > 0 && !withoutBody { append(body, to: &bytes) }
        context.write(wrapOutboundOut(bytes), promise: nil)
    }

    func send(_ body: ByteBuffer) {
        guard let context, body.readableBytes > 0 else { return }
        guard chunked else { return context.write(wrapOutboundOut(body), promise: nil) }
        var bytes = context.channel.allocator.buffer(capacity: body.readableBytes + 16)
        append(body, to: &bytes)
        context.write(wrapOutboundOut(bytes), promise: nil)
    }

    private func append(_ body: ByteBuffer, to bytes: inout ByteBuffer) {
        if chunked {
            bytes.writeHexadecimal(body.readableBytes)
            bytes.writeStaticString("\r\n")
        }
        bytes.writeImmutableBuffer(body)
        if chunked { bytes.writeStaticString("\r\n") }
    }

    func flush() { context?.flush() }

    func goOn(with relay: CallRelay) { self.relay = relay }

    func end() {
        guard let context else { return }
        if chunked { context.write(wrapOutboundOut(ByteBuffer(staticString: "0\r\n\r\n")), promise: nil) }
        chunked = false
        if !isInRead || closesAfterAnswer { context.flush() }
        if phase == .answering { next() }
    }

    func cut() {
        context?.flush()
        close()
    }

    func sendContinue() {
        guard let context, speaksHTTP11 else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
    }
}

extension HTTPViolation {
    func failure(_ limits: ListenerLimits) -> Failure {
        status == 413 ? .bodyTooLong(limits.bodyBytes) : .malformedHTTP(status, code)
    }
}

extension ByteBuffer {
    mutating func writeStatusLine(_ status: Int) {
        switch status {
        case 200: writeStaticString("HTTP/1.1 200 OK\r\n")
        default:
            writeStaticString("HTTP/1.1 ")
            writeDecimal(status)
            writeStaticString(" ")
            writeStaticString(reason(of: status))
            writeStaticString("\r\n")
        }
    }

    mutating func writeDecimal(_ value: Int) {
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var rest = value
            var start = 20
            repeat {
                start -= 1
                digits[start] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            writeBytes(UnsafeRawBufferPointer(rebasing: digits[start...]))
        }
    }

    mutating func writeHexadecimal(_ value: Int) {
        withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { digits in
            var rest = value
            var start = 16
            repeat {
                start -= 1
                let nibble = UInt8(truncatingIfNeeded: rest & 0xF)
                digits[start] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble
                rest >>= 4
            } while rest > 0
            writeBytes(UnsafeRawBufferPointer(rebasing: digits[start...]))
        }
    }
}

private func reason(of status: Int) -> StaticString {
    switch status {
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 413: "Content Too Large"
    case 415: "Unsupported Media Type"
    case 417: "Expectation Failed"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: "Status"
    }
}
