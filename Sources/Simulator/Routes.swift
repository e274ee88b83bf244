import NIOHTTP1

/// What a path asks for.
struct Route: Sendable {
    var operation: PlayedOperation
    /// The model, where the path names it (Azure's dated form).
    var deployment: String?
    /// What it asks of what is kept.
    var kept: KeptRequest?
}

extension PlayedProvider {
    /// Below which it has Anthropic's dialect beside its own.
    fileprivate var messagesPath: String? {
        switch self {
        case .dashscope: "/apps/anthropic/v1"
        case .deepseek, .huawei: "/anthropic/v1"
        case .openai, .azure, .anthropic, .ark, .vllm, .pangu, .entra, .volcengine, .huaweiIAM: nil
        }
    }
}

extension Stage {
    private static let operations: [String: PlayedOperation] = [
        "/chat/completions": .chat, "/completions": .completions, "/embeddings": .embeddings, "/responses": .responses,
    ]

    func route(_ path: String, _ query: String, _ method: HTTPMethod) -> Route? {
        if path.hasPrefix(endpoint.basePath) {
            let rest = String(path.dropFirst(endpoint.basePath.count))
            if endpoint.provider == .anthropic { return anthropicRoute(rest, method) }
            if endpoint.provider == .pangu { return panguRoute(rest, method) }
            if let kept = Stage.kept(rest, method) { return Route(operation: .responses, kept: kept) }
            if method == .GET { return rest == "/models" ? Route(operation: .models) : nil }
            if method == .POST, let operation = Stage.operations[rest] { return Route(operation: operation) }
        }
        if let base = endpoint.provider.messagesPath, path == base + "/messages", method == .POST {
            return Route(operation: .messages)
        }
        if endpoint.provider == .dashscope, method == .POST {
            if path == "/api/v1/services/aigc/text-generation/generation" { return Route(operation: .generation) }
            if path == "/api/v1/services/aigc/multimodal-generation/generation" { return Route(operation: .multimodalGeneration) }
        }
        guard endpoint.provider == .azure, method == .POST, path.hasPrefix("/openai/deployments/") else { return nil }
        guard query.split(separator: "&").contains(where: { $0.hasPrefix("api-version=") && $0.count > 12 }) else { return nil }
        let rest = path.dropFirst("/openai/deployments/".count)
        guard let slash = rest.firstIndex(of: "/"), let operation = Stage.operations[String(rest[slash...])] else { return nil }
        return Route(operation: operation, deployment: Stage.unescaped(rest[..<slash]))
    }

    private func anthropicRoute(_ path: String, _ method: HTTPMethod) -> Route? {
        switch (method, path) {
        case (.POST, "/messages"): Route(operation: .messages)
        case (.POST, "/messages/count_tokens"): Route(operation: .tokenCount)
        case (.GET, "/models"): Route(operation: .models)
        default: nil
        }
    }

    private func panguRoute(_ path: String, _ method: HTTPMethod) -> Route? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard method == .POST, parts.count == 5, parts[1] == "deployments", parts[3] == "chat", parts[4] == "completions" else {
            return nil
        }
        return Route(operation: .chat, deployment: Stage.unescaped(parts[2]))
    }

    private static func kept(_ path: String, _ method: HTTPMethod) -> KeptRequest? {
        if path == "/conversations" { return method == .POST ? .createConversation : nil }
        for (folder, kind) in [("/responses/", KeptKind.response), ("/conversations/", .conversation)] {
            guard path.hasPrefix(folder) else { continue }
            let id = String(path.dropFirst(folder.count))
            switch method {
            case .GET: return .read(kind, id)
            case .DELETE: return .delete(kind, id)
            default: return nil
            }
        }
        return nil
    }

    private static func unescaped(_ text: Substring) -> String {
        var out: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = UInt8(String(rest.prefix(2)) ?? "", radix: 16) {
                out.append(value)
                rest = rest.dropFirst(2)
            } else {
                out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// `gpt-4o!cut-stream:3` is the model gpt-4o with a fault.
    func split(_ name: String?) -> (model: String?, fault: Fault?) {
        guard let name, let mark = name.firstIndex(of: "!"), let fault = Fault(name[name.index(after: mark)...]) else {
            return (name, nil)
        }
        return (String(name[..<mark]), fault)
    }

    func accepts(_ headers: HTTPHeaders) -> Bool {
        guard let credential = endpoint.credential else { return true }
        // Where Anthropic's dialect is played beside another, its header is taken too.
        if endpoint.provider.messagesPath != nil, headers.first(name: "x-api-key") == credential { return true }
        if endpoint.provider == .azure, headers.first(name: "api-key") == credential { return true }
        // Anthropic's also wants to know for which version of its API a call was written.
        if endpoint.provider == .anthropic {
            return headers.first(name: "x-api-key") == credential && headers.first(name: "anthropic-version") != nil
        }
        return headers.first(name: "authorization") == "Bearer " + credential
    }

    /// Fields that the provider puts on every answer.
    func provided(_ asked: HTTPHeaders, _ model: PlayedModel, _ fault: Fault?, random: inout Randomness) -> [Header] {
        let usual = provided(asked, model, random: &random)
        guard let region = if case .region(let told)? = fault { told } else { endpoint.region } else { return usual }
        return usual + [Header("x-ms-region", region)]
    }

    private func provided(_ asked: HTTPHeaders, _ model: PlayedModel, random: inout Randomness) -> [Header] {
        switch endpoint.provider {
        case .openai:
            return [
                Header("x-request-id", "req_" + identifier(32, &random).lowercased()), Header("openai-version", "2020-10-01"),
                Header("openai-processing-ms", "\(20 + random.next() % 200)"),
            ]
        case .azure:
            let echo = asked.first(name: "x-ms-client-request-id").map { [Header("x-ms-client-request-id", $0)] } ?? []
            return [
                Header("apim-request-id", uuid(&random)), Header("x-request-id", uuid(&random)),
                Header("x-ms-deployment-name", model.name),
                Header("x-ms-rai-invoked", "true"), Header("azureml-model-session", "d004-20260815200304"),
            ] + echo
        case .anthropic: return [Header("request-id", "req_01" + identifier(22, &random))]
        case .deepseek: return [Header("x-ds-trace-id", identifier(32, &random).lowercased())]
        case .entra, .volcengine, .huaweiIAM: return []
        case .dashscope, .huawei, .ark, .pangu: return [Header("x-request-id", uuid(&random))]
        case .vllm: return asked.first(name: "x-request-id").map { [Header("x-request-id", $0)] } ?? []
        }
    }
}
