import Core
import Glibc

/// A child in a process group of its own, which the kernel kills when the thread that spawned it ends.
struct ChildProcess {
    /// util-linux's program that sets the parent-death signal and then becomes the command.
    static let guardian = "setpriv"
    /// The only variables that a child takes over from Weir, whose environment holds secrets.
    static let inheritedVariables = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH"]

    let id: pid_t
    /// The reading end of the child's stdout and stderr.
    let output: Int32

    /// Must be called on a thread that lives as long as the child should.
    static func spawn(_ spec: EngineSpec) throws(EngineError) -> ChildProcess {
        guard let program = findProgram(guardian) else { throw EngineError(reason: "there is no program \(guardian)") }
        let (reading, writing) = try openPipe()
        _ = fcntl(reading, F_SETFL, O_NONBLOCK)
        defer { Glibc.close(writing) }
        // No socket, journal or lock of Weir goes to a child, whoever opened it.
        closeEverythingOnExec()

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, writing, 1)
        posix_spawn_file_actions_adddup2(&actions, writing, 2)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let arguments = [program, "--pdeathsig", "KILL", "--"] + spec.command
        var id: pid_t = 0
        let failure = withCStrings(arguments) { arguments in
            withCStrings(environment(spec)) { environment in
                posix_spawn(&id, program, &actions, &attributes, arguments, environment)
            }
        }
        guard failure == 0 else {
            Glibc.close(reading)
            throw EngineError(reason: "\(spec.command[0]) could not be started: \(errorText(failure))")
        }
        return ChildProcess(id: id, output: reading)
    }

    private static func environment(_ spec: EngineSpec) -> [String] {
        var variables: [String: String] = [:]
        for name in inheritedVariables {
            if let value = getenv(name) { variables[name] = String(cString: value) }
        }
        variables.merge(spec.environment) { _, own in own }
        return variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }

    /// How the child ended, once it has; reaps it and whatever it left in its group.
    func ending() -> String? {
        var info = siginfo_t()
        let seen = waitid(P_PID, id_t(id), &info, WEXITED | WNOHANG | WNOWAIT)
        if seen != 0 { return "is gone" }
        guard info.si_signo != 0 else { return nil }
        // Its number, which is the group's, is still taken here: the signal cannot meet a stranger.
        kill(-id, SIGKILL)
        var status: Int32 = 0
        while waitpid(id, &status, 0) == -1, errno == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? "exited with status \(status >> 8 & 0xff)" : "was killed by signal \(signal)"
    }

    /// Asks it to end, then kills it; returns when it is gone. `meanwhile` empties its output, on which it could hang.
    func end(graceMilliseconds: Int64, meanwhile: () -> Void) {
        kill(-id, SIGTERM)
        let deadline = monotonicMilliseconds() + graceMilliseconds
        var killed = false
        while ending() == nil {
            meanwhile()
            if !killed, monotonicMilliseconds() > deadline {
                kill(-id, SIGKILL)
                killed = true
            }
            poll(nil, 0, 10)
        }
        meanwhile()
        close()
    }

    func close() { Glibc.close(output) }
}

/// The file that a name on the path, or a path, stands for, if it can be run.
func findProgram(_ name: String) -> String? {
    if name.utf8.contains(UInt8(ascii: "/")) { return access(name, X_OK) == 0 ? name : nil }
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
    for folder in path.split(separator: ":") where access("\(folder)/\(name)", X_OK) == 0 {
        return "\(folder)/\(name)"
    }
    return nil
}

/// Marks every open descriptor but the standard ones, as all of Weir's should have been from the start.
private func closeEverythingOnExec() {
    guard let folder = opendir("/proc/self/fd") else { return }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
                String(cString: $0)
            }
        }
        if let descriptor = Int32(name), descriptor > 2 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    }
}

private func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    let pointers = strings.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    return body(pointers + [nil])
}
