import Core
import Glibc
import Synchronization

/// Where an engine is in its life.
public enum EngineState: Sendable, Hashable {
    case starting
    case ready
    /// It ended, or never became ready; it is started again after this wait.
    case restarting(afterMilliseconds: Int64, reason: String)
    /// It cannot be started for a reason that lies outside it; looked at again after the longest wait.
    case failed(reason: String)
    case stopped
}

/// Runs one engine as a child process for as long as Weir lives, and no longer.
///
/// The child dies with Weir, also after `kill -9`: the kernel sends it SIGKILL when the thread that
/// started it ends (`setpriv --pdeathsig`), so a thread of its own starts it and stays.
public final class EngineSupervisor: Sendable {
    private struct Shared {
        var state = EngineState.stopped
        var process: pid_t?
        var thread: pthread_t?
        var stopping = false
    }

    public let spec: EngineSpec
    private let timing: EngineTiming
    private let log: EngineLog
    private let onChange: @Sendable (String, EngineState) -> Void
    private let shared = Mutex(Shared())
    private let wake: WakePipe

    /// `logFolder` holds what the engine prints, in `NAME.log`; `onChange` is called on the engine's own thread.
    public init(
        _ spec: EngineSpec, logFolder: String, timing: EngineTiming = EngineTiming(),
        onChange: @escaping @Sendable (_ name: String, _ state: EngineState) -> Void
    ) throws(EngineError) {
        guard !spec.command.isEmpty else { throw EngineError(reason: "the engine \(spec.name) has no command") }
        self.spec = spec
        self.timing = timing
        self.onChange = onChange
        log = try EngineLog(folder: logFolder, name: spec.name)
        wake = try WakePipe()
    }

    public var state: EngineState { shared.withLock { $0.state } }

    /// The child's process id while there is one.
    public var process: Int32? { shared.withLock { $0.process } }

    /// Starts the engine's thread; does nothing when it runs already.
    public func start() throws(EngineError) {
        let failure: Int32 = shared.withLock { shared in
            guard shared.thread == nil else { return 0 }
            shared.stopping = false
            shared.state = .starting
            let box = Unmanaged.passRetained(self)
            var thread = pthread_t()
            let failure = pthread_create(
                &thread, nil,
                { raw in
                    guard let raw else { return nil }
                    Unmanaged<EngineSupervisor>.fromOpaque(raw).takeRetainedValue().run()
                    return nil
                }, box.toOpaque())
            guard failure == 0 else {
                box.release()
                return failure
            }
            shared.thread = thread
            return 0
        }
        if failure != 0 { throw EngineError(reason: "no thread for the engine \(spec.name): \(errorText(failure))") }
    }

    /// Asks the engine to end and returns at once.
    public func beginStop() {
        shared.withLock { $0.stopping = true }
        wake.signal()
    }

    /// Ends the engine: SIGTERM, then SIGKILL after five seconds. Blocks until it is gone.
    public func stop() {
        beginStop()
        let thread = shared.withLock { shared in
            defer { shared.thread = nil }
            return shared.thread
        }
        if let thread { pthread_join(thread, nil) }
    }

    // MARK: The engine's thread

    private func run() {
        wake.drain()
        var backoff = Backoff(timing)
        while !stopping {
            let outcome = oneLife()
            if stopping { break }
            let wait: Int64
            switch outcome {
            case .cannotStart(let reason):
                wait = timing.longestWaitMilliseconds
                change(.failed(reason: reason))
            case .ended(let reason, let upMilliseconds):
                wait = backoff.next(upMilliseconds: upMilliseconds)
                change(.restarting(afterMilliseconds: wait, reason: reason))
            }
            sleep(milliseconds: wait)
        }
        change(.stopped)
    }

    private enum Outcome {
        case cannotStart(reason: String)
        case ended(reason: String, upMilliseconds: Int64)
    }

    /// From one start of the child to its end.
    private func oneLife() -> Outcome {
        if let reason = obstacle() { return .cannotStart(reason: reason) }
        change(.starting)
        let child: ChildProcess
        do {
            child = try ChildProcess.spawn(spec)
        } catch {
            return .cannotStart(reason: error.reason)
        }
        shared.withLock { $0.process = child.id }
        defer { shared.withLock { $0.process = nil } }
        let started = monotonicMilliseconds()
        var ready = false
        var output = child.output
        while true {
            if let status = child.ending() {
                log.copy(from: output)
                child.close()
                let up = monotonicMilliseconds() - started
                return .ended(reason: "it \(status)" + (ready ? "" : " before it was ready"), upMilliseconds: ready ? up : 0)
            }
            if stopping {
                child.end(graceMilliseconds: timing.stopMilliseconds) { log.copy(from: output) }
                return .ended(reason: "it was stopped", upMilliseconds: 0)
            }
            if !ready {
                if answersReady(port: spec.port, path: spec.readyPath) {
                    ready = true
                    change(.ready)
                } else if monotonicMilliseconds() - started > spec.readyMilliseconds {
                    child.end(graceMilliseconds: timing.stopMilliseconds) { log.copy(from: output) }
                    return .ended(reason: "it was not ready after \(spec.readyMilliseconds) ms", upMilliseconds: 0)
                }
            }
            // The end of the child closes the pipe and so ends this wait at once.
            waitReadable(
                output, wake.readEnd, milliseconds: ready ? timing.watchMilliseconds : timing.readyPollMilliseconds)
            if !log.copy(from: output) { output = -1 }
        }
    }

    /// What outside the engine keeps it from starting, in words.
    private func obstacle() -> String? {
        for program in [ChildProcess.guardian, spec.command[0]] where findProgram(program) == nil {
            return "there is no program \(program)"
        }
        if somethingListens(port: spec.port) { return "port \(spec.port) is used by another process" }
        return nil
    }

    private var stopping: Bool { shared.withLock { $0.stopping } }

    private func change(_ state: EngineState) {
        let changed = shared.withLock { shared in
            defer { shared.state = state }
            return shared.state != state
        }
        if changed || state == .starting { onChange(spec.name, state) }
    }

    private func sleep(milliseconds: Int64) {
        let until = monotonicMilliseconds() + milliseconds
        while !stopping {
            let left = until - monotonicMilliseconds()
            guard left > 0 else { return }
            waitReadable(-1, wake.readEnd, milliseconds: left)
        }
    }
}

/// Why an engine could not be set up, in a sentence.
public struct EngineError: Error, CustomStringConvertible {
    public var reason: String

    public init(reason: String) { self.reason = reason }

    public var description: String { reason }
}
