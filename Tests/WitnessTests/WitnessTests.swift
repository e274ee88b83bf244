import Foundation
import Journal
import Logging
import NIOCore
import NIOPosix
import TestKit
import Testing

@testable import Witness

/// A log that grows, and can be written anew.
struct GrowingLog {
    let signer: LogSigner
    var leaves: [LogHash] = []

    init(name: String = "weir.test/log", seed: UInt8 = 7) throws {
        signer = try LogSigner(name: name, seed: Array(repeating: seed, count: 32))
    }

    mutating func grow(to count: Int, salt: String = "") {
        for number in leaves.count..<count { leaves.append(leafHash(of: Array("\(salt)\(number)".utf8))) }
    }

    func tile(_ level: Int, _ index: UInt64) -> LogHash {
        if level == 0 { return leaves[Int(index)] }
        let width = 1 << (tileHeight * level)
        var frontier = Frontier()
        for leaf in leaves[Int(index) * width..<(Int(index) + 1) * width] { frontier.append(leaf) }
        return frontier.root
    }

    func checkpoint(_ size: Int) -> Checkpoint {
        Checkpoint(origin: signer.name, size: UInt64(size), root: treeRoot(size: UInt64(size), hash: tile))
    }

    func request(from old: Int, to size: Int, checkpoint: Checkpoint? = nil) throws -> AddCheckpoint {
        AddCheckpoint(
            old: UInt64(old), proof: old <= size ? consistencyProof(from: UInt64(old), to: UInt64(size), hash: tile) : [],
            note: try SignedNote(signer.sign(checkpoint ?? self.checkpoint(size))))
    }
}

func withFolder<T>(_ body: (String) async throws -> T) async throws -> T {
    let folder = NSTemporaryDirectory() + "weir-witness-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder)
}

@Suite("What a witness signs")
struct WitnessStateTests {
    private func grown() throws -> GrowingLog {
        var log = try GrowingLog()
        log.grow(to: 700)
        return log
    }

    private func after(_ log: GrowingLog, _ size: Int) -> WitnessState {
        let seen = WitnessState.Seen(size: UInt64(size), root: log.checkpoint(size).root)
        return WitnessState(logs: [log.signer.verifier], seen: [log.signer.name: seen])
    }

    @Test("A log that grows is signed at each step, also at the same size again and from nothing")
    func grows() throws {
        let log = try grown()
        var state = WitnessState(logs: [log.signer.verifier])
        var old = 0
        for size in [0, 0, 1, 1, 2, 5, 256, 257, 600, 700, 700] {
            let request = try log.request(from: old, to: size)
            guard case .cosign(let text, let origin, let seen) = state.judge(request.bytes) else {
                Issue.record("\(old) to \(size) was refused")
                return
            }
            #expect(text == log.checkpoint(size).text)
            #expect(seen == .init(size: UInt64(size), root: log.checkpoint(size).root))
            state = state.remembering(origin, seen)
            old = size
        }
    }

    @Test("A log that was rewritten or shortened is refused, whatever proof it sends")
    func rewritten() throws {
        let log = try grown()
        let state = after(log, 300)
        var other = try GrowingLog()
        other.grow(to: 299)
        other.grow(to: 300, salt: "other ")
        other.grow(to: 700)
        #expect(state.judge(try other.request(from: 300, to: 300).bytes) == .refuse(.otherRoot(size: 300)))
        #expect(state.judge(try other.request(from: 300, to: 700).bytes) == .refuse(.notConsistent))
        #expect(state.judge(try other.request(from: 0, to: 700).bytes) == .refuse(.otherSize(300)))
        #expect(state.judge(try log.request(from: 200, to: 250).bytes) == .refuse(.otherSize(300)))
        #expect(state.judge(try log.request(from: 0, to: 0).bytes) == .refuse(.otherSize(300)))
        guard case .refuse(.malformed) = state.judge(try log.request(from: 300, to: 250).bytes) else {
            Issue.record("an old size above the new one is no request")
            return
        }
        var request = try log.request(from: 300, to: 700)
        request.proof.removeLast()
        #expect(state.judge(request.bytes) == .refuse(.notConsistent))
        request.proof = []
        #expect(state.judge(request.bytes) == .refuse(.notConsistent))
        request = try log.request(from: 300, to: 300)
        request.proof = [.zero]
        #expect(state.judge(request.bytes) == .refuse(.notConsistent))
        request = try log.request(from: 0, to: 300)
        request.proof = [.zero]
        #expect(WitnessState(logs: [log.signer.verifier]).judge(request.bytes) == .refuse(.notConsistent))
    }

