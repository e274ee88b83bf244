import Core
import Journal
import Ledger
import Links
import Logging
import NIOCore
import Policy

/// All that one event loop of the data path has: its snapshot, its upstream connections, its counts. Nothing here is shared.
final class Lane {
    /// Request bodies that one loop keeps in memory at once, in bytes.
    static let bodyBytesMax = 512 * 1024 * 1024

    let loop: any EventLoop
    let pools: Pools
    let sweeper: Sweeper
    let gate: DurableGate
    let ledger: LiveLedger
    let board: Board
    let estimates: Estimates?
    let log: Logger
    /// Shares of the whole gateway's limits.
    let lanes: Int

    private(set) var snapshot: Snapshot
    private var judging: Judging
    /// Scratch for `route`.
    var health: [Health] = []
    /// By endpoint of the snapshot in force.
    var heardRegions: [HeardRegions]
    private var tally: EndpointTally
    /// Of earlier snapshots.
    let former = FormerCounts()
    /// Of no endpoint.
    private var totals = LoopMetrics()
    var random: QuickRandom

    var connections: [ObjectIdentifier: any Drainable] = [:]
    private(set) var callsInFlight = 0
    /// By the number of the tenant; a number may mean another tenant after a reload, which only blurs fairness for a moment.
    private var callsOfTenant: [Int] = []
    /// By the number of the tenant, as above.
    private var hedges: [HedgeBudget] = []
    var bodyBytes = 0
    /// Tokens that Weir counts itself for callers.
    var ownCounts = 0
    /// Calls whose answers are read on although their callers left, the oldest first.
    private var readOn: [CallRelay] = []
    private(set) var isDraining = false

    init(
        loop: any EventLoop, pools: Pools, sweeper: Sweeper, gate: DurableGate, ledger: LiveLedger, board: Board,
        estimates: Estimates?, log: Logger, lanes: Int, snapshot own: LaneSnapshot
    ) {
        self.loop = loop
        self.pools = pools
        self.sweeper = sweeper
        self.gate = gate
        self.ledger = ledger
        self.board = board
        self.estimates = estimates
        self.log = log
        self.lanes = lanes
        snapshot = own.snapshot
        judging = own.judging
        heardRegions = own.heardRegions
        tally = own.tally
        var system = SystemRandomNumberGenerator()
        random = QuickRandom(seededBy: &system)
        sweeper.add(gate)
    }

    /// Returns what is no longer needed here: tens of thousands of objects, which whoever takes them frees away from the loop. That is
    /// the new one where a later one came first.
    func install(_ next: LaneSnapshot) -> LaneSnapshot {
        guard next.snapshot.generation >= snapshot.generation else { return next }
        let retired = LaneSnapshot(snapshot: snapshot, judging: judging, heardRegions: heardRegions, tally: tally)
        former.append(tally)
        snapshot = next.snapshot
        judging = next.judging
        heardRegions = next.heardRegions
        tally = next.tally
        return retired
    }

    // MARK: Policy

    /// Asks policy about a call, or again where what it said no longer holds. A call that began under an earlier snapshot is judged by that.
    func judge(_ call: inout CallFacts, in snapshot: Snapshot, at now: Timestamp) {
        if snapshot.generation == self.snapshot.generation { return judging.judge.renew(&call, at: now) }
        var judge = CallJudge(snapshot.catalogue)
        judge.renew(&call, at: now)
    }

    /// What the journal keeps of a judged call at an endpoint.
    func judged(_ call: CallFacts, at endpoint: Int, in snapshot: Snapshot) -> HoldJudged? {
        if snapshot.generation == self.snapshot.generation { return judging.judged(call, at: endpoint, in: snapshot) }
        return Judging.facts(call, at: endpoint, in: snapshot).map(HoldJudged.init)
    }

    func models(for caller: Caller, exports: ExportCount?, at now: Timestamp) -> [String] {
        judging.judge.models(for: caller, exports: exports, at: now)
    }

    // MARK: Admission

