import NIOCore
import NIOHTTP1

/// One client connection of an endpoint: gathers a request, has it decided, plays the answer, goes on to the next.
final class EndpointHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    /// A longer body ends the connection.
    static let bodyBytesMax = 64 * 1_048_576
    /// Parts of pipelined requests that wait; more end the connection.
    static let waitingPartsMax = 4_096

    private let stage: Stage
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var waiting = CircularBuffer<HTTPServerRequestPart>()
    private var player: Player?

    init(stage: Stage) { self.stage = stage }

    func channelActive(context: ChannelHandlerContext) {
        if stage.refusesConnection() { resetConnection(context) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        waiting.append(unwrapInboundIn(data))
        if waiting.count > EndpointHandler.waitingPartsMax { return context.close(promise: nil) }
        consume(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        player?.clientLeft()
        player = nil
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        player?.writabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is HTTPParserError, player == nil {
            let text = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        }
        context.close(promise: nil)
    }

    private func consume(_ context: ChannelHandlerContext) {
        while player == nil, let part = waiting.popFirst() {
            switch part {
            case .head(let head):
                self.head = head
                body.removeAll(keepingCapacity: true)
                if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
                    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
                }
            case .body(let bytes):
                body.append(contentsOf: bytes.readableBytesView)
                if body.count > EndpointHandler.bodyBytesMax { return context.close(promise: nil) }
            case .end:
                if let head { answer(head, context) }
            }
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let decision = stage.decide(head, body: body)
        let player = Player(decision, stage: stage, context: context) { [weak self] in
            self?.player = nil
            self?.consume(context)
        }
        self.player = player
        player.begin()
    }
}
