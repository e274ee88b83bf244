#if canImport(Glibc)
import Glibc
#endif
import NIOPosix

/// One thread for work that takes long and is in no hurry, such as building a Snapshot or freeing one: it stands behind the event loops
/// when both want a processor. Work is done in the order in which it was asked for.
public enum QuietThread {
    /// As `nice` counts: 0 is everybody's, 19 the last. At 10 a busy loop gets nine parts of a processor in ten.
    static let niceness: Int32 = 10

    /// Never stopped: it lives as long as the process.
    private static let pool: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        #if canImport(Glibc)
        // The process 0 is, on Linux, the thread that asks. Where it may not, the work is merely less quiet.
        pool.submit { _ in _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness) }
        #endif
        return pool
    }()

    public static func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await pool.runIfActive(work)
    }
}
