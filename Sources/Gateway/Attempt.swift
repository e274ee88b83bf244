import Core
import Ledger
import Links
import NIOCore
import Policy
import Providers
import Wire

/// A clamp below this many tokens is a refusal: an answer that short helps nobody (the Responses API accepts no less).
private let smallestClampedOutput: Int64 = 16
/// How often a hold is tried again with a smaller output when others took the headroom in between.
private let clampTries = 3
/// How often an attempt is judged again because other calls exported in between; beyond it the call is refused.
private let exportTries = 64
/// Bytes of a request that make one token, for limits of pace: providers count so too before they have read it.
private let probableBytesPerToken = 4
/// What a choice probably says when its call sets no limit.
private let probableOutputTokens: Int64 = 512

/// Holding and sending: one attempt after another until one answers or the budget is used up.
extension CallRelay {
    /// Tries the next endpoint, or tells the caller why there is none.
    func attempt(at now: Timestamp = .now()) {
        while nextCandidate < candidates.count, attempts < snapshot.limits.attemptsPerCall {
            let endpoint = candidates[nextCandidate]
            nextCandidate += 1
            guard let index = facts?.model, let way = snapshot.way(endpoint: endpoint, model: index) else { continue }
            self.way = way
            answer = Answer()
            guard isPermitted(endpoint, at: now) else { continue }
            if countsHere(way) {
                guard let failure = countHere(way) else { return }
                refusal = refusal ?? failure
                continue
            }
            if let token = way.token, !token.hasToken(at: now) {
                refusal = refusal ?? .endpointToken
                continue
            }
            if let failure = translate(for: way) {
                refusal = refusal ?? failure
                continue
            }
            // Taken before the hold, so that what an endpoint has no room for leaves no trace in the journal.
            guard lane.board.begin(way.slot, tokens: probableTokens, at: now) else { continue }
            let reservation = reserve(way, at: now)
            if case .held = reservation {} else { lane.board.gaveUp(way.slot, tokens: probableTokens, at: now) }
            switch reservation {
            case .held(syncFirst: true):
                phase = .holding
                if lane.gate.isDurable(holdSequence) { return send(at: now) }
                return lane.gate.wait(for: holdSequence, self)
            case .held(syncFirst: false): return send(at: now)
            case .refused(let failure): refusal = refusal ?? failure
            case .stopped(let failure): return fail(failure)
            }
        }
        let failure = refusal ?? noneLeft
        if !fallBack(after: failure.fault, at: now) { fail(failure) }
    }

    /// Judges the attempt anew: policies may have turned since the call was decided on, and what they ask may have changed.
    private func isPermitted(_ endpoint: Int, at now: Timestamp) -> Bool {
        if facts?.isPermitted(at: endpoint, on: lane, in: snapshot, now: now) == true { return true }
        refusal = refusal ?? denial(at: endpoint)
        return false
    }

    /// What an attempt at an endpoint outside counts, and by how many it was judged.
    private func judgedExport(at endpoint: Int) -> JudgedExport? {
        guard let exported, snapshot.leavesChina[endpoint], let count = facts?.exports else { return nil }
        return JudgedExport(exported, count: count)
    }

    private func denial(at endpoint: Int) -> Failure {
        .denied([facts.flatMap { snapshot.catalogue.denial(of: $0, at: endpoint) }?.description ?? "the endpoint"])
    }

    private enum Reservation {
        case held(syncFirst: Bool)
        /// Not at this endpoint; another may be cheaper.
        case refused(Failure)
        case stopped(Failure)
    }

