/// Chat answers, plain and streamed, in each provider's shape.
extension Sheet {
    private static let safe =
        #"{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"#
        + #""sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}"#

    private var isTool: String? {
        if case .tool(let name, _) = asked.form { name } else { nil }
    }

    func chatWhole(random: inout Randomness) -> Answer {
        let choices = (0..<asked.choices).map { index in
            if usageFault == .filterOutput { return ContentFilter.blockedChoice(index) }
            let content = plan.speech.text(plan.visible)
            var message: String
            if let name = isTool {
                let none = provider == .dashscope ? "\"\"" : "null"
                // Only these two number the calls of a whole answer (recorded; no document has it).
                let place = provider == .dashscope || provider == .deepseek ? "\"index\":0," : ""
                message =
                    "{\"role\":\"assistant\",\"content\":\(none),\"tool_calls\":[{\(place)\"id\":\"call_\(identifier(24, &random))\","
                    + "\"type\":\"function\",\"function\":{\"name\":\(quoted(name)),\"arguments\":\(quoted(content))}}]"
            } else {
                message = "{\"role\":\"assistant\",\"content\":\(quoted(content))"
            }
            if provider.showsReasoning, plan.reasoning > 0 {
                message += ",\"reasoning_content\":\(quoted(plan.thoughts.text(plan.reasoning)))"
            }
            if provider == .openai || provider == .azure { message += ",\"refusal\":null,\"annotations\":[]" }
            message += "}"
            let filter = provider == .azure ? ",\"content_filter_results\":\(Sheet.safe)" : ""
            return
                "{\"index\":\(index),\"message\":\(message),\"logprobs\":null,\"finish_reason\":\"\(plan.finish)\"\(filter)}"
        }
        let prompt =
            provider == .azure
            ? ",\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":\(Sheet.safe)}]" : ""
        let usage = usage().map { ",\"usage\":\($0)" } ?? ""
        let print = provider == .dashscope ? "null" : "\"fp_weirsim\""
        let tier = provider == .openai ? ",\"service_tier\":\"default\"" : ""
        return wholeAnswer(
            "{\"id\":\"\(id)\",\"object\":\"chat.completion\",\"created\":\(created),\"model\":\(quoted(asked.reported)),"
                + "\"choices\":[\(choices.joined(separator: ","))]\(prompt)\(usage),\"system_fingerprint\":\(print)\(tier)}")
    }

    func chatStream(random: inout Randomness) -> Answer {
        var script = StreamScript(inputTokens: plan.usage.input)
        if provider == .azure {
            script.add(
                "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\",\"prompt_filter_results\":"
                    + "[{\"prompt_index\":0,\"content_filter_results\":\(Sheet.safe)}]}\n\n")
        }
        for index in 0..<asked.choices { choiceStream(index, &script, &random) }
        if provider != .deepseek, provider != .huawei, asked.includeUsage, let usage = usage() {
            script.add(chunk(choices: "", usage: usage))
        }
        script.add("data: [DONE]\n\n")
        return streamAnswer(script)
    }

    private func choiceStream(_ index: Int, _ script: inout StreamScript, _ random: inout Randomness) {
        let refusal = provider == .openai || provider == .azure ? ",\"refusal\":null" : ""
        if let name = isTool {
            let call = "call_\(identifier(24, &random))"
            script.add(
                event(
                    index,
                    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"index\":0,\"id\":\"\(call)\","
                        + "\"type\":\"function\",\"function\":{\"name\":\(quoted(name)),\"arguments\":\"\"}}]\(refusal)}"))
            let later = provider == .dashscope ? "\"id\":\"\",\"type\":\"function\"," : ""
            let none = provider == .dashscope ? "\"content\":null," : ""
            let delta =
                "{\(none)\"tool_calls\":[{\"index\":0,\(later)\"function\":{\"arguments\":\"\(StreamScript.token)\"}}]}"
            script.add(events(index, delta), saying: plan.speech, count: plan.visible)
        } else {
            script.add(event(index, "{\"role\":\"assistant\",\"content\":\"\"\(refusal)}"))
            if provider.showsReasoning, plan.reasoning > 0 {
                let thought = "{\"content\":null,\"reasoning_content\":\"\(StreamScript.token)\"}"
                script.add(events(index, thought), saying: plan.thoughts, count: plan.reasoning)
            }
            script.add(events(index, "{\"content\":\"\(StreamScript.token)\"}"), saying: plan.speech, count: plan.visible)
            if usageFault == .filterLate {
                script.add(ContentFilter.annotation(index, upTo: 40, blocked: false))
                return script.add(ContentFilter.annotation(index, upTo: 80, blocked: true))
            }
            if usageFault == .filterOutput { return script.add(chunk(choices: ContentFilter.blockedEnd(index), usage: nil)) }
        }
        let last = provider == .deepseek || provider == .dashscope ? "{\"content\":\"\"}" : "{}"
        let isLastChoice = index == asked.choices - 1
        let usage = provider == .deepseek && isLastChoice ? usage() : nil
        script.add(chunk(choices: choice(index, last, finish: "\"\(plan.finish)\""), usage: usage))
    }

    private func event(_ index: Int, _ delta: String) -> String {
        chunk(choices: choice(index, delta, finish: "null"), usage: nil)
    }

    /// Alibaba's key order varies from chunk to chunk.
    private func events(_ index: Int, _ delta: String) -> [String] {
        guard provider == .dashscope else { return [event(index, delta)] }
        let other = "{\"finish_reason\":null,\"logprobs\":null,\"delta\":\(delta),\"index\":\(index)}"
        return [event(index, delta), chunk(choices: other, usage: nil)]
    }

    private func choice(_ index: Int, _ delta: String, finish: String) -> String {
        switch provider {
        case .azure:
            "{\"content_filter_results\":\(delta == "{}" ? "{}" : Sheet.safe),\"delta\":\(delta),\"finish_reason\":\(finish),"
                + "\"index\":\(index),\"logprobs\":null}"
        case .dashscope:
            "{\"delta\":\(delta),\"finish_reason\":\(finish),\"index\":\(index),\"logprobs\":null}"
        case .ark:
            "{\"delta\":\(delta),\"index\":\(index)\(finish == "null" ? "" : ",\"finish_reason\":\(finish)")}"
        case .openai, .anthropic, .deepseek, .huawei, .vllm, .pangu, .entra, .volcengine, .huaweiIAM:
            "{\"index\":\(index),\"delta\":\(delta),\"logprobs\":null,\"finish_reason\":\(finish)}"
        }
    }

    /// One event. `usage` nil: what the provider writes where it has none to tell.
    private func chunk(choices: String, usage: String?) -> String {
        let model = quoted(asked.reported)
        let name = "\"object\":\"chat.completion.chunk\""
        let told = usage ?? "null"
        switch provider {
        case .openai:
            return "data: {\"id\":\"\(id)\",\(name),\"created\":\(created),\"model\":\(model),\"service_tier\":\"default\","
                + "\"system_fingerprint\":\"fp_weirsim\",\"choices\":[\(choices)]"
                + (asked.includeUsage ? ",\"usage\":\(told)" : "") + ",\"obfuscation\":\"w2Zk9\"}\n\n"
        case .azure:
            return "data: {\"choices\":[\(choices)],\"created\":\(created),\"id\":\"\(id)\",\"model\":\(model),\(name),"
                + "\"system_fingerprint\":\"fp_weirsim\"" + (asked.includeUsage ? ",\"usage\":\(told)" : "") + "}\n\n"
        case .dashscope:
            return "data: {\"choices\":[\(choices)],\(name),\"usage\":\(told),\"created\":\(created),"
                + "\"system_fingerprint\":null,\"model\":\(model),\"id\":\"\(id)\"}\n\n"
        case .deepseek:
            return "data: {\"id\":\"\(id)\",\(name),\"created\":\(created),\"model\":\(model),"
                + "\"system_fingerprint\":\"fp_weirsim\",\"choices\":[\(choices)],\"usage\":\(told)}\n\n"
        case .huawei:
            // Repeated in every chunk, and growing: whoever adds them up pays many times.
            let running = self.usage(output: StreamScript.output, total: StreamScript.total) ?? "null"
            return "data: {\"id\":\"\(id)\",\(name),\"created\":\(created),\"model\":\(model),\"choices\":[\(choices)],"
                + "\"usage\":\(running)}\n\n"
        case .ark:
            return "data: {\"choices\":[\(choices)],\"created\":\(created),\"id\":\"\(id)\",\"model\":\(model),"
                + "\"service_tier\":\"default\",\(name),\"usage\":\(told)}\n\n"
        case .vllm, .anthropic, .pangu, .entra, .volcengine, .huaweiIAM:
            return "data: {\"id\":\"\(id)\",\(name),\"created\":\(created),\"model\":\(model),\"choices\":[\(choices)]"
                + (usage.map { ",\"usage\":\($0)" } ?? "") + "}\n\n"
        }
    }
}
