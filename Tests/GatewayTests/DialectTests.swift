import Core
import Foundation
import Ledger
import Simulator
import Testing

@Suite("What reaches the provider")
struct DialectTests {
    private static func with(
        provider: ProviderKind = .openai, basePath: String = "/v1", apiVersion: String? = nil, credential: String? = "sk-secret",
        script: String = Say.whole, _ body: (Harness, ScriptedUpstream) async throws -> Void
    ) async throws {
        try await ScriptedUpstream.with({ _, _ in [.send(script)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(endpoints: { _ in
                [.test("raw", port: port, provider: provider, basePath: basePath, apiVersion: apiVersion, credential: credential)]
            }) { weir async throws in try await body(weir, upstream) }
        }
    }

    @Test("Only the model's name is changed: unknown fields, order, spaces and escapes stay as they came")
    func untouched() async throws {
        let body =
            "{ \"zeta\" : [1.0, 1e5 , {\"model\":\"inner\"}],\n\t\"model\" : \"m\" , \"messages\":[{\"role\":\"user\",\"content\":\"h\\u00e9 \\\"x\\\" 水\"}],\"vendor_field\":null,\"logit_bias\":{\"50256\":-100}}"
        try await Self.with { weir, upstream async throws in
            #expect(try weir.chat(body).status == 200)
            #expect(upstream.requests[0].body == body.replacingOccurrences(of: "\"m\"", with: "\"up-m\""))
        }
    }

    @Test(
        "Responses are made stateless",
        arguments: [
            (#"{"model":"m","input":"x"}"#, #"{"store":false,"model":"up-m","input":"x"}"#),
            (#"{"model":"m","store":true,"input":"x"}"#, #"{"model":"up-m","store":false,"input":"x"}"#),
            (#"{"model":"m","store":null,"input":"x"}"#, #"{"model":"up-m","store":false,"input":"x"}"#),
            (#"{"model":"m","store":false,"input":"x"}"#, #"{"model":"up-m","store":false,"input":"x"}"#),
        ])
    func store(_ body: String, _ sent: String) async throws {
        try await Self.with { weir, upstream async throws in
            let answer = try weir.chat(body, path: "/v1/responses")
            #expect(answer.status == 200)
            #expect(upstream.requests[0].body == sent)
            #expect(answer.header("x-weir-rewrites")?.contains("store") == !body.contains("false"))
        }
    }

    @Test(
        "What keeps state at the provider or runs there is refused by name",
        arguments: [
            (#""previous_response_id":"r""#, "previous_response_id"), (#""conversation":"c""#, "conversation"),
            (#""conversation":{"id":"c"}"#, "conversation"),
            (#""background":true"#, "background"), (#""prompt":{"id":"p"}"#, "prompt"),
            (#""tools":[{"type":"web_search"}]"#, "tools"),
            (#""tools":[{"type":"function","name":"f"},{"type":"file_search","vector_store_ids":[]}]"#, "tools"),
            (#""tools":[{"type":"code_interpreter","container":{"type":"auto"}}]"#, "tools"),
            (#""tools":[{"type":"mcp","server_url":"http://x"}]"#, "tools"),
            (#""tools":[{"type":"computer_use_preview"}]"#, "tools"), (#""tools":[{"type":"image_generation"}]"#, "tools"),
            (#""tools":[{"ty\u0070e":"web_search"}]"#, "tools"),
            (#""input":[{"type":"item_reference","id":"i"}]"#, "item_reference"),
        ])
    func stateful(_ member: String, _ field: String) async throws {
        let input = member.contains("\"input\"") ? "" : #""input":"x","#
        try await Self.with { weir, upstream async throws in
            let answer = try weir.chat(#"{"model":"m",\#(input)\#(member)}"#, path: "/v1/responses")
            #expect(answer.status == 400, "\(answer)")
            #expect(answer.code?.hasPrefix("weir_") == true)
            if !member.contains("\\u") {
                #expect(answer.error?["param"] as? String == field && answer.code == "weir_unbounded_field")
            }
            #expect(upstream.requests.isEmpty && weir.openHolds == 0)
        }
    }

    @Test(
        "Each provider is addressed in its own form, with Weir's credential and never the caller's",
        arguments: [
            (ProviderKind.openai, "/v1", nil as String?, "/v1/chat/completions", "authorization", "Bearer sk-secret"),
            (.azure, "", nil, "/openai/v1/chat/completions", "api-key", "sk-secret"),
            (
                .azure, "", "2024-10-21", "/openai/deployments/up-m/chat/completions?api-version=2024-10-21", "api-key",
                "sk-secret"
            ),
            (.vllm, "/proxy/v1", nil, "/proxy/v1/chat/completions", "authorization", "Bearer sk-secret"),
        ])
    func addressed(
        _ provider: ProviderKind, _ base: String, _ version: String?, _ path: String, _ header: String, _ value: String
    ) async throws {
        try await Self.with(provider: provider, basePath: base, apiVersion: version) { weir, upstream async throws in
            let answer = try weir.chat(
                Ask.chat,
                headers: [
                    "Cookie: a=b", "X-Forwarded-For: 1.2.3.4", "OpenAI-Organization: org", "User-Agent: curious", "x-custom: y",
                    "Accept-Encoding: gzip",
                ])
            #expect(answer.status == 200)
            let sent = upstream.requests[0]
            #expect(sent.path == path && sent.header(header) == value)
            #expect(sent.header("host") == "127.0.0.1:\(upstream.port)")
            #expect(sent.header("accept-encoding") == "identity")
            #expect(!sent.head.contains(Harness.key))
            for name in ["cookie", "x-forwarded-for", "openai-organization", "x-custom"] {
                #expect(sent.header(name) == nil, "\(name)")
            }
        }
    }

    @Test("Request ids and traces are accepted when well-formed, made otherwise, passed on and answered")
    func names() async throws {
        try await Self.with { weir, upstream async throws in
            let trace = "0af7651916cd43dd8448eb211c80319c"
            let given = try weir.chat(
                Ask.chat, headers: ["x-request-id: my-call.1", "traceparent: 00-\(trace)-b7ad6b7169203331-00"])
            #expect(given.header("x-request-id") == "my-call.1")
            #expect(upstream.requests[0].header("x-request-id") == "my-call.1")
            let passed = try #require(upstream.requests[0].header("traceparent"))
            #expect(passed.hasPrefix("00-\(trace)-") && passed.hasSuffix("-00") && !passed.contains("b7ad6b7169203331"))
            #expect(try weir.holds().first?.call == "my-call.1")
            #expect(upstream.requests[0].header("x-weir-attempt") == given.header("x-weir-attempt"))

            let bad = [
                ["x-request-id: has space"], ["x-request-id: \(String(repeating: "a", count: 129))"], ["x-request-id: a\"b"],
                ["x-request-id: one", "x-request-id: two"], ["x-request-id:"], [],
            ]
            var seen: Set<String> = ["my-call.1"]
            for headers in bad {
                let answer = try weir.chat(Ask.chat, headers: headers)
                let made = try #require(answer.header("x-request-id"))
                #expect(made.utf8.count == 32 && seen.insert(made).inserted, "\(headers) \(made)")
                #expect(answer.count("x-request-id") == 1)
            }
            for parent in [
                "00-\(trace)-b7ad6b7169203331", "ff-\(trace)-b7ad6b7169203331-01",
                "00-\(String(repeating: "0", count: 32))-b7ad6b7169203331-01", "x",
            ] {
                _ = try weir.chat(Ask.chat, headers: ["traceparent: \(parent)"])
                let passed = try #require(upstream.requests.last?.header("traceparent"))
                #expect(passed.utf8.count == 55 && !passed.contains(trace))
            }
        }
    }

    @Test("The provider's headers reach the caller, without those about its own connection and cookies")
    func answerHeaders() async throws {
        let script = Say.json(
            #"{"id":"c","choices":[],"usage":\#(Say.usage)}"#,
            headers: [
                "x-request-id: theirs", "openai-processing-ms: 12", "x-ratelimit-remaining-requests: 9", "Set-Cookie: a=b",
                "Connection: keep-alive",
                "Keep-Alive: timeout=5", "Server: nginx", "x-weir-endpoint: forged", "x-weir-output-limit: 1",
                "Strict-Transport-Security: max-age=1",
                "Alt-Svc: h3", "Upgrade: h2c",
            ])
        try await Self.with(script: script) { weir, _ async throws in
            let answer = try weir.chat(Ask.chat)
            #expect(answer.status == 200, "\(answer)")
            #expect(answer.header("x-upstream-request-id") == "theirs" && answer.count("x-request-id") == 1)
            #expect(answer.header("openai-processing-ms") == "12" && answer.header("x-ratelimit-remaining-requests") == "9")
            #expect(answer.header("x-weir-endpoint") == "raw" && answer.count("x-weir-endpoint") == 1)
            for name in [
                "set-cookie", "keep-alive", "server", "x-weir-output-limit", "strict-transport-security", "alt-svc", "upgrade",
            ] {
                #expect(answer.header(name) == nil, "\(name)")
            }
            #expect(answer.count("content-length") == 1)
        }
    }
}
