import Core
import Foundation
import Gateway
import Ledger
import Policy
import Simulator
import Testing

@Suite("Promise 1 over sockets: no byte of a call leaves without a permit")
struct PolicyPromiseTests {
    private static let places = ["SE", "DE", "CN", "US"]

    private static func scenario(_ names: [String]) -> String { FailoverTests.scenario(names) }

    private static func endpoint(_ name: String, _ port: Int, labels: Labels, models: [String] = ["m"], priority: Int = 1)
        -> Endpoint
    {
        var made = Endpoint.test(name, port: port, models: models, priority: priority)
        made.labels = labels
        return made
    }

    private static func labels(_ processed: Set<Place>, stored: Set<Place>? = nil, operator name: String = "Op") -> Labels {
        Labels(processedIn: processed, storedIn: stored ?? processed, operator: name, operatorCountry: "SE")
    }

    /// Every request that an endpoint received has a hold, written before it was sent, whose places the policy permits.
    private func holdsCover(_ weir: Harness, places: Set<Place>) throws {
        let holds = Dictionary(grouping: try weir.holds()) { $0.attempt.description }
        for request in weir.simulator.record() {
            let hold = try #require(holds[request.attempt ?? ""]?.first, "request \(request.number) has no hold")
            #expect(hold.route.endpoint == request.endpoint)
            #expect(hold.route.processedIn.allSatisfy(places.contains))
            #expect(!hold.route.processedIn.isEmpty)
        }
    }

