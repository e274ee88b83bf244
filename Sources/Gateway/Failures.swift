import Core
import Ledger

/// Everything that the data path refuses, in one place, so that codes stay stable and each says what to do.
extension Failure {
    static func caller(
        _ code: String, _ status: Int, _ message: String, _ action: String, parameter: String? = nil
    ) -> Failure {
        Failure(code: code, status: status, fault: .caller, retry: .never, message: message, action: action, parameter: parameter)
    }

    // Who and where

    static let missingKey = caller(
        "weir_key_missing", 401, "The request carries no key.",
        "Send your Weir key as `Authorization: Bearer …`, or as `api-key` or `x-api-key` as Azure's and Anthropic's SDKs do.")
    static let twoKeys = caller(
        "weir_key_ambiguous", 401, "The request carries more than one credential.",
        "Send the key once, in one header.")
    static let unknownKey = caller(
        "weir_key_refused", 401, "The key is unknown, revoked or expired.", "Ask your platform team for a valid key.")
    static let routeNotGoverned = caller(
        "weir_route_not_governed", 404, "Weir does not govern this route, so it passes nothing through it.",
        "Use one of the routes in the documentation: chat/completions, completions, embeddings, responses, conversations, messages, models or DashScope's generation."
    )
    static func methodNotAllowed(_ method: String) -> Failure {
        caller("weir_method_not_allowed", 405, "This route does not take the method of this request.", "Use \(method).")
    }

    // The request's shape

    static func malformedHTTP(_ status: Int, _ what: String) -> Failure {
        caller(
            "weir_malformed_http", status, "The request is not well-formed HTTP/1.1 (\(what)).",
            "Correct the client or the proxy in front of it; the connection is closed.")
    }
    static let compressedBody = caller(
        "weir_compressed_body", 415, "Compressed request bodies are not accepted.", "Send the body without Content-Encoding.")
    static let notJSONType = caller(
        "weir_content_type", 415, "The body is not declared as JSON.", "Send `Content-Type: application/json`.")
    static func bodyTooLong(_ limit: Int) -> Failure {
        caller(
            "weir_body_too_long", 413, "The body is longer than \(limit) bytes.", "Send less, or ask for a higher `limits.body`.")
    }
    static let sealedBody = caller(
        "weir_sealed_body", 400, "The request is encrypted for the provider (`x-is-encrypted`), so that Weir cannot read what it asks for.",
        "Send it in the clear: the connection to Weir and the one to the provider are encrypted.")
    static let requestTimeout = caller(
        "weir_request_timeout", 408, "The request did not arrive in time.", "Send the request without pauses.")
    static let expectationFailed = caller(
        "weir_expectation", 417, "Only `Expect: 100-continue` is understood.", "Remove the Expect header.")
    static func unbounded(_ field: String, _ why: String) -> Failure {
        caller(
            "weir_unbounded_field", 400, "`\(field)` is not served: \(why).", "Remove `\(field)` from the request.",
            parameter: field)
    }
    static func badValue(_ field: String, _ wanted: String) -> Failure {
        caller("weir_bad_value", 400, "`\(field)` must be \(wanted).", "Correct `\(field)`.", parameter: field)
    }
    static let promptTooLong = caller(
        "context_length_exceeded", 400,
        "The prompt is longer than the endpoint that was asked takes, and no other one can be asked.",
        "Send a shorter prompt.")
    static let modelMissing = caller(
        "weir_model_missing", 400, "The request names no model.", "Set `model`; GET /v1/models lists what this key may use.",
        parameter: "model")

    static let badPerson = caller(
        "weir_bad_person", 400,
        "The header `weir-person` does not name one person: it takes 1 to \(personBytesMax) visible ASCII characters without spaces, once.",
        "Send one stable identifier of the person, such as a customer number, or leave the header out.")

    // Policy and routing

    static let unknownModel = caller(
        "weir_unknown_model", 404, "No endpoint serves this model.", "GET /v1/models lists what this key may use.",
        parameter: "model")
    static func denied(_ reasons: [String]) -> Failure {
        caller(
            "weir_policy_denied", 403,
            "Policy permits no endpoint for this call: \(Set(reasons).sorted().joined(separator: "; ")).",
            "Use another model, or ask your platform team to review the tenant's policy.", parameter: "model")
    }
    static let operationNotServed = caller(
        "weir_operation_not_served", 404, "No endpoint that policy permits serves this operation for this model.",
        "Use another operation or model.", parameter: "model")
    static func unavailable(afterMilliseconds: Int64?) -> Failure {
        Failure(
            code: "weir_no_endpoint_available", status: 503, fault: .provider, retry: .later(milliseconds: afterMilliseconds),
            message: "Every endpoint that policy permits for this model is cooling down, suspended, out of quota or unhealthy.",
            action: "Try again later.")
    }

    // Money

