import Foundation
import Journal
import TestKit
import Testing

@Suite("Damage") struct DamageTests {
    /// Three batches in one segment, all acknowledged, with the files as a crash leaves them.
    private func threeBatches(_ disk: LossyDisk) throws -> (path: String, bytes: [UInt8], entries: [String]) {
        let (journal, _) = try open(settings(), disk.boot())
        var entries: [String] = []
        for batch in 0..<3 {
            for index in 0..<2 {
                let text = "\(batch).\(index)-" + String(repeating: "x", count: 150 * (index + 1))
                entries.append(entry(entries.count, text))
                _ = try journal.append(rest(text), urgent: true)
            }
            #expect(journal.commit())
        }
        disk.endProcess()
        let path = try #require(disk.paths.first { $0.hasSuffix(".journal") })
        return (path, try #require(disk.contents(path)), entries)
    }

    private func used(_ bytes: [UInt8]) -> Int { (bytes.lastIndex { $0 != 0 } ?? -1) + 1 }

    @Test("A last batch cut off at any byte is dropped whole, what came before stays, and the journal goes on")
    func tornTail() throws {
        let (path, bytes, entries) = try threeBatches(LossyDisk(seed: 1))
        let start = try #require(batchOffsets(bytes).last)
        for cut in start..<used(bytes) {
            // Cut off by the end of the file, or by zeros that were never written over.
            for zeroed in [false, true] {
                // A disk writes a sector whole or not at all; half a head or half an end mark is damage, not a torn write.
                if zeroed, cut > start && cut < start + 96 || cut > used(bytes) - 8 { continue }
                let left = Array(bytes[..<cut]) + (zeroed ? [UInt8](repeating: 0, count: bytes.count - cut) : [])
                let disk = LossyDisk(seed: 2)
                disk.replace(path, with: left)
                try goesOn(settings(), disk.boot(), after: Array(entries[..<4]))
                // And with real files, where each takes several real syncs.
                guard cut % 61 == 0 || cut == start else { continue }
                try withFolder { folder in
                    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                    try Data(left).write(to: URL(fileURLWithPath: folder + "/" + (path as NSString).lastPathComponent))
                    try goesOn(settings(folder), PosixDisk(), after: Array(entries[..<4]))
                }
            }
        }
    }

    private func goesOn(_ settings: Journal.Settings, _ disk: some Disk, after entries: [String]) throws {
        let (journal, found) = try open(settings, disk)
        #expect(found == entries)
        #expect(try Int(journal.append(rest("after"), urgent: true)) == entries.count)
        #expect(journal.close())
        let (again, all) = try open(settings, disk)
        #expect(all == entries + [entry(entries.count, "after")])
        again.close()
    }

    @Test("Any changed bit in what was acknowledged is found, named and refused, and the files stay as they are")
    func bitFlips() throws {
        let disk = LossyDisk(seed: 3)
        let (path, bytes, entries) = try threeBatches(disk)
        var found = 0
        for offset in 0..<used(bytes) {
            var changed = bytes
            changed[offset] ^= 1 << (offset % 8)
            let copy = LossyDisk(seed: 4)
            copy.replace(path, with: changed)
            do {
                let (journal, after) = try open(settings(), copy.boot())
                // Only filling between batches and after the head can change without harm.
                #expect(after == entries, "byte \(offset)")
                #expect(bytes[offset] == 0)
                journal.close()
            } catch JournalError.corrupt(let damage) {
                found += 1
                let batches = batchOffsets(bytes)
                let expected = offset < 512 ? 0 : try #require(batches.last { $0 <= offset })
                #expect(damage.offset == expected, "byte \(offset)")
                #expect(path.hasSuffix(damage.file))
                let batch = batches.firstIndex(of: expected) ?? 0
                #expect(damage.sequence == UInt64(2 * batch))
                #expect(copy.contents(path) == changed)
                #expect(copy.paths == [path])
            }
        }
        #expect(found > 1_500)
    }

    @Test("Damage in a real file is refused with its name and place, also by a reader while running")
    func realFile() throws {
        try withFolder { folder in
            let (journal, _) = try open(settings(folder))
            for index in 0..<40 {
                _ = try journal.append(rest("\(index)" + String(repeating: "y", count: 1_000)), urgent: true)
                #expect(journal.commit())
            }
            let name = "segment-0000000001.journal"
            let url = URL(fileURLWithPath: folder + "/" + name)
            var bytes = try Data(contentsOf: url)
            let offset = batchOffsets([UInt8](bytes))[3]
            bytes[offset + 600] ^= 4
            let handle = try FileHandle(forWritingTo: url)
            try handle.write(contentsOf: bytes)
            try handle.close()
            #expect { try journal.read(from: 0, limit: 100) { _, _ in } } throws: { error in
                guard case JournalError.corrupt(let damage) = error else { return false }
                return damage.file == name && damage.offset == offset
            }
            journal.close()
            #expect { try open(settings(folder)) } throws: { error in
                guard case JournalError.corrupt(let damage) = error else { return false }
                return damage.file == name && damage.offset == offset
            }
        }
    }

    @Test("A segment that is missing, or swapped for another, is found")
    func missingSegment() throws {
        let disk = LossyDisk(seed: 5)
        let (journal, _) = try open(settings(), disk.boot())
        for index in 0..<40 {
            _ = try journal.append(rest("\(index)" + String(repeating: "y", count: 1_000)), urgent: true)
            #expect(journal.commit())
        }
        disk.endProcess()
        let segments = disk.paths.filter { $0.hasSuffix(".journal") }
        try #require(segments.count > 3)
        let without = LossyDisk(seed: 6)
        for path in segments where path != segments[1] { without.replace(path, with: disk.contents(path) ?? []) }
        #expect(throws: JournalError.self) { try open(settings(), without.boot()) }
        let headless = LossyDisk(seed: 6)
        for path in segments where path != segments[0] { headless.replace(path, with: disk.contents(path) ?? []) }
        #expect { try open(settings(), headless.boot()) } throws: { error in
            if case JournalError.missing(from: 0, _) = error { true } else { false }
        }
    }
}
