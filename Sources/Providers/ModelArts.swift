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

    static var readsBothChatLimits: Bool { false }

    static var reasoningSwitch: ReasoningSwitch { .chatTemplate }

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? {
        // Its content filter says 403: the prompt is at fault, not the credential.
        status == 403 && error.code == "ModelArts.81011" ? .callerFault(billsInput: false) : nil
    }
}
