import Core
import Links
import NIOCore
import NIOHTTP2

/// One client connection that speaks HTTP/2: counts its streams, asks the client to go elsewhere when Weir drains or the
/// connection is old, and closes when it has carried nothing for long enough.
final class HTTP2Connection: ChannelInboundHandler, Deadlined, Drainable {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private let lane: Lane
    private let limits: ListenerLimits
    private let bornAt = NIODeadline.now()
    private var context: ChannelHandlerContext?
    private var streams = 0
    private var isLeaving = false

    private(set) var deadline = NIODeadline.distantFuture
    var sweeperSlot = -1

    init(lane: Lane) {
        self.lane = lane
        limits = lane.snapshot.limits
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        lane.connections[ObjectIdentifier(self)] = self
        lane.sweeper.add(self)
        deadline = .now() + .milliseconds(limits.idleMilliseconds)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        lane.connections[ObjectIdentifier(self)] = nil
        lane.sweeper.remove(self)
    }

    func streamOpened() {
        streams += 1
        deadline = .distantFuture
        if NIODeadline.now() - bornAt > .milliseconds(limits.connectionAgeMilliseconds) { sayGoAway() }
    }

    func streamClosed() {
        streams -= 1
        guard streams == 0 else { return }
        if isLeaving { return close() }
        deadline = .now() + .milliseconds(limits.idleMilliseconds)
    }

    func expired(at now: NIODeadline) {
        sayGoAway()
        close()
    }

    func drain() {
        sayGoAway()
        if streams == 0 { close() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    /// RFC 9113, section 6.8: the highest identifier means that streams under way go on.
    private func sayGoAway() {
        guard !isLeaving, let context else { return }
        isLeaving = true
        let frame = HTTP2Frame(
            streamID: .rootStream, payload: .goAway(lastStreamID: .maxID, errorCode: .noError, opaqueData: nil))
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    private func close() {
        deadline = .distantFuture
        context?.close(promise: nil)
    }
}
