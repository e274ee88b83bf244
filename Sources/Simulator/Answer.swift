/// What an endpoint has decided to say, before it is paced or broken.
struct Answer: Sendable {
    var status: Int
    var headers: [Header] = []
    var body: Body
    var usage = PlayedUsage()
    var firstTokenMilliseconds = 0
    /// Tokens that take their time before the first one that is seen.
    var hiddenTokens = 0
    /// Refused because the prompt is longer than the deployment takes.
    var isTooLong = false

    enum Body: Sendable {
        case whole([UInt8])
        case stream(StreamScript)
    }

    static func json(_ status: Int, _ text: String, _ headers: [Header] = []) -> Answer {
        Answer(status: status, headers: [Header("content-type", "application/json")] + headers, body: .whole(Array(text.utf8)))
    }
}

/// What all the answers of one request share.
struct Sheet: Sendable {
    var provider: PlayedProvider
    var asked: Asked
    var plan: Plan
    var id: String
    /// Of a Responses call.
    var responseIDs: ResponseIDs?
    /// Seconds since 1970.
    var created: Int64
    /// A fault that changes what is said about usage.
    var usageFault: Fault?

    init(provider: PlayedProvider, asked: Asked, scenarioSeed: UInt64, usageFault: Fault?, random: inout Randomness) {
        self.provider = provider
        self.asked = asked
        self.usageFault = usageFault
        plan = Plan(asked, scenarioSeed: scenarioSeed)
        if usageFault == .filterOutput {
            plan.cut(to: ContentFilter.saidBefore, finish: "content_filter", choices: asked.choices)
        }
        created = wallNanoseconds() / 1_000_000_000
        id =
            switch provider {
            case .deepseek: uuid(&random)
            case .dashscope: "chatcmpl-" + uuid(&random)
            case .ark: "02" + identifier(40, &random).lowercased()
            default: "chatcmpl-" + identifier(29, &random)
            }
        if asked.operation == .responses { responseIDs = ResponseIDs(&random) }
    }

    func answer(random: inout Randomness) -> Answer {
        var answer =
            switch asked.operation {
            case .chat: asked.stream ? chatStream(random: &random) : chatWhole(random: &random)
            case .completions: asked.stream ? completionStream() : completionWhole()
            case .responses: asked.stream ? responseStream(random: &random) : responseWhole(random: &random)
            case .messages: asked.stream ? messagesStream(random: &random) : messagesWhole(random: &random)
            case .generation, .multimodalGeneration:
                asked.stream ? generationStream(random: &random) : generationWhole(random: &random)
            case .tokenCount: tokenCount()
            case .embeddings, .models: embeddings()
            }
        answer.firstTokenMilliseconds = plan.firstTokenMilliseconds
        return answer
    }

    func streamAnswer(_ script: StreamScript) -> Answer {
        Answer(
            status: 200,
            headers: [Header("content-type", "text/event-stream; charset=utf-8"), Header("cache-control", "no-cache")],
            body: .stream(script), usage: plan.usage,
            hiddenTokens: provider.showsReasoning && asked.operation != .responses && asked.operation != .completions
                ? 0 : plan.reasoning)
    }

    func wholeAnswer(_ text: String) -> Answer {
        var answer = Answer.json(200, text)
        answer.usage = plan.usage
        return answer
    }
}

extension Sheet {
    /// `"usage":…` as the provider writes it for chat and completions; nil when a fault leaves it out.
    func usage(output: String? = nil, total: String? = nil) -> String? {
        switch usageFault {
        case .noUsage: return nil
        case .absurdUsage: return #"{"prompt_tokens":-7,"completion_tokens":98765432109876543210,"total_tokens":-1}"#
        default: break
        }
        let usage = plan.usage
        let head =
            "{\"prompt_tokens\":\(usage.input),\"completion_tokens\":\(output ?? String(usage.output)),"
            + "\"total_tokens\":\(total ?? String(usage.input + usage.output))"
        let cached = "\"prompt_tokens_details\":{\"cached_tokens\":\(usage.cached)"
        let thought = "\"completion_tokens_details\":{\"reasoning_tokens\":\(usage.reasoning)"
        switch provider {
        case .openai, .azure:
            return head + ",\(cached),\"audio_tokens\":0},\(thought),\"audio_tokens\":0,"
                + "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}"
        case .deepseek:
            return head + ",\(cached)}" + (usage.reasoning > 0 ? ",\(thought)}" : "")
                + ",\"prompt_cache_hit_tokens\":\(usage.cached),\"prompt_cache_miss_tokens\":\(usage.input - usage.cached)}"
        case .dashscope:
            return head + ",\(cached)}" + (usage.reasoning > 0 ? ",\(thought)}" : "") + "}"
        case .ark, .anthropic:
            return head + ",\(cached)},\(thought)}}"
        case .huawei, .vllm, .pangu, .entra, .volcengine, .huaweiIAM:
            return head + (usage.cached > 0 ? ",\(cached)}" : "") + "}"
        }
    }
}