    static func limitReached(_ refusal: MoneyRefusal) -> Failure {
        caller(
            "weir_limit_reached", 429,
            "The \(refusal.limitWords) has $\(refusal.left) left, and this call could cost up to $\(refusal.asked). \(refusal.resetWords)",
            "Lower the output limit or the input, wait for the reset, or ask for a higher limit.")
    }
    /// The answer outgrew its hold, and no more could be held.
    static func streamStopped(_ refusal: MoneyRefusal) -> Failure {
        caller(
            "weir_limit_reached", 429,
            "The answer ran past what was held for it, and the \(refusal.limitWords) has only $\(refusal.left) left. \(refusal.resetWords)",
            "What came before is genuine but incomplete; ask for a shorter answer or a higher limit.")
    }
    /// Has nothing to do with money: the same call succeeds later.
    static func paceLimited(_ refusal: PaceRefusal) -> Failure {
        let what =
            switch refusal.what {
            case .requestsPerMinute: "\(refusal.limit) requests a minute"
            case .tokensPerMinute: "\(refusal.limit) tokens a minute"
            case .concurrency: "\(refusal.limit) calls at once"
            }
        return Failure(
            code: "weir_pace_limited", status: 429, fault: .caller,
            retry: .later(milliseconds: refusal.retryAfterMilliseconds ?? concurrencyPauseMilliseconds),
            message: "The pace of \(refusal.account) is limited to \(what), and it is used up.",
            action: "Try again a little later.")
    }
    /// When to look again for a place that opens when another call ends.
    private static let concurrencyPauseMilliseconds: Int64 = 1_000
    static func noTierPrice(_ tier: ServiceTier) -> Failure {
        caller(
            "weir_price_missing", 403,
            "The price book has no price for this model's service tier \(tier) today, so the call is refused.",
            "Ask for another tier, or your platform team to add the price.", parameter: "service_tier")
    }
    static let noPrice = caller(
        "weir_price_missing", 403, "The price book has no price for this model at its endpoints today, so the call is refused.",
        "Ask your platform team to add the price.", parameter: "model")
    static let callTooDear = caller(
        "weir_call_too_dear", 400, "The upper bound of this call's cost is beyond any amount Weir can hold.",
        "Lower the output limit, `n` or the input.")

    // Us

    static let overloaded = Failure(
        code: "weir_overloaded", status: 503, fault: .weir, retry: .later(milliseconds: 1_000),
        message: "Weir serves as many calls as it may.", action: "Try again in a second.")
    static let tenantShare = Failure(
        code: "weir_tenant_share", status: 503, fault: .caller, retry: .later(milliseconds: 1_000),
        message: "This tenant has as many calls under way as its share permits.", action: "Send fewer calls at once.")
    static let draining = Failure(
        code: "weir_draining", status: 503, fault: .weir, retry: .later(milliseconds: 1_000),
        message: "This Weir is shutting down.", action: "Try again; another one answers.")
    static let exportsBusy = Failure(
        code: "weir_exports_busy", status: 503, fault: .weir, retry: .later(milliseconds: 1_000),
        message: "Other calls of this tenant count exported persons faster than this one could be judged.",
        action: "Try again in a second.")
    static let journalUnavailable = Failure(
        code: "weir_journal_unavailable", status: 503, fault: .weir, retry: .later(milliseconds: 5_000),
        message: "The journal cannot be written, so no call is sent.",
        action: "Try again later; operators find the reason in Weir's log.")

    // Endpoints and links

    static let endpointCredential = Failure(
        code: "weir_endpoint_credential", status: 502, fault: .weir, retry: .never,
        message: "The provider refused Weir's credential for this endpoint.", action: "Tell your platform team.")
    static let endpointToken = Failure(
        code: "weir_endpoint_token", status: 503, fault: .weir, retry: .later(milliseconds: nil),
        message: "Weir has no valid token for this endpoint at the moment.",
        action: "Try again later; if it stays so, tell your platform team.")
    static func link(_ name: String) -> Failure {
        Failure(
            code: "weir_endpoint_\(name)", status: name.hasSuffix("timeout") ? 504 : 502, fault: .link,
            retry: .later(milliseconds: nil),
            message: "The endpoint gave no usable answer (\(name)).", action: "Try again.")
    }
    static let answerTooLong = Failure(
        code: "weir_answer_too_long", status: 502, fault: .provider, retry: .never,
        message: "The answer is longer than Weir accepts.", action: "Ask for less, or stream.")
    static let streamCut = Failure(
        code: "weir_stream_cut", status: 502, fault: .provider, retry: .later(milliseconds: nil),
        message: "The provider's stream ended before its end.", action: "What came before is genuine but incomplete; try again.")
    static let malformedAnswer = Failure(
        code: "weir_malformed_answer", status: 502, fault: .provider, retry: .later(milliseconds: nil),
        message: "The provider's answer is not what its dialect promises.", action: "Try again.")
}

extension MoneyRefusal {
    /// Which limit it is, of whom and over which time.
    fileprivate var limitWords: String {
        let words = "limit of $\(limit) \(period.words) of \(account)"
        guard let grace else { return words }
        return "\(words), with its grace '\(grace.name)' of $\(grace.amount),"
    }

    fileprivate var resetWords: String {
        if let resets { return "It resets at \(resets)." }
        if case .rolling = period { return "Room comes back as earlier calls grow older than that." }
        return "It does not reset by itself."
    }
}

extension Period {
    /// As people say it, after an amount.
    fileprivate var words: String {
        switch self {
        case .day(let zone): "a day (\(zone))"
        case .week(let zone): "a week (\(zone))"
        case .month(let zone): "a month (\(zone))"
        case .rolling(let seconds): "in any \(seconds) s"
        case .total: "in total"
        }
    }
}
