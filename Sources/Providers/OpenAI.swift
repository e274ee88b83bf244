import Core
import Wire

/// OpenAI's own API.
enum OpenAI: Provider {
    static let dialects: Set<Dialect> = [.chat, .completions, .embeddings, .responses, .conversations]

    /// Beside the global host those of projects with data residency (openai SDK 3.54.0).
    static let hosts =
        [RegionHost("openai", "global", "api.openai.com")]
        + ["us", "eu", "ae", "au", "in", "jp"].map { (region: String) in RegionHost("openai", region, "\(region).api.openai.com") }

    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool { dialects.contains(dialect) }

    /// It stops at the model's maximum.
    static var needsOutputLimit: Bool { false }

    static func outputLimitName(for dialect: Dialect) -> String? {
        switch dialect {
        // OpenAI's reasoning models answer `max_tokens` with 400 unsupported_parameter (vercel/ai recording, openai-o1mini-400).
        case .chat: "max_completion_tokens"
        default: dialect.outputLimitName
        }
    }

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? {
        error.says("insufficient_quota") ? .providerMoney : nil
    }
}
