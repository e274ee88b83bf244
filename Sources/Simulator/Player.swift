import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Ends the connection with a reset instead of a proper end.
func resetConnection(_ context: ChannelHandlerContext) {
    if let socket = context.channel as? any SocketOptionProvider {
        socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete {
            [context = NIOLoopBound(context, eventLoop: context.eventLoop)] _ in
            context.value.close(promise: nil)
        }
    } else {
        context.close(promise: nil)
    }
}

/// Plays one decided answer on its connection: waits, paces, breaks where the fault says so, and notes the end.
final class Player {
    /// Events are gathered up to this before they are written.
    static let writeBytesMax = 32_768
    /// Bytes of nonsense that `garbage` sends.
    static let garbageBytes = 512

    private let stage: Stage
    private let context: ChannelHandlerContext
    private let done: () -> Void
    private var decision: Decision
    private var fault: Fault?
    private var timer: Scheduled<Void>?
    private var script: StreamScript
    private var start = NIODeadline.now()
    private var isHeadSent = false
    private var waitsForWritability = false
    private var isOver = false
    private var dripping = ByteBuffer()

    init(_ decision: Decision, stage: Stage, context: ChannelHandlerContext, done: @escaping () -> Void) {
        self.decision = decision
        self.stage = stage
        self.context = context
        self.done = done
        fault = decision.fault
        if case .stream(let script) = decision.answer.body { self.script = script } else { script = StreamScript(inputTokens: 0) }
    }

    func begin() {
        switch fault {
        case .refuse:
            note(.fault, billed: PlayedUsage())
            resetConnection(context)
        case .noAnswer:
            note(.fault, billed: PlayedUsage())
            context.close(promise: nil)
        case .garbage:
            var random = Randomness(decision.seed)
            write(ByteBuffer(bytes: (0..<Player.garbageBytes).map { _ in UInt8(truncatingIfNeeded: random.next()) }))
            note(.fault, billed: PlayedUsage())
            closeWhenWritten()
        case .stallHead(nil), .down: break
        case .stallHead(let milliseconds?): after(.milliseconds(Int64(milliseconds))) { $0.think() }
        default: think()
        }
    }

    func clientLeft() {
        guard !isOver else { return }
        note(.clientLeft, billed: billedSoFar)
        timer?.cancel()
    }

    func writabilityChanged() {
        guard waitsForWritability, context.channel.isWritable, !isOver else { return }
        waitsForWritability = false
        step()
    }

    // MARK: Timing

