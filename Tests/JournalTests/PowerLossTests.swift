import Journal
import TestKit
import Testing

@Suite("Power loss") struct PowerLossTests {
    static let seeds = 10_000
    static let parts = 4

    @Test(
        "After a loss of power at any moment every acknowledged entry is there, without a gap, and the journal goes on",
        arguments: 0..<parts)
    func everySeed(part: Int) throws {
        for seed in stride(from: part, to: Self.seeds, by: Self.parts) {
            do {
                try play(UInt64(seed))
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
        }
    }

    private struct Broken: Error { var reason: String }

    /// A few lives of one journal, each ended by a loss of power, a kill or a close, at a random operation of the disk.
    private func play(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let disk = LossyDisk(seed: seed ^ 0xD15C)
        var settings = settings(segmentBytes: Int.random(in: 2...12, using: &random) * 1024)
        settings.maxPendingBytes = 32 * 1024
        /// What the entries from number 0 on should be; those past `acknowledged` may be lost.
        var expected: [String] = []
        var acknowledged = 0
        for life in 0..<4 {
            disk.failPower(afterOperations: Int.random(in: 0...60, using: &random))
            let opened: (journal: Journal, entries: [String])
            do {
                opened = try open(settings, disk.boot())
            } catch let error as JournalError {
                // Only a loss of power may keep it from opening.
                guard case .disk = error, !disk.isOn else { throw error }
                disk.restorePower()
                continue
            }
            let (journal, entries) = opened
            guard entries.count >= acknowledged else {
                throw Broken(reason: "life \(life): \(acknowledged) were acknowledged, \(entries.count) are there")
            }
            guard entries == Array(expected.prefix(entries.count)) else {
                throw Broken(reason: "life \(life): entries differ from what was appended")
            }
            expected = entries
            acknowledged = entries.count
            if Int.random(in: 0..<8, using: &random) == 0 { disk.failSyncs(Int.random(in: 1...3, using: &random)) }
            if Int.random(in: 0..<8, using: &random) == 0 { disk.failWrites(1) }
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                for _ in 0..<Int.random(in: 0...4, using: &random) {
                    let text = "\(seed).\(life).\(expected.count)" + fillRandomly(&random)
                    let urgent = Bool.random(using: &random)
                    do {
                        let sequence = try journal.append(rest(text), urgent: urgent)
                        guard Int(sequence) == expected.count else { throw Broken(reason: "number \(sequence)") }
                        expected.append(entry(expected.count, text))
                    } catch JournalError.unavailable {
                        continue
                    }
                }
                journal.commit()
                acknowledged = Int(journal.durable)
            }
            disk.failSyncs(0)
            disk.failWrites(0)
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                journal.close()
                acknowledged = Int(journal.durable)
                if !disk.isOn { disk.restorePower() }
            case 1:
                if disk.isOn { disk.endProcess() } else { disk.restorePower() }
            default: disk.restorePower()
            }
            guard disk.syncsAfterFailedSync == 0 else { throw Broken(reason: "a failed sync was tried again") }
        }
    }
}
