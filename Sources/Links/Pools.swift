import Core
import NIOCore
import NIOPosix
import NIOSSL
import Policy
import Synchronization
import Wire

/// The TLS settings of each set of trusted authorities, loaded away from the event loops.
public final class TrustStore: Sendable {
    private let contexts = Mutex<[String: NIOSSLContext]>([:])

    public init() {}

    /// Loads what the links need. Throws when a trust file cannot be read.
    public func prepare(for links: [Link]) throws {
        for link in links where link.origin.tls {
            let name = link.trustFile ?? ""
            if contexts.withLock({ $0[name] != nil }) { continue }
            var settings = TLSConfiguration.makeClientConfiguration()
            settings.minimumTLSVersion = .tlsv12
            settings.applicationProtocols = ["http/1.1"]
            if let file = link.trustFile { settings.trustRoots = .file(file) }
            let context = try NIOSSLContext(configuration: settings)
            contexts.withLock { $0[name] = context }
        }
    }

    func context(for link: Link) -> NIOSSLContext? { contexts.withLock { $0[link.trustFile ?? ""] } }
}

/// The upstream connections of one event loop.
public final class Pools {
    private let loop: any EventLoop
    private let trust: TrustStore
    private let limits: HTTPLimits
    public let sweeper: Sweeper
    private var origins: [Link: OriginPool] = [:]
    /// The pools of the newest generation by endpoint, so that a link's names are not hashed for each call.
    private var known: (generation: UInt64, pools: [OriginPool?]) = (0, [])

    public init(on loop: any EventLoop, trust: TrustStore, limits: HTTPLimits, sweeper: Sweeper) {
        self.loop = loop
        self.trust = trust
        self.limits = limits
        self.sweeper = sweeper
    }

    /// Sends one attempt over the link that its permit names. This consumes the permit; there is no other way to send.
    public func send(
        _ permit: consuming Permit, request: ByteBuffer, timeouts: EndpointTimeouts, maxConnections: Int,
        to receiver: any AnswerReceiver
    ) {
        let endpoint = permit.endpoint
        if known.generation == permit.generation, endpoint < known.pools.count, let pool = known.pools[endpoint] {
            return pool.send(request, timeouts: timeouts, maxConnections: maxConnections, to: receiver)
        }
        let pool = pool(permit.link)
        if permit.generation > known.generation { known = (permit.generation, []) }
        if permit.generation == known.generation {
            while known.pools.count <= endpoint { known.pools.append(nil) }
            known.pools[endpoint] = pool
        }
        pool.send(request, timeouts: timeouts, maxConnections: maxConnections, to: receiver)
    }

    private func pool(_ link: Link) -> OriginPool {
        if let known = origins[link] { return known }
        let pool = OriginPool(link: link, loop: loop, trust: trust, limits: limits, sweeper: sweeper)
        origins[link] = pool
        return pool
    }

    public var connectionCount: Int { origins.values.reduce(0) { $0 + $1.count } }
}

/// The connections of one event loop to one origin, the one used last first.
final class OriginPool {
    /// Below the 60 s after which common servers and load balancers drop an idle connection.
    static let idleMilliseconds: Int64 = 45_000
    /// From the start of a connection to the end of its TLS handshake.
    static let handshakeMilliseconds: Int64 = 15_000

    private let link: Link
    private let loop: any EventLoop
    private let trust: TrustStore
    private let limits: HTTPLimits
    let sweeper: Sweeper
    private var idle: [UpstreamConnection] = []
    private(set) var count = 0

    init(link: Link, loop: any EventLoop, trust: TrustStore, limits: HTTPLimits, sweeper: Sweeper) {
        self.link = link
        self.loop = loop
        self.trust = trust
        self.limits = limits
        self.sweeper = sweeper
    }

    func send(_ request: ByteBuffer, timeouts: EndpointTimeouts, maxConnections: Int, to receiver: any AnswerReceiver) {
        while let connection = idle.popLast() {
            guard connection.isUsable else { continue }
            return connection.send(request, timeouts: timeouts, to: receiver)
        }
        guard count < maxConnections else { return receiver.answerFailed(.tooManyConnections) }
        connect(timeouts: timeouts, request: request, receiver: receiver)
    }

    func giveBack(_ connection: UpstreamConnection) { idle.append(connection) }

    func remove(_ connection: UpstreamConnection) {
        if let index = idle.firstIndex(where: { $0 === connection }) { idle.remove(at: index) }
        if !connection.counted { return }
        connection.counted = false
        count -= 1
    }

    private func connect(timeouts: EndpointTimeouts, request: ByteBuffer, receiver: any AnswerReceiver) {
        count += 1
        let handler = UpstreamConnection(pool: self, limits: limits)
        handler.counted = true
        let tls = link.origin.tls ? trust.context(for: link) : nil
        if link.origin.tls && tls == nil {
            remove(handler)
            return receiver.answerFailed(.tls)
        }
        let host = link.origin.host
        let bound = NIOLoopBound((handler, receiver, self), eventLoop: loop)
        ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 2048, maximum: 65_536)
            )
            .connectTimeout(.milliseconds(timeouts.connect))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let name =
                            host.contains(":") || host.utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) } ? nil : host
                        try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
                        try channel.pipeline.syncOperations.addHandler(HandshakeGate())
                    }
                    try channel.pipeline.syncOperations.addHandler(bound.value.0)
                }
            }
            .connect(host: host, port: link.origin.port)
            .flatMap { channel -> EventLoopFuture<Void> in
                guard tls != nil else { return channel.eventLoop.makeSucceededVoidFuture() }
                return channel.pipeline.handler(type: HandshakeGate.self).flatMap { $0.done(on: channel.eventLoop) }
            }
            .whenComplete { result in
                let (handler, receiver, pool) = bound.value
                switch result {
                case .success:
                    let isWanted = receiver.wantsAnswer
                    guard isWanted, receiver.mayLeave() else {
                        if handler.isUsable { pool.giveBack(handler) }
                        if isWanted { receiver.keptBack() }
                        return
                    }
                    handler.send(request, timeouts: timeouts, to: receiver)
                case .failure(let error):
                    pool.remove(handler)
                    guard receiver.wantsAnswer else { return }
                    receiver.answerFailed(LinkFailure(connecting: error))
                }
            }
    }
}

extension LinkFailure {
    fileprivate init(connecting error: any Error) {
        switch error {
        case is NIOSSLError, is NIOSSLExtraError, is HandshakeGate.Closed: self = .tls
        case ChannelError.connectTimeout: self = .connectTimeout
        case let error as NIOConnectionError where error.connectionErrors.contains { $0.error.isConnectTimeout }:
            self = .connectTimeout
        default: self = .refusedConnection
        }
    }
}

extension Error {
    fileprivate var isConnectTimeout: Bool {
        if let error = self as? ChannelError, case .connectTimeout = error { true } else { false }
    }
}
