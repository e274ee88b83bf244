import Core
import Journal
import Ledger
import TestKit
import Testing

@Suite("Pace")
struct PaceTests {
    private func one(_ pace: PaceLimit, tenant: PaceLimit = .none, money: Money? = nil) throws -> (ledger: LiveLedger, key: Int) {
        let (ledger, _) = try open(LossyDisk(seed: 1))
        var record = record("k")
        record.limits = AccountLimits(monthly: money)
        record.limits.pace = pace
        let (key, _) = try ledger.record(key: record, at: noon)
        try ledger.setLimits([(.tenant("acme"), AccountLimits(pace: tenant))], at: noon)
        return (ledger, key)
    }

    private func ask(_ key: Int, tokens: Int64 = 0, amount: Int64 = 1, after milliseconds: Int64 = 0) -> HoldRequest {
        var asked = request(key, amount, at: noon.advanced(byMilliseconds: milliseconds))
        asked.paceTokens = tokens
        return asked
    }

    @Test(
        "Requests of a minute are let through at once and then as evenly as the limit says, and the wait that is told is enough")
    func requests() throws {
        let (ledger, key) = try one(PaceLimit(requestsPerMinute: 60))
        for _ in 0..<60 { #expect(ledger.hold(ask(key)).hold != nil) }
        let refusal = try #require(ledger.hold(ask(key)).pace)
        #expect(refusal.account == .key("k") && refusal.what == .requestsPerMinute && refusal.limit == 60)
        #expect(refusal.retryAfterMilliseconds == 1_000)
        #expect(ledger.hold(ask(key, after: 999)).pace?.retryAfterMilliseconds == 1)
        #expect(ledger.hold(ask(key, after: 1_000)).hold != nil)
        #expect(ledger.hold(ask(key, after: 1_000)).hold == nil)
        // In any minute, however it is cut, at most the bucket and a minute's worth.
        var random = SeededRandom(seed: 5)
        var admitted = 0
        var now: Int64 = 100_000
        while now < 160_000 {
            now += .random(in: 0...200, using: &random)
            if ledger.hold(ask(key, after: now)).hold != nil { admitted += 1 }
        }
        #expect(admitted >= 110 && admitted <= 121)
    }

    @Test("Tokens are reserved at the hold and corrected by what was used; more than a minute's tokens waits for an empty bucket")
    func tokens() throws {
        let (ledger, key) = try one(.none, tenant: PaceLimit(tokensPerMinute: 1_000))
        let first = try #require(ledger.hold(ask(key, tokens: 900)).hold)
        let refusal = try #require(ledger.hold(ask(key, tokens: 200)).pace)
        #expect(refusal.account == .tenant("acme") && refusal.what == .tokensPerMinute)
        #expect(refusal.retryAfterMilliseconds == 6_000)
        ledger.end(first, .settled(Usage(input: 100, output: 200), nanos(1), estimated: false), at: noon)
        let second = try #require(ledger.hold(ask(key, tokens: 700)).hold, "600 tokens came back")
        #expect(ledger.hold(ask(key, tokens: 1)).hold == nil)
        ledger.end(second, .voided("test"), at: noon)
        #expect(ledger.hold(ask(key, tokens: 5_000)).pace?.retryAfterMilliseconds == 18_000)
        #expect(ledger.hold(ask(key, tokens: 5_000, after: 18_000)).hold != nil, "nothing waits for ever")
        #expect(ledger.hold(ask(key, tokens: 1, after: 18_000)).pace?.retryAfterMilliseconds == 240_060)
        // What a provider claims is no reason to trap.
        let huge = try #require(ledger.hold(ask(key, tokens: .max, after: 2_000_000)).hold)
        ledger.end(huge, .settled(Usage(input: .max, output: .max), nanos(1), estimated: false), at: noon)
    }

    @Test("Concurrency counts what is under way: an end or a doubt makes room, a refusal by money takes none")
    func concurrency() throws {
        let (ledger, key) = try one(PaceLimit(concurrency: 2), money: nanos(100))
        let first = try #require(ledger.hold(ask(key)).hold)
        #expect(ledger.hold(ask(key, amount: 1_000)).refusal != nil)
        let second = try #require(ledger.hold(ask(key)).hold)
        let refusal = try #require(ledger.hold(ask(key)).pace)
        #expect(refusal.what == .concurrency && refusal.retryAfterMilliseconds == nil)
        #expect(ledger.account(.key("k"))?.underWay == 2)
        ledger.end(first, .doubt("silent"), at: noon)
        let third = try #require(ledger.hold(ask(key)).hold)
        ledger.end(second, .voided("test"), at: noon)
        ledger.end(third, .voided("test"), at: noon)
        _ = try ledger.resolve(
            Resolution(hold: first.sequence, attempt: first.attempt, settled: nanos(1), evidence: "line 7", why: "invoice"),
            at: noon)
        #expect(ledger.account(.key("k"))?.underWay == 0)
    }

    @Test("A refusal by pace leaves no trace in money, and one by money none in pace")
    func together() throws {
        let (ledger, key) = try one(PaceLimit(requestsPerMinute: 2), money: nanos(100))
        for _ in 0..<50 { #expect(ledger.hold(ask(key, amount: 101)).refusal != nil) }
        #expect(ledger.hold(ask(key, amount: 1)).hold != nil)
        #expect(ledger.hold(ask(key, amount: 1)).hold != nil)
        let next = ledger.journal.next
        #expect(ledger.hold(ask(key, amount: 1)).pace != nil)
        #expect(ledger.journal.next == next)
        let account = try #require(ledger.account(.key("k")))
        #expect(account.reserved.nanos - account.undrawn.nanos == 2)
    }

    @Test("A clock that steps back does not hold anybody up for longer than a minute")
    func clockBack() throws {
        let (ledger, key) = try one(PaceLimit(requestsPerMinute: 1))
        #expect(ledger.hold(ask(key, after: 3_600_000)).hold != nil)
        #expect(ledger.hold(ask(key, after: 0)).pace?.retryAfterMilliseconds == 60_000)
        #expect(ledger.hold(ask(key, after: 60_000)).hold != nil)
    }
}

extension HoldOutcome {
    var pace: PaceRefusal? { if case .paced(let refusal) = self { refusal } else { nil } }
}
