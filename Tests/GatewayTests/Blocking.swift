import Foundation
import Synchronization

/// Threads for tests that block on sockets, so that they do not take those of the common pool.
final class BlockingExecutor: TaskExecutor {
    static let shared = BlockingExecutor()

    private let queue = DispatchQueue(label: "blocking tests", attributes: .concurrent)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// Lets a few tests through at a time: more would only slow each other until times mean nothing.
final class Turnstile: Sendable {
    static let shared = Turnstile(places: 4)
    /// A test that is inside may have a second Weir.
    @TaskLocal static var isInside = false

    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(places: Int) { state = Mutex(State(free: places)) }

    func pass(_ body: () async throws -> Void) async throws {
        if Self.isInside { return try await body() }
        await withCheckedContinuation { place in
            let isFree = state.withLock { state in
                guard state.free == 0 else {
                    state.free -= 1
                    return true
                }
                state.waiting.append(place)
                return false
            }
            if isFree { place.resume() }
        }
        defer {
            let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
                if state.waiting.isEmpty {
                    state.free += 1
                    return nil
                }
                return state.waiting.removeFirst()
            }
            next?.resume()
        }
        try await Self.$isInside.withValue(true) {
            try await withTaskExecutorPreference(BlockingExecutor.shared) { try await body() }
        }
    }
}
