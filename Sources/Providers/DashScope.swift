import Core
import Wire

/// Alibaba Cloud Model Studio: Qwen and the models that it hosts, by its OpenAI-compatible paths (`…/compatible-mode/v1`) and its own
/// (`…/api/v1/services/aigc`).
///
/// Paths and errors: alibabacloud.com/help, Model Studio (read 2026-11-23). `/completions` is on no list of its paths; Responses are there for
/// some models.
enum DashScope: Provider {
    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool {
        dialect == .chat || dialect == .embeddings || dialect == .responses || dialect.isGeneration
    }

    /// Its own dialect lies beside the compatible one.
    static func target(for dialect: Dialect, basePath: String, deployment: String, apiVersion: String?) -> String {
        guard dialect.isGeneration else { return basePath + dialect.path }
        let compatible = "/compatible-mode/v1"
        let front = basePath.hasSuffix(compatible) ? String(basePath.dropLast(compatible.utf8.count)) : ""
        return "\(front)/api/v1/services/aigc\(dialect.path)"
    }

    static var readsBothChatLimits: Bool { false }

    /// Here `insufficient_quota` is pace, tokens a minute, and not money as at OpenAI.
    static let moneyWords: Set = [
        "Arrearage", "AllocationQuota.FreeTierOnly", "PrepaidBillOverdue", "PostpaidBillOverdue", "CommodityNotPurchased",
    ]

    static var reasoningSwitch: ReasoningSwitch { .enableThinking }

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? {
        error.says(oneOf: moneyWords) ? .providerMoney : nil
    }
}
