import Core
import Providers
import Testing

@Suite("How a call is addressed")
struct HeadTests {
    private func lines(_ endpoint: Endpoint, _ dialect: Dialect = .chat) -> [String] {
        String(decoding: endpoint.head(for: dialect, model: served).bytes, as: UTF8.self).components("\r\n")
    }

    static let dialects = ProviderKind.allCases.filter { $0 != .azure && $0 != .pangu }

    @Test("OpenAI's dialect: the paths below the base path, whatever the server", arguments: dialects)
    func paths(_ provider: ProviderKind) {
        let expected: [Dialect: String] = [
            .chat: "POST /v1/chat/completions HTTP/1.1", .completions: "POST /v1/completions HTTP/1.1",
            .embeddings: "POST /v1/embeddings HTTP/1.1", .responses: "POST /v1/responses HTTP/1.1",
            .conversations: "POST /v1/conversations HTTP/1.1", .tokenCount: "POST /v1/messages/count_tokens HTTP/1.1",
        ]
        for (dialect, line) in expected { #expect(lines(endpoint(provider), dialect).first == line) }
        #expect(lines(endpoint(provider, basePath: ""), .chat).first == "POST /chat/completions HTTP/1.1")
        #expect(
            lines(endpoint(provider, basePath: "/compatible-mode/v1"), .chat).first
                == "POST /compatible-mode/v1/chat/completions HTTP/1.1")
    }

    static let azurePaths: [(dialect: Dialect, apiVersion: String?, basePath: String, path: String)] = [
        (.chat, nil, "", "/openai/v1/chat/completions"), (.completions, nil, "", "/openai/v1/completions"),
        (.embeddings, nil, "", "/openai/v1/embeddings"), (.responses, nil, "", "/openai/v1/responses"),
        (.conversations, nil, "", "/openai/v1/conversations"),
        (.chat, "2024-10-21", "", "/openai/deployments/up/stream-1/chat/completions?api-version=2024-10-21"),
        (.completions, "2024-10-21", "", "/openai/deployments/up/stream-1/completions?api-version=2024-10-21"),
        (.embeddings, "2024-10-21", "", "/openai/deployments/up/stream-1/embeddings?api-version=2024-10-21"),
        (
            .chat, "2025-04-01-preview", "/gateway",
            "/gateway/openai/deployments/up/stream-1/chat/completions?api-version=2025-04-01-preview"
        ),
        (.chat, nil, "/gateway", "/gateway/openai/v1/chat/completions"),
    ]

    @Test("Azure: the v1 API by model, the dated one by deployment and version", arguments: azurePaths.indices)
    func azure(_ index: Int) {
        let (dialect, apiVersion, basePath, path) = Self.azurePaths[index]
        let head = lines(endpoint(.azure, basePath: basePath, apiVersion: apiVersion), dialect)
        #expect(head.first == "POST \(path) HTTP/1.1")
    }

    @Test("Pangu: the deployment is part of the path, below the project")
    func pangu() {
        let served = ServedModel(upstreamName: "7f9c-1", price: "p", maxOutputTokens: 1)
        let head = endpoint(.pangu, basePath: "/v1/project").head(for: .chat, model: served)
        #expect(String(decoding: head.bytes, as: UTF8.self).hasPrefix("POST /v1/project/deployments/7f9c-1/chat/completions HTTP/1.1\r\n"))
    }

