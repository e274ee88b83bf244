import NIOCore
import NIOHTTP1
import Synchronization

/// One endpoint while it is played: its script, its counters and the faults that were set on it. Shared by its connections.
final class Stage: Sendable {
    let endpoint: PlayedEndpoint
    let seed: UInt64
    let recorder: Recorder
    /// Shared by all endpoints of the scenario.
    let tokens: TokenShelf

    private struct State {
        var requests = 0
        var connections = 0
        /// Faults from the admin API, first in first played; nil times: until reset.
        var forced: [(fault: Fault, times: Int?)] = []
        var windows: [String: RateWindow] = [:]
        var shelf = Shelf()
    }

    private let state = Mutex(State())

    init(endpoint: PlayedEndpoint, seed: UInt64, recorder: Recorder, tokens: TokenShelf) {
        self.tokens = tokens
        self.endpoint = endpoint
        self.seed = seed
        self.recorder = recorder
    }

    func force(_ fault: Fault, times: Int?) { state.withLock { $0.forced.append((fault, times)) } }

    func reset() { state.withLock { $0 = State() } }

    /// Looks at what the endpoint keeps, or changes it.
    func shelf<T: Sendable>(_ body: (inout Shelf) -> T) -> T { state.withLock { body(&$0.shelf) } }

    func clearFaults() { state.withLock { $0.forced.removeAll() } }

    /// Whether this new connection is refused.
    func refusesConnection() -> Bool {
        state.withLock { state in
            state.connections += 1
            if state.forced.first?.fault == .refuse { return Stage.takeForced(&state) != nil }
            let number = state.connections
            var random = Randomness(Randomness.mixed(seed &+ 0xC0) &+ UInt64(number))
            for rule in endpoint.faults where rule.fault == .refuse {
                if rule.plays(number: number, model: nil, draw: random.unit()) { return true }
            }
            return false
        }
    }

    private static func takeForced(_ state: inout State) -> Fault? {
        guard let first = state.forced.first else { return nil }
        if let times = first.times {
            if times <= 1 { state.forced.removeFirst() } else { state.forced[0].times = times - 1 }
        }
        return first.fault
    }

    /// The request's number at this endpoint and the fault it gets: by header, by model name, by admin, by script.
    private func fault(model: String?, asked: Fault?) -> (number: Int, fault: Fault?) {
        state.withLock { state in
            state.requests += 1
            let number = state.requests
            if let asked { return (number, asked) }
            if let forced = Stage.takeForced(&state) { return (number, forced) }
            var random = Randomness(Randomness.mixed(seed &+ 0xFA) &+ UInt64(number))
            for rule in endpoint.faults where rule.fault != .refuse && rule.fault != .down {
                let draw = random.unit()
                if rule.plays(number: number, model: model, draw: draw) { return (number, rule.fault) }
            }
            return (number, nil)
        }
    }

    private func admit(_ model: PlayedModel, tokens: Int) -> (limits: RateLimits, use: RateWindow.Use)? {
        guard let limits = model.limits ?? endpoint.limits else { return nil }
        let key = model.limits == nil ? "" : model.name
        let now = NIODeadline.now().uptimeNanoseconds
        return state.withLock { state in
            (limits, state.windows[key, default: RateWindow()].admit(limits, tokens: tokens, at: now))
        }
    }
}

/// What will be played for one request.
struct Decision: Sendable {
    var record: Int
    var answer: Answer
    var fault: Fault?
    var keepAlive: Bool
    var model: PlayedModel
    var operation: PlayedOperation
    var seed: UInt64
}

extension Stage {
    /// Decides the answer to a whole request and notes it in the record.
    func decide(_ head: HTTPRequestHead, body bytes: [UInt8]) -> Decision {
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = String(parts[0])
        let query = parts.count > 1 ? String(parts[1]) : ""
        let body = bytes.isEmpty ? nil : JSONReader.read(bytes)
        let route = route(path, query, head.method)
        let named = split(route?.deployment ?? body?["model"]?.string)
        let accepted = accepts(head, path: path, query: query, body: bytes)
        // A misspelt fault must not pass for an answer without one.
        let inHeader = head.headers.first(name: "x-sim-fault").map { Fault($0) ?? .status(400, code: "unknown-x-sim-fault") }
        let asked = inHeader ?? named.fault
        let (number, fault) = fault(model: named.model, asked: asked)

        var request = ReceivedRequest(number: 0, at: wallNanoseconds(), endpoint: endpoint.name, path: path)
        request.model = named.model
        request.requestID = head.headers.first(name: "x-request-id")
        request.attempt = head.headers.first(name: "x-weir-attempt")
        request.stream = body?["stream"]?.bool ?? false
        request.credentialAccepted = accepted
        request.inputBytes = bytes.count
        request.method = head.method.rawValue
        request.state =
            route?.kept?.id ?? body?["previous_response_id"]?.string ?? body?["conversation"]?.string
            ?? body?["conversation"]?["id"]?.string
        request.fault = fault?.text
        let record = recorder.receive(request)

        let model = endpoint.models.first { $0.name == named.model } ?? PlayedModel(name: named.model ?? "")
        var random = Randomness(Randomness.mixed(seed) &+ UInt64(number))
        var decision = Decision(
            record: record, answer: Answer(status: 500, body: .whole([])), fault: fault, keepAlive: head.isKeepAlive,
            model: model, operation: route?.operation ?? .models, seed: random.next())
        let isNative = decision.operation.isDashScopes
        let wording = decision.operation.isAnthropics ? .anthropic : endpoint.provider
        decision.answer =
            switch fault {
            case .status(let status, let code) where endpoint.provider.isAuthority: refusal(status, code)
            case .status(let status, let code): Trouble.status(status, code: code).answer(wording, isNative: isNative)
            case .rateLimit(let milliseconds):
                Trouble.tooManyRequests(milliseconds: milliseconds).answer(
                    wording, told: true, isNative: isNative)
            default:
                endpoint.provider.isAuthority
                    ? issue(head, path, query, bytes)
                    : answer(
                        route, named.model, accepted: accepted, body: body, bytes: bytes,
                        streamHeader: head.headers.first(name: "x-dashscope-sse")?.lowercased() == "enable", fault: fault,
                        random: &random)
            }
        if endpoint.provider == .azure {
            spill(&decision, asksFor: head.headers.first(name: "x-ms-spillover-deployment")) {
                answer(
                    route, $0, accepted: accepted, body: body, bytes: bytes, streamHeader: false, fault: nil, random: &random)
            }
        }
        decision.answer.headers += provided(head.headers, model, fault, random: &random) + endpoint.headers
        return decision
    }

