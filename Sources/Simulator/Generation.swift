/// DashScope's own dialect, plain and streamed: texts that grow from event to event, or pieces where `incremental_output` asks for them.
extension Sheet {
    private var parameters: JSON { asked.body["parameters"] ?? .null }
    /// `message`, or the older `text`.
    private var isMessage: Bool {
        asked.operation == .multimodalGeneration || parameters["result_format"]?.string == "message" || tool != nil
    }
    private var tool: String? {
        if case .tool(let name, _) = asked.form { name } else { nil }
    }

    func generationWhole(random: inout Randomness) -> Answer {
        let call = "call_" + identifier(22, &random).lowercased()
        let output = output(
            plan.speech.text(plan.visible), thoughts: plan.thoughts.text(plan.reasoning), call: call, finish: plan.finish)
        return wholeAnswer(
            "{\"output\":\(output)" + (generationUsage(plan.usage.output).map { ",\"usage\":\($0)" } ?? "")
                + ",\"request_id\":\"\(id)\"}")
    }

    func generationStream(random: inout Randomness) -> Answer {
        let call = "call_" + identifier(22, &random).lowercased()
        let isIncremental = parameters["incremental_output"]?.bool ?? false
        var script = StreamScript(inputTokens: plan.usage.input)
        var number = 0
        func add(_ text: String, _ thoughts: String, output tokens: Int, finish: String, says: Bool) {
            number += 1
            let body =
                "{\"output\":\(output(text, thoughts: thoughts, call: call, finish: finish))"
                + (generationUsage(tokens).map { ",\"usage\":\($0)" } ?? "") + ",\"request_id\":\"\(id)\"}"
            let event = "id:\(number)\nevent:result\n:HTTP_STATUS/200\ndata:\(body)\n\n"
            if says { script.add([event], saying: plan.speech, count: 1) } else { script.add(event) }
        }
        let total = plan.reasoning + plan.visible
        for place in 1...max(1, total) where total > 0 {
            let thought = min(place, plan.reasoning)
            let said = max(0, place - plan.reasoning)
            let thoughts = isIncremental ? (said > 0 ? "" : plan.thoughts.token(place - 1)) : plan.thoughts.text(thought)
            let text = isIncremental ? (said > 0 ? plan.speech.token(said - 1) : "") : plan.speech.text(said)
            add(text, thoughts, output: place, finish: "null", says: true)
        }
        add(
            isIncremental ? "" : plan.speech.text(plan.visible), isIncremental ? "" : plan.thoughts.text(plan.reasoning),
            output: plan.usage.output, finish: plan.finish, says: false)
        return streamAnswer(script)
    }

    private func output(_ text: String, thoughts: String, call: String, finish: String) -> String {
        guard isMessage else { return "{\"text\":\(quoted(text)),\"finish_reason\":\"\(finish)\"}" }
        var message = "{\"role\":\"assistant\""
        if let tool {
            message +=
                ",\"content\":\"\",\"tool_calls\":[{\"index\":0,\"id\":\"\(call)\",\"type\":\"function\","
                + "\"function\":{\"name\":\(quoted(tool)),\"arguments\":\(quoted(text))}}]"
        } else if asked.operation == .multimodalGeneration {
            message += ",\"content\":[\(text.isEmpty ? "" : "{\"text\":\(quoted(text))}")]"
        } else {
            message += ",\"content\":\(quoted(text))"
        }
        if plan.reasoning > 0 { message += ",\"reasoning_content\":\(quoted(thoughts))" }
        return "{\"choices\":[{\"message\":\(message)},\"finish_reason\":\"\(finish)\"}]}"
    }

    private func generationUsage(_ output: Int) -> String? {
        switch usageFault {
        case .noUsage: return nil
        case .absurdUsage: return #"{"input_tokens":-7,"output_tokens":98765432109876543210,"total_tokens":-1}"#
        default: break
        }
        let usage = plan.usage
        return "{\"input_tokens\":\(usage.input),\"output_tokens\":\(output),\"total_tokens\":\(usage.input + output),"
            + "\"prompt_tokens_details\":{\"cached_tokens\":\(usage.cached)}}"
    }
}
