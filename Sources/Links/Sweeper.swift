import NIOCore

/// Something that must not wait for ever: after `deadline` its `expired` is called, again at each tick until the deadline moves.
public protocol Deadlined: AnyObject {
    var deadline: NIODeadline { get }
    /// Where the sweeper keeps it; only the sweeper writes it.
    var sweeperSlot: Int { get set }
    func expired(at now: NIODeadline)
}

/// Watches the deadlines of one event loop with a single recurring timer: scheduling one for each request costs 5–10 % of a relay.
/// Deadlines are therefore met up to one tick late.
public final class Sweeper {
    public static let tickMilliseconds: Int64 = 50

    private let loop: any EventLoop
    private var members: [any Deadlined] = []
    private var timer: RepeatedTask?

    public init(on loop: any EventLoop) { self.loop = loop }

    /// One that is watched already stays so.
    public func add(_ member: any Deadlined) {
        loop.assertInEventLoop()
        guard member.sweeperSlot < 0 else { return }
        member.sweeperSlot = members.count
        members.append(member)
        if timer == nil {
            let bound = NIOLoopBound(self, eventLoop: loop)
            timer = loop.scheduleRepeatedTask(
                initialDelay: .milliseconds(Self.tickMilliseconds), delay: .milliseconds(Self.tickMilliseconds)
            ) { _ in bound.value.tick() }
        }
    }

    public func remove(_ member: any Deadlined) {
        let slot = member.sweeperSlot
        guard slot >= 0, slot < members.count, members[slot] === member else { return }
        members[slot] = members[members.count - 1]
        members[slot].sweeperSlot = slot
        members.removeLast()
        member.sweeperSlot = -1
        if members.isEmpty {
            timer?.cancel()
            timer = nil
        }
    }

    private func tick() {
        let now = NIODeadline.now()
        // Expiry may remove members; walk a copy only when something expired.
        guard members.contains(where: { $0.deadline <= now }) else { return }
        for member in members where member.deadline <= now && member.sweeperSlot >= 0 { member.expired(at: now) }
    }
}
