public import Core

/// How large an allowance may become.
public struct AllowanceSettings: Sendable, Hashable {
    /// The block that a key which is used now and then gets, in nano-dollars: one dollar.
    public var block: Int64 = 1_000_000_000
    /// A block covers at least this many times what the key has under way, so that a busy key need not wait for the disk.
    public var underWayFactor: Int64 = 4
    /// No block takes more than this share of the headroom above it.
    public var headroomDivisor: Int64 = 16
    /// No single block is larger: ten thousand dollars.
    public var largestBlock: Int64 = 10_000_000_000_000

    public init() {}
}

/// Settled and reserved money of every key, team and tenant in the current calendar month (UTC), and of earlier months that
/// still have something open. A pure state machine: no clock, no disk. Each step says in `effects` what else became true and
/// must be journalled with it, returned allowances before the hold, a grant after it.
///
/// Reserved money is held, undrawn or doubtful. `settled + reserved ≤ limit` is kept on every account of a chain; only an overrun
/// or a lowered limit passes it, and then nothing new is admitted.
public struct Accounts: Sendable {
    /// What a step made true beside its own result.
    public enum Effect: Sendable, Hashable {
        case granted(key: Int, window: Window, amount: Money)
        case returned(key: Int, window: Window, amount: Money)
    }

    struct Account: Sendable {
        var name: AccountName
        var limit: Money?
        var settled: Int128 = 0
        var reserved: Int128 = 0
        /// The part of `reserved` that allowances of the subtree have not drawn: it can be called back.
        var undrawn: Int128 = 0

        var total: Int128 { settled + reserved }
        /// What is left below the limit; negative after an overrun; more than any entry can carry without a limit.
        var headroom: Int128 {
            guard let limit else { return unlimitedHeadroom }
            return Int128(limit.nanos) - total
        }
    }

    struct KeyState: Sendable {
        var account: Int32
        var team: Int32
        var tenant: Int32
        var revoked = false
        /// Changes whenever the allowance is called back, so that what was on its way to the disk no longer counts.
        var epoch: UInt32 = 0
        /// Undrawn and on disk.
        var drawable: Int64 = 0
        /// Undrawn, its entry still on its way to the disk.
        var pending: Int64 = 0
        /// Open holds of this window.
        var held: Int128 = 0
    }

    struct Slot: Sendable {
        var amount: Int64
        var sequence: UInt64
        var key: Int32
        var window: Int32
        var generation: UInt32
        var open: Bool
        var drawn: Bool
        /// When it came in doubt.
        var doubtfulSince: Timestamp?
    }

    struct PastKey: Hashable, Sendable {
        var account: Int32
        var window: Int32
    }

    struct Past: Sendable {
        var settled: Int128
        var reserved: Int128
    }

    struct Pending: Sendable {
        var sequence: UInt64
        var amount: Int64
        var key: Int32
        var epoch: UInt32
    }

    public let settings: AllowanceSettings
    /// The window that new holds belong to: the latest month ever seen, so that a clock that steps back opens no second one.
    public internal(set) var window: Window
    public internal(set) var effects: [Effect] = []
    public internal(set) var openHolds = 0

    var accounts: [Account] = []
    var keys: [KeyState] = []
    var indexOf: [AccountName: Int32] = [:]
    var keyIndexOf: [String: Int] = [:]
    var past: [PastKey: Past] = [:]
    var slots: [Slot] = []
    private var freeSlots: [Int32] = []
    var pending: [Pending] = []
    var pendingStart = 0
    var windowEnd: Timestamp
    var reclaimCursor = 0

    public init(window: Window, settings: AllowanceSettings = AllowanceSettings()) {
        self.window = window
        self.windowEnd = window.end
        self.settings = settings
    }
}

/// More than the amounts of all entries that one account will ever see, and far from overflow.
let unlimitedHeadroom = Int128(1) << 100
/// The largest amount a hold may have. What saturates above it can be held by no account.
let largestHold = Int64.max / 4

// MARK: Holds

/// Names an open hold. One that has ended names nothing any more.
public struct HoldRef: Sendable, Hashable {
    var slot: Int32
    var generation: UInt32
}

