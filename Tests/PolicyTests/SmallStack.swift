#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What the smallest stacks are: 512 KiB for threads on Darwin. Without optimisation a call takes several times as much of it.
#if DEBUG
let smallStackBytes = 4 << 20
#else
let smallStackBytes = 512 << 10
#endif

/// Runs a body on a thread with a stack as small as the smallest that Weir's threads have, and waits for it. A body that needs more ends
/// the whole process, so a test that comes back has shown that it does not.
func onSmallStack(bytes: Int = smallStackBytes, _ body: @escaping @Sendable () -> Void) -> Bool {
    final class Box: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var attributes = pthread_attr_t()
    guard pthread_attr_init(&attributes) == 0, pthread_attr_setstacksize(&attributes, bytes) == 0 else { return false }
    defer { pthread_attr_destroy(&attributes) }
    let box = Unmanaged.passRetained(Box(body))
    #if canImport(Darwin)
    var thread: pthread_t?
    let isMade =
        pthread_create(
            &thread, &attributes,
            { argument in
                Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, box.toOpaque()) == 0
    guard isMade, let thread else { return false }
    #else
    var thread = pthread_t()
    let isMade =
        pthread_create(
            &thread, &attributes,
            { argument in
                if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, box.toOpaque()) == 0
    guard isMade else { return false }
    #endif
    return pthread_join(thread, nil) == 0
}
