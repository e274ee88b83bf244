import Core

/// More than the amounts of all entries that one account will ever see, and far from overflow.
let unlimitedHeadroom = Int128(1) << 100

/// Settled and reserved money of every account over every period that it is counted by: the state that the live ledger
/// decides by and the fold rebuilds from entries alone.
///
/// Each account has one line for each period of its limits, and always the lines of the calendar month (UTC) and of all time.
/// All lines of a period turn at once. What is undrawn in allowances counts on every line of an account, so it is kept once.
struct LineTable: Sendable {
    struct Account: Sendable {
        var name: AccountName
        /// Where its lines lie, side by side.
        var first: Int32
        var count: Int32
        /// Reserved for allowances of the subtree and not drawn: it can be called back.
        var undrawn: Int128 = 0
    }

    struct Line: Sendable {
        var account: Int32
        var clock: Int32
        /// Where a rolling line keeps what falls out step by step; -1: it is none.
        var ring: Int32 = -1
        /// The highest percent of the limit that an alert has told of in this window.
        var alerted: Int32 = 0
        /// Holds from this sequence number on belong to it; earlier ones were made in an earlier window, or before the line.
        var since: UInt64
        var limit: Int128 = unlimitedHeadroom
        /// The limit and its grace: what admission goes by.
        var bound: Int128 = unlimitedHeadroom
        var settled: Int128 = 0
        var held: Int128 = 0
        /// In allowances that a crash left undrawn: may have been sent.
        var doubtful: Int128 = 0
        /// What is settled when the next alert is due.
        var alertAt: Int128 = .max

        var spoken: Int128 { settled + held + doubtful }
    }

    /// The current window of all lines of one period.
    struct Clock: Sendable, Hashable {
        var period: Period
        var from: Int64 = .min
        /// The window ends before this moment; `.min` until the first opens.
        var to: Int64 = .min
        var users: Int32 = 0
    }

    /// What a rolling line has settled, by when that falls out.
    struct Ring: Sendable, Hashable {
        struct Bucket: Sendable, Hashable {
            var end: Int64
            var amount: Int128
        }

        var line: Int32
        var buckets: [Bucket] = []
    }

    /// The accounts that one key's money counts on. A commitment that drains will be one more.
    struct Chain: Sendable, Hashable {
        var key: Int32
        var team: Int32
        var tenant: Int32
    }

    static let month: Int32 = 0
    static let total: Int32 = 1

    var accounts: [Account] = []
    var limits: [AccountLimits] = []
    var lines: [Line] = []
    var clocks: [Clock]
    var rings: [Ring] = []
    private(set) var numbers: [AccountName: Int32] = [:]
    private var deadLines = 0

    init() {
        clocks = [Clock(period: .monthUTC), Clock(period: .total, to: .max)]
    }

    func number(_ name: AccountName) -> Int32? { numbers[name] }

    /// The number of an account, which is made with its two lines if need be, that count from an entry on.
    mutating func account(_ name: AccountName, since: UInt64 = 0) -> Int32 {
        if let number = numbers[name] { return number }
        let number = Int32(accounts.count)
        accounts.append(Account(name: name, first: Int32(lines.count), count: 2))
        lines.append(Line(account: number, clock: Self.month, since: since))
        lines.append(Line(account: number, clock: Self.total, since: since))
        clocks[0].users += 1
        clocks[1].users += 1
        limits.append(.none)
        numbers[name] = number
        return number
    }
}

// MARK: Money of a chain

extension LineTable {
    @inline(__always)
    mutating func eachLine(of account: Int32, _ body: (inout Line) -> Void) {
        let first = Int(accounts[Int(account)].first)
        let end = first + Int(accounts[Int(account)].count)
        for index in first..<end { body(&lines[index]) }
    }

    @inline(__always)
    mutating func eachLine(_ chain: Chain, _ body: (inout Line) -> Void) {
        eachLine(of: chain.key, body)
        eachLine(of: chain.team, body)
        eachLine(of: chain.tenant, body)
    }

    @inline(__always)
    mutating func addUndrawn(_ chain: Chain, _ amount: Int128) {
        accounts[Int(chain.key)].undrawn += amount
        accounts[Int(chain.team)].undrawn += amount
        accounts[Int(chain.tenant)].undrawn += amount
    }

