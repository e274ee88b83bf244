import Core
import Foundation
import Journal
import Ledger
import Synchronization
import TestKit
import Testing

@Suite("The ledger's clock")
struct ClockTests {
    private let far = noon.advanced(byMilliseconds: 3_650 * 86_400_000)

    @Test("A start years after the last entry is refused, unless it is told to accept the clock; then the journal says so")
    func start() throws {
        let disk = LossyDisk(seed: 1)
        let (ledger, _) = try open(disk)
        ledger.journal.commit()
        ledger.journal.close()
        disk.endProcess()
        #expect(throws: LedgerError.clockAhead(seconds: 3_650 * 86_400, latest: noon)) { _ = try open(disk, at: far) }
        disk.endProcess()
        let (month, _) = try open(disk, at: noon.advanced(byMilliseconds: 31 * 86_400_000))
        month.journal.commit()
        month.journal.close()
        disk.endProcess()
        let (again, report) = try LiveLedger.open(
            byHand(), disk: disk.boot(), node: "test", version: "0", acceptsClock: true, at: far)
        #expect(report.acceptedClockSeconds == Int64(3_619 * 86_400))
        again.journal.commit()
        #expect(try entries(again.journal).contains { if case .act("administrator", _, _) = $0.entry { true } else { false } })
        // The clock is set right: how long windows will wait is said.
        again.tick(at: noon, boot: 1)
        #expect(again.clock.aheadSeconds == 3_650 * 86_400)
    }

    @Test("A running ledger never believes a jump of years by itself")
    func jump() throws {
        let (ledger, _) = try open(LossyDisk(seed: 1))
        for second in 0..<2_000 {
            let ahead: Int64 = second > 2 ? 3_650 * 86_400_000 : 0
            ledger.tick(at: noon.advanced(byMilliseconds: ahead + Int64(second) * 1_000), boot: Int64(second) * 1_000_000_000)
        }
        #expect(ledger.clock.time < noon.advanced(byMilliseconds: 3_000_000) && ledger.clock.doubtfulSeconds > 86_400)
    }

    @Test("The heart beats on a thread of its own, and stops when told")
    func heartbeat() {
        let beats = Beats()
        let heart = Heartbeat(everyMilliseconds: 5) { beats.count.add(1, ordering: .relaxed) }
        Thread.sleep(forTimeInterval: 0.5)
        heart.stop()
        Thread.sleep(forTimeInterval: 0.05)
        let counted = beats.count.load(ordering: .relaxed)
        #expect(counted >= 5)
        Thread.sleep(forTimeInterval: 0.1)
        #expect(beats.count.load(ordering: .relaxed) == counted)
    }
}

private final class Beats: Sendable { let count = Atomic<Int>(0) }
