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

    /// alibabacloud.com/help/doc-detail/2980295.html (2026-03-15): `https://dashscope-intl.aliyuncs.com/apps/anthropic`, with an API key as Anthropic's.
    static var messagesPath: String? { "/apps/anthropic/v1/messages" }

    /// The models of that page by their families; others are reached by translation, or by `messages: raw`.
    static func takesMessages(model: String) -> Bool {
        let families = ["qwen3-max", "qwen3.5-plus", "qwen-max", "qwen-plus", "qwen-flash", "qwen-turbo", "qwen3-coder-plus", "qwen3-coder-flash"]
        return families.contains { model == $0 || model.hasPrefix($0 + "-") }
    }

    static var readsBothChatLimits: Bool { false }

    /// Before qwen4-max-preview `max_tokens` bounds the answer, with or without its thinking by model, and `max_completion_tokens` both
    /// (alibabacloud.com/help, API compatibility upgrades, 2026-11-02). So the older one is set beside the newer one.
    static var tellsChatLimitsApart: Bool { true }

    /// Here `insufficient_quota` is pace, tokens a minute, and not money as at OpenAI.
    static let moneyWords: Set = [
        "Arrearage", "AllocationQuota.FreeTierOnly", "PrepaidBillOverdue", "PostpaidBillOverdue", "CommodityNotPurchased",
    ]

    static var reasoningSwitch: ReasoningSwitch { .enableThinking }

    static let thinkingNames: Set<ThinkingMember.Name>? = [.enable, .budget]

    /// QwQ, QVQ and the `-thinking` models think always, the open Qwen3 unless told not to, the others when told to; thinking comes streamed only
    /// ("This model only support stream mode", "enable_thinking must be set to false for non-streaming calls"; docs.qwencloud.com, thinking;
    /// alibabacloud.com/help, deep thinking; cloudwego/eino-ext#375).
    static func answers(model: String) -> AnswerForm {
        let name = model.lowercased()
        if name.hasPrefix("qwq") || name.hasPrefix("qvq") || (name.hasPrefix("qwen") && name.contains("-thinking")) { return .streamed }
        // Of the open ones the name tells the size: qwen3-8b, qwen3-235b-a22b, and the later instruct ones do not think.
        if name.hasPrefix("qwen3-"), !name.contains("-instruct"), name.dropFirst("qwen3-".count).first?.isNumber == true {
            return .streamedUnlessOff
        }
        return .streamedIfThinking
    }

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? {
        error.says(oneOf: moneyWords) ? .providerMoney : nil
    }
}
