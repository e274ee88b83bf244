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

    static let thinkingNames: Set<ThinkingMember.Name>? = [.effort]

    /// Its reasoning models answer `max_tokens` with 400 unsupported_parameter, "Use 'max_completion_tokens' instead" (recorded: transcripts,
    /// openai-reasoning-model-max-tokens-400; the models by their names in OpenAI's list, 2026-11-30).
    static func refusesMaxTokens(model: String) -> Bool {
        let name = model.split(separator: "/").last ?? ""
        return ["o1", "o3", "o4-mini", "gpt-5"].contains { family in
            guard name.hasPrefix(family) else { return false }
            let rest = name.dropFirst(family.count)
            return rest.isEmpty || rest.first == "-" || (rest.first == "." && family == "gpt-5")
        } && !name.contains("-chat")
    }

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? {
        error.says("insufficient_quota") ? .providerMoney : nil
    }
}
