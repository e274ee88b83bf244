import Core
import Journal
import Ledger
import Synchronization
import TestKit
import Testing

@Suite("Suspended endpoints")
struct SuspensionTests {
    private let report = Suspension.Report(region: "East US 2", processedIn: ["SE"], attempt: AttemptID(high: 1, low: 2))
    private var suspension: Suspension { Suspension(endpoint: "se", contradictedBy: report) }

    private final class Told: Sendable {
        private let notices = Mutex<[AlertNotice]>([])
        func add(_ notice: AlertNotice) { notices.withLock { $0.append(notice) } }
        var all: [AlertNotice] { notices.withLock { $0 } }
    }

    private func reopened(_ ledger: LiveLedger, _ disk: LossyDisk) throws -> LiveLedger {
        ledger.shutdown(at: noon)
        ledger.journal.close()
        disk.endProcess()
        return try open(disk).ledger
    }

    @Test("A contradiction is one entry and one alert however often it is told, and only resuming lifts it, also over restarts")
    func life() throws {
        let disk = LossyDisk(seed: 1)
        var (ledger, _) = try open(disk)
        let told = Told()
        ledger.onAlert { told.add($0) }
        let sequence = try #require(ledger.suspend(suspension, at: noon))
        for _ in 0..<3 { #expect(ledger.suspend(suspension, at: noon) == nil) }
        #expect(told.all == [.suspended(suspension)])
        ledger.journal.commit()
        #expect(try entries(ledger.journal).filter { $0.entry == .suspended(suspension) }.map(\.sequence) == [sequence])

        for _ in 0..<2 {
            ledger = try reopened(ledger, disk)
            #expect(ledger.suspensions["se"]?.suspension == suspension)
            #expect(ledger.suspend(suspension, at: noon) == nil)
        }
        let applied = Atomic<Int>(0)
        _ = try ledger.resume(endpoint: "se", who: "administrator", why: "moved back", at: noon) {
            applied.add(1, ordering: .relaxed)
        }
        #expect(ledger.suspensions.isEmpty && applied.load(ordering: .relaxed) == 1)
        #expect(throws: LedgerError.notSuspended) {
            try ledger.resume(endpoint: "se", who: "a", why: "b", at: noon) { applied.add(1, ordering: .relaxed) }
        }
        ledger = try reopened(ledger, disk)
        #expect(ledger.suspensions.isEmpty && applied.load(ordering: .relaxed) == 1)
        ledger.onAlert { told.add($0) }
        #expect(ledger.suspend(suspension, at: noon) != nil, "the next contradiction suspends it anew")
        #expect(told.all.count == 2)
    }

    @Test("By hand there is an entry with who and why, no alert, and a second time is refused and changes nothing")
    func byHand() throws {
        let disk = LossyDisk(seed: 1)
        let (ledger, _) = try open(disk)
        let told = Told()
        ledger.onAlert { told.add($0) }
        let long = String(repeating: "y", count: longestReason + 50)
        let mine = Suspension(endpoint: "se", who: "administrator", why: long)
        let applied = Atomic<Int>(0)
        _ = try ledger.suspend(byHand: mine, at: noon) { applied.add(1, ordering: .relaxed) }
        #expect(throws: LedgerError.suspendedBefore) {
            try ledger.suspend(byHand: mine, at: noon) { applied.add(1, ordering: .relaxed) }
        }
        #expect(ledger.suspend(suspension, at: noon) == nil, "it is suspended already")
        #expect(applied.load(ordering: .relaxed) == 1 && told.all.isEmpty)
        ledger.journal.commit()
        let fold = try folded(ledger.journal)
        #expect(fold.suspensions["se"]?.suspension.why.utf8.count == longestReason)
        #expect(fold.suspensions["se"]?.suspension.report == nil)
    }

    @Test("A crash before the entry is on disk forgets it, and the next contradiction suspends the endpoint again")
    func crash() throws {
        let disk = LossyDisk(seed: 1)
        let (ledger, _) = try open(disk)
        ledger.journal.commit()
        #expect(ledger.suspend(suspension, at: noon) != nil)
        disk.endProcess()
        let (again, _) = try open(disk)
        #expect(again.suspensions.isEmpty)
        #expect(again.suspend(suspension, at: noon) != nil)
        again.journal.commit()
        disk.endProcess()
        #expect(try open(disk).ledger.suspensions.keys.sorted() == ["se"])
    }

    @Test("An end and a doubt carry the reported region, and a fold takes them as it takes others")
    func regions() throws {
        let disk = LossyDisk(seed: 1)
        let (ledger, _) = try open(disk)
        let key = try ledger.record(key: record("k"), at: noon).index
        let first = try #require(ledger.hold(request(key, 10)).hold)
        let second = try #require(ledger.hold(request(key, 10, attempt: 8)).hold)
        let third = try #require(ledger.hold(request(key, 10, attempt: 9)).hold)
        ledger.end(first, .settled(Usage(input: 1), nanos(5), estimated: false), AnswerFacts(region: "Sweden Central"), at: noon)
        ledger.end(second, .voided("status_400"), AnswerFacts(region: "swedencentral"), at: noon)
        ledger.end(third, .doubt("silent"), AnswerFacts(region: "East US 2"), at: noon)
        ledger.journal.commit()
        var said: [String?] = []
        for (_, _, entry) in try entries(ledger.journal) {
            switch entry {
            case .end(let end): said.append(end.facts.region)
            case .doubt(_, _, let region): said.append(region)
            default: break
            }
        }
        #expect(said == ["Sweden Central", "swedencentral", "East US 2"])
        #expect(try folded(ledger.journal).balance(.key("k")).settled == 5)
    }
}
