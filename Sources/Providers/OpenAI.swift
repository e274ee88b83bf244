import Core
import Wire

/// OpenAI's own API.
enum OpenAI: Provider {
    static func serves(_ operation: Operation, apiVersion: String?) -> Bool { true }

    /// It stops at the model's maximum.
    static var needsOutputLimit: Bool { false }

    static func outputLimitName(for operation: Operation) -> String? {
        switch operation {
        case .embeddings, .conversations: nil
        case .responses: "max_output_tokens"
        case .completions: "max_tokens"
        // OpenAI's reasoning models answer `max_tokens` with 400 unsupported_parameter (vercel/ai recording, openai-o1mini-400).
        case .chat: "max_completion_tokens"
        }
    }

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? {
        error.says("insufficient_quota") ? .providerMoney : nil
    }
}
