import Core

/// What is said of stored state that cannot be used.
extension Failure {
    static func state(_ refusal: StateRefusal, _ kind: StateKind, model: String) -> Failure {
        let field = kind.field
        switch refusal {
        case .notFound: return stateNotFound(kind)
        case .notKept:
            let key = kind == .response ? "`state`" : "`state` with `conversations: allowed`"
            return .unbounded(field, "no endpoint of this model keeps \(kind.words)s (\(key) in its configuration)")
        case .homeGone(let home):
            return caller(
                "weir_state_home_gone", 410,
                "This \(kind.words) lives at the endpoint \(home), which Weir does not use any more.",
                "Start anew without `\(field)`, or ask your platform team for the endpoint.", parameter: field)
        case .otherModel(let home, let madeWith):
            return caller(
                "weir_state_other_model", 400,
                "This \(kind.words) lives at the endpoint \(home), which does not serve the model of this call.",
                "Use the model that it was made with, \(madeWith), if you may still use it; or start anew without `\(field)`.",
                parameter: "model")
        case .stricterContent:
            return caller(
                "weir_state_labels", 403,
                "The labels of this call say more of its content than the conversation was made for: a stricter class, another category, export tag or place of people, or something unknown.",
                "Make a conversation with the labels that its calls will have, or leave `conversation` out.", parameter: field)
        case .keptNoLonger(let home):
            return .unbounded(field, "the endpoint \(home), where it lives, keeps no \(kind.words)s of this model any more")
        }
    }

    /// The same words for ids that nobody made, that were changed, and that are another tenant's.
    static func stateNotFound(_ kind: StateKind) -> Failure {
        caller(
            "weir_state_not_found", 404, "There is no \(kind.words) of yours under this id.",
            "Use an id that Weir has given you for a \(kind.words), as it came; or start anew without `\(kind.field)`.",
            parameter: kind.field)
    }

    static func stateDenied(home: String, _ reason: String) -> Failure {
        caller(
            "weir_policy_denied", 403,
            "The state that this call builds on lives at the endpoint \(home), and policy does not permit the call there: \(reason).",
            "Start anew without it, or ask your platform team to review the tenant's policy.")
    }

    static func stateSuspended(home: String) -> Failure {
        Failure(
            code: "weir_state_home_suspended", status: 503, fault: .weir, retry: .never,
            message:
                "The state that this call builds on lives at the endpoint \(home), which is suspended: nothing is sent there until somebody resumes it, and state does not move to another one.",
            action: "Ask your platform team when it is resumed, or start anew without it.")
    }

    static func stateUnavailable(home: String, afterMilliseconds: Int64?) -> Failure {
        Failure(
            code: "weir_state_home_unavailable", status: 503, fault: .provider, retry: .later(milliseconds: afterMilliseconds),
            message:
                "The state that this call builds on lives at the endpoint \(home), which is cooling down, out of quota or unhealthy; state does not move to another one.",
            action: "Try again later, or start anew without it.")
    }
}

extension StateKind {
    /// The request's member that names it.
    var field: String {
        switch self {
        case .response: "previous_response_id"
        case .conversation: "conversation"
        }
    }

    fileprivate var words: String {
        switch self {
        case .response: "stored response"
        case .conversation: "conversation"
        }
    }
}
