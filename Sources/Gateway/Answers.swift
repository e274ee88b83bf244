import Core
import Dialects
import Ledger
import Links
import Logging
import NIOCore
import Policy
import Providers
import Wire

/// Whole answers that are kept until their usage is read, in bytes; embeddings of 2,048 inputs stay below it.
let wholeAnswerBytesMax = 128 * 1024 * 1024
/// Of a stream whose hold is not durable yet, in bytes; beyond it the endpoint is paused.
private let gatedBytesMax = 256 * 1024

/// What has come back for one attempt.
struct Answer {
    enum Kind {
        case none
        /// A JSON document, kept until it is complete.
        case whole
        case stream(StreamReader)
        /// A status of 400 or more.
        case error
    }

    enum Ending {
        /// Its dialect's own end, or the provider's own error event.
        case complete
        /// It stopped short of its end.
        case cut(Failure)
    }

    var kind = Kind.none
    var head: ResponseHead?
    /// Where the endpoint says that it processed the attempt.
    var region: String?
    /// nil: the deployment that was asked.
    var servedBy: ServedBy?
    /// What the caller sees as status.
    var status = 0
    /// The document so far; of a stream, what waits to be delivered.
    var bytes = ByteBuffer()
    /// How the stream ended, once it has.
    var ending: Ending?
    /// The caller has its head.
    var isBegun = false
    /// When a stream said its first token.
    var firstSaidAt: NIODeadline?
    /// Puts the caller's ids of stored state in the place of the provider's.
    var ids: StateIDs?
    /// Weir's own words instead of the provider's headers.
    var isReshaped = false
    /// Makes a whole answer of a stream that only Weir asked for.
    var gathering: Gathering?
    /// Of that stream, so far.
    var gatheredBytes = 0
    /// It came as a stream, and its caller gets it whole.
    var isGathered = false
}

extension CallRelay {
    // MARK: AnswerReceiver

    var wantsAnswer: Bool { phase == .attempting && !callerIsGone }

    func sending(on connection: UpstreamConnection) {
        self.connection = connection
        sentAt = .now()
    }

    func answered(_ head: ResponseHead) {
        let waited = NIODeadline.now() - sentAt
        answer.head = head
        answer.status = head.status
        hearRegion(head.head)
        answer.servedBy = way?.servedBy(head.head)
        answer.ids = answerIDs
        if head.status >= 400 {
            answer.kind = .error
            return
        }
        let latency = waited.nanoseconds
        let now = Timestamp.now()
        count { $0.firstByte.add(nanoseconds: latency) }
        lane.board.record(
            .answered(latencyMicroseconds: latency / 1000), quota: quota(in: head.head, now: now), slot,
            at: now)
        if head.status != 200 {
            return failAttempt(.malformedAnswer, word: "unexpected_status", mayHaveArrived: true)
        }
        let isStream = head.head[.contentType].map { head.head.withBytes(of: $0, isEventStream) } ?? false
        guard isStream else { return answer.kind = .whole }
        if !dialect.generates {
            return failAttempt(.malformedAnswer, word: "unexpected_stream", mayHaveArrived: true)
        }
        if plan.gathers { answer.gathering = Gathering(sentDialect) }
        answer.kind = .stream(
            StreamReader(dialect: sentDialect, hideUsage: plan.hidesUsage, keepsText: canEstimate, ids: answer.ids))
    }

    func answered(_ body: ByteBuffer) {
        guard phase != .idle else { return }
        switch answer.kind {
        case .none: break
        case .whole, .error:
            if answer.bytes.readableBytes == 0 { answer.bytes = body } else { answer.bytes.writeImmutableBuffer(body) }
            if answer.bytes.readableBytes > wholeAnswerBytesMax {
                connection?.cancel()
                failAttempt(.answerTooLong, word: "answer_too_long", mayHaveArrived: true)
            }
        case .stream(var reader):
            // Taken out so that the reader is changed in place and not copied.
            answer.kind = .none
            let step = reader.read(body)
            let counted = reader.leastTokens
            if answer.firstSaidAt == nil, reader.outputEvents > 0 { answer.firstSaidAt = .now() }
            answer.kind = .stream(reader)
            if counted > freeBound, !pays(for: counted, step.progress) { return }
            forward(step)
            if case .violated = step.progress, phase != .idle {
                connection?.cancel()
                connection = nil
                streamEnded(.cut(.malformedAnswer))
            }
        }
    }

    private func forward(_ step: StreamStep) {
        if case .failed(let error) = step.progress, phase == .attempting {
            settleGathered()
            return failedInside(error)
        }
        if let bytes = step.forward { forward(bytes, step.progress) }
    }

    /// Whole events, in the caller's dialect where they came in another.
    private func forward(_ bytes: ByteBuffer, _ progress: StreamStep.Progress) {
        if answer.gathering != nil { return _ = gather(bytes) }
        if translated == nil { return forward(bytes) }
        if let said = translated?.translate(bytes, progress) { forward(said) }
    }