    @Test("Logs that nobody asked to watch, other keys and requests of another form are refused, each by its own status")
    func strangers() throws {
        let log = try grown()
        let state = after(log, 300)
        var unknown = try GrowingLog(name: "weir.test/unknown")
        unknown.grow(to: 10)
        #expect(state.judge(try unknown.request(from: 0, to: 10).bytes) == .refuse(.unknownOrigin))
        var forged = try GrowingLog(seed: 8)
        forged.grow(to: 700)
        #expect(state.judge(try forged.request(from: 300, to: 700).bytes) == .refuse(.notSigned))
        var request = try log.request(from: 300, to: 700)
        let good = String(decoding: request.bytes, as: UTF8.self)
        for wrong in [
            "", "old 300\n", "old 0300" + good.dropFirst(7), "Old" + good.dropFirst(3), "old -1" + good.dropFirst(7),
            good.replacing("\n\n\u{2014}", with: "\n\u{2014}"), good.replacing("=\n", with: "\n"), good + "\n",
            good.replacing("\n700\n", with: "\n0700\n"),
        ] {
            guard case .refuse(.malformed) = state.judge(Array(wrong.utf8)) else {
                Issue.record("taken: \(wrong)")
                continue
            }
        }
        request.proof = Array(repeating: .zero, count: 64)
        guard case .refuse(.malformed) = state.judge(request.bytes) else {
            Issue.record("64 hashes are too many")
            return
        }
        let statuses: [(WitnessState.Refusal, Int)] = [
            (.malformed(""), 400), (.notSigned, 403), (.unknownOrigin, 404), (.otherSize(3), 409), (.otherRoot(size: 3), 409),
            (.notConsistent, 422),
        ]
        for (refusal, status) in statuses { #expect(refusal.status == status) }
        #expect(WitnessState.Refusal.otherSize(3).body == "3\n")
        #expect(WitnessState.Refusal.otherSize(3).contentType == "text/x.tlog.size")
    }
}

@Suite("What a witness remembers")
struct WitnessKeeperTests {
    private func keeper(_ folder: String, _ log: GrowingLog) throws -> WitnessKeeper {
        try WitnessKeeper(folder: folder, name: "witness.test/w", logs: [log.signer.verifier]) { 1_700_000_000 }
    }

    @Test("A witness that ends between writing and answering has remembered: it goes on from there and signs the same again")
    func ends() async throws {
        try await withFolder { folder in
            var log = try GrowingLog()
            log.grow(to: 20)
            let first = try keeper(folder, log)
            guard case .cosigned = await first.add(try log.request(from: 0, to: 10).bytes) else {
                Issue.record("refused")
                return
            }
            // What the second process finds is what the first had written when its answer was not yet sent.
            #expect(throws: WitnessProblem.self) { try keeper(folder, log) }
            await first.close()
            let second = try keeper(folder, log)
            #expect(second.vkey == first.vkey)
            #expect(await second.add(try log.request(from: 0, to: 10).bytes) == .refused(.otherSize(10)))
            var other = try GrowingLog()
            other.grow(to: 10, salt: "other ")
            #expect(await second.add(try other.request(from: 10, to: 10).bytes) == .refused(.otherRoot(size: 10)))
            guard case .cosigned(let line) = await second.add(try log.request(from: 10, to: 10).bytes) else {
                Issue.record("refused")
                return
            }
            var note = try SignedNote(log.signer.sign(log.checkpoint(10)))
            note.signatures.append(try SignedNote.Signature(line: Array(line.utf8.dropLast())))
            #expect(try WitnessVerifier(vkey: second.vkey).time(in: note) == 1_700_000_000)
            await second.close()
        }
    }

