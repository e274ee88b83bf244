import Hummingbird
import HummingbirdCore
import HummingbirdCore
public import Logging
public import NIOCore

/// Connections to the admin listener at once.
private let connectionsMax = 128
/// A connection without a request is closed after this long.
private let idleSeconds: Int64 = 60

/// The admin API and metrics on a listener of their own.
public struct AdminServer: Sendable {
    private let actions: AdminActions
    private let token: AdminToken
    private let host: String
    private let port: Int
    private let group: any EventLoopGroup
    private let log: Logger

    /// Port 0 takes any free one. `group` should not be the data path's.
    public init(
        actions: AdminActions, token: AdminToken, host: String, port: Int, group: any EventLoopGroup, log: Logger
    ) {
        self.actions = actions
        self.token = token
        self.host = host
        self.port = port
        self.group = group
        self.log = log
    }

    /// Serves until its task is cancelled; `onBound` learns the address. Throws when it cannot listen there.
    public func run(onBound: @escaping @Sendable (SocketAddress) async -> Void = { _ in }) async throws {
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: AdminGate(token: token, log: log))
        AdminRoutes(actions: actions, token: token).add(to: router)
        let application = Application(
            router: router,
            server: .http1(
                configuration: .init(
                    idleTimeout: .seconds(idleSeconds),
                    httpDecoderConfiguration: .init(maxHeaderFieldSize: 16 * 1024, maxHeaderListSize: 32 * 1024, maxHeaderFieldCount: 100))),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port), availableConnectionsDelegate: .maximum(connectionsMax, logger: log)),
            onServerRunning: { channel in
                if let address = channel.localAddress { await onBound(address) }
            },
            eventLoopGroupProvider: .shared(group),
            logger: log)
        try await application.run()
    }
}
