import Foundation
import Glibc
import Synchronization

/// A process that a test started. It ends with the tests in any case, also when they crash.
final class ChildProcess: Sendable {
    let id: Int32
    let name: String
    private let status = Mutex<Int32?>(nil)

    /// Starts a command of absolute path in `folder`, its output and errors written to files.
    init(_ command: [String], in folder: URL, environment: [String: String] = [:], output: URL, errors: URL) throws {
        name = command.prefix(2).joined(separator: " ")
        // The guardian asks the kernel for SIGKILL when the thread that starts the process ends, and becomes the command.
        let guarded = ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--", "/usr/bin/env", "-C", folder.path] + command
        var variables = ProcessInfo.processInfo.environment.filter { ["PATH", "HOME", "LANG", "TMPDIR"].contains($0.key) }
        variables.merge(environment) { _, own in own }
        let assignments = variables.map { "\($0)=\($1)" }
        let result = Launcher.shared.run {
            spawn(guarded, assignments, output: output.path, errors: errors.path)
        }
        guard result.failure == 0 else { throw Obstacle("\(command[0]) could not be started: error \(result.failure)") }
        id = result.id
    }

    /// Its exit status once it has ended, 128 and the signal's number when it was killed.
    var ending: Int32? {
        status.withLock { status in
            if status != nil { return status }
            var raw: Int32 = 0
            guard waitpid(id, &raw, WNOHANG) == id else { return nil }
            let signal = raw & 0x7f
            status = signal == 0 ? raw >> 8 & 0xff : 128 + signal
            return status
        }
    }

    /// Signals it unless it has ended, so that the number is never another process's.
    func signal(_ number: Int32) {
        if ending == nil { kill(id, number) }
    }

    /// Waits until it has ended; nil when it still runs after so many seconds.
    func ending(within seconds: Double) -> Int32? {
        _ = eventually(within: seconds) { ending != nil }
        return ending
    }

    /// Ends it in order, and by force after five seconds.
    func stop() {
        signal(SIGTERM)
        if ending(within: 5) == nil {
            signal(SIGKILL)
            _ = ending(within: 5)
        }
    }

    deinit {
        if ending == nil {
            kill(id, SIGKILL)
            _ = waitpid(id, nil, 0)
        }
    }
}

/// Asks every few milliseconds until it is so; false when it is not within so many seconds.
func eventually(within seconds: Double, _ holds: () throws -> Bool) rethrows -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while try !holds() {
        if ContinuousClock.now > end { return false }
        usleep(5_000)
    }
    return true
}

/// One thread that starts processes and lives as long as the tests do.
private final class Launcher: Sendable {
    static let shared = Launcher()

    struct Started: Sendable {
        var id: Int32 = 0
        var failure: Int32 = 0
    }

    private final class Job: Sendable {
        let body: @Sendable () -> Started
        let done = DispatchSemaphore(value: 0)
        let result = Mutex(Started())

        init(_ body: @escaping @Sendable () -> Started) { self.body = body }
    }

    private let jobs = Mutex<[Job]>([])
    private let wake = DispatchSemaphore(value: 0)

    private init() {
        Thread { [self] in
            while true {
                wake.wait()
                guard let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else { continue }
                let started = job.body()
                job.result.withLock { $0 = started }
                job.done.signal()
            }
        }.start()
    }

    func run(_ body: @escaping @Sendable () -> Started) -> Started {
        let job = Job(body)
        jobs.withLock { $0.append(job) }
        wake.signal()
        job.done.wait()
        return job.result.withLock { $0 }
    }
}

/// More than the tests ever have open.
private let descriptorsMax: Int32 = 4_096

private func spawn(_ command: [String], _ environment: [String], output: String, errors: String) -> Launcher.Started {
    // Other tests' sockets must not stay open in a child.
    for descriptor in 3..<descriptorsMax { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    let arguments = command.map { strdup($0) } + [nil]
    let variables = environment.map { strdup($0) } + [nil]
    defer { for pointer in arguments + variables { free(pointer) } }
    var started = Launcher.Started()
    started.failure = posix_spawn(&started.id, command[0], &actions, &attributes, arguments, variables)
    return started
}
