import Core
import Credentials
import Foundation
import Gateway
import Policy
import Simulator
import Synchronization
import Testing

/// Entra ID's tokens through the whole of Weir: a played authority, an endpoint that takes nothing else, and real sockets between.
@Suite("Endpoints that are shown tokens")
struct TokenTests {
    private static let scope = "https://ai.azure.com/.default"
    private static func issues(_ life: String, secret: String = "s3cret", scope: String = scope) -> String {
        "{ domain: contoso, client: app, secret: \(secret), scope: '\(scope)', lifetime: \(life) }"
    }
    private static let one = "provider: azure\n    authority: login"

    @Sendable private static func entra(_ endpoint: Endpoint, _ login: Authority) -> Endpoint {
        var endpoint = endpoint
        endpoint.credential = .entra(
            EntraApplication(tenant: "contoso", client: "app", proof: .secret(Secret("s3cret")), scope: scope, authority: login))
        return endpoint
    }

    private static func with(
        _ issues: String, spare: Bool = false, isReady: Bool = true,
        endpoint: @escaping @Sendable (Endpoint, Authority) -> Endpoint = entra, _ body: (TokenBench) async throws -> Void
    ) async throws {
        try await TokenBench.with(issues: issues, one: one, spare: spare, isReady: isReady, endpoint: endpoint, body)
    }