    @Test("A half-written state beside the whole one does not count; a damaged or missing one stops the witness")
    func files() async throws {
        try await withFolder { folder in
            var log = try GrowingLog()
            log.grow(to: 20)
            let first = try keeper(folder, log)
            _ = await first.add(try log.request(from: 0, to: 10).bytes)
            await first.close()
            let path = folder + "/state"
            let good = try Data(contentsOf: URL(filePath: path))
            try good.prefix(30).write(to: URL(filePath: path + ".new"))
            let again = try keeper(folder, log)
            #expect(await again.sizes == ["weir.test/log": 10])
            await again.close()
            for bit in 0..<good.count * 8 {
                var bytes = Array(good)
                bytes[bit / 8] ^= 1 << UInt8(bit % 8)
                try Data(bytes).write(to: URL(filePath: path))
                #expect(throws: WitnessProblem.self, "bit \(bit)") { try keeper(folder, log) }
            }
            try FileManager.default.removeItem(atPath: path)
            #expect(throws: WitnessProblem.self) { try keeper(folder, log) }
            try good.write(to: URL(filePath: path))
            try FileManager.default.removeItem(atPath: folder + "/witness-key")
            #expect(throws: WitnessProblem.self) { try keeper(folder, log) }
            #expect(!FileManager.default.fileExists(atPath: folder + "/witness-key"))
        }
    }

    @Test("What cannot be remembered is not signed")
    func disk() async throws {
        try await withFolder { folder in
            var log = try GrowingLog()
            log.grow(to: 20)
            let keeper = try keeper(folder, log)
            // A folder stands where the new state is written.
            try FileManager.default.createDirectory(atPath: folder + "/state.new", withIntermediateDirectories: true)
            guard case .failed = await keeper.add(try log.request(from: 0, to: 10).bytes) else {
                Issue.record("signed without remembering")
                return
            }
            #expect(await keeper.sizes.isEmpty)
            try FileManager.default.removeItem(atPath: folder + "/state.new")
            guard case .cosigned = await keeper.add(try log.request(from: 0, to: 10).bytes) else {
                Issue.record("refused")
                return
            }
            await keeper.close()
        }
    }

