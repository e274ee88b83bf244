import Foundation
import NIOHTTP1
import Testing

@testable import Simulator

@Suite("Played authorities")
struct AuthorityTests {
    private struct Vectors: Decodable {
        struct Huawei: Decodable {
            var name, host, path, body, stamp, authorization: String
            var project: String?
        }
        struct Volcengine: Decodable { var name, host, region, body, stamp, authorization, contentHash: String }
        var access, secret: String
        var huawei: [Huawei]
        var volcengine: [Volcengine]

        static func read() throws -> Vectors {
            let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "Cases/signatures/vectors.json")
            return try JSONDecoder().decode(Vectors.self, from: Data(contentsOf: file))
        }

        var keys: PlayedKeys { PlayedKeys(access: access, secret: secret) }
    }

    private static func seconds(_ stamp: String) -> Int64 {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "UTC")
        format.dateFormat = "yyyyMMdd'T'HHmmss'Z'"
        return Int64((format.date(from: stamp) ?? .distantPast).timeIntervalSince1970)
    }

    @Test("Huawei's signatures are told right from wrong by what Huawei's own SDK computed")
    func huawei() throws {
        let vectors = try Vectors.read()
        for vector in vectors.huawei {
            var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: vector.path)
            head.headers = [
                "host": vector.host, "content-type": "application/json", "x-sdk-date": vector.stamp,
                "authorization": vector.authorization,
            ]
            if let project = vector.project { head.headers.add(name: "x-project-id", value: project) }
            let now = Self.seconds(vector.stamp)
            func accepts(_ head: HTTPRequestHead, body: String? = nil, path: String? = nil, keys: PlayedKeys? = nil, now: Int64)
                -> Bool
            {
                Proofs.huawei(
                    head, path: path ?? vector.path, query: "", body: Array((body ?? vector.body).utf8),
                    keys: keys ?? vectors.keys, now: now)
            }
            #expect(accepts(head, now: now) && accepts(head, now: now + 900) && accepts(head, now: now - 900), "\(vector.name)")
            #expect(!accepts(head, now: now + 901) && !accepts(head, now: now - 901))
            #expect(!accepts(head, body: vector.body + " ", now: now) && !accepts(head, path: vector.path + "x", now: now))
            #expect(!accepts(head, keys: PlayedKeys(access: vectors.access, secret: "other"), now: now))
            #expect(!accepts(head, keys: PlayedKeys(access: "other", secret: vectors.secret), now: now))
            var other = head
            other.headers.replaceOrAdd(name: "host", value: "other.example")
            #expect(!accepts(other, now: now))
            other = head
            other.headers.remove(name: "authorization")
            #expect(!accepts(other, now: now))
            other = head
            other.headers.replaceOrAdd(
                name: "authorization", value: vector.authorization.replacing("content-type;host;", with: "content-type;"))
            #expect(!accepts(other, now: now), "a field that is not signed")
        }
    }

    @Test("So are Volcengine's")
    func volcengine() throws {
        let vectors = try Vectors.read()
        for vector in vectors.volcengine {
            var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/")
            head.headers = [
                "host": vector.host, "content-type": "application/json", "x-date": vector.stamp,
                "x-content-sha256": vector.contentHash, "authorization": vector.authorization,
            ]
            let now = Self.seconds(vector.stamp)
            func accepts(
                body: String? = nil, query: String = "Action=GetApiKey&Version=2024-01-01", region: String? = nil, now: Int64
            ) -> Bool {
                Proofs.volcengine(
                    head, path: "/", query: query, body: Array((body ?? vector.body).utf8), keys: vectors.keys,
                    region: region ?? vector.region, now: now)
            }
            #expect(accepts(now: now), "\(vector.name)")
            #expect(accepts(query: "Version=2024-01-01&Action=GetApiKey", now: now), "the order of a query is not signed")
            #expect(!accepts(query: "Action=DeleteApiKey&Version=2024-01-01", now: now))
            #expect(
                !accepts(body: vector.body + " ", now: now) && !accepts(region: "other", now: now) && !accepts(now: now + 901))
        }
    }

    private static func seen(_ token: String?, _ simulator: RunningSimulator) async -> Int? {
        let line = token.map { "authorization: Bearer \($0)\r\n" } ?? ""
        let body = #"{"model":"m","messages":[]}"#
        return await exchange(
            simulator.ports["a"] ?? 0,
            "POST /openai/v1/chat/completions HTTP/1.1\r\nhost: h\r\n\(line)content-length: \(body.utf8.count)\r\n\r\n\(body)"
        ).status
    }

    @Test(
        "A token opens the endpoints of its authority until its end, and until it is revoked; another authority's opens nothing")
    func tokens() async throws {
        let yaml = """
            endpoints:
              - {name: login, provider: entra, issues: {domain: t, client: c, secret: s, lifetime: 2s}}
              - {name: other, provider: entra, issues: {domain: t, client: c, secret: s}}
              - {name: a, provider: azure, authority: login, models: [m]}
            """
        try await playing(yaml) { simulator in
            func token(_ name: String, secret: String = "s") async -> (status: Int?, token: String?) {
                let form = "client_id=c&grant_type=client_credentials&scope=x&client_secret=\(secret)"
                let reply = await exchange(
                    simulator.ports[name] ?? 0,
                    "POST /t/oauth2/v2.0/token HTTP/1.1\r\nhost: h\r\ncontent-length: \(form.utf8.count)\r\n\r\n\(form)")
                return (reply.status, reply.json["access_token"]?.string)
            }
            let wrong = await token("login", secret: "x")
            #expect(wrong.status == 401 && wrong.token == nil)
            let first = await token("login")
            #expect(first.status == 200)
            #expect(await Self.seen(first.token, simulator) == 200)
            #expect(await Self.seen("eyJ0eXAi.made-up", simulator) == 401)
            #expect(await Self.seen(nil, simulator) == 401)
            let foreign = await token("other")
            #expect(await Self.seen(foreign.token, simulator) == 401)
            let second = await token("login")
            simulator.revokeTokens(of: "login")
            #expect(await Self.seen(second.token, simulator) == 401)
            let third = await token("login")
            #expect(await Self.seen(third.token, simulator) == 200)
            let end = Date().addingTimeInterval(5)
            var status = 200
            while status == 200, Date() < end {
                status = await Self.seen(third.token, simulator) ?? 0
                try? await Task.sleep(for: .milliseconds(20))
            }
            #expect(status == 401, "its two seconds are over")
        }
    }

    @Test("A scenario that has no such authority, or an authority that issues nothing, is refused")
    func mistakes() {
        for yaml in [
            "endpoints: [{name: a, models: [m], authority: login}]",
            "endpoints: [{name: login, provider: entra}]",
            "endpoints: [{name: a, models: [m], issues: {}}]",
            "endpoints: [{name: login, provider: entra, issues: {password: x}}]",
            "endpoints: [{name: a, models: [m], signed: {access: x}}]",
        ] {
            #expect(throws: ScenarioError.self) { try Scenario.load(yaml: yaml, file: "s") }
        }
    }
}
