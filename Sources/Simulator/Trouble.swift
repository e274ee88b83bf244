/// Why an endpoint refuses a request; each provider words it in its own way.
enum Trouble: Sendable, Equatable {
    case unreadable
    case mistake(String, param: String?)
    /// A member that the model does not take.
    case unsupported(String)
    case credential
    case noRoute
    case noModel(String)
    /// Nothing is kept under this id; `inCall`: of a call that would build on it.
    case nothingKept(KeptKind, String, inCall: Bool)
    case tooManyRequests(milliseconds: Int)
    case tooManyTokens(milliseconds: Int)
    /// The prompt has more tokens than the deployment takes.
    case tooLong(Int, most: Int)
    /// A status that a fault asks for.
    case status(Int, code: String?)
}

extension Trouble {
    /// The refusal as `provider` sends it. `told`: 429s name the wait even where the provider would not.
    /// `isNative`: in DashScope's own dialect.
    func answer(_ provider: PlayedProvider, told: Bool = false, isNative: Bool = false) -> Answer {
        let wording = wording(provider)
        var headers: [Header] = []
        let saysWait = told || provider == .openai || provider == .azure || provider == .anthropic
        if let wait = waitMilliseconds, saysWait {
            headers.append(Header("retry-after", String((wait + 999) / 1_000)))
            headers.append(Header("retry-after-ms", String(wait)))
        }
        if provider == .azure { headers.append(Header("x-ms-error-code", wording.code)) }
        return Answer.json(wording.status, isNative ? wording.nativeBody : wording.body(provider), headers)
    }

    /// What 429s tell to wait.
    private static let waitDefault = 1_000

    private var waitMilliseconds: Int? {
        switch self {
        case .tooManyRequests(let milliseconds), .tooManyTokens(let milliseconds): milliseconds
        case .status(429, _): Trouble.waitDefault
        default: nil
        }
    }

    private func wording(_ provider: PlayedProvider) -> Wording {
        let seconds = ((waitMilliseconds ?? 0) + 999) / 1_000
        switch self {
        case .unreadable:
            return Wording.of(provider, 400, nil, "We could not parse the JSON body of your request.")
        case .mistake(let message, let param):
            return Wording.of(provider, 400, nil, message, param: param)
        case .unsupported(let param):
            let instead = param == "max_tokens" ? " Use 'max_completion_tokens' instead." : ""
            return Wording.of(
                provider, 400, "unsupported_parameter",
                "Unsupported parameter: '\(param)' is not supported with this model.\(instead)",
                type: "invalid_request_error", param: param)
        case .credential: return Wording.of(provider, 401, nil, nil)
        case .noRoute: return Wording.of(provider, 404, "404", "Resource not found")
        case .noModel(let name):
            let message =
                switch provider {
                case .azure:
                    "The API deployment for this resource does not exist. If you created the deployment within the last "
                        + "5 minutes, please wait a moment and try again."
                default: "The model `\(name)` does not exist or you do not have access to it."
                }
            return Wording.of(provider, 404, nil, message)
        case .nothingKept(.response, let id, inCall: true) where provider != .vllm:
            // As OpenAI words it; clients look for the code.
            return Wording.of(
                provider, 400, "previous_response_not_found", "Previous response with id '\(id)' not found.",
                type: "invalid_request_error", param: "previous_response_id")
        case .nothingKept(let kind, let id, _):
            let what = kind == .response ? "Response" : "Conversation"
            return Wording.of(provider, 404, "", "\(what) with id '\(id)' not found.", type: "invalid_request_error")
        case .tooManyRequests:
            let message =
                switch provider {
                case .azure:
                    "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded "
                        + "call rate limit of your current OpenAI S0 pricing tier. Please retry after \(seconds) seconds."
                case .openai:
                    "Rate limit reached for requests on requests per min (RPM). Please try again in \(waitMilliseconds ?? 0)ms."
                default: "Too many requests, please slow down."
                }
            return Wording.of(provider, 429, nil, message)
        case .tooManyTokens:
            let code: String? =
                switch provider {
                case .dashscope: "insufficient_quota"
                case .huawei: "ModelArts.81103"
                case .ark: "ModelAccountTpmRateLimitExceeded"
                default: nil
                }
            let message =
                switch provider {
                case .azure:
                    "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded "
                        + "token rate limit of your current OpenAI S0 pricing tier. Please retry after \(seconds) seconds."
                case .openai:
                    "Rate limit reached on tokens per min (TPM): Limit reached. Please try again in \(waitMilliseconds ?? 0)ms."
                default: "Tokens per minute exceeded, please slow down."
                }
            return Wording.of(provider, 429, code, message, type: provider == .openai ? "tokens" : nil)
        case .tooLong(let tokens, let most):
            return Wording.of(
                provider, 400, provider == .openai || provider == .azure ? "context_length_exceeded" : nil,
                "This model's maximum context length is \(most) tokens. However, your messages resulted in \(tokens) tokens. "
                    + "Please reduce the length of the messages.", type: "invalid_request_error", param: "messages")
        case .status(let status, let code): return Wording.of(provider, status, code, nil)
        }
    }
}

