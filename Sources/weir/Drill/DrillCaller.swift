import NIOCore
import NIOPosix

/// What came back for one call of a drill.
struct DrillAnswer: Sendable {
    /// 0: the connection failed.
    var status: Int
    /// Of an error.
    var code: String?

    /// - Parameter text: a whole HTTP answer.
    init(_ text: String) {
        status = Int(text.split(separator: " ", maxSplits: 2).dropFirst().first ?? "") ?? 0
        if status != 200, let start = text.firstRange(of: "\"code\":\"") {
            code = String(text[start.upperBound...].prefix { $0 != "\"" })
        }
    }
}

/// Sends calls to a Weir on this machine, each on a connection of its own, and reads each answer to its end.
struct DrillCaller: Sendable {
    let group: any EventLoopGroup
    let port: Int

    func call(_ path: String, key: String, id: String, body: [UInt8]) async -> DrillAnswer {
        let head =
            "POST \(path) HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nauthorization: Bearer \(key)\r\n"
            + "x-request-id: \(id)\r\ncontent-type: application/json\r\ncontent-length: \(body.count)\r\n\r\n"
        do {
            let answer = group.next().makePromise(of: String.self)
            let channel = try await ClientBootstrap(group: group)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(WholeAnswer(answer))
                    }
                }
                .connect(host: "127.0.0.1", port: port).get()
            var request = channel.allocator.buffer(capacity: head.utf8.count + body.count)
            request.writeString(head)
            request.writeBytes(body)
            channel.writeAndFlush(request, promise: nil)
            return DrillAnswer(try await answer.futureResult.get())
        } catch {
            return DrillAnswer("")
        }
    }
}

/// Keeps the beginning of an answer, enough for its status and an error's code, and waits for its end.
private final class WholeAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private static let keptBytes = 16 * 1024

    private let answer: EventLoopPromise<String>
    private var kept = ByteBuffer()

    init(_ answer: EventLoopPromise<String>) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard kept.readableBytes < Self.keptBytes else { return }
        kept.writeBuffer(&bytes)
    }

    func channelInactive(context: ChannelHandlerContext) { answer.succeed(String(buffer: kept)) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
