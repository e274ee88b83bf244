import Core

// Anthropic's Messages at clouds whose own dialect is OpenAI's.

extension Endpoint {
    /// Whether a model takes Messages as they come: by its configuration, else by its name.
    func takesMessages(_ served: ServedModel) -> Bool {
        guard provider.wire.messagesPath != nil else { return false }
        return served.quirks.messages.map { $0 == .raw } ?? provider.wire.takesMessages(model: served.upstreamName)
    }

    /// How Messages are addressed there: in the place of the usual path, with whatever stands before that.
    func messagesTarget(for dialect: Dialect) -> String? {
        guard dialect == .messages, let path = provider.wire.messagesPath else { return nil }
        let usual = ["/compatible-mode/v1", "/openai/v1", "/v1", "/v2"].first(where: basePath.hasSuffix) ?? ""
        return basePath.dropLast(usual.utf8.count) + path
    }

    /// The header line of our credential: with Messages it is Anthropic's everywhere.
    func credentialLine(_ credential: String, for dialect: Dialect) -> String {
        let isBeside = dialect == .messages && provider.wire.messagesPath != nil
        return isBeside ? Anthropic.credentialLine(credential) : provider.wire.credentialLine(credential)
    }
}
