import Foundation
import Journal
import Synchronization
import TestKit
import Testing

@Suite("The journal's log") struct LogTests {
    /// Opens a journal that keeps a log, with all its entries as they are.
    private func openLog(
        _ folder: String = "data", _ disk: some Disk, segmentBytes: Int = 16 * 1024
    ) throws -> (journal: Journal, entries: [[UInt8]]) {
        try openWhole(settings(folder, segmentBytes: segmentBytes, log: try logSettings()), disk)
    }

    private func fill(_ journal: Journal, batches: Int, of count: Int) throws {
        for batch in 0..<batches {
            for index in 0..<count { _ = try journal.append(rest("\(batch).\(index)"), urgent: true) }
            #expect(journal.commit())
        }
    }

    private func all(_ journal: Journal) throws -> [[UInt8]] {
        var entries: [[UInt8]] = []
        _ = try journal.read(from: 0, limit: .max) { _, bytes in entries.append(Array(bytes)) }
        return entries
    }

    @Test("Each entry has a salt of 128 bits of its own")
    func salts() throws {
        let (journal, _) = try openLog("data", LossyDisk(seed: 1).boot())
        try fill(journal, batches: 1, of: 1_000)
        let salts = try all(journal).enumerated().map { index, bytes -> Substring in
            let text = String(decoding: bytes, as: UTF8.self)
            let head = "{\"v\":2,\"n\":\(index),\"s\":\""
            #expect(text.hasPrefix(head))
            let salt = text.dropFirst(head.count).prefix(22)
            #expect(salt.utf8.allSatisfy { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8.contains($0) })
            // Two bits of the last character belong to the 128.
            #expect("AQgw".contains(salt.last ?? " "))
            #expect(text.dropFirst(head.count + 22).hasPrefix("\",\"t\":"))
            return salt
        }
        #expect(Set(salts).count == 1_000)
        // Every bit is there: no character stands still at any place.
        for place in 0..<21 { #expect(Set(salts.map { Array($0)[place] }).count > 40) }
    }

    @Test("What is published is a log as C2SP tlog-tiles has it, at every size")
    func tiles() throws {
        let disk = LossyDisk(seed: 2)
        let (journal, _) = try openLog("data", disk.boot())
        #expect(journal.checkpoint == nil)
        for size in [1, 2, 255, 256, 257, 511, 512, 700, 1_024, 1_025, 3_000] {
            try fill(journal, batches: 1, of: size - Int(journal.next))
            #expect(journal.publish())
            #expect(Int(journal.checkpoint?.size ?? 0) == size)
            try checkLog(disk, "data", try all(journal))
        }
        // Partial files of two checkpoints at most.
        #expect(disk.paths.filter { $0.contains(".p/") }.count <= 6)
        #expect(journal.statistics.checkpoints == 11)
        #expect(journal.close())
    }

    @Test("Segments go when the log has their entries; all entries are still read, also after a restart")
    func segmentsGo() throws {
        let disk = LossyDisk(seed: 3)
        let (journal, _) = try openLog("data", disk.boot())
        try fill(journal, batches: 60, of: 50)
        let written = try all(journal)
        #expect(disk.paths.filter { $0.hasSuffix(".journal") }.count > 10)
        #expect(journal.publish())
        #expect(disk.paths.filter { $0.hasSuffix(".journal") }.count <= 4)
        #expect(try all(journal) == written)
        for from in stride(from: 0, to: 3_000, by: 397) {
            var read: [[UInt8]] = []
            #expect(try journal.read(from: UInt64(from), limit: 300) { read.append(Array($1)) } == UInt64(min(from + 300, 3_000)))
            #expect(read == Array(written[from..<min(from + 300, 3_000)]))
        }
        disk.restorePower()
        let (again, entries) = try openLog("data", disk.boot())
        #expect(entries == written)
        try fill(again, batches: 10, of: 50)
        #expect(again.publish())
        let more = try all(again)
        #expect(Array(more.prefix(3_000)) == written)
        try checkLog(disk, "data", more)
        #expect(again.close())
        // Without the settings nothing is published, but everything can be read and checked.
        var scanned: [[UInt8]] = []
        #expect(try Journal.scan(folder: "data", disk: disk.boot()) { scanned.append(Array($1)) } == 3_500)
        #expect(scanned == more)
        let (plain, _) = try open(settings(), disk.boot(), from: 3_400)
        #expect(try all(plain) == more)
        plain.close()
    }

    @Test("A restart with books up to date reads no old bundle")
    func tailOnly() throws {
        let disk = LossyDisk(seed: 4)
        let (journal, _) = try openLog("data", disk.boot())
        try fill(journal, batches: 60, of: 50)
        #expect(journal.publish())
        #expect(journal.close())
        for path in disk.paths where path.contains("tile/entries") { disk.erase(path) }
        var tail = 0
        let settings = settings("data", log: try logSettings())
        let again = try Journal.open(settings, disk: disk.boot(), from: 2_990) { _, _ in tail += 1 }
        #expect(tail == 10)
        #expect(throws: JournalError.self) { try again.read(from: 0, limit: 1) { _, _ in } }
        again.close()
    }

    @Test("Threads publish within 200 ms while entries come and after the last, over real files")
    func threads() throws {
        try withFolder { folder in
            var settings = settings(folder, segmentBytes: 64 * 1024, byHand: false, log: try logSettings())
            settings.commitIntervalMicroseconds = 500
            let journal = try Journal.open(settings) { _, _ in }
            let told = Mutex<[(size: UInt64, at: ContinuousClock.Instant)]>([])
            journal.onCheckpoint { checkpoint, _ in told.withLock { $0.append((checkpoint.size, .now)) } }
            let began = ContinuousClock.now
            var count = 0
            while ContinuousClock.now - began < .seconds(2) {
                for _ in 0..<20 {
                    _ = try journal.append(rest("\(count)-" + String(repeating: "z", count: 200)), urgent: true)
                    count += 1
                }
                usleep(2_000)
            }
            #expect(eventually { journal.checkpoint.map { Int($0.size) } == count })
            let times = told.withLock { $0 }
            #expect(times.count >= 10)
            #expect(eventually { journal.statistics.segments < 5 })
            #expect(journal.statistics.logTrouble == nil)
            let written = try all(journal)
            #expect(written.count == count)
            #expect(journal.close())
            let copy = LossyDisk(seed: 5)
            for case let path as String in try #require(FileManager.default.enumerator(atPath: folder)) {
                let url = URL(fileURLWithPath: folder + "/" + path)
                guard let bytes = try? Data(contentsOf: url), !path.hasSuffix(".journal") else { continue }
                copy.replace("data/" + path, with: Array(bytes))
            }
            try checkLog(copy, "data", written)
        }
    }

    @Test("A folder of segments only, as earlier versions wrote it, gets its log")
    func older() throws {
        let disk = LossyDisk(seed: 6)
        let (plain, _) = try open(settings(), disk.boot())
        try fill(plain, batches: 60, of: 50)
        #expect(plain.close())
        let (journal, entries) = try openLog("data", disk.boot())
        #expect(entries.count == 3_000)
        #expect(journal.publish())
        try checkLog(disk, "data", entries)
        #expect(try all(journal) == entries)
        #expect(journal.close())
    }
}
