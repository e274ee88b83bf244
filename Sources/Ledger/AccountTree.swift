public import Core

/// One account over one period, as a person or a metric reads it.
public struct LineView: Sendable, Hashable {
    public var period: Period
    /// nil: counted only.
    public var limit: SpendLimit?
    /// The current window; nil for all time, and until the first one opens.
    public var from: Timestamp?
    public var to: Timestamp?
    public var settled: MoneyTotal
    /// Held for attempts under way, undrawn in allowances, or in doubt.
    public var reserved: MoneyTotal

    public init(
        period: Period, limit: SpendLimit? = nil, from: Timestamp? = nil, to: Timestamp? = nil, settled: MoneyTotal,
        reserved: MoneyTotal
    ) {
        self.period = period
        self.limit = limit
        self.from = from
        self.to = to
        self.settled = settled
        self.reserved = reserved
    }
}

/// One account as a person or a metric reads it.
public struct AccountView: Sendable, Hashable {
    public var name: AccountName
    /// Of the calendar month (UTC), as are `settled` and `reserved`.
    public var limit: Money?
    public var settled: MoneyTotal
    /// Held for attempts under way, undrawn in allowances, or in doubt.
    public var reserved: MoneyTotal
    /// The part of `reserved` that allowances have not drawn.
    public var undrawn: MoneyTotal
    public var pace: PaceLimit
    /// Attempts that count towards its limit of concurrency.
    public var underWay: Int
    /// Every period that the account is counted by: the month, all time, and those of its limits.
    public var lines: [LineView]

    public init(
        name: AccountName, limit: Money?, settled: MoneyTotal, reserved: MoneyTotal, undrawn: MoneyTotal,
        pace: PaceLimit = .none, underWay: Int = 0, lines: [LineView] = []
    ) {
        self.name = name
        self.limit = limit
        self.settled = settled
        self.reserved = reserved
        self.undrawn = undrawn
        self.pace = pace
        self.underWay = underWay
        self.lines = lines
    }
}

extension Accounts {
    /// Adds a key with its team and tenant, or finds it. Its index never changes.
    public mutating func addKey(_ id: String, tenant: String, team: String) -> Int {
        if let index = keyIndexOf[id] { return index }
        let chain = LineTable.Chain(
            key: account(.key(id)), team: account(.team(tenant: tenant, team: team)), tenant: account(.tenant(tenant)))
        keys.append(KeyState(chain: chain, isPaced: isPaced(chain)))
        keyIndexOf[id] = keys.count - 1
        return keys.count - 1
    }

    public func keyIndex(_ id: String) -> Int? { keyIndexOf[id] }

    /// The limits that are set for an account now.
    public func limits(_ name: AccountName) -> AccountLimits { table.number(name).map { table.limits[Int($0)] } ?? .none }

    /// Calls back what allowances would carry over a change of an account's limits; the caller journals the effects first.
    public mutating func prepareLimits(_ name: AccountName) {
        effects.removeAll(keepingCapacity: true)
        if let account = table.number(name) { callBack(under: account) }
    }

    /// Sets all limits of an account, made if need be. `sequence` is of the entry that says so.
    public mutating func setLimits(_ name: AccountName, _ limits: AccountLimits, sequence: UInt64) {
        let number = account(name)
        table.setLimits(number, limits, sequence: sequence)
        paces[Int(number)].set(limits.pace)
        for index in keys.indices where keys[index].chain.holds(number) { keys[index].isPaced = isPaced(keys[index].chain) }
        following = max(following, sequence + 1)
        nextTurn = .min
        mayAlert = true
    }

    /// A revoked key holds no more; what it has under way ends as ever. Effects: its allowance comes back.
    public mutating func revoke(key index: Int, at moment: Timestamp) {
        turn(at: moment)
        keys[index].revoked = true
        callBack(index)
    }

    /// Every account in the current windows.
    public func views() -> [AccountView] {
        table.accounts.indices.map { view(Int32($0)) }
    }

    public func view(_ name: AccountName) -> AccountView? { table.number(name).map(view) }

    private func view(_ number: Int32) -> AccountView {
        let account = table.accounts[Int(number)]
        let lines = table.range(number).map { lineView($0, account.undrawn) }
        return AccountView(
            name: account.name, limit: table.limits[Int(number)].monthly, settled: lines[0].settled, reserved: lines[0].reserved,
            undrawn: MoneyTotal(nanos: account.undrawn), pace: table.limits[Int(number)].pace,
            underWay: paces[Int(number)].underWay, lines: lines)
    }

    private func lineView(_ index: Int, _ undrawn: Int128) -> LineView {
        let line = table.lines[index]
        let clock = table.clocks[Int(line.clock)]
        let isOpen = clock.from != .min
        return LineView(
            period: clock.period, limit: table.spendLimit(index), from: isOpen ? Timestamp(nanoseconds: clock.from) : nil,
            to: isOpen ? Timestamp(nanoseconds: clock.to) : nil, settled: MoneyTotal(nanos: line.settled),
            reserved: MoneyTotal(nanos: line.held + line.doubtful + undrawn))
    }

    private func isPaced(_ chain: LineTable.Chain) -> Bool {
        [chain.key, chain.team, chain.tenant].contains { !paces[Int($0)].limit.isNone }
    }

    mutating func account(_ name: AccountName) -> Int32 {
        let number = table.account(name, since: following)
        while paces.count < table.accounts.count { paces.append(Pace()) }
        return number
    }
}
