/// The older text completions, plain and streamed.
extension Sheet {
    /// Answers for each prompt and each of its `n` choices would multiply; one prompt is answered `n` times.
    func completionWhole() -> Answer {
        let choices = (0..<asked.choices).map { index in
            "{\"text\":\(quoted(plan.speech.text(plan.visible))),\"index\":\(index),\"logprobs\":null,"
                + "\"finish_reason\":\"\(plan.finish)\"}"
        }
        let usage = usage().map { ",\"usage\":\($0)" } ?? ""
        return wholeAnswer(
            "{\"id\":\"\(id)\",\"object\":\"text_completion\",\"created\":\(created),\"model\":\(quoted(asked.reported)),"
                + "\"choices\":[\(choices.joined(separator: ","))]\(usage)}")
    }

    func completionStream() -> Answer {
        var script = StreamScript(inputTokens: plan.usage.input)
        func chunk(_ choices: String, _ usage: String) -> String {
            "data: {\"id\":\"\(id)\",\"object\":\"text_completion\",\"created\":\(created),\"choices\":[\(choices)],"
                + "\"model\":\(quoted(asked.reported))\(usage)}\n\n"
        }
        let none = asked.includeUsage ? ",\"usage\":null" : ""
        for index in 0..<asked.choices {
            let text = "{\"text\":\"\(StreamScript.token)\",\"index\":\(index),\"logprobs\":null,\"finish_reason\":null}"
            script.add([chunk(text, none)], saying: plan.speech, count: plan.visible)
            script.add(
                chunk("{\"text\":\"\",\"index\":\(index),\"logprobs\":null,\"finish_reason\":\"\(plan.finish)\"}", none))
        }
        if asked.includeUsage, let usage = usage() { script.add(chunk("", ",\"usage\":\(usage)")) }
        script.add("data: [DONE]\n\n")
        return streamAnswer(script)
    }
}
