import Core
import Wire

/// Huawei Cloud ModelArts Studio (MaaS) by its OpenAI-compatible paths.
///
/// Paths and errors: support.huaweicloud.com, ModelArts MaaS API reference (read 2026-11-23). It repeats the usage in every chunk of a stream, which is
/// read as the last one.
enum ModelArts: Provider {
    static let hosts = [
        RegionHost("huawei", "cn-southwest-2", "api.modelarts-maas.com"),
        RegionHost("huawei", "ap-southeast-1", "api-ap-southeast-1.modelarts-maas.com"),
        RegionHost("huawei", "me-east-1", "api-me-east-1.modelarts-maas.com"),
    ]

    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool { dialect == .chat || dialect == .embeddings }

    /// support.huaweicloud.com, Anthropic-compatible APIs (2025-12-09, 2026-08-19): in Guiyang and Hong Kong, for texts, calls of tools and their
    /// results. Which models take them differs by region, so that configuration has to say it (`messages: raw`).
    static var messagesPath: String? { "/anthropic/v1/messages" }

    static var readsBothChatLimits: Bool { false }

    static var reasoningSwitch: ReasoningSwitch { .chatTemplate }

    static let thinkingNames: Set<ThinkingMember.Name>? = [.template, .enable]

    /// DeepSeek V3.1 and V3.2 refuse tools while they think (facts/providers.md, section 2).
    static func refusesToolsWithThinking(model: String) -> Bool {
        let name = model.lowercased()
        return name.contains("deepseek-v3.1") || name.contains("deepseek-v3.2")
    }

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? {
        // Its content filter says 403: the prompt is at fault, not the credential.
        status == 403 && error.code == "ModelArts.81011" ? .callerFault(billsInput: false) : nil
    }
}
