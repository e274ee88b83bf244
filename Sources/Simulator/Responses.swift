/// Names of the parts of one response.
struct ResponseIDs: Sendable {
    var response: String
    var message: String
    var call: String
    var reasoning: String

    init(_ random: inout Randomness) {
        let stem = identifier(46, &random).lowercased()
        response = "resp_" + stem
        message = "msg_" + stem
        call = "fc_" + stem
        reasoning = "rs_" + stem
    }
}

/// The Responses API, plain and as the full grammar of its events.
extension Sheet {
    func responseWhole(random: inout Randomness) -> Answer {
        wholeAnswer(finishedResponse(responseIDs ?? ResponseIDs(&random)))
    }

    /// The response as it is when it has ended, and when it is asked for later.
    func finishedResponse(_ ids: ResponseIDs) -> String {
        responseObject(ids, status: responseStatus, output: outputs(ids))
    }

    func responseStream(random: inout Randomness) -> Answer {
        let ids = responseIDs ?? ResponseIDs(&random)
        var script = StreamScript(inputTokens: plan.usage.input)
        func add(_ type: String, _ rest: String) { script.add(Sheet.event(type, rest)) }
        let start = ",\"response\":\(responseObject(ids, status: "in_progress", output: nil))"
        add("response.created", start)
        add("response.in_progress", start)
        var index = 0
        if plan.reasoning > 0 {
            add("response.output_item.added", ",\"output_index\":0,\"item\":\(reasoningItem(ids))")
            add("response.output_item.done", ",\"output_index\":0,\"item\":\(reasoningItem(ids))")
            index = 1
        }
        let text = plan.speech.text(plan.visible)
        let place = ",\"item_id\":\"\(item(ids))\",\"output_index\":\(index)"
        if isCall {
            add("response.output_item.added", ",\"output_index\":\(index),\"item\":\(callItem(ids, "in_progress", ""))")
            let delta = Sheet.event(
                "response.function_call_arguments.delta", "\(place),\"delta\":\"\(StreamScript.token)\",\"obfuscation\":\"w2\"")
            script.add([delta], saying: plan.speech, count: plan.visible)
            let name = provider == .openai ? ",\"name\":\(quoted(tool))" : ""
            add("response.function_call_arguments.done", "\(place),\"arguments\":\(quoted(text))\(name)")
            add("response.output_item.done", ",\"output_index\":\(index),\"item\":\(callItem(ids, itemStatus, text))")
        } else {
            let part = "\(place),\"content_index\":0"
            add("response.output_item.added", ",\"output_index\":\(index),\"item\":\(messageItem(ids, "in_progress", nil))")
            add("response.content_part.added", "\(part),\"part\":\(Sheet.part(""))")
            let delta = Sheet.event(
                "response.output_text.delta",
                "\(part),\"delta\":\"\(StreamScript.token)\",\"logprobs\":[],\"obfuscation\":\"w2\"")
            script.add([delta], saying: plan.speech, count: plan.visible)
            add("response.output_text.done", "\(part),\"text\":\(quoted(text)),\"logprobs\":[]")
            add("response.content_part.done", "\(part),\"part\":\(Sheet.part(text))")
            add("response.output_item.done", ",\"output_index\":\(index),\"item\":\(messageItem(ids, itemStatus, text))")
        }
        let end = responseObject(ids, status: responseStatus, output: outputs(ids))
        add(responseStatus == "completed" ? "response.completed" : "response.incomplete", ",\"response\":\(end)")
        return streamAnswer(script)
    }

    private var isCall: Bool {
        if case .tool = asked.form { true } else { false }
    }

    private var tool: String {
        if case .tool(let name, _) = asked.form { name } else { "" }
    }

    /// The tools that were asked with, as the provider completes them.
    private var tools: JSON {
        .array(
            (asked.body["tools"]?.array ?? []).map { tool in
                guard tool["type"]?.string == "function", var members = tool.members else { return tool }
                for (key, value) in [("strict", JSON.bool(true)), ("description", .null), ("parameters", .null)] {
                    if !members.contains(where: { $0.key == key }) { members.append(JSON.Member(key: key, value: value)) }
                }
                return .object(members)
            })
    }

    private var responseStatus: String { plan.finish == "length" ? "incomplete" : "completed" }
    private var itemStatus: String { responseStatus }

