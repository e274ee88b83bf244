import Core
import Foundation
import Ledger
import Settings
import Testing

/// The repository that these tests run in.
let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

func read(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

func load(
    _ text: String, file: String = "weir.yaml", environment: [String: String] = [:],
    files: [String: String] = [:]
) -> Result<Configuration, ConfigurationErrors> {
    loadConfiguration(text: text, file: file, environment: environment) { path in
        guard let content = files[path] else { throw CocoaError(.fileNoSuchFile) }
        return content
    }
}

/// The smallest file that loads; tests change parts of it.
let smallest = """
    weir: 1
    node: n
    data: d
    listen: {calls: 127.0.0.1:0, admin: 127.0.0.1:0}
    endpoints:
      e:
        provider: openai
        url: https://models.example
        credential: none
        models: {m: {price: p, maxOutput: 10}}
        processedIn: [SE]
        storedIn: [SE]
        operator: Example
    prices: {p: [{from: 2026-01-01, input: "1", output: "2"}]}
    tenants: {t: {places: any, operators: any, models: any, teams: {a: {}}}}
    """

@Suite("The quickstart's configuration")
struct QuickstartTests {
    let file = repository.appendingPathComponent("examples/quickstart/weir.yaml").path

    @Test("loads with nothing in the environment, and says what is left out")
    func bare() throws {
        let configuration = try load(try read(file), file: file).get()
        #expect(configuration.endpoints.isEmpty)
        #expect(configuration.engines.isEmpty)
        #expect(configuration.notes.contains("endpoint openai left out: OPENAI_API_KEY is not set"))
        #expect(configuration.notes.contains("engine smollm2 left out: WEIR_LOCAL_MODEL is not set"))
        #expect(
            configuration.notes.contains(
                "endpoint local left out: its engine smollm2 is left out, since WEIR_LOCAL_MODEL is not set"))
    }

    @Test("has every endpoint with stand-ins for its secrets, whatever the environment, and reads no secret")
    func standIns() throws {
        let text = try read(file).replacing("credential: {env: OPENAI_API_KEY}", with: "credential: {file: secret.txt}")
        #expect(text.contains("secret.txt"))
        let configuration = try loadConfiguration(text: text, file: file, environment: [:], secrets: .standIns) { path in
            #expect(!path.hasSuffix("secret.txt"))
            return try read(path)
        }.get()
        #expect(configuration.endpoints.count == 8)
        #expect(configuration.engines.map(\.name) == ["smollm2"])
        #expect(configuration.notes.allSatisfy { !$0.contains("left out") })
    }

    @Test("has every endpoint when everything is in the environment")
    func full() throws {
        let environment = [
            "WEIR_LOCAL_MODEL": "1", "WEIR_SIM_KEY": "sim-key", "OPENAI_API_KEY": "canary-openai",
            "AZURE_OPENAI_API_KEY": "canary-azure", "AZURE_OPENAI_ENDPOINT": "https://Res.openai.azure.com/", "WEIR_SHARE": "s",
        ]
        let places = try read(repository.appendingPathComponent("share/places.json").path)
        let configuration = try load(
            try read(file), file: file, environment: environment, files: ["s/places.json": places]
        ).get()
        let named = Dictionary(uniqueKeysWithValues: configuration.endpoints.map { ($0.name, $0) })
        #expect(named.count == 8)
        #expect(configuration.notes.isEmpty)
        #expect(named["azure"]?.origin == Origin(tls: true, host: "res.openai.azure.com", port: 443))
        #expect(named["azure"]?.basePath == "")
        #expect(named["azure"]?.credential == .key(Secret("canary-azure")))
        #expect(named["azure-sweden"]?.apiVersion == nil)
        #expect(named["azure-sweden-dated"]?.apiVersion == "2024-10-21")
        #expect(named["qwen"]?.basePath == "/compatible-mode/v1")
        #expect(named["openai"]?.basePath == "/v1")
        #expect(named["local"]?.origin == Origin(tls: false, host: "127.0.0.1", port: 18091))
        #expect(named["local"]?.basePath == "/v1")
        #expect(configuration.engines.first?.command.last == "18091")
        let eu = try #require(configuration.tenants.first { $0.tenant == "europe" })
        #expect(eu.places.contains("SE") && eu.places.contains("EU") && !eu.places.contains("US"))
        #expect(
            configuration.priceBook.history("gpt-4o").first?.brackets[0].tiers[.standard]?[.input] == TokenPrice(picos: 2_500_000)
        )
        #expect(configuration.dataFolder.hasSuffix("examples/quickstart/../../.weir/data"))
        #expect(!"\(configuration)".contains("canary"))
    }
}

