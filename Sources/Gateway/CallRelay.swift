import Core
import Ledger
import Links
import NIOCore
import Policy
import Providers
import Wire

/// One call from head to end: authenticate, scan, route, hold, relay, end. It belongs to one client connection and is used for
/// its calls one after another; a call whose caller left lives on in it until the endpoint is done.
final class CallRelay: AnswerReceiver, DurableWaiter, Deadlined {
    enum Phase {
        case idle
        /// The request's body is coming.
        case receiving
        /// A hold must be durable before its attempt is sent.
        case holding
        /// The attempt is out.
        case attempting
        /// An answer is there; its hold is not durable yet.
        case gated
        /// Bytes of the answer have been delivered.
        case delivering
    }

    let lane: Lane
    weak var sink: (any AnswerSink)?
    var phase = Phase.idle

    // The call
    var snapshot: Snapshot
    var key: KeyEntry?
    var names: CallNames?
    /// In whose words it came, and wants its answer.
    var dialect = Dialect.chat
    var operation: Operation { dialect.operation }
    var shape = ErrorShape.openAI
    var deployment: String?
    /// Header lines of the client's that belong to its dialect and go on with the call.
    var passedHeaders = ByteBuffer()
    /// DashScope's own dialect asks for a stream in a header.
    var streamsByHeader = false
    var model = ""
    /// Of the model that is tried, which is another than the call's where its key lets one answer in its place.
    var facts: CallFacts?
    /// Models that the key lets answer and that have not been tried.
    var fallbacks: ArraySlice<String> = []
    /// As its client narrowed them; nil: those of its key.
    var ownLabels: CallLabels?
    /// Whom its client says it is about.
    var person: Pseudonym?
    /// Whose data it may take out of mainland China; nil: nobody's that counts.
    var exported: ExportedPerson?
    var body = ByteBuffer()
    var scan = RequestScan()
    var askedTier = AskedTier.unnamed
    /// The stored state that the call builds on.
    var state: StateUse?
    /// What the call will probably use, for limits of pace.
    var probableTokens: Int64 = 0
    var startedAt = NIODeadline.now()
    var callerIsGone = false
    /// The answer is read on although its caller left.
    private(set) var isReadOn = false
    /// What the journal says where nothing was sent because nobody wants the answer.
    var whyGone = callerLeftWord
    /// The other attempt of a call that is tried twice at once.
    var rival: CallRelay?

    // The attempt
    var candidates: [Int] = []
    var nextCandidate = 0
    var attempts = 0
    var attemptID = AttemptID(high: 0, low: 0)
    var way: Way?
    var hold: Hold?
    /// Of the entry that must be durable before bytes go on: the hold's, or that of its last lengthening.
    var holdSequence: UInt64 = 0
    var plan = RewritePlan()
    var clampedOutput: Int64?
    var inputBound: Int64 = 0
    /// It bounds images and audio too.
    var isInputBounded = true
    /// The part of it that images, audio and stored state are bounded by.
    var partsBound: Int64 = 0
    /// Output tokens, over all choices, that the hold pays for.
    var outputBound: Int64 = 0
    /// Those of them that are paid for by what is on disk.
    var durableBound: Int64 = 0
    /// From so many on, more is to be held.
    var lengthensBeyond: Int64 = 0
    /// Up to so many, a stream needs neither more money nor a look at the disk.
    var freeBound: Int64 = 0
    /// Audio is priced in the hold.
    var hasAudio = false
    var tier = ServiceTier.standard
    var tariff: Tariff?
    var heldAt = Timestamp(nanoseconds: 0)
    var connection: UpstreamConnection?
    var sentAt = NIODeadline.now()
    /// The number of the token that went with the attempt, where it needs one.
    var sentToken: UInt64 = 0
    var refusal: Failure?
    /// The number of the last count of tokens that Weir made itself.
    var ownCount: UInt64 = 0

    // The answer
    var answer = Answer()
    /// An answer that waits for its hold to be durable.
    var gatedEnd = false
    /// The call in the endpoint's dialect, where that is not the caller's.
    var translated: Translated?

    var deadline = NIODeadline.distantFuture
    var sweeperSlot = -1

    init(lane: Lane) {
        self.lane = lane
        snapshot = lane.snapshot
    }

