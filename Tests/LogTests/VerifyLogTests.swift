import Foundation
import Journal
import TestKit
import Testing

@Suite("Verification of a whole log")
struct VerifyLogTests {
    @Test("The example log of transparency-dev/tessera verifies at each of its sizes, also from the tiles of its later ones")
    func example() throws {
        let vkey = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
        let source = casesFolder.appending(path: "audit/tlog_tiles_log")
        var files: [String: [UInt8]] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: source.path) {
            let url = source.appending(path: name)
            guard try url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true else { continue }
            files[name] = Array(try Data(contentsOf: url))
        }
        #expect(files.count == 47)
        for size in 0...15 {
            files[TilePath.checkpoint] = files["checkpoint.\(size)"]
            var check = LogTrust(verifier: try LogVerifier(vkey: vkey))
            check.isNumbered = false
            check.earlier = (0...size).map { ("checkpoint.\($0)", files["checkpoint.\($0)"] ?? []) }
            var seen = files
            for round in 0..<2 {
                let report = try verifyLog(LogFiles(seen), check)
                #expect(report.size == UInt64(size))
                #expect(size == 0 || report.entryBytes > 0)
                // The second time without the files of this size.
                if round == 0, size > 0, size < 15 {
                    seen[TilePath.hashes(level: 0, index: 0, width: size)] = nil
                    seen[TilePath.entries(index: 0, width: size)] = nil
                }
            }
            guard size < 15 else { continue }
            check.earlier = [("later", files["checkpoint.15"] ?? [])]
            #expect(throws: LogDamage.self) { try verifyLog(LogFiles(files), check) }
        }
    }

    @Test("Every single changed bit of a small log is found, in the file that has it")
    func everyBit() throws {
        let log = try TestLog(count: 21)
        let files = log.files()
        _ = try verifyLog(log.folder(files), log.check)
        var flips = 0
        for (name, bytes) in files {
            for bit in 0..<bytes.count * 8 {
                var changed = files
                changed[name] = flipped(bytes, bit)
                let damage = try #require(throws: LogDamage.self, "\(name) bit \(bit)") {
                    try verifyLog(log.folder(changed), log.check)
                }
                #expect(damage.file == name, "\(damage), \(name) bit \(bit)")
                flips += 1
            }
        }
        #expect(flips > 9_000)
    }

    @Test("Random changed bits of a log of 70,000 entries and three levels are found, with file and entry")
    func randomBits() throws {
        let log = try TestLog(count: 70_000)
        let files = log.files()
        let report = try verifyLog(log.folder(files), log.check)
        #expect(report.size == 70_000)
        #expect(report.entryBytes == UInt64(log.entries.reduce(0) { $0 + $1.count }))
        var random = SeededRandom(seed: testSeed("changed bits"))
        let names = files.keys.sorted()
        for _ in 0..<12 {
            let name = try #require(names.randomElement(using: &random))
            let bytes = try #require(files[name])
            let bit = Int.random(in: 0..<bytes.count * 8, using: &random)
            var changed = files
            changed[name] = flipped(bytes, bit)
            let damage = try #require(throws: LogDamage.self) { try verifyLog(log.folder(changed), log.check) }
            #expect(damage.file == name, "\(damage), \(name) bit \(bit)")
        }
    }

    @Test("A file that is missing, short, long or another's is found")
    func files() throws {
        let log = try TestLog(count: 600)
        let files = log.files()
        for (name, bytes) in files {
            for changed in [nil, Array(bytes.dropLast()), bytes + [0], [], Array(bytes.dropLast(32))] {
                var broken = files
                broken[name] = changed
                let damage = try #require(throws: LogDamage.self, "\(name)") { try verifyLog(log.folder(broken), log.check) }
                #expect(damage.file == name)
            }
        }
        var swapped = files
        swapped["tile/entries/000"] = files["tile/entries/001"]
        let damage = try #require(throws: LogDamage.self) { try verifyLog(log.folder(swapped), log.check) }
        #expect(damage.file == "tile/entries/000")
        #expect(damage.entry == 0)
    }

    @Test("A log whose own signer left an entry out or renumbered it is found by the sequence numbers")
    func gaps() throws {
        var log = try TestLog(count: 300)
        log.entries.remove(at: 270)
        let damage = try #require(throws: LogDamage.self) { try verifyLog(log.folder(), log.check) }
        #expect(damage.entry == 270)
        for wrong in [#"{"v":2,"n":0270,"t":"x"}"#, #"{"v":2,"n":271,"t":"x"}"#, #"{"n":270}"#, "", #"{"v":2,"n":270}"#] {
            var log = try TestLog(count: 300)
            log.entries[270] = Array(wrong.utf8)
            #expect(throws: LogDamage.self, "\(wrong)") { try verifyLog(log.folder(), log.check) }
        }
        var old = try TestLog(count: 300)
        old.entries[270] = Array(#"{"v":1,"n":270,"t":"x"}"#.utf8)
        #expect(try verifyLog(old.folder(), old.check).size == 300)
    }

    @Test("Leftovers of smaller sizes may lie there, but must agree")
    func leftovers() throws {
        let log = try TestLog(count: 300)
        let small = try TestLog(count: 100)
        var files = log.files().merging(small.files()) { first, _ in first }
        _ = try verifyLog(log.folder(files), log.check)
        for name in ["tile/0/000.p/100", "tile/entries/000.p/100"] {
            let bytes = try #require(files[name])
            files[name] = flipped(bytes, 1_234)
            let damage = try #require(throws: LogDamage.self) { try verifyLog(log.folder(files), log.check) }
            #expect(damage.file == name)
            files[name] = bytes
        }
    }

    @Test("A log that was rewritten or shortened since an earlier checkpoint or a witness's signature is found")
    func rewritten() throws {
        let log = try TestLog(count: 40)
        var rewritten = log
        rewritten.entries[3] = Array(#"{"v":2,"n":3,"t":"other"}"#.utf8)
        var check = rewritten.check
        _ = try verifyLog(rewritten.folder(), check)
        check.earlier = [("kept", log.checkpoint(10))]
        #expect(throws: LogDamage.self) { try verifyLog(rewritten.folder(), check) }
        check.earlier = [("kept", log.checkpoint(3))]
        _ = try verifyLog(rewritten.folder(), check)

        let witness = try WitnessSigner(name: "witness.test/w", seed: Array(repeating: 3, count: 32))
        check = log.check
        check.witnesses = [witness.verifier]
        var files = log.files()
        #expect(throws: LogDamage.self) { try verifyLog(log.folder(files), check) }
        var note = try SignedNote(log.checkpoint(40))
        files[LogFiles.witnessedName] = note.bytes
        #expect(throws: LogDamage.self) { try verifyLog(log.folder(files), check) }
        note.signatures.append(witness.cosign(note.text, at: 1))
        files[LogFiles.witnessedName] = note.bytes
        #expect(try verifyLog(log.folder(files), check).witnessedSize == 40)
        for bit in 0..<note.bytes.count * 8 {
            var changed = files
            changed[LogFiles.witnessedName] = flipped(note.bytes, bit)
            #expect(throws: LogDamage.self) { try verifyLog(log.folder(changed), check) }
        }
        var shorter = try TestLog(count: 30).files()
        shorter[LogFiles.witnessedName] = note.bytes
        let damage = try #require(throws: LogDamage.self) { try verifyLog(log.folder(shorter), check) }
        #expect(damage.reason.contains("shortened"))
    }
}
