import Journal
import Ledger

/// Why an administrative request was not done, as its sender sees it.
public struct AdminError: Error, Sendable, Hashable, Codable, CustomStringConvertible {
    public var status: Int
    /// Stable, machine-readable, with the prefix `weir_`.
    public var code: String
    public var message: String
    /// What the person should do next.
    public var action: String
    /// Several findings, each in a line, where there are several.
    public var details: [String]

    public init(status: Int, code: String, message: String, action: String, details: [String] = []) {
        self.status = status
        self.code = code
        self.message = message
        self.action = action
        self.details = details
    }

    public var description: String { ([message] + details + [action]).joined(separator: "\n") }
}

extension AdminError {
    static let noToken = AdminError(
        status: 401, code: "weir_admin_token", message: "The request carries no valid admin token.",
        action: "Send `Authorization: Bearer …` with the token in `admin.token` of the data folder.")
    static let noRoute = AdminError(
        status: 404, code: "weir_admin_route", message: "There is no such administrative route, or not with this method.",
        action: "See docs/administration.md for the routes.")
    static let tooLong = AdminError(
        status: 413, code: "weir_body_too_long", message: "The body is longer than \(adminBodyBytesMax) bytes.",
        action: "Send less.")
    static func body(_ message: String) -> AdminError {
        AdminError(status: 400, code: "weir_admin_body", message: message, action: "Correct the body.")
    }
    static func query(_ message: String) -> AdminError {
        AdminError(status: 400, code: "weir_admin_query", message: message, action: "Correct the query.")
    }

    public static let unknownKey = AdminError(
        status: 404, code: "weir_key_unknown", message: "There is no key with this identifier.",
        action: "`weir keys list` shows all of them.")
    public static let keyConflict = AdminError(
        status: 409, code: "weir_key_conflict", message: "The key is revoked, or belongs to another team.",
        action: "Create a new key.")
    public static let unknownEndpoint = AdminError(
        status: 404, code: "weir_endpoint_unknown", message: "There is no endpoint of this name in the configuration in force.",
        action: "`weir endpoints` lists them.")
    public static func value(_ member: String, _ wanted: String) -> AdminError {
        AdminError(
            status: 400, code: "weir_admin_value", message: "`\(member)` must be \(wanted).", action: "Correct `\(member)`.")
    }
    public static let journalUnavailable = AdminError(
        status: 503, code: "weir_journal_unavailable", message: "The journal cannot be written, so nothing was changed.",
        action: "Try again later; the reason is in Weir's log and under /readyz.")
    /// For what the configuration in force does not have.
    public static func refused(_ message: String, action: String = "See what the configuration names, and correct the request.")
        -> AdminError
    {
        AdminError(status: 400, code: "weir_admin_refused", message: message, action: action)
    }
    static let unexpected = AdminError(
        status: 500, code: "weir_admin_failed", message: "The request failed inside Weir.", action: "The reason is in Weir's log."
    )

    /// What the sender sees of an error; nil when that is only that there was one.
    static func from(_ error: any Error) -> AdminError? {
        switch error {
        case let error as AdminError: error
        case LedgerError.unknownKey: .unknownKey
        case LedgerError.keyConflict: .keyConflict
        case LedgerError.entryTooLarge:
            AdminError(
                status: 400, code: "weir_admin_value", message: "The names or models are too long for one journal entry.",
                action: "Use shorter names or fewer models.")
        case LedgerError.unknownAttempt:
            AdminError(
                status: 404, code: "weir_attempt_unknown", message: "There is no such attempt at that sequence number.",
                action: "`x-weir-attempt` names attempts, and `weir ledger prove` finds their entries.")
        case LedgerError.notEnded:
            AdminError(
                status: 409, code: "weir_attempt_open", message: "The attempt is under way or in doubt.",
                action: "End a doubt with `settle` or `void` instead of correcting it.")
        case LedgerError.unknownAllowance:
            AdminError(
                status: 404, code: "weir_allowance_unknown", message: "There is no allowance in doubt at that sequence number.",
                action: "`weir ledger doubts` lists them.")
        case LedgerError.suspendedBefore:
            AdminError(
                status: 409, code: "weir_endpoint_suspended", message: "The endpoint is suspended already.",
                action: "`weir endpoints` says since when and why.")
        case LedgerError.notSuspended:
            AdminError(
                status: 409, code: "weir_endpoint_not_suspended", message: "The endpoint is not suspended.",
                action: "`weir endpoints` says how it stands.")
        case LedgerError.endedBefore:
            AdminError(
                status: 409, code: "weir_doubt_ended",
                message: "It is in doubt no more: it has ended by other evidence, or in order. Nothing was booked.",
                action: "Reconcile again, and book what is left as `correct`.")
        case LedgerError.belowZero:
            AdminError(
                status: 409, code: "weir_below_zero", message: "An attempt cannot have cost or used less than nothing.",
                action: "Look at what has been corrected already.")
        case LedgerError.limits(let account, let problem):
            AdminError(
                status: 400, code: "weir_admin_value", message: "The limits of \(account) cannot be: \(problem).",
                action: "Correct the limits.")
        case LedgerError.journal, is JournalError: .journalUnavailable
        default: nil
        }
    }
}