    @Test(
        "A call labelled for places never leaves them: not at first, not on failover, not when all permitted endpoints are down")
    func places() async throws {
        let tenant = TenantPolicy(tenant: "acme", teams: ["team"], places: .only(["SE", "DE"]), operators: .any, models: .any)
        try await Harness.with(
            scenario: Self.scenario(Self.places), tenant: tenant, threads: 1,
            endpoints: { ports in
                // The forbidden ones come first, so that only policy keeps calls from them.
                zip(Self.places, [3, 4, 1, 2]).map { Self.endpoint($0, ports[$0] ?? 0, labels: Self.labels([$0]), priority: $1) }
            }
        ) { weir async throws in
            func ask() throws -> [RawAnswer] {
                try [
                    weir.chat(Ask.chat), weir.chat(Ask.stream), weir.chat(Ask.embedding, path: "/v1/embeddings"),
                    weir.chat(Ask.completion, path: "/v1/completions"), weir.chat(Ask.responseStream, path: "/v1/responses"),
                    weir.chat(Ask.chat, path: "/openai/deployments/m/chat/completions?api-version=2024-10-21"),
                ]
            }
            for answer in try ask() { #expect(answer.status == 200 && answer.header("x-weir-endpoint") == "SE") }
            try await weir.simulator.setFault(.status(500, code: nil), endpoint: "SE")
            for answer in try ask() { #expect(answer.header("x-weir-endpoint") == "DE") }
            try await weir.simulator.setFault(.down, endpoint: "SE")
            try await weir.simulator.setFault(.status(503, code: nil), endpoint: "DE")
            for answer in try ask() { #expect(answer.status >= 500) }
            try await weir.simulator.setFault(.down, endpoint: "DE")
            for answer in try ask() { #expect(answer.status >= 500) }
            let reached = Set(weir.simulator.record().map(\.endpoint))
            #expect(reached == ["SE", "DE"])
            try holdsCover(weir, places: ["SE", "DE"])
            #expect(weir.settles())
        }
    }

    @Test("Headers and fields of the caller change nothing about where its call may go")
    func headers() async throws {
        let tenant = TenantPolicy(tenant: "acme", teams: ["team"], places: .only(["SE"]), operators: .any, models: .any)
        try await Harness.with(
            scenario: Self.scenario(["CN"]), tenant: tenant,
            endpoints: { [Self.endpoint("CN", $0["CN"] ?? 0, labels: Self.labels(["CN"]))] }
        ) { weir async throws in
            for headers in [
                ["x-weir-places: CN"], ["x-weir-endpoint: CN"], ["x-forwarded-for: 10.0.0.1"], ["x-weir-tenant: other"],
            ] {
                let answer = try weir.chat(
                    #"{"model":"m","places":["CN"],"endpoint":"CN","metadata":{"place":"CN"},"messages":[]}"#, headers: headers)
                #expect(answer.status == 403 && answer.code == "weir_policy_denied", "\(answer)")
            }
            #expect(weir.simulator.record().isEmpty)
            #expect(try weir.holds().isEmpty)
        }
    }

    @Test("An endpoint that may process or store in any place outside, or whose labels are unknown, is denied")
    func unknown() async throws {
        let tenant = TenantPolicy(tenant: "acme", teams: ["team"], places: .only(["SE"]), operators: .only(["Op"]), models: .any)
        let denied: [Labels] = [
            Self.labels(["SE", "CN"]), Self.labels(["SE"], stored: ["US"]), Self.labels([]), Self.labels(["SE"], stored: []),
            Self.labels(["SE"], operator: ""), Self.labels(["SE"], operator: "Other"), Self.labels(["se"]),
        ]
        for labels in denied {
            try await Harness.with(
                scenario: Self.scenario(["x"]), tenant: tenant, endpoints: { [Self.endpoint("x", $0["x"] ?? 0, labels: labels)] }
            ) { weir async throws in
                let answer = try weir.chat(Ask.chat)
                #expect(answer.status == 403 && answer.code == "weir_policy_denied", "\(labels) \(answer)")
                #expect(weir.simulator.record().isEmpty)
            }
        }
    }

    @Test("Models are permitted by tenant and by key, and an empty policy permits nothing")
    func models() async throws {
        let acme = TenantPolicy(tenant: "acme", teams: ["team"], places: .any, operators: .any, models: .only(["m", "k"]))
        let none = TenantPolicy(tenant: "none", teams: ["team"], places: .only([]), operators: .only([]), models: .only([]))
        let keys = [
            TestKey(id: "key_narrow", secret: "weir_narrow", models: ["k", "forbidden"]),
            TestKey(id: "key_none", secret: "weir_none", tenant: "none"),
        ]
        let scenario = """
            endpoints:
              - name: x
                models: [up-m, up-k, up-forbidden]
            """
        try await Harness.with(
            scenario: scenario, tenant: acme, tenants: [none], keys: keys,
            endpoints: { [.test("x", port: $0["x"] ?? 0, models: ["m", "k", "forbidden"])] }
        ) { weir async throws in
            func status(_ model: String, _ key: String) throws -> Int {
                try weir.chat(#"{"model":"\#(model)","messages":[]}"#, key: key).status
            }
            let expected: [(String, String, Int)] = [
                ("m", Harness.key, 200), ("k", Harness.key, 200), ("forbidden", Harness.key, 403), ("unknown", Harness.key, 404),
                ("m", "weir_narrow", 403), ("k", "weir_narrow", 200), ("forbidden", "weir_narrow", 403), ("m", "weir_none", 403),
                ("M", Harness.key, 404), ("m ", Harness.key, 404),
            ]
            for (model, key, wanted) in expected { #expect(try status(model, key) == wanted, "\(model) \(key)") }
            #expect(weir.simulator.record().map(\.model) == ["up-m", "up-k", "up-k"])

            func list(_ key: String) throws -> String {
                try weir.exchange("GET /v1/models HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer \(key)\r\n\r\n").body
            }
            #expect(try list(Harness.key).contains(#""id":"k""#) && list(Harness.key).contains(#""id":"m""#))
            #expect(try !list(Harness.key).contains("forbidden"))
            #expect(try !list("weir_narrow").contains(#""id":"m""#))
            #expect(try list("weir_none") == #"{"object":"list","data":[]}"#)
        }
    }

    @Test("Keys that are unknown, expired, given twice or in the wrong scheme open nothing")
    func keys() async throws {
        let keys = [TestKey(id: "key_old", secret: "weir_old", expires: Timestamp.now().advanced(byMilliseconds: -1_000))]
        try await Harness.with(keys: keys) { weir async throws in
            let own = Harness.key
            let cases: [([String], String)] = [
                ([], "weir_key_missing"), (["Authorization: Bearer weir_wrong"], "weir_key_refused"),
                (["Authorization: Bearer weir_old"], "weir_key_refused"), (["Authorization: Basic \(own)"], "weir_key_refused"),
                (["Authorization: \(own)"], "weir_key_refused"), (["Authorization: Bearer"], "weir_key_refused"),
                (["Authorization: Bearer \(own.dropLast())"], "weir_key_refused"),
                (["Authorization: Bearer \(own)x"], "weir_key_refused"),
                (["Authorization: Bearer \(own)", "api-key: \(own)"], "weir_key_ambiguous"),
                (["api-key: weir_wrong"], "weir_key_refused"),
            ]
            for (headers, code) in cases {
                let answer = try weir.chat(Ask.chat, headers: headers, key: nil)
                #expect(answer.status == 401 && answer.code == code, "\(headers): \(answer)")
            }
            let twice = try weir.chat(
                Ask.chat, headers: ["Authorization: Bearer \(own)", "Authorization: Bearer \(own)"], key: nil)
            #expect(twice.status == 400 && twice.code == "weir_malformed_http")
            #expect(try weir.chat(Ask.chat, headers: ["api-key: \(own)"], key: nil).status == 200)
            #expect(try weir.chat(Ask.chat, headers: ["authorization: bEARER \(own)"], key: nil).status == 200)
            #expect(weir.simulator.record().count == 2)
        }
    }

    @Test(
        "Once a configuration without the key is in force it opens nothing, also on connections that are open; what is under way ends well"
    )
    func revoked() async throws {
        let scenario = """
            endpoints:
              - name: one
                pace: 40
                output: 20
                models: [up-m]
            """
        try await Harness.with(scenario: scenario) { weir async throws in
            let open = try (0..<8).map { _ in try RawClient(port: weir.port) }
            for client in open {
                try client.send("GET /v1/models HTTP/1.1\r\nHost: w\r\napi-key: \(Harness.key)\r\n\r\n")
                #expect(try client.answer().status == 200)
            }
            let streaming = try RawClient(port: weir.port)
            try streaming.send(Harness.request(Ask.stream))
            _ = try streaming.read(until: "data: ")
            let now = weir.gateway.snapshot
            let catalogue = Catalogue(generation: 2, endpoints: weir.endpoints, tenants: weir.tenants)
            try await weir.gateway.install(
                Snapshot(catalogue: catalogue, prices: now.prices, limits: now.limits, keys: [:], board: weir.board),
                board: weir.board)
            for client in open {
                try client.send(Harness.request(Ask.chat))
                let answer = try client.answer()
                #expect(answer.status == 401 && answer.code == "weir_key_refused")
            }
            #expect(try streaming.read(until: "\r\n0\r\n\r\n").contains("[DONE]"))
            #expect(weir.settles() && weir.simulator.record().count == 1)
        }
    }
}
