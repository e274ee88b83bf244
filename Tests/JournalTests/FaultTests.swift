import Foundation
import Journal
import TestKit
import Testing

@Suite("Disk faults") struct FaultTests {
    @Test("After a failed sync the file is left alone, everything is written to a new one, and nothing is lost")
    func failedSync() throws {
        let disk = LossyDisk(seed: 1)
        let (journal, _) = try open(settings(), disk.boot())
        _ = try journal.append(rest("a"), urgent: true)
        #expect(journal.commit())
        _ = try journal.append(rest("b"), urgent: true)
        disk.failSyncs(2)
        #expect(!journal.commit())
        #expect(journal.durable == 1)
        guard case .failed = journal.state else {
            Issue.record("the journal should say that it failed")
            return
        }
        // Somebody would wait for an urgent one; the end of a call that was let through is still taken.
        #expect(throws: JournalError.self) { try journal.append(rest("refused"), urgent: true) }
        #expect(try journal.append(rest("c"), urgent: false) == 2)
        #expect(!journal.commit())
        #expect(journal.commit())
        #expect(journal.state == .running)
        #expect(journal.durable == 3)
        #expect(disk.syncsAfterFailedSync == 0)
        var read: [String] = []
        _ = try journal.read(from: 0, limit: 10) { read.append(text($1)) }
        #expect(read == [entry(0, "a"), entry(1, "b"), entry(2, "c")])
        disk.restorePower()
        #expect(try open(settings(), disk.boot()).entries == read)
    }

    @Test("A full disk refuses urgent entries and keeps the others; with room again it goes on without a restart")
    func fullDisk() throws {
        let disk = LossyDisk(seed: 2)
        let (journal, _) = try open(settings(segmentBytes: 4096, byHand: false), disk.boot())
        disk.setCapacity(10_000)
        var taken = 0
        var lazy = 0
        var refusal: JournalError?
        while refusal == nil {
            do throws(JournalError) {
                _ = try journal.append(rest(String(repeating: "z", count: 500)), urgent: true)
                taken += 1
                usleep(2_000)
            } catch {
                refusal = error
            }
        }
        #expect(refusal?.description.contains("No space left") == true)
        #expect(taken > 2)
        for _ in 0..<3 {
            _ = try journal.append(rest("end"), urgent: false)
            lazy += 1
        }
        usleep(50_000)
        #expect(journal.durable < UInt64(taken + lazy))
        disk.setCapacity(nil)
        #expect(eventually { journal.durable == UInt64(taken + lazy) })
        #expect(eventually { journal.state == .running })
        _ = try journal.append(rest("again"), urgent: true)
        #expect(journal.close())
        disk.restorePower()
        #expect(try open(settings(), disk.boot()).entries.count == taken + lazy + 1)
    }

    @Test("Entries that wait for the disk are bounded; urgent ones are refused first")
    func bounded() throws {
        var settings = settings()
        settings.maxPendingBytes = 8 * 1024
        let (journal, _) = try open(settings, LossyDisk(seed: 3).boot())
        let large = rest(String(repeating: "w", count: 900))
        var urgent = 0
        #expect(throws: JournalError.unavailable(.full(limit: 4096))) {
            for _ in 0..<100 {
                _ = try journal.append(large, urgent: true)
                urgent += 1
            }
        }
        var lazy = 0
        #expect(throws: JournalError.unavailable(.full(limit: 8192))) {
            for _ in 0..<100 {
                _ = try journal.append(large, urgent: false)
                lazy += 1
            }
        }
        #expect((3...4).contains(urgent))
        #expect((3...5).contains(lazy))
        #expect(journal.commit())
        #expect(try journal.append(large, urgent: true) == UInt64(urgent + lazy))
    }

    @Test("Closing while the disk fails says that not everything is durable")
    func closeWhileFailing() throws {
        let disk = LossyDisk(seed: 4)
        let (journal, _) = try open(settings(byHand: false), disk.boot())
        disk.failSyncs(.max)
        _ = try journal.append(rest("a"), urgent: true)
        #expect(eventually { journal.state != .running })
        #expect(!journal.close())
        #expect(journal.durable == 0)
    }

    @Test("A folder that cannot be written to is refused at open, and the lock is given back")
    func unwritable() throws {
        let disk = LossyDisk(seed: 5)
        disk.setCapacity(100)
        #expect { try open(settings(), disk.boot()) } throws: { error in
            if case JournalError.disk = error { true } else { false }
        }
        disk.setCapacity(nil)
        try open(settings(), disk.boot()).journal.close()
    }
}