@Suite("The reference in docs/configuration.md")
struct ReferenceTests {
    @Test("has an example that loads, and a row for every key of the form")
    func example() throws {
        let reference = try read(repository.appendingPathComponent("docs/configuration.md").path)
        let block = try #require(reference.split(separator: "```yaml\n").last?.split(separator: "```").first)
        let environment = ["HAVE_GPU": "1", "AZURE_OPENAI_API_KEY": "canary"]
        let configuration = try load(String(block), environment: environment, files: ["secrets/hf": "canary"]).get()
        #expect(configuration.endpoints.count == 2)
        #expect(configuration.engines.first?.environment["HF_TOKEN"] == "canary")

        // Each mapping lists its keys when it meets one that it does not know.
        var known: Set<String> = []
        let probes = [
            "x_x_x: 1\n" + smallest,
            smallest.replacing("listen: {", with: "listen: {x_x_x: 1, "),
            smallest + "\nlimits: {x_x_x: 1}", smallest + "\njournal: {x_x_x: 1}", smallest + "\ndoubt: {x_x_x: 1}",
            smallest + "\nengines: {g: {command: [a], port: 1, x_x_x: 1}}",
            smallest.replacing("provider: openai", with: "provider: openai\n    x_x_x: 1"),
            smallest.replacing("credential: none", with: "credential: none\n    timeouts: {x_x_x: 1}"),
            smallest.replacing("price: p,", with: "price: p, x_x_x: 1,"),
            smallest.replacing("from: 2026", with: "x_x_x: 1, from: 2026"),
            smallest.replacing("places: any", with: "x_x_x: 1, places: any"),
            smallest.replacing("{a: {}}", with: "{a: {x_x_x: 1}}"),
            smallest.replacing("{a: {}}", with: "{a: {labels: {x_x_x: 1}}}"),
            smallest.replacing("teams:", with: "company: {x_x_x: 1}, teams:"), smallest + "\nmodels: {m: {x_x_x: 1}}",
            smallest + "\npolicy: {x_x_x: 1}",
        ] + [
            ("azure", "entra: {x_x_x: 1, tenant: t, client: c, secret: {env: S}}"), ("azure", "managedIdentity: {x_x_x: 1}"),
            ("pangu", "huaweiIAM: {x_x_x: 1, domain: d, user: u, password: {env: S}, project: p}"),
            ("pangu", "huaweiKeys: {x_x_x: 1, access: {env: S}, secret: {env: S}}"),
            ("ark", "volcengine: {x_x_x: 1, access: {env: S}, secret: {env: S}}"),
        ].map { provider, credential in
            smallest.replacing("provider: openai", with: "provider: \(provider)")
                .replacing("credential: none", with: "credential: {\(credential)}")
        } + [
            smallest.replacing("credential: none", with: "credential: none\n    deployment: {x_x_x: 1, cloud: c, region: r}"),
            smallest.replacing("credential: none", with: "credential: none\n    attest: {x_x_x: 1, trains: never}"),
            smallest.replacing("{a: {}}", with: "{a: {limits: [{x_x_x: 1, period: day, amount: 1}]}}"),
            smallest.replacing("{a: {}}", with: "{a: {pace: {x_x_x: 1, requests: 1}}}"),
            smallest + "\nalerts: {x_x_x: 1, webhook: https://a.example}",
            smallest + "\nwitness: {x_x_x: 1, url: http://a.example, key: a+12345678+b}",
            smallest + "\nbackup: {x_x_x: 1, folder: /b}",
        ]
        for probe in probes {
            guard case .failure(let errors) = load(probe), let message = errors.errors.first?.message else {
                Issue.record("a key that no mapping has was accepted")
                continue
            }
            let list = try #require(message.split(separator: "Known are ").last)
            known.formUnion(list.matches(of: /`([A-Za-z]+)`/).map { String($0.1) })
        }
        #expect(known.count > 60)
        for key in known.sorted() {
            let forms = ["`\(key)`", ".\(key)`", "`\(key)."]
            #expect(forms.contains { reference.contains($0) }, "\(key) is not in the reference")
        }
    }
}

