import Foundation
import Journal
import TestKit
import Testing

@Suite("The log's faults") struct LogFaultTests {
    private func fill(_ journal: Journal, _ batches: Int, of count: Int = 50) throws {
        for batch in 0..<batches {
            for index in 0..<count { _ = try journal.append(rest("\(batch).\(index)"), urgent: false) }
            #expect(journal.commit())
        }
    }

    @Test("Any changed bit is found at open, or by reading everything, and named; or it changes nothing that the log covers")
    func everyByte() throws {
        let original = LossyDisk(seed: 1)
        let settings = settings(log: try logSettings())
        let (journal, _) = try openWhole(settings, original.boot())
        try fill(journal, 14)
        #expect(journal.publish())
        try fill(journal, 1, of: 3)
        var written: [[UInt8]] = []
        _ = try journal.read(from: 0, limit: .max) { written.append(Array($1)) }
        original.endProcess()
        var found = 0
        for path in original.paths {
            let bytes = try #require(original.contents(path))
            // Each byte of what is small, samples of what is large.
            for offset in stride(from: 0, to: bytes.count, by: bytes.count > 1_000 ? 131 : 1) {
                let disk = LossyDisk(seed: 2)
                for other in original.paths { disk.replace(other, with: original.contents(other) ?? []) }
                var changed = bytes
                changed[offset] ^= 1 << (offset % 8)
                disk.replace(path, with: changed)
                do {
                    let (again, entries) = try openWhole(settings, disk.boot())
                    // Only what is made anew from segments, and filling, can change without harm.
                    #expect(entries == written, "\(path) at \(offset)")
                    #expect(again.publish(), "\(path) at \(offset)")
                    try checkLog(disk, "data", entries)
                    again.close()
                } catch let broken as LogBroken {
                    // In a bundle at which the segments begin: what segments have is found by the check of the whole log.
                    found += 1
                    let name = try #require(path.split(separator: "/log/").last)
                    #expect(broken.reason.hasPrefix(name), "\(path) at \(offset): \(broken)")
                } catch JournalError.corrupt(let damage) {
                    found += 1
                    // An entry and the tile over it that do not agree are told apart only where there is a tile above.
                    let other = damage.file.replacing("tile/entries/", with: "tile/0/")
                    #expect(path.hasSuffix(damage.file) || path.hasSuffix(other), "\(path) at \(offset): \(damage)")
                }
            }
        }
        #expect(found > 400)
    }