    /// Whole events on their way to the caller.
    private func forward(_ bytes: ByteBuffer) {
        switch phase {
        case .attempting:
            win()
            answer.bytes = bytes
            phase = .gated
            // Without a caller only what the hold was lengthened by has to wait.
            if (callerIsGone && holdSequence == hold?.sequence) || lane.gate.isDurable(holdSequence) {
                deliver()
            } else {
                lane.gate.wait(for: holdSequence, self)
            }
        case .gated:
            answer.bytes.writeImmutableBuffer(bytes)
            if answer.bytes.readableBytes > gatedBytesMax { connection?.setPaused(true) }
        case .delivering:
            guard let sink else { return }
            sink.send(bytes)
            if !sink.isWritable { connection?.setPaused(true) }
        case .idle, .receiving, .holding: break
        }
    }

    func answerReadComplete() {
        if phase == .delivering { sink?.flush() }
    }

    func answerEnded() {
        connection = nil
        switch answer.kind {
        case .none: break
        case .whole: wholeAnswered()
        case .error: errorAnswered()
        case .stream(let reader):
            if phase == .attempting && reader.eventsSeen == 0 {
                return failAttempt(.streamCut, word: "empty_stream", mayHaveArrived: true)
            }
            transportEnded(reader)
        }
    }

    /// The transport of a stream ended, well or not: what counts is whether the stream's own end was there.
    private func transportEnded(_ reader: StreamReader) {
        var reader = reader
        let close = reader.endOfInput()
        answer.kind = .stream(reader)
        guard close == .complete else { return streamEnded(.cut(.streamCut)) }
        // An end whose blank line is missing is an end all the same.
        if reader.hasPartialEvent { forward(reader.rest, .ended) }
        streamEnded(.complete)
    }

    func answerFailed(_ failure: LinkFailure) {
        guard phase != .idle else { return }
        connection = nil
        if case .stream(let reader) = answer.kind, phase != .attempting || (answer.gathering != nil && reader.ended) {
            return transportEnded(reader)
        }
        settleGathered()
        failAttempt(.link(failure.name), word: failure.name, mayHaveArrived: failure.mayHaveArrived)
    }

    // MARK: Kinds of answer

    private func wholeAnswered() {
        let found: AnswerScan
        do throws(ScanError) {
            found = try readAnswer(answer.bytes)
        } catch {
            return failAttempt(.malformedAnswer, word: "malformed_answer", mayHaveArrived: true)
        }
        if found.error != nil, found.usage == nil { return failedInside(answer.bytes) }
        if let hold {
            if dialect == .conversations || dialect == .tokenCount {
                // What is kept is paid for by the calls that build on it, and counting by nobody.
                end(hold, .settled(Usage(), .zero, estimated: false, tier: tier))
            } else if let usage = found.usage {
                end(
                    hold, settlement(usage, served: found.servedTier, isUnknown: found.hasUnknownTier),
                    rawUsage: found.rawUsage.flatMap { answer.bytes.slice(at: $0) })
            } else {
                endEstimated(hold, found)
            }
        }
        hold = nil
        guard replaceIDs(), translateAnswer() else { return callerIsGone ? finish() : fail(.malformedAnswer) }
        gate()
    }

    private func errorAnswered() {
        guard let head = answer.head else { return }
        replaceIDsInError()
        let now = Timestamp.now()
        judge(
            readError(answer.bytes), status: head.status, pause: retryAfterMilliseconds(in: head.head, now: now),
            quota: quota(in: head.head, now: now))
    }

    /// An error inside an answer that began as a success, before any byte was delivered.
    private func failedInside(_ error: ByteBuffer) {
        connection?.cancel()
        connection = nil
        let facts = readError(error)
        let status = facts.code.flatMap { Int($0) }.flatMap { (400..<600).contains($0) ? $0 : nil } ?? 502
        answer.kind = .error
        answer.bytes = error
        replaceIDsInError()
        answer.status = status
        answer.isReshaped = true
        judge(facts, status: status, pause: nil)
    }

