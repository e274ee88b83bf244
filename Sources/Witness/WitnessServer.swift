import HTTPTypes
import Hummingbird
import Journal
public import Logging
public import NIOCore

private let connectionsMax = 64
/// A connection without a request is closed after this long.
private let idleSeconds: Int64 = 60

/// A witness's listener: `POST /add-checkpoint`, as C2SP tlog-witness has it. What it signs anybody may ask for, so there is no
/// token; a request counts for nothing without the log's signature.
public struct WitnessServer: Sendable {
    private let keeper: WitnessKeeper
    private let host: String
    private let port: Int
    private let group: any EventLoopGroup
    private let log: Logger

    /// Port 0 takes any free one.
    public init(keeper: WitnessKeeper, host: String, port: Int, group: any EventLoopGroup, log: Logger) {
        (self.keeper, self.host, self.port, self.group, self.log) = (keeper, host, port, group, log)
    }

    /// Serves until its task is cancelled; `onBound` learns the address. Throws when it cannot listen there.
    public func run(onBound: @escaping @Sendable (SocketAddress) async -> Void = { _ in }) async throws {
        let router = Router(context: BasicRequestContext.self)
        router.post("add-checkpoint") { request, _ in
            let body = try await request.body.collect(upTo: AddCheckpoint.bytesMax)
            return response(await keeper.add(Array(buffer: body)))
        }
        let application = Application(
            router: router, server: .http1(configuration: .init(idleTimeout: .seconds(idleSeconds))),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port), availableConnectionsDelegate: .maximum(connectionsMax, logger: log)),
            onServerRunning: { channel in
                if let address = channel.localAddress { await onBound(address) }
            },
            eventLoopGroupProvider: .shared(group), logger: log)
        try await application.run()
    }

    private func response(_ reply: WitnessKeeper.Reply) -> Response {
        switch reply {
        case .cosigned(let line): answer(200, "text/plain; charset=utf-8", line)
        case .refused(let refusal):
            answer(refusal.status, refusal.contentType, refusal.body) {
                log.notice("a checkpoint was refused", metadata: ["status": "\(refusal.status)", "reason": "\(refusal)"])
            }
        case .failed(let reason):
            answer(503, "text/plain; charset=utf-8", "this witness cannot sign now\n") {
                log.error("nothing can be remembered, so nothing is signed", metadata: ["reason": "\(reason)"])
            }
        }
    }

    private func answer(_ status: Int, _ type: String, _ body: String, _ tell: () -> Void = {}) -> Response {
        tell()
        return Response(
            status: .init(code: status), headers: [.contentType: type], body: .init(byteBuffer: ByteBuffer(string: body)))
    }
}
