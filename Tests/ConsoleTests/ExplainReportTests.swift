import Console
import Core
import Ledger
import Policy
import Testing

@Suite("Explain")
struct ExplainReportTests {
    private let now = Timestamp(seconds: 1_795_000_000)

    private func endpoint(
        _ name: String, place: String, priority: Int = 1, price: String = "gpt", models: [String] = ["gpt-4o"]
    ) -> Endpoint {
        Endpoint(
            name: name, provider: .openai, origin: Origin(tls: true, host: "example.org", port: 443), basePath: "/v1",
            models: Dictionary(
                uniqueKeysWithValues: models.map { ($0, ServedModel(upstreamName: $0, price: price, maxOutputTokens: 100)) }),
            labels: Labels(processedIn: [place], storedIn: [place], operator: "microsoft", operatorCountry: "US"),
            priority: priority)
    }

    private func report(
        _ endpoints: [Endpoint], model: String = "gpt-4o", keyModels: Set<String>? = nil, expires: Timestamp? = nil,
        tenant: String = "acme", health: [Health]? = nil, serves: Bool = true, suspensions: [String: Fold.Suspended] = [:],
        labels: CallLabels = .unknown, fallbacks: [String: [String]] = [:], hedge: Hedge? = nil, leftOut: [LeftOut] = []
    ) throws -> ExplainReport {
        let catalogue = Catalogue(
            generation: 5, endpoints: endpoints,
            tenants: [
                TenantPolicy(tenant: "acme", teams: ["app"], places: .only(["SE"]), operators: .any, models: .any, hedge: hedge)
            ])
        let key = KeyRecord(
            id: "key_1", name: "k", tenant: tenant, team: "app", models: keyModels, fallbacks: fallbacks, labels: labels,
            created: now,
            expires: expires, secrets: [])
        let prices = PriceBook([
            "gpt": [
                Price(
                    from: CivilDate(year: 2026, month: 1, day: 1), input: TokenPrice(picos: 2_500_000),
                    cachedInput: TokenPrice(picos: 1_250_000), output: TokenPrice(picos: 10_000_000))
            ]
        ])
        return try ExplainReport(
            key: key, model: model, operation: .chat, in: catalogue, health: health ?? endpoints.map { _ in Health() },
            prices: prices, serves: { _, _ in serves }, suspensions: suspensions, leftOut: leftOut,
            exports: { ExportCount(persons: 8, sensitivePersons: $0 ? 3 : 2) }, at: now)
    }

    @Test("Candidates come first by priority, then what is against the others")
    func order() throws {
        let report = try report([
            endpoint("china", place: "CN"), endpoint("second", place: "SE", priority: 2), endpoint("first", place: "SE"),
        ])
        #expect(report.endpoints.map(\.endpoint) == ["first", "second", "china"])
        #expect(report.endpoints.map(\.standing) == [.candidate, .candidate, .denied])
        #expect(report.endpoints[2].reason.contains("CN"))
        let price = try #require(report.endpoints[0].price)
        #expect(price.input == "2.50" && price.cachedInput == "1.25" && price.output == "10.00")
        #expect(report.verdict == "Admitted, money permitting: first is tried first.")
        #expect(report.generation == 5)
    }

    @Test("An endpoint that is off is named with its reason, for the models that it would serve")
    func off() throws {
        let leftOut = [LeftOut(name: "cn", models: ["gpt-4o"], why: "a"), LeftOut(name: "other", models: ["x"], why: "b")]
        let beside = try report([endpoint("first", place: "SE")], leftOut: leftOut)
        #expect(beside.off.map(\.endpoint) == ["cn"] && beside.off.map(\.why) == ["a"])
        #expect(beside.verdict == "Admitted, money permitting: first is tried first.")
        #expect(try report([], leftOut: leftOut).verdict == "Refused: each endpoint of this model is off.")
        #expect(try report([]).verdict == "Refused: no endpoint serves this model.")
    }