/// The words of one error.
private struct Wording {
    var status: Int
    var code: String
    var type: String
    var message: String
    var param: String?

    /// The usual words of a status at a provider, and what the caller sets instead.
    static func of(
        _ provider: PlayedProvider, _ status: Int, _ code: String?, _ message: String?, type: String? = nil,
        param: String? = nil
    ) -> Wording {
        let usual = usual(provider, status)
        return Wording(
            status: status, code: code ?? usual.code, type: type ?? (code == "insufficient_quota" ? code : nil) ?? usual.type,
            message: message ?? usual.message, param: param)
    }

    private static func usual(_ provider: PlayedProvider, _ status: Int) -> (code: String, type: String, message: String) {
        switch (provider, status) {
        case (.openai, 401): ("invalid_api_key", "invalid_request_error", "Incorrect API key provided.")
        case (.openai, 404):
            ("model_not_found", "invalid_request_error", "The model does not exist or you do not have access to it.")
        case (.openai, 429):
            ("rate_limit_exceeded", "requests", "Rate limit reached on requests per min (RPM). Please try again in 1s.")
        case (.openai, 503): ("", "server_error", "The engine is currently overloaded, please try again later.")
        case (.azure, 400): ("BadRequest", "invalid_request_error", "The request is invalid.")
        case (.azure, 401):
            (
                "401", "",
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
                    + "active subscription and use a correct regional API endpoint for your resource."
            )
        case (.azure, 403): ("403", "", "Public access is disabled. Please configure private endpoint.")
        case (.azure, 404):
            ("DeploymentNotFound", "invalid_request_error", "The API deployment for this resource does not exist.")
        case (.azure, 429): ("429", "", "Requests have exceeded call rate limit. Please retry after 1 seconds.")
        case (.azure, _): (String(status), "", "The server had an error processing your request. Sorry about that!")
        case (.dashscope, 400): ("invalid_parameter_error", "invalid_request_error", "The request is invalid.")
        case (.dashscope, 401): ("invalid_api_key", "invalid_request_error", "Incorrect API key provided.")
        case (.dashscope, 404): ("model_not_found", "invalid_request_error", "The model does not exist.")
        case (.dashscope, 429): ("limit_requests", "limit_requests", "You have exceeded your current request limit.")
        case (.dashscope, 500): ("internal_error", "internal_error", "An internal error has occured, please try again later.")
        case (.anthropic, 400): ("", "invalid_request_error", "The request is invalid.")
        case (.anthropic, 401): ("", "authentication_error", "invalid x-api-key")
        case (.anthropic, 402): ("", "billing_error", "Your account has a billing problem.")
        case (.anthropic, 403): ("", "permission_error", "Your API key does not have permission to use the specified resource.")
        case (.anthropic, 404): ("", "not_found_error", "model: not found")
        case (.anthropic, 413): ("", "request_too_large", "Request exceeds the maximum allowed number of bytes.")
        case (.anthropic, 429): ("", "rate_limit_error", "This request would exceed your organization's rate limit.")
        case (.anthropic, 504): ("", "timeout_error", "Request timed out.")
        case (.anthropic, 529): ("", "overloaded_error", "Overloaded")
        case (.anthropic, _): ("", "api_error", "Internal server error")
        case (.deepseek, 401): ("invalid_request_error", "authentication_error", "Authentication Fails (no such user)")
        case (.deepseek, 402): ("invalid_request_error", "unknown_error", "Insufficient Balance")
        case (.deepseek, 429): ("rate_limit_reached", "rate_limit_error", "Rate Limit Reached")
        case (.deepseek, 503): ("service_unavailable_error", "service_unavailable_error", "Server Overloaded")
        case (.huawei, 400): ("ModelArts.81001", "BadRequest", "The request is invalid.")
        case (.huawei, 401): ("ModelArts.81003", "Unauthorized", "Authentication failed.")
        case (.huawei, 404): ("ModelArts.81009", "NotFound", "The model does not exist.")
        case (.huawei, 429): ("ModelArts.81101", "TooManyRequests", "Too many requests, please slow down.")
        case (.huawei, 504): ("APIG.0203", "Timeout", "Backend timeout.")
        case (.ark, 400): ("InvalidParameter", "BadRequest", "The request is invalid.")
        case (.ark, 401): ("AuthenticationError", "Unauthorized", "The API key doesn't exist or is invalid.")
        case (.ark, 404): ("InvalidEndpointOrModel.NotFound", "NotFound", "The model or endpoint does not exist.")
        case (.ark, 429): ("ModelAccountRpmRateLimitExceeded", "TooManyRequests", "Requests per minute exceeded.")
        case (.ark, 500): ("InternalServiceError", "InternalServerError", "The service encountered an unexpected internal error.")
        case (.vllm, 404): ("404", "NotFoundError", "The model does not exist.")
        case (.vllm, 400): ("400", "BadRequestError", "The request is invalid.")
        case (.vllm, _): (String(status), "InternalServerError", "Internal server error")
        case (_, 400): ("invalid_request_error", "invalid_request_error", "The request is invalid.")
        case (_, 500...): ("server_error", "server_error", "The server had an error while processing your request.")
        default: ("error", "invalid_request_error", "The request was refused.")
        }
    }

