import Dispatch
import Foundation

/// The signals that ask this process to do something, as a stream of events.
final class StopSignals: Sendable {
    private let events: AsyncStream<Int32>
    private let continuation: AsyncStream<Int32>.Continuation
    // Made once and only kept alive; nothing reads them.
    nonisolated(unsafe) private let sources: [any DispatchSourceSignal]

    /// Takes over SIGINT and SIGTERM, and those in `also`.
    init(also: [Int32] = []) {
        let (stream, continuation) = AsyncStream<Int32>.makeStream()
        events = stream
        self.continuation = continuation
        let queue = DispatchQueue(label: "weir.signals")
        sources = ([SIGINT, SIGTERM] + also).map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
    }

    /// Asks this process to stop, as SIGTERM would.
    func stop() { continuation.yield(SIGTERM) }

    /// Waits for the next signal.
    func first() async -> Int32 {
        for await number in events { return number }
        return SIGTERM
    }
}
