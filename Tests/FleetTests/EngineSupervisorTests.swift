import Core
import Glibc
import Synchronization
import Testing

@testable import Fleet

/// What a supervisor reported, in order.
private final class Reports: Sendable {
    private let states = Mutex<[EngineState]>([])

    var all: [EngineState] { states.withLock { $0 } }

    func add(_ state: EngineState) { states.withLock { $0.append(state) } }

    /// Waits on another thread's doing; the bound only ends a test that has failed.
    func wait(_ what: ([EngineState]) -> Bool) async -> Bool {
        for _ in 0..<2_000 {
            if what(all) { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}

private func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let failure = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
        }
    }
    try #require(failure == 0)
    return Int(UInt16(bigEndian: address.sin_port))
}

private func temporaryFolder() throws -> String {
    var template = Array("/tmp/weir-fleet-XXXXXX".utf8CString)
    let made = try #require(mkdtemp(&template))
    return String(cString: made)
}

private func contents(_ path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    return String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
}

private func isAlive(_ process: Int32) -> Bool { kill(process, 0) == 0 }

private let server = ["python3", "-u", "-m", "http.server", "--bind", "127.0.0.1"]

@Suite("Engines")
struct EngineSupervisorTests {
    @Test("An engine becomes ready, what it prints is kept, and stopping leaves no process")
    func lifeOfAnEngine() async throws {
        let port = try freePort()
        let folder = try temporaryFolder()
        let reports = Reports()
        let spec = EngineSpec(name: "files", command: server + ["\(port)"], port: port, readyPath: "/")
        let engine = try EngineSupervisor(spec, logFolder: folder) { name, state in
            #expect(name == "files")
            reports.add(state)
        }
        try engine.start()
        #expect(await reports.wait { $0.last == .ready })
        let process = try #require(engine.process)
        #expect(isAlive(process))
        engine.stop()
        #expect(engine.state == .stopped)
        #expect(!isAlive(process))
        #expect(!somethingListens(port: port))
        #expect(reports.all == [.starting, .ready, .stopped])
        #expect(contents("\(folder)/files.log").contains("GET / HTTP/1.1"))
    }

    @Test("A killed engine is started again and gets ready")
    func restart() async throws {
        let port = try freePort()
        let reports = Reports()
        let spec = EngineSpec(name: "files", command: server + ["\(port)"], port: port, readyPath: "/")
        let engine = try EngineSupervisor(spec, logFolder: try temporaryFolder()) { _, state in reports.add(state) }
        try engine.start()
        #expect(await reports.wait { $0.last == .ready })
        let first = try #require(engine.process)
        kill(first, SIGKILL)
        #expect(await reports.wait { $0.count(where: { $0 == .ready }) == 2 })
        #expect(engine.process != first)
        engine.stop()
        let killed = EngineState.restarting(afterMilliseconds: 250, reason: "it was killed by signal 9")
        #expect(reports.all == [.starting, .ready, killed, .starting, .ready, .stopped])
    }

    @Test("An engine that keeps ending is started after waits that double")
    func backOff() async throws {
        let reports = Reports()
        let spec = EngineSpec(name: "brief", command: ["sh", "-c", "exit 3"], port: try freePort())
        var timing = EngineTiming()
        timing.firstWaitMilliseconds = 10
        let engine = try EngineSupervisor(spec, logFolder: try temporaryFolder(), timing: timing) { _, state in
            reports.add(state)
        }
        try engine.start()
        #expect(await reports.wait { $0.count >= 8 })
        engine.stop()
        let waits = reports.all.compactMap { state -> Int64? in
            guard case .restarting(let wait, let reason) = state else { return nil }
            #expect(reason == "it exited with status 3 before it was ready")
            return wait
        }
        #expect(Array(waits.prefix(4)) == [10, 20, 40, 80])
    }

    @Test("A restart wait is bounded, and one minute of work resets it")
    func backOffIsBounded() {
        var backoff = Backoff(EngineTiming())
        let waits = (0..<9).map { _ in backoff.next(upMilliseconds: 0) }
        #expect(waits == [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
        #expect(backoff.next(upMilliseconds: 59_999) == 30_000)
        #expect(backoff.next(upMilliseconds: 60_000) == 250)
    }

    @Test("A port that another process uses is named, and no child is started")
    func portTaken() async throws {
        let port = try freePort()
        let folder = try temporaryFolder()
        let holder = try EngineSupervisor(
            EngineSpec(name: "holder", command: server + ["\(port)"], port: port, readyPath: "/"), logFolder: folder
        ) { _, _ in }
        try holder.start()
        while holder.state != .ready { try await Task.sleep(for: .milliseconds(10)) }
        let reports = Reports()
        let second = try EngineSupervisor(
            EngineSpec(name: "second", command: server + ["\(port)"], port: port, readyPath: "/"), logFolder: folder
        ) { _, state in reports.add(state) }
        try second.start()
        #expect(await reports.wait { $0 == [.failed(reason: "port \(port) is used by another process")] })
        #expect(second.process == nil)
        second.stop()
        holder.stop()
    }

