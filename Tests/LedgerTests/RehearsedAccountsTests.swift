import Core
import Journal
import Ledger
import TestKit
import Testing

@Suite("A copy of the accounts to rehearse with")
struct RehearsedAccountsTests {
    @Test("What is settled counts on; what was under way or undrawn holds nothing; what is in doubt stays reserved")
    func copies() throws {
        let disk = LossyDisk(seed: 1)
        let (ledger, _) = try open(disk, allowances: smallBlocks())
        let (key, _) = try ledger.record(key: record("k", limit: 1_000), at: noon)
        let settled = try #require(ledger.hold(request(key, 100, attempt: 1)).hold)
        ledger.end(settled, .settled(.zero, nanos(70), estimated: false), at: noon)
        let doubtful = try #require(ledger.hold(request(key, 30, attempt: 2)).hold)
        ledger.end(doubtful, .doubt("test"), at: noon)
        _ = try #require(ledger.hold(request(key, 200, attempt: 3)).hold)
        ledger.journal.commit()
        let fold = try folded(ledger.journal)
        var copy = Accounts(rehearsing: fold, zones: [:])
        let index = try #require(copy.keyIndex("k"))
        // The ledger itself has an open hold and an allowance on top of that.
        #expect(copy.headroom(key: index, at: noon) == nanos(900))
        #expect(copy.view(.key("k"))?.undrawn == .zero)
        guard case .granted(let ref, let covered, _) = copy.hold(key: index, amount: nanos(900), at: noon) else {
            Issue.record("all that is left can be held")
            return
        }
        copy.setSequence(ref, fold.next)
        #expect(!covered && copy.view(.key("k"))?.undrawn == .zero, "a rehearsal grants no allowance")
        guard case .refused(.key("k"), .monthUTC, _, _, _) = copy.hold(key: index, amount: nanos(1), at: noon) else {
            Issue.record("and not a nano more")
            return
        }
        #expect(copy.end(ref, settled: nanos(50), at: noon) != nil)
        #expect(copy.headroom(key: index, at: noon) == nanos(850))
        // The next month begins with nothing spent.
        #expect(copy.headroom(key: index, at: december) == nanos(1_000))
    }
}