    private func item(_ ids: ResponseIDs) -> String { isCall ? ids.call : ids.message }

    private static func event(_ type: String, _ rest: String) -> String {
        "event: \(type)\ndata: {\"type\":\"\(type)\",\"sequence_number\":\(StreamScript.number)\(rest)}\n\n"
    }

    private static func part(_ text: String) -> String {
        "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\(quoted(text))}"
    }

    private func reasoningItem(_ ids: ResponseIDs) -> String {
        "{\"id\":\"\(ids.reasoning)\",\"type\":\"reasoning\",\"summary\":[]}"
    }

    private func messageItem(_ ids: ResponseIDs, _ status: String, _ text: String?) -> String {
        "{\"id\":\"\(ids.message)\",\"type\":\"message\",\"status\":\"\(status)\","
            + "\"content\":[\(text.map(Sheet.part) ?? "")],\"role\":\"assistant\"}"
    }

    private func callItem(_ ids: ResponseIDs, _ status: String, _ arguments: String) -> String {
        "{\"id\":\"\(ids.call)\",\"type\":\"function_call\",\"status\":\"\(status)\",\"arguments\":\(quoted(arguments)),"
            + "\"call_id\":\"call_\(ids.call.suffix(24))\",\"name\":\(quoted(tool))}"
    }

    private func outputs(_ ids: ResponseIDs) -> String {
        let text = plan.speech.text(plan.visible)
        let said = isCall ? callItem(ids, itemStatus, text) : messageItem(ids, itemStatus, text)
        return plan.reasoning > 0 ? "\(reasoningItem(ids)),\(said)" : said
    }

    /// The response as a whole; `output` nil: at its start.
    private func responseObject(_ ids: ResponseIDs, status: String, output: String?) -> String {
        let usage = output == nil ? "null" : responseUsage
        let why = status == "incomplete" ? "{\"reason\":\"max_output_tokens\"}" : "null"
        let filters =
            provider == .azure
            ? ",\"content_filters\":" + (output == nil ? "null" : "[{\"blocked\":false,\"source_type\":\"prompt\"}]") : ""
        let conversation = asked.conversation.map { ",\"conversation\":{\"id\":\(quoted($0))}" } ?? ""
        let format = asked.body["text"]?["format"]?.text ?? "{\"type\":\"text\"}"
        return "{\"id\":\"\(ids.response)\",\"object\":\"response\",\"created_at\":\(created),\"status\":\"\(status)\","
            + "\"background\":false\(filters),\"error\":null,\"incomplete_details\":\(why),"
            + "\"instructions\":\((asked.body["instructions"] ?? .null).text),"
            + "\"max_output_tokens\":\((asked.body["max_output_tokens"] ?? .null).text),\"model\":\(quoted(asked.reported)),"
            + "\"output\":[\(output ?? "")],\"parallel_tool_calls\":true,"
            + "\"previous_response_id\":\(asked.previous.map { quoted($0) } ?? "null")\(conversation),"
            + "\"reasoning\":{\"effort\":null,\"summary\":null},\"service_tier\":\"default\","
            + "\"store\":\((asked.body["store"] ?? .bool(true)).text),\"temperature\":1.0,\"text\":{\"format\":\(format)},"
            + "\"tool_choice\":\((asked.body["tool_choice"] ?? .string("auto")).text),"
            + "\"tools\":\(tools.text),\"top_p\":1.0,\"truncation\":\"disabled\","
            + "\"usage\":\(usage),\"user\":null,\"metadata\":{}}"
    }

    private var responseUsage: String {
        let usage = plan.usage
        switch usageFault {
        case .noUsage: return "null"
        case .absurdUsage: return #"{"input_tokens":-7,"output_tokens":98765432109876543210,"total_tokens":-1}"#
        default:
            let written = provider == .openai ? ",\"cache_write_tokens\":0" : ""
            return "{\"input_tokens\":\(usage.input),\"input_tokens_details\":{\"cached_tokens\":\(usage.cached)\(written)},"
                + "\"output_tokens\":\(usage.output),\"output_tokens_details\":{\"reasoning_tokens\":\(usage.reasoning)},"
                + "\"total_tokens\":\(usage.input + usage.output)}"
        }
    }
}