    /// DashScope's own: its words for the same statuses.
    var nativeBody: String {
        let code =
            switch status {
            case 400: "InvalidParameter"
            case 401: "InvalidApiKey"
            case 404: "ModelNotFound"
            case 429: "Throttling.RateQuota"
            default: self.code.isEmpty ? "InternalError" : self.code
            }
        return "{\"code\":\(quoted(code)),\"message\":\(quoted(message)),\"request_id\":\"weirsim\"}"
    }

    func body(_ provider: PlayedProvider) -> String {
        let param = param.map { quoted($0) } ?? "null"
        let code = quoted(code)
        let type = quoted(type)
        let message = quoted(message)
        switch provider {
        case .huawei, .pangu: return "{\"error_code\":\(code),\"error_msg\":\(message)}"
        case .azure where self.type.isEmpty: return "{\"error\":{\"code\":\(code),\"message\":\(message)}}"
        case .anthropic:
            return "{\"type\":\"error\",\"error\":{\"type\":\(type),\"message\":\(message)},\"request_id\":\"req_01weirsim\"}"
        case .ark: return "{\"error\":{\"code\":\(code),\"message\":\(message),\"param\":\(param),\"type\":\(type)}}"
        case .vllm:
            return "{\"error\":{\"message\":\(message),\"type\":\(type),\"param\":\(param),\"code\":\(Int(self.code) ?? status)}}"
        default:
            let code = self.code.isEmpty ? "null" : code
            return "{\"error\":{\"message\":\(message),\"type\":\(type),\"param\":\(param),\"code\":\(code)}}"
        }
    }
}
