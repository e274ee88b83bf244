public import Core

// Allowances: granted in blocks, drawn on once durable, called back where room is needed.

extension Accounts {
    /// The entry that adds to a key's allowance (a grant, or an end that gave back) got this sequence number.
    /// Sequence numbers come in rising order; `epoch` is the key's at the moment of the step.
    public mutating func expect(_ sequence: UInt64, key index: Int, amount: Money, epoch: UInt32) {
        pending.append(Pending(sequence: sequence, amount: amount.nanos, key: Int32(index), epoch: epoch))
    }

    /// Tells an allowance from an earlier one of the same key that was called back.
    public func epoch(key index: Int) -> UInt32 { keys[index].epoch }

    /// Everything below this sequence number is on disk: what it added to allowances can be drawn.
    public mutating func durable(through sequence: UInt64) {
        while pendingStart < pending.count, pending[pendingStart].sequence < sequence {
            let item = pending[pendingStart]
            pendingStart += 1
            let index = Int(item.key)
            guard keys[index].epoch == item.epoch else { continue }
            keys[index].pending -= item.amount
            keys[index].drawable += item.amount
        }
        if pendingStart == pending.count {
            pending.removeAll(keepingCapacity: true)
            pendingStart = 0
        } else if pendingStart > 1024, pendingStart * 2 > pending.count {
            pending.removeFirst(pendingStart)
            pendingStart = 0
        }
    }

    /// Calls back what a key has not drawn, e.g. at a clean shutdown. The caller journals the effect.
    public mutating func returnAllowances() {
        effects.removeAll(keepingCapacity: true)
        for index in keys.indices { callBack(index) }
    }

    /// Calls back the allowances of every key whose money counts on an account.
    mutating func callBack(under account: Int32) {
        guard table.accounts[Int(account)].undrawn > 0 else { return }
        for index in keys.indices where keys[index].chain.holds(account) { callBack(index) }
    }

    mutating func callBack(_ index: Int) {
        let undrawn = keys[index].drawable + keys[index].pending
        keys[index].drawable = 0
        keys[index].pending = 0
        keys[index].epoch &+= 1
        guard undrawn > 0 else { return }
        table.addUndrawn(keys[index].chain, -Int128(undrawn))
        effects.append(.returned(key: index, amount: Money(nanos: undrawn)))
    }

    /// Grants another block when less than half of one is left, and never so little that the next hold like this one waits.
    /// A grant stays below the limits themselves; a grace is for holds that name it.
    mutating func refill(_ index: Int, beside amount: Int64) {
        let key = keys[index]
        let undrawn = Int128(key.drawable) + Int128(key.pending)
        let busy = Int128(settings.underWayFactor) * key.held
        var block = min(max(Int128(settings.block), busy), Int128(settings.largestBlock))
        guard undrawn < max(block / 2, Int128(amount)) else { return }
        let headroom = table.left(key.chain, below: .limit)
        block = min(block, headroom / Int128(settings.headroomDivisor))
        if block < Int128(amount) { block = Int128(amount) }
        guard block > 0, block <= headroom, block <= Int128(settings.largestBlock) else { return }
        // A small block on top of what is on its way would only make entries.
        guard undrawn < max(block / 2, Int128(amount)) else { return }
        table.addUndrawn(key.chain, block)
        keys[index].pending += Int64(block)
        effects.append(.granted(key: index, amount: Money(nanos: Int64(block))))
    }

    /// Finds room on every line of the chain that a hold belongs to, calling undrawn allowances back where it must; `nil` when
    /// there is room.
    mutating func makeRoom(for nanos: Int128, key index: Int, of hold: UInt64) -> HoldDecision? {
        let chain = keys[index].chain
        if nanos > Int128(largestHold) {
            return .refused(
                table.accounts[Int(chain.key)].name, .total, limit: Money(nanos: largestHold), left: Money(nanos: largestHold),
                resets: nil)
        }
        if let line = table.firstBeyond(.bound, chain, plus: nanos, countingUndrawn: false, of: hold) {
            return refusal(line)
        }
        guard table.firstBeyond(.limit, chain, plus: nanos, countingUndrawn: true, of: hold) != nil else { return nil }
        // The key's own allowance first: it counts on all three accounts.
        callBack(index)
        for account in [chain.team, chain.tenant] {
            var visited = 0
            while visited < keys.count, table.accounts[Int(account)].undrawn > 0, table.left(account, below: .limit) < nanos {
                reclaimCursor = reclaimCursor + 1 < keys.count ? reclaimCursor + 1 : 0
                visited += 1
                if keys[reclaimCursor].chain.holds(account) { callBack(reclaimCursor) }
            }
        }
        return nil
    }

    private func refusal(_ index: Int) -> HoldDecision {
        let line = table.lines[index]
        let limit = table.spendLimit(index)?.amount ?? Money(nanos: largestHold)
        return .refused(
            table.accounts[Int(line.account)].name, table.clocks[Int(line.clock)].period, limit: limit,
            left: Money(nanos: Int64(clamping: max(0, line.bound - line.spoken))), resets: table.resets(index))
    }

    func isWithinLimits(_ chain: LineTable.Chain) -> Bool {
        table.firstBeyond(.limit, chain, countingUndrawn: true, of: .max) == nil
    }
}

extension LineTable.Chain {
    func holds(_ account: Int32) -> Bool { key == account || team == account || tenant == account }
}