public enum HoldDecision: Sendable, Hashable {
    /// `covered`: drawn on a durable allowance; sending need not wait for the disk. Otherwise the hold's own entry must be durable first.
    case granted(HoldRef, Window, covered: Bool)
    /// Nothing was reserved. `left` is the most that this account would still admit.
    case refused(AccountName, limit: Money, left: Money, resets: Timestamp)
    case revoked
}

extension Accounts {
    /// Reserves an upper bound on every account of the key's chain, all or nothing.
    public mutating func hold(key index: Int, amount: Money, at moment: Timestamp) -> HoldDecision {
        precondition(amount.nanos >= 0, "a hold is not negative")
        effects.removeAll(keepingCapacity: true)
        advance(to: moment)
        let key = keys[index]
        if key.revoked { return .revoked }
        let nanos = Int128(amount.nanos)

        let covered: Bool
        // Even a hold of nothing needs something drawable: an entry on disk that covers the send.
        if key.drawable > 0, key.drawable >= amount.nanos, isWithinLimits(key) {
            keys[index].drawable -= amount.nanos
            forEachAccount(key) { $0.undrawn -= nanos }
            covered = true
        } else {
            if let refusal = makeRoom(for: nanos, key: index) { return refusal }
            forEachAccount(key) { $0.reserved += nanos }
            covered = false
        }
        keys[index].held += nanos
        let ref = open(
            Slot(
                amount: amount.nanos, sequence: 0, key: Int32(index), window: window.months, generation: 0, open: true,
                drawn: covered))
        refill(index, beside: amount.nanos)
        return .granted(ref, window, covered: covered)
    }

    /// The sequence number that the hold's entry got.
    public mutating func setSequence(_ ref: HoldRef, _ sequence: UInt64) {
        slots[Int(ref.slot)].sequence = sequence
    }

    /// Takes a hold back that could not be journalled, as if it had never been.
    public mutating func undo(_ ref: HoldRef) {
        guard let slot = close(ref) else { return }
        let nanos = Int128(slot.amount)
        let key = keys[Int(slot.key)]
        keys[Int(slot.key)].held -= nanos
        if slot.drawn {
            keys[Int(slot.key)].drawable += slot.amount
            forEachAccount(key) { $0.undrawn += nanos }
        } else {
            forEachAccount(key) { $0.reserved -= nanos }
        }
    }

    /// Takes a grant back that could not be journalled. Only directly after the step that made it.
    public mutating func undoGrant(key index: Int, amount: Money) {
        let nanos = Int128(amount.nanos)
        keys[index].pending -= amount.nanos
        forEachAccount(keys[index]) {
            $0.reserved -= nanos
            $0.undrawn -= nanos
        }
    }

    /// The most that a hold of this key could be now; `nil` when no account of its chain has a limit.
    public mutating func headroom(key index: Int, at moment: Timestamp) -> Money? {
        effects.removeAll(keepingCapacity: true)
        advance(to: moment)
        var least: Int128? = nil
        let key = keys[index]
        for account in [key.account, key.team, key.tenant] where accounts[Int(account)].limit != nil {
            let left = accounts[Int(account)].headroom + accounts[Int(account)].undrawn
            least = min(least ?? left, left)
        }
        return least.map { Money(nanos: Int64(clamping: max(0, $0))) }
    }
}

// MARK: Ends

/// What an end did to the money of its hold.
public struct Ended: Sendable, Hashable {
    public var key: Int
    public var window: Window
    public var sequence: UInt64
    public var held: Money
    /// Settled within the hold.
    public var settled: Money
    /// Settled beyond the hold: booked in full, by an entry of its own.
    public var overrun: Money
    /// What the key's allowance gets back; it can be drawn once the end is durable.
    public var back: Money
}

