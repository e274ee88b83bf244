#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A thread of its own for `body`, which `join` waits for.
/// Unchecked: it holds only the thread's handle, which never changes.
public struct OwnThread: @unchecked Sendable {
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
    public init?(_ run: @escaping @Sendable () -> Void) {
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

    public func join() {
        #if canImport(Darwin)
        if let thread { pthread_join(thread, nil) }
        #else
        pthread_join(thread, nil)
        #endif
    }
}
