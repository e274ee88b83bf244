import Core
import Credentials
import Foundation
import Gateway
import Ledger
import Policy
import Providers
import Simulator
import Testing

/// Huawei's and Volcengine's credentials through the whole of Weir, against clouds that check them on their own.
@Suite("Endpoints that are shown signatures and exchanged keys")
struct SignedTests {
    private static let keys = AccessKeys(access: Secret("AKtest"), secret: Secret("SKs3cret"))
    private static let pangu = "provider: pangu\n    signed: { access: AKtest, secret: SKs3cret }"

    @Sendable private static func signed(_ endpoint: Endpoint, _ keys: AccessKeys, project: String? = "project") -> Endpoint {
        var endpoint = endpoint
        (endpoint.provider, endpoint.basePath) = (.pangu, "/v1/project")
        endpoint.credential = .huaweiKeys(HuaweiSignature(keys: keys, project: project))
        return endpoint
    }

    private static func pangu(_ credential: @escaping @Sendable (Endpoint) -> Endpoint, _ body: (Harness) async throws -> Void)
        async throws
    {
        let scenario = """
            endpoints:
              - name: one
                \(pangu)
                output: 6
                models: [up-m]
            """
        try await Harness.with(
            scenario: scenario, endpoints: { [credential(.test("one", port: $0["one"] ?? 0))] }, body)
    }