    @Test("Of requests that race from one size, each to another state, one alone is signed")
    func race() async throws {
        try await withFolder { folder in
            var log = try GrowingLog()
            log.grow(to: 100)
            let keeper = try keeper(folder, log)
            _ = await keeper.add(try log.request(from: 0, to: 50).bytes)
            let requests = try (51...100).map { try log.request(from: 50, to: $0).bytes }
            let signed = await withTaskGroup(of: Bool.self) { group in
                for request in requests {
                    group.addTask { if case .cosigned = await keeper.add(request) { true } else { false } }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(signed == 1)
            await keeper.close()
        }
    }
}

@Suite("A log and its witnesses over sockets", .serialized)
struct WitnessServerTests {
    /// Writes what a publisher would: tiles, and the checkpoint last.
    private func publish(_ log: GrowingLog, _ folder: String) throws {
        let size = log.leaves.count
        for start in stride(from: 0, to: size, by: tileWidth) {
            let part = log.leaves[start..<min(start + tileWidth, size)]
            try write(
                part.flatMap(\.bytes), folder, TilePath.hashes(level: 0, index: UInt64(start / tileWidth), width: part.count))
        }
        let above = (0..<size / tileWidth).map { log.tile(1, UInt64($0)) }
        if !above.isEmpty { try write(above.flatMap(\.bytes), folder, TilePath.hashes(level: 1, index: 0, width: above.count)) }
        try write(log.signer.sign(log.checkpoint(size)), folder, TilePath.checkpoint)
    }

    private func write(_ bytes: [UInt8], _ folder: String, _ name: String) throws {
        let url = URL(filePath: folder + "/" + name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    /// Serves a witness on a free port while `body` runs.
    private func serve<T: Sendable>(
        _ keeper: WitnessKeeper, _ group: any EventLoopGroup, _ body: @Sendable @escaping (Int) async throws -> T
    ) async throws -> T {
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let server = WitnessServer(keeper: keeper, host: "127.0.0.1", port: 0, group: group, log: Logger(label: "test"))
        let serving = Task { try await server.run { continuation.yield($0.port ?? 0) } }
        defer { serving.cancel() }
        var waiting = ports.makeAsyncIterator()
        let port = try #require(await waiting.next())
        return try await body(port)
    }

    @Test("A log's checkpoints are signed as it grows; what it rewrites or cuts off is refused, and the kept note stays")
    func whole() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        try await withFolder { folder in
            var log = try GrowingLog()
            let keeper = try WitnessKeeper(
                folder: folder + "/w", name: "witness.test/w", logs: [log.signer.verifier]
            ) { 1_700_000_000 }
            let verifier = try WitnessVerifier(vkey: keeper.vkey)
            let path = folder + "/log"
            let start = log
            try await serve(keeper, group) { [self] port in
                var log = start
                let address = WitnessAddress(host: "127.0.0.1", port: port, verifier: verifier)
                let client = WitnessClient(
                    folder: LogFiles(path: path), verifier: log.signer.verifier, witnesses: [address], group: group)
                #expect(await client.step() == .nothingNew)
                for size in [3, 256, 300, 600] {
                    log.grow(to: size)
                    try publish(log, path)
                    #expect(await client.step() == .witnessed(size: UInt64(size)))
                    #expect(await client.step() == .nothingNew)
                    let note = try SignedNote(Array(try Data(contentsOf: URL(filePath: path + "/checkpoint.witnessed"))))
                    #expect(try log.signer.verifier.checkpoint(in: note).size == UInt64(size))
                    #expect(try verifier.time(in: note) == 1_700_000_000)
                }
                // A client that was started anew asks where the witness stands.
                log.grow(to: 700)
                try publish(log, path)
                let fresh = WitnessClient(
                    folder: LogFiles(path: path), verifier: log.signer.verifier, witnesses: [address], group: group)
                #expect(await fresh.step() == .witnessed(size: 700))
                // The log's own signer goes back, then writes another past.
                let kept = try Data(contentsOf: URL(filePath: path + "/checkpoint.witnessed"))
                for (size, salt) in [(650, ""), (700, "other "), (800, "other ")] {
                    var other = try GrowingLog()
                    other.grow(to: size, salt: salt)
                    try publish(other, path)
                    let liar = WitnessClient(
                        folder: LogFiles(path: path), verifier: log.signer.verifier, witnesses: [address], group: group)
                    guard case .contradicted(let witness, _) = await liar.step() else {
                        Issue.record("signed \(size) \(salt)")
                        continue
                    }
                    #expect(witness == "witness.test/w")
                    #expect(try Data(contentsOf: URL(filePath: path + "/checkpoint.witnessed")) == kept)
                }
            }
            log.grow(to: 1)
            await keeper.close()
        }
    }

    @Test("A witness that is away, or signs with another key, leaves the log as it was")
    func away() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        try await withFolder { folder in
            var log = try GrowingLog()
            log.grow(to: 5)
            try publish(log, folder + "/log")
            let signer = try WitnessSigner(name: "witness.test/w", seed: Array(repeating: 3, count: 32))
            let keeper = try WitnessKeeper(folder: folder + "/w", name: "witness.test/w", logs: [log.signer.verifier]) { 1 }
            let verifier = log.signer.verifier
            let port = try await serve(keeper, group) { port in
                let client = WitnessClient(
                    folder: LogFiles(path: folder + "/log"), verifier: verifier,
                    witnesses: [WitnessAddress(host: "127.0.0.1", port: port, verifier: signer.verifier)], group: group)
                guard case .failed = await client.step() else {
                    Issue.record("a wrong key was taken")
                    return port
                }
                return port
            }
            // Port 1 of loopback has no listener.
            _ = port
            let client = WitnessClient(
                folder: LogFiles(path: folder + "/log"), verifier: verifier,
                witnesses: [WitnessAddress(host: "127.0.0.1", port: 1, verifier: signer.verifier)], group: group)
            guard case .failed = await client.step() else {
                Issue.record("an absent witness has signed")
                return
            }
            #expect(!FileManager.default.fileExists(atPath: folder + "/log/checkpoint.witnessed"))
            await keeper.close()
        }
    }
}
