import Core
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOSSL
import NIOTLS

/// Waits for TLS to say which protocol the client chose, then makes way for it.
final class ProtocolChooser: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let lane: Lane

    init(lane: Lane) { self.lane = lane }

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
                let bound = NIOLoopBound(lane, eventLoop: context.eventLoop)
                _ = try pipeline.configureHTTP2Pipeline(
                    mode: .server, connectionConfiguration: configuration, streamConfiguration: .init()
                ) { stream in
                    stream.eventLoop.makeCompletedFuture {
                        try stream.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
                        try stream.pipeline.syncOperations.addHandler(HTTP2Stream(lane: bound.value))
                    }
                }
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
