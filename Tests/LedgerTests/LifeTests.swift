import Core
import Foundation
import Journal
import Ledger
import TestKit
import Testing

@Suite("The life of holds")
struct LifeTests {
    private func view(_ ledger: LiveLedger, _ name: AccountName) throws -> AccountView {
        try #require(ledger.accounts.first { $0.name == name })
    }

    private func one(
        limit: Int64?, block: Int64 = 40, at moment: Timestamp = noon
    ) throws -> (disk: LossyDisk, ledger: LiveLedger, key: Int) {
        let disk = LossyDisk(seed: 1)
        let (ledger, _) = try open(disk, allowances: smallBlocks(block), at: moment)
        let (key, _) = try ledger.record(key: record("k", limit: limit), at: moment)
        return (disk, ledger, key)
    }

    @Test("The first hold waits for the disk; later ones draw on the allowance once it is durable, and only then")
    func allowance() throws {
        let (_, ledger, key) = try one(limit: nil)
        #expect(ledger.hold(request(key, 5)).mustSync)
        #expect(ledger.hold(request(key, 5)).mustSync, "the grant is not durable yet")
        ledger.journal.commit()
        #expect(!ledger.hold(request(key, 5)).mustSync)
        #expect(!ledger.hold(request(key, 0)).mustSync)
        ledger.journal.commit()
        _ = try folded(ledger.journal)
    }

    @Test("What an end gives back to the allowance is drawn only once the end is durable")
    func back() throws {
        let (_, ledger, key) = try one(limit: 100)
        // The block of a limit of 100 is 5 or 6.
        _ = ledger.hold(request(key, 1))
        ledger.journal.commit()
        let first = try #require(ledger.hold(request(key, 5)).hold)
        let drawn = try view(ledger, .key("k")).undrawn
        ledger.end(first, .voided("test"), at: noon)
        #expect(try view(ledger, .key("k")).undrawn.nanos == drawn.nanos + 5)
        ledger.journal.commit()
        _ = try folded(ledger.journal)
    }

    @Test("A hold that an overrun follows is booked in full, flagged, and blocks the next hold")
    func overrun() throws {
        let (_, ledger, key) = try one(limit: 100)
        let hold = try #require(ledger.hold(request(key, 50)).hold)
        #expect(ledger.end(hold, .settled(.zero, nanos(120), estimated: false), at: noon) == nanos(70))
        #expect(try view(ledger, .key("k")).settled.nanos == 120)
        let refusal = try #require(ledger.hold(request(key, 0)).refusal)
        #expect(refusal.left == .zero)
        #expect(refusal.limit == nanos(100))
        #expect(refusal.resets == CivilDate(year: 2026, month: 12, day: 1).start)
        #expect(ledger.end(hold, .settled(.zero, nanos(1), estimated: false), at: noon) == .zero, "one end only")
        ledger.journal.commit()
        let found = try entries(ledger.journal).contains { if case .overrun(_, _, nanos(70)) = $0.entry { true } else { false } }
        #expect(found)
        #expect(try folded(ledger.journal).balance(.key("k")).settled == 120)
    }

    @Test("A hold ends in the month it was made in; the new month starts from zero and the old allowance is returned by an entry")
    func monthTurn() throws {
        let (_, ledger, key) = try one(limit: 100)
        let hold = try #require(ledger.hold(request(key, 60)).hold)
        ledger.journal.commit()
        #expect(ledger.hold(request(key, 60)).refusal != nil)
        let next = try #require(ledger.hold(request(key, 90, at: december)).hold)
        ledger.end(hold, .settled(.zero, nanos(55), estimated: false), at: december)
        ledger.end(next, .settled(.zero, nanos(80), estimated: false), at: december)
        ledger.journal.commit()
        let fold = try folded(ledger.journal)
        let whole = fold.balance(.key("k"), .total)
        #expect(whole.settled == 55 + 80 && whole.held == 0)
        #expect(fold.balance(.tenant("acme")).settled == 80, "what was held in November counts there")
        #expect(try view(ledger, .key("k")).settled.nanos == 80)
    }

    @Test("A clock that steps back opens no second window")
    func clockBack() throws {
        let (disk, ledger, key) = try one(limit: 100, at: december)
        _ = ledger.hold(request(key, 100, at: december))
        #expect(ledger.hold(request(key, 1, at: noon)).refusal != nil, "November again does not mean another 100")
        ledger.journal.commit()
        ledger.journal.close()
        disk.endProcess()
        let (again, _) = try open(disk, at: noon)
        #expect(again.hold(request(0, 1, at: noon)).refusal != nil, "nor after a restart")
    }

