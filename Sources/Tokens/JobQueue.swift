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

/// A thread of its own for `body`, which `join` waits for.
/// Unchecked: it holds only the thread's handle, which never changes.
struct OwnThread: @unchecked Sendable {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    #if canImport(Darwin)
    private typealias Argument = UnsafeMutableRawPointer
    private let thread: pthread_t?
    #else
    private typealias Argument = UnsafeMutableRawPointer?
    private let thread: pthread_t
    #endif

    private static func start(_ argument: Argument) -> UnsafeMutableRawPointer? {
        let pointer: UnsafeMutableRawPointer? = argument
        if let pointer { Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run() }
        return nil
    }

    /// `nil` when the system has no thread left.
    init?(_ run: @escaping @Sendable () -> Void) {
        let body = Unmanaged.passRetained(Body(run))
        #if canImport(Darwin)
        var thread: pthread_t?
        #else
        var thread = pthread_t()
        #endif
        guard pthread_create(&thread, nil, { OwnThread.start($0) }, body.toOpaque()) == 0 else {
            body.release()
            return nil
        }
        self.thread = thread
    }

    func join() {
        #if canImport(Darwin)
        if let thread { pthread_join(thread, nil) }
        #else
        pthread_join(thread, nil)
        #endif
    }
}
