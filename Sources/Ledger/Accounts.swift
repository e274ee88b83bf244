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

/// Admission: who may reserve how much now, over every period of every account, and how fast. A pure state machine: no clock,
/// no disk. Each step says in `effects` what else became true and must be journalled with it: what came back and which windows
/// opened before the step's own entry, a grant and alerts after it.
///
/// `settled + reserved ≤ limit (+ grace)` is kept on every line of a chain; only an overrun, a correction or a lowered limit
/// passes it, and then nothing new is admitted.
public struct Accounts: Sendable {
    /// What a step made true beside its own result.
    public enum Effect: Sendable, Hashable {
        case returned(key: Int, amount: Money)
        case opened(Period, from: Timestamp, to: Timestamp)
        case granted(key: Int, amount: Money)
        case alert(AccountName, Period, percent: Int, settled: Money)
    }

    struct KeyState: Sendable {
        var chain: LineTable.Chain
        var revoked = false
        /// Some account of its chain has a limit of pace.
        var isPaced = false
        /// Changes whenever the allowance is called back, so that what was on its way to the disk no longer counts.
        var epoch: UInt32 = 0
        /// Undrawn and on disk.
        var drawable: Int64 = 0
        /// Undrawn, its entry still on its way to the disk.
        var pending: Int64 = 0
        /// Open holds.
        var held: Int128 = 0
    }

    struct Slot: Sendable {
        var amount: Int64
        var sequence: UInt64
        var key: Int32
        var generation: UInt32
        var open: Bool
        var drawn: Bool
        /// It counts as under way.
        var paced: Bool
        var paceTokens: Int64
        /// When it came in doubt.
        var doubtfulSince: Timestamp?
    }

    struct Pending: Sendable {
        var sequence: UInt64
        var amount: Int64
        var key: Int32
        var epoch: UInt32
    }

    public let settings: AllowanceSettings
    let zones: [String: CivilZone]
    public internal(set) var effects: [Effect] = []
    public internal(set) var openHolds = 0

    var table: LineTable
    var paces: [Pace] = []
    var keys: [KeyState] = []
    var keyIndexOf: [String: Int] = [:]
    var slots: [Slot] = []
    private var freeSlots: [Int32] = []
    var pending: [Pending] = []
    var pendingStart = 0
    var reclaimCursor = 0
    /// Above every sequence number that a hold has: windows that open count from here.
    var following: UInt64 = 0
    /// The first moment at which some window ends.
    var nextTurn: Int64 = .min
    /// Lines may be beyond a share that nobody was told of.
    var mayAlert = false

    public init(settings: AllowanceSettings = AllowanceSettings(), zones: [String: CivilZone] = [:]) {
        self.init(LineTable(), following: 0, settings: settings, zones: zones)
    }

    init(_ table: LineTable, following: UInt64, settings: AllowanceSettings, zones: [String: CivilZone]) {
        self.settings = settings
        self.zones = zones.merging(["UTC": .utc]) { stated, _ in stated }
        self.table = table
        self.following = following
        paces = Array(repeating: Pace(), count: table.accounts.count)
        for index in table.limits.indices { paces[index].set(table.limits[index].pace) }
        mayAlert = !table.lines.isEmpty
    }
}

/// The largest amount a hold may have. What saturates above it can be held by no account.
let largestHold = Int64.max / 4

// MARK: Holds

/// Names an open hold. One that has ended names nothing any more.
public struct HoldRef: Sendable, Hashable {
    var slot: Int32
    var generation: UInt32
}

public enum HoldDecision: Sendable, Hashable {
    /// `covered`: drawn on a durable allowance; sending need not wait for the disk. Otherwise the hold's own entry must be durable
    /// first. `grace`: by this name it is beyond a limit.
    case granted(HoldRef, covered: Bool, grace: String?)
    /// Nothing was reserved. `left` is the most that this account would still admit.
    case refused(AccountName, Period, limit: Money, left: Money, resets: Timestamp?)
    case paced(PaceRefusal)
    case revoked
}

extension Accounts {
    /// Reserves an upper bound on every line of the key's chain, all or nothing.
    ///
    /// - Parameter wall: for pace, whose time may step back; the ledger's own may not.
    public mutating func hold(
        key index: Int, amount: Money, paceTokens: Int64 = 0, at moment: Timestamp, wall: Timestamp? = nil
    ) -> HoldDecision {
        precondition(amount.nanos >= 0, "a hold is not negative")
        effects.removeAll(keepingCapacity: true)
        advance(to: moment)
        let key = keys[index]
        if key.revoked { return .revoked }
        let tokens = min(max(0, paceTokens), largestPaceAmount)
        if key.isPaced, let refusal = paceRefusal(key.chain, tokens, at: wall ?? moment) { return .paced(refusal) }
        let nanos = Int128(amount.nanos)

        var grace: String?
        let covered: Bool
        // Even a hold of nothing needs something drawable: an entry on disk that covers the send.
        if key.drawable > 0, key.drawable >= amount.nanos, isWithinLimits(key.chain) {
            keys[index].drawable -= amount.nanos
            table.addUndrawn(key.chain, -nanos)
            table.eachLine(key.chain) { $0.held += nanos }
            covered = true
        } else {
            if let refusal = makeRoom(for: nanos, key: index, of: .max) { return refusal }
            table.eachLine(key.chain) { $0.held += nanos }
            grace = table.graceName(key.chain, of: .max)
            covered = false
        }
        keys[index].held += nanos
        eachPace(key.chain) { $0.begin(tokens: tokens) }
        let ref = open(
            Slot(
                amount: amount.nanos, sequence: 0, key: Int32(index), generation: 0, open: true, drawn: covered, paced: true,
                paceTokens: tokens))
        refill(index, beside: amount.nanos)
        return .granted(ref, covered: covered, grace: grace)
    }

