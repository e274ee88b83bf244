import Core

/// The head of a request to one endpoint, ready but for what differs from call to call.
public struct ShapedHead: Sendable {
    /// Request line and fixed header lines, each with its line end; the caller adds its own lines, the length and the empty line.
    public var bytes: [UInt8]

    init(_ lines: [String]) { bytes = Array((lines.joined(separator: "\r\n") + "\r\n").utf8) }
}

extension Endpoint {
    /// Whether the provider's API has this operation at all.
    public func serves(_ operation: Operation) -> Bool {
        // Only where somebody has said that conversations may be kept.
        if operation == .conversations, !models.values.contains(where: { $0.state?.allowsConversations == true }) { return false }
        switch provider {
        case .azure: return AzureOpenAI.serves(operation, apiVersion: apiVersion)
        case .openai, .vllm, .llamaCpp, .sglang, .ollama, .compatible: return OpenAICompatible.serves(operation, on: provider)
        }
    }

    /// The same of one of its models: conversations are kept for those that say so.
    public func serves(_ operation: Operation, model: String) -> Bool {
        serves(operation) && (operation != .conversations || models[model]?.state?.allowsConversations == true)
    }

    /// How a call of this operation is addressed here.
    public func head(for operation: Operation, model: ServedModel) -> ShapedHead {
        let target: String
        var credentials: [String] = []
        switch provider {
        case .azure:
            target = basePath + AzureOpenAI.path(for: operation, deployment: model.upstreamName, apiVersion: apiVersion)
            if let credential { credentials = ["api-key: \(credential.value)"] }
        case .openai, .vllm, .llamaCpp, .sglang, .ollama, .compatible:
            target = basePath + OpenAICompatible.path(for: operation)
            if let credential { credentials = ["authorization: Bearer \(credential.value)"] }
        }
        let isDefaultPort = origin.port == (origin.tls ? 443 : 80)
        let host = origin.host.contains(":") ? "[\(origin.host)]" : origin.host
        return ShapedHead(
            [
                "POST \(target) HTTP/1.1",
                "host: \(host)\(isDefaultPort ? "" : ":\(origin.port)")",
                "user-agent: weir",
                "content-type: application/json",
                "accept: application/json, text/event-stream",
                // Compressed answers could not be read for usage without inflating them.
                "accept-encoding: identity",
            ] + credentials)
    }

    /// Whether the output must be limited in the request because the provider has no maximum of its own to rely on.
    /// Engines go on until the context is full; OpenAI and Azure stop at the model's maximum.
    public var needsOutputLimit: Bool {
        switch provider {
        case .openai, .azure: false
        case .vllm, .llamaCpp, .sglang, .ollama, .compatible: true
        }
    }

    /// The member that limits the output of this operation here, when the call names none.
    public func outputLimitName(for operation: Operation) -> String? {
        switch operation {
        case .embeddings, .conversations: nil
        case .responses: "max_output_tokens"
        case .completions: "max_tokens"
        // OpenAI's reasoning models answer `max_tokens` with 400 unsupported_parameter (providers.md, section 2).
        case .chat: provider == .openai || provider == .azure ? "max_completion_tokens" : "max_tokens"
        }
    }

    /// Whether the provider takes its limit from this member; others it ignores or refuses.
    func reads(limit name: String, for operation: Operation) -> Bool {
        if name == outputLimitName(for: operation) { return true }
        return switch name {
        case "max_tokens": operation == .chat
        // Ollama knows `max_tokens` only.
        case "max_completion_tokens": operation == .chat && provider != .ollama
        case "n_predict": provider == .llamaCpp && (operation == .chat || operation == .completions)
        default: false
        }
    }
}
