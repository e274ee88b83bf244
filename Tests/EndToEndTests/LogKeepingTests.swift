import Core
import Foundation
import Journal
import Ledger
import Testing

extension EndToEnd {
    @Suite("Witness, backup and restore")
    struct LogKeepingTests {
        @Test(
            "A witness signs a log that grows, and refuses one that was put back to an older copy: Weir says so and is not ready")
        func witness() async throws {
            try await Workbench.with { bench in
                try bench.play(CommandTests.clouds(["one"]))
                let place = try Place(bench)
                try place.configure()
                try bench.start()
                let key = try bench.key("watched")
                for _ in 0..<5 { #expect(try bench.chat(CommandTests.hello, key: key).status == 200) }
                try #require(eventually(within: 10) { place.metric("weir_witness_size") > 5 })
                let verified = try bench.weir("ledger", "verify", "--data", bench.data.path, "--witness", place.witnessKey)
                #expect(verified.status == 0 && verified.output.contains("witnessed up to entry"), "\(verified)")
                let stranger = try bench.verify("log", bench.data.path, "--key", place.vkey, "--witness", place.witnessKey)
                #expect(stranger.status == 0, "\(stranger)")

                // What was put aside here comes back after the witness has signed more.
                bench.stop()
                let old = bench.folder.appending(path: "old")
                try FileManager.default.copyItem(at: bench.data, to: old)
                try bench.start()
                for _ in 0..<40 { #expect(try bench.chat(CommandTests.hello, key: key).status == 200) }
                bench.stop()
                try FileManager.default.removeItem(at: bench.data)
                try FileManager.default.moveItem(at: old, to: bench.data)
                try bench.start(waits: false)
                try #require(eventually(within: 20) { place.metric("weir_witness_contradicted") == 1 })
                let ready = try Client.once(port: bench.adminPort, "GET", "/readyz")
                #expect(ready.status == 503 && ready.body.contains("it has signed what this log no longer says"), "\(ready)")
                #expect(bench.logged.contains("the witness has signed what this log no longer says"))
            }
        }

        @Test(
            "After kill -9 and the loss of the data, a copy is restored: what it lacks is named, what was open is in doubt, calls go on"
        )
        func restore() async throws {
            try await Workbench.with { bench in
                try bench.play(CommandTests.clouds(["one"]))
                let place = try Place(bench)
                let copy = bench.folder.appending(path: "copy")
                try place.configure(more: "backup: {folder: copy}")
                try bench.start()
                let key = try bench.key("survivor", limit: "1")
                for _ in 0..<10 { #expect(try bench.chat(CommandTests.hello, key: key).status == 200) }
                // A call that is open when Weir dies.
                try bench.fault("stall-stream:2", at: "one", times: 1)
                let open = try Client(port: bench.callsPort)
                let stalled = CommandTests.hello.replacing("\"max", with: "\"stream\":true,\"max")
                try open.send("POST", "/v1/chat/completions", headers: [key.header], body: stalled)
                #expect(try eventually(within: 5) { try bench.received().last?.outcome == "open" })
                let durable = place.metric("weir_journal_durable")
                try #require(eventually(within: 10) { place.metric("weir_backup_size") >= durable })

                // The copy is cut off; that is said once. Calls go on, and the witness signs them.
                let kept = bench.folder.appending(path: "kept")
                try FileManager.default.moveItem(at: copy, to: kept)
                try Data().write(to: copy)
                for _ in 0..<7 { #expect(try bench.chat(CommandTests.hello, key: key).status == 200) }
                try #require(eventually(within: 20) { place.metric("weir_backup_failures_total") >= 2 })
                #expect(bench.logged.components(separatedBy: "the log is not copied").count == 2)
                let last = place.metric("weir_journal_durable")
                try #require(eventually(within: 10) { place.metric("weir_witness_size") >= last })
                let oldKey = bench.folder.appending(path: "old-log-key").path
                try FileManager.default.copyItem(atPath: bench.data.path + "/log-key", toPath: oldKey)
                bench.weir?.signal(SIGKILL)
                #expect(bench.weir?.ending(within: 10) == 128 + SIGKILL)
                try FileManager.default.removeItem(at: bench.data)

                let known = ["--known", place.witnessFolder.appending(path: "state").path]
                func restore(_ node: String, _ words: [String]) throws -> Workbench.Said {
                    try bench.run(
                        [
                            Workbench.binary.path, "ledger", "restore", "--copy", kept.path, "--data", bench.data.path, "--node",
                            node,
                        ]
                            + words)
                }
                #expect(try restore("e2e", []).errors.contains("Without --known"))
                #expect(try restore("e2e", known).errors.contains("--log-key"))
                let same = try restore("e2e", known + ["--log-key", oldKey])
                #expect(
                    same.status != 0 && same.errors.contains("The copy lacks entries") && same.errors.contains("new name"),
                    "\(same)")
                #expect(!FileManager.default.fileExists(atPath: bench.data.path))
                // What the missing entries cost counts against the key's limit, so somebody must bound it.
                let unbounded = try restore("e2e-2", known)
                #expect(unbounded.status != 0 && unbounded.errors.contains("--hold-in-doubt 'acme=DOLLARS'"), "\(unbounded)")
                #expect(!FileManager.default.fileExists(atPath: bench.data.path))
                let bound = known + ["--hold-in-doubt", "acme=0.10"]
                #expect(try restore("e2e-2", bound + ["--hold-in-doubt", "nobody=1"]).errors.contains("no tenant `nobody`"))
                let damaged = try Self.damaged(kept) { try restore("e2e-2", known) }
                #expect(damaged.status != 0 && damaged.errors.contains("tile/"), "\(damaged)")
                let restored = try restore("e2e-2", bound)
                #expect(restored.status == 0, "\(restored)")
                let size = try Self.size(of: kept)
                #expect(restored.output.contains("lacks entries \(size) to "), "\(restored.output)")
                #expect(restored.output.contains("1 holds and 1 allowances"), "\(restored.output)")
                #expect(try restore("e2e-2", known).errors.contains("not empty"))

                // It goes on under its new name: the same keys, the charges of the copy, the open hold in doubt.
                try place.configure(node: "e2e-2", witnessed: false, more: "backup: {folder: copy-2}")
                try bench.start()
                let doubts = try bench.weir("ledger", "doubts", "--config", bench.file.path)
                // A table of one hold, and one of an allowance and of what the missing entries may have cost.
                #expect(doubts.output.split(separator: "\n").count == 7, "\(doubts.output)")
                #expect(doubts.output.contains("lost-\(size)") && doubts.output.contains("0.1"), "\(doubts.output)")
                #expect(try bench.chat(CommandTests.hello, key: key).status == 200)
                let usage = try bench.weir("usage", "--by", "key", "--format", "csv", "--config", bench.file.path)
                #expect(usage.output.contains("\(key.id),11,0,"), "\(usage.output)")
                #expect(try bench.weir("ledger", "rebuild", "--data", bench.data.path).status == 0)
                #expect(try bench.weir("ledger", "verify", "--data", bench.data.path).status == 0)
                #expect(try Self.acts(bench).contains { $0.hasPrefix("lacks \(size)..<") && $0.hasSuffix(" of e2e") })

                // After an end in order the copy lacks nothing, and the log may keep its name and key.
                bench.stop()
                let checkpoint = bench.folder.appending(path: "checkpoint")
                try FileManager.default.copyItem(at: bench.data.appending(path: "journal/log/checkpoint"), to: checkpoint)
                let moved = try bench.weir(
                    "ledger", "restore", "--copy", bench.folder.appending(path: "copy-2").path, "--data",
                    bench.folder.appending(path: "moved").path, "--node", "e2e-2", "--known", checkpoint.path, "--log-key",
                    bench.data.path + "/log-key")
                #expect(moved.status == 0 && moved.output.contains("It lacks nothing that is known."), "\(moved)")
            }
        }

        private static func acts(_ bench: Workbench) throws -> [String] {
            var acts: [String] = []
            try Journal.scan(folder: bench.data.appending(path: "journal").path) { _, bytes in
                if case .act(who: "weir", what: "restored", let on) = try Entry.parse(bytes).entry { acts.append(on ?? "") }
            }
            return acts
        }

        private static func size(of log: URL) throws -> Int {
            Int(try text(log.appending(path: "checkpoint")).split(separator: "\n")[1]) ?? -1
        }

        /// Runs `body` while one bit of the copy's entries is wrong.
        private static func damaged(_ log: URL, _ body: () throws -> Workbench.Said) throws -> Workbench.Said {
            let size = try size(of: log)
            let bundle = log.appending(path: size < 256 ? "tile/entries/000.p/\(size)" : "tile/entries/000")
            let whole = try Data(contentsOf: bundle)
            var wrong = whole
            wrong[wrong.count / 2] ^= 1
            try wrong.write(to: bundle)
            defer { try? whole.write(to: bundle) }
            return try body()
        }
    }
}

/// A Weir whose log a witness watches. The witness ends with the test.
private final class Place {
    let bench: Workbench
    let vkey: String
    let witnessFolder: URL
    let witnessKey: String
    private let port: Int
    private let witness: ChildProcess

    /// Starts Weir once, for its key, and then the witness.
    init(_ bench: Workbench) throws {
        self.bench = bench
        try bench.configure(bench.configuration(endpoints: bench.endpoint("one", models: [("m", "m")])))
        try bench.start()
        _ = eventually(within: 5) {
            FileManager.default.fileExists(atPath: bench.data.appending(path: "journal/log/checkpoint").path)
        }
        vkey = try bench.weir("ledger", "key", "--data", bench.data.path).lastLine
        bench.stop()
        port = try freePort()
        witnessFolder = bench.folder.appending(path: "witness")
        let output = bench.folder.appending(path: "witness.out")
        let witness = try ChildProcess(
            [
                Workbench.binary.path, "witness", "--folder", witnessFolder.path, "--name", "witness.example/w", "--log", vkey,
                "--listen", "127.0.0.1:\(port)",
            ], in: bench.folder, output: output, errors: bench.folder.appending(path: "witness.err"))
        self.witness = witness
        let isUp = eventually(within: Workbench.startSeconds) {
            ((try? text(output)) ?? "").contains("witness on") || witness.ending != nil
        }
        guard isUp, witness.ending == nil else { throw Obstacle("the witness did not start") }
        witnessKey = String(try text(output).split(separator: "\n")[0])
    }

    deinit { witness.stop() }

    func configure(node: String = "e2e", witnessed: Bool = true, more: String = "") throws {
        let watched = witnessed ? "witness: {url: \"http://127.0.0.1:\(port)\", key: \"\(witnessKey)\"}\n" : ""
        let configuration = bench.configuration(top: watched + more, endpoints: bench.endpoint("one", models: [("m", "m")]))
        try bench.configure(configuration.replacing("node: e2e\n", with: "node: \(node)\n"))
    }

    /// A family of one sample; 0 while Weir does not tell it.
    func metric(_ name: String) -> Int {
        let page = (try? Client.once(port: bench.adminPort, "GET", "/metrics"))?.body ?? ""
        let line = page.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line.flatMap { $0.split(separator: " ").last.flatMap { Int($0) } } ?? 0
    }
}
