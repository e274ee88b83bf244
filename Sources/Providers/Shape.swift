public import Core
public import Wire

/// The head of a request to one endpoint, ready but for what differs from call to call.
public struct ShapedHead: Sendable {
    /// Request line and fixed header lines, each with its line end; the caller adds its own lines, the length and the empty line.
    public var bytes: [UInt8]

    init(_ lines: [String]) { bytes = Array((lines.joined(separator: "\r\n") + "\r\n").utf8) }
}

extension Endpoint {
    /// Whether the provider's API has this dialect, so that a call in it goes on as it came.
    public func speaks(_ dialect: Dialect) -> Bool {
        // Only where somebody has said that conversations may be kept.
        if dialect == .conversations, !models.values.contains(where: \.keepsConversations) { return false }
        return provider.wire.speaks(dialect, apiVersion: apiVersion)
    }

    /// The dialect in which a call goes on here: its own where the endpoint speaks it, otherwise one that it can be translated into; nil where
    /// there is none.
    public func target(of dialect: Dialect) -> Dialect? {
        if speaks(dialect) { return dialect }
        guard dialect.isTranslated else { return nil }
        return [Dialect.chat, .messages, .responses, .generation].first(where: speaks)
    }

    /// The same of one of its models: Anthropic's Messages go on as they came where the model takes them beside OpenAI's dialect.
    public func target(of dialect: Dialect, model served: ServedModel) -> Dialect? {
        dialect == .messages && takesMessages(served) ? .messages : target(of: dialect)
    }

    /// Whether a call of this operation can be answered here.
    public func serves(_ operation: Operation) -> Bool {
        Dialect.allCases.contains { $0.operation == operation && target(of: $0) != nil }
    }

    /// The same of one of its models: conversations are kept for those that say so.
    public func serves(_ operation: Operation, model: String) -> Bool {
        serves(operation) && (operation != .conversations || models[model]?.keepsConversations == true)
    }

    /// How a call in this dialect is addressed here.
    public func head(for dialect: Dialect, model: ServedModel) -> ShapedHead {
        let target =
            messagesTarget(for: dialect)
            ?? provider.wire.target(for: dialect, basePath: basePath, deployment: model.upstreamName, apiVersion: apiVersion)
        return ShapedHead(
            [
                "POST \(target) HTTP/1.1",
                "host: \(origin.hostField)",
                "user-agent: weir",
                "content-type: application/json",
                "accept: application/json, text/event-stream",
                // Compressed answers could not be read for usage without inflating them.
                "accept-encoding: identity",
            ] + provider.wire.lines(for: model) + keyLines(for: dialect))
    }

    private func keyLines(for dialect: Dialect) -> [String] {
        if case .key(let key)? = credential { [credentialLine(key.value, for: dialect)] } else { [] }
    }

    /// The deployment that answered, where the answer's head names one.
    public func servedDeployment(in head: HTTPHead) -> String? { provider.wire.servedDeployment(in: head) }

    /// Whether the output must be limited in the request because the provider has no maximum of its own to rely on.
    public var needsOutputLimit: Bool { provider.wire.needsOutputLimit }

    /// The member that limits the output of a call in this dialect here, when it names none.
    public func outputLimitName(for dialect: Dialect) -> String? { provider.wire.outputLimitName(for: dialect) }

    /// Whether the provider takes its limit from this member; others it ignores or refuses.
    func reads(limit name: String, for dialect: Dialect) -> Bool { provider.wire.reads(limit: name, for: dialect) }
}

extension Credential {
    /// The header line, with its end, that carries a token. Wherever a provider takes its keys, tokens go where their authority says.
    public func tokenLine(_ token: Secret) -> [UInt8] {
        let name = if case .huaweiIAM = self { "x-auth-token: " } else { "authorization: Bearer " }
        return Array("\(name)\(token.value)\r\n".utf8)
    }
}
