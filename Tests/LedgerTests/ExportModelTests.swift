import Core
import Journal
import TestKit
import Testing

@testable import Ledger

/// Exports as one would list them: who, when, in which entry.
private struct PlainExports {
    struct Row { var sequence: UInt64; var tenant: String; var year: Int; var exported: ExportedPerson }

    var rows: [Row] = []

    func count(_ tenant: String, _ year: Int, with one: ExportedPerson? = nil) -> ExportCount {
        let own = rows.filter { $0.tenant == tenant && $0.year == year }.map(\.exported) + (one.map { [$0] } ?? [])
        return ExportCount(
            persons: Int64(Set(own.map(\.person)).count),
            sensitivePersons: Int64(Set(own.filter(\.isSensitive).map(\.person)).count))
    }
    func years() -> [Int: [ExportYear]] {
        let places = Set(rows.map { "\($0.year) \($0.tenant)" }).map { $0.split(separator: " ") }
        let all = places.compactMap { place -> ExportYear? in
            guard let year = Int(place[0]) else { return nil }
            return ExportYear(tenant: String(place[1]), year: year, count: count(String(place[1]), year))
        }
        return Dictionary(grouping: all.sorted { $0.tenant < $1.tenant }, by: \.year)
    }
    func isCounted(_ one: ExportedPerson, _ tenant: String, _ year: Int, before durable: UInt64) -> Bool {
        rows.contains {
            $0.sequence < durable && $0.tenant == tenant && $0.year == year && $0.exported.person == one.person
                && ($0.exported.isSensitive || !one.isSensitive)
        }
    }
}

@Suite("Exported persons against a plain list")
struct ExportModelTests {
    @Test(
        """
        Over random schedules of exports, ends, turns of the year, commits, crashes and restarts from books that are behind, live \
        counts, folds, books and books made anew are those of a plain list
        """)
    func schedules() throws {
        let first = testSeed("ExportModelTests")
        var (turns, crashes, stale) = (0, 0, 0)
        for seed in 0..<UInt64(60) {
            try withFolder { folder in
                var schedule = try Schedule(seed: first &+ seed, folder)
                for step in 0..<60 {
                    try schedule.step()
                    if let problem = schedule.problem {
                        Issue.record("seed \(first &+ seed), step \(step): \(problem)")
                        return
                    }
                }
                try schedule.finish()
                if let problem = schedule.problem { Issue.record("seed \(first &+ seed), end: \(problem)") }
                turns += schedule.turns
                crashes += schedule.crashes
                stale += schedule.stale
            }
        }
        #expect(turns > 20 && crashes > 60 && stale > 60, "\(turns) \(crashes) \(stale)")
    }

    @Test("A set that is full takes nobody in, says at least so many, and still knows everyone in it")
    func full() {
        var random = SeededRandom(seed: testSeed("ExportModelTests.full"))
        var book = ExportBook(most: 500)
        var plain: Set<Pseudonym> = []
        for _ in 0..<2_000 {
            let one = Pseudonym(high: random.next(), low: random.next())
            let old = plain.randomElement(using: &random) ?? one
            for person in [one, old] {
                let exported = ExportedPerson(person, isSensitive: plain.count > 490)
                let added = book.addition(exported, of: "t", in: 2026)
                #expect(added.person == (plain.count < 500 && !plain.contains(person)))
                let count = book.count("t", with: exported, in: 2026)
                let done = book.add(exported, of: "t", in: 2026)
                #expect(done == added)
                if plain.count < 500 { plain.insert(person) }
                #expect(book.count("t", in: 2026) == count && count.persons == Int64(plain.count))
            }
        }
        // The sensitive set fills by itself, with persons that the other had no room for.
        #expect(book.count("t", in: 2026) == ExportCount(persons: 500, sensitivePersons: 500))
    }

    @Test("A copy of a set that goes on by itself leaves the first as it was")
    func copies() {
        let persons = (0..<6_000).map { Pseudonym(high: UInt64($0) << 50, low: UInt64($0)) }
        var set = PersonSet()
        for person in persons[..<3_000] { _ = set.insert(person, most: 9_999) }
        let old = set
        for person in persons { _ = set.insert(person, most: 9_999) }
        #expect(old.count == 3_000 && set.count == 6_000 && old != set)
        for (number, person) in persons.enumerated() {
            #expect(old.contains(person) == (number < 3_000) && set.contains(person))
        }
    }
}

private struct Schedule {
    var random: SeededRandom
    let disk: LossyDisk
    let path: String
    var ledger: LiveLedger
    var books: Books
    var plain = PlainExports()
    var open: [Hold] = []
    var wall = CivilDate(year: 2026, month: 12, day: 20).start
    /// As the ledger's own time, it follows the wall clock forward only.
    var time: Timestamp
    var problem: String?
    var (turns, crashes, stale) = (0, 0, 0)
    let tenants = ["acme", "zenith"]

