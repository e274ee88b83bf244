import Dispatch

/// Calls something at an even pace on a thread of its own, whatever else the process waits for: ledger time stands still without
/// its ticks.
public final class Heartbeat: Sendable {
    /// Only cancelled, which any thread may.
    private nonisolated(unsafe) let timer: any DispatchSourceTimer

    /// - Parameter body: must be short; a beat that is still under way delays the next one.
    public init(everyMilliseconds pause: Int, _ body: @escaping @Sendable () -> Void) {
        timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "weir.heartbeat", qos: .userInteractive))
        timer.schedule(deadline: .now() + .milliseconds(pause), repeating: .milliseconds(pause))
        timer.setEventHandler(handler: body)
        timer.resume()
    }

    deinit { timer.cancel() }

    public func stop() { timer.cancel() }
}
