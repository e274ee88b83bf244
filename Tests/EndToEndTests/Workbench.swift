import Foundation
import Synchronization
import Testing

/// A folder of its own with a Weir, the clouds it calls and all their files. Everything in it ends and goes with the test.
final class Workbench {
    static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    /// The program under test: what the build made, unless the environment names another.
    static let binary =
        ProcessInfo.processInfo.environment["WEIR_BINARY"].map { URL(filePath: $0) }
        ?? repository.appending(path: ".build/debug/weir")

    /// How long a start may take on a machine that is busy with other tests.
    static let startSeconds = 30.0

    let folder: URL
    let callsPort: Int
    let adminPort: Int
    private(set) var weir: ChildProcess?
    private(set) var clouds: Clouds?

    var file: URL { folder.appending(path: "weir.yaml") }
    var data: URL { folder.appending(path: "data") }
    var log: URL { folder.appending(path: "weir.log") }
    /// What Weir has logged so far.
    var logged: String { (try? text(log)) ?? "" }

    private init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "weir-e2e-" + UUID().uuidString.prefix(8))
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        callsPort = try freePort()
        adminPort = try freePort()
    }

    /// Runs `body` on a thread of its own, since it blocks, and clears up after it.
    static func with(_ body: @escaping @Sendable (Workbench) throws -> Void) async throws {
        guard FileManager.default.isExecutableFile(atPath: binary.path) else {
            throw Obstacle("There is no \(binary.path). Build first: `make test`, or `swift build`.")
        }
        let thread = BlockingThread()
        try await withTaskExecutorPreference(thread) {
            let bench = try Workbench()
            defer { bench.clear() }
            do { try body(bench) } catch {
                // What Weir said last is most of the explanation, and goes with the folder.
                print("weir's last words: \(bench.logged.suffix(2_000))")
                throw error
            }
        }
    }

    private func clear() {
        weir?.stop()
        clouds?.process.stop()
        try? FileManager.default.removeItem(at: folder)
    }

    // MARK: The clouds

    /// Clouds that `weir simulate` plays.
    struct Clouds {
        let process: ChildProcess
        /// By endpoint.
        let ports: [String: Int]
        let adminPort: Int
        let recordFile: URL
    }

    /// Plays a scenario's endpoints, on free ports where it names none.
    @discardableResult
    func play(_ endpoints: String, seed: UInt64 = 1) throws -> Clouds {
        let scenario = "seed: \(seed)\nadmin: 0\nrecord: record.jsonl\nendpoints:\n" + endpoints
        let path = folder.appending(path: "clouds.yaml")
        try scenario.write(to: path, atomically: true, encoding: .utf8)
        let output = folder.appending(path: "clouds.out")
        let process = try ChildProcess(
            [Self.binary.path, "simulate", path.path], in: folder, output: output, errors: folder.appending(path: "clouds.err"))
        var ports: [String: Int] = [:]
        let isUp = eventually(within: Self.startSeconds) {
            // One line for each: `name on 127.0.0.1:port`.
            for line in ((try? text(output)) ?? "").split(separator: "\n") {
                let parts = line.components(separatedBy: " on 127.0.0.1:")
                if parts.count == 2 { ports[parts[0]] = Int(parts[1]) }
            }
            return ports["record and faults"] != nil || process.ending != nil
        }
        guard isUp, let admin = ports.removeValue(forKey: "record and faults") else {
            throw Obstacle("the simulator did not start: \((try? text(folder.appending(path: "clouds.err"))) ?? "")")
        }
        let clouds = Clouds(
            process: process, ports: ports, adminPort: admin, recordFile: folder.appending(path: "record.jsonl"))
        self.clouds = clouds
        return clouds
    }

    /// Everything that the clouds were asked, by number, as far as they know it now.
    func received() throws -> [Received] {
        guard let clouds else { return [] }
        var latest: [Int: Received] = [:]
        for line in try text(clouds.recordFile).split(separator: "\n") {
            let one = try JSONDecoder().decode(Received.self, from: Data(line.utf8))
            latest[one.number] = one
        }
        return latest.values.sorted { $0.number < $1.number }
    }

    /// Has an endpoint of the clouds play a fault for its next requests.
    func fault(_ fault: String?, at endpoint: String, times: Int? = nil) throws {
        let name = fault.map { "\"\($0)\"" } ?? "null"
        let body = "{\"endpoint\":\"\(endpoint)\",\"fault\":\(name)" + (times.map { ",\"times\":\($0)" } ?? "") + "}"
        let answer = try Client.once(port: clouds?.adminPort ?? 0, "POST", "/fault", body: body)
        guard answer.status == 200 else { throw Obstacle("the simulator knows no fault \(name): \(answer)") }
    }

    // MARK: Weir

    func configure(_ configuration: String) throws {
        try configuration.write(to: file, atomically: true, encoding: .utf8)
    }

    /// Starts Weir and, unless told otherwise, waits until it is ready.
    @discardableResult
    func start(environment: [String: String] = [:], logLevel: String = "info", waits: Bool = true) throws -> ChildProcess {
        let process = try ChildProcess(
            [Self.binary.path, "serve", file.path, "--log-level", logLevel], in: folder, environment: environment,
            output: folder.appending(path: "weir.out"), errors: log)
        weir = process
        guard waits else { return process }
        let isUp = eventually(within: Self.startSeconds) { isReady || process.ending != nil }
        guard isUp, process.ending == nil else { throw Obstacle("weir did not get ready") }
        return process
    }

    var isReady: Bool { (try? Client.once(port: adminPort, "GET", "/readyz"))?.status == 200 }

    /// What a command of Weir's printed and how it ended.
    struct Said {
        var status: Int32
        var output: String
        var errors: String
        var lastLine: String { output.split(separator: "\n").last.map(String.init) ?? "" }
    }

    func run(
        _ command: [String], in folder: URL? = nil, environment: [String: String] = [:], seconds: Double = 60
    ) throws -> Said {
        let name = UUID().uuidString
        let output = self.folder.appending(path: name + ".out")
        let errors = self.folder.appending(path: name + ".err")
        let process = try ChildProcess(
            command, in: folder ?? self.folder, environment: environment, output: output, errors: errors)
        guard let status = process.ending(within: seconds) else {
            throw Obstacle("`\(command.joined(separator: " "))` had not ended after \(seconds) s: \(try text(errors))")
        }
        return Said(status: status, output: try text(output), errors: try text(errors))
    }

    /// Ends Weir in order.
    func stop() {
        weir?.stop()
        weir = nil
    }

    /// Runs `weir-verify`, which lies beside `weir`.
    func verify(_ words: String...) throws -> Said {
        try run([Self.binary.deletingLastPathComponent().appending(path: "weir-verify").path] + words)
    }

    /// Runs `weir` with these words.
    func weir(_ words: String..., environment: [String: String] = [:]) throws -> Said {
        try run([Self.binary.path] + words, environment: environment)
    }

    struct Key: Sendable {
        var id: String
        var secret: String
        var header: String { "Authorization: Bearer \(secret)" }
    }

    /// Makes a key as an administrator does.
    func key(_ name: String, tenant: String = "acme", team: String = "one", limit: String? = nil, more: [String] = []) throws
        -> Key
    {
        var words = [
            Self.binary.path, "keys", "create", "--config", file.path, "--tenant", tenant, "--team", team, "--name", name,
        ]
        if let limit { words += ["--limit", limit] }
        let said = try run(words + more)
        guard said.status == 0, let id = said.errors.split(separator: " ").first, id.hasPrefix("key_") else {
            throw Obstacle("no key was made: \(said)")
        }
        return Key(id: String(id), secret: said.lastLine)
    }

    /// One chat call as a client would send it.
    func chat(_ body: String, key: Key, path: String = "/v1/chat/completions", headers: [String] = []) throws -> Answer {
        try Client.once(port: callsPort, "POST", path, headers: [key.header] + headers, body: body)
    }
}

func text(_ file: URL) throws -> String { String(decoding: try Data(contentsOf: file), as: UTF8.self) }

/// A request as the simulator saw it.
struct Received: Decodable {
    var number: Int
    var endpoint: String
    var model: String?
    var requestID: String?
    var attempt: String?
    var stream: Bool
    var status: Int?
    var outcome: String
    var billedInput: Int64
    var billedCached: Int64
    var billedOutput: Int64
    var billedReasoning: Int64
}

/// Where a test may block without taking a thread from the others.
private final class BlockingThread: TaskExecutor {
    private let queue = DispatchQueue(label: "end to end")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
