#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Jobs on their way to one thread, first come first served, with a limit of jobs and of the bytes that they hold.
/// Unchecked: what changes is only touched under its own mutex.
final class JobQueue<Job: Sendable>: @unchecked Sendable {
    private let jobsMax: Int
    private let bytesMax: Int
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    /// The first `taken` are gone.
    private var waiting: [(job: Job?, bytes: Int)] = []
    private var taken = 0
    private var bytes = 0
    private var isClosed = false

    init(jobsMax: Int, bytesMax: Int) {
        self.jobsMax = jobsMax
        self.bytesMax = bytesMax
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// False when a limit is reached, or after `close`.
    func put(_ job: Job, bytes size: Int) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard !isClosed, waiting.count - taken < jobsMax, size <= bytesMax - bytes else { return false }
        waiting.append((job, size))
        bytes += size
        pthread_cond_signal(condition)
        return true
    }

    /// The next job, waiting for one; nil after `close`, when none is left.
    func take() -> (job: Job, isClosing: Bool)? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while taken == waiting.count, !isClosed { pthread_cond_wait(condition, mutex) }
        guard taken < waiting.count, let job = waiting[taken].job else { return nil }
        bytes -= waiting[taken].bytes
        waiting[taken].job = nil
        taken += 1
        if taken == waiting.count || taken > jobsMax {
            waiting.removeFirst(taken)
            taken = 0
        }
        return (job, isClosed)
    }

    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }
}