    @Test("Pangu takes a signed call, plain and streamed, at its deployment's path, and it is charged as billed")
    func panguSigned() async throws {
        for project in ["project", nil] {
            try await Self.pangu({ Self.signed($0, Self.keys, project: project) }) { weir async throws in
                for body in [Ask.chat, Ask.stream, #"{"model":"m","messages":[{"role":"user","content":"你好 \u0041 é"}]}"#] {
                    let answer = try weir.chat(body)
                    #expect(answer.status == 200 && answer.isWhole, "\(answer)")
                }
                #expect(weir.settles() && weir.held == .zero)
                let record = weir.simulator.record()
                #expect(record.allSatisfy { $0.credentialAccepted && $0.path == "/v1/project/deployments/up-m/chat/completions" })
                let ends = try weir.ends()
                #expect(ends.count == 3)
                for (end, request) in zip(ends, record) {
                    #expect(
                        end.usage.outputTokens == Int64(request.billedOutput)
                            && end.usage.inputTokens == Int64(request.billedInput))
                }
            }
        }
    }

    @Test("A signature of another secret, or by another key, is refused: 502 and one alarm")
    func panguRefused() async throws {
        for keys in [
            AccessKeys(access: Secret("AKtest"), secret: Secret("other")),
            AccessKeys(access: Secret("AKother"), secret: Secret("SKs3cret")),
        ] {
            try await Self.pangu({ Self.signed($0, keys) }) { weir async throws in
                let answer = try weir.chat(Ask.chat)
                #expect(answer.status == 502 && answer.code == "weir_endpoint_credential", "\(answer)")
                #expect(weir.simulator.record().map(\.credentialAccepted) == [false])
            }
        }
    }

    @Test("What was signed and then changed on its way is refused by the cloud: body, path, project and time")
    func tampered() async throws {
        try await Self.pangu({ Self.signed($0, Self.keys) }) { weir async throws in
            let port = weir.endpoints[0].origin.port
            let signer = try #require(
                weir.endpoints[0].signer(for: .chat, model: ServedModel(upstreamName: "up-m", price: "price", maxOutputTokens: 1))
            )
            let body = #"{"messages":[{"role":"user","content":"hello"}]}"#
            let path = "/v1/project/deployments/up-m/chat/completions"
            func status(_ body: String, _ path: String, _ lines: String) throws -> Int {
                let client = try RawClient(port: port)
                try client.send(
                    "POST \(path) HTTP/1.1\r\nhost: 127.0.0.1:\(port)\r\ncontent-type: application/json\r\n\(lines)content-length: \(body.utf8.count)\r\n\r\n\(body)"
                )
                return try client.answer().status
            }
            func lines(at moment: Timestamp) -> String {
                Array(body.utf8).withUnsafeBytes { String(decoding: signer.lines(body: $0, at: moment), as: UTF8.self) }
            }
            let good = lines(at: .now())
            #expect(try status(body, path, good) == 200)
            #expect(try status(body.replacing("hello", with: "hullo"), path, good) == 401)
            #expect(try status(body, path.replacing("up-m", with: "up-n"), good) == 401)
            #expect(try status(body, path, good.replacing("x-project-id: project", with: "x-project-id: another")) == 401)
            #expect(try status(body, path, good.replacing("Access=AKtest", with: "Access=AKother")) == 401)
            #expect(try status(body, path, lines(at: Timestamp.now().advanced(byMilliseconds: -3_600_000))) == 401)
            #expect(try status(body, path, "") == 401)
        }
    }

    @Test("Huawei's IAM: the token comes in a head and goes in X-Auth-Token; Pangu takes no other")
    func iam() async throws {
        let issues = "{ domain: acme, client: robot, secret: p4ssword, scope: cn-southwest-2, lifetime: 1m }"
        func with(_ password: String, _ body: (TokenBench) async throws -> Void) async throws {
            try await TokenBench.with(
                issues: issues, one: "provider: pangu\n    authority: login", authority: "huawei-iam",
                endpoint: { endpoint, login in
                    var endpoint = endpoint
                    (endpoint.provider, endpoint.basePath) = (.pangu, "/v1/project")
                    endpoint.credential = .huaweiIAM(
                        HuaweiUser(
                            domain: "acme", user: "robot", password: Secret(password), project: "cn-southwest-2", authority: login
                        ))
                    return endpoint
                }, body)
        }
        try await with("p4ssword") { bench async throws in
            for body in [Ask.chat, Ask.stream] { #expect(try bench.weir.chat(body).status == 200) }
            #expect(bench.asked == 1 && bench.calls("one").allSatisfy { $0.credentialAccepted })
            bench.weir.simulator.revokeTokens(of: "login")
            let refused = try bench.weir.chat(Ask.chat)
            #expect(refused.status == 503 && refused.code == "weir_endpoint_token", "\(refused)")
            #expect(eventually { (try? bench.weir.chat(Ask.chat).status) == 200 })
            #expect(bench.asked == 2 && bench.alarms == 0)
            #expect(bench.capture.all.allSatisfy { !$0.contains("p4ssword") && !$0.contains("MIIF") })
        }
        try await with("wrong") { bench async throws in
            #expect(try bench.weir.chat(Ask.chat).status == 503)
            #expect(bench.asked == 1 && bench.alarms == 1)
        }
    }

    @Test("Volcengine: access keys are exchanged for a key of one inference endpoint, which is renewed; wrong ones are one alarm")
    func exchange() async throws {
        func with(
            _ life: String, secret: String = "SKs3cret", resource: String = "ep-1", _ body: (TokenBench) async throws -> Void
        ) async throws {
            try await TokenBench.with(
                issues: "{ client: AKtest, secret: SKs3cret, scope: ep-1, lifetime: \(life) }",
                one: "provider: ark\n    authority: login", authority: "volcengine",
                endpoint: { endpoint, login in
                    var endpoint = endpoint
                    (endpoint.provider, endpoint.basePath) = (.ark, "/api/v3")
                    endpoint.models = endpoint.models.mapValues { served in
                        var served = served
                        served.upstreamName = "ep-1"
                        return served
                    }
                    endpoint.credential = .volcengine(
                        VolcengineExchange(
                            keys: AccessKeys(access: Secret("AKtest"), secret: Secret(secret)), region: "cn-beijing",
                            resource: resource,
                            lifetimeSeconds: 86_400, authority: login))
                    return endpoint
                }, body)
        }
        try await with("4s") { bench async throws in
            #expect(try bench.weir.chat(Ask.chat).status == 200)
            #expect(bench.calls("one").allSatisfy { $0.credentialAccepted && $0.model == "ep-1" })
            #expect(eventually(within: 6) { bench.asked == 2 })
            #expect(try bench.weir.chat(Ask.chat).status == 200)
            #expect(bench.alarms == 0)
        }
        for (secret, resource, word) in [
            ("other", "ep-1", "SignatureDoesNotMatch"), ("SKs3cret", "ep-2", "InvalidEndpoint.NotFound"),
        ] {
            try await with("1m", secret: secret, resource: resource) { bench async throws in
                #expect(try bench.weir.chat(Ask.chat).status == 503)
                #expect(bench.asked == 1 && bench.alarms == 1)
                #expect(bench.capture.all.contains { $0.hasPrefix("critical") && $0.contains(word) })
            }
        }
    }
}
