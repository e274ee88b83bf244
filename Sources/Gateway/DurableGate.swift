import Journal
import Links
import NIOCore
import Synchronization

/// Waits until an entry of the journal is durable.
protocol DurableWaiter: AnyObject {
    func becameDurable()
    /// The journal did not get there in time.
    func durabilityFailed()
}

/// Holds back what must not happen before an entry is on disk: one event loop's waiters, woken once per commit.
final class DurableGate: Deadlined {
    /// After this the disk counts as failed for those who wait.
    static let patienceMilliseconds: Int64 = 10_000

    private let journal: Journal
    private let signal: GateSignal
    private var waiters: [(sequence: UInt64, since: NIODeadline, waiter: any DurableWaiter)] = []

    private(set) var deadline = NIODeadline.distantFuture
    var sweeperSlot = -1

    init(journal: Journal, signal: GateSignal) {
        self.journal = journal
        self.signal = signal
    }

    func isDurable(_ sequence: UInt64) -> Bool { journal.durable > sequence }

    func wait(for sequence: UInt64, _ waiter: any DurableWaiter) {
        let now = NIODeadline.now()
        if waiters.isEmpty { deadline = now + .milliseconds(Self.patienceMilliseconds) }
        waiters.append((sequence, now, waiter))
        signal.waiting.store(true, ordering: .sequentiallyConsistent)
        // The commit may have come between the caller's look and the flag.
        if isDurable(sequence) { signal.wake() }
    }

    func release() {
        guard !waiters.isEmpty else { return }
        let durable = journal.durable
        var ready: [any DurableWaiter] = []
        waiters.removeAll { item in
            guard item.sequence < durable else { return false }
            ready.append(item.waiter)
            return true
        }
        if waiters.isEmpty {
            deadline = .distantFuture
        } else {
            deadline = waiters[0].since + .milliseconds(Self.patienceMilliseconds)
            signal.waiting.store(true, ordering: .sequentiallyConsistent)
        }
        for waiter in ready { waiter.becameDurable() }
    }

    func expired(at now: NIODeadline) {
        let late = waiters.filter { $0.since + .milliseconds(Self.patienceMilliseconds) <= now }
        waiters.removeAll { $0.since + .milliseconds(Self.patienceMilliseconds) <= now }
        deadline = waiters.first.map { $0.since + .milliseconds(Self.patienceMilliseconds) } ?? .distantFuture
        for item in late { item.waiter.durabilityFailed() }
    }
}

/// The journal writer's side of a gate: wakes the loop only when somebody waits there.
final class GateSignal: Sendable {
    let waiting = Atomic<Bool>(false)
    private let loop: any EventLoop
    private let gate = Mutex<NIOLoopBound<DurableGate>?>(nil)

    init(loop: any EventLoop) { self.loop = loop }

    func attach(_ bound: NIOLoopBound<DurableGate>) { gate.withLock { $0 = bound } }

    func committed() {
        if waiting.exchange(false, ordering: .sequentiallyConsistent) { wake() }
    }

    func wake() {
        guard let bound = gate.withLock({ $0 }) else { return }
        loop.execute { bound.value.release() }
    }
}
