import Hummingbird
import HummingbirdCore
import HummingbirdCore
public import Logging
public import NIOCore
import Synchronization

/// Connections to the admin listener at once.
private let connectionsMax = 128
/// A connection without a request is closed after this long.
private let idleSeconds: Int64 = 60
/// What a request under way has left when the server ends.
private let graceMilliseconds = 500

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

    /// Serves until its task is cancelled, then returns; `onBound` learns the address. Throws when it cannot listen there.
    public func run(onBound: @escaping @Sendable (SocketAddress) async -> Void = { _ in }) async throws {
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: AdminGate(token: token, log: log))
        AdminRoutes(actions: actions, token: token).add(to: router)
        let listener = Listener()
        let application = Application(
            router: router,
            server: .http1(
                configuration: .init(
                    idleTimeout: .seconds(idleSeconds),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 16 * 1024, maxHeaderListSize: 32 * 1024, maxHeaderFieldCount: 100))),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port), availableConnectionsDelegate: .maximum(connectionsMax, logger: log)),
            onServerRunning: { channel in
                listener.set(channel)
                if let address = channel.localAddress { await onBound(address) }
            },
            eventLoopGroupProvider: .shared(group),
            logger: log)
        // A task of its own, because a cancelled server drops its connections at once: first it stops listening, and
        // requests under way have a moment to end.
        let serving = Task { try await application.run() }
        try await withTaskCancellationHandler {
            do { try await serving.value } catch {
                // A listener that was closed on purpose is an unexpected end to the library.
                if !listener.isClosed { throw error }
            }
        } onCancel: {
            listener.close()
            Task {
                try? await Task.sleep(for: .milliseconds(graceMilliseconds))
                serving.cancel()
            }
        }
    }
}

/// The listening channel, once there is one; closed at most once, also when that is asked for before it listens.
private final class Listener: Sendable {
    private enum State: Sendable {
        case waiting
        case open(any Channel)
        case closed
    }

    private let state = Mutex(State.waiting)

    func set(_ channel: any Channel) {
        let isClosed = state.withLock { state in
            if case .closed = state { return true }
            state = .open(channel)
            return false
        }
        if isClosed { channel.close(promise: nil) }
    }

    var isClosed: Bool {
        state.withLock { state in
            if case .closed = state { true } else { false }
        }
    }

    func close() {
        let old = state.withLock { state in
            defer { state = .closed }
            return state
        }
        if case .open(let channel) = old { channel.close(promise: nil) }
    }
}
