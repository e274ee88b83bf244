import Core
import Ledger

/// The ledger as one would explain it: who has settled and held what, in lists, and by the calendar. It decides admission by
/// promise 2 alone and knows nothing of how allowances are sized; it follows the grants and returns that it is told of.
struct ReferenceModel {
    struct Held { var key: Int; var at: Timestamp; var amount: Int64; var doubtSince: Timestamp? }
    struct Doubtful { var key: Int; var at: Timestamp; var since: Timestamp; var amount: Int64; var tenant: Bool }
    struct Settled { var key: Int; var hold: UInt64; var heldAt: Timestamp; var at: Timestamp; var amount: Int64 }
    struct Line: Hashable { var account: AccountName; var period: Period }

    var chains: [[AccountName]] = []
    var limits: [AccountName: AccountLimits] = [:]
    /// The entry that a line counts from, where it is not as old as its account.
    var created: [Line: UInt64] = [:]
    var revoked: Set<Int> = []
    var held: [UInt64: Held] = [:]
    var settled: [Settled] = []
    var undrawn: [Int: Int64] = [:]
    /// Allowances that a crash left undrawn, and what lost entries may have cost the whole tenant, by the entry that says so.
    var doubtful: [UInt64: Doubtful] = [:]
    /// When windows were last looked at; never back.
    var now = Timestamp(nanoseconds: 0)

    func periods(_ account: AccountName) -> [Period] {
        let spend = (limits[account] ?? .none).spend.map(\.period)
        return [.monthUTC, .total] + spend.filter { $0 != .monthUTC && $0 != .total }
    }
    func from(_ period: Period) -> Int64 {
        let hours: Int64 = period.zone == "Asia/Shanghai" ? 8 * 3_600_000_000_000 : 0
        let day: Int64 = 86_400_000_000_000
        switch period {
        case .month: return now.month.start.nanoseconds
        case .day, .week: return (now.nanoseconds + hours) / day * day - hours
        case .rolling(let seconds): return (now.nanoseconds / step(seconds)) * step(seconds) - seconds * 1_000_000_000
        case .total: return 0
        }
    }
    func step(_ seconds: Int64) -> Int64 { max(seconds * 1_000_000_000 / 60, 1_000_000_000) }
    func belongs(_ hold: UInt64, _ heldAt: Timestamp, to line: Line) -> Bool {
        guard hold >= created[line] ?? 0 else { return false }
        if case .rolling = line.period { return true }
        return heldAt.nanoseconds >= from(line.period)
    }
    func counts(_ fact: Settled, on line: Line) -> Bool {
        guard chains[fact.key].contains(line.account), belongs(fact.hold, fact.heldAt, to: line) else { return false }
        guard case .rolling(let seconds) = line.period else { return true }
        return fact.amount > 0 && (fact.at.nanoseconds / step(seconds) + 1) * step(seconds) > from(line.period)
    }
    func settled(_ line: Line) -> Int64 { settled.filter { counts($0, on: line) }.reduce(0) { $0 + $1.amount } }
    func held(_ line: Line) -> Int64 {
        held.filter { chains[$0.value.key].contains(line.account) && belongs($0.key, $0.value.at, to: line) }
            .reduce(0) { $0 + $1.value.amount } + doubtful(line)
    }
    func doubtful(_ line: Line) -> Int64 {
        doubtful.filter {
            ($0.value.tenant || chains[$0.value.key].contains(line.account)) && belongs($0.key, $0.value.at, to: line)
        }
        .reduce(0) { $0 + $1.value.amount }
    }
    func undrawn(_ account: AccountName) -> Int64 {
        chains.indices.filter { chains[$0].contains(account) }.reduce(0) { $0 + undrawn[$1, default: 0] }
    }
    /// `hold`: one that is to be lengthened.
    func admits(_ key: Int, _ amount: Int64, hold: UInt64? = nil) -> Bool {
        chains[key].allSatisfy { account in
            (limits[account] ?? .none).spend.allSatisfy { limit in
                let line = Line(account: account, period: limit.period)
                if let hold, let open = held[hold], !belongs(hold, open.at, to: line) { return true }
                return settled(line) + held(line) + amount <= limit.amount.nanos + (limit.grace?.amount.nanos ?? 0)
            }
        }
    }
    /// A key whose accounts count from an entry on, where they are new.
    mutating func add(_ chain: [AccountName], entry: UInt64) {
        for account in chain where !chains.contains(where: { $0.contains(account) }) {
            for period in periods(account) { created[Line(account: account, period: period)] = entry }
        }
        chains.append(chain)
    }
    mutating func turn(_ moment: Timestamp) { now = max(now, moment) }
    mutating func set(_ account: AccountName, _ new: AccountLimits, entry: UInt64) {
        let before = periods(account)
        limits[account] = new
        for period in periods(account) where !before.contains(period) { created[Line(account: account, period: period)] = entry }
    }
}