    @Test("A call carries the token as a Bearer, once, and nothing of the application's secret")
    func carried() async throws {
        try await Self.with(Self.issues("1m")) { bench async throws in
            for _ in 0..<5 { #expect(try bench.weir.chat(Ask.chat).status == 200) }
            #expect(bench.asked == 1)
            let asked = bench.weir.simulator.record().first { $0.endpoint == "login" }
            #expect(asked?.path == "/contoso/oauth2/v2.0/token" && asked?.status == 200)
            #expect(bench.calls("one").allSatisfy { $0.credentialAccepted })
            #expect(bench.capture.all.allSatisfy { !$0.contains("s3cret") && !$0.contains("eyJ0eXAi") })
        }
    }

    @Test("Under load tokens are renewed ahead of their end, and no call fails")
    func renewal() async throws {
        try await Self.with(Self.issues("2s")) { bench async throws in
            let weir = bench.weir
            let failed = Mutex<[Int]>([])
            let end = Date().addingTimeInterval(6.5)
            MoneyPromiseTests.together(4) { _ in
                guard let client = try? RawClient(port: weir.port, timeout: 10) else { return failed.withLock { $0.append(-1) } }
                while Date() < end {
                    guard (try? client.send(Harness.request(Ask.chat))) != nil, let answer = try? client.answer() else {
                        return failed.withLock { $0.append(0) }
                    }
                    if answer.status != 200 { failed.withLock { $0.append(answer.status) } }
                    usleep(5_000)
                }
            }
            #expect(failed.withLock { $0 } == [])
            #expect(bench.calls("one").count > 200)
            // Renewed between 1.37 s and 1.5 s of each life.
            #expect((4...6).contains(bench.asked), "\(bench.asked) tokens in 6.5 s")
            #expect(bench.alarms == 0)
        }
    }

    @Test("A renewal that fails keeps the old token to its end; then there is one alarm, and another endpoint answers")
    func failing() async throws {
        try await Self.with(Self.issues("4s"), spare: true) { bench async throws in
            let weir = bench.weir
            #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "one")
            try await weir.simulator.setFault(.status(503, code: nil), endpoint: "login")
            // The first renewal, at three quarters of four seconds, fails: the old token still serves.
            #expect(eventually(within: 6) { bench.asked >= 2 })
            #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "one")
            #expect(bench.alarms == 0)
            #expect(eventually(within: 6) { (try? weir.chat(Ask.chat).header("x-weir-endpoint")) == "two" })
            #expect(eventually { bench.alarms == 1 })
            for _ in 0..<20 { #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "two") }
            #expect(bench.alarms == 1)
            #expect(bench.calls("one").allSatisfy { $0.credentialAccepted }, "what ended was not sent")
            #expect(await bench.keeper.trouble(bench.grant) == "failed (503)")
            // As soon as the authority gives tokens again, the first endpoint answers again.
            try await weir.simulator.setFault(nil, endpoint: "login")
            #expect(eventually(within: 20) { (try? weir.chat(Ask.chat).header("x-weir-endpoint")) == "one" })
            #expect(bench.alarms == 1 && bench.capture.all.contains { $0.contains("has a token again") })
        }
    }

    @Test("A wrong secret: one alarm, one request to the authority however many calls come, and callers are told in one sentence")
    func wrongSecret() async throws {
        try await Self.with(Self.issues("1m", secret: "another")) { bench async throws in
            for _ in 0..<50 {
                let answer = try bench.weir.chat(Ask.chat)
                #expect(answer.status == 503 && answer.code == "weir_no_endpoint_available", "\(answer)")
            }
            #expect(bench.asked == 1)
            #expect(bench.alarms == 1)
            let alarm = bench.capture.all.first { $0.hasPrefix("critical") } ?? ""
            #expect(
                alarm.contains("invalid_client AADSTS7000215") && alarm.contains("one") && !alarm.contains("s3cret"), "\(alarm)")
            #expect(bench.calls("one").isEmpty, "nothing was sent without a token")
            #expect(bench.weir.board.health(of: bench.weir.gateway.snapshot.catalogue)[0].availability(at: .now()) == .noToken)
        }
    }

    @Test(
        "A token that is revoked in mid-life: its endpoint's 401 leads to exactly one new one, and calls go elsewhere until it is there"
    )
    func revoked() async throws {
        try await Self.with(Self.issues("1m"), spare: true) { bench async throws in
            let weir = bench.weir
            #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "one")
            weir.simulator.revokeTokens(of: "login")
            let answers = Mutex<[String]>([])
            MoneyPromiseTests.together(12) { _ in
                let answer = try? weir.chat(Ask.chat)
                answers.withLock { $0.append("\(answer?.status ?? 0)") }
            }
            #expect(answers.withLock { Set($0) } == ["200"], "every call was answered, here or there")
            #expect(eventually { (try? weir.chat(Ask.chat).header("x-weir-endpoint")) == "one" })
            #expect(bench.asked == 2)
            #expect(bench.alarms == 0)
        }
    }

    @Test("An endpoint that refuses the new token too is refused as one whose credential is wrong: one alarm, and no third token")
    func refusedAgain() async throws {
        try await Self.with(Self.issues("1m"), spare: true) { bench async throws in
            let weir = bench.weir
            try await weir.simulator.setFault(.status(401, code: nil), endpoint: "one")
            #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "two")
            #expect(eventually { bench.asked == 2 })
            #expect(
                eventually {
                    _ = try? weir.chat(Ask.chat)
                    return bench.alarms == 1
                })
            for _ in 0..<20 { #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "two") }
            #expect(bench.asked == 2 && bench.alarms == 1)
            #expect(bench.calls("one").count == 2, "one with each token")
        }
    }

    @Test("China's authority: another host and another scope, asked in the same way")
    func china() async throws {
        let scope = "https://cognitiveservices.azure.cn/.default"
        try await Self.with(
            Self.issues("1m", scope: scope),
            endpoint: { endpoint, login in
                var endpoint = endpoint
                endpoint.credential = .entra(
                    EntraApplication(
                        tenant: "contoso", client: "app", proof: .secret(Secret("s3cret")), scope: scope, authority: login))
                return endpoint
            }
        ) { bench async throws in #expect(try bench.weir.chat(Ask.chat).status == 200) }
    }

    @Test("A federated token is read anew for each token, so that a rotated file is shown as it is")
    func federated() async throws {
        let file = NSTemporaryDirectory() + "weir-federated-" + UUID().uuidString
        try "old-assertion\n".write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        let issues = "{ domain: contoso, client: app, federated: new-assertion, lifetime: 1m }"
        try await Self.with(
            issues,
            endpoint: { endpoint, login in
                var endpoint = endpoint
                endpoint.credential = .entra(
                    EntraApplication(
                        tenant: "contoso", client: "app", proof: .federatedToken(file: file), scope: Self.scope, authority: login)
                )
                return endpoint
            }
        ) { bench async throws in
            #expect(try bench.weir.chat(Ask.chat).status == 503)
            #expect(bench.asked == 1 && bench.alarms == 1)
            try "new-assertion\n".write(toFile: file, atomically: true, encoding: .utf8)
            // A keeper that starts now, as after a restart, since the first one rests a minute.
            let board = bench.weir.board
            let second = TokenKeeper(
                TokenSurroundings(
                    give: { board.give($0, for: $1) }, read: { try? String(contentsOfFile: $0, encoding: .utf8) },
                    log: bench.capture.logger))
            await second.start([bench.grant])
            await second.settle([bench.grant], withinMilliseconds: 5_000)
            #expect(try bench.weir.chat(Ask.chat).status == 200)
            await second.stop()
        }
    }

    @Test("A machine's identity is asked of the metadata service, whose numbers are texts")
    func machine() async throws {
        try await Self.with(
            "{ client: app, scope: 'https://ai.azure.com', lifetime: 1m }",
            endpoint: { endpoint, login in
                var endpoint = endpoint
                endpoint.credential = .managedIdentity(
                    ManagedIdentity(client: "app", resource: "https://ai.azure.com", authority: login))
                return endpoint
            }
        ) { bench async throws in
            #expect(try bench.weir.chat(Ask.chat).status == 200)
            #expect(bench.weir.simulator.record().first { $0.endpoint == "login" }?.method == "GET")
        }
    }

    @Test("An authority that does not answer holds up nobody: calls go elsewhere at once")
    func stalled() async throws {
        try await Self.with(Self.issues("1m"), spare: true) { bench async throws in
            let weir = bench.weir
            try await weir.simulator.setFault(.stallHead(milliseconds: nil), endpoint: "login")
            weir.simulator.revokeTokens(of: "login")
            let began = Date()
            for _ in 0..<10 { #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "two") }
            #expect(Date().timeIntervalSince(began) < 5)
            #expect(bench.asked == 2)
        }
    }

    @Test("A credential that stays keeps its token over a reload, and one that changes gets another, which no older call carries")
    func reload() async throws {
        try await Self.with(Self.issues("1m")) { bench async throws in
            let weir = bench.weir
            await bench.keeper.start([bench.grant])
            #expect(bench.asked == 1, "what is kept is not asked for again")
            #expect(weir.board.tokenUntil(bench.grant) != nil)
            var changed = weir.endpoints[0]
            changed.origin.port = 1
            let other = try #require(changed.tokenGrant)
            #expect(other != bench.grant && weir.board.tokenUntil(other) == nil)
            await bench.keeper.start([other])
            await bench.keeper.settle([other], withinMilliseconds: 5_000)
            #expect(bench.asked == 2)
            await bench.keeper.keepOnly([bench.grant])
            weir.board.keepTokens(of: [bench.grant])
            #expect(weir.board.tokenUntil(other) == nil && weir.board.tokenUntil(bench.grant) != nil)
            #expect(try weir.chat(Ask.chat).status == 200)
        }
    }
}