    /// Holds the upper bound of the attempt's cost, with the output clamped to the headroom where that is what it takes.
    private func reserve(_ way: Way, at now: Timestamp) -> Reservation {
        guard let key, let names else { return .stopped(.unknownKey) }
        guard let tariff = way.tariff(at: now) else { return .refused(.noPrice) }
        self.tariff = tariff
        heldAt = now
        tier = askedTier.held(at: way.target.serviceTier)
        if let field = storedItems(scan, at: way.target) { return .refused(.unbounded(field.field, field.reason)) }
        let inputTokens: Int64
        let stateBound = stateBound(way)
        // What a conversation begins with is input of the calls that build on it, and bounded there; counting costs nothing.
        let isInput = dialect != .conversations && dialect != .tokenCount
        let bytesBound =
            isInput
            ? saturated(
                inputTokenBound(
                    inputBytes: max(body.readableBytes, translated?.body.readableBytes ?? 0), messages: scan.messages, images: 0,
                    imageBound: nil) ?? .max,
                plus: saturated(stateBound, plus: toolTokenBound(scan, dialect: sentDialect))) : 0
        isInputBounded = true
        switch isInput ? Providers.inputBound(scan, bytesBound: bytesBound, served: way.served) : .tokens(0) {
        case .tokens(let tokens): inputTokens = tokens
        case .unbounded(let field, let tokens):
            if isLimited(key, at: now) { return .refused(.unbounded(field.field, field.reason)) }
            inputTokens = tokens
            isInputBounded = false
        }
        hasAudio = isInput && (scan.audioParts > 0 || scan.modalitiesAudio)
        if hasAudio, tariff.upperBound(TokenBound(input: 1, output: 1, hasAudio: true, tier: tier)) == nil {
            let field = scan.audioParts > 0 ? "input_audio" : "modalities"
            if isLimited(key, at: now) {
                return .refused(.unbounded(field, "the price book has no price for this model's audio, and the key has a limit"))
            }
            hasAudio = false
        }
        inputBound = inputTokens
        partsBound = saturated(inputTokens - bytesBound, plus: stateBound)
        let outputs = outputs
        let asked = scan.outputLimit
        var perChoice: Int64 = !dialect.generates ? 0 : asked ?? way.served.maxOutputTokens
        if way.needsOutputLimit { perChoice = min(perChoice, way.served.maxOutputTokens) }
        var mustSay = way.needsOutputLimit && dialect.generates
        clampedOutput = nil
        attempts += 1
        attemptID = AttemptID(using: &lane.random)
        var (clamps, exportsMoved) = (0, 0)
        while true {
            let (outputBound, overflow) = outputs.multipliedReportingOverflow(by: perChoice)
            if overflow { return .refused(.callTooDear) }
            let tokens = TokenBound(input: inputTokens, output: outputBound, hasAudio: hasAudio, tier: tier)
            guard let bound = tariff.upperBound(tokens) else {
                return .refused(tier == .standard ? .noPrice : .noTierPrice(tier))
            }
            let request = HoldRequest(
                attempt: attemptID, call: names.requestID, key: key.account,
                route: way.route(insteadOf: stoodIn == nil ? nil : model),
                judged: facts.flatMap { lane.judged($0, at: way.endpoint, in: snapshot) },
                operation: operation, stream: scan.stream, amount: bound, inputBound: inputTokens,
                outputBound: outputBound, generation: snapshot.generation, tier: tier, paceTokens: probableTokens,
                bytes: Int64(body.readableBytes), export: judgedExport(at: way.endpoint), at: now)
            switch lane.ledger.hold(request) {
            case .admitted(let admitted, let mustSyncFirst):
                hold = admitted
                holdSequence = admitted.sequence
                setBound(scan.echo ? saturated(outputBound, plus: inputTokens) : outputBound)
                plan = rewrites(at: way, outputLimit: mustSay ? perChoice : nil)
                return .held(syncFirst: mustSyncFirst)
            case .unavailable: return .stopped(.journalUnavailable)
            case .exportsMoved(let count):
                facts?.exports = count
                exportsMoved += 1
                guard exportsMoved < exportTries else {
                    attempts -= 1
                    return .refused(.exportsBusy)
                }
                guard isPermitted(way.endpoint, at: now) else {
                    attempts -= 1
                    return .refused(denial(at: way.endpoint))
                }
            case .revoked: return .stopped(.unknownKey)
            case .paced(let pace): return .stopped(.paceLimited(pace))
            case .refused(let refusal):
                let failure = Failure.limitReached(refusal)
                guard dialect.generates, clamps < clampTries,
                    let headroom = lane.ledger.headroom(key: key.account, at: now),
                    let affordable = tariff.affordableOutput(
                        headroom, TokenBound(input: inputTokens, output: 0, hasAudio: hasAudio, tier: tier), choices: outputs),
                    affordable >= smallestClampedOutput, affordable < perChoice
                else {
                    attempts -= 1
                    return .refused(failure)
                }
                clamps += 1
                perChoice = affordable
                mustSay = true
                clampedOutput = affordable
            }
        }
    }

    /// Whether money is limited anywhere above this key.
    private func isLimited(_ key: KeyEntry, at now: Timestamp) -> Bool {
        lane.ledger.headroom(key: key.account, at: now) != nil
    }

    /// How many separate outputs the call asks for.
    private var outputs: Int64 {
        let choices = max(1, scan.n?.value ?? 1, scan.bestOf?.value ?? 1)
        // Each separate prompt of the completions API makes choices of its own.
        return operation == .completions ? choices * Int64(max(1, scan.messages)) : choices
    }

    /// Input and output that the call will probably use; what it asks for counts, as it does at providers.
    var probablyUsed: Int64 {
        if operation == .conversations { return 0 }
        let input = Int64(body.readableBytes / probableBytesPerToken + 1)
        if !dialect.generates { return input }
        let (output, overflow) = outputs.multipliedReportingOverflow(by: scan.outputLimit ?? probableOutputTokens)
        return overflow ? .max / 2 : saturated(input, plus: output)
    }

