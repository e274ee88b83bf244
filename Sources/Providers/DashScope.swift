import Core
import Wire

/// Alibaba Cloud Model Studio by its OpenAI-compatible paths (`…/compatible-mode/v1`): Qwen and the models that it hosts.
///
/// Paths and errors: alibabacloud.com/help, Model Studio (read 2026-11-23). `/completions` is on no list of its paths; Responses are there for
/// some models.
enum DashScope: Provider {
    static func serves(_ operation: Operation, apiVersion: String?) -> Bool {
        switch operation {
        case .chat, .embeddings, .responses: true
        case .completions, .conversations: false
        }
    }

    static func reads(limit name: String, for operation: Operation) -> Bool { name == outputLimitName(for: operation) }

    /// Here `insufficient_quota` is pace, tokens a minute, and not money as at OpenAI.
    static let moneyWords: Set = [
        "Arrearage", "AllocationQuota.FreeTierOnly", "PrepaidBillOverdue", "PostpaidBillOverdue", "CommodityNotPurchased",
    ]

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? {
        error.says(oneOf: moneyWords) ? .providerMoney : nil
    }
}
