import Core
import Journal
import Ledger
import Links
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Policy
import Synchronization
import Tokens
import Wire

/// The data path: listens for calls on every event loop and serves them from the snapshot in force.
public final class GatewayServer: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let lanes: [ObjectIdentifier: NIOLoopBound<Lane>]
    private let loops: [any EventLoop]
    private let trust: TrustStore
    private let estimates: Estimates?
    private let log: Logger
    private let state: Mutex<State>

    private struct State {
        var current: Snapshot
        var listeners: [any Channel] = []
        /// Former snapshots that a call under way may still use. They are freed here and not by the call, which would hold its loop up.
        var retired: [LaneSnapshot] = []
    }

    /// Builds one lane on each event loop. The snapshot's links must be loadable.
    /// - Parameter estimator: counts what providers did not; without one, bytes are counted. It must outlive a drain.
    public init(
        group: MultiThreadedEventLoopGroup, snapshot: Snapshot, journal: Journal, ledger: LiveLedger, board: Board,
        estimator: Estimator? = nil, log: Logger
    ) async throws {
        self.group = group
        self.log = log
        trust = TrustStore()
        let estimates = estimator.map { Estimates($0, ledger) }
        self.estimates = estimates
        try trust.prepare(for: snapshot.catalogue.links)
        state = Mutex(State(current: snapshot))
        let loops = Array(group.makeIterator())
        self.loops = loops
        var lanes: [ObjectIdentifier: NIOLoopBound<Lane>] = [:]
        var signals: [GateSignal] = []
        for loop in loops {
            let signal = GateSignal(loop: loop)
            let own = LaneSnapshot(snapshot.copy(board: board))
            let trust = trust
            lanes[ObjectIdentifier(loop)] = try await loop.submit {
                let sweeper = Sweeper(on: loop)
                let gate = DurableGate(journal: journal, signal: signal)
                signal.attach(NIOLoopBound(gate, eventLoop: loop))
                let limits = HTTPLimits(headBytes: 64 * 1024, headerCount: 200)
                let pools = Pools(on: loop, trust: trust, limits: limits, sweeper: sweeper)
                return NIOLoopBound(
                    Lane(
                        loop: loop, pools: pools, sweeper: sweeper, gate: gate, ledger: ledger, board: board,
                        estimates: estimates, log: log, lanes: loops.count, snapshot: own),
                    eventLoop: loop)
            }.get()
            signals.append(signal)
        }
        self.lanes = lanes
        let wakers = signals
        journal.onCommit { _ in
            for signal in wakers { signal.committed() }
        }
    }

    public var snapshot: Snapshot { state.withLock { $0.current } }

    /// Listens; port 0 takes any free one. Returns the address.
    public func listen(host: String, port: Int, tls: NIOSSLContext? = nil) async throws -> SocketAddress {
        let lanes = lanes
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 2048, maximum: 65_536)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let lane = lanes[ObjectIdentifier(channel.eventLoop)]?.value else {
                        throw ChannelError.inappropriateOperationForState
                    }
                    let pipeline = channel.pipeline.syncOperations
                    if let tls {
                        try pipeline.addHandler(NIOSSLServerHandler(context: tls))
                        try pipeline.addHandler(ProtocolChooser(lane: lane))
                    } else {
                        try pipeline.addHandler(HTTP1Connection(lane: lane))
                    }
                }
            }
            .bind(host: host, port: port).get()
        state.withLock { $0.listeners.append(channel) }
        guard let address = channel.localAddress else { throw ChannelError.unknownLocalAddress }
        return address
    }

    /// Swaps the snapshot; returns when every loop has this one or a later one, so that a revoked key opens nothing any more.
    public func install(_ next: Snapshot, board: Board) async throws {
        try trust.prepare(for: next.catalogue.links)
        state.withLock { if next.generation >= $0.current.generation { $0.current = next } }
        for loop in loops {
            guard let lane = lanes[ObjectIdentifier(loop)] else { continue }
            let own = try await QuietThread.run { LaneSnapshot(next.copy(board: board)) }
            let (retired, former) = try await loop.submit { (lane.value.install(own), lane.value.former) }.get()
            state.withLock { $0.retired.append(retired) }
            try await QuietThread.run { former.sum() }
        }
        try await QuietThread.run { self.freeRetired() }
    }

    /// Frees the former snapshots that no call uses any more; called now and then, away from the event loops.
    public func freeRetired() {
        // Taken out first, so that nothing is freed under the lock.
        var all = state.withLock { state in
            defer { state.retired = [] }
            return state.retired
        }
        var inUse: [LaneSnapshot] = []
        while var one = all.popLast() {
            if !isKnownUniquelyReferenced(&one.snapshot) { inUse.append(one) }
        }
        let rest = inUse
        state.withLock { $0.retired += rest }
    }

    public func metrics() async throws -> LoopMetrics {
        var sum = LoopMetrics()
        for loop in loops {
            guard let lane = lanes[ObjectIdentifier(loop)] else { continue }
            sum.add(try await loop.submit { lane.value.counts }.get().metrics)
        }
        return sum
    }

    /// Stops accepting, lets calls in flight finish until the limit, then closes what is left. True when nothing was cut.
    public func drain() async throws -> Bool {
        let (listeners, limits) = state.withLock { ($0.listeners, $0.current.limits) }
        for listener in listeners { try? await listener.close().get() }
        for loop in loops {
            guard let lane = lanes[ObjectIdentifier(loop)] else { continue }
            try await loop.submit { lane.value.startDraining() }.get()
        }
        let end = NIODeadline.now() + .milliseconds(limits.drainMilliseconds)
        // Whatever is not counted by then stays in doubt.
        defer { estimates?.giveUp(at: .now()) }
        while NIODeadline.now() < end {
            let now = try await metrics()
            if now.callsInFlight == 0 && now.connections == 0 && estimates?.count ?? 0 == 0 { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return try await metrics().callsInFlight == 0
    }
}
