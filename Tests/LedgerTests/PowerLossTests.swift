import Core
import Journal
import Ledger
import Synchronization
import TestKit
import Testing

@Suite("Power loss under the ledger")
struct PowerLossTests {
    @Test("Over 10,000 losses of power every send that was allowed is covered afterwards, and no total passes its limit")
    func seeds() throws {
        let broken = Mutex<[String]>([])
        onThreads(2) { half in
            for seed in stride(from: UInt64(half), to: 10_000, by: 2) {
                do {
                    var life = Life(seed: seed)
                    try life.run()
                } catch {
                    // A thread of ours belongs to no test: what it finds is told by the test itself.
                    broken.withLock { $0.append("seed \(seed): \(error)") }
                    return
                }
            }
        }
        let found = broken.withLock { $0 }
        #expect(found.isEmpty, "\(found)")
    }
}

private struct Broken: Error, CustomStringConvertible {
    var description: String
}

/// A few lives of one ledger on one disk, each ended by a loss of power, a `kill -9` or in order.
private struct Life {
    var random: SeededRandom
    let disk: LossyDisk
    var allowances: AllowanceSettings
    var now = noon
    /// Holds that were allowed to be sent, by sequence number, whose entry may not be durable.
    var sent: [UInt64: (hold: Hold, key: String)] = [:]
    var waiting: [Hold] = []
    var open: [Hold] = []
    var ended: [Hold] = []

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        disk = LossyDisk(seed: seed)
        allowances = smallBlocks(.random(in: 1...60, using: &random))
    }

    mutating func run() throws {
        for life in 0..<2 {
            let (ledger, report) = try LedgerTests.open(disk, allowances: allowances, at: now)
            _ = try judge(ledger, report, life)
            sent = [:]
            waiting = []
            open = []
            ended = []
            try live(ledger)
        }
        try finish()
    }

    private mutating func live(_ ledger: LiveLedger) throws {
        if ledger.keys.isEmpty {
            _ = try ledger.record(key: record("a", limit: .random(in: 20...400, using: &random)), at: now)
            _ = try ledger.record(key: record("b"), at: now)
            let grace = SpendLimit.Grace(name: "exam", amount: nanos(.random(in: 0...50, using: &random)))
            let day = SpendLimit(
                period: .day(zone: "UTC"), amount: nanos(.random(in: 50...600, using: &random)), grace: grace, alertPercents: [50]
            )
            let hour = SpendLimit(period: .rolling(seconds: 3_600), amount: nanos(.random(in: 50...300, using: &random)))
            let all = SpendLimit(period: .total, amount: nanos(.random(in: 300...1_000, using: &random)))
            try ledger.setLimits(
                [(.tenant("acme"), AccountLimits(spend: [day, all])), (.key("b"), AccountLimits(spend: [hour]))], at: now)
            ledger.journal.commit()
        }
        if Bool.random(using: &random) { disk.failPower(afterOperations: .random(in: 0...25, using: &random)) }
        for _ in 0..<Int.random(in: 5...50, using: &random) {
            step(ledger)
            if !disk.isOn { break }
        }
        disk.failSyncs(0)
        let ending = Int.random(in: 0..<5, using: &random)
        if ending < 2, disk.isOn { disk.failPower(afterOperations: .max) }
        switch ending {
        case 0 where disk.isOn:
            ledger.shutdown(open: open, at: now)
            let all = ledger.journal.close()
            if all { disk.endProcess() } else { disk.restorePower() }
        case 1 where disk.isOn:
            ledger.journal.commit()
            settleWaiting(ledger)
            disk.endProcess()
        default: disk.restorePower()
        }
    }

    private mutating func step(_ ledger: LiveLedger) {
        switch Int.random(in: 0..<22, using: &random) {
        case 0..<9:
            let key = Int.random(in: 0..<ledger.keys.count, using: &random)
            let outcome = ledger.hold(request(key, .random(in: 0...30, using: &random), at: now, attempt: random.next()))
            guard case .admitted(let hold, let mustSync) = outcome else { return }
            open.append(hold)
            if mustSync { waiting.append(hold) } else { send(hold, ledger) }
        case 9..<14:
            guard let at = open.indices.randomElement(using: &random) else { return }
            let hold = open[at]
            // Only what was sent can have been charged.
            guard sent[hold.sequence] != nil else { return }
            open.remove(at: at)
            switch Int.random(in: 0..<8, using: &random) {
            case 0: ledger.end(hold, .voided("test"), at: now)
            case 1: ledger.end(hold, .doubt("test"), at: now)
            default:
                let most = hold.amount.nanos + (Int.random(in: 0..<6, using: &random) == 0 ? 20 : 0)
                ledger.end(hold, .settled(.zero, nanos(.random(in: 0...most, using: &random)), estimated: false), at: now)
                ended.append(hold)
            }
        case 14..<18:
            ledger.journal.commit()
            settleWaiting(ledger)
        case 18: now = now.advanced(byMilliseconds: .random(in: -3_600_000...2 * 86_400_000, using: &random))
        case 19:
            if let at = open.indices.randomElement(using: &random) {
                _ = ledger.lengthen(&open[at], by: nanos(.random(in: 0...20, using: &random)), outputBound: 9, at: now)
            }
        case 20:
            guard let hold = ended.randomElement(using: &random) else { return }
            // What is not durable yet cannot be corrected, and evidence that a loss of power took counts anew.
            let amount = Int64.random(in: -5...9, using: &random)
            let evidence = "e\(Int.random(in: 0..<9, using: &random))"
            _ = try? ledger.correct(
                Correction(hold: hold.sequence, attempt: hold.attempt, amount: nanos(amount), evidence: evidence, why: "test"),
                at: now)
        default:
            if Int.random(in: 0..<4, using: &random) == 0 { disk.failSyncs(1) }
            ledger.tick(at: now)
        }
    }

    private mutating func send(_ hold: Hold, _ ledger: LiveLedger) {
        sent[hold.sequence] = (hold, hold.key == 0 ? "a" : "b")
    }

    private mutating func settleWaiting(_ ledger: LiveLedger) {
        let durable = ledger.journal.durable
        for hold in waiting where hold.sequence < durable { send(hold, ledger) }
        waiting.removeAll { $0.sequence < durable }
    }

    /// Each send is covered by its own entry, or its money is within the doubtful allowance of its key.
    private func judge(_ ledger: LiveLedger, _ report: RecoveryReport, _ life: Int) throws -> Fold {
        ledger.journal.commit()
        var found: Set<UInt64> = []
        var fold = Fold()
        var ends: Set<UInt64> = []
        for (sequence, at, entry) in try entries(ledger.journal) {
            try fold.apply(sequence, at: at, entry)
            if case .hold(let hold) = entry, let hold = sent[sequence].map({ ($0.hold, hold) }), hold.0.attempt == hold.1.attempt
            {
                found.insert(sequence)
            }
            if case .end(let end) = entry, !ends.insert(end.hold).inserted { throw Broken(description: "two ends") }
        }
        var lost: [String: Int64] = [:]
        for (sequence, send) in sent where !found.contains(sequence) { lost[send.key, default: 0] += send.hold.amount.nanos }
        for (key, amount) in lost {
            let covered = report.doubtfulAllowances.filter { $0.key == key }
            guard let block = covered.first, block.amount.nanos >= amount else {
                throw Broken(description: "life \(life): \(amount) sent by \(key) and lost, \(covered) covers it")
            }
        }
        if let difference = difference(ledger, fold) { throw Broken(description: "life \(life): \(difference)") }
        return fold
    }

    /// A last life in which policy ends every doubt.
    private mutating func finish() throws {
        let (ledger, report) = try LedgerTests.open(disk, allowances: allowances, at: now)
        var fold = try judge(ledger, report, 2)
        ledger.tick(at: now.advanced(byMilliseconds: 11 * 86_400_000))
        ledger.journal.commit()
        for (sequence, at, entry) in try entries(ledger.journal, from: fold.next) {
            try fold.apply(sequence, at: at, entry)
        }
        guard fold.holds.isEmpty, fold.balances.values.allSatisfy({ $0.reserved == 0 }) else {
            throw Broken(description: "something stays reserved for ever")
        }
        ledger.journal.close()
    }
}
