import Foundation
import Journal
import NIOCore
import NIOPosix
import TestKit
import Testing

@testable import Witness

/// A witness as a process, which a test may kill.
// Unchecked: only one task at a time uses the process; killing it is a system call.
private final class WitnessProcess: @unchecked Sendable {
    /// The program under test: what the build made, unless the environment names another.
    private static let binary =
        ProcessInfo.processInfo.environment["WEIR_BINARY"].map { URL(filePath: $0) }
        ?? URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: ".build/debug/weir")

    private let process = Process()
    let vkey: String
    let port: Int

    init(folder: String, log: LogSigner) throws {
        let output = Pipe()
        process.executableURL = Self.binary
        process.arguments = [
            "witness", "--folder", folder, "--name", "witness.test/w", "--log", log.vkey, "--listen", "127.0.0.1:0",
        ]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        var text = ""
        while !text.contains("witness on 127.0.0.1:") || !text.hasSuffix("\n") {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw WitnessProblem("the witness ended: \(text)") }
            text += String(decoding: more, as: UTF8.self)
        }
        let lines = text.split(separator: "\n")
        vkey = lines.first { $0.contains("+") }.map(String.init) ?? ""
        port = lines.last.flatMap { $0.split(separator: ":").last }.flatMap { Int($0) } ?? 0
    }

    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}

@Suite("A witness that is killed", .serialized)
struct KillTests {
    @Test("Killed at random moments 15 times, a witness has remembered everything that it has signed, and goes on from there")
    func kills() async throws {
        var random = SeededRandom(seed: testSeed("killed witness"))
        let delays = (0..<15).map { _ in UInt32.random(in: 2_000...60_000, using: &random) }
        let group = MultiThreadedEventLoopGroup.singleton
        try await withFolder { folder in
            var log = try GrowingLog()
            log.grow(to: 3_000)
            var signed = 0
            var known = ""
            for delay in delays {
                let witness = try WitnessProcess(folder: folder, log: log.signer)
                #expect(known.isEmpty || known == witness.vkey)
                known = witness.vkey
                let address = WitnessAddress(host: "127.0.0.1", port: witness.port, verifier: try WitnessVerifier(vkey: known))
                let asked = try await post(try log.request(from: 0, to: 0).bytes, to: address, group: group)
                // A new witness signs the empty log; any other tells its size.
                var size = asked.status == 409 ? Int(String(decoding: asked.body.dropLast(), as: UTF8.self)) ?? -1 : 0
                #expect(size >= signed, "it forgot what it had signed")
                let killer = Task.detached {
                    usleep(delay)
                    witness.kill()
                }
                while let answer = try? await post(try log.request(from: size, to: size + 1).bytes, to: address, group: group) {
                    #expect(answer.status == 200)
                    guard answer.status == 200 else { break }
                    size += 1
                    signed = size
                }
                await killer.value
            }
            #expect(signed > 5)
        }
    }
}
