import Core
import Wire

/// Azure OpenAI. The v1 API takes the deployment as `model`; the dated one has it in the path
/// (MicrosoftDocs/azure-ai-docs; specification 2024-10-21 for the dated paths).
enum AzureOpenAI: Provider {
    static func serves(_ operation: Operation, apiVersion: String?) -> Bool {
        // The dated GA specification has no Responses path below a deployment, and no conversations.
        (operation != .responses && operation != .conversations) || apiVersion == nil
    }

    static func path(for operation: Operation, deployment: String, apiVersion: String?) -> String {
        let path = OpenAI.path(for: operation, deployment: deployment, apiVersion: nil)
        guard let apiVersion else { return "/openai/v1" + path }
        return "/openai/deployments/\(deployment)\(path)?api-version=\(apiVersion)"
    }

    static func credentialLine(_ credential: String) -> String { "api-key: \(credential)" }

    static var needsOutputLimit: Bool { false }

    static func outputLimitName(for operation: Operation) -> String? { OpenAI.outputLimitName(for: operation) }

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? {
        OpenAI.meaning(error, status: status)
    }
}
