import Journal
import TestKit
import Testing

@Suite("Power loss with a log") struct LogPowerLossTests {
    static let seeds = 10_000
    static let parts = 4

    @Test(
        "After a loss of power at any moment every acknowledged entry is there, every checkpoint that was published still holds, and both go on",
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

    private func play(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let disk = LossyDisk(seed: seed ^ 0x10C)
        let settings = settings(segmentBytes: Int.random(in: 4...16, using: &random) * 1024, log: try logSettings())
        /// What was found or appended, without the head, since salts of entries that were lost are not known.
        var expected: [[UInt8]] = []
        var acknowledged = 0
        var published: [Checkpoint] = []
        for life in 0..<3 {
            disk.failPower(afterOperations: Int.random(in: 0...200, using: &random))
            let opened: (journal: Journal, entries: [[UInt8]])
            do {
                opened = try openWhole(settings, disk.boot())
            } catch let error as JournalError {
                guard case .disk = error, !disk.isOn else { throw error }
                disk.restorePower()
                continue
            }
            let (journal, found) = opened
            guard found.count >= acknowledged else {
                throw LogBroken(reason: "life \(life): \(acknowledged) were acknowledged, \(found.count) are there")
            }
            guard found.count <= expected.count else { throw LogBroken(reason: "life \(life): entries that nobody appended") }
            for (found, expected) in zip(found, expected) where Array(found.suffix(expected.count)) != expected {
                throw LogBroken(reason: "life \(life): entries differ")
            }
            try checkRoots(published, found)
            expected.removeLast(expected.count - found.count)
            acknowledged = found.count
            if Int.random(in: 0..<8, using: &random) == 0 { disk.failSyncs(Int.random(in: 1...3, using: &random)) }
            if Int.random(in: 0..<8, using: &random) == 0 { disk.failWrites(1) }
            for _ in 0..<Int.random(in: 0...8, using: &random) {
                for _ in 0..<Int.random(in: 0...60, using: &random) {
                    let rest = Array("\"n\":\(expected.count),\"life\":\(life)}".utf8)
                    // Refused is only what does not fit while the disk fails.
                    if (try? journal.append(rest, urgent: false)) != nil { expected.append(rest) }
                }
                journal.commit()
                acknowledged = Int(journal.durable)
                if Bool.random(using: &random) {
                    try publish(journal, &published)
                }
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
            guard disk.syncsAfterFailedSync == 0 else { throw LogBroken(reason: "a failed sync was tried again") }
        }
        try finish(settings, disk)
    }

    private func publish(_ journal: Journal, _ published: inout [Checkpoint]) throws {
        let isWhole = journal.publish()
        guard let checkpoint = journal.checkpoint else { return }
        if isWhole, checkpoint.size != journal.durable {
            throw LogBroken(reason: "the checkpoint does not cover what is durable")
        }
        if checkpoint != published.last { published.append(checkpoint) }
    }

    private func checkRoots(_ published: [Checkpoint], _ found: [[UInt8]]) throws {
        var tree = Frontier()
        var next = 0
        for checkpoint in published {
            guard checkpoint.size <= found.count else { throw LogBroken(reason: "a checkpoint covers more than is there") }
            while tree.size < checkpoint.size {
                tree.append(leafHash(of: found[next]))
                next += 1
            }
            if tree.size == checkpoint.size, tree.root != checkpoint.root { throw LogBroken(reason: "the root has changed") }
        }
    }

    private func finish(_ settings: Journal.Settings, _ disk: LossyDisk) throws {
        disk.restorePower()
        let (last, found) = try openWhole(settings, disk.boot())
        guard last.publish() else { throw LogBroken(reason: last.statistics.logTrouble ?? "not published") }
        if !found.isEmpty { try checkLog(disk, "data", found) }
        last.close()
    }
}
