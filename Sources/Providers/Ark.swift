import Core
import Wire

/// Volcengine Ark and BytePlus ModelArk (`…/api/v3`): Doubao and the models that they host. What goes into `model` is an endpoint (`ep-…`) or
/// a model's id.
///
/// Paths and errors: volcengine-python-sdk 5.0.54, docs.volcengine.com/docs/82379.
enum Ark: Provider {
    /// Volcengine's one region and BytePlus'; that in Europe with doubt (Portkey-AI/gateway, langgenius/dify-official-plugins).
    static let hosts = [
        RegionHost("volcengine", "cn-beijing", "ark.cn-beijing.volces.com"),
        RegionHost("byteplus", "ap-southeast-1", "ark.ap-southeast.bytepluses.com"),
        RegionHost("byteplus", "eu-west-1", "ark.eu-west.bytepluses.com", isUnverified: true),
    ]

    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool {
        dialect == .chat || dialect == .embeddings || dialect == .responses
    }

    static let moneyWords: Set = ["AccountOverdueError", "SetLimitExceeded", "QuotaExceeded"]

    static var reasoningSwitch: ReasoningSwitch { .thinkingType }

    static let thinkingNames: Set<ThinkingMember.Name>? = [.type, .effort]

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? {
        if error.says(oneOf: moneyWords) { return .providerMoney }
        // The deployment was closed; its status says that the request is bad.
        return status == 400 && error.code == "InvalidEndpoint.ClosedEndpoint" ? .missing : nil
    }
}
