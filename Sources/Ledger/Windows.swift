public import Core

// Windows: opened when their time has come, with allowances called back first, and alerts within them.

extension Accounts {
    /// Opens the windows whose time has come, without a hold; once a second that is soon enough for idle accounts.
    /// Rolling periods step only where that changes something.
    public mutating func turn(at moment: Timestamp) {
        effects.removeAll(keepingCapacity: true)
        advance(to: moment, onlyInUse: true)
        if mayAlert {
            mayAlert = false
            for account in table.accounts.indices {
                for index in table.range(Int32(account)) { alert(index) }
            }
        }
    }

    /// Opens every window whose time has come, used or not, before something is booked in it.
    mutating func openWindows(at moment: Timestamp) {
        effects.removeAll(keepingCapacity: true)
        advance(to: moment)
    }

    @inline(__always)
    mutating func advance(to moment: Timestamp, onlyInUse: Bool = false) {
        if moment.nanoseconds >= nextTurn { openWindows(at: moment, onlyInUse: onlyInUse) }
    }

    @inline(never)
    private mutating func openWindows(at moment: Timestamp, onlyInUse: Bool) {
        var next = Int64.max
        var hasCalledBack = false
        for number in table.clocks.indices {
            let clock = table.clocks[number]
            guard clock.users > 0 else { continue }
            if moment.nanoseconds >= clock.to, let window = window(of: clock.period, at: moment) {
                let isRolling = if case .rolling = clock.period { true } else { false }
                if !isRolling || !onlyInUse || table.isInUse(Int32(number)) {
                    // An allowance never reaches from one calendar window into the next.
                    if !isRolling, clock.to != .min, !hasCalledBack {
                        for index in keys.indices { callBack(index) }
                        hasCalledBack = true
                    }
                    // A zone file that has changed since must not make windows overlap.
                    let from = isRolling ? window.from : max(window.from, Timestamp(nanoseconds: clock.to))
                    table.turn(Int32(number), from: from, to: window.to, sequence: following)
                    effects.append(.opened(clock.period, from: from, to: window.to))
                }
            }
            if table.clocks[number].to > moment.nanoseconds || isKnown(clock.period) {
                next = min(next, table.clocks[number].to)
            }
        }
        nextTurn = next
    }

    private func window(of period: Period, at moment: Timestamp) -> (from: Timestamp, to: Timestamp)? {
        if case .rolling(let seconds) = period { return rollingWindow(seconds, at: moment) }
        guard let zone = period.zone.flatMap({ zones[$0] }), let window = zone.window(of: period, at: moment),
            window.to > moment
        else { return nil }
        return window
    }

    /// False for a period in a zone that this machine does not know: its window stays as it is.
    func isKnown(_ period: Period) -> Bool { period.zone.map { zones[$0] != nil } ?? true }

    /// Zones that lines count in and that nobody has told the calendar of.
    var unknownZones: [String] {
        Set(table.clocks.filter { $0.users > 0 }.compactMap(\.period.zone)).filter { zones[$0] == nil }.sorted()
    }

    // MARK: Alerts

    @inline(never)
    mutating func alertChain(_ chain: LineTable.Chain) {
        for account in [chain.key, chain.team, chain.tenant] {
            for index in table.range(account) { alert(index) }
        }
    }

    private mutating func alert(_ index: Int) {
        let line = table.lines[index]
        while let percent = table.dueAlert(index) {
            table.setAlerted(index, percent: percent)
            effects.append(
                .alert(
                    table.accounts[Int(line.account)].name, table.clocks[Int(line.clock)].period, percent: percent,
                    settled: Money(nanos: Int64(clamping: line.settled))))
        }
    }
}