@Suite("A configuration file")
struct ConfigurationTests {
    @Test("loads in its smallest form, with the documented defaults")
    func defaults() throws {
        let configuration = try load(smallest).get()
        #expect(configuration.limits == ListenerLimits())
        #expect(configuration.journal == JournalSettings())
        #expect(configuration.doubt == DoubtPolicy())
        #expect(configuration.listen.calls == [SocketAddress(host: "127.0.0.1", port: 0)])
        let endpoint = try #require(configuration.endpoints.first)
        #expect(endpoint.models["m"] == ServedModel(upstreamName: "m", price: "p", maxOutputTokens: 10))
        #expect(endpoint.timeouts == EndpointTimeouts())
        #expect(endpoint.priority == 1 && endpoint.weight == 100 && endpoint.maxConnectionsPerLoop == 256)
        #expect(
            configuration.priceBook.history("p").first?.brackets[0].tiers[.standard]?.charged(.cachedInput)
                == TokenPrice(picos: 1_000_000))
        #expect(configuration.source == smallest)
    }

    @Test("takes a credential from a file beside it, without the line's end")
    func fileSecret() throws {
        let text = smallest.replacing("credential: none", with: "credential: {file: secrets/key}")
        let configuration = try load(text, file: "/etc/weir/weir.yaml", files: ["/etc/weir/secrets/key": "canary\n"]).get()
        #expect(configuration.endpoints.first?.credential == .key(Secret("canary")))
    }

    @Test("expands zones of zones, and keeps their names")
    func zones() throws {
        let text =
            smallest.replacing("places: any", with: "places: [EEA]")
            + "\nzones: {EU: [SE, DE], EEA: [EU, NO, IS]}\n"
        let tenant = try #require(try load(text).get().tenants.first)
        #expect(tenant.places == .only(["EEA", "EU", "SE", "DE", "NO", "IS"]))
    }

    @Test("refuses the limits that the ledger would refuse: too many, with the monthly one counted, and alerts twice or too many")
    func limitsOfTheLedger() throws {
        func tenant(_ members: String) -> String { smallest.replacing("teams: {a: {}}", with: "\(members), teams: {a: {}}") }
        func limits(_ count: Int) -> String {
            let list = (0..<count).map { "{period: rolling, over: \($0 + 1)h, amount: \"1\"}" }.joined(separator: ", ")
            return "limits: [\(list)]"
        }
        func alerts(_ list: String) -> String { "limits: [{period: total, amount: \"1\", alerts: [\(list)]}]" }
        for (members, isTaken) in [
            (limits(mostSpendLimits), true), ("monthlyLimit: \"1\", " + limits(mostSpendLimits - 1), true),
            ("monthlyLimit: \"1\", " + limits(mostSpendLimits), false), (alerts("80%, 50%"), true), (alerts("50%, 50%"), false),
            (alerts((1...mostAlerts).map { "\($0)%" }.joined(separator: ", ")), true),
            (alerts((1...(mostAlerts + 1)).map { "\($0)%" }.joined(separator: ", ")), false),
        ] {
            let result = load(tenant(members))
            #expect(((try? result.get()) != nil) == isTaken, "\(members): \(result)")
        }
    }

    @Test("puts a provider under the path of its API unless its URL has one", arguments: ProviderKind.allCases)
    func basePaths(kind: ProviderKind) throws {
        let text = smallest.replacing("provider: openai", with: "provider: \(kind.rawValue)")
        // Where Pangu is below, its project is part of the path.
        let paths: [ProviderKind: String] = [.azure: "", .dashscope: "/compatible-mode/v1", .ark: "/api/v3"]
        #expect(try load(text).get().endpoints.first?.basePath == paths[kind] ?? "/v1")
        let deeper = text.replacing("models.example", with: "models.example:8443/deep/v2/")
        let endpoint = try #require(try load(deeper).get().endpoints.first)
        #expect(endpoint.basePath == "/deep/v2")
        #expect(endpoint.origin.port == 8443)
    }

    @Test("is reported on as one text: OK with a summary, or all errors with their count")
    func report() {
        let good = check(text: smallest, file: "weir.yaml", environment: [:]) { _ in "" }
        #expect(good.hasPrefix("OK: weir.yaml\n"))
        let bad = check(text: smallest.replacing("node:", with: "nod:"), file: "weir.yaml", environment: [:]) { _ in "" }
        #expect(bad == "weir.yaml:2:1: `nod` is not a key of the file. Did you mean `node`?\n1 error.")
    }
}
