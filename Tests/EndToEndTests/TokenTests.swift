import Foundation
import Journal
import Ledger
import Testing

extension EndToEnd {
    @Suite("Tokens, from the configuration to the cloud")
    struct TokenTests {
        private static func acts(_ bench: Workbench) throws -> [String] {
            var acts: [String] = []
            try Journal.scan(folder: bench.data.appending(path: "journal").path) { _, bytes in
                if case .act(let who, let what, let on) = try Entry.parse(bytes).entry, what.hasPrefix("grant-") {
                    acts.append("\(who) \(what) \(on ?? "")")
                }
            }
            return acts
        }

        @Test(
            "The first call after a start has its token; the grant is listed and in the journal; a reload asks for no other; no secret is shown"
        )
        func life() async throws {
            try await Workbench.with { bench in
                let clouds = try bench.play(
                    """
                      - {name: login, provider: entra, issues: {domain: contoso, client: app, secret: s3cret-canary, scope: "https://ai.azure.com/.default"}}
                      - {name: se, provider: azure, output: 4, models: [m], authority: login}

                    """)
                let authority = "http://127.0.0.1:\(clouds.ports["login"] ?? 0)"
                func configure(_ secret: String) throws {
                    let credential =
                        "{entra: {tenant: contoso, client: app, secret: {env: \(secret)}, authority: \"\(authority)\"}}"
                    try bench.configure(
                        bench.configuration(
                            endpoints: bench.endpoint(
                                "se", provider: "azure", path: "", models: [("m", "m")], credential: credential)))
                }
                try configure("APP_SECRET")
                try bench.start(environment: ["APP_SECRET": "s3cret-canary", "OLD_SECRET": "0ld-canary"], logLevel: "trace")
                let key = try bench.key("k")
                func asked() throws -> Int { try bench.received().filter { $0.endpoint == "login" }.count }
                func endpoints() throws -> String {
                    try bench.run([Workbench.binary.path, "endpoints", "--config", bench.file.path]).output
                }
                #expect(try bench.chat(CommandTests.hello, key: key).status == 200)
                let valid = try endpoints()
                #expect(valid.contains("entra, valid until 20"), "\(valid)")
                #expect(try asked() == 1)
                #expect(try bench.weir("reload", "--config", bench.file.path).status == 0)
                #expect(try bench.chat(CommandTests.hello, key: key).status == 200)
                #expect(try asked() == 1, "an unchanged credential keeps its token")
                let list = try Client.once(
                    port: bench.adminPort, "GET", "/admin/v1/endpoints",
                    headers: [
                        "Authorization: Bearer "
                            + text(bench.data.appending(path: "admin.token")).trimmingCharacters(in: .whitespacesAndNewlines)
                    ])
                #expect(list.status == 200 && list.body.contains(#""kind":"entra""#), "\(list)")

                // A secret that the authority does not take: one alarm, and the endpoint gets no calls.
                try configure("OLD_SECRET")
                #expect(try bench.weir("reload", "--config", bench.file.path).status == 0)
                #expect(try bench.chat(CommandTests.hello, key: key).status == 503)
                #expect(try asked() == 2)
                let missing = try endpoints()
                #expect(
                    missing.contains("no-token") && missing.contains("\(authority) refused (401 invalid_client AADSTS7000215)"),
                    "\(missing)")
                let explained = try bench.weir("explain", "--key", key.id, "--model", "m", "--config", bench.file.path).output
                #expect(explained.contains("there is no token to show it"), "\(explained)")
                #expect(bench.logged.components(separatedBy: "an endpoint has no token").count == 2, "one alarm")

                // And mended again: it is asked for at once.
                try configure("APP_SECRET")
                #expect(try bench.weir("reload", "--config", bench.file.path).status == 0)
                #expect(try bench.chat(CommandTests.hello, key: key).status == 200)
                let grant = "weir grant-token-refresh se at \(authority)"
                bench.stop()
                #expect(try Self.acts(bench) == [grant, grant], "one for each credential, once since the start")
                for words in [bench.logged, missing, list.body] {
                    #expect(!words.contains("canary") && !words.contains("eyJ0eXAi"))
                }
            }
        }
    }
}