    @Test("Each part by which endpoints are ranked is shown, with the share of calls that try it first")
    func score() throws {
        var slow = Health()
        slow.record(.answered(latencyMicroseconds: 300_000), at: now)
        var fast = Health()
        fast.record(.answered(latencyMicroseconds: 100_000), at: now)
        var tight = Health()
        tight.quota.learn(
            QuotaReport(requests: QuotaReport.Left(remaining: 1, limit: 100, resetMilliseconds: 60_000), tokens: nil), at: now)
        var spent = Health()
        spent.quota.learn(
            QuotaReport(requests: QuotaReport.Left(remaining: 0, limit: 100, resetMilliseconds: 60_000), tokens: nil), at: now)
        let report = try report(
            ["slow", "fast", "tight", "spent"].map { endpoint($0, place: "SE") }, health: [slow, fast, tight, spent],
            fallbacks: ["gpt-4o": ["qwen-max", "pangu"]], hedge: Hedge(afterMilliseconds: 2_000, percent: 5))
        #expect(report.endpoints.map(\.endpoint) == ["fast", "slow", "tight", "spent"])
        #expect(report.endpoints.map(\.firstPercent) == ["75.0", "25.0", "0.0", "0.0"])
        #expect(report.endpoints.map(\.typicalMilliseconds) == ["100.0", "300.0", nil, nil])
        #expect(report.endpoints.map(\.isTight) == [false, false, true, false])
        // 750 tokens at 2.50 dollars a million, 250 at 10.
        #expect(report.endpoints[0].typicalCost == "0.004375")
        #expect(report.endpoints[3].standing == .unavailable && report.endpoints[3].reason.hasPrefix("out of quota until"))
        #expect(report.instead == ["qwen-max", "pangu"])
        #expect(report.hedge == "after 2000 ms without an answer, in at most 5 of 100 calls")
    }

    @Test("The verdict says why nothing serves the call")
    func refusals() throws {
        let sweden = endpoint("se", place: "SE")
        #expect(try report([sweden], model: "other").verdict == "Refused: no endpoint serves this model.")
        #expect(try report([endpoint("cn", place: "CN")]).verdict == "Refused: policy permits no endpoint for this call.")
        #expect(try report([sweden], keyModels: ["qwen-max"]).endpoints[0].reason == "the key is not made for model gpt-4o")
        #expect(try report([sweden], tenant: "gone").endpoints[0].standing == .denied)
        #expect(try report([sweden], expires: now).verdict == "Refused: the key has expired.")
        #expect(try report([sweden], serves: false).verdict == "Refused: no permitted endpoint serves this operation.")
        var down = Health()
        down.down = true
        let unavailable = try report([sweden], health: [down])
        #expect(unavailable.verdict == "Refused for now: no permitted endpoint is available.")
        #expect(unavailable.endpoints[0].reason == "its engine is not ready")
    }

    @Test("A suspended endpoint is shown with what it reported, and when there is no other the verdict says what lifts it")
    func suspended() throws {
        var health = Health()
        health.suspended = true
        let report = try report(
            [endpoint("se", place: "SE")], health: [health], suspensions: sampleSuspensions())
        #expect(report.endpoints[0].standing == .suspended)
        #expect(report.endpoints[0].reason == "suspended: it reported East US 2, and its label says SE")
        #expect(report.verdict == "Refused until `weir endpoints resume`: each permitted endpoint is suspended.")
        let other = try self.report(
            [endpoint("se", place: "SE"), endpoint("two", place: "SE")], health: [health, Health()])
        #expect(other.endpoints.map(\.standing) == [.candidate, .suspended])
    }

    @Test(
        "Calls that may carry personal data of people in China are explained with the counts that somebody new would be judged by"
    )
    func exports() throws {
        func exported(_ name: String?, _ subjects: Set<Place>) throws -> ExplainReport.Exported? {
            try report([endpoint("se", place: "SE")], labels: CallLabels(dataClass: name, subjects: subjects)).exported
        }
        #expect(try exported("personal", ["CN"]) == ExplainReport.Exported(persons: 8, sensitivePersons: 2))
        #expect(try exported("sensitive", ["CN", "SE"]) == ExplainReport.Exported(persons: 8, sensitivePersons: 3))
        #expect(try exported("personal", ["SE"]) == nil && exported("public", ["CN"]) == nil && exported(nil, []) == nil)
    }

    @Test("A candidate without a price is passed over, and without any the call is refused")
    func price() throws {
        let unpriced = try report([endpoint("se", place: "SE", price: "missing")])
        #expect(unpriced.endpoints[0].price == nil && unpriced.endpoints[0].reason.contains("no price"))
        #expect(unpriced.verdict.hasPrefix("Refused: the price book has no price"))
    }
}
