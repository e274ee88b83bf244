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

    mutating func callBack(_ index: Int) {
        let undrawn = keys[index].drawable + keys[index].pending
        keys[index].drawable = 0
        keys[index].pending = 0
        keys[index].epoch &+= 1
        guard undrawn > 0 else { return }
        let nanos = Int128(undrawn)
        forEachAccount(keys[index]) {
            $0.reserved -= nanos
            $0.undrawn -= nanos
        }
        effects.append(.returned(key: index, window: window, amount: Money(nanos: undrawn)))
    }

    /// Grants another block when less than half of one is left, and never so little that the next hold like this one waits.
    mutating func refill(_ index: Int, beside amount: Int64) {
        let key = keys[index]
        let undrawn = Int128(key.drawable) + Int128(key.pending)
        let busy = Int128(settings.underWayFactor) * key.held
        var block = min(max(Int128(settings.block), busy), Int128(settings.largestBlock))
        guard undrawn < max(block / 2, Int128(amount)) else { return }
        var headroom = unlimitedHeadroom
        for account in [key.account, key.team, key.tenant] { headroom = min(headroom, accounts[Int(account)].headroom) }
        block = min(block, headroom / Int128(settings.headroomDivisor))
        if block < Int128(amount) { block = Int128(amount) }
        guard block > 0, block <= headroom, block <= Int128(settings.largestBlock) else { return }
        // A small block on top of what is on its way would only make entries.
        guard undrawn < max(block / 2, Int128(amount)) else { return }
        forEachAccount(key) {
            $0.reserved += block
            $0.undrawn += block
        }
        keys[index].pending += Int64(block)
        effects.append(.granted(key: index, window: window, amount: Money(nanos: Int64(block))))
    }

    /// Finds room on every account of the chain, calling undrawn allowances back where it must; `nil` when there is room.
    mutating func makeRoom(for nanos: Int128, key index: Int) -> HoldDecision? {
        let key = keys[index]
        var short = false
        for account in [key.account, key.team, key.tenant] {
            let left = accounts[Int(account)].headroom + accounts[Int(account)].undrawn
            if nanos > left || nanos > Int128(largestHold) {
                let limit = accounts[Int(account)].limit ?? Money(nanos: largestHold)
                return .refused(
                    accounts[Int(account)].name, limit: limit, left: Money(nanos: Int64(clamping: max(0, left))),
                    resets: windowEnd)
            }
            if nanos > accounts[Int(account)].headroom { short = true }
        }
        guard short else { return nil }
        // The key's own allowance first: it counts on all three accounts.
        callBack(index)
        for account in [key.team, key.tenant] {
            var visited = 0
            while accounts[Int(account)].headroom < nanos, visited < keys.count {
                reclaimCursor = reclaimCursor + 1 < keys.count ? reclaimCursor + 1 : 0
                visited += 1
                let other = keys[reclaimCursor]
                if other.team == account || other.tenant == account { callBack(reclaimCursor) }
            }
        }
        return nil
    }

    func isWithinLimits(_ key: KeyState) -> Bool {
        accounts[Int(key.account)].headroom >= 0 && accounts[Int(key.team)].headroom >= 0
            && accounts[Int(key.tenant)].headroom >= 0
    }
}
