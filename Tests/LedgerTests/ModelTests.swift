import Core
import Foundation
import Journal
import Ledger
import TestKit
import Testing

/// A zone as this machine has it.
func zone(_ name: String) throws -> CivilZone {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/\(name)"))
    return try #require(CivilZone(tzif: Array(bytes)))
}

@Suite("The ledger against the reference model")
struct ModelTests {
    @Test(
        """
        Over 600 random schedules of allowances, holds, lengthenings, ends, doubts, corrections, limits, window turns, clock \
        steps, restarts, crashes, losses and evidence of what they left open, every decision and balance is the reference model's, and a fold of each prefix agrees
        """)
    func schedules() throws {
        let first = testSeed("ModelTests")
        let shanghai = try zone("Asia/Shanghai")
        var charges = 0
        for seed in 0..<UInt64(600) {
            var schedule = try Schedule(seed: first &+ seed, shanghai)
            for step in 0..<50 {
                do { try schedule.step() } catch { schedule.problem = "\(error)" }
                if let problem = schedule.problem {
                    Issue.record("seed \(first &+ seed), step \(step), \(schedule.what): \(problem)")
                    return
                }
            }
            charges += schedule.charges
        }
        #expect(charges > 30, "the schedules charge too few lost sends")
    }
}

private let periods: [Period] = [
    .monthUTC, .total, .day(zone: "UTC"), .day(zone: "Asia/Shanghai"), .rolling(seconds: 3_600), .rolling(seconds: 7),
]

private struct Schedule {
    struct Ended { var key: Int; var heldAt: Timestamp; var attempt: AttemptID; var charged: Int64; var hold: UInt64 }

    var random: SeededRandom
    let disk: LossyDisk
    let zones: [String: CivilZone]
    var ledger: LiveLedger
    var model = ReferenceModel()
    var fold = Fold()
    var open: [Hold] = []
    var ended: [Ended] = []
    var evidence: [String] = []
    /// Every allowance that came in doubt, whether it still is or not.
    var charges = 0
    var lost: [(sequence: UInt64, key: Int, at: Timestamp)] = []
    var wall = noon
    var time = noon
    var what = ""
    var problem: String?
    let allowances: AllowanceSettings
    var doubts = DoubtSettings()

    init(seed: UInt64, _ shanghai: CivilZone) throws {
        random = SeededRandom(seed: seed)
        disk = LossyDisk(seed: seed)
        zones = ["Asia/Shanghai": shanghai]
        allowances = smallBlocks(.random(in: 1...60, using: &random))
        doubts.holdSeconds = 2 * 86_400
        doubts.allowanceSeconds = 3 * 86_400
        (ledger, _) = try LedgerTests.open(disk, allowances: allowances, doubt: doubts, zones: zones)
        for (key, team) in [("a", "blue"), ("b", "blue"), ("c", "red")] {
            _ = try ledger.record(key: record(key, team: team), at: noon)
            model.chains.append([.key(key), .team(tenant: "acme", team: team), .tenant("acme")])
        }
        model.turn(noon)
        for account in [AccountName.key("a"), .tenant("acme"), .team(tenant: "acme", team: "blue")] { try setLimits(account) }
    }

    private mutating func setLimits(_ account: AccountName) throws {
        what = "limits"
        var limits = AccountLimits()
        for period in periods.shuffled(using: &random).prefix(Int.random(in: 0...3, using: &random)) {
            let grace: SpendLimit.Grace? =
                Int.random(in: 0..<4, using: &random) == 0
                ? SpendLimit.Grace(name: "exam", amount: nanos(.random(in: 0...80, using: &random))) : nil
            limits.spend.append(
                SpendLimit(
                    period: period, amount: nanos(.random(in: 0...500, using: &random)), grace: grace, alertPercents: [50, 100]))
        }
        guard let entry = try ledger.setLimits([(account, limits)], at: pass()) else { return }
        model.turn(time)
        model.set(account, limits, entry: entry)
    }

    /// The wall clock, which the ledger's own time follows forward only.
    private mutating func pass() -> Timestamp {
        time = max(time, wall)
        return wall
    }

