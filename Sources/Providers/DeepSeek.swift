import Core
import Wire

/// DeepSeek's own API. It says 402 where its account has no money, keeps a queued call alive with comments or empty lines, and sends no headers of
/// quota (api-docs.deepseek.com, read 2026-11-23).
enum DeepSeek: Provider {
    static let hosts = [RegionHost("deepseek", "cn", "api.deepseek.com")]

    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool { dialect == .chat || dialect == .responses }

    /// api-docs.deepseek.com, Using the Anthropic API (read 2026-12-01).
    static var messagesPath: String? { "/anthropic/v1/messages" }

    static func takesMessages(model: String) -> Bool { true }

    /// What that page calls ignored and would change the answer. Names of Claude's models are mapped to its own, but the model that goes there
    /// is the configured one.
    static func disregarded(_ scan: RequestScan, dialect: Dialect) -> String? {
        guard dialect == .messages else { return nil }
        if scan.topK != nil { return "top_k" }
        if scan.serviceTier != nil { return "service_tier" }
        if scan.images > 0 { return "image" }
        if scan.files > 0 { return "document" }
        return scan.disablesParallelTools ? "tool_choice.disable_parallel_tool_use" : nil
    }

    static var readsBothChatLimits: Bool { false }

    /// `thinking: {type}` and `reasoning_effort` (api-docs.deepseek.com, thinking mode).
    static var reasoningSwitch: ReasoningSwitch { .thinkingType }

    static let thinkingNames: Set<ThinkingMember.Name>? = [.type, .effort]
}
