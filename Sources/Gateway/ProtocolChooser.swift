import Core
import Links
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOSSL
import NIOTLS

/// Waits for TLS to say which protocol the client chose, then makes way for it. It does not wait for ever, and a connection
/// counts from its first byte.
final class ProtocolChooser: ChannelInboundHandler, RemovableChannelHandler, Deadlined, Drainable {
    typealias InboundIn = ByteBuffer

    private let lane: Lane
    private var context: ChannelHandlerContext?

    private(set) var deadline = NIODeadline.distantFuture
    var sweeperSlot = -1

    init(lane: Lane) { self.lane = lane }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        lane.connections[ObjectIdentifier(self)] = self
        lane.sweeper.add(self)
        deadline = .now() + .milliseconds(lane.snapshot.limits.headMilliseconds)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        lane.connections[ObjectIdentifier(self)] = nil
        lane.sweeper.remove(self)
    }

    /// Nothing can be told to a client before the handshake; one connection too many is closed without a word.
    func channelActive(context: ChannelHandlerContext) {
        if lane.connections.count > lane.connectionLimit { close() }
    }

    func expired(at now: NIODeadline) { close() }

    func drain() { close() }

    private func close() {
        deadline = .distantFuture
        context?.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? TLSUserEvent, case .handshakeCompleted(let negotiated) = event else {
            return context.fireUserInboundEventTriggered(event)
        }
        let pipeline = context.pipeline.syncOperations
        do {
            if negotiated == "h2" {
                let lane = lane
                let limits = lane.snapshot.limits
                var configuration = NIOHTTP2Handler.ConnectionConfiguration()
                configuration.initialSettings = [
                    HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.concurrentStreams),
                    HTTP2Setting(parameter: .maxHeaderListSize, value: limits.headBytes),
                ]
                let connection = HTTP2Connection(lane: lane)
                let bound = NIOLoopBound((lane, connection), eventLoop: context.eventLoop)
                _ = try pipeline.configureHTTP2Pipeline(
                    mode: .server, connectionConfiguration: configuration, streamConfiguration: .init()
                ) { stream in
                    bound.value.1.streamOpened()
                    stream.closeFuture.whenComplete { _ in bound.value.1.streamClosed() }
                    return stream.eventLoop.makeCompletedFuture {
                        try stream.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
                        try stream.pipeline.syncOperations.addHandler(HTTP2Stream(lane: bound.value.0))
                    }
                }
                try pipeline.addHandler(connection, position: .last)
            } else {
                try pipeline.addHandler(HTTP1Connection(lane: lane), position: .last)
            }
        } catch {
            return context.close(promise: nil)
        }
        pipeline.removeHandler(self, promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Application bytes can only follow the handshake, and by then this handler is gone.
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