    /// The sequence number that the hold's entry got.
    public mutating func setSequence(_ ref: HoldRef, _ sequence: UInt64) {
        slots[Int(ref.slot)].sequence = sequence
        following = max(following, sequence + 1)
    }

    /// Takes a hold back that could not be journalled, as if it had never been.
    public mutating func undo(_ ref: HoldRef) {
        guard let slot = close(ref) else { return }
        let nanos = Int128(slot.amount)
        let chain = keys[Int(slot.key)].chain
        keys[Int(slot.key)].held -= nanos
        table.eachLine(chain) { $0.held -= nanos }
        if slot.drawn {
            keys[Int(slot.key)].drawable += slot.amount
            table.addUndrawn(chain, nanos)
        }
        eachPace(chain) { $0.undo(tokens: slot.paceTokens) }
    }

    /// Takes a grant back that could not be journalled. Only directly after the step that made it.
    public mutating func undoGrant(key index: Int, amount: Money) {
        keys[index].pending -= amount.nanos
        table.addUndrawn(keys[index].chain, -Int128(amount.nanos))
    }

    public enum LengthenDecision: Sendable, Hashable {
        case lengthened(grace: String?)
        case refused(AccountName, Period, limit: Money, left: Money, resets: Timestamp?)
        /// It has ended or is in doubt.
        case gone
    }

    /// Reserves more for an open hold, on every line that the hold belongs to.
    public mutating func lengthen(_ ref: HoldRef, by more: Money, at moment: Timestamp) -> LengthenDecision {
        precondition(more.nanos >= 0, "a hold grows")
        effects.removeAll(keepingCapacity: true)
        advance(to: moment)
        let slot = slots[Int(ref.slot)]
        guard slot.open, slot.generation == ref.generation, slot.doubtfulSince == nil else { return .gone }
        let index = Int(slot.key)
        let chain = keys[index].chain
        let nanos = Int128(more.nanos)
        if slot.amount > largestHold - min(more.nanos, largestHold) {
            return .refused(
                table.accounts[Int(chain.key)].name, .total, limit: Money(nanos: largestHold), left: .zero, resets: nil)
        }
        if case .refused(let account, let period, let limit, let left, let resets)? = makeRoom(
            for: nanos, key: index, of: slot.sequence)
        {
            return .refused(account, period, limit: limit, left: left, resets: resets)
        }
        table.addHeld(chain, nanos, of: slot.sequence)
        keys[index].held += nanos
        slots[Int(ref.slot)].amount += more.nanos
        return .lengthened(grace: table.graceName(chain, of: slot.sequence))
    }

    /// Takes back a lengthening that could not be journalled. Only directly after it.
    public mutating func undoLengthening(_ ref: HoldRef, by more: Money) {
        let slot = slots[Int(ref.slot)]
        table.addHeld(keys[Int(slot.key)].chain, -Int128(more.nanos), of: slot.sequence)
        keys[Int(slot.key)].held -= Int128(more.nanos)
        slots[Int(ref.slot)].amount -= more.nanos
    }

    /// The most that a hold of this key could be now; `nil` when no account of its chain has a limit.
    public mutating func headroom(key index: Int, at moment: Timestamp) -> Money? {
        effects.removeAll(keepingCapacity: true)
        advance(to: moment)
        let chain = keys[index].chain
        var least: Int128?
        for account in [chain.key, chain.team, chain.tenant] where table.isLimited(account) {
            let left = table.left(account, below: .bound, countingUndrawn: false)
            least = min(least ?? left, left)
        }
        return least.map { Money(nanos: Int64(clamping: max(0, $0))) }
    }
}

// MARK: Ends