    @Test("A revoked key holds nothing more; what it has under way ends, and its allowance goes back")
    func revoked() throws {
        let (_, ledger, key) = try one(limit: nil)
        let open = try #require(ledger.hold(request(key, 5)).hold)
        _ = try ledger.revoke(key: "k", why: "lost", at: noon)
        guard case .revoked = ledger.hold(request(key, 1)) else {
            Issue.record("a revoked key held money")
            return
        }
        ledger.end(open, .settled(.zero, nanos(4), estimated: false), at: noon)
        let view = try view(ledger, .key("k"))
        #expect(view.settled.nanos == 4 && view.reserved.nanos == 0)
        ledger.journal.commit()
        let fold = try folded(ledger.journal)
        #expect(fold.keys["k"]?.revoked == noon)
        #expect(fold.balance(.key("k")).reserved == 0)
        #expect(throws: LedgerError.keyConflict) { try ledger.record(key: record("k"), at: noon) }
    }

    @Test("A limit lowered below what is held stands: nothing is admitted until there is room, and nothing under way is lost")
    func lowered() throws {
        let (_, ledger, key) = try one(limit: nil)
        let holds = (0..<4).compactMap { _ in ledger.hold(request(key, 25)).hold }
        ledger.journal.commit()
        try ledger.setLimits([(.tenant("acme"), nanos(60))], at: noon)
        #expect(ledger.hold(request(key, 1)).refusal?.account == .tenant("acme"))
        #expect(ledger.headroom(key: key, at: noon) == .zero)
        for hold in holds { ledger.end(hold, .settled(.zero, nanos(10), estimated: false), at: noon) }
        #expect(ledger.hold(request(key, 20)).hold != nil)
        #expect(ledger.hold(request(key, 1)).refusal != nil)
        ledger.journal.commit()
        _ = try folded(ledger.journal)
    }

    @Test("Idle allowances of other keys never refuse a hold that the team could pay")
    func idleAllowances() throws {
        let disk = LossyDisk(seed: 1)
        let (ledger, _) = try open(disk, allowances: smallBlocks(1_000))
        var keys: [Int] = []
        for number in 0..<50 { keys.append(try ledger.record(key: record("k\(number)"), at: noon).index) }
        try ledger.setLimits([(.team(tenant: "acme", team: "blue"), nanos(25_000))], at: noon)
        for key in keys {
            let hold = try #require(ledger.hold(request(key, 400)).hold)
            ledger.journal.commit()
            ledger.end(hold, .settled(.zero, .zero, estimated: false), at: noon)
        }
        #expect(ledger.hold(request(keys[0], 25_000)).hold != nil, "nothing is spent and nothing is under way")
        #expect(ledger.hold(request(keys[1], 1)).refusal != nil)
        ledger.journal.commit()
        _ = try folded(ledger.journal)
    }

    @Test("A clean end leaves nothing reserved but what was under way; a restart finds nothing new in doubt")
    func cleanEnd() throws {
        let (disk, ledger, key) = try one(limit: 100)
        let hold = try #require(ledger.hold(request(key, 5)).hold)
        ledger.end(hold, .settled(.zero, nanos(3), estimated: false), at: noon)
        ledger.shutdown(at: noon)
        ledger.journal.close()
        disk.endProcess()
        let (again, report) = try open(disk)
        #expect(report.clean && report.newDoubts == 0 && report.doubtfulAllowances.isEmpty)
        let view = try view(again, .key("k"))
        #expect(view.settled.nanos == 3 && view.reserved.nanos == 0)
        #expect(again.keys.map(\.record) == [record("k", limit: 100)])
    }

    @Test("After a crash open holds and undrawn allowances still count, until policy ends them, each by an entry")
    func crash() throws {
        let (disk, ledger, key) = try one(limit: 100)
        _ = ledger.hold(request(key, 50))
        ledger.journal.commit()
        disk.endProcess()
        let (again, report) = try open(disk)
        #expect(!report.clean && report.newDoubts == 1)
        #expect(report.doubtfulAllowances.count == 1)
        let undrawn = try #require(report.doubtfulAllowances.first?.amount.nanos)
        #expect(try view(again, .key("k")).reserved.nanos == Int128(50 + undrawn))
        #expect(again.hold(request(key, 50)).refusal != nil)
        again.journal.commit()

        // Seven days later the hold is charged as an estimate and the allowance is void.
        let later = noon.advanced(byMilliseconds: 7 * 86_400_000)
        again.tick(at: later.advanced(byMilliseconds: -1))
        #expect(again.doubtfulHolds.count == 1)
        again.tick(at: later)
        #expect(again.doubtfulHolds.isEmpty)
        again.journal.commit()
        let balance = try folded(again.journal).balance(.key("k"))
        #expect(balance.settled == 50 && balance.held == 0 && balance.doubtful == 0)
    }

    @Test("Evidence ends a hold in doubt, once, and an overrun that was booked before the crash is not booked again")
    func evidence() throws {
        let (disk, ledger, key) = try one(limit: 1_000)
        let hold = try #require(ledger.hold(request(key, 50)).hold)
        ledger.end(hold, .doubt("no answer"), at: noon)
        #expect(try view(ledger, .key("k")).reserved.nanos >= 50)
        ledger.journal.commit()
        disk.endProcess()
        let (again, _) = try open(disk)
        let resolution = Resolution(
            hold: hold.sequence, attempt: hold.attempt, settled: nanos(70), usage: Usage(output: 7), evidence: "line 7",
            why: "invoice")
        guard case .booked(let sequence) = try again.resolve(resolution, at: noon) else {
            Issue.record("not booked")
            return
        }
        #expect(try again.resolve(resolution, at: noon) == .alreadyBooked(sequence: sequence))
        again.journal.commit()
        #expect(try folded(again.journal).balance(.key("k")).settled == 70)
    }