    @Test("A missing program is a failure that names it")
    func missingProgram() async throws {
        let reports = Reports()
        let spec = EngineSpec(name: "none", command: ["weir-has-no-such-program"], port: try freePort())
        let engine = try EngineSupervisor(spec, logFolder: try temporaryFolder()) { _, state in reports.add(state) }
        try engine.start()
        #expect(await reports.wait { $0 == [.failed(reason: "there is no program weir-has-no-such-program")] })
        engine.stop()
    }

    @Test("An engine that ignores SIGTERM is killed, and so is what it started")
    func stubborn() async throws {
        let port = try freePort()
        let folder = try temporaryFolder()
        let script = "trap '' TERM; sleep 1000 & echo grandchild $!; while :; do sleep 1; done"
        let spec = EngineSpec(name: "stubborn", command: ["sh", "-c", script], port: port)
        var timing = EngineTiming()
        timing.stopMilliseconds = 100
        let engine = try EngineSupervisor(spec, logFolder: folder, timing: timing) { _, _ in }
        try engine.start()
        var grandchild: Int32?
        for _ in 0..<500 where grandchild == nil {
            grandchild = contents("\(folder)/stubborn.log").split(separator: "\n").first
                .flatMap { Int32($0.dropFirst("grandchild ".count)) }
            try await Task.sleep(for: .milliseconds(10))
        }
        let process = try #require(engine.process)
        engine.stop()
        #expect(!isAlive(process))
        // The grandchild is reaped by whoever adopted it; until then it is a zombie, which holds nothing.
        let left = try #require(grandchild)
        #expect(!isAlive(left) || contents("/proc/\(left)/stat").contains(") Z "))
    }

    @Test("An engine that is not ready in time is stopped and tried again")
    func neverReady() async throws {
        let reports = Reports()
        let spec = EngineSpec(name: "slow", command: ["sleep", "1000"], port: try freePort(), readyMilliseconds: 100)
        let engine = try EngineSupervisor(spec, logFolder: try temporaryFolder()) { _, state in reports.add(state) }
        try engine.start()
        let expected = EngineState.restarting(afterMilliseconds: 250, reason: "it was not ready after 100 ms")
        #expect(await reports.wait { $0.contains(expected) })
        engine.stop()
    }

    @Test("An engine gets no descriptor of Weir's and none of its secrets")
    func nothingInherited() async throws {
        setenv("WEIR_FLEET_TEST_SECRET", "canary", 1)
        defer { unsetenv("WEIR_FLEET_TEST_SECRET") }
        let folder = try temporaryFolder()
        let open = Glibc.open("/dev/null", O_RDONLY)
        defer { close(open) }
        let spec = EngineSpec(
            name: "look", command: ["sh", "-c", "env; ls /proc/self/fd; echo done; sleep 1000"],
            environment: ["WEIR_ENGINE_OWN": "yes"], port: try freePort())
        let engine = try EngineSupervisor(spec, logFolder: folder) { _, _ in }
        try engine.start()
        var printed = ""
        for _ in 0..<500 where !printed.contains("done") {
            try await Task.sleep(for: .milliseconds(10))
            printed = contents("\(folder)/look.log")
        }
        engine.stop()
        #expect(printed.contains("WEIR_ENGINE_OWN=yes"))
        #expect(!printed.contains("canary"))
        // `ls` itself opens the folder that it lists, as descriptor 3.
        let descriptors = printed.split(separator: "\n").compactMap { Int($0) }
        #expect(descriptors == [0, 1, 2, 3])
    }

    /// `make test` installs the engine and says where its Python is.
    @Test(
        "The quickstart's engine becomes ready with its model, prints no prompt and ends when it is stopped",
        .enabled(if: getenv("WEIR_TEST_PYTHON") != nil))
    func quickstartEngine() async throws {
        let python = String(cString: try #require(getenv("WEIR_TEST_PYTHON")))
        let script = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined() + "/examples/quickstart/engine.py"
        let port = try freePort()
        let folder = try temporaryFolder()
        let reports = Reports()
        let spec = EngineSpec(name: "smollm2", command: [python, script, "--port", "\(port)"], port: port)
        let engine = try EngineSupervisor(spec, logFolder: folder) { _, state in reports.add(state) }
        try engine.start()
        #expect(await reports.wait { $0.last == .ready })
        let process = try #require(engine.process)
        engine.stop()
        #expect(!isAlive(process))
        #expect(reports.all == [.starting, .ready, .stopped])
        #expect(contents("\(folder)/smollm2.log") == "engine: smollm2-135m serves on http://127.0.0.1:\(port)\n")
    }

    @Test("The engine dies with the thread that started it, as it would with Weir")
    func diesWithItsThread() async throws {
        let process = Mutex<Int32>(0)
        let spec = EngineSpec(name: "orphan", command: ["sleep", "1000"], port: try freePort())
        let shared = Unmanaged.passRetained(Box { process.withLock { $0 = (try? ChildProcess.spawn(spec))?.id ?? 0 } })
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<Box>.fromOpaque(raw).takeRetainedValue().body()
                // Long enough for the child to become the command.
                usleep(200_000)
                return nil
            }, shared.toOpaque())
        pthread_join(thread, nil)
        let id = process.withLock { $0 }
        try #require(id > 0)
        var status: Int32 = 0
        #expect(waitpid(id, &status, 0) == id)
        #expect(status & 0x7f == SIGKILL)
    }
}

private final class Box: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