    init(seed: UInt64, _ folder: String) throws {
        random = SeededRandom(seed: seed)
        disk = LossyDisk(seed: seed)
        path = folder + "/books.sqlite"
        books = try Books(path: path)
        time = wall
        (ledger, _) = try LedgerTests.open(disk, allowances: smallBlocks(1_000), at: wall)
        for (id, tenant) in [("a", "acme"), ("b", "zenith"), ("c", "acme")] {
            _ = try ledger.record(key: record(id, tenant: tenant, limit: 1_000_000), at: wall)
        }
        ledger.journal.commit()
    }

    mutating func step() throws {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<11: export()
        case 11..<13: end()
        case 13: ledger.journal.commit()
        case 14: try books.follow(ledger.journal)
        case 15: try crash()
        default: pass()
        }
        try compare()
    }

    private mutating func pass() {
        let before = time.yearInChina
        wall = wall.advanced(byMilliseconds: .random(in: -3_600_000...6 * 86_400_000, using: &random))
        time = max(time, wall)
        // Days before the year's end are steps to its last and its first millisecond.
        if time.yearInChina == before, Int.random(in: 0..<8, using: &random) == 0 {
            let turn = CivilDate(year: before + 1, month: 1, day: 1).start.advanced(byMilliseconds: -8 * 3_600_000)
            let near = turn.advanced(byMilliseconds: Bool.random(using: &random) ? -1 : 0)
            if near > time, near.milliseconds(since: time) < 25 * 86_400_000 { (wall, time) = (near, near) }
        }
        if time.yearInChina != before { turns += 1 }
        _ = try? ledger.act(who: "test", what: "time passes", at: wall)
    }

    private mutating func export() {
        let key = Int.random(in: 0..<3, using: &random)
        let tenant = key == 1 ? "zenith" : "acme"
        let number = UInt64.random(in: 0..<12, using: &random)
        let one = ExportedPerson(
            Pseudonym(high: number &* 0x9E37_79B9_7F4A_7C15, low: number), isSensitive: Int.random(in: 0..<3, using: &random) == 0
        )
        time = max(time, wall)
        let year = time.yearInChina
        let expected = plain.count(tenant, year, with: one)
        let told = ledger.exportCount(tenant, with: one, at: wall)
        if told != expected { return problem = "told \(told), not \(expected)" }
        var judged = expected
        if Int.random(in: 0..<5, using: &random) == 0 {
            judged.persons += .random(in: -1...1, using: &random)
            judged.sensitivePersons += .random(in: -1...1, using: &random)
        }
        var ask = request(key, .random(in: 0...3, using: &random), at: wall, attempt: random.next())
        ask.export = JudgedExport(one, count: judged)
        switch ledger.hold(ask) {
        case .admitted(let hold, let mustSync):
            if expected.exceeds(judged) { problem = "held on a stale count" }
            if !mustSync, !plain.isCounted(one, tenant, year, before: ledger.journal.durable) {
                problem = "could be sent and then be lost"
            }
            plain.rows.append(PlainExports.Row(sequence: hold.sequence, tenant: tenant, year: year, exported: one))
            open.append(hold)
        case .exportsMoved(let count):
            stale += 1
            if !expected.exceeds(judged) || count != expected { problem = "moved from \(judged) to \(count), not \(expected)" }
        default: problem = "neither held nor moved"
        }
    }

    private mutating func end() {
        guard let at = open.indices.randomElement(using: &random) else { return }
        let hold = open.remove(at: at)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: ledger.end(hold, .settled(Usage(input: 1), hold.amount, estimated: false), at: wall)
        case 1: ledger.end(hold, .voided("test"), at: wall)
        default: ledger.end(hold, .doubt("test"), at: wall)
        }
    }

    /// What is not durable is lost; the start goes on from books that may be behind, or from nothing.
    private mutating func crash() throws {
        crashes += 1
        let durable = ledger.journal.durable
        disk.endProcess()
        plain.rows.removeAll { $0.sequence >= durable }
        if Bool.random(using: &random) { books = try Books(path: path) }
        let fold = Bool.random(using: &random) ? books.state : Fold()
        (ledger, _) = try LiveLedger.open(
            byHand(), disk: disk.boot(), fold: fold, node: "test", version: "0", allowances: smallBlocks(1_000),
            acceptsClock: true,
            at: wall)
        // Time that only lost entries carried is lost too.
        time = ledger.clock.time
        open = []
    }

    private mutating func compare() throws {
        let years = plain.years()
        for year in 2025...2029 where ledger.exports(year: year) != years[year] ?? [] {
            problem = problem ?? "\(year): live \(ledger.exports(year: year)), not \(years[year] ?? [])"
        }
    }

    mutating func finish() throws {
        ledger.journal.commit()
        try books.follow(ledger.journal)
        let whole = try folded(ledger.journal)
        let years = plain.years()
        for (name, fold) in [("fold", whole), ("books", books.state), ("kept books", try Books(path: path).state)] {
            for year in 2025...2029 where fold.exports(year: year) != years[year] ?? [] { problem = "\(name), \(year)" }
            if fold != whole { problem = "\(name) is another fold" }
        }
        let made = try Books()
        try made.follow(ledger.journal)
        if made.state != whole { problem = "books made anew differ" }
    }
}
