import Foundation
import Glibc
import Testing

extension EndToEnd {
    @Suite("Commands")
    struct CommandTests {
        static let hello = #"{"model":"m","max_tokens":8,"messages":[{"role":"user","content":"hello"}]}"#

        @Test("`weir check` says OK to a good file, and of a bad one the line and the word that was meant")
        func check() async throws {
            try await Workbench.with { bench in
                let good = bench.configuration(endpoints: bench.endpoint("one", models: [("m", "m")]))
                try bench.configure(good)
                let fine = try bench.weir("check", bench.file.path)
                #expect(fine.status == 0)
                #expect(fine.output.hasPrefix("OK: \(bench.file.path)\n"))
                try bench.configure(good.replacing("processedIn:", with: "procesedIn:"))
                let bad = try bench.weir("check", bench.file.path)
                #expect(bad.status != 0)
                let line =
                    1 + good.prefix(upTo: try #require(good.firstRange(of: "processedIn:")).lowerBound).count { $0 == "\n" }
                #expect(bad.output.contains("\(bench.file.path):\(line):5: "), "\(bad)")
                #expect(bad.output.contains("processedIn"), "no hint: \(bad)")
                let refused = try bench.weir("serve", bench.file.path)
                #expect(refused.status != 0)
                #expect(refused.errors.contains("\(bench.file.path):\(line):5: "), "\(refused)")
            }
        }

        @Test("`weir rules` lists the rules that come with Weir, says which a file has on, and shows one in full")
        func rules() async throws {
            try await Workbench.with { bench in
                let text = bench.configuration(endpoints: bench.endpoint("one", models: [("m", "m")]))
                try bench.configure(text + "\npolicy: {rules: [cn.label]}\n")
                let list = try bench.weir("rules", "--config", bench.file.path)
                #expect(list.status == 0 && list.output.contains("cn.label: on; in force\n"), "\(list)")
                #expect(list.output.contains("us.bis.diffusion: off; over since 2025-05-13 04:00 UTC\n"))
                #expect(list.lastLine.contains("not legal advice"))
                let one = try bench.weir("rules", "cn.label")
                #expect(one.status == 0 && one.output.contains("@id(\"cn.label\")") && one.lastLine.contains("not legal advice"))
                #expect(try bench.weir("rules", "cn.labels").status != 0)
            }
        }

        @Test("A key is shown once, works until it is revoked, and in a rotation both secrets work until the overlap is over")
        func keys() async throws {
            try await Workbench.with { bench in
                try Self.startSimple(bench)
                let key = try bench.key("first", limit: "5")
                #expect(try bench.chat(Self.hello, key: key).status == 200)
                let list = try bench.weir("keys", "list", "--config", bench.file.path)
                #expect(list.output.contains(key.id) && list.output.contains("first") && list.output.contains("5.00"), "\(list)")
                #expect(!list.output.contains(key.secret))

                let rotated = try bench.weir("keys", "rotate", key.id, "--overlap", "2s", "--config", bench.file.path)
                let next = Workbench.Key(id: key.id, secret: rotated.lastLine)
                #expect(next.secret != key.secret)
                #expect(try bench.chat(Self.hello, key: key).status == 200)
                #expect(try bench.chat(Self.hello, key: next).status == 200)
                #expect(try eventually(within: 10) { try bench.chat(Self.hello, key: key).status == 401 })
                #expect(try bench.chat(Self.hello, key: next).status == 200)

                // Connections that are open know at once.
                let open = try Client(port: bench.callsPort)
                let body = Self.hello
                try open.send("POST", "/v1/chat/completions", headers: [next.header], body: body)
                #expect(try open.answer().status == 200)
                let revoked = try bench.weir("keys", "revoke", key.id, "--why", "a test", "--config", bench.file.path)
                #expect(revoked.status == 0, "\(revoked)")
                try open.send("POST", "/v1/chat/completions", headers: [next.header], body: body)
                let refused = try open.answer()
                #expect(refused.status == 401)
                #expect(refused.code == "weir_key_refused")
                #expect(try bench.weir("keys", "list", "--config", bench.file.path).output.contains("revoked"))
                #expect(try bench.weir("keys", "revoke", key.id, "--config", bench.file.path).status != 0)
            }
        }

        @Test("A key with a lifetime works, and then no more")
        func lifetime() async throws {
            try await Workbench.with { bench in
                try Self.startSimple(bench)
                let key = try bench.key("brief", more: ["--expires", "2s"])
                #expect(try bench.chat(Self.hello, key: key).status == 200)
                #expect(try eventually(within: 10) { try bench.chat(Self.hello, key: key).status == 401 })
            }
        }

        @Test("`weir explain` lists every endpoint in the order of trying, each with its reason")
        func explain() async throws {
            try await Workbench.with { bench in
                try bench.play(Self.clouds(["first", "second", "elsewhere", "other"]))
                let far = "    processedIn: [CN]"
                try bench.configure(
                    bench.configuration(
                        endpoints: bench.endpoint("second", models: [("m", "m")], more: "    priority: 2")
                            + bench.endpoint("elsewhere", models: [("m", "m")]).replacing("    processedIn: [SE]", with: far)
                            + bench.endpoint("first", models: [("m", "m")]) + bench.endpoint("other", models: [("n", "m")]),
                        tenants: "  acme: {places: [SE], operators: any, models: any, teams: {one: {}}}\n"))
                try bench.start()
                let key = try bench.key("curious")
                let said = try bench.weir("explain", "--key", key.id, "--model", "m", "--config", bench.file.path)
                let rows = said.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
                let names = rows.compactMap { $0.first }.filter { ["first", "second", "elsewhere", "other"].contains($0) }
                #expect(names == ["first", "second", "elsewhere"], "\(said.output)")
                #expect(
                    rows.contains { $0.prefix(2) == ["elsewhere", "denied"] && $0.contains { $0.contains("CN") } },
                    "\(said.output)")
                #expect(
                    try bench.weir("explain", "--key", "key_0000000000000000", "--model", "m", "--config", bench.file.path).status
                        != 0)
            }
        }