    /// Reserves more for a hold on every line that it belongs to.
    mutating func addHeld(_ chain: Chain, _ amount: Int128, of hold: UInt64) {
        eachLine(chain) { if $0.since <= hold { $0.held += amount } }
    }

    /// True when a hold belongs to every line of its chain.
    func belongsToAll(_ chain: Chain, _ hold: UInt64) -> Bool {
        for account in [chain.key, chain.team, chain.tenant] {
            for index in range(account) where lines[index].since > hold { return false }
        }
        return true
    }

    /// Settles a hold's money where it belongs, and frees what was held. True when an alert may be due.
    mutating func settle(_ chain: Chain, settled: Int128, freed: Int128, of hold: UInt64) -> Bool {
        var isDue = false
        settle(chain.key, settled, freed, hold, &isDue)
        settle(chain.team, settled, freed, hold, &isDue)
        settle(chain.tenant, settled, freed, hold, &isDue)
        return isDue
    }

    @inline(__always)
    private mutating func settle(_ account: Int32, _ settled: Int128, _ freed: Int128, _ hold: UInt64, _ isDue: inout Bool) {
        for index in range(account) where lines[index].since <= hold {
            lines[index].held -= freed
            guard settled != 0 else { continue }
            lines[index].settled += settled
            if lines[index].ring >= 0 { addToRing(index, settled) }
            if lines[index].settled >= lines[index].alertAt { isDue = true }
        }
    }

    /// Corrects what an attempt was charged, where its hold belongs. What a rolling line counts falls out by itself, so nothing is
    /// taken from it: that might be another attempt's.
    mutating func correct(_ chain: Chain, _ amount: Int128, of hold: UInt64) -> Bool {
        var isDue = false
        for account in [chain.key, chain.team, chain.tenant] {
            for index in range(account) where lines[index].since <= hold {
                if lines[index].ring >= 0 {
                    guard amount > 0 else { continue }
                    addToRing(index, amount)
                }
                lines[index].settled += amount
                if lines[index].settled >= lines[index].alertAt { isDue = true }
            }
        }
        return isDue
    }

    private mutating func addToRing(_ index: Int, _ amount: Int128) {
        let ring = Int(lines[index].ring)
        let end = clocks[Int(lines[index].clock)].to
        if let last = rings[ring].buckets.indices.last, rings[ring].buckets[last].end == end {
            rings[ring].buckets[last].amount += amount
        } else {
            rings[ring].buckets.append(Ring.Bucket(end: end, amount: amount))
        }
    }

    @inline(__always)
    func range(_ account: Int32) -> Range<Int> {
        let first = Int(accounts[Int(account)].first)
        return first..<(first + Int(accounts[Int(account)].count))
    }
}

// MARK: Limits

extension LineTable {
    enum Reach { case limit, bound }

    /// The least that is left on any line of an account; far more than anything where it has no limit.
    @inline(__always)
    func left(_ account: Int32, below reach: Reach, countingUndrawn: Bool = true) -> Int128 {
        var least = unlimitedHeadroom
        for index in range(account) {
            let line = lines[index]
            least = min(least, (reach == .limit ? line.limit : line.bound) - line.spoken)
        }
        return countingUndrawn ? least - accounts[Int(account)].undrawn : least
    }

    func left(_ chain: Chain, below reach: Reach) -> Int128 {
        min(left(chain.key, below: reach), left(chain.team, below: reach), left(chain.tenant, below: reach))
    }

    /// The first line of a chain on which more than so much is reserved or settled in all, of those that a hold belongs to.
    func firstBeyond(_ reach: Reach, _ chain: Chain, plus amount: Int128 = 0, countingUndrawn: Bool, of hold: UInt64) -> Int? {
        if let found = beyond(reach, chain.key, amount, countingUndrawn, hold) { return found }
        if let found = beyond(reach, chain.team, amount, countingUndrawn, hold) { return found }
        return beyond(reach, chain.tenant, amount, countingUndrawn, hold)
    }

    @inline(__always)
    private func beyond(_ reach: Reach, _ account: Int32, _ amount: Int128, _ countingUndrawn: Bool, _ hold: UInt64) -> Int? {
        let more = countingUndrawn ? amount + accounts[Int(account)].undrawn : amount
        for index in range(account) {
            let line = lines[index]
            if line.spoken + more > (reach == .limit ? line.limit : line.bound), line.since <= hold { return index }
        }
        return nil
    }

