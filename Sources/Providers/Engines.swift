import Core
import Wire

// Engines that one runs oneself. They speak OpenAI's dialect and differ in what they leave out.

enum VLLM: Provider {
    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool {
        OpenAI.dialects.contains(dialect) && dialect != .conversations
    }
}

enum LlamaCpp: Provider {
    static func reads(limit name: String, for dialect: Dialect) -> Bool {
        switch name {
        case "n_predict": dialect == .chat || dialect == .completions
        case "max_completion_tokens": dialect == .chat
        default: name == outputLimitName(for: dialect)
        }
    }
}

enum SGLang: Provider {
}

enum Ollama: Provider {
    /// It knows `max_tokens` only.
    static var readsBothChatLimits: Bool { false }

    static let thinkingNames: Set<ThinkingMember.Name>? = [.effort]

    /// It takes these and disregards them (ollama/ollama docs, OpenAI compatibility, fb307609, 2026-08-21).
    static func disregarded(_ scan: RequestScan, dialect: Dialect) -> String? {
        if scan.toolChoice != nil { return "tool_choice" }
        if let n = scan.n?.value, n > 1 { return "n" }
        if let best = scan.bestOf?.value, best > 1 { return "best_of" }
        if scan.hasLogitBias { return "logit_bias" }
        return scan.imageURLs > 0 ? "image_url" : nil
    }
}
