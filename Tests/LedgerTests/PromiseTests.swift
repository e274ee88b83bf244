import Core
import Foundation
import Journal
import Ledger
import Synchronization
import TestKit
import Testing

/// A folder of its own that is gone afterwards.
func withFolder<T>(_ body: (String) throws -> T) throws -> T {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-ledger-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
}

/// Runs `body` on so many threads at once and waits for all.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let done = DispatchGroup()
    for number in 0..<count {
        done.enter()
        Thread {
            body(number)
            done.leave()
        }.start()
    }
    done.wait()
}

@Suite("Promise 2: settled + held + new ≤ limit")
struct PromiseTests {
    @Test("1,000 concurrent holds of 1 on a limit of 100 admit exactly 100", arguments: [1, 40, 1_000])
    func exactly(block: Int64) throws {
        try withFolder { folder in
            let (ledger, _) = try LiveLedger.open(
                Journal.Settings(folder: folder), node: "test", version: "0", allowances: smallBlocks(block), at: noon)
            defer { ledger.journal.close() }
            let (key, _) = try ledger.record(key: record("k", limit: 100), at: noon)
            let admitted = Atomic<Int>(0)
            let refused = Atomic<Int>(0)
            onThreads(8) { thread in
                for number in 0..<125 {
                    switch ledger.hold(request(key, 1, attempt: UInt64(thread * 1_000 + number))) {
                    case .admitted: admitted.wrappingAdd(1, ordering: .relaxed)
                    case .refused: refused.wrappingAdd(1, ordering: .relaxed)
                    default: break
                    }
                }
            }
            #expect(admitted.load(ordering: .relaxed) == 100)
            #expect(refused.load(ordering: .relaxed) == 900)
            ledger.journal.close()
            #expect(try folded(ledger.journal).balance(.key("k")).held == 100)
        }
    }

    @Test("Every prefix of a journal written by eight threads keeps every limit, but for named overruns and limit changes")
    func prefixes() throws {
        try withFolder { folder in
            let (ledger, _) = try LiveLedger.open(
                Journal.Settings(folder: folder), node: "test", version: "0", allowances: smallBlocks(200), at: noon)
            defer { ledger.journal.close() }
            let keys = try (0..<6).map { number in
                try ledger.record(
                    key: record("k\(number)", team: number < 3 ? "blue" : "red", limit: number % 2 == 0 ? 3_000 : nil), at: noon
                ).index
            }
            try ledger.setLimits(
                [(.tenant("acme"), nanos(9_000)), (.team(tenant: "acme", team: "blue"), nanos(5_000))], at: noon)
            onThreads(8) { thread in
                var random = SeededRandom(seed: UInt64(thread))
                var open: [Hold] = []
                for number in 0..<4_000 {
                    let month = Int64(number / 2_000) * 20 * 86_400_000
                    let now = noon.advanced(byMilliseconds: month + Int64(number))
                    let key = keys.randomElement(using: &random)!
                    let outcome = ledger.hold(
                        request(key, .random(in: 0...90, using: &random), at: now, attempt: random.next()))
                    if let hold = outcome.hold { open.append(hold) }
                    while open.count > 12 || (!open.isEmpty && outcome.refusal != nil) {
                        let hold = open.remove(at: Int.random(in: 0..<open.count, using: &random))
                        switch Int.random(in: 0..<40, using: &random) {
                        case 0: ledger.end(hold, .settled(.zero, nanos(hold.amount.nanos + 5), estimated: false), at: now)
                        case 1: ledger.end(hold, .voided("test"), at: now)
                        case 2: ledger.end(hold, .doubt("test"), at: now)
                        default:
                            let settled = Int64.random(in: 0...max(1, hold.amount.nanos / 8), using: &random)
                            ledger.end(hold, .settled(.zero, nanos(min(settled, hold.amount.nanos)), estimated: false), at: now)
                        }
                    }
                    if thread == 0, number % 500 == 250 {
                        let limit = Int64.random(in: 4_000...12_000, using: &random)
                        _ = try? ledger.setLimits([(.tenant("acme"), nanos(limit))], at: now)
                    }
                }
                for hold in open { ledger.end(hold, .voided("test"), at: noon) }
            }
            ledger.shutdown(at: noon)
            ledger.journal.close()

            var fold = Fold()
            var named = 0
            for (sequence, at, entry) in try entries(ledger.journal) {
                let before = totals(fold)
                try fold.apply(sequence, at: at, entry)
                for (place, total) in totals(fold) {
                    guard let limit = fold.limit(place), total > Int128(limit.nanos) else { continue }
                    switch entry {
                    case .overrun, .limits: named += 1
                    default: #expect(total <= before[place, default: 0], "entry \(sequence) raised \(place.account)")
                    }
                }
            }
            #expect(fold.next > 8_000)
            #expect(named > 0, "the test must reach a limit")
            #expect(fold.balances.values.allSatisfy { $0.undrawn == 0 && $0.doubtful == 0 })
            for view in ledger.accounts {
                let balance = fold.balance(view.name)
                #expect(balance.settled == view.settled.nanos && balance.reserved == view.reserved.nanos)
            }
        }
    }

    private func totals(_ fold: Fold) -> [Fold.Place: Int128] { fold.balances.mapValues(\.total) }
}