    /// The name of the grace that lets a chain be beyond a limit, of the first line that is.
    func graceName(_ chain: Chain, of hold: UInt64) -> String? {
        firstBeyond(.limit, chain, countingUndrawn: true, of: hold).flatMap { spendLimit($0)?.grace?.name }
    }

    /// The limit that a line counts for.
    func spendLimit(_ index: Int) -> SpendLimit? {
        let line = lines[index]
        let period = clocks[Int(line.clock)].period
        return limits[Int(line.account)].spend.first { $0.period == period }
    }

    func isLimited(_ account: Int32) -> Bool { !limits[Int(account)].spend.isEmpty }

    /// When a line that is full has room again by itself.
    func resets(_ index: Int) -> Timestamp? {
        let clock = clocks[Int(lines[index].clock)]
        switch clock.period {
        case .day, .week, .month: return clock.to == .min ? nil : Timestamp(nanoseconds: clock.to)
        case .total: return nil
        case .rolling(let seconds):
            guard let first = rings[Int(lines[index].ring)].buckets.first(where: { $0.amount > 0 }) else { return nil }
            let step = rollingStep(seconds)
            // The first window that begins to count after the bucket's end.
            let needed = first.end + step + rollingNanoseconds(seconds)
            return Timestamp(nanoseconds: (needed + step - 1) / step * step - step)
        }
    }

    /// Replaces an account's limits. A line whose period stays keeps its money; a new one counts from this entry on.
    mutating func setLimits(_ number: Int32, _ new: AccountLimits, sequence: UInt64) {
        let account = Int(number)
        limits[account] = new
        var wanted: [Int32] = [Self.month, Self.total]
        for limit in new.spend {
            let clock = clock(limit.period)
            if !wanted.contains(clock) { wanted.append(clock) }
        }
        if lines[range(number)].map(\.clock) != wanted { moveLines(number, to: wanted, sequence) }
        for index in range(number) {
            let limit = spendLimit(index)
            lines[index].limit = limit.map { Int128($0.amount.nanos) } ?? unlimitedHeadroom
            lines[index].bound = limit.map { Int128($0.amount.nanos) + Int128($0.grace?.amount.nanos ?? 0) } ?? unlimitedHeadroom
            rearmAlerts(index)
        }
    }

    private mutating func moveLines(_ number: Int32, to wanted: [Int32], _ sequence: UInt64) {
        // Removing a ring may renumber another one of these lines.
        for index in range(number) where !wanted.contains(lines[index].clock) {
            clocks[Int(lines[index].clock)].users -= 1
            if lines[index].ring >= 0 { removeRing(Int(lines[index].ring)) }
        }
        let first = lines.count
        for clock in wanted {
            if let kept = range(number).first(where: { lines[$0].clock == clock }) {
                lines.append(lines[kept])
            } else {
                lines.append(Line(account: number, clock: clock, since: sequence))
                clocks[Int(clock)].users += 1
                if case .rolling = clocks[Int(clock)].period {
                    lines[lines.count - 1].ring = Int32(rings.count)
                    rings.append(Ring(line: Int32(lines.count - 1)))
                }
            }
            let line = lines[lines.count - 1]
            if line.ring >= 0 { rings[Int(line.ring)].line = Int32(lines.count - 1) }
        }
        deadLines += Int(accounts[Int(number)].count)
        accounts[Int(number)].first = Int32(first)
        accounts[Int(number)].count = Int32(wanted.count)
        if deadLines > 256, deadLines * 2 > lines.count { compact() }
    }

    private mutating func removeRing(_ ring: Int) {
        rings.swapAt(ring, rings.count - 1)
        rings.removeLast()
        if ring < rings.count { lines[Int(rings[ring].line)].ring = Int32(ring) }
    }

    private mutating func compact() {
        var live: [Line] = []
        live.reserveCapacity(lines.count - deadLines)
        for account in accounts.indices {
            let range = range(Int32(account))
            accounts[account].first = Int32(live.count)
            live.append(contentsOf: lines[range])
        }
        lines = live
        deadLines = 0
        for index in lines.indices where lines[index].ring >= 0 { rings[Int(lines[index].ring)].line = Int32(index) }
    }

