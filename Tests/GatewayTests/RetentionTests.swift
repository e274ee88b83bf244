import Core
import Ledger
import Simulator
import Testing

@Suite("Nothing is kept at a provider that no configuration lets it keep")
struct RetentionTests {
    @Test("A chat that asks to be kept is not, and is told so, also where it is translated")
    func stored() async throws {
        let ask = #"{"model":"m","store":true,"messages":[{"role":"user","content":"hello there"}]}"#
        for provider in [ProviderKind.openai, .anthropic] {
            try await ScriptedUpstream.with({ _, _ in [.send(Say.whole), .close] }) { upstream async throws in
                let port = upstream.port
                try await Harness.with(endpoints: { _ in [.test("raw", port: port, provider: provider)] }) { weir async throws in
                    let answer = try weir.chat(ask)
                    let sent = try #require(upstream.requests.first)
                    #expect(!sent.body.contains(#""store":true"#), "\(sent.body)")
                    if provider == .openai {
                        #expect(sent.body.contains(#""store":false"#))
                        #expect(answer.header("x-weir-rewrites") == "model, store", "\(answer)")
                    }
                }
            }
        }
    }

    @Test("What is sealed for the provider is refused: nobody could say what it asks for")
    func sealed() async throws {
        try await Harness.with { weir async throws in
            for (value, status) in [("true", 400), ("True", 400), ("1", 400), ("false", 200)] {
                let answer = try weir.chat(Ask.chat, headers: ["X-Is-Encrypted: \(value)"])
                #expect(
                    answer.status == status && answer.code == (status == 400 ? "weir_sealed_body" : nil), "\(value): \(answer)")
            }
            let caching = #"{"model":"m","input":"a","caching":{"type":"enabled"}}"#
            let answer = try weir.chat(caching, path: "/v1/responses")
            #expect(
                answer.status == 400 && answer.code == "weir_unbounded_field" && answer.body.contains("`caching`"), "\(answer)")
            #expect(weir.settles())
        }
    }
}