    mutating func step() throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<35: hold()
        case 35..<45: lengthen()
        case 45..<65: end()
        case 65..<69: doubt()
        case 69..<76: try correct()
        case 76..<80: try setLimits(pick(pick(model.chains, &random), &random))
        case 80..<85: tick()
        case 85..<86: try revoke()
        case 86..<87: try restart()
        case 87..<88: if model.chains.count < 6 { try lose() }
        case 88..<90: try crash()
        case 90..<94: try chargeAllowance()
        default:
            what = "time"
            let most: Int64 = pick([8_000, 3_600_000, 86_400_000, 40 * 86_400_000], &random)
            wall = wall.advanced(byMilliseconds: .random(in: -most / 2...most, using: &random))
        }
        if Bool.random(using: &random) || what == "restart" { ledger.journal.commit() }
        try compare()
    }

    private mutating func hold() {
        let key = Int.random(in: 0..<3, using: &random)
        let amount = Int64.random(in: 0...70, using: &random)
        what = "hold of \(amount)"
        let headroom = ledger.headroom(key: key, at: pass())
        model.turn(time)
        let expected = !model.revoked.contains(key) && model.admits(key, amount)
        let attempt = random.next()
        switch ledger.hold(request(key, amount, at: pass(), attempt: attempt)) {
        case .admitted(let hold, _):
            if !expected { problem = "admitted beyond a limit" }
            if let headroom, headroom.nanos < amount { problem = "admitted more than the headroom it told" }
            model.held[hold.sequence] = ReferenceModel.Held(key: key, at: time, amount: amount)
            open.append(hold)
        case .refused(let refusal):
            if expected { problem = "refused what fits: \(refusal)" }
            if let headroom, headroom.nanos >= amount, amount > 0 { problem = "refused within the headroom it told" }
            if amount > 0, refusal.left.nanos >= amount { problem = "refused with enough left" }
            if let resets = refusal.resets, resets <= time { problem = "resets in the past" }
        case .revoked: if !model.revoked.contains(key) { problem = "not revoked" }
        case .paced, .exportsMoved, .unavailable: problem = "neither admitted nor refused"
        }
    }

    private mutating func lengthen() {
        guard let at = open.indices.randomElement(using: &random), let key = model.held[open[at].sequence]?.key else { return }
        let more = Int64.random(in: 0...40, using: &random)
        what = "lengthening by \(more)"
        let moment = pass()
        model.turn(time)
        let expected = model.admits(key, more, hold: open[at].sequence)
        switch ledger.lengthen(&open[at], by: nanos(more), outputBound: 99, at: moment) {
        case .lengthened:
            if !expected { problem = "lengthened beyond a limit" }
            model.held[open[at].sequence]?.amount += more
        case .refused(let refusal): if expected { problem = "refused what fits: \(refusal)" }
        case .unavailable: problem = "not lengthened"
        }
    }

    private mutating func end() {
        guard let at = open.indices.randomElement(using: &random) else { return }
        let hold = open.remove(at: at)
        let amount = Int64.random(in: 0...80, using: &random)
        what = "end with \(amount)"
        let overrun = ledger.end(hold, .settled(Usage(input: 3), nanos(amount), estimated: false), at: pass())
        model.turn(time)
        if overrun.nanos != max(0, amount - hold.amount.nanos) { problem = "another overrun" }
        if ledger.end(hold, .settled(.zero, nanos(1), estimated: false), at: wall) != .zero { problem = "a second end" }
        settle(hold.sequence, hold.attempt, amount)
    }

    private mutating func settle(_ sequence: UInt64, _ attempt: AttemptID, _ amount: Int64) {
        guard let held = model.held.removeValue(forKey: sequence) else { return problem = "ended twice" }
        model.settled.append(
            ReferenceModel.Settled(key: held.key, hold: sequence, heldAt: held.at, at: time, amount: amount))
        ended.append(Ended(key: held.key, heldAt: held.at, attempt: attempt, charged: amount, hold: sequence))
    }

    private mutating func doubt() {
        guard let at = open.indices.randomElement(using: &random) else { return }
        what = "doubt"
        let hold = open.remove(at: at)
        ledger.end(hold, .doubt("test"), at: pass())
        model.held[hold.sequence]?.doubtSince = time
    }

    private mutating func tick() {
        what = "tick"
        let doubtful = Dictionary(uniqueKeysWithValues: ledger.doubtfulHolds.map { ($0.sequence, $0) })
        ledger.tick(at: pass())
        model.turn(time)
        for (sequence, held) in model.held.sorted(by: { $0.key < $1.key }) {
            guard let since = held.doubtSince, since <= time.advanced(byMilliseconds: -2 * 86_400_000) else { continue }
            settle(sequence, doubtful[sequence]?.attempt ?? AttemptID(high: 0, low: 0), held.amount)
        }
        model.doubtful = model.doubtful.filter { $0.value.since > time.advanced(byMilliseconds: -3 * 86_400_000) }
    }

    /// What was lost in a crash turns up on an invoice, or does not; it may come after the doubt has ended, and more than once.
    private mutating func chargeAllowance() throws {
        guard let doubt = lost.randomElement(using: &random) else { return }
        let isVoid = Int.random(in: 0..<4, using: &random) == 0
        let amount = isVoid ? 0 : Int64.random(in: 0...60, using: &random)
        what = isVoid ? "voided allowance" : "charge of \(amount) to an allowance"
        ledger.journal.commit()
        let id = Int.random(in: 0..<6, using: &random) == 0 ? evidence.randomElement(using: &random) : nil
        let new = AllowanceEvidence(
            doubt: doubt.sequence,
            finding: isVoid ? .voided : .charged(nanos(amount), Usage(output: 1), tier: .standard, attempt: nil),
            evidence: id ?? "a\(random.next())", why: "test")
        let left = model.doubtful[doubt.sequence]
        do {
            if case .alreadyBooked = try ledger.resolve(new, at: wall) {
                if id == nil { problem = "took new evidence for old" }
                return
            }
        } catch LedgerError.endedBefore {
            if !isVoid || left != nil { problem = "refused evidence" }
            return
        }
        if id != nil { problem = "took old evidence twice" }
        _ = pass()
        model.turn(time)
        evidence.append(new.evidence)
        model.doubtful[doubt.sequence]?.amount -= amount
        if isVoid || amount >= left?.amount ?? 0 { model.doubtful[doubt.sequence] = nil }
        guard !isVoid else { return }
        charges += 1
        model.settled.append(
            ReferenceModel.Settled(key: doubt.key, hold: doubt.sequence, heldAt: doubt.at, at: time, amount: amount))
    }

    private mutating func correct() throws {
        guard let at = ended.indices.randomElement(using: &random) else { return }
        what = "correction"
        ledger.journal.commit()
        let attempt = ended[at]
        let amount = Int64.random(in: -attempt.charged - 5...30, using: &random)
        let id = Int.random(in: 0..<6, using: &random) == 0 ? evidence.randomElement(using: &random) : nil
        let correction = Correction(
            hold: attempt.hold, attempt: attempt.attempt, amount: nanos(amount), evidence: id ?? "e\(random.next())", why: "test")
        do {
            let outcome = try ledger.correct(correction, at: wall)
            if case .alreadyBooked = outcome {
                if id == nil { problem = "took new evidence for old" }
                return
            }
            if id != nil { problem = "took old evidence twice" }
        } catch LedgerError.belowZero {
            if attempt.charged + amount >= 0 { problem = "refused a correction" }
            return
        }
        if attempt.charged + amount < 0 { problem = "corrected below zero" }
        _ = pass()
        model.turn(time)
        evidence.append(correction.evidence)
        ended[at].charged += amount
        model.settled.append(
            ReferenceModel.Settled(
                key: attempt.key, hold: attempt.hold, heldAt: attempt.heldAt, at: time, amount: amount))
    }

    private mutating func revoke() throws {
        let key = Int.random(in: 0..<3, using: &random)
        guard model.revoked.insert(key).inserted else { return }
        what = "revocation"
        _ = try ledger.revoke(key: ["a", "b", "c"][key], why: "test", at: pass())
        model.turn(time)
    }

    private mutating func restart() throws {
        what = "restart"
        ledger.shutdown(open: open, at: pass())
        ledger.journal.close()
        disk.endProcess()
        for hold in open { model.held[hold.sequence]?.doubtSince = time }
        open = []
        (ledger, _) = try LedgerTests.open(disk, allowances: allowances, at: pass(), doubt: doubts, zones: zones)
    }

    /// Entries are gone that may have cost the tenant so much.
    private mutating func lose() throws {
        let amount = Int64.random(in: 0...90, using: &random)
        what = "loss of \(amount)"
        try ledger.holdLost(nanos(amount), of: "acme", log: "old", first: 7, end: nil, at: pass())
        model.turn(time)
    }

    /// What was durable at a crash is all that is left; what allowances had not drawn may have been sent.
    private mutating func crash() throws {
        what = "crash"
        // The last entry is not so old that the next start would doubt the clock.
        _ = try ledger.act(who: "test", what: "crash", at: pass())
        ledger.journal.commit()
        try compare()
        disk.endProcess()
        (ledger, _) = try LedgerTests.open(disk, allowances: allowances, at: pass(), doubt: doubts, zones: zones)
        for hold in open { model.held[hold.sequence]?.doubtSince = time }
        open = []
    }

    /// Follows the journal to where it is durable; each entry is checked by the fold.
    private mutating func compare() throws {
        if what != "restart", ledger.journal.durable < ledger.journal.next { ledger.journal.commit() }
        for (sequence, at, entry) in try entries(ledger.journal, from: fold.next) {
            switch entry {
            case .allowance(let block): model.undrawn[index(block.key), default: 0] += block.amount.nanos
            case .allowanceDoubt(let block, _):
                model.undrawn[index(block.key), default: 0] -= block.amount.nanos
                // It belongs to the windows that were open at the crash.
                model.doubtful[sequence] = ReferenceModel.Doubtful(
                    key: index(block.key), at: model.now, since: at, amount: block.amount.nanos, tenant: false)
                lost.append((sequence, index(block.key), model.now))
            case .key(let record) where record.team == lostTeam:
                model.add([.key(record.id), .team(tenant: "acme", team: lostTeam), .tenant("acme")], entry: sequence)
            case .lossDoubt(let loss):
                lost.append((sequence, index(loss.key), model.now))
                guard loss.amount != .zero else { break }
                model.doubtful[sequence] = ReferenceModel.Doubtful(
                    key: index(loss.key), at: model.now, since: at, amount: loss.amount.nanos, tenant: true)
            case .allowanceReturned(let block): model.undrawn[index(block.key), default: 0] -= block.amount.nanos
            case .hold(let hold) where hold.drawn: model.undrawn[index(hold.key), default: 0] -= hold.amount.nanos
            case .end(let end) where end.back != .zero:
                guard let key = ended.last(where: { $0.hold == end.hold })?.key else { break }
                model.undrawn[key, default: 0] += end.back.nanos
            default: break
            }
            if at < fold.latest { problem = "an entry's time went back" }
            try fold.apply(sequence, at: at, entry)
        }
        if let difference = difference(ledger, fold) { return problem = difference }
        for view in ledger.accounts {
            if Set(view.lines.map(\.period)) != Set(model.periods(view.name)) { problem = "\(view.name): other periods" }
            for line in view.lines {
                let place = ReferenceModel.Line(account: view.name, period: line.period)
                let reserved = model.held(place) + model.undrawn(view.name)
                if line.settled.nanos != Int128(model.settled(place)) {
                    problem = "\(view.name) \(line.period): settled \(line.settled), not \(model.settled(place))"
                }
                if line.reserved.nanos != Int128(reserved) {
                    problem = "\(view.name) \(line.period): reserved \(line.reserved), not \(reserved)"
                }
            }
        }
    }

    private func index(_ key: String) -> Int { model.chains.firstIndex { $0[0] == .key(key) } ?? 0 }
}
