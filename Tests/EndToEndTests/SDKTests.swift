import Foundation
import Testing

extension EndToEnd {
    @Suite("The SDKs that applications call providers with")
    struct SDKTests {
        @Test(
            "The SDK's clients work with nothing changed but the address and the key",
            arguments: ["openai_client", "azure_client", "errors", "async_client", "stored_responses"])
        func script(_ name: String) async throws {
            try await Workbench.with { bench in
                let environment = ["WEIR_SIM_KEY": "simulated"]
                try bench.play(Self.clouds)
                try bench.configure(
                    bench.configuration(
                        endpoints: bench.endpoint(
                            "azure", provider: "azure", path: "", models: [("gpt-4o", "gpt-4o")],
                            credential: "{env: WEIR_SIM_KEY}")
                            + bench.endpoint(
                                "cloud", provider: "openai", models: [("m", "m"), ("embed", "embed")],
                                credential: "{env: WEIR_SIM_KEY}")
                            + bench.endpoint(
                                "keeper", provider: "openai", models: [("kept", "m")],
                                credential: "{env: WEIR_SIM_KEY}", model: "state: {maxTokens: 5000, conversations: allowed}")
                            + bench.endpoint("spare", provider: "vllm", models: [("m", "m")], more: "    priority: 2"),
                        tenants: Self.tenants))
                try bench.start(environment: environment)
                let key = try bench.key("sdk", limit: "100")
                let poor = try bench.key("poor", limit: "0.0001")
                let other = try bench.key("other", tenant: "globex")
                try bench.python(
                    name,
                    environment: [
                        "WEIR_KEY": key.secret, "WEIR_POOR_KEY": poor.secret, "WEIR_OTHER_KEY": other.secret,
                        "WEIR_CLOUDS": "http://127.0.0.1:\(bench.clouds?.adminPort ?? 0)",
                    ])
            }
        }

        static let dialects: [(script: String, model: String, endpoint: String)] = [
            ("anthropic_client", "claude", "claude"), ("dashscope_client", "qwen", "qwen"), ("ark_client", "doubao", "ark"),
            // Where the endpoint speaks another dialect.
            ("anthropic_client", "gpt", "gpt"), ("anthropic_client", "qwen", "qwen"), ("dashscope_client", "gpt", "gpt"),
            ("dashscope_client", "claude", "claude"), ("ark_client", "claude", "claude"),
            ("openai_translated", "claude", "claude"),
        ]

        @Test(
            "Anthropic's, DashScope's and Ark's SDKs work with nothing changed but the address and the key",
            arguments: dialects.indices)
        func dialect(_ index: Int) async throws {
            let (script, model, endpoint) = Self.dialects[index]
            try await Workbench.with { bench in
                try bench.play(Self.dialectClouds)
                func cloud(_ name: String, _ provider: String, _ public: String, path: String = "") -> String {
                    bench.endpoint(
                        name, provider: provider, path: path, models: [(`public`, "m")], credential: "{env: WEIR_SIM_KEY}",
                        model: "imageTokens: 2000")
                }
                try bench.configure(
                    bench.configuration(
                        endpoints: cloud("claude", "anthropic", "claude") + cloud("qwen", "dashscope", "qwen")
                            + cloud("ark", "ark", "doubao") + cloud("gpt", "openai", "gpt", path: "/v1"),
                        tenants: Self.tenants))
                try bench.start(environment: ["WEIR_SIM_KEY": "simulated"])
                let key = try bench.key("sdk", limit: "100")
                let poor = try bench.key("poor", limit: "0.0001")
                try bench.python(
                    script, arguments: [model, endpoint],
                    environment: [
                        "WEIR_KEY": key.secret, "WEIR_POOR_KEY": poor.secret,
                        "WEIR_CLOUDS": "http://127.0.0.1:\(bench.clouds?.adminPort ?? 0)",
                    ])
            }
        }

        private static let dialectClouds = """
              - name: claude
                provider: anthropic
                credential: simulated
                output: 8..24
                reasoning: 4
                cachedPercent: 25
                models: [m]
              - name: qwen
                provider: dashscope
                credential: simulated
                output: 8..24
                models: [m]
              - name: gpt
                provider: openai
                credential: simulated
                output: 8..24
                models: [m]
              - name: ark
                provider: ark
                credential: simulated
                output: 8..24
                models: [m]

            """

        private static let tenants = """
              acme: {places: any, operators: any, models: any, teams: {one: {}}}
              globex: {places: any, operators: any, models: any, teams: {one: {}}}

            """

        private static let clouds = """
              - name: azure
                provider: azure
                credential: simulated
                output: 8..24
                cachedPercent: 25
                models: [gpt-4o]
              - name: cloud
                provider: openai
                credential: simulated
                output: 8..24
                models: [m, {name: embed, operations: [embeddings], dimensions: 64}]
              - name: keeper
                provider: openai
                credential: simulated
                output: 8..24
                models: [m]
              - name: spare
                provider: vllm
                output: 8..24
                models: [m]

            """
    }
}

extension Workbench {
    /// The Python that `scripts/test.sh` makes, with the SDK and the local model in it.
    static func python() throws -> URL {
        let named = ProcessInfo.processInfo.environment["WEIR_TEST_PYTHON"].map { URL(filePath: $0) }
        let python = named ?? repository.appending(path: ".weir/test-venv/bin/python")
        guard FileManager.default.isExecutableFile(atPath: python.path) else {
            throw Obstacle("There is no \(python.path), with which the SDK is tested. `make test` makes it.")
        }
        return python
    }

    /// Runs one of the scripts in `sdk/` against Weir; what it says is why it failed.
    func python(_ script: String, arguments: [String] = [], environment: [String: String], seconds: Double = 120) throws {
        let path = Self.repository.appending(path: "Tests/EndToEndTests/sdk/\(script).py")
        var environment = environment
        environment["WEIR_CALLS"] = "http://127.0.0.1:\(callsPort)"
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        let said = try run([Self.python().path, path.path] + arguments, environment: environment, seconds: seconds)
        guard said.status == 0 else { throw Obstacle("\(script): \(said.output)\(said.errors)") }
    }
}