    @Test("While the disk fails nothing is held and no end is lost; afterwards it goes on by itself")
    func failingDisk() throws {
        let (disk, ledger, key) = try one(limit: 1_000)
        let holds = (0..<3).compactMap { _ in ledger.hold(request(key, 5)).hold }
        ledger.journal.commit()
        disk.failSyncs(2)
        ledger.end(holds[0], .settled(.zero, nanos(1), estimated: false), at: noon)
        ledger.journal.commit()
        guard case .unavailable = ledger.hold(request(key, 5)) else {
            Issue.record("held with a failing disk")
            return
        }
        ledger.end(holds[1], .settled(.zero, nanos(2), estimated: false), at: noon)
        for _ in 0..<4 { ledger.journal.commit() }
        let more = try #require(ledger.hold(request(key, 5)).hold)
        ledger.end(more, .voided("test"), at: noon)
        ledger.end(holds[2], .settled(.zero, nanos(3), estimated: false), at: noon)
        ledger.journal.commit()
        let balance = try folded(ledger.journal).balance(.key("k"))
        #expect(balance.settled == 6 && balance.held == 0)
        let total = balance.total
        #expect(try view(ledger, .key("k")).settled.nanos + view(ledger, .key("k")).reserved.nanos == total)
    }

    @Test("Raw usage is kept when it is one JSON object, and left out when it could break the entry")
    func rawUsage() throws {
        let (_, ledger, key) = try one(limit: nil)
        for (text, kept) in [
            ("{\"prompt_tokens\": 3}", true), ("{\"a\":1}}", false), ("{\"a\":1},\"t\":\"stop\"", false), ("[]", false),
            ("{\"a\":\"\n\"}", false), ("{\"a\":1", false), ("", false), ("{\"a\":\"\\\"}", false),
        ] {
            let hold = try #require(ledger.hold(request(key, 1)).hold)
            Array(text.utf8).withUnsafeBytes { raw in
                _ = ledger.end(hold, .settled(Usage(input: 3), nanos(1), estimated: false), rawUsage: raw, at: noon)
            }
            ledger.journal.commit()
            let last = try #require(try entries(ledger.journal).last { if case .end = $0.entry { true } else { false } })
            guard case .end(let end) = last.entry else { return }
            #expect(end.rawUsage == (kept ? Array(text.utf8) : nil))
        }
    }

    @Test("4,000 mutated usage objects never make an entry that cannot be read, and what is kept is JSON to a full parser too")
    func mutatedUsage() throws {
        let (_, ledger, key) = try one(limit: nil)
        var random = SeededRandom(seed: 31)
        let whole = Array("{\"a\": [1, -2.5e+3, {\"é\\u00e9\": null}], \"b\":{}, \"c\":\"\\\"\", \"d\":[ ], \"e\":true}".utf8)
        var expected = 0
        for _ in 0..<4_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = .random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                default: bytes.insert(Array("{}[]\",:\\09-u.eE \u{1}".utf8).randomElement(using: &random)!, at: at)
                }
            }
            let isObject = (try? JSONSerialization.jsonObject(with: Data(bytes))) is [String: Any]
            if isObject { expected += 1 }
            let hold = try #require(ledger.hold(request(key, 1)).hold)
            bytes.withUnsafeBytes { raw in
                _ = ledger.end(hold, .settled(.zero, .zero, estimated: false), rawUsage: raw, at: noon)
            }
        }
        ledger.journal.commit()
        var kept = 0
        for case .end(let end) in try entries(ledger.journal).map(\.entry) {
            guard let raw = end.rawUsage else { continue }
            kept += 1
            #expect(
                (try? JSONSerialization.jsonObject(with: Data(raw))) is [String: Any], "\(String(decoding: raw, as: UTF8.self))")
        }
        #expect(kept > 1_000 && kept <= expected)
    }

    @Test("A flood of refusals becomes one entry a second with at most 256 kinds, and none is lost")
    func refusals() throws {
        let (_, ledger, _) = try one(limit: nil)
        for number in 0..<5_000 {
            ledger.refusal(
                key: number % 2 == 0 ? "k" : nil, code: "weir_code_\(number % 700)", model: nil,
                at: noon.advanced(byMilliseconds: Int64(number) / 5))
        }
        ledger.flushRefusals(at: noon)
        ledger.journal.commit()
        var total: Int64 = 0
        var found = 0
        for case .refused(_, let counts) in try entries(ledger.journal).map(\.entry) {
            #expect(counts.count <= 256)
            total += counts.reduce(0) { $0 + $1.count }
            found += 1
        }
        #expect(total == 5_000 && found <= 2)
    }
}
