import Core
import Dialects
import NIOCore
import Providers
import Wire

/// One call in its endpoint's dialect, and the way back of its answer.
struct Translated {
    let dialect: Dialect
    /// With the provider's name of the model.
    let body: ByteBuffer
    let scan: RequestScan
    let headers: ByteBuffer
    let client: Client
    private var stream: StreamTranslation
    private let requestID: String?

    init(dialect: Dialect, body: ByteBuffer, scan: RequestScan, client: Client, requestID: String?) {
        self.dialect = dialect
        self.body = body
        self.scan = scan
        self.client = client
        self.requestID = requestID
        var headers = ByteBuffer()
        if dialect.isMessages { headers.writeStaticString("anthropic-version: 2023-06-01\r\n") }
        if dialect.isGeneration, scan.stream { headers.writeStaticString("x-dashscope-sse: enable\r\n") }
        self.headers = headers
        stream = StreamTranslation(from: dialect, for: client)
    }

    /// Whole events in the caller's dialect; nil: they say nothing yet. A stream that broke after it began says so in the caller's words.
    mutating func translate(_ events: ByteBuffer, _ progress: StreamStep.Progress) -> ByteBuffer? {
        guard case .failed(let error) = progress else { return stream.translate(events) }
        return Failure.told(error).event(client.dialect, requestID: requestID)
    }
}

extension CallRelay {
    /// The dialect in which the attempt is sent and answered.
    var sentDialect: Dialect { translated?.dialect ?? dialect }

    /// Says the call in the dialect of an attempt's endpoint; the failure if that cannot be.
    func translate(for way: Way) -> Failure? {
        // Anew for each attempt: endpoints of one dialect differ in members and names.
        translated = nil
        guard let target = way.target(of: dialect), target != dialect else { return disregarded(at: way) }
        if let state { return .unbounded(state.splice.rewrite.rawValue, "the state lives in another dialect") }
        do throws(Uncarried) {
            let said = try translateRequest(
                body, from: dialect, stream: scan.stream,
                for: Target(
                    dialect: target, model: way.served.upstreamName,
                    limitName: way.target.outputLimitName(for: target, model: way.served) ?? "max_tokens",
                    reasoning: way.target.reasoningSwitch(way.served),
                    maxOutput: way.served.maxOutputTokens))
            var found = (try? scanRequest(said, dialect: target, maxDepth: snapshot.limits.jsonDepth)) ?? RequestScan()
            found.stream = scan.stream
            translated = Translated(
                dialect: target, body: said, scan: found, client: client,
                requestID: names?.requestID)
            return disregarded(at: way)
        } catch {
            return .uncarried(error, to: target)
        }
    }

    /// Refuses by its name what an endpoint would take and disregard.
    private func disregarded(at way: Way) -> Failure? {
        way.target.disregards(translated?.scan ?? scan, dialect: sentDialect, model: way.served).map(Failure.disregarded)
    }

    private var client: Client {
        let tree = dialect.isGeneration ? try? JSON(body) : nil
        let parameters = tree?["parameters"]
        let isText = dialect == .generation && parameters?["result_format"]?.string != "message" && parameters?["tools"] == nil
        return Client(
            dialect: dialect, model: stoodIn ?? model, now: Timestamp.now().seconds,
            wantsUsage: scan.streamOptions?.includeUsage?.value == true,
            wantsPieces: parameters?["incremental_output"]?.bool == true, wantsText: isText)
    }

    /// The edits that the attempt needs, of the call as it is sent.
    func rewrites(at way: Way, outputLimit: Int64?) -> RewritePlan {
        var plan = dialectRewrites(at: way, outputLimit: outputLimit)
        if stoodIn != nil { plan.rewrites.insert(.fallback, at: 0) }
        return plan
    }

    private func dialectRewrites(at way: Way, outputLimit: Int64?) -> RewritePlan {
        guard let translated else {
            return rewritePlan(
                scan, body: body, dialect: dialect, endpoint: way.target, served: way.served, outputLimit: outputLimit,
                state: state?.splice)
        }
        var plan = rewritePlan(
            translated.scan, body: translated.body, dialect: translated.dialect, endpoint: way.target, served: way.served,
            outputLimit: outputLimit)
        plan.rewrites.insert(.dialect, at: 0)
        // What was asked to be kept is not.
        if dialect == .responses ? scan.store?.value != false : scan.store?.value == true { plan.rewrites.append(.store) }
        return plan
    }

    /// A whole answer in the caller's dialect; false: it is not what its own dialect promises.
    func translateAnswer() -> Bool {
        guard let translated else { return true }
        guard let said = translateReply(answer.bytes, from: translated.dialect, for: translated.client) else { return false }
        answer.bytes = said
        return true
    }

    /// A provider's error in the caller's shape.
    func translateError(_ facts: ErrorFacts) {
        guard translated != nil else { return }
        let failure = Failure.told(answer.bytes, status: answer.status, facts: facts)
        answer.bytes = failure.body(shape, requestID: names?.requestID)
    }
}

extension Failure {
    /// An error of the provider's, to be said in another dialect.
    fileprivate static func told(_ error: ByteBuffer, status: Int = 502, facts: ErrorFacts? = nil) -> Failure {
        let facts = facts ?? readError(error)
        return Failure(
            code: facts.code ?? facts.type ?? "provider_error", status: status, fault: status < 500 ? .caller : .provider,
            retry: .never, message: errorMessage(error) ?? "The provider answered with an error.", action: "",
            parameter: facts.parameter)
    }

    fileprivate static func disregarded(_ what: Unbounded) -> Failure {
        caller(
            "weir_not_carried", 400, "`\(what.field)` is not served for this model: \(what.reason).",
            "Leave `\(what.field)` out, or use a model that has another endpoint.", parameter: what.field)
    }

    fileprivate static func uncarried(_ what: Uncarried, to dialect: Dialect) -> Failure {
        caller(
            "weir_not_carried", 400,
            "`\(what.field)` cannot be said to an endpoint that speaks the dialect \(dialect.rawValue): \(what.reason).",
            "Leave `\(what.field)` out, or use a model that has an endpoint of your dialect.", parameter: what.field)
    }
}