/// What an end did to the money of its hold.
public struct Ended: Sendable, Hashable {
    public var key: Int
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
    /// Ends a hold, on the lines that it belongs to. `nil` when it has ended already: a hold has exactly one end.
    ///
    /// - Parameters:
    ///   - alreadyOverrun: what an overrun entry has booked for this hold before, when only its end was lost in a crash.
    ///   - usedTokens: what the attempt used, for limits of pace.
    public mutating func end(
        _ ref: HoldRef, settled: Money, alreadyOverrun: Money = .zero, usedTokens: Int64 = 0, at moment: Timestamp
    ) -> Ended? {
        precondition(settled.nanos >= 0, "a charge is not negative")
        effects.removeAll(keepingCapacity: true)
        guard isOpen(ref) else { return nil }
        advance(to: moment)
        guard let slot = close(ref) else { return nil }
        let index = Int(slot.key)
        let chain = keys[index].chain
        let within = min(settled.nanos, slot.amount)
        let overrun = max(0, settled.nanos - within - alreadyOverrun.nanos)
        keys[index].held -= Int128(slot.amount)
        release(slot, chain, usedTokens: usedTokens)
        var back: Int64 = 0
        if slot.drawn, slot.doubtfulSince == nil, within < slot.amount, !keys[index].revoked, wantsBack(keys[index]),
            table.belongsToAll(chain, slot.sequence)
        {
            back = slot.amount - within
        }
        let isDue = table.settle(
            chain, settled: Int128(within) + Int128(overrun), freed: Int128(slot.amount), of: slot.sequence)
        if back > 0 {
            table.addUndrawn(chain, Int128(back))
            keys[index].pending += back
        }
        if isDue { alertChain(chain) }
        return Ended(
            key: index, sequence: slot.sequence, held: Money(nanos: slot.amount), settled: Money(nanos: within),
            overrun: Money(nanos: overrun), back: Money(nanos: back))
    }

    /// The hold stays reserved until evidence or policy ends it. `nil` when it has ended or is in doubt already.
    public mutating func doubt(_ ref: HoldRef, at moment: Timestamp) -> UInt64? {
        let index = Int(ref.slot)
        guard isOpen(ref), slots[index].doubtfulSince == nil else { return nil }
        slots[index].doubtfulSince = moment
        if slots[index].paced { eachPace(keys[Int(slots[index].key)].chain) { $0.end() } }
        slots[index].paced = false
        return slots[index].sequence
    }

    /// An allowance that a crash left undrawn for good: it stops being reserved.
    mutating func voidDoubtfulAllowance(key index: Int, doubt sequence: UInt64, _ doubtful: Fold.DoubtfulAllowance) {
        let amount = Int128(doubtful.block.amount.nanos)
        eachLine(of: keys[index].chain, isLoss: doubtful.isLoss) { if $0.since <= sequence { $0.doubtful -= amount } }
    }

    /// Charges a part of what a crash left undrawn. The windows that are due have opened before.
    mutating func chargeDoubtfulAllowance(key index: Int, isLoss: Bool, _ charge: AllowanceChargeEntry) {
        effects.removeAll(keepingCapacity: true)
        let chain = keys[index].chain
        let freed = Int128(charge.freed.nanos)
        eachLine(of: chain, isLoss: isLoss) { if $0.since <= charge.doubt { $0.doubtful -= freed } }
        if table.settle(chain, settled: Int128(charge.amount.nanos), freed: 0, of: charge.doubt) { alertChain(chain) }
    }

    /// Changes what an ended attempt was charged.
    public mutating func correct(key index: Int, hold sequence: UInt64, amount: Money, at moment: Timestamp) {
        effects.removeAll(keepingCapacity: true)
        advance(to: moment)
        if table.correct(keys[index].chain, Int128(amount.nanos), of: sequence) { alertChain(keys[index].chain) }
    }

    private func wantsBack(_ key: KeyState) -> Bool {
        let undrawn = Int128(key.drawable) + Int128(key.pending)
        return undrawn < 2 * max(Int128(settings.block), Int128(settings.underWayFactor) * key.held)
    }

    private mutating func release(_ slot: Slot, _ chain: LineTable.Chain, usedTokens: Int64) {
        guard slot.paced else { return }
        let used = min(max(0, usedTokens), largestPaceAmount)
        eachPace(chain) {
            $0.end()
            $0.correct(asked: slot.paceTokens, used: used)
        }
    }
}

// MARK: Pace

extension Accounts {
    @inline(__always)
    mutating func eachPace(_ chain: LineTable.Chain, _ body: (inout Pace) -> Void) {
        body(&paces[Int(chain.key)])
        body(&paces[Int(chain.team)])
        body(&paces[Int(chain.tenant)])
    }

    private mutating func paceRefusal(_ chain: LineTable.Chain, _ tokens: Int64, at moment: Timestamp) -> PaceRefusal? {
        for account in [chain.key, chain.team, chain.tenant] {
            guard let refusal = paces[Int(account)].refusal(tokens: tokens, at: moment) else { continue }
            return PaceRefusal(
                account: table.accounts[Int(account)].name, what: refusal.what, limit: refusal.limit,
                retryAfterMilliseconds: refusal.retryAfterMilliseconds)
        }
        return nil
    }
}

// MARK: Slots

extension Accounts {
    func isOpen(_ ref: HoldRef) -> Bool {
        slots[Int(ref.slot)].open && slots[Int(ref.slot)].generation == ref.generation
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
