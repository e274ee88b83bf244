import Core
import Policy
import Synchronization

/// The health and quota of every endpoint, shared by all event loops: a small value behind one lock, read whole before `route`.
/// Endpoints keep their cell across reloads by name.
public final class Board: Sendable {
    struct Cells {
        var slots: [String: Int] = [:]
        var health: [Health] = []
        var downEngines: Set<String> = []
        /// By name, also of endpoints that no catalogue has now.
        var suspended: Set<String> = []
        /// Slots whose first unknown region was told.
        var unknownRegions: Set<Int> = []
        var tokens = TokenCells()
        /// By slot: what its token was granted for, in the catalogue in force.
        var grants: [Int: Grant] = [:]
    }

    let cells = Mutex(Cells())
    let renewal = Mutex<(@Sendable (Grant, UInt64) -> Void)?>(nil)
    /// How many are suspended.
    private let suspensions = Atomic<Int>(0)

    private let minuteMilliseconds: Int64

    /// - Parameter minuteMilliseconds: of quotas; shorter only where time is played faster than it passes.
    public init(minuteMilliseconds: Int64 = 60_000) { self.minuteMilliseconds = minuteMilliseconds }

    /// Fits the board to a catalogue; called before the catalogue is delivered.
    public func install(_ catalogue: Catalogue) {
        cells.withLock { cells in
            for endpoint in catalogue.endpoints where cells.slots[endpoint.name] == nil {
                cells.slots[endpoint.name] = cells.health.count
                var health = Health()
                health.quota = Quota(minuteMilliseconds: minuteMilliseconds)
                cells.health.append(health)
            }
            for endpoint in catalogue.endpoints {
                guard let slot = cells.slots[endpoint.name] else { continue }
                cells.health[slot].quota.pace = endpoint.pace
                cells.health[slot].suspended = cells.suspended.contains(endpoint.name)
                cells.health[slot].down = endpoint.engine.map { cells.downEngines.contains($0) } ?? false
                let grant = endpoint.tokenGrant
                cells.grants[slot] = grant
                cells.health[slot].tokenMissing = grant.map { cells.tokens.cell($0).until == nil } ?? false
            }
        }
    }

    func tokenChanged(for grant: Grant, isThere: Bool) {
        cells.withLock { cells in
            // One that is not in force yet is looked at when it is.
            guard let slot = cells.slots[grant.endpoint], cells.grants[slot] == grant else { return }
            if isThere { cells.health[slot].hasNewToken() } else { cells.health[slot].tokenMissing = true }
        }
    }

    /// The health of a catalogue's endpoints, by their index.
    public func health(of catalogue: Catalogue) -> [Health] {
        cells.withLock { cells in
            catalogue.endpoints.map { endpoint in cells.slots[endpoint.name].map { cells.health[$0] } ?? Health() }
        }
    }

    func slots(of catalogue: Catalogue) -> [Int] {
        cells.withLock { cells in catalogue.endpoints.map { cells.slots[$0.name] ?? 0 } }
    }

    /// Copies the cells of some endpoints into their places in `health`, allocating only when there are more than before.
    func read(_ endpoints: [Int], at slots: [Int], into health: inout [Health]) {
        while health.count < slots.count { health.append(Health()) }
        cells.withLock { cells in
            for endpoint in endpoints { health[endpoint] = cells.health[slots[endpoint]] }
        }
    }

    /// Takes a place for one attempt; false when the endpoint is suspended or its quota has none.
    func begin(_ slot: Int, tokens: Int64, at now: Timestamp) -> Bool {
        cells.withLock { $0.health[slot].begin(tokens: tokens, at: now) }
    }

    /// Gives the place of an attempt back that was not sent.
    func gaveUp(_ slot: Int, tokens: Int64, at now: Timestamp) {
        cells.withLock { $0.health[slot].gaveUp(tokens: tokens, at: now) }
    }

    /// An attempt ended at an endpoint whose pace is limited.
    func ended(_ slot: Int, beyond: Int64, at now: Timestamp) {
        cells.withLock { $0.health[slot].quota.ended(beyond: beyond, at: now) }
    }

    func record(_ outcome: Health.Outcome, quota: QuotaReport? = nil, _ slot: Int, at now: Timestamp) {
        cells.withLock { cells in
            cells.health[slot].record(outcome, at: now)
            if let quota { cells.health[slot].quota.learn(quota, at: now) }
        }
    }

    /// Its provider refused our credential; true: it did not before, so that somebody has to know.
    func recordRefusedCredential(_ slot: Int, at now: Timestamp) -> Bool {
        cells.withLock { cells in
            let before = cells.health[slot].credentialRefusals
            cells.health[slot].record(.credentialRefused, at: now)
            return before == 0
        }
    }

    /// An engine became ready or stopped being so.
    public func set(engine: String, ready: Bool, catalogue: Catalogue) {
        cells.withLock { cells in
            if ready { cells.downEngines.remove(engine) } else { cells.downEngines.insert(engine) }
            for endpoint in catalogue.endpoints where endpoint.engine == engine {
                if let slot = cells.slots[endpoint.name] { cells.health[slot].down = !ready }
            }
        }
    }

    // MARK: Suspensions

    /// Lets no attempt go to an endpoint from now on, on any loop. False when that was so already.
    @discardableResult
    public func suspend(_ endpoint: String) -> Bool {
        cells.withLock { cells in
            guard cells.suspended.insert(endpoint).inserted else { return false }
            if let slot = cells.slots[endpoint] { cells.health[slot].suspended = true }
            suspensions.add(1, ordering: .releasing)
            return true
        }
    }

    /// Lets attempts go there again.
    public func resume(_ endpoint: String) {
        cells.withLock { cells in
            guard cells.suspended.remove(endpoint) != nil else { return }
            if let slot = cells.slots[endpoint] { cells.health[slot].suspended = false }
            suspensions.subtract(1, ordering: .releasing)
        }
    }

    /// Asked before every attempt is sent. Nearly always nothing is suspended, and then nobody waits for the lock.
    func isSuspended(_ slot: Int) -> Bool {
        guard suspensions.load(ordering: .acquiring) > 0 else { return false }
        return cells.withLock { $0.health[slot].suspended }
    }

    /// True once for an endpoint, so that it is one line of the log.
    func isFirstUnknownRegion(at slot: Int) -> Bool { cells.withLock { $0.unknownRegions.insert(slot).inserted } }
}
