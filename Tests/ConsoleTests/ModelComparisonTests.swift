import Console
import Core
import Ledger
import Policy
import Testing

@Suite("Models side by side")
struct ModelComparisonTests {
    static let now = Timestamp(seconds: 1_795_000_000)

    static func compare(_ models: [String]) -> ModelComparison {
        func served(_ name: String, _ price: String) -> ServedModel {
            ServedModel(upstreamName: name, price: price, maxOutputTokens: 100)
        }
        let azure = Endpoint(
            name: "azure", provider: .azure, origin: Origin(tls: true, host: "a.example", port: 443), basePath: "",
            models: ["gpt-4o": served("deployment-1", "gpt"), "other": served("o", "gpt")],
            labels: Labels(
                processedIn: ["SE"], storedIn: ["SE"], operator: "microsoft", operatorCountry: "US", trains: .never,
                origins: [.processedIn: .catalogue(source: "learn.microsoft.com"), .trains: .attestation(0)]),
            pace: PaceLimit(requestsPerMinute: 60), isReserved: true)
        let qwen = Endpoint(
            name: "qwen", provider: .dashscope, origin: Origin(tls: true, host: "q.example", port: 443), basePath: "/v1",
            models: ["qwen-max": served("qwen-max-2026", "none")],
            labels: Labels(processedIn: ["CN"], storedIn: [], operator: "alibaba", operatorCountry: "CN"))
        let prices = PriceBook([
            "gpt": [
                Price(
                    from: CivilDate(year: 2026, month: 1, day: 1), input: TokenPrice(picos: 2_500_000),
                    cachedInput: TokenPrice(picos: 1_250_000), output: TokenPrice(picos: 10_000_000))
            ]
        ])
        var measured = Health()
        measured.record(.streamed(firstTokenMicroseconds: 312_400, tokens: 100, microseconds: 2_000_000), at: now)
        return ModelComparison(
            models, in: Catalogue(generation: 1, endpoints: [azure, qwen], tenants: []), health: [measured, Health()],
            prices: prices, at: now)
    }

    @Test("each value with its source, and what nobody knows by that name")
    func facts() throws {
        let report = Self.compare(["qwen-max", "gpt-4o", "pangu"])
        #expect(report.lines.map(\.model) == ["qwen-max", "gpt-4o"] && report.unknown == ["pangu"])
        for line in report.lines { #expect(Set(line.facts.keys) == Set(ModelComparison.facts)) }
        func fact(_ line: Int, _ name: String) -> String {
            let fact = report.lines[line].facts[name]
            return "\(fact?.value ?? "") | \(fact?.source ?? "")"
        }
        #expect(fact(1, "primary model") == "deployment-1 | configuration")
        #expect(fact(1, "processed in") == "SE | catalogue: learn.microsoft.com")
        #expect(fact(1, "market") == "outside mainland China | catalogue: learn.microsoft.com")
        #expect(fact(1, "operator") == "microsoft (US) | configuration")
        #expect(fact(1, "$/M in") == "2.50 | price list gpt from 2026-01-01")
        #expect(fact(1, "first token ms") == "312.4 | measured" && fact(1, "tokens/s") == "50.0 | measured")
        #expect(fact(1, "quota a minute") == "60 requests | configuration" && fact(1, "paid for") == "yes | configuration")
        #expect(fact(0, "market") == "mainland China | configuration")
        #expect(fact(0, "stored in") == "unknown | nobody says" && fact(0, "$/M out") == "unknown | nobody says")
        #expect(fact(0, "first token ms") == "unknown | nobody says")
    }

    @Test("over the admin API, with what it takes said where it is not given")
    func api() async throws {
        try await withAdminServer { client, _ in
            let answer = try await client.send("GET", "/admin/v1/models?compare=gpt-4o,qwen-max")
            #expect(answer.status == 200 && answer.body.contains("\"primary model\""))
            for query in ["", "?compare=", "?compare=a,,b", "?other=1"] {
                #expect(try await client.send("GET", "/admin/v1/models\(query)").status == 400, "\(query)")
            }
        }
    }
}