    /// A second attempt of a call, with all that is known of the call and nothing of its first attempt.
    init(besides first: CallRelay) {
        lane = first.lane
        snapshot = first.snapshot
        phase = .attempting
        key = first.key
        names = first.names
        dialect = first.dialect
        shape = first.shape
        deployment = first.deployment
        passedHeaders = first.passedHeaders
        streamsByHeader = first.streamsByHeader
        model = first.model
        facts = first.facts
        ownLabels = first.ownLabels
        person = first.person
        exported = first.exported
        body = first.body
        lane.bodyBytes += body.readableBytes
        scan = first.scan
        askedTier = first.askedTier
        probableTokens = first.probableTokens
        startedAt = first.startedAt
        candidates = first.candidates
        nextCandidate = first.nextCandidate
        attempts = first.attempts
    }

    // MARK: Request

    /// Takes a head; false when the call is refused already and the body is of no use.
    func begin(_ request: RequestHead, sink: any AnswerSink) -> Bool {
        self.sink = sink
        snapshot = lane.snapshot
        startedAt = .now()
        callerIsGone = false
        lane.countCall()
        let names = CallNames(request, using: &lane.random)
        self.names = names
        shape = request.head.withBytes(of: request.path) { Route.shape(ofPath: $0) }
        let now = Timestamp.now()
        let found: KeyEntry
        switch snapshot.authenticate(request.head, at: now) {
        case .failure(let failure): return refused(failure)
        case .success(let entry): found = entry
        }
        key = found
        guard let route = request.head.withBytes(of: request.path, { Route(path: $0) }) else { return refused(.routeNotGoverned) }
        switch route {
        case .models, .model:
            guard request.method == .get else { return refused(.methodNotAllowed("GET")) }
            // Anthropic's SDKs ask at the same path, and say for which version of the API they are made.
            answerModels(route, for: found, isAnthropic: request.head.value(of: "anthropic-version") != nil)
            return false
        case .call(let dialect, let deployment):
            guard request.method == .post else { return refused(.methodNotAllowed("POST")) }
            self.dialect = dialect
            self.deployment = deployment
            if let failure = sealedBody(request.head) { return refused(failure) }
            takeDialectHeaders(request.head)
        }
        if request.head.hasOwnFields {
            switch claimedLabels(request.head, of: found.caller, in: snapshot.catalogue.classes) {
            case .success(let labels): ownLabels = labels
            case .failure(let failure): return refused(failure)
            }
            if let failure = takePerson(request.head, of: found) ?? takeModel(request.head) { return refused(failure) }
        }
        if let failure = bodyRefusal(request) { return refused(failure) }
        if let failure = lane.admit(tenant: found.tenant) { return refused(failure) }
        phase = .receiving
        if request.expectContinue { sink.sendContinue() }
        return true
    }

    private func bodyRefusal(_ request: RequestHead) -> Failure? {
        let head = request.head
        if head[.expect] != nil && !request.expectContinue { return .expectationFailed }
        if let encoding = head[.contentEncoding], !head.matches(encoding, "identity") { return .compressedBody }
        if let type = head[.contentType], !head.withBytes(of: type, isJSONType) { return .notJSONType }
        if case .length(let length) = request.framing, lane.bodyBytes + length > Lane.bodyBytesMax { return .overloaded }
        return nil
    }

    /// Takes a part of the body; false when the call is refused and the rest is of no use.
    func received(_ bytes: ByteBuffer) -> Bool {
        guard phase == .receiving else { return false }
        lane.bodyBytes += bytes.readableBytes
        if body.readableBytes == 0 { body = bytes } else { body.writeImmutableBuffer(bytes) }
        if lane.bodyBytes > Lane.bodyBytesMax { return refused(.overloaded) }
        return true
    }

    func requestEnded() {
        guard phase == .receiving else { return }
        do throws(ScanError) {
            scan = try scanRequest(body, dialect: dialect, maxDepth: snapshot.limits.jsonDepth)
        } catch {
            return fail(
                Failure.caller(
                    error.code.rawValue, 400, error.message, error.action, parameter: error.parameter.map { "\($0)" }))
        }
        if dialect.isGeneration { scan.stream = streamsByHeader }
        decide()
    }

    /// Refuses a request of which no call could be made, without touching the connection's further fate.
    func refuse(_ failure: Failure, to sink: any AnswerSink) {
        self.sink = sink
        switch phase {
        case .idle:
            // Nothing is known of this request; what is known is of the one before.
            shape = .openAI
            names = nil
        case .receiving: break
        default: return
        }
        fail(failure)
    }

    private func refused(_ failure: Failure) -> Bool {
        fail(failure)
        return false
    }

    // MARK: The caller

    func callerLeft() {
        guard phase != .idle else { return sink = nil }
        lane.countCallerGone()
        partWithoutCaller()
        goOnWithoutCaller()
    }

