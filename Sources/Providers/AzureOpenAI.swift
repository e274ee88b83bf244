import Core
import Wire

/// Azure OpenAI. The v1 API takes the deployment as `model`; the dated one has it in the path
/// (MicrosoftDocs/azure-ai-docs; specification 2024-10-21 for the dated paths).
enum AzureOpenAI: Provider {
    /// By the resource's name, whatever its region. That of the cloud which 21Vianet runs was seen in third-party code only.
    static let hosts = [
        RegionHost("azure", nil, own: "{name}.openai.azure.com"),
        RegionHost("azure-china", nil, own: "{name}.openai.azure.cn", isUnverified: true),
    ]

    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool {
        // The dated GA specification has no Responses path below a deployment, and no conversations.
        OpenAI.dialects.contains(dialect) && (apiVersion == nil || (dialect != .responses && dialect != .conversations))
    }

    static func target(for dialect: Dialect, basePath: String, deployment: String, apiVersion: String?) -> String {
        guard let apiVersion else { return "\(basePath)/openai/v1\(dialect.path)" }
        return "\(basePath)/openai/deployments/\(deployment)\(dialect.path)?api-version=\(apiVersion)"
    }

    static func credentialLine(_ credential: String) -> String { "api-key: \(credential)" }

    static func lines(for model: ServedModel) -> [String] {
        guard let spillover = model.spillover, spillover.isAsked else { return [] }
        return ["x-ms-spillover-deployment: \(spillover.deployment)"]
    }

    /// `x-ms-deployment-name`: recorded (traceloop/openllmetry, August 2025 and March 2026). A call that says that it spilled over, and not where
    /// to, was served by a deployment whose price nobody knows.
    static func servedDeployment(in head: HTTPHead) -> String? {
        if let name = head.value(of: "x-ms-deployment-name"), name.count > 0 { return head.string(name) }
        let isSpilled =
            head.value(of: "x-ms-spillover-from-deployment") != nil
            || head.value(of: "x-ms-is-spilled-over").map { head.matches($0, "true") } ?? false
        return isSpilled ? "unknown" : nil
    }

    static var needsOutputLimit: Bool { false }

    static func outputLimitName(for dialect: Dialect) -> String? { OpenAI.outputLimitName(for: dialect) }

    static let thinkingNames = OpenAI.thinkingNames

    /// A deployment's name may say nothing of its model; then its configuration does (`chatLimit`).
    static func refusesMaxTokens(model: String) -> Bool { OpenAI.refusesMaxTokens(model: model) }

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? {
        OpenAI.meaning(error, status: status)
    }
}