    @Test("A last batch that a checkpoint covers cannot be taken for one that was never acknowledged")
    func coveredTail() throws {
        let disk = LossyDisk(seed: 3)
        let settings = settings(log: try logSettings())
        let (journal, _) = try openWhole(settings, disk.boot())
        try fill(journal, 3)
        #expect(journal.publish())
        disk.endProcess()
        let path = try #require(disk.paths.last { $0.hasSuffix(".journal") && !batchOffsets(disk.contents($0) ?? []).isEmpty })
        let bytes = try #require(disk.contents(path))
        let start = try #require(batchOffsets(bytes).last)
        disk.replace(path, with: Array(bytes[..<(start + 512)]) + [UInt8](repeating: 0, count: bytes.count - start - 512))
        #expect { try openWhole(settings, disk.boot()) } throws: { error in
            guard case JournalError.corrupt(let damage) = error else { return false }
            return damage.file == "log/checkpoint" && damage.sequence == 100
        }
    }

    @Test("What is missing is named: the checkpoint, a bundle, a tile, the segments, and a key that is not the log's")
    func missing() throws {
        let original = LossyDisk(seed: 4)
        let settings = settings(log: try logSettings())
        let (journal, _) = try openWhole(settings, original.boot())
        try fill(journal, 60)
        #expect(journal.publish())
        original.endProcess()
        func without(_ isGone: (String) -> Bool) -> LossyDisk {
            let disk = LossyDisk(seed: 5)
            for path in original.paths where !isGone(path) { disk.replace(path, with: original.contents(path) ?? []) }
            return disk
        }
        func named(_ disk: LossyDisk, _ file: String, _ settings: Journal.Settings) {
            #expect {
                try openWhole(settings, disk.boot())
            } throws: { error in
                if case JournalError.corrupt(let damage) = error { damage.file == file } else { false }
            }
        }
        named(without { $0.hasSuffix("checkpoint") }, "log/checkpoint", settings)
        named(without { $0.hasSuffix("entries/003") }, "log/tile/entries/003", settings)
        named(without { $0.hasSuffix("tile/0/003") }, "log/tile/0/003", settings)
        named(without { $0.hasSuffix(".journal") }, "log/checkpoint", settings)
        var other = settings
        other.log = try LogSettings(origin: "weir.test/log", seed: [UInt8](repeating: 8, count: 32))
        named(without { _ in false }, "log/checkpoint", other)
    }

    @Test("A full disk under the log's files loses nothing and stops no commit; the log catches up when there is room")
    func fullDisk() throws {
        let disk = LossyDisk(seed: 6)
        var settings = settings(log: try logSettings())
        settings.log?.maxUnpublishedBytes = 10 * settings.segmentBytes
        let (journal, _) = try openWhole(settings, disk.boot())
        try fill(journal, 3)
        disk.failWrites(1)
        #expect(!journal.publish())
        #expect(journal.statistics.logTrouble != nil)
        #expect(journal.checkpoint == nil)
        try fill(journal, 3)
        #expect(journal.publish())
        #expect(journal.statistics.logTrouble == nil)
        #expect(journal.checkpoint?.size == 300)
        // Segments that wait for the log are bounded, and who waits for an entry is refused; what has happened is still taken.
        try fill(journal, 60)
        #expect {
            for _ in 0..<40 {
                try fill(journal, 1)
                _ = try journal.append(rest("urgent"), urgent: true)
            }
        } throws: { error in
            if case JournalError.unavailable(.unpublished) = error { true } else { false }
        }
        _ = try journal.append(rest("end"), urgent: false)
        #expect(journal.commit())
        #expect(journal.publish())
        _ = try journal.append(rest("again"), urgent: true)
        #expect(journal.close())
        disk.restorePower()
        let (again, entries) = try openWhole(settings, disk.boot())
        #expect(UInt64(entries.count) == journal.next)
        again.close()
    }

    @Test("A whole file whose sync failed is made anew before a segment goes")
    func failedSync() throws {
        let disk = LossyDisk(seed: 7)
        let settings = settings(log: try logSettings())
        let (journal, _) = try openWhole(settings, disk.boot())
        try fill(journal, 60)
        let segments = disk.paths.filter { $0.hasSuffix(".journal") }.count
        // The first sync is that of the checkpoint, the second fails in the tiles.
        #expect(journal.publish() || true)
        try fill(journal, 20)
        disk.failSyncs(1)
        #expect(!journal.publish())
        disk.failSyncs(0)
        #expect(journal.publish())
        #expect(disk.paths.filter { $0.hasSuffix(".journal") }.count < segments)
        #expect(disk.syncsAfterFailedSync == 0)
        disk.restorePower()
        #expect(try openWhole(settings, disk.boot()).entries.count == 4_000)
    }

    @Test("Journals of earlier formats open, get their log, and go on")
    func fixtures() throws {
        let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
        for (name, count) in [("format-1", 302), ("format-2", 702)] {
            try withFolder { folder in
                try FileManager.default.copyItem(atPath: fixtures.appendingPathComponent(name).path, toPath: folder)
                let settings = settings(folder, log: try logSettings())
                let (journal, entries) = try openWhole(settings, PosixDisk())
                #expect(entries.count == count, "\(name)")
                #expect(entries.first.map { String(decoding: $0, as: UTF8.self).contains("\"t\":\"start\"") } == true)
                #expect(journal.publish())
                #expect(journal.checkpoint?.size == UInt64(count))
                _ = try journal.append(rest("new"), urgent: true)
                #expect(journal.close())
                #expect(try Journal.scan(folder: folder) { _, _ in } == UInt64(count) + 1)
            }
        }
    }
}