    /// Nobody wants the answer any more. An attempt that was sent ends by what its provider bills.
    func goOnWithoutCaller() {
        callerIsGone = true
        sink = nil
        switch phase {
        case .idle: break
        case .receiving: finish()
        // Not sent yet: it will not be.
        case .holding: break
        case .attempting where connection == nil:
            if let hold { end(hold, .voided(whyGone)) }
            finish()
        // The answer is whole already.
        case .gated where connection == nil: break
        case .attempting, .gated, .delivering:
            if way?.target.whenCallerLeaves == .cancel {
                abandon()
            } else {
                // What waits for the disk is read on when it is there.
                if phase != .gated { connection?.setPaused(false) }
                deadline = .now() + .milliseconds(snapshot.limits.callerGoneMilliseconds)
                lane.sweeper.add(self)
                isReadOn = true
                lane.startReadingOn(self)
            }
        }
    }

    func sinkBecame(writable: Bool) {
        guard phase == .delivering else { return }
        connection?.setPaused(!writable)
    }

    /// The answer was read on long enough after its caller left, or the first attempt has taken so long that a second may start.
    func expired(at now: NIODeadline) {
        deadline = .distantFuture
        if isReadOn { abandon() } else if !callerIsGone { hedge() }
    }

    /// Stops the attempt and settles what is known of it.
    func abandon() {
        connection?.cancel()
        connection = nil
        if case .stream(let reader) = answer.kind {
            settleStream(reader, isComplete: false)
        } else if let hold, case .error = answer.kind {
            // Errors cost nothing, and this one was not read to its end.
            end(hold, .voided("status_\(answer.status)"))
        } else if let hold {
            end(hold, estimate(outputTokens: nil))
        }
        hold = nil
        finish()
    }

    // MARK: End

    /// Answers with a failure and ends the call.
    func fail(_ failure: Failure) {
        if leaveToRival() { return }
        lane.count(failure)
        // A name that nobody configured is the caller's text and belongs in no journal.
        let known = !model.isEmpty && snapshot.catalogue.model(named: model) != nil
        lane.ledger.refusal(key: key?.record.id, code: failure.code, model: known ? model : nil, at: .now())
        if let sink {
            let body = failure.body(shape, requestID: names?.requestID)
            var headers = ByteBufferAllocator().buffer(capacity: 192)
            headers.writeStaticString("content-type: application/json\r\n")
            headers.writeString(failure.retryHeaders)
            if let names {
                headers.writeStaticString("x-request-id: ")
                names.writeRequestID(to: &headers)
                headers.writeStaticString("\r\n")
            }
            sink.begin(AnswerHead(status: failure.status, headers: headers, length: body.readableBytes), body: body)
        }
        finishAnswered()
    }

    /// The answer has been handed over whole: forget the call first, since the next one may begin at once.
    func finishAnswered() {
        let sink = sink
        finish()
        sink?.end()
    }

    /// Forgets the call. Every hold has its end by now.
    func finish() {
        if sweeperSlot >= 0 { lane.sweeper.remove(self) }
        if isReadOn { lane.stopReadingOn(self) }
        isReadOn = false
        deadline = .distantFuture
        rival = nil
        whyGone = callerLeftWord
        lane.bodyBytes -= phase == .idle ? 0 : body.readableBytes
        if phase != .idle, let key { lane.leave(tenant: key.tenant) }
        phase = .idle
        // Nobody keeps a former snapshot longer than a call.
        snapshot = lane.snapshot
        key = nil
        deployment = nil
        passedHeaders = ByteBuffer()
        streamsByHeader = false
        model = ""
        facts = nil
        fallbacks = []
        ownLabels = nil
        person = nil
        exported = nil
        state = nil
        body = ByteBuffer()
        candidates = []
        nextCandidate = 0
        attempts = 0
        hold = nil
        way = nil
        clampedOutput = nil
        connection = nil
        refusal = nil
        answer = Answer()
        gatedEnd = false
        translated = nil
        ownCount &+= 1
    }
}

/// The journal's word for a hold whose attempt was not sent because its caller had left.
private let callerLeftWord = "caller_left"

extension ByteBuffer {
    func string(at range: Range<Int>) -> String {
        getString(at: readerIndex + range.lowerBound, length: range.count) ?? ""
    }
}

/// `application/json`, with or without parameters.
private func isJSONType(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let wanted = "application/json".utf8
    guard bytes.count >= wanted.count, zip(bytes, wanted).allSatisfy({ $0 == $1 || $0 | 0x20 == $1 }) else { return false }
    return bytes.count == wanted.count || bytes[wanted.count] == UInt8(ascii: ";") || bytes[wanted.count] == UInt8(ascii: " ")
}
