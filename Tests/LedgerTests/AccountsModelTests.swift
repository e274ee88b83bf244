import Core
import Ledger
import TestKit
import Testing

@Suite("Accounts against the reference model")
struct AccountsModelTests {
    @Test("Over 2,000 random schedules every decision and balance equals the reference model's")
    func schedules() throws {
        for seed in UInt64(0)..<2_000 {
            var schedule = Schedule(seed: seed)
            for step in 0..<60 {
                schedule.step()
                if let problem = schedule.problem {
                    Issue.record("seed \(seed), step \(step): \(problem)")
                    return
                }
            }
        }
    }
}

private struct Schedule {
    var random: SeededRandom
    var accounts: Accounts
    var model: ReferenceModel
    var refs: [HoldRef] = []
    var ended: [HoldRef] = []
    var now = noon
    var sequence: UInt64 = 0
    var durable: UInt64 = 0
    var problem: String?

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        accounts = Accounts(window: november, settings: smallBlocks(.random(in: 1...60, using: &random)))
        model = ReferenceModel(window: november)
        for (key, team) in [("a", "blue"), ("b", "blue"), ("c", "red")] {
            let limit: Int64? = Bool.random(using: &random) ? .random(in: 0...300, using: &random) : nil
            _ = accounts.addKey(key, tenant: "acme", team: team, limit: limit.map(nanos))
            model.chains.append([.key(key), .team(tenant: "acme", team: team), .tenant("acme")])
            model.limits[.key(key)] = limit
        }
        for name in [AccountName.tenant("acme"), .team(tenant: "acme", team: "blue")] where Bool.random(using: &random) {
            setLimit(name)
        }
    }

    private mutating func setLimit(_ name: AccountName) {
        let limit: Int64? = Int.random(in: 0..<5, using: &random) == 0 ? nil : .random(in: 0...500, using: &random)
        accounts.setLimit(name, limit.map(nanos))
        model.limits[name] = limit
    }

    mutating func step() {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<45: hold()
        case 45..<75: end()
        case 75..<90:
            durable = .random(in: durable...sequence, using: &random)
            accounts.durable(through: durable)
        case 90..<93:
            if let account = model.chains.randomElement(using: &random)?.randomElement(using: &random) { setLimit(account) }
        case 93..<94:
            accounts.returnAllowances()
            take()
        case 94..<95:
            let key = Int.random(in: 0..<3, using: &random)
            accounts.revoke(key: key, at: now)
            take()
            model.turn(now)
            model.revoked.insert(key)
        case 95..<97: now = now.advanced(byMilliseconds: .random(in: -40 * 86_400_000...40 * 86_400_000, using: &random))
        case 97..<98: if let ref = refs.randomElement(using: &random) { _ = accounts.doubt(ref, at: now) }
        default:
            if let ref = ended.randomElement(using: &random), accounts.end(ref, settled: nanos(1)) != nil {
                problem = "a hold ended twice"
            }
        }
        compare()
    }

    private mutating func hold() {
        let key = Int.random(in: 0..<3, using: &random)
        let amount = Int64.random(in: 0...70, using: &random)
        let headroom = accounts.headroom(key: key, at: now)
        take()
        model.turn(now)
        let expected = model.admits(key, amount)
        let drawable = model.drawable(key, durable: durable)
        switch accounts.hold(key: key, amount: nanos(amount), at: now) {
        case .granted(let ref, let window, let covered):
            if !expected { problem = "admitted beyond a limit" }
            if let headroom, headroom.nanos < amount { problem = "admitted more than the headroom it told" }
            if covered, drawable < amount || drawable == 0 { problem = "drew what is not durable" }
            if covered { model.drawn[key, default: 0] += amount }
            take()
            model.held[ref] = ReferenceModel.Held(key: key, window: window, amount: amount, drawn: covered)
            if window != model.window { problem = "held in another month" }
            refs.append(ref)
            sequence += 1
        case .refused(_, _, let left, _):
            take()
            if expected { problem = "refused what fits" }
            if let headroom, amount > 0, headroom.nanos >= amount { problem = "refused within the headroom it told" }
            if amount > 0, left.nanos >= amount { problem = "refused with enough left" }
        case .revoked: if !model.revoked.contains(key) { problem = "not revoked" }
        }
    }

    private mutating func end() {
        guard let at = refs.indices.randomElement(using: &random) else { return }
        let ref = refs.remove(at: at)
        let settled = Int64.random(in: 0...80, using: &random)
        guard let held = model.held.removeValue(forKey: ref), let ended = accounts.end(ref, settled: nanos(settled)) else {
            return problem = "an open hold did not end"
        }
        self.ended.append(ref)
        model.settled.append(ReferenceModel.Settled(key: held.key, window: held.window, amount: settled))
        if ended.settled.nanos + ended.overrun.nanos != settled { problem = "not booked in full" }
        if ended.settled.nanos + ended.back.nanos > held.amount { problem = "gave back more than was held" }
        if ended.back.nanos > 0 {
            model.credits.append(
                ReferenceModel.Credit(key: held.key, window: held.window, amount: ended.back.nanos, sequence: sequence))
            accounts.expect(sequence, key: held.key, amount: ended.back, epoch: accounts.epoch(key: held.key))
        }
        sequence += 1
    }

    /// Follows what a step returned and granted.
    private mutating func take() {
        for effect in accounts.effects {
            switch effect {
            case .returned(let key, _, let amount):
                if model.undrawn(key) != amount.nanos { problem = "returned another amount than was undrawn" }
                model.returned(key)
            case .granted(let key, let window, let amount):
                model.credits.append(
                    ReferenceModel.Credit(key: key, window: window, amount: amount.nanos, sequence: sequence))
                accounts.expect(sequence, key: key, amount: amount, epoch: accounts.epoch(key: key))
            }
            sequence += 1
        }
    }

    private mutating func compare() {
        guard accounts.window == model.window else { return }
        for view in accounts.views() {
            let spoken = Int128(model.spoken(view.name))
            let undrawn = Int128(model.undrawn(in: view.name))
            if view.settled.nanos + view.reserved.nanos != spoken + undrawn { problem = "\(view.name): another total" }
            if view.undrawn.nanos != undrawn { problem = "\(view.name): another allowance" }
        }
    }
}
