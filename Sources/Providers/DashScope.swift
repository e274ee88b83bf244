import Core
import Wire

/// Alibaba Cloud Model Studio: Qwen and the models that it hosts, by its OpenAI-compatible paths (`…/compatible-mode/v1`) and its own
/// (`…/api/v1/services/aigc`).
///
/// Paths and errors: alibabacloud.com/help, Model Studio (read 2026-11-23). `/completions` is on no list of its paths; Responses are there for
/// some models.
enum DashScope: Provider {
    /// A workspace's own host is preferred now; some regions have no other (alibabacloud.com/help, Model Studio, regions).
    static let hosts = [
        RegionHost("alibaba", "cn-beijing", "dashscope.aliyuncs.com", own: "{name}.cn-beijing.maas.aliyuncs.com"),
        RegionHost("alibaba", "ap-southeast-1", "dashscope-intl.aliyuncs.com", own: "{name}.ap-southeast-1.maas.aliyuncs.com"),
        RegionHost("alibaba", "us-east-1", "dashscope-us.aliyuncs.com", own: "{name}.us-east-1.maas.aliyuncs.com"),
        RegionHost("alibaba", "cn-hongkong", "cn-hongkong.dashscope.aliyuncs.com", own: "{name}.cn-hongkong.maas.aliyuncs.com"),
        RegionHost("alibaba", "eu-central-1", own: "{name}.eu-central-1.maas.aliyuncs.com"),
        RegionHost("alibaba", "ap-northeast-1", own: "{name}.ap-northeast-1.maas.aliyuncs.com"),
    ]

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
