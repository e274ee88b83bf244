/// Azure's content filter, as it blocks a prompt, an answer, or, checking asynchronously, the end of a text that has been sent already.
/// Shapes: recorded (`azure-chat-prompt-filtered-400`, `azure-chat-output-filtered`); of the asynchronous filter as documented
/// (learn.microsoft.com, Content streaming: annotation messages with `content_filter_offsets`).
enum ContentFilter {
    /// Tokens of an answer that were said before it was blocked.
    static let saidBefore = 3

    private static func results(blocked: Bool) -> String {
        let hate = blocked ? #"{"filtered":true,"severity":"high"}"# : #"{"filtered":false,"severity":"safe"}"#
        return #"{"hate":\#(hate),"self_harm":{"filtered":false,"severity":"safe"},"#
            + #""sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}"#
    }

    /// The prompt is read, billed and refused.
    static func refusal(_ usage: PlayedUsage) -> Answer {
        let message =
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your "
            + "prompt and retry."
        var answer = Answer.json(
            400,
            "{\"error\":{\"message\":\(quoted(message)),\"type\":null,\"param\":\"prompt\",\"code\":\"content_filter\",\"status\":400,"
                + "\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\",\"content_filter_result\":\(results(blocked: true))}}}"
        )
        answer.usage = PlayedUsage(input: usage.input, cached: usage.cached, output: 0, reasoning: 0)
        return answer
    }

    /// A choice whose text was blocked before any of it was sent.
    static func blockedChoice(_ index: Int) -> String {
        "{\"content_filter_results\":\(results(blocked: true)),\"finish_reason\":\"content_filter\",\"index\":\(index),\"logprobs\":null}"
    }

    /// The last event of a choice that was blocked in the middle.
    static func blockedEnd(_ index: Int) -> String {
        "{\"content_filter_results\":\(results(blocked: true)),\"delta\":{},\"finish_reason\":\"content_filter\",\"index\":\(index),"
            + "\"logprobs\":null}"
    }

    /// An event that only says how far a text that has been sent was checked, and what was found.
    static func annotation(_ index: Int, upTo offset: Int, blocked: Bool) -> String {
        "data: {\"id\":\"\",\"object\":\"\",\"created\":0,\"model\":\"\",\"choices\":[{\"index\":\(index),\"finish_reason\":"
            + "\(blocked ? "\"content_filter\"" : "null"),\"content_filter_results\":\(results(blocked: blocked)),"
            + "\"content_filter_offsets\":{\"check_offset\":\(offset),\"start_offset\":0,\"end_offset\":\(offset)}}]}\n\n"
    }
}
