import Core

/// How a model is asked, where its name does not tell.
func decodeQuirks(_ section: Section, _ provider: ProviderKind?) -> ModelQuirks {
    let quirks = ModelQuirks(
        answers: section.optionalChoice("answers", AnswerForm.self),
        chatLimit: section.optionalChoice("chatLimit", ChatLimit.self),
        thinking: section.optionalChoice("thinking", ReasoningSwitch.self),
        messages: section.optionalChoice("messages", MessagesPath.self))
    if quirks.messages == .translated, provider == .anthropic {
        section.report.error(section.spot(of: "messages"), "Messages are all that `provider: anthropic` speaks.")
    }
    if quirks.messages == .raw, let provider, ![.anthropic, .dashscope, .modelarts, .deepseek].contains(provider) {
        section.report.error(
            section.spot(of: "messages"),
            "`messages: raw` needs Anthropic's dialect, which `provider: \(provider.rawValue)` does not have.")
    }
    return quirks
}