    /// What Azure does where a deployment has no room: another one of the resource answers, named by the deployment's own property, else by
    /// the request.
    private func spill(_ decision: inout Decision, asksFor wish: String?, _ answer: (String) -> Answer) {
        let asked = decision.model.name
        guard endpoint.models.contains(where: { $0.name == asked }) else { return }
        var served = asked
        if [429, 500, 503].contains(decision.answer.status) || decision.answer.isTooLong,
            let name = decision.model.spillover ?? wish,
            let other = endpoint.models.first(where: { $0.name == name })
        {
            let spilled = answer(other.name)
            if spilled.status < 400 {
                (decision.answer, decision.fault, decision.model, served) = (spilled, nil, other, other.name)
                decision.answer.headers.append(Header("x-ms-spillover-from-deployment", asked))
                recorder.update(decision.record, ended: false) { $0.spilledTo = other.name }
            } else {
                decision.answer.headers.append(Header("x-ms-spillover-error", "\(spilled.status)"))
            }
        }
        decision.answer.headers += [
            Header("x-ms-deployment-name", served), Header("x-ms-is-spilled-over", served == asked ? "false" : "true"),
        ]
    }

    private func answer(
        _ route: Route?, _ name: String?, accepted: Bool, body: JSON?, bytes: [UInt8], streamHeader: Bool,
        fault: Fault?, random: inout Randomness
    ) -> Answer {
        func refuse(_ trouble: Trouble) -> Answer {
            // Whoever has Anthropic's dialect beside its own words its errors as Anthropic does.
            let wording = route?.operation.isAnthropics == true ? .anthropic : endpoint.provider
            return trouble.answer(wording, isNative: route?.operation.isDashScopes ?? false)
        }
        guard accepted else { return refuse(.credential) }
        guard let route else { return refuse(.noRoute) }
        if route.operation == .models { return models() }
        if let kept = route.kept { return answer(kept, body: body, random: &random) }
        guard let body, body.members != nil else { return refuse(.unreadable) }
        guard let name else { return refuse(.mistake("you must provide a model parameter", param: "model")) }
        guard let model = endpoint.models.first(where: { $0.name == name }) else { return refuse(.noModel(name)) }
        guard model.operations.contains(route.operation) else {
            return refuse(.mistake("The requested operation is unsupported.", param: "model"))
        }
        var asked: Asked
        do {
            asked = try Asked(operation: route.operation, model: model, body: body, bytes: bytes, streamHeader: streamHeader)
        } catch {
            return refuse(.mistake(error.message, param: error.param))
        }
        if let trouble = asked.refusal { return refuse(trouble) }
        if let trouble = recall(&asked) { return refuse(trouble) }
        if model.inputMax > 0, asked.inputTokens > model.inputMax {
            var refusal = refuse(.tooLong(asked.inputTokens, most: model.inputMax))
            refusal.isTooLong = true
            return refusal
        }
        var headers: [Header] = []
        if let (limits, use) = admit(model, tokens: asked.inputTokens + (asked.limit ?? 0)) {
            headers = use.headers(endpoint.provider, limits)
            if let wait = use.wait {
                let trouble: Trouble =
                    wait.isTokens
                    ? .tooManyTokens(milliseconds: wait.milliseconds) : .tooManyRequests(milliseconds: wait.milliseconds)
                var refusal = refuse(trouble)
                refusal.headers += headers
                return refusal
            }
        }
        let sheet = Sheet(
            provider: endpoint.provider, asked: asked, scenarioSeed: seed, usageFault: fault, random: &random)
        if fault == .filterPrompt { return ContentFilter.refusal(sheet.plan.usage) }
        let recording = asked.stream ? model.replayStream : model.replayWhole
        if recording == nil { keep(sheet) }
        var answer = recording?.answer(sheet.plan) ?? sheet.answer(random: &random)
        answer.headers += headers
        return answer
    }

    private func models() -> Answer {
        let items = endpoint.models.map {
            "{\"id\":\(quoted($0.name)),\"object\":\"model\",\"created\":1700000000,\"owned_by\":\(quoted(endpoint.provider.rawValue))}"
        }
        return .json(200, "{\"object\":\"list\",\"data\":[\(items.joined(separator: ","))]}")
    }
}