    /// Judges the attempt once more, mints its permit and sends it.
    func send(at now: Timestamp = .now()) {
        guard let names, let hold, let way else { return }
        guard !callerIsGone else {
            end(hold, .voided(whyGone))
            return finish()
        }
        guard !lane.board.isSuspended(way.slot) else { return endSuspended(hold) }
        let body = translated?.body ?? body
        // What shows that Weir may call: a token's line, or the signature's.
        var proof: [UInt8] = []
        if let cell = way.token {
            guard let line = cell.line(at: now) else { return endWithoutToken(hold) }
            (proof, sentToken) = (line.bytes, line.number)
        } else if let signer = way.signer(for: sentDialect) {
            proof = spliced(body, plan.splices).withUnsafeReadableBytes { signer.lines(body: $0, at: now) }
        }
        guard let permit = facts?.permit(attemptID, at: way.endpoint, on: lane, in: snapshot, now: now),
            let head = way.head(for: sentDialect)
        else {
            return endDenied(hold)
        }
        let length = splicedLength(body, plan.splices)
        var request = ByteBufferAllocator().buffer(capacity: head.bytes.count + proof.count + 320 + length)
        request.writeBytes(head.bytes)
        if !proof.isEmpty { request.writeBytes(proof) }
        request.writeStaticString("x-request-id: ")
        names.writeRequestID(to: &request)
        request.writeStaticString("\r\ntraceparent: ")
        names.writeTraceparent(to: &request)
        request.writeStaticString("\r\nx-weir-attempt: ")
        request.writeHexadecimal16(attemptID.high)
        request.writeHexadecimal16(attemptID.low)
        request.writeStaticString("\r\n")
        request.writeImmutableBuffer(translated?.headers ?? passedHeaders)
        if plan.gathers, sentDialect.isGeneration { request.writeStaticString("x-dashscope-sse: enable\r\n") }
        request.writeStaticString("content-length: ")
        request.writeDecimal(length)
        request.writeStaticString("\r\n\r\n")
        request.writeSpliced(body, plan.splices)
        phase = .attempting
        answer = Answer()
        count { $0.attempts += 1 }
        prepareHedge()
        lane.pools.send(
            permit, request: request, timeouts: way.target.timeouts, maxConnections: way.target.maxConnectionsPerLoop, to: self)
    }

    /// Policies turned, or the endpoint was suspended, while a connection was made: no attempt leaves on an older judgement.
    func mayLeave() -> Bool {
        guard let way, !lane.board.isSuspended(way.slot) else { return false }
        return facts?.isPermitted(at: way.endpoint, on: lane, in: snapshot, now: .now()) == true
    }

    func keptBack() {
        guard let hold, let way else { return }
        if lane.board.isSuspended(way.slot) { endSuspended(hold) } else { endDenied(hold) }
    }

    /// Policy permitted the attempt when it was held, and does not any more. Nothing was sent, and another endpoint may answer.
    private func endDenied(_ hold: Hold) {
        refusal = refusal ?? way.map { denial(at: $0.endpoint) }
        end(hold, .voided("policy_denied"))
        attempt()
    }

    /// Its token ran out while the hold was written. Nothing was sent, and another endpoint may answer.
    private func endWithoutToken(_ hold: Hold) {
        refusal = refusal ?? .endpointToken
        end(hold, .voided("no_token"))
        attempt()
    }

    // MARK: DurableWaiter

    func becameDurable() {
        switch phase {
        case .holding:
            // One that waited for an earlier attempt may be told too.
            if lane.gate.isDurable(holdSequence) { send() } else { lane.gate.wait(for: holdSequence, self) }
        case .attempting where plan.gathers: connection?.setPaused(false)
        case .gated:
            // What was held may have been lengthened since.
            if lane.gate.isDurable(holdSequence) { deliver() } else { lane.gate.wait(for: holdSequence, self) }
        default: break
        }
    }

    func durabilityFailed() {
        switch phase {
        case .holding:
            if let hold { end(hold, .voided("journal_unavailable")) }
            hold = nil
            fail(.journalUnavailable)
        case .attempting where answer.gathering == nil: break
        case .gated, .attempting:
            connection?.cancel()
            connection = nil
            if let hold { end(hold, .doubt("journal_unavailable")) }
            hold = nil
            guard answer.isBegun else { return fail(.journalUnavailable) }
            // What is held back is dropped: nothing durable pays for it.
            answer.bytes = ByteBuffer()
            answer.ending = .cut(.journalUnavailable)
            finishStream()
        default: break
        }
    }
}

func saturated(_ a: Int64, plus b: Int64) -> Int64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : sum
}
