import Journal
import TestKit
import Testing

@Suite("Copies of a log") struct LogCopyTests {
    private func fill(_ journal: Journal, _ count: Int) throws {
        for index in 0..<count { _ = try journal.append(rest("\(index)"), urgent: false) }
        #expect(journal.commit())
        #expect(journal.publish())
    }

    @Test("A copy follows the log; restored, it has every entry that its checkpoint covers and names those that it lacks")
    func followAndRestore() throws {
        var random = SeededRandom(seed: testSeed("copies of a log"))
        let disk = LossyDisk(seed: 1)
        let log = try logSettings()
        let (journal, _) = try openWhole(settings(log: log), disk.boot())
        var copy = LogCopy(of: "data", to: "backup/log", verifier: log.signer.verifier, disk: disk.boot())
        #expect(try copy.step() == nil)
        for _ in 0..<12 {
            try fill(journal, Int.random(in: 1...400, using: &random))
            #expect(try copy.step() == journal.checkpoint)
        }
        // Another copier goes on where the first one ended.
        var next = LogCopy(of: "data", to: "backup/log", verifier: log.signer.verifier, disk: disk.boot())
        try fill(journal, 300)
        #expect(try next.step() == journal.checkpoint)
        let size = Int(journal.durable)
        try fill(journal, 70)
        let known = try #require(journal.checkpoint)
        var written: [[UInt8]] = []
        _ = try journal.read(from: 0, limit: .max) { written.append(Array($1)) }
        #expect(journal.close())
        #expect(disk.paths.filter { $0.hasPrefix("backup/") && $0.contains(".p/") }.count <= 3)

        // Nobody opens a copy by mistake, and under the old origin there would be two logs.
        #expect(throws: JournalError.self) { try openWhole(settings("backup", log: log), disk.boot()) }
        let range = UInt64(size)..<UInt64(size + 70)
        #expect(throws: JournalError.sameOrigin(origin: "weir.test/log", missing: range)) {
            try Journal.restore(
                copy: "backup/log", verifier: log.signer.verifier, to: "new", signer: log.signer, known: known, disk: disk.boot())
        }
        let signer = try LogSigner(name: "weir.test/log-2", seed: [UInt8](repeating: 9, count: 32))
        let restored = try Journal.restore(
            copy: "backup/log", verifier: log.signer.verifier, to: "new", signer: signer, known: known, disk: disk.boot())
        #expect(restored.size == UInt64(size))
        #expect(restored.missing == range)
        disk.restorePower()
        let (again, found) = try openWhole(settings("new", log: LogSettings(signer: signer)), disk.boot())
        #expect(found == Array(written.prefix(size)))
        try fill(again, 300)
        #expect(again.close())
    }

    @Test("A changed bit anywhere in a copy is found before anything is restored from it")
    func damagedCopy() throws {
        let disk = LossyDisk(seed: 2)
        let log = try logSettings()
        let (journal, _) = try openWhole(settings(log: log), disk.boot())
        var copy = LogCopy(of: "data", to: "backup", verifier: log.signer.verifier, disk: disk.boot())
        try fill(journal, 300)
        try copy.step()
        #expect(journal.close())
        for path in disk.paths where path.hasPrefix("backup/") && !path.contains("tile/1/") {
            let bytes = try #require(disk.contents(path))
            for offset in stride(from: 0, to: bytes.count, by: path.contains("tile") ? 97 : 1) {
                var changed = bytes
                changed[offset] ^= 1 << (offset % 8)
                disk.replace(path, with: changed)
                #expect(throws: JournalError.self, "\(path) at \(offset)") {
                    try Journal.restore(
                        copy: "backup", verifier: log.signer.verifier, to: "new", signer: log.signer, known: nil,
                        disk: disk.boot())
                }
            }
            disk.replace(path, with: bytes)
        }
        #expect(!disk.paths.contains { $0.hasPrefix("new/") })
    }

    @Test("A source that is not the log that was copied so far is not copied")
    func otherSource() throws {
        let disk = LossyDisk(seed: 3)
        let log = try logSettings()
        let (journal, _) = try openWhole(settings(log: log), disk.boot())
        let (other, _) = try openWhole(settings("other", log: log), disk.boot())
        var copy = LogCopy(of: "data", to: "backup", verifier: log.signer.verifier, disk: disk.boot())
        try fill(journal, 300)
        try copy.step()
        try fill(other, 700)
        var wrong = LogCopy(of: "other", to: "backup", verifier: log.signer.verifier, disk: disk.boot())
        #expect(throws: JournalError.self) { try wrong.step() }
        #expect(disk.contents("backup/checkpoint") == disk.contents("data/log/checkpoint"))
    }
}