    mutating func clock(_ period: Period) -> Int32 {
        if let known = clocks.firstIndex(where: { $0.period == period }) { return Int32(known) }
        clocks.append(Clock(period: period))
        return Int32(clocks.count - 1)
    }
}

// MARK: Alerts

extension LineTable {
    /// The next percent of a line's limit that is to be told, when so much is settled already.
    func dueAlert(_ index: Int) -> Int? {
        guard lines[index].settled >= lines[index].alertAt, let limit = spendLimit(index) else { return nil }
        return limit.alertPercents.first { $0 > Int(lines[index].alerted) }
    }

    mutating func setAlerted(_ index: Int, percent: Int) {
        lines[index].alerted = Int32(clamping: percent)
        setAlertAt(index)
    }

    private mutating func setAlertAt(_ index: Int) {
        let alerted = Int(lines[index].alerted)
        guard let limit = spendLimit(index), let next = limit.alertPercents.first(where: { $0 > alerted }) else {
            lines[index].alertAt = .max
            return
        }
        // Of a limit of nothing, nothing is a share.
        lines[index].alertAt = max(1, (Int128(limit.amount.nanos) * Int128(next) + 99) / 100)
    }

    /// Percents that have been told and are no longer reached can be told again.
    mutating func rearmAlerts(_ index: Int) {
        let line = lines[index]
        if line.alerted > 0 {
            let limit = spendLimit(index)
            let reached = limit?.alertPercents.last {
                $0 <= Int(line.alerted) && line.settled * 100 >= Int128(limit?.amount.nanos ?? 0) * Int128($0)
            }
            lines[index].alerted = Int32(clamping: reached ?? 0)
        }
        setAlertAt(index)
    }
}

// MARK: Windows

/// A rolling line counts in this many steps, and one more, so that it never counts less than its period.
private let rollingSteps: Int64 = 60
/// No step is shorter, so that a period of seconds does not fill the journal.
private let shortestStep: Int64 = 1_000_000_000
/// A hundred years; longer periods are no periods.
private let longestRollingSeconds: Int64 = 100 * 366 * 86_400

func rollingNanoseconds(_ seconds: Int64) -> Int64 { min(seconds, longestRollingSeconds) * 1_000_000_000 }
func rollingStep(_ seconds: Int64) -> Int64 { max(rollingNanoseconds(seconds) / rollingSteps, shortestStep) }

/// The window of a rolling period at a moment: from what still counts to the end of the step that it lies in.
func rollingWindow(_ seconds: Int64, at moment: Timestamp) -> (from: Timestamp, to: Timestamp) {
    let step = rollingStep(seconds)
    let to = (moment.nanoseconds / step + 1) * step
    return (Timestamp(nanoseconds: to - step - rollingNanoseconds(seconds)), Timestamp(nanoseconds: to))
}

extension LineTable {
    /// Opens the next window of a period: what was settled or held before counts no more, or less.
    mutating func turn(_ clock: Int32, from: Timestamp, to: Timestamp, sequence: UInt64) {
        clocks[Int(clock)].from = from.nanoseconds
        clocks[Int(clock)].to = to.nanoseconds
        if case .rolling = clocks[Int(clock)].period {
            for ring in rings.indices { dropFromRing(ring, clock, before: from.nanoseconds) }
            return
        }
        for account in accounts.indices {
            for index in range(Int32(account)) where lines[index].clock == clock {
                lines[index].since = sequence
                lines[index].settled = 0
                lines[index].held = 0
                lines[index].doubtful = 0
                lines[index].alerted = 0
                setAlertAt(index)
            }
        }
    }

    private mutating func dropFromRing(_ ring: Int, _ clock: Int32, before from: Int64) {
        let index = Int(rings[ring].line)
        guard lines[index].clock == clock else { return }
        var count = 0
        for bucket in rings[ring].buckets {
            guard bucket.end <= from else { break }
            lines[index].settled -= bucket.amount
            count += 1
        }
        guard count > 0 else { return }
        rings[ring].buckets.removeFirst(count)
        rearmAlerts(index)
    }

    /// True when stepping on would change what a rolling period's lines count.
    func isInUse(_ clock: Int32) -> Bool {
        rings.contains { lines[Int($0.line)].clock == clock && lines[Int($0.line)].spoken != 0 }
    }
}
