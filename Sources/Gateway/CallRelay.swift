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
    private(set) weak var sink: (any AnswerSink)?
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
    var facts: CallFacts?
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
    var dated: DatedPrice?
    var heldAt = Timestamp(nanoseconds: 0)
    var connection: UpstreamConnection?
    var sentAt = NIODeadline.now()
    var refusal: Failure?

    // The answer
    var answer = Answer()
    /// An answer that waits for its hold to be durable.
    var gatedEnd = false
    /// The call in the endpoint's dialect, where that is not the caller's.
    var translated: Translated?

    private(set) var deadline = NIODeadline.distantFuture
    var sweeperSlot = -1

    init(lane: Lane) {
        self.lane = lane
        snapshot = lane.snapshot
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

    // MARK: Decision

    private func decide() {
        guard let key else { return fail(.missingKey) }
        let now = Timestamp.now()
        if operation == .conversations {
            if let failure = findConversationModel(at: now) { return fail(failure) }
        } else if let deployment {
            model = deployment
        } else if let range = scan.model {
            model = body.string(at: range)
        } else {
            return fail(.modelMissing)
        }
        // Nearly every call asks for nothing of the kind, and then nobody needs to know whether its key is limited.
        if let field = unbounded(scan, body: body, dialect: dialect),
            !field.isPermittedWithoutLimit || lane.ledger.headroom(key: key.account, at: now) != nil
        {
            return fail(.unbounded(field.field, field.reason))
        }
        let most = Int64(128)
        if let n = scan.n?.value, n > most { return fail(.badValue("n", "at most \(most)")) }
        if let n = scan.bestOf?.value, n > most { return fail(.badValue("best_of", "at most \(most)")) }
        askedTier = Providers.askedTier(scan, body: body)
        probableTokens = probablyUsed
        var facts = CallFacts(
            caller: key.caller, model: model, in: snapshot.catalogue, operation: operation, tokens: probableTokens,
            ownLabels: ownLabels)
        if scan.namesState { return decideAtHome(facts, at: now) }
        exported = exportedPerson(of: key, facts)
        if let exported { facts.exports = lane.ledger.exportCount(key.record.tenant, with: exported, at: now) }
        lane.judge(&facts, in: snapshot, at: now)
        self.facts = facts
        let snapshot = snapshot
        if let serving = snapshot.catalogue.endpoints(serving: facts.model) {
            lane.board.read(serving, at: snapshot.slots, into: &lane.health)
        }
        let decision = route(
            facts, in: snapshot.catalogue, health: lane.health,
            serves: { [model = facts.model, dialect] in
                snapshot.serves($0, dialect) && ($1 != .conversations || snapshot.keepsConversations(endpoint: $0, model: model))
            },
            cost: { [operation, probableTokens, model = facts.model] in
                guard let model else { return nil }
                return snapshot.way(endpoint: $0, model: model)?.probableCost(probableTokens, of: operation, at: now)
            }, at: now, using: &lane.random)
        switch decision {
        case .attempt(let endpoints):
            candidates = endpoints
            nextCandidate = 0
            attempt(at: now)
        case .refused(.unknownModel): fail(.unknownModel)
        case .refused(.denied(let reasons)): fail(.denied(reasons.map(\.description)))
        case .refused(.operationNotServed):
            fail(operation == .conversations ? .state(.notKept, .conversation, model: model) : .operationNotServed)
        case .refused(.unavailable(let until)):
            fail(.unavailable(afterMilliseconds: until.map { max(0, $0.milliseconds(since: now)) }))
        }
    }

    // MARK: The caller

    func callerLeft() {
        guard phase != .idle else { return sink = nil }
        callerIsGone = true
        sink = nil
        lane.countCallerGone()
        switch phase {
        case .idle: break
        case .receiving: finish()
        // Not sent yet: it will not be.
        case .holding: break
        case .attempting where connection == nil:
            if let hold { end(hold, .voided("caller_left")) }
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

    /// The answer was read on long enough after its caller left.
    func expired(at now: NIODeadline) {
        deadline = .distantFuture
        abandon()
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
    }
}

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
