import Core
import NIOCore
import Wire

/// Takes one answer as it arrives. Everything happens on the event loop of the connection.
public protocol AnswerReceiver: AnyObject {
    /// False once nobody wants the answer: nothing is sent for it then.
    var wantsAnswer: Bool { get }
    /// Asked once more where a connection had to be made first, which may have taken seconds: whether the attempt may still leave.
    func mayLeave() -> Bool
    /// It may not. Nothing of it was sent.
    func keptBack()
    /// The request is being written on this connection.
    func sending(on connection: UpstreamConnection)
    func answered(_ head: ResponseHead)
    func answered(_ body: ByteBuffer)
    /// All bytes that were read at once have been handed over.
    func answerReadComplete()
    func answerEnded()
    func answerFailed(_ failure: LinkFailure)
}

/// One connection to an origin: writes one raw request at a time, parses the answer strictly, goes back to its pool.
public final class UpstreamConnection: ChannelInboundHandler, Deadlined {
    public typealias InboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    private enum Phase { case idle, waiting, reading }

    private var phase = Phase.idle
    private var parser: ResponseParser
    private var unparsed: ByteBuffer?
    private var receiver: (any AnswerReceiver)?
    private var context: ChannelHandlerContext?
    private unowned let pool: OriginPool
    private var timeouts = EndpointTimeouts()
    private var keepsAlive = true
    private var paused = false
    private var closed = false
    /// Whether the pool counts it among its connections.
    var counted = false

    public private(set) var deadline = NIODeadline.distantFuture
    public var sweeperSlot = -1

    init(pool: OriginPool, limits: HTTPLimits) {
        self.pool = pool
        parser = ResponseParser(limits: limits)
    }

    var isUsable: Bool { !closed && phase == .idle && context?.channel.isActive == true }

    /// Writes a request and delivers its answer to `receiver`.
    func send(_ request: ByteBuffer, timeouts: EndpointTimeouts, to receiver: any AnswerReceiver) {
        guard let context else { return receiver.answerFailed(.refusedConnection) }
        self.receiver = receiver
        self.timeouts = timeouts
        phase = .waiting
        parser.begin(headRequest: false)
        deadline = .now() + .milliseconds(timeouts.firstByte)
        receiver.sending(on: self)
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
    }

    /// Nobody wants the rest: the connection is closed, which is how HTTP/1.1 tells the endpoint to stop.
    public func cancel() {
        receiver = nil
        close()
    }

    /// Stops and resumes reading, so that a slow client slows its endpoint and not our memory.
    public func setPaused(_ pause: Bool) {
        guard pause != paused, let context else { return }
        paused = pause
        deadline = pause ? .distantFuture : .now() + .milliseconds(timeouts.idle)
        context.channel.setOption(.autoRead, value: !pause).whenComplete { _ in }
    }

    public func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        deadline = .now() + .milliseconds(OriginPool.handshakeMilliseconds)
        pool.sweeper.add(self)
    }

    public func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        pool.sweeper.remove(self)
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if var earlier = unparsed {
            earlier.writeBuffer(&bytes)
            bytes = earlier
            unparsed = nil
        }
        guard phase != .idle else { return close() }
        if !paused { deadline = .now() + .milliseconds(timeouts.idle) }
        do throws(HTTPViolation) {
            while phase != .idle, let event = try parser.next(&bytes) {
                switch event {
                case .informational: break
                case .head(let head):
                    phase = .reading
                    keepsAlive = head.keepAlive
                    receiver?.answered(head)
                case .body(let body): receiver?.answered(body)
                case .end: return finish(leftover: bytes.readableBytes)
                }
            }
        } catch {
            return fail(.violation(error))
        }
        if bytes.readableBytes > 0 { unparsed = bytes }
    }

    public func channelReadComplete(context: ChannelHandlerContext) {
        receiver?.answerReadComplete()
    }

    public func channelInactive(context: ChannelHandlerContext) {
        closed = true
        pool.remove(self)
        fail(.closed(afterHead: phase == .reading))
    }

    public func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(.closed(afterHead: phase == .reading))
    }

    public func expired(at now: NIODeadline) {
        switch phase {
        case .idle: close()
        case .waiting: fail(.firstByteTimeout)
        case .reading: fail(.idleTimeout)
        }
    }

    private func finish(leftover: Int) {
        let finished = receiver
        receiver = nil
        phase = .idle
        deadline = .now() + .milliseconds(OriginPool.idleMilliseconds)
        if keepsAlive && leftover == 0 && !closed && !paused { pool.giveBack(self) } else { close() }
        finished?.answerEnded()
    }

    private func fail(_ failure: LinkFailure) {
        let failed = receiver
        receiver = nil
        close()
        failed?.answerFailed(failure)
    }

    private func close() {
        guard !closed else { return }
        closed = true
        deadline = .distantFuture
        pool.remove(self)
        context?.close(promise: nil)
    }
}