extension Accounts {
    /// Ends a hold in the window it was made in. `nil` when it has ended already: a hold has exactly one end.
    ///
    /// - Parameter alreadyOverrun: what an overrun entry has booked for this hold before, when only its end was lost in a crash.
    public mutating func end(_ ref: HoldRef, settled: Money, alreadyOverrun: Money = .zero) -> Ended? {
        precondition(settled.nanos >= 0, "a charge is not negative")
        guard let slot = close(ref) else { return nil }
        let index = Int(slot.key)
        let key = keys[index]
        let within = min(settled.nanos, slot.amount)
        let overrun = max(0, settled.nanos - within - alreadyOverrun.nanos)
        let charged = Int128(within) + Int128(overrun)
        var back: Int64 = 0
        if slot.window == window.months {
            keys[index].held -= Int128(slot.amount)
            if slot.drawn, slot.doubtfulSince == nil, !key.revoked, wantsBack(keys[index]) { back = slot.amount - within }
            let freed = Int128(slot.amount - back)
            let returned = Int128(back)
            forEachAccount(key) {
                $0.settled += charged
                $0.reserved -= freed
                $0.undrawn += returned
            }
            keys[index].pending += back
        } else {
            for account in [key.account, key.team, key.tenant] {
                settlePast(account, slot.window, settled: charged, freed: Int128(slot.amount))
            }
        }
        return Ended(
            key: index, window: Window(months: slot.window), sequence: slot.sequence, held: Money(nanos: slot.amount),
            settled: Money(nanos: within), overrun: Money(nanos: overrun), back: Money(nanos: back))
    }

    /// The hold stays reserved until evidence or policy ends it. `nil` when it has ended or is in doubt already.
    public mutating func doubt(_ ref: HoldRef, at moment: Timestamp) -> UInt64? {
        let index = Int(ref.slot)
        guard slots[index].open, slots[index].generation == ref.generation, slots[index].doubtfulSince == nil else {
            return nil
        }
        slots[index].doubtfulSince = moment
        return slots[index].sequence
    }

    /// An allowance that a crash left undrawn for good: it stops being reserved.
    public mutating func voidDoubtfulAllowance(key index: Int, window old: Window, amount: Money) {
        let nanos = Int128(amount.nanos)
        let key = keys[index]
        if old == window {
            forEachAccount(key) { $0.reserved -= nanos }
        } else {
            for account in [key.account, key.team, key.tenant] {
                settlePast(account, old.months, settled: 0, freed: nanos)
            }
        }
    }

    private func wantsBack(_ key: KeyState) -> Bool {
        let undrawn = Int128(key.drawable) + Int128(key.pending)
        return undrawn < 2 * max(Int128(settings.block), Int128(settings.underWayFactor) * key.held)
    }

    private mutating func settlePast(_ account: Int32, _ window: Int32, settled: Int128, freed: Int128) {
        let at = PastKey(account: account, window: window)
        guard var balance = past[at] else { return }
        balance.settled += settled
        balance.reserved -= freed
        past[at] = balance.reserved == 0 ? nil : balance
    }
}

// MARK: Windows and slots

extension Accounts {
    /// Opens a later month when its time has come; the effects then hold the old month's returned allowances.
    mutating func advance(to moment: Timestamp) {
        guard moment >= windowEnd else { return }
        for index in keys.indices {
            callBack(index)
            keys[index].held = 0
        }
        for index in accounts.indices {
            if accounts[index].reserved != 0 {
                past[PastKey(account: Int32(index), window: window.months)] = Past(
                    settled: accounts[index].settled, reserved: accounts[index].reserved)
            }
            accounts[index].settled = 0
            accounts[index].reserved = 0
            accounts[index].undrawn = 0
        }
        window = Window(moment.month)
        windowEnd = window.end
    }

    /// Turns the month if it is time, without a hold.
    public mutating func turn(at moment: Timestamp) {
        effects.removeAll(keepingCapacity: true)
        advance(to: moment)
    }

    @inline(__always)
    mutating func forEachAccount(_ key: KeyState, _ change: (inout Account) -> Void) {
        change(&accounts[Int(key.account)])
        change(&accounts[Int(key.team)])
        change(&accounts[Int(key.tenant)])
    }

    mutating func open(_ slot: Slot) -> HoldRef {
        openHolds += 1
        guard let free = freeSlots.popLast() else {
            slots.append(slot)
            return HoldRef(slot: Int32(slots.count - 1), generation: 0)
        }
        let generation = slots[Int(free)].generation
        slots[Int(free)] = slot
        slots[Int(free)].generation = generation
        return HoldRef(slot: free, generation: generation)
    }

    private mutating func close(_ ref: HoldRef) -> Slot? {
        let slot = slots[Int(ref.slot)]
        guard slot.open, slot.generation == ref.generation else { return nil }
        slots[Int(ref.slot)].open = false
        slots[Int(ref.slot)].generation &+= 1
        freeSlots.append(ref.slot)
        openHolds -= 1
        return slot
    }
}