        @Test("`weir keys` says which models may stand in for others, also across a restart, and a tenant's hedge is in force")
        func standIns() async throws {
            try await Workbench.with { bench in
                try bench.play(Self.clouds(["first", "other"]))
                try bench.configure(
                    bench.configuration(
                        endpoints: bench.endpoint("first", models: [("m", "m")]) + bench.endpoint("other", models: [("n", "m")]),
                        tenants:
                            "  acme: {places: any, operators: any, models: any, teams: {one: {}}, hedge: {after: 2s, percent: 5}}\n"
                    ))
                try bench.start()
                let key = try bench.key("first", more: ["--fallback", "m=n"])
                try bench.fault("status:500", at: "first")
                #expect(try bench.chat(Self.hello, key: key).headers["x-weir-model"] == "n")
                bench.stop()
                try bench.start()
                #expect(try bench.chat(Self.hello, key: key).headers["x-weir-model"] == "n")
                let explained = try bench.weir("explain", "--key", key.id, "--model", "m", "--config", bench.file.path).output
                #expect(explained.contains("when none of these can answer: n"), "\(explained)")
                #expect(explained.contains("a second attempt: after 2000 ms without an answer, in at most 5 of 100 calls"))
                #expect(try bench.weir("keys", "fall-back", key.id, "--config", bench.file.path).status == 0)
                let answer = try bench.chat(Self.hello, key: key)
                #expect(answer.status == 500 || answer.status == 503, "\(answer)")
                let refused = try bench.weir(
                    "keys", "fall-back", key.id, "--fallback", "m=unheard-of", "--config", bench.file.path)
                #expect(refused.status != 0 && refused.errors.contains("unheard-of"), "\(refused)")
            }
        }

        @Test("`weir usage` is what the clouds billed, by key and model")
        func usage() async throws {
            try await Workbench.with { bench in
                try bench.play(
                    """
                      - name: cloud
                        output: 4..12
                        reasoning: 0..4
                        cachedPercent: 30
                        operations: [chat, completions, embeddings, responses]
                        models: [m, n]

                    """)
                let endpoint = bench.endpoint("cloud", models: [("m", "m"), ("n", "n")])
                try bench.configure(bench.configuration(endpoints: endpoint))
                try bench.start()
                let keys = [try bench.key("a", limit: "10"), try bench.key("b")]
                for round in 0..<6 {
                    for (index, key) in keys.enumerated() {
                        let model = round % 2 == 0 ? "m" : "n"
                        let stream = round % 3 == 0 ? "true" : "false"
                        for (path, input) in [
                            ("chat/completions", "\"messages\":[{\"role\":\"user\",\"content\":\"round \(round)\"}]"),
                            ("completions", "\"prompt\":\"round \(round)\""), ("responses", "\"input\":\"round \(round)\""),
                        ] {
                            let answer = try bench.chat(
                                "{\"model\":\"\(model)\",\"stream\":\(stream),\(input)}", key: key, path: "/v1/\(path)",
                                headers: ["x-request-id: key\(index)-\(path.prefix(4))-\(round)"])
                            #expect(answer.status == 200, "\(answer)")
                        }
                    }
                }
                let said = try bench.weir("usage", "--by", "key,model", "--format", "json", "--config", bench.file.path)
                let report = try JSONDecoder().decode(UsageSaid.self, from: Data(said.output.utf8))
                let billed = Dictionary(grouping: try bench.received()) {
                    "\(keys[$0.requestID?.hasPrefix("key0") == true ? 0 : 1].id) \($0.model ?? "")"
                }
                #expect(report.rows.count == 4)
                for row in report.rows {
                    let calls = try #require(billed["\(row.group["key"] ?? "") \(row.group["model"] ?? "")"])
                    let nanos = calls.reduce(0) {
                        $0 + 1_000 * ($1.billedInput - $1.billedCached) + 500 * $1.billedCached + 4_000 * $1.billedOutput
                    }
                    #expect(row.calls == calls.count)
                    #expect(row.estimatedCalls == 0)
                    #expect(row.inputTokens + row.cachedInputTokens == calls.reduce(0) { $0 + $1.billedInput })
                    #expect(row.outputTokens + row.reasoningTokens == calls.reduce(0) { $0 + $1.billedOutput })
                    #expect(row.reasoningTokens == calls.reduce(0) { $0 + $1.billedReasoning })
                    #expect(Decimal(string: row.charged) == Decimal(nanos) / 1_000_000_000)
                }
                let table = try bench.weir("usage", "--config", bench.file.path)
                #expect(
                    table.output.contains("a (\(keys[0].id))") && table.output.contains(report.total.charged), "\(table.output)")
            }
        }

        private struct UsageSaid: Decodable {
            struct Line: Decodable {
                var group: [String: String]
                var calls: Int
                var estimatedCalls: Int
                var inputTokens: Int64
                var cachedInputTokens: Int64
                var outputTokens: Int64
                var reasoningTokens: Int64
                var charged: String
            }
            var rows: [Line]
            var total: Line
        }

        static func clouds(_ names: [String]) -> String {
            names.map { "  - {name: \($0), output: 4..8, models: [m]}\n" }.joined()
        }

        static func startSimple(_ bench: Workbench) throws {
            try bench.play(clouds(["one"]))
            try bench.configure(bench.configuration(endpoints: bench.endpoint("one", models: [("m", "m")])))
            try bench.start()
        }
    }
}