    /// What an error means for the endpoint's health, the hold, and whether another endpoint is tried.
    private func judge(_ facts: ErrorFacts, status: Int, pause: Int64?, quota: QuotaReport? = nil) {
        let now = Timestamp.now()
        guard let target = way?.target else { return }
        var what = meaning(status: status, error: facts, retryAfterMilliseconds: pause, provider: target.provider)
        // State that is gone says nothing about the endpoint; nor does an API that it does not have yet, as some Azure resources.
        if case .missing = what, state != nil || operation == .conversations { what = .callerFault(billsInput: false) }
        var settled = End.voided("status_\(status)")
        var ours = Failure.endpointCredential
        switch what {
        case .callerFault(let billsInput):
            lane.board.record(
                .answered(latencyMicroseconds: (NIODeadline.now() - sentAt).nanoseconds / 1000), quota: quota, slot,
                at: now)
            if billsInput { settled = estimate(outputTokens: 0) }
        case .throttled(let milliseconds):
            lane.board.record(.throttled(milliseconds: milliseconds), quota: quota, slot, at: now)
            count { $0.throttled += 1 }
        case .providerMoney: lane.board.record(.throttled(milliseconds: AnswerMeaning.moneyPause), slot, at: now)
        case .credential where status != 403 && isTokenAtFault(at: now): ours = .endpointToken
        case .credential:
            if lane.board.recordRefusedCredential(slot, at: now) {
                lane.log.critical(
                    "an endpoint refuses its credential: it rests a minute, then longer and longer up to an hour, until it takes it",
                    metadata: ["endpoint": "\(target.name)", "status": "\(status)"])
            }
        case .missing: lane.board.record(.throttled(milliseconds: AnswerMeaning.missingPause), slot, at: now)
        case .failed:
            lane.board.record(.failed, slot, at: now)
            count { $0.failed += 1 }
        }
        if let hold { end(hold, settled) }
        hold = nil
        if callerIsGone { return finish() }
        if case .callerFault = what {
            // The other attempt of the call may take what this endpoint does not.
            if leaveToRival() { return }
            guard facts.saysPromptTooLong, state == nil, canTryAnother else { return gateError(facts) }
            // What its caller hears when no other endpoint can be asked after all.
            refusal = .promptTooLong
            return attempt()
        }
        // The provider's code stays out: it is its text, and may repeat the caller's.
        lane.log.warning(
            "endpoint answered with an error",
            metadata: ["endpoint": "\(target.name)", "status": "\(status)", "meaning": "\(what)"])
        if case .credential = what { refusal = ours } else { refusal = nil }
        if canTryAnother { return attempt() }
        if fallBack(after: .provider) { return }
        if case .credential = what { return fail(ours) }
        gateError(facts)
    }

    /// A token was refused that its authority thinks valid: another one is asked for, once, and until then nothing is sent there.
    private func isTokenAtFault(at now: Timestamp) -> Bool {
        guard let way, let cell = way.token, let grant = way.target.tokenGrant else { return false }
        switch cell.refused(sentToken, at: now) {
        case .final: return false
        // Nothing is known of the new one.
        case .stale: return true
        case .renewing(let isFirst):
            lane.board.record(.tokenRefused, slot, at: now)
            if isFirst { lane.board.askRenewal(grant, sentToken) }
            return true
        }
    }

    private var canTryAnother: Bool { nextCandidate < candidates.count && attempts < snapshot.limits.attemptsPerCall }

    /// The attempt ended without an answer that could be delivered.
    func failAttempt(_ failure: Failure, word: String, mayHaveArrived: Bool) {
        connection?.cancel()
        connection = nil
        lane.board.record(.failed, slot, at: .now())
        count { $0.failed += 1 }
        lane.log.warning(
            "attempt failed",
            metadata: ["endpoint": "\(endpointName)", "reason": "\(word)"])
        if let hold {
            // What costs nothing needs no evidence.
            end(hold, mayHaveArrived && hold.amount > .zero ? .doubt(word) : .voided(word))
        }
        hold = nil
        if callerIsGone { return finish() }
        answer = Answer()
        phase = .attempting
        refusal = failure
        if canTryAnother { return attempt() }
        if !fallBack(after: failure.fault) { fail(failure) }
    }

    func streamEnded(_ ending: Answer.Ending) {
        guard case .stream(let reader) = answer.kind, answer.ending == nil else { return }
        if phase == .attempting {
            if case .complete = ending, answer.gathering != nil {
                learnPace(reader)
                return gathered(reader)
            }
            settleGathered()
            let failure: Failure = if case .cut(let failure) = ending { failure } else { .streamCut }
            return failAttempt(failure, word: "stream_cut", mayHaveArrived: true)
        }
        answer.ending = ending
        let isComplete = if case .complete = ending { true } else { false }
        if isComplete { learnPace(reader) }
        settleStream(reader, isComplete: isComplete)
        hold = nil
        if phase == .delivering { finishStream() }
    }

    /// What a stream that came to its end says of its endpoint's speed. A caller that reads slowly holds it back, which is not told apart.
    private func learnPace(_ reader: StreamReader) {
        guard let first = answer.firstSaidAt, let usage = reader.usage else { return }
        lane.board.record(
            .streamed(
                firstTokenMicroseconds: (first - sentAt).nanoseconds / 1_000, tokens: usage.outputTokens,
                microseconds: (NIODeadline.now() - first).nanoseconds / 1_000), slot, at: .now())
    }

    private var slot: Int { way?.slot ?? 0 }

    /// What the head says is left of the endpoint's quota; of one deployment's alone it says nothing where another takes what that has no
    /// room for.
    private func quota(in head: HTTPHead, now: Timestamp) -> QuotaReport? {
        guard let way, way.served.spillover == nil else { return nil }
        return quotaReport(in: head, provider: way.target.provider, now: now)
    }

    var endpointName: String { way?.target.name ?? "" }

    /// Counts at the attempt's endpoint.
    func count(_ change: (inout LoopMetrics.EndpointCounts) -> Void) {
        guard let way else { return }
        lane.count(endpoint: way.endpoint, of: snapshot.generation, change)
    }
}

extension ByteBuffer {
    func slice(at range: Range<Int>) -> ByteBuffer? { getSlice(at: readerIndex + range.lowerBound, length: range.count) }
}
