import NIOCore
import Testing

@testable import Simulator

@Suite("Operations")
struct OperationTests {
    private let yaml = """
        endpoints:
          - name: e
            provider: azure
            output: 5
            reasoning: 2
            models:
              - m
              - { name: vectors, operations: [embeddings], dimensions: 8 }
        """

    @Test("The Responses API answers whole and as the full grammar of events, numbered without gaps")
    func responses() async throws {
        try await playing(yaml) { simulator in
            let path = "/openai/v1/responses"
            let whole = await exchange(simulator.port, Ask.post(path, #"{"model":"m","input":"Hello, weir","store":false}"#))
            #expect(whole.json["status"]?.string == "completed")
            #expect(whole.json["store"]?.bool == false)
            #expect(whole.json["usage"]?["output_tokens"]?.int == 7)
            #expect(whole.json["usage"]?["output_tokens_details"]?["reasoning_tokens"]?.int == 2)
            let text = try #require(whole.json["output"]?[1]?["content"]?[0]?["text"]?.string)
            #expect(Tokens.count(text) == 5)

            let stream = await exchange(simulator.port, Ask.post(path, #"{"model":"m","stream":true,"input":"Hello, weir"}"#))
            let types = stream.events.compactMap { $0["type"]?.string }
            #expect(
                types == [
                    "response.created", "response.in_progress", "response.output_item.added", "response.output_item.done",
                    "response.output_item.added", "response.content_part.added", "response.output_text.delta",
                    "response.output_text.delta", "response.output_text.delta", "response.output_text.delta",
                    "response.output_text.delta", "response.output_text.done", "response.content_part.done",
                    "response.output_item.done", "response.completed",
                ])
            #expect(stream.events.compactMap { $0["sequence_number"]?.int } == Array(0..<15))
            #expect(stream.events.last?["response"]?["usage"]?["input_tokens"]?.int == 9)
            #expect(!stream.body.contains("[DONE]"))

            let short = await exchange(
                simulator.port, Ask.post(path, #"{"model":"m","stream":true,"input":"Hello","max_output_tokens":4}"#))
            #expect(short.events.last?["type"]?.string == "response.incomplete")
            #expect(short.events.last?["response"]?["usage"]?["output_tokens"]?.int == 4)
        }
    }

    @Test("A forced tool is called with arguments that fit its parameters, in chat and in Responses")
    func tools() async throws {
        let parameters =
            #"{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"},"unit":{"enum":["C"]}}}"#
        try await playing(yaml.replacing("azure", with: "dashscope")) { simulator in
            let tools =
                #","tools":[{"type":"function","function":{"name":"weather","parameters":\#(parameters)}}],"#
                + #""tool_choice":{"type":"function","function":{"name":"weather"}},"max_tokens":400"#
            let path = "/compatible-mode/v1/chat/completions"
            let whole = await exchange(simulator.port, Ask.chat(tools, path: path))
            let call = whole.json["choices"]?[0]?["message"]?["tool_calls"]?[0]
            let arguments = try #require(call?["function"]?["arguments"]?.string)
            let read = try #require(JSONReader.read(Array(arguments.utf8)))
            #expect(read["city"]?.string != nil && read["days"]?.int != nil && read["unit"]?.string == "C")
            #expect(whole.json["choices"]?[0]?["finish_reason"]?.string == "tool_calls")
            let stream = await exchange(simulator.port, Ask.chat(tools, stream: true, path: path))
            let calls = stream.events.compactMap { $0["choices"]?[0]?["delta"]?["tool_calls"]?[0] }
            let streamed = calls.compactMap { $0["function"]?["arguments"]?.string }.joined()
            #expect(JSONReader.read(Array(streamed.utf8))?["days"] != nil)
            #expect(calls.last?["id"]?.string == "", "Alibaba repeats an empty id")

            let body =
                #"{"model":"m","stream":true,"input":"x","tools":[{"type":"function","name":"weather","parameters":"#
                + #"\#(parameters)}],"tool_choice":"required"}"#
            let events = await exchange(simulator.port, Ask.post("/compatible-mode/v1/responses", body)).events
            let done = events.first { $0["type"]?.string == "response.function_call_arguments.done" }
            #expect(JSONReader.read(Array((done?["arguments"]?.string ?? "").utf8))?["city"] != nil)
        }
    }

    @Test("response_format gets JSON that fits the schema")
    func formats() async throws {
        try await playing(yaml) { simulator in
            let schema =
                ##"{"$defs":{"p":{"type":"object","properties":{"ok":{"type":"boolean"}}}},"type":"object","##
                + ##""properties":{"list":{"type":"array","minItems":2,"items":{"$ref":"#/$defs/p"}}}}"##
            let format = ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":\(schema)}}"
            let reply = await exchange(simulator.port, Ask.chat(format, path: "/openai/v1/chat/completions"))
            let content = try #require(reply.json["choices"]?[0]?["message"]?["content"]?.string)
            let read = try #require(JSONReader.read(Array(content.utf8)))
            #expect(read["list"]?.array?.count == 2)
            #expect(read["list"]?[1]?["ok"]?.bool != nil)
            #expect(reply.json["usage"]?["completion_tokens"]?.int == Tokens.count(content) + 2)
        }
    }

    @Test("Embeddings have the size asked for, as numbers or base64, and cost their texts")
    func embeddings() async throws {
        try await playing(yaml) { simulator in
            let path = "/openai/v1/embeddings"
            let plain = await exchange(simulator.port, Ask.post(path, #"{"model":"vectors","input":["one two","three"]}"#))
            #expect(plain.json["data"]?.array?.count == 2)
            #expect(plain.json["data"]?[1]?["embedding"]?.array?.count == 8)
            #expect(plain.json["usage"]?["prompt_tokens"]?.int == 3)
            let small = await exchange(
                simulator.port,
                Ask.post(path, #"{"model":"vectors","input":"one","dimensions":4,"encoding_format":"base64"}"#))
            // 4 floats are 16 bytes: 24 letters.
            #expect(small.json["data"]?[0]?["embedding"]?.string?.count == 24)
            let chat = await exchange(simulator.port, Ask.chat(model: "vectors", path: "/openai/v1/chat/completions"))
            #expect(chat.status == 400)
        }
    }

    @Test("Text completions answer whole and streamed")
    func completions() async throws {
        try await playing(yaml.replacing("azure", with: "vllm")) { simulator in
            let body = #"{"model":"m","prompt":"Hello","stream":true,"stream_options":{"include_usage":true}}"#
            let stream = await exchange(simulator.port, Ask.post("/v1/completions", body))
            let text = stream.events.compactMap { $0["choices"]?[0]?["text"]?.string }.joined()
            #expect(Tokens.count(text) == 5)
            #expect(stream.events.last?["usage"]?["completion_tokens"]?.int == 7)
            let whole = await exchange(simulator.port, Ask.post("/v1/completions", #"{"model":"m","prompt":"Hello"}"#))
            #expect(whole.json["object"]?.string == "text_completion")
        }
    }

    @Test("Models are listed; unknown paths, broken bodies and missing members are refused")
    func refusals() async throws {
        try await playing(yaml.replacing("azure", with: "openai")) { simulator in
            let models = await exchange(simulator.port, "GET /v1/models HTTP/1.1\r\nhost: t\r\n\r\n")
            #expect(models.json["data"]?.array?.compactMap { $0["id"]?.string } == ["m", "vectors"])
            #expect(await exchange(simulator.port, Ask.post("/v1/other", "{}")).status == 404)
            #expect(await exchange(simulator.port, Ask.post("/v1/chat/completions", "{")).status == 400)
            #expect(await exchange(simulator.port, Ask.post("/v1/chat/completions", #"{"model":"m"}"#)).status == 400)
            #expect(await exchange(simulator.port, Ask.chat(",\"max_tokens\":0")).status == 400)
            #expect(await exchange(simulator.port, Ask.chat(model: "gone")).json["error"]?["code"]?.string == "model_not_found")
        }
    }

    @Test("Pipelined requests are answered in their order")
    func pipelined() async throws {
        try await playing(yaml.replacing("azure", with: "openai").replacing("output: 5", with: "output: 3\n    firstToken: 20ms"))
        {
            simulator in
            let two = Ask.chat(stream: true) + Ask.chat(model: "gone")
            let reply = await exchange(simulator.port, two) { $0.text.contains("model_not_found") }
            let done = try #require(reply.text.firstRange(of: "[DONE]"))
            let refused = try #require(reply.text.firstRange(of: "model_not_found"))
            #expect(done.lowerBound < refused.lowerBound)
        }
    }
}