    private func after(_ amount: TimeAmount, _ body: @escaping (Player) -> Void) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: amount) { [weak self] in
            if let self, !self.isOver { body(self) }
        }
    }

    /// The time until the first token, then the answer.
    private func think() {
        let answer = decision.answer
        let pace = decision.model.pace
        var tokens = answer.hiddenTokens
        if case .whole = answer.body { tokens = answer.usage.output }
        var nanoseconds = Int64(answer.firstTokenMilliseconds) * 1_000_000
        if pace > 0 { nanoseconds += Int64(Double(tokens) / pace * 1e9) }
        if case .stream = answer.body, decision.model.keepAliveMilliseconds > 0, breaker == nil {
            sendHead()
            keepAlive(until: .now() + .nanoseconds(nanoseconds))
        } else if nanoseconds > 0 {
            after(.nanoseconds(nanoseconds)) { $0.speak() }
        } else {
            speak()
        }
    }

    private func keepAlive(until first: NIODeadline) {
        let interval = TimeAmount.milliseconds(Int64(decision.model.keepAliveMilliseconds))
        guard NIODeadline.now() + interval < first else { return after(first - .now()) { $0.speak() } }
        after(interval) { player in
            player.write(Player.chunk(ByteBuffer(string: ": keep-alive\n\n")))
            player.keepAlive(until: first)
        }
    }

    // MARK: Whole answers and broken ones

    private var breaker: Breaker? { fault.flatMap(Breaker.init) }

    private func speak() {
        if let breaker { return break_(breaker) }
        switch decision.answer.body {
        case .whole(let bytes):
            var out = ByteBuffer()
            head(into: &out, framing: [Header("content-length", String(bytes.count))])
            out.writeBytes(bytes)
            write(out)
            finish(.completed)
        case .stream:
            start = .now()
            if !isHeadSent { sendHead() }
            step()
        }
    }

    private func sendHead() {
        isHeadSent = true
        var out = ByteBuffer()
        head(into: &out, framing: [Header("transfer-encoding", "chunked")])
        write(out)
    }

    private func head(into out: inout ByteBuffer, framing: [Header]) {
        var framing = framing
        if case .hugeHead(let bytes) = fault {
            for index in 0..<(bytes / 1_000 + 1) {
                framing.append(Header("x-filler-\(index)", String(repeating: "f", count: 985)))
            }
        }
        if fault == .informational {
            out.writeString("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </hint>\r\n\r\n")
        }
        if !decision.keepAlive { framing.append(Header("connection", "close")) }
        RawHTTP.head(decision.answer.status, decision.answer.headers + framing, into: &out)
    }

    private func break_(_ breaker: Breaker) {
        var body = ByteBuffer()
        switch decision.answer.body {
        case .whole(let bytes): body.writeBytes(bytes)
        case .stream: while script.next(into: &body) {}
        }
        let play = breaker.play(decision.answer.status, decision.answer.headers, body)
        if case .drip(let milliseconds) = fault {
            dripping = play.bytes
            return drip(.milliseconds(Int64(milliseconds)))
        }
        write(play.bytes)
        finish(.fault, close: play.closes)
    }

    private func drip(_ interval: TimeAmount) {
        guard let byte = dripping.readSlice(length: 1) else { return finish(.completed) }
        write(byte)
        after(interval) { $0.drip(interval) }
    }

    // MARK: Streams

    /// Writes every event that is due.
    private func step() {
        var out = ByteBuffer()
        var event = ByteBuffer()
        while true {
            if script.isAtEnd {
                if fault == .endless { script.rewind() }
                if script.isAtEnd {
                    out.writeStaticString("0\r\n\r\n")
                    write(out)
                    return finish(.completed)
                }
            }
            if breakEvent(&out) { return }
            if decision.model.pace > 0, script.isNextPaced {
                let due = start + .nanoseconds(Int64(Double(pacedSoFar) / decision.model.pace * 1e9))
                let wait = due - .now()
                if wait > .nanoseconds(0) {
                    write(out)
                    return after(wait) { $0.step() }
                }
            }
            if out.readableBytes >= Player.writeBytesMax {
                // Others on this loop get their turn, and a client that has left is noticed.
                write(out)
                return after(.nanoseconds(0)) { $0.step() }
            }
            if !context.channel.isWritable {
                // Set first: the write itself may make room and call back.
                waitsForWritability = true
                return write(out)
            }
            event.clear()
            if script.isNextPaced { pacedSoFar += 1 }
            _ = script.next(into: &event)
            out.writeImmutableBuffer(Player.chunk(event))
        }
    }

    /// Events that took their turn in the pace.
    private var pacedSoFar = 0

    /// Plays the fault if this is its event; true when the stream does not go on now.
    private func breakEvent(_ out: inout ByteBuffer) -> Bool {
        let sent = script.sent
        switch fault {
        case .cutStream(sent):
            write(out)
            finish(.fault, close: true)
        case .resetStream(sent):
            write(out)
            note(.fault, billed: billedSoFar)
            resetConnection(context)
        case .endEarly(sent):
            out.writeStaticString("0\r\n\r\n")
            write(out)
            finish(.fault)
        case .stallStream(sent, let milliseconds):
            write(out)
            fault = nil
            if let milliseconds { after(.milliseconds(Int64(milliseconds))) { $0.step() } }
        case .cutInside(sent):
            var event = ByteBuffer()
            _ = script.next(into: &event)
            let chunk = Player.chunk(event)
            if let half = chunk.getSlice(at: chunk.readerIndex, length: chunk.readableBytes / 2) {
                out.writeImmutableBuffer(half)
            }
            write(out)
            finish(.fault, close: true)
        case .badChunk(sent):
            out.writeStaticString("zz\r\nnot a chunk\r\n")
            write(out)
            finish(.fault, close: true)
        case .errorEvent(sent):
            out.writeImmutableBuffer(Player.chunk(ByteBuffer(string: errorEvent)))
            out.writeStaticString("0\r\n\r\n")
            write(out)
            finish(.fault)
        case .malformedEvent(sent):
            var event = ByteBuffer()
            if script.isNextPaced { pacedSoFar += 1 }
            _ = script.next(into: &event)
            let kept = max(8, event.readableBytes * 2 / 3)
            var broken = event.getSlice(at: event.readerIndex, length: min(kept, event.readableBytes)) ?? event
            broken.writeStaticString("\n\n")
            out.writeImmutableBuffer(Player.chunk(broken))
            return false
        default: return false
        }
        return true
    }

    private var errorEvent: String {
        let isNative = decision.operation.isDashScopes
        let refusal = Trouble.status(500, code: nil).answer(stage.endpoint.provider, isNative: isNative)
        guard case .whole(let bytes) = refusal.body else { return "" }
        let text = String(decoding: bytes, as: UTF8.self)
        if isNative { return "id:\(script.sent)\nevent:error\n:HTTP_STATUS/500\ndata:\(text)\n\n" }
        if decision.operation == .messages { return "event: error\ndata: \(text)\n\n" }
        guard decision.operation == .responses else { return "data: \(text)\n\n" }
        return "event: error\ndata: {\"type\":\"error\",\"sequence_number\":\(script.sent),\(text.dropFirst())\n\n"
    }

    private static func chunk(_ event: ByteBuffer) -> ByteBuffer {
        var out = ByteBuffer()
        out.reserveCapacity(event.readableBytes + 16)
        out.writeString(String(event.readableBytes, radix: 16))
        out.writeStaticString("\r\n")
        out.writeImmutableBuffer(event)
        out.writeStaticString("\r\n")
        return out
    }

    // MARK: The end

    private func write(_ buffer: ByteBuffer) {
        guard buffer.readableBytes > 0 else { return }
        context.writeAndFlush(NIOAny(buffer), promise: nil)
    }

    private func finish(_ outcome: ReceivedRequest.Outcome, close: Bool = false) {
        let isWhole = if case .whole = decision.answer.body { true } else { false }
        note(outcome, billed: outcome == .completed || isWhole || breaker != nil ? decision.answer.usage : billedSoFar)
        if close || !decision.keepAlive { closeWhenWritten() } else { done() }
    }

    /// Closing at once would throw away what the socket has not yet taken.
    private func closeWhenWritten() {
        let written = context.eventLoop.makePromise(of: Void.self)
        let context = context
        written.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        context.writeAndFlush(NIOAny(ByteBuffer()), promise: written)
    }

    /// What the provider bills if it ends now.
    private var billedSoFar: PlayedUsage {
        let full = decision.answer.usage
        if decision.model.billsWholeAnswer { return full }
        guard case .stream = decision.answer.body, decision.answer.status == 200 else { return full }
        guard script.sent > 0 else { return PlayedUsage(input: full.input, cached: full.cached, output: 0, reasoning: 0) }
        let hidden = decision.answer.hiddenTokens > 0 ? full.reasoning : 0
        return PlayedUsage(
            input: full.input, cached: full.cached, output: min(full.output, hidden + script.produced),
            reasoning: hidden > 0 ? hidden : min(full.reasoning, script.produced))
    }

    private func note(_ outcome: ReceivedRequest.Outcome, billed: PlayedUsage) {
        guard !isOver else { return }
        isOver = true
        let isStream = if case .stream = decision.answer.body { true } else { false }
        let played = isStream ? script.produced : outcome == .completed ? billed.output : 0
        stage.recorder.update(decision.record, ended: true) { request in
            request.outcome = outcome
            request.status = decision.answer.status
            request.outputTokensPlayed = played
            request.billedInput = billed.input
            request.billedCached = billed.cached
            request.billedOutput = billed.output
            request.billedReasoning = billed.reasoning
        }
    }
}
