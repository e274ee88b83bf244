import Core
import Settings
import Testing

@Suite("How a model is asked, in a configuration")
struct QuirkSettingsTests {
    private func served(_ keys: String, provider: String = "vllm") throws -> Endpoint {
        let text = smallest.replacing("provider: openai", with: "provider: \(provider)").replacing(
            "maxOutput: 10", with: "maxOutput: 10\(keys)")
        return try #require(try load(text).get().endpoints.first)
    }

    @Test("is nothing unless it says so")
    func none() throws { #expect(try served("").models["m"]?.quirks == ModelQuirks()) }

    @Test("is every word that the reference has")
    func words() throws {
        for form in AnswerForm.allCases {
            #expect(try served(", answers: \(form.rawValue)").models["m"]?.quirks == ModelQuirks(answers: form))
        }
        for limit in ChatLimit.allCases {
            #expect(try served(", chatLimit: \(limit.rawValue)").models["m"]?.quirks == ModelQuirks(chatLimit: limit))
        }
        for thinking in ReasoningSwitch.allCases {
            #expect(try served(", thinking: \(thinking.rawValue)").models["m"]?.quirks == ModelQuirks(thinking: thinking))
        }
        for path in MessagesPath.allCases {
            #expect(
                try served(", messages: \(path.rawValue)", provider: "deepseek").models["m"]?.quirks
                    == ModelQuirks(messages: path))
        }
    }

    @Test("cannot ask for a dialect that the provider does not have")
    func messages() {
        #expect(throws: (any Error).self) { try served(", messages: raw") }
        #expect(throws: (any Error).self) { try served(", messages: translated", provider: "anthropic") }
        #expect(throws: (any Error).self) { try served(", answers: sometimes") }
    }

    @Test("An answer whose caller left is read on at clouds and cut at engines, unless the endpoint says otherwise")
    func leaving() throws {
        let cut: Set<ProviderKind> = [.vllm, .llamaCpp, .sglang, .ollama]
        for provider in ProviderKind.allCases {
            #expect(try served("", provider: provider.rawValue).whenCallerLeaves == (cut.contains(provider) ? .cancel : .drain))
        }
        let text = smallest.replacing("provider: openai", with: "provider: vllm\n    whenCallerLeaves: drain")
        #expect(try load(text).get().endpoints.first?.whenCallerLeaves == .drain)
    }
}
