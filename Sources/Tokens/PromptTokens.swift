import Core

/// Tokens that a chat's form costs beside its text.
public struct ChatForm: Sendable, Hashable {
    public var perMessage: Int
    public var perName: Int
    /// To open the answer.
    public var answer: Int

    /// Measured against recorded usage: exact for gpt-35-turbo and gpt-4o-2024-11-20, one too high for gpt-5-nano. The name's
    /// token is from OpenAI's cookbook.
    public static let openAI = ChatForm(perMessage: 3, perName: 1, answer: 3)
    /// A message is `<|im_start|>role\n…<|im_end|>\n`, and the answer begins with `<|im_start|>assistant\n`.
    public static let qwen = ChatForm(perMessage: 4, perName: 0, answer: 3)
}

extension Tokenizer {
    public var chatForm: ChatForm { vocabulary.split == .qwen ? .qwen : .openAI }

    /// Input tokens of a request as its provider would count them: for a chat, each message's form, role and text, and the
    /// opening of the answer. An estimate; where a provider tells usage, that decides.
    public func promptTokens(_ prompt: PromptText) -> Int {
        var tokens = prompt.tokens
        for message in prompt.messages {
            tokens += chatForm.perMessage + count(message.role)
            if let name = message.name { tokens += chatForm.perName + count(name) }
            for text in message.text { tokens += count(text) }
        }
        if !prompt.messages.isEmpty { tokens += chatForm.answer }
        for text in prompt.inputs { tokens += count(text) }
        for text in prompt.definitions { tokens += count(text) }
        return tokens
    }

    /// Tokens of an answer's text that was collected as pieces of JSON strings. They are joined first: a token, and even a
    /// character, may begin in one and end in the next.
    public func outputTokens(_ pieces: [[UInt8]]) -> Int { count(unescapedJSONText(Array(pieces.joined()))) }
}

/// What is counted where no vocabulary is known: three bytes a token, which is somewhat high for English (some four and a half
/// bytes a token) as for Chinese in a vocabulary made for it.
public enum ByteEstimate {
    public static let bytesPerToken = 3

    public static func tokens(bytes: Int) -> Int { (bytes + bytesPerToken - 1) / bytesPerToken }

    /// `prompt` nil: the body could not be read as text, and all of it counts.
    public static func usage(prompt: PromptText?, bodyBytes: Int, output pieces: [[UInt8]]) -> Usage {
        let input = prompt.map { tokens(bytes: $0.byteCount) + $0.tokens } ?? tokens(bytes: bodyBytes)
        return Usage(
            input: Int64(input), output: Int64(tokens(bytes: unescapedJSONText(Array(pieces.joined())).count)))
    }
}