    /// Room for one more call of this tenant, or why not.
    func admit(tenant: Int) -> Failure? {
        if isDraining { return .draining }
        let room = max(1, snapshot.limits.callsInFlight / lanes)
        guard callsInFlight < room else { return .overloaded }
        let share = max(1, room * snapshot.limits.tenantSharePercent / 100)
        while callsOfTenant.count <= tenant { callsOfTenant.append(0) }
        let under = callsOfTenant[tenant]
        guard under < share else { return .tenantShare }
        callsInFlight += 1
        callsOfTenant[tenant] = under + 1
        return nil
    }

    /// One more attempt of a call that was admitted already, and so may go beyond the limits.
    func enterUnasked(tenant: Int) {
        callsInFlight += 1
        while callsOfTenant.count <= tenant { callsOfTenant.append(0) }
        callsOfTenant[tenant] += 1
    }

    func leave(tenant: Int) {
        callsInFlight -= 1
        callsOfTenant[tenant] -= 1
    }

    // MARK: Hedges

    func earnHedge(tenant: Int, percent: Int) {
        while hedges.count <= tenant { hedges.append(HedgeBudget()) }
        hedges[tenant].called(percent: percent)
    }

    /// False: the tenant's calls have not earned a second attempt.
    func takeHedge(tenant: Int) -> Bool {
        guard tenant < hedges.count, hedges[tenant].take() else { return false }
        totals.hedges += 1
        return true
    }

    func countHedgeWon() { totals.hedgesWon += 1 }

    var connectionLimit: Int { max(1, snapshot.limits.connections / lanes) }

    func startDraining() {
        isDraining = true
        for connection in connections.values { connection.drain() }
    }

    // MARK: Answers without a caller

    /// An answer is read on for its usage; beyond the limit the oldest of them is given up.
    func startReadingOn(_ relay: CallRelay) {
        readOn.append(relay)
        if readOn.count > snapshot.limits.drainsPerLoop {
            totals.givenUpDrains += 1
            readOn[0].abandon()
        }
    }

    func stopReadingOn(_ relay: CallRelay) { readOn.removeAll { $0 === relay } }

    // MARK: Counts

    func count(_ failure: Failure) { totals.failures[failure.code, default: 0] += 1 }
    func countCall() { totals.calls += 1 }
    func countCallerGone() { totals.callersGone += 1 }
    func countClippedOutput() { totals.clippedOutputs += 1 }
    func countLengthened() { totals.lengthenedHolds += 1 }
    func countStoppedStream() { totals.stoppedStreams += 1 }
    func countUnpriced() { totals.unpricedUsages += 1 }
    func countEstimate(byTokenizer: Bool) {
        if byTokenizer { totals.tokenizedEstimates += 1 } else { totals.byteEstimates += 1 }
    }

    /// `generation` guards against a snapshot that changed under a call.
    func count(endpoint: Int, of catalogue: UInt64, _ change: (inout LoopMetrics.EndpointCounts) -> Void) {
        guard catalogue == snapshot.generation else { return }
        change(&tally.counts[endpoint])
    }

    var counts: LaneCounts {
        var totals = totals
        totals.connections = connections.count
        totals.callsInFlight = callsInFlight
        totals.upstreamConnections = pools.connectionCount
        return LaneCounts(totals: totals, current: tally, former: former.now)
    }
}

/// A snapshot with all that an event loop keeps beside it; made before the loop takes it, and freed after it gave it back.
struct LaneSnapshot: Sendable {
    var snapshot: Snapshot
    let judging: Judging
    let heardRegions: [HeardRegions]
    let tally: EndpointTally
}

extension LaneSnapshot {
    init(_ snapshot: Snapshot) {
        self.init(
            snapshot: snapshot, judging: Judging(snapshot),
            heardRegions: Array(repeating: HeardRegions(), count: snapshot.catalogue.endpoints.count),
            tally: EndpointTally(snapshot.catalogue))
    }
}

/// A client connection that can be asked to finish.
protocol Drainable: AnyObject {
    func drain()
}
