import NIOCore
import NIOSSL
import NIOTLS

/// Tells when TLS is up, so that no byte of a call is written before the peer is known.
final class HandshakeGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    struct Closed: Error {}

    private var result: Result<Void, any Error>?
    private var promise: EventLoopPromise<Void>?

    func done(on loop: any EventLoop) -> EventLoopFuture<Void> {
        if let result { return loop.makeCompletedFuture(result) }
        let promise = loop.makePromise(of: Void.self)
        self.promise = promise
        return promise.futureResult
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event { complete(.success(())) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        complete(.failure(error))
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        complete(.failure(Closed()))
        context.fireChannelInactive()
    }

    private func complete(_ outcome: Result<Void, any Error>) {
        guard result == nil else { return }
        result = outcome
        promise?.completeWith(outcome)
    }
}