    @Test("DashScope's own dialect lies beside its compatible one, with whatever stands before both")
    func generation() {
        for (basePath, front) in [("/compatible-mode/v1", ""), ("/proxy/compatible-mode/v1", "/proxy"), ("/v1", "")] {
            #expect(
                lines(endpoint(.dashscope, basePath: basePath), .generation).first
                    == "POST \(front)/api/v1/services/aigc/text-generation/generation HTTP/1.1")
            #expect(
                lines(endpoint(.dashscope, basePath: basePath), .multimodalGeneration).first
                    == "POST \(front)/api/v1/services/aigc/multimodal-generation/generation HTTP/1.1")
        }
    }

    @Test("Anthropic's Messages lie beside OpenAI's dialect where a cloud has both, with Anthropic's header for the key")
    func messages() {
        let paths: [(provider: ProviderKind, basePath: String, path: String)] = [
            (.anthropic, "/v1", "/v1/messages"), (.anthropic, "/anthropic/v1", "/anthropic/v1/messages"),
            (.dashscope, "/compatible-mode/v1", "/apps/anthropic/v1/messages"),
            (.dashscope, "/proxy/compatible-mode/v1", "/proxy/apps/anthropic/v1/messages"), (.deepseek, "/v1", "/anthropic/v1/messages"),
            (.deepseek, "", "/anthropic/v1/messages"), (.modelarts, "/v1", "/anthropic/v1/messages"),
            (.modelarts, "/openai/v1", "/anthropic/v1/messages"), (.modelarts, "/v2", "/anthropic/v1/messages"),
        ]
        for (provider, basePath, path) in paths {
            let head = lines(endpoint(provider, basePath: basePath, credential: "sk-1"), .messages)
            #expect(head.first == "POST \(path) HTTP/1.1")
            #expect(head.filter { $0.contains("sk-1") } == ["x-api-key: sk-1"])
        }
    }

    @Test("Messages go on as they came where the model takes them, by its name or its configuration; else they are translated")
    func messagesTargets() {
        let cases: [(provider: ProviderKind, model: String, path: MessagesPath?, target: Dialect)] = [
            (.deepseek, "deepseek-v4-pro", nil, .messages), (.deepseek, "deepseek-v4-pro", .translated, .chat),
            (.dashscope, "qwen-plus", nil, .messages), (.dashscope, "qwen3-max-2026-01-23", nil, .messages),
            (.dashscope, "qwen3-maximal", nil, .chat), (.dashscope, "glm-5", nil, .chat), (.dashscope, "glm-5", .raw, .messages),
            (.modelarts, "deepseek-v3.1", nil, .chat), (.modelarts, "deepseek-v3.1", .raw, .messages),
            (.openai, "gpt-4o", .raw, .chat), (.anthropic, "claude", nil, .messages), (.anthropic, "claude", .translated, .messages),
        ]
        for (provider, model, path, target) in cases {
            let served = ServedModel(upstreamName: model, price: "p", maxOutputTokens: 9, quirks: ModelQuirks(messages: path))
            #expect(endpoint(provider).target(of: .messages, model: served) == target, "\(provider) \(model)")
            #expect(endpoint(provider).target(of: .chat, model: served) == (provider == .anthropic ? .messages : .chat))
            // Nobody but Anthropic counts.
            #expect((endpoint(provider).target(of: .tokenCount, model: served) != nil) == (provider == .anthropic))
        }
    }

    @Test("A version means nothing to other providers", arguments: dialects)
    func version(_ provider: ProviderKind) {
        #expect(lines(endpoint(provider, apiVersion: "2024-10-21")).first == "POST /v1/chat/completions HTTP/1.1")
    }

    @Test(
        "The credential goes where the provider looks for it, once, and nowhere where there is none",
        arguments: ProviderKind.allCases)
    func credential(_ provider: ProviderKind) {
        let head = lines(endpoint(provider, credential: "sk-1"))
        let expected =
            switch provider {
            case .azure: "api-key: sk-1"
            case .anthropic: "x-api-key: sk-1"
            default: "authorization: Bearer sk-1"
            }
        #expect(head.filter { $0.contains("sk-1") } == [expected])
        let bare = lines(endpoint(provider))
        #expect(!bare.contains { $0.hasPrefix("authorization") || $0.contains("api-key") })
    }

    static let hosts: [(tls: Bool, host: String, port: Int, line: String)] = [
        (true, "api.example.com", 443, "api.example.com"), (false, "api.example.com", 80, "api.example.com"),
        (true, "api.example.com", 80, "api.example.com:80"), (false, "api.example.com", 443, "api.example.com:443"),
        (false, "127.0.0.1", 8000, "127.0.0.1:8000"), (false, "::1", 8000, "[::1]:8000"),
        (true, "2001:db8::7", 443, "[2001:db8::7]"),
        (false, "2001:db8::7", 80, "[2001:db8::7]"),
    ]

    @Test(
        "The host names its port unless it is the scheme's own, and an IPv6 address stands in brackets", arguments: hosts.indices)
    func host(_ index: Int) {
        let (tls, host, port, line) = Self.hosts[index]
        let head = lines(endpoint(.openai, tls: tls, host: host, port: port))
        #expect(head.filter { $0.hasPrefix("host:") } == ["host: \(line)"])
    }

    @Test("Each line ends, the head does not, and no field comes twice", arguments: ProviderKind.allCases)
    func shape(_ provider: ProviderKind) {
        let text = String(decoding: endpoint(provider, credential: "sk-1").head(for: .chat, model: served).bytes, as: UTF8.self)
        #expect(text.hasSuffix("\r\n") && !text.contains("\r\n\r\n"))
        let names = text.components("\r\n").dropFirst().filter { !$0.isEmpty }.compactMap { $0.split(separator: ":").first }
        #expect(Set(names).count == names.count)
        #expect(names.contains("content-type") && !names.contains("content-length"))
        #expect(text.contains("accept-encoding: identity\r\n"))
    }

    @Test("Not every provider speaks every dialect")
    func serving() {
        let missing: [Dialect: Set<ProviderKind>] = [
            .chat: [.anthropic], .completions: [.anthropic, .dashscope, .modelarts, .pangu, .ark, .deepseek],
            .embeddings: [.anthropic, .deepseek, .pangu],
            .responses: [.anthropic, .modelarts, .pangu, .llamaCpp, .sglang, .ollama],
        ]
        for (dialect, missing) in missing {
            #expect(Set(ProviderKind.allCases.filter { !endpoint($0).speaks(dialect) }) == missing)
        }
        for dialect in [Dialect.messages, .tokenCount] {
            #expect(ProviderKind.allCases.filter { endpoint($0).speaks(dialect) } == [.anthropic])
        }
        for dialect in [Dialect.generation, .multimodalGeneration] {
            #expect(ProviderKind.allCases.filter { endpoint($0).speaks(dialect) } == [.dashscope])
        }
        for dialect in [Dialect.chat, .completions, .embeddings] {
            #expect(endpoint(.azure, apiVersion: "2024-10-21").speaks(dialect))
        }
        #expect(!endpoint(.azure, apiVersion: "2024-10-21").speaks(.responses))
        let allowed = KeptState(maxTokens: 1, allowsConversations: true)
        let cases: [(state: KeptState?, serving: Set<ProviderKind>)] = [
            (nil, []), (KeptState(maxTokens: 1), []), (allowed, [.openai, .azure, .compatible]),
        ]
        for (state, serving) in cases {
            func keeper(_ provider: ProviderKind, apiVersion: String? = nil) -> Endpoint {
                var endpoint = endpoint(provider, apiVersion: apiVersion)
                endpoint.models = endpoint.models.mapValues { served in
                    var served = served
                    served.state = state
                    return served
                }
                return endpoint
            }
            #expect(Set(ProviderKind.allCases.filter { keeper($0).serves(.conversations) }) == serving)
            #expect(!keeper(.azure, apiVersion: "2024-10-21").serves(.conversations))
            #expect(keeper(.openai).serves(.conversations, model: "public") == !serving.isEmpty)
            #expect(!keeper(.openai).serves(.conversations, model: "other") && keeper(.openai).serves(.chat, model: "public"))
        }
    }

    @Test("The output limit has the name that the provider and the operation take")
    func outputLimit() {
        for provider in ProviderKind.allCases {
            let target = endpoint(provider)
            let isCloud = provider == .openai || provider == .azure
            #expect(target.outputLimitName(for: .embeddings) == nil)
            #expect(target.outputLimitName(for: .completions) == "max_tokens")
            #expect(target.outputLimitName(for: .responses) == "max_output_tokens")
            #expect(target.outputLimitName(for: .chat) == (isCloud ? "max_completion_tokens" : "max_tokens"))
            #expect(target.needsOutputLimit == !(isCloud || provider == .anthropic))
        }
    }
}

extension String {
    /// Pieces between separators; a line end is one character, so that splitting by characters would not see it.
    func components(_ separator: String) -> [String] {
        split(separator: separator, omittingEmptySubsequences: false).map(String.init)
    }
}
