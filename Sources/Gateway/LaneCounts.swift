import Core
import Policy
import Synchronization

/// What one event loop counted at the endpoints of one snapshot, by their numbers.
struct EndpointTally: Sendable {
    let catalogue: Catalogue
    var counts: [LoopMetrics.EndpointCounts]

    init(_ catalogue: Catalogue) {
        self.catalogue = catalogue
        counts = Array(repeating: LoopMetrics.EndpointCounts(), count: catalogue.endpoints.count)
    }

    func add(to metrics: inout LoopMetrics) {
        var own = LoopMetrics()
        for (endpoint, counts) in zip(catalogue.endpoints, counts) { own.endpoints[endpoint.name] = counts }
        metrics.add(own)
    }
}

/// What one event loop counted at endpoints under snapshots that are over. Summing it by name takes milliseconds for a thousand endpoints,
/// so the loop only leaves it here.
final class FormerCounts: Sendable {
    struct State: Sendable {
        var summed = LoopMetrics()
        var tallies: [EndpointTally] = []
    }

    private let state = Mutex(State())

    /// Of an earlier moment and of a later one alike: summing changes nothing of it.
    var now: State { state.withLock { $0 } }

    func append(_ tally: EndpointTally) { state.withLock { $0.tallies.append(tally) } }

    /// Called on the quiet thread alone, so that no two sums meet.
    func sum() {
        let before = now
        var summed = before.summed
        for tally in before.tallies { tally.add(to: &summed) }
        let next = summed
        state.withLock {
            $0.summed = next
            $0.tallies.removeFirst(before.tallies.count)
        }
        // `before` is freed here, and not under the lock.
        withExtendedLifetime(before) {}
    }
}

/// Everything that an event loop counted, taken from it at one moment and not yet summed.
struct LaneCounts: Sendable {
    var totals: LoopMetrics
    var current: EndpointTally
    var former: FormerCounts.State

    var metrics: LoopMetrics {
        var sum = totals
        sum.add(former.summed)
        for tally in former.tallies + [current] { tally.add(to: &sum) }
        return sum
    }
}
