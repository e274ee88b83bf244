import Core
import Wire

/// Anthropic's own API, and Claude in Azure AI Foundry, which speaks it below `…/anthropic/v1`.
///
/// Paths, headers and errors: anthropic SDK 2.12.0. It counts what its cache read and wrote beside `input_tokens`, and every request says
/// `max_tokens`.
enum Anthropic: Provider {
    /// The version of the API where the caller names none.
    static let version = "2023-06-01"

    static let hosts = [RegionHost("anthropic", "global", "api.anthropic.com")]

    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool { dialect.isMessages }

    static func credentialLine(_ credential: String) -> String { "x-api-key: \(credential)" }

    static var needsOutputLimit: Bool { false }

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? {
        // An account without money is said to be a bad request (status 400, invalid_request_error).
        error.says("billing_error") || error.saysNoCredit ? .providerMoney : nil
    }
}
