import Core
import Foundation
import Journal
import Testing

/// The program as somebody else runs it, with files and an exit status.
@Suite("weir-verify")
struct ProgramTests {
    private static let binary = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: ".build/debug/weir-verify")

    private func run(_ arguments: [String]) throws -> (status: Int32, output: String, error: String) {
        let process = Process()
        process.executableURL = Self.binary
        process.arguments = arguments
        let (output, error) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = error
        try process.run()
        let texts = try [output, error].map {
            String(decoding: try $0.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        }
        process.waitUntilExit()
        return (process.terminationStatus, texts[0], texts[1])
    }

    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "weir-verify-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func write(_ files: [String: [UInt8]], _ folder: String) throws {
        for (name, bytes) in files {
            let url = URL(filePath: folder + "/" + name)
            try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: url)
        }
    }

    @Test("A good log is 0, a damaged one 1 with its file and entry, a command that is none 2")
    func log() throws {
        try withFolder { folder in
            let log = try TestLog(count: 600)
            var files = log.files()
            try write(files, folder + "/journal/log")
            try write(["kept": log.checkpoint(100)], folder)
            let key = ["--key", log.signer.vkey]
            for place in ["", "/journal", "/journal/log", "/journal/log/"] {
                let good = try run(["log", folder + place, "--earlier", folder + "/kept"] + key)
                #expect(good.status == 0, "\(good)")
                #expect(good.output.hasPrefix("OK: \(TestLog.name) has 600 entries, root \(log.root(600).base64)\n"))
            }
            let name = TilePath.entries(index: 1)
            files[name] = flipped(files[name] ?? [], 8 * 40)
            try write(files, folder + "/journal/log")
            let bad = try run(["log", folder] + key)
            #expect(bad.status == 1)
            #expect(bad.error.contains("\(name), entry 257: "))
            #expect(try run(["log", folder + "/nothing"] + key).status == 1)
            for wrong in [
                [], ["log"], ["log", folder], ["receipt", folder, "--key"], ["logs", folder] + key,
                ["log", folder, folder] + key,
                ["log", folder, "--fast"] + key, ["log", folder, "--key", "x"], ["log", folder] + key + key,
                ["log", folder, "--witness", log.signer.vkey] + key, ["receipt", folder, "--unnumbered"] + key,
            ] {
                let answer = try run(wrong)
                #expect(answer.status == 2, "\(wrong)")
                #expect(answer.error.hasPrefix("weir-verify: "))
            }
            let help = try run(["--help"])
            #expect(help.status == 0)
            #expect(help.output.hasPrefix("usage: weir-verify log FOLDER --key VKEY"))
        }
    }

    @Test("A receipt alone in a file is checked with the key alone")
    func receipt() throws {
        try withFolder { folder in
            let attempt = AttemptID(high: 1, low: 2)
            var log = try TestLog(count: 300)
            for number in [3, 299] {
                log.entries[number] = Array(#"{"v":2,"n":\#(number),"t":"end","attempt":"\#(attempt)"}"#.utf8)
            }
            let receipt = try #require(try makeReceipt(attempt: attempt, log.folder(), verifier: log.signer.verifier)).bytes
            try write(["mine": receipt, "other": flipped(receipt, 1_000)], folder)
            let good = try run(["receipt", folder + "/mine", "--key", log.signer.vkey])
            #expect(good.status == 0, "\(good)")
            #expect(good.output.split(separator: "\n").dropFirst().map(String.init) == [3, 299].map { text(log.entries[$0]) })
            let bad = try run(["receipt", folder + "/other", "--key", log.signer.vkey])
            #expect(bad.status == 1)
            #expect(bad.output.isEmpty)
        }
    }

    @Test("The open tail behind the checkpoint is checked by its checksums")
    func tail() throws {
        try withFolder { folder in
            var settings = Journal.Settings(folder: folder + "/journal")
            settings.segmentBytes = 64 * 1024
            settings.commitsByHand = true
            let journal = try Journal.open(settings) { _, _ in }
            for number in 0..<30 {
                _ = try journal.append(Array(#""t":"test","x":"\#(number)"}"#.utf8), urgent: true)
                if number % 3 == 2 { #expect(journal.commit()) }
            }
            journal.close()
            var entries: [[UInt8]] = []
            try Journal.scan(folder: settings.folder) { entries.append(Array($1)) }
            #expect(entries.count == 30)
            let log = try TestLog(Array(entries[..<10]))
            var check = log.check
            check.segments = settings.folder
            #expect(try verifyLog(log.folder(), check).tail == 20)
            let names = try FileManager.default.contentsOfDirectory(atPath: settings.folder)
            let name = try #require(names.first { $0.hasPrefix("segment-") })
            let url = URL(filePath: settings.folder + "/" + name)
            var bytes = try Data(contentsOf: url)
            let place = try #require(bytes.firstRange(of: Data(#""x":"20""#.utf8)))
            bytes[place.lowerBound + 5] ^= 1
            try bytes.write(to: url)
            let damage = try #require(throws: LogDamage.self) { try verifyLog(log.folder(), check) }
            #expect(damage.entry == 18)
            #expect(damage.file == name)
        }
    }
}
