import NIOCore
import NIOPosix

private let connectSeconds: Int64 = 5
private let answerSeconds: Int64 = 10
private let answerBytesMax = 64 * 1024

/// An HTTP answer that was read to the end of its connection.
struct PlainAnswer: Sendable, Hashable {
    var status: Int
    var body: [UInt8]

    /// Only answers with a length, as witnesses give them; `nil` for anything else.
    init?(_ bytes: [UInt8]) {
        let separator = Array("\r\n\r\n".utf8)
        guard let end = bytes.firstRange(of: separator) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else { return nil }
        var length = 0
        for line in lines.dropFirst() {
            let field = line.split(separator: ":", maxSplits: 1)
            guard field.count == 2, field[0].lowercased() == "content-length" else { continue }
            length = Int(field[1].drop { $0 == " " }) ?? -1
        }
        self.status = status
        body = Array(bytes[end.upperBound...])
        guard body.count == length else { return nil }
    }

    init(status: Int, body: [UInt8]) { (self.status, self.body) = (status, body) }
}

/// Sends one request on a connection of its own and reads the answer to its end.
func post(_ body: [UInt8], to witness: WitnessAddress, group: any EventLoopGroup) async throws -> PlainAnswer {
    let loop = group.next()
    let answer = loop.makePromise(of: [UInt8].self)
    let bootstrap = ClientBootstrap(group: loop).connectTimeout(.seconds(connectSeconds))
        .channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Collector(answer)) }
        }
    let channel: any Channel
    do { channel = try await bootstrap.connect(host: witness.host, port: witness.port).get() } catch {
        answer.fail(error)
        throw WitnessProblem("there is no connection to it at \(witness.host):\(witness.port)")
    }
    let limit = loop.scheduleTask(in: .seconds(answerSeconds)) { channel.close(promise: nil) }
    defer { limit.cancel() }
    let host = witness.host.contains(":") ? "[\(witness.host)]" : witness.host
    let head =
        "POST \(witness.path)/add-checkpoint HTTP/1.1\r\nHost: \(host):\(witness.port)\r\nConnection: close\r\n"
        + "Content-Type: text/plain\r\nContent-Length: \(body.count)\r\n\r\n"
    channel.writeAndFlush(ByteBuffer(bytes: Array(head.utf8) + body), promise: nil)
    guard let whole = PlainAnswer(try await answer.futureResult.get()) else {
        throw WitnessProblem("its answer is not whole HTTP")
    }
    return whole
}

/// Keeps what comes until the other side closes.
private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let promise: EventLoopPromise<[UInt8]>
    private var bytes: [UInt8] = []

    init(_ promise: EventLoopPromise<[UInt8]>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes += Array(buffer: unwrapInboundIn(data))
        if bytes.count > answerBytesMax { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.succeed(bytes)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
