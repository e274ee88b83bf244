import NIOCore
import Testing

@testable import Simulator

@Suite("Answers")
struct AnswerTests {
    private func one(_ provider: String, _ rest: String = "") -> String {
        "endpoints:\n  - name: e\n    provider: \(provider)\n    output: 7\n\(rest)    models: [m]\n"
    }

    @Test("A chat answer bills exactly the tokens that it says")
    func plainChat() async throws {
        try await playing(one("openai")) { simulator in
            let reply = await exchange(simulator.port, Ask.chat())
            #expect(reply.status == 200)
            let text = try #require(reply.json["choices"]?[0]?["message"]?["content"]?.string)
            #expect(Tokens.count(text) == 7)
            #expect(reply.json["usage"]?["completion_tokens"]?.int == 7)
            // "Hello", "," and "weir", three for the message, three for the call.
            #expect(reply.json["usage"]?["prompt_tokens"]?.int == 9)
            let again = await exchange(simulator.port, Ask.chat())
            #expect(again.json["choices"]?[0]?["message"]?["content"]?.string == text)
            let request = try await simulator.lastEnded()
            #expect(request?.outcome == .completed)
            #expect(request?.billedInput == 9 && request?.billedOutput == 7)
        }
    }

    @Test(
        "A stream says the same text in as many events as tokens, and ends as each provider ends",
        arguments: PlayedProvider.clouds.filter { $0 != .anthropic })
    func streamedChat(provider: PlayedProvider) async throws {
        try await playing(one(provider.rawValue)) { simulator in
            let path = provider.basePath + "/chat/completions"
            let options = ",\"stream_options\":{\"include_usage\":true}"
            let reply = await exchange(simulator.port, Ask.chat(options, stream: true, path: path))
            #expect(reply.status == 200)
            #expect(reply.data.last == "[DONE]")
            #expect(reply.events.count == reply.data.count - 1, "every event but the last is JSON")
            let parts = reply.events.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.string }.filter { !$0.isEmpty }
            #expect(parts.count == 7)
            #expect(Tokens.count(parts.joined()) == 7)
            let used = reply.events.compactMap { $0["usage"] }
            #expect(used.last?["completion_tokens"]?.int == 7)
            #expect(used.last?["prompt_tokens"]?.int == 9)
            switch provider {
            case .huawei: #expect(used.count == reply.events.count, "usage is in every chunk")
            case .deepseek: #expect(reply.events.last?["choices"]?[0]?["finish_reason"]?.string == "stop")
            default: #expect(reply.events.last?["choices"]?.array?.isEmpty == true)
            }
            if provider == .azure {
                #expect(reply.events.first?["prompt_filter_results"] != nil)
                #expect(reply.header("x-ms-region") == "Sweden Central")
            }
        }
    }

    @Test("Usage is told in a stream only when asked for, except where the provider always tells it")
    func usageOnlyWhenAsked() async throws {
        for (provider, tells) in [("openai", false), ("azure", false), ("vllm", false), ("deepseek", true), ("huawei", true)] {
            try await playing(one(provider, "    basePath: /v1\n")) { simulator in
                let reply = await exchange(simulator.port, Ask.chat(stream: true))
                #expect(reply.events.contains { $0["usage"] != nil } == tells, "\(provider)")
            }
        }
    }

    @Test("The tightest output limit is kept, for each of n choices")
    func limits() async throws {
        try await playing(one("openai")) { simulator in
            let body = ",\"max_tokens\":5,\"max_completion_tokens\":3,\"n\":2"
            let whole = await exchange(simulator.port, Ask.chat(body))
            #expect(whole.json["choices"]?.array?.count == 2)
            #expect(whole.json["choices"]?[1]?["finish_reason"]?.string == "length")
            #expect(whole.json["usage"]?["completion_tokens"]?.int == 6)
            let stream = await exchange(
                simulator.port, Ask.chat(body + ",\"stream_options\":{\"include_usage\":true}", stream: true))
            #expect(stream.events.last?["usage"]?["completion_tokens"]?.int == 6)
            #expect(stream.events.count { $0["choices"]?[0]?["delta"]?["content"]?.string?.isEmpty == false } == 6)
        }
    }

    @Test("Reasoning and cached tokens are told, and counted within output and input")
    func reasoning() async throws {
        let more = "    reasoning: 4\n    cachedPercent: 50\n"
        try await playing(one("openai", more)) { simulator in
            let usage = await exchange(simulator.port, Ask.chat()).json["usage"]
            #expect(usage?["completion_tokens"]?.int == 11)
            #expect(usage?["completion_tokens_details"]?["reasoning_tokens"]?.int == 4)
            #expect(usage?["prompt_tokens_details"]?["cached_tokens"]?.int == 4)
        }
        try await playing(one("deepseek", more)) { simulator in
            let reply = await exchange(simulator.port, Ask.chat(stream: true))
            #expect(reply.events.count { $0["choices"]?[0]?["delta"]?["reasoning_content"]?.string != nil } == 4)
            #expect(reply.events.last?["usage"]?["prompt_cache_hit_tokens"]?.int == 4)
        }
    }

    @Test("Azure answers v1 and dated paths for its api-key, and refuses others as Azure does")
    func azure() async throws {
        try await playing(one("azure", "    credential: sim-key\n")) { simulator in
            let v1 = await exchange(simulator.port, Ask.chat(path: "/openai/v1/chat/completions", ["api-key": "sim-key"]))
            #expect(v1.status == 200)
            let dated = "/openai/deployments/m/chat/completions"
            let old = await exchange(
                simulator.port, Ask.post(dated + "?api-version=2024-10-21", #"{"messages":[]}"#, ["api-key": "sim-key"]))
            #expect(old.status == 200)
            let unversioned = await exchange(simulator.port, Ask.chat(path: dated, ["api-key": "sim-key"]))
            #expect(unversioned.status == 404)
            let wrong = await exchange(simulator.port, Ask.chat(path: "/openai/v1/chat/completions", ["api-key": "other"]))
            #expect(wrong.status == 401)
            #expect(wrong.json["error"]?["code"]?.string == "401")
            let missing = await exchange(
                simulator.port, Ask.chat(model: "none", path: "/openai/v1/chat/completions", ["api-key": "sim-key"]))
            #expect(missing.status == 404)
            #expect(missing.json["error"]?["code"]?.string == "DeploymentNotFound")
            #expect(simulator.record().map(\.credentialAccepted) == [true, true, true, false, true])
            #expect(simulator.record()[1].model == "m")
        }
    }
}
