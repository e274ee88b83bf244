/// Anthropic's Messages, plain and as the full grammar of its events.
extension Sheet {
    /// One block of what is said.
    private enum Block {
        case thinking, text
        case tool(id: String, name: String)
    }

    private func blocks(_ random: inout Randomness) -> [Block] {
        var blocks: [Block] = plan.reasoning > 0 ? [.thinking] : []
        if case .tool(let name, _) = asked.form {
            blocks.append(.tool(id: "toolu_" + identifier(24, &random), name: name))
        } else {
            blocks.append(.text)
        }
        return blocks
    }

    /// Thinking is sealed: whoever sends it back has to send the seal with it.
    private var signature: String { "weirsim" + Randomness.mixed(asked.fingerprint).description }

    private var stopReason: String {
        switch plan.finish {
        case "length": "max_tokens"
        case "tool_calls": "tool_use"
        default: "end_turn"
        }
    }

    func messagesWhole(random: inout Randomness) -> Answer {
        let content = blocks(&random).map { block in
            switch block {
            case .thinking:
                "{\"type\":\"thinking\",\"thinking\":\(quoted(plan.thoughts.text(plan.reasoning))),\"signature\":\"\(signature)\"}"
            case .text: "{\"type\":\"text\",\"text\":\(quoted(plan.speech.text(plan.visible)))}"
            case .tool(let id, let name):
                "{\"type\":\"tool_use\",\"id\":\"\(id)\",\"name\":\(quoted(name)),\"input\":\(plan.speech.text(plan.visible))}"
            }
        }
        return wholeAnswer(
            "{\"model\":\(quoted(asked.reported)),\"id\":\"\(messageID)\",\"type\":\"message\",\"role\":\"assistant\","
                + "\"content\":[\(content.joined(separator: ","))],\"stop_reason\":\"\(stopReason)\",\"stop_sequence\":null"
                + (messagesUsage(output: String(plan.usage.output)).map { ",\"usage\":\($0)" } ?? "") + "}")
    }

    func messagesStream(random: inout Randomness) -> Answer {
        var script = StreamScript(inputTokens: plan.usage.input)
        func add(_ type: String, _ rest: String) { script.add(Sheet.messagesEvent(type, rest)) }
        let usage = messagesUsage(output: "1").map { ",\"usage\":\($0)" } ?? ""
        add(
            "message_start",
            ",\"message\":{\"model\":\(quoted(asked.reported)),\"id\":\"\(messageID)\",\"type\":\"message\",\"role\":\"assistant\","
                + "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null\(usage)}")
        for (index, block) in blocks(&random).enumerated() {
            let place = ",\"index\":\(index)"
            func delta(_ type: String, _ member: String) -> String {
                Sheet.messagesEvent(
                    "content_block_delta", "\(place),\"delta\":{\"type\":\"\(type)\",\"\(member)\":\"\(StreamScript.token)\"}")
            }
            switch block {
            case .thinking:
                add(
                    "content_block_start",
                    "\(place),\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
                if index == 0 { add("ping", "") }
                script.add([delta("thinking_delta", "thinking")], saying: plan.thoughts, count: plan.reasoning)
                add(
                    "content_block_delta", "\(place),\"delta\":{\"type\":\"signature_delta\",\"signature\":\"\(signature)\"}")
            case .text:
                add("content_block_start", "\(place),\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
                if index == 0 { add("ping", "") }
                script.add([delta("text_delta", "text")], saying: plan.speech, count: plan.visible)
            case .tool(let id, let name):
                add(
                    "content_block_start",
                    "\(place),\"content_block\":{\"type\":\"tool_use\",\"id\":\"\(id)\",\"name\":\(quoted(name)),\"input\":{}}")
                if index == 0 { add("ping", "") }
                add("content_block_delta", "\(place),\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}")
                script.add([delta("input_json_delta", "partial_json")], saying: plan.speech, count: plan.visible)
            }
            add("content_block_stop", place)
        }
        let told = messagesUsage(output: String(plan.usage.output)).map { ",\"usage\":\($0)" } ?? ""
        add("message_delta", ",\"delta\":{\"stop_reason\":\"\(stopReason)\",\"stop_sequence\":null}\(told)")
        add("message_stop", "")
        return streamAnswer(script)
    }

    func tokenCount() -> Answer {
        var answer = wholeAnswer("{\"input_tokens\":\(plan.usage.input)}")
        answer.usage = PlayedUsage()
        return answer
    }

    private static func messagesEvent(_ type: String, _ rest: String) -> String {
        "event: \(type)\ndata: {\"type\":\"\(type)\"\(rest)}\n\n"
    }

    private var messageID: String { "msg_01" + id.suffix(22) }

    /// What the cache served stands beside `input_tokens`.
    private func messagesUsage(output: String) -> String? {
        switch usageFault {
        case .noUsage: return nil
        case .absurdUsage: return #"{"input_tokens":-7,"output_tokens":98765432109876543210}"#
        default: break
        }
        let usage = plan.usage
        return "{\"input_tokens\":\(usage.input - usage.cached),\"cache_creation_input_tokens\":0,"
            + "\"cache_read_input_tokens\":\(usage.cached),"
            + "\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},"
            + "\"output_tokens\":\(output),\"service_tier\":\"standard\"}"
    }
}
