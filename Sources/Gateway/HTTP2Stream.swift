import Core
import Links
import NIOCore
import NIOHTTP1
import Wire

/// One stream of HTTP/2: the same call path as HTTP/1.1. Its head passes through the strict parser, so that both protocols
/// accept the same.
final class HTTP2Stream: ChannelInboundHandler, AnswerSink, Deadlined {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Phase { case head, body, discarding, answering, done }

    private let lane: Lane
    private let limits: ListenerLimits
    private var relay: CallRelay
    private var phase = Phase.head
    private var received = 0
    private var context: ChannelHandlerContext?

    private(set) var deadline = NIODeadline.distantFuture
    var sweeperSlot = -1

    init(lane: Lane) {
        self.lane = lane
        limits = lane.snapshot.limits
        relay = CallRelay(lane: lane)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        lane.sweeper.add(self)
        deadline = .now() + .milliseconds(limits.headMilliseconds)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        lane.sweeper.remove(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head)
        case .body(let body):
            guard phase == .body else { return }
            received += body.readableBytes
            guard received <= limits.bodyBytes else {
                phase = .discarding
                return relay.refuse(.bodyTooLong(limits.bodyBytes), to: self)
            }
            if !relay.received(body) { phase = .discarding }
        case .end(let trailers):
            guard phase == .body else { return }
            // As over HTTP/1.1: what stands behind a body would be said unseen.
            guard trailers == nil else {
                phase = .discarding
                return relay.refuse(HTTPViolation.trailers.failure(limits), to: self)
            }
            phase = .answering
            deadline = .distantFuture
            relay.requestEnded()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline = .distantFuture
        relay.callerLeft()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if phase == .answering {
            deadline = context.channel.isWritable ? .distantFuture : .now() + .milliseconds(limits.idleMilliseconds)
        }
        relay.sinkBecame(writable: context.channel.isWritable)
    }

    func expired(at now: NIODeadline) {
        deadline = .distantFuture
        if phase == .head || phase == .body { relay.refuse(.requestTimeout, to: self) }
        context?.close(promise: nil)
    }

    private func begin(_ head: HTTPRequestHead) {
        var raw = ByteBufferAllocator().buffer(capacity: 512)
        raw.writeString("\(head.method.rawValue) \(head.uri) HTTP/1.1\r\n")
        for (name, value) in head.headers where name != "content-length" && name != "transfer-encoding" {
            raw.writeString("\(name): \(value)\r\n")
        }
        let length = head.headers.first(name: "content-length").flatMap { Int($0) }
        raw.writeString(length.map { "content-length: \($0)\r\n\r\n" } ?? "transfer-encoding: chunked\r\n\r\n")
        var parser = RequestParser(
            limits: HTTPLimits(headBytes: limits.headBytes, headerCount: limits.headerCount, bodyBytes: limits.bodyBytes))
        phase = .discarding
        deadline = .now() + .milliseconds(limits.bodyMilliseconds)
        do throws(HTTPViolation) {
            guard case .head(let request)? = try parser.next(&raw), raw.readableBytes == 0 else {
                return relay.refuse(.malformedHTTP(400, "head"), to: self)
            }
            if relay.begin(request, sink: self) { phase = .body }
        } catch {
            relay.refuse(error.failure(limits), to: self)
        }
    }

    // MARK: Answers

    var isWritable: Bool { context?.channel.isWritable ?? false }

    func begin(_ head: AnswerHead, body: ByteBuffer) {
        guard let context else { return }
        var headers = HTTPHeaders()
        var lines = head.headers
        while let line = lines.readLine() {
            guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            headers.add(name: String(line[..<colon]), value: String(value))
        }
        if let length = head.length { headers.add(name: "content-length", value: String(length)) }
        let response = HTTPResponseHead(version: .http2, status: .init(statusCode: head.status), headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        send(body)
    }

    func send(_ body: ByteBuffer) {
        guard let context, body.readableBytes > 0 else { return }
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }

    func flush() { context?.flush() }

    func goOn(with relay: CallRelay) { self.relay = relay }

    func end() {
        guard phase != .done, let context else { return }
        phase = .done
        deadline = .distantFuture
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func cut() {
        phase = .done
        context?.flush()
        // Closing before END_STREAM resets the stream, which a client cannot take for an end.
        context?.close(promise: nil)
    }

    func sendContinue() {}
}

extension ByteBuffer {
    /// Reads up to the next line end, which it drops; nil when there is none.
    fileprivate mutating func readLine() -> String? {
        guard let end = readableBytesView.firstIndex(of: UInt8(ascii: "\r")) else { return nil }
        let line = readString(length: end - readerIndex)
        moveReaderIndex(forwardBy: Swift.min(2, readableBytes))
        return line
    }
}
