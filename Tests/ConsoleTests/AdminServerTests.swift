import Console
import Core
import Foundation
import Ledger
import Synchronization
import Testing

private let key = #"{"tenant":"acme","team":"app","name":"bot"}"#

@Suite("The admin API")
struct AdminServerTests {
    @Test("Probes and metrics need no token; everything else does, also what does not exist")
    func token() async throws {
        try await withAdminServer { client, world in
            for path in ["/livez", "/readyz", "/metrics"] {
                #expect(try await client.raw(client.request("GET", path)).status == 200)
            }
            let closed = [
                ("GET", "/admin/v1/keys"), ("POST", "/admin/v1/keys"), ("POST", "/admin/v1/keys/key_0123456789abcdef/rotate"),
                ("DELETE", "/admin/v1/keys/key_0123456789abcdef"), ("GET", "/admin/v1/usage"), ("GET", "/admin/v1/exports"),
                ("GET", "/admin/v1/explain"), ("GET", "/admin/v1/models?compare=m"), ("POST", "/admin/v1/reload"),
                ("GET", "/admin/v1/status"), ("GET", "/"),
                ("GET", "/nothing"),
                ("POST", "/metrics"), ("GET", "/metrics/"), ("GET", "//metrics"), ("GET", "/admin%2Fv1/keys"),
            ]
            let wrong = [
                [], ["Authorization: Bearer"], ["Authorization: Bearer wrong"], ["Authorization: Basic \(client.token)"],
                ["Authorization: Bearer \(client.token)x"], ["Authorization: Bearer \(client.token.dropLast())"],
                ["Authorization: Bearer \(client.token)", "Authorization: Bearer \(client.token)"],
            ]
            for (method, path) in closed {
                for headers in wrong {
                    let answer = try await client.raw(client.request(method, path, headers: headers))
                    #expect(answer.status == 401, "\(method) \(path) \(headers)")
                    #expect(answer.head.lowercased().contains("www-authenticate: bearer"))
                    #expect(try code(answer) == "weir_admin_token")
                }
            }
            #expect(world.state.withLock { $0.newKeys }.isEmpty)
            #expect(
                try await client.raw(
                    client.request("GET", "/admin/v1/status", headers: ["authorization: bearer \(client.token)"])
                ).status == 200)
        }
    }

    @Test("A key is made, listed, rotated and revoked")
    func life() async throws {
        try await withAdminServer { client, world in
            let body =
                #"{"tenant":"acme","team":"app","name":"bot \u00e9","models":["gpt-4o"],"monthlyLimit":"25.50","lifetimeSeconds":3600}"#
            let made = try await client.send("POST", "/admin/v1/keys", body: body)
            #expect(made.status == 201)
            let created = try JSONDecoder().decode(CreatedKey.self, from: Data(made.body.utf8))
            #expect(created.key.value.utf8.count == 5 + 43 && created.key.value.hasPrefix("weir_"))
            #expect(KeyMaker.isID(created.record.id))
            #expect(created.record.name == "bot é" && created.record.models == ["gpt-4o"])
            #expect(created.record.monthlyLimit == "25.50" && created.record.state == .active)
            let asked = try #require(world.state.withLock { $0.newKeys.first })
            #expect(asked.limits.monthly == Money(dollars: "25.50") && asked.lifetimeSeconds == 3600)

            let list = try await client.send("GET", "/admin/v1/keys")
            #expect(try JSONDecoder().decode(KeyList.self, from: Data(list.body.utf8)).keys == [created.record])

            let path = "/admin/v1/keys/\(created.record.id)"
            let rotated = try await client.send("POST", path + "/rotate", body: #"{"overlapSeconds":60}"#)
            #expect(rotated.status == 201)
            let second = try JSONDecoder().decode(CreatedKey.self, from: Data(rotated.body.utf8))
            #expect(second.key != created.key && second.record.secrets == 2)
            #expect(try await client.send("POST", path + "/rotate").status == 201)
            #expect(world.state.withLock { $0.overlaps } == [60, 86_400])

            let limits = #"{"limits":["month 10.00","day Asia/Shanghai 1.50","total 99.00"],"concurrency":3}"#
            let limited = try await client.send("PUT", path + "/limits", body: limits)
            #expect(limited.status == 200)
            let view = try JSONDecoder().decode(KeyView.self, from: Data(limited.body.utf8))
            #expect(view.limits == ["month 10.00", "day Asia/Shanghai 1.50", "total 99.00"])
            #expect(view.monthlyLimit == "10.00" && view.concurrency == 3 && view.requestsPerMinute == nil)
            for bad in ["day", "fortnight 5.00", "day UTC", "rolling 5.00", "month -1", "month 1e3"] {
                #expect(try await client.send("PUT", path + "/limits", body: "{\"limits\":[\"\(bad)\"]}").status == 400, "\(bad)")
            }
            #expect(try await client.send("PUT", path + "/limits", body: #"{"limits":["day 1","day 2"]}"#).status == 400)

            let labels =
                #"{"class":"personal","categories":[],"subjects":["SE","DE"],"purposes":["support"],"exportTags":["3A090"],"clients":"narrow"}"#
            let labelled = try await client.send("PUT", path + "/labels", body: labels)
            #expect(labelled.status == 200)
            let bounds = try JSONDecoder().decode(KeyView.self, from: Data(labelled.body.utf8)).labels
            #expect(bounds.dataClass == "personal" && bounds.categories == [] && bounds.subjects == ["DE", "SE"])
            #expect(bounds.purposes == ["support"] && bounds.exportTags == ["3A090"] && bounds.clientsNarrow)
            for bad in [
                #"{"class":7}"#, #"{"categories":["helth"]}"#, #"{"subjects":[]}"#, #"{"subjects":["EU"]}"#,
                #"{"subjects":["SE","anywhere"]}"#, #"{"purposes":["a b"]}"#, #"{"exportTags":["a b"]}"#, #"{"clients":"open"}"#,
                #"{"region":"SE"}"#,
            ] {
                #expect(try await client.send("PUT", path + "/labels", body: bad).status == 400, "\(bad)")
            }
            // Replaced as a whole: what is left out is unknown of the key again.
            let cleared = try await client.send("PUT", path + "/labels", body: "{}")
            #expect(try JSONDecoder().decode(KeyView.self, from: Data(cleared.body.utf8)).labels == CallLabelsView(.unknown))

            let instead = try await client.send("PUT", path + "/fallbacks", body: #"{"fallbacks":["m=n,o","p=n"]}"#)
            #expect(instead.status == 200)
            #expect(try JSONDecoder().decode(KeyView.self, from: Data(instead.body.utf8)).fallbacks == ["m=n,o", "p=n"])
            for bad in ["m", "m=", "=n", "m=m", "m=n,n", "m=n,", "m=n=o", "m=a,b,c,d,e,f,g,h,i"] {
                #expect(
                    try await client.send("PUT", path + "/fallbacks", body: "{\"fallbacks\":[\"\(bad)\"]}").status == 400,
                    "\(bad)")
            }
            #expect(try await client.send("PUT", path + "/fallbacks", body: #"{"fallbacks":["m=n","m=o"]}"#).status == 400)
            let none = try await client.send("PUT", path + "/fallbacks", body: "{}")
            #expect(try JSONDecoder().decode(KeyView.self, from: Data(none.body.utf8)).fallbacks.isEmpty)

            #expect(try await client.send("DELETE", path, body: #"{"why":"left the company"}"#).status == 204)
            let again = try await client.send("DELETE", path)
            #expect(again.status == 409)
            #expect(try code(again) == "weir_key_conflict")
            #expect(world.state.withLock { $0.reasons } == ["left the company"])
            let unknown = try await client.send("DELETE", "/admin/v1/keys/key_0000000000000000")
            #expect(unknown.status == 404)
            #expect(try code(unknown) == "weir_key_unknown")
        }
    }

    @Test(
        "A body that says anything else than it may is refused with the reason, and nothing is done",
        arguments: [
            (#"{"tenant":"acme","team":"app","name":"bot","limit":"5"}"#, "`limit`"),
            (#"{"tenant":"acme","team":"app","name":"bot","name":"bot"}"#, "given twice: `name`"),
            (#"{"tenant":"acme","team":"app"}"#, "`name` must be"),
            (#"{"tenant":"acme","team":"app","name":7}"#, "`name` must be"),
            (#"{"tenant":"acme","team":"app","name":"a\nb"}"#, "without control characters"),
            (#"{"tenant":"acme","team":"app","name":"a\u202eb"}"#, "without control characters"),
            (#"{"tenant":"acme","team":"app","name":"bot","monthlyLimit":25}"#, "`monthlyLimit` must be"),
            (#"{"tenant":"acme","team":"app","name":"bot","monthlyLimit":25.5}"#, "amounts of money are text"),
            (#"{"tenant":"acme","team":"app","name":"bot","monthlyLimit":"-1"}"#, "`monthlyLimit` must be"),
            (#"{"tenant":"acme","team":"app","name":"bot","monthlyLimit":"1e3"}"#, "`monthlyLimit` must be"),
            (#"{"tenant":"acme","team":"app","name":"bot","models":[]}"#, "`models` must be"),
            (#"{"tenant":"acme","team":"app","name":"bot","models":"gpt-4o"}"#, "`models` must be"),
            (#"{"tenant":"acme","team":"app","name":"bot","lifetimeSeconds":0}"#, "`lifetimeSeconds` must be"),
            (#"{"tenant":"acme","team":"app","name":"bot","lifetimeSeconds":9223372036854775808}"#, "not a JSON object"),
            (#"{"tenant":"acme","team":"app","name":"bot"} {}"#, "follows"),
            (#"{"tenant":"acme","team":"app","name":"bot",}"#, "not a JSON object"),
            (#"{"tenant":"acme","team":"app","name":"\ud800"}"#, "not a JSON object"),
            (#"{"tenant":"acme","team":"app","name":"bot","models":[[["x"]]]}"#, "not a JSON object"),
            (#"{"tenant":"acme","team":"app","name":{}}"#, "not a JSON object"),
            (#"["acme"]"#, "not a JSON object"),
            ("", "`tenant` must be"),
        ])
    func strict(body: String, reason: String) async throws {
        try await withAdminServer { client, world in
            let answer = try await client.send("POST", "/admin/v1/keys", body: body)
            #expect(answer.status == 400)
            let error = try #require(try? JSONDecoder().decode(AdminErrorBody.self, from: Data(answer.body.utf8)).error)
            #expect(error.message.contains(reason), "\(error.message)")
            #expect(!error.action.isEmpty && error.code.hasPrefix("weir_"))
            #expect(world.state.withLock { $0.newKeys }.isEmpty)
        }
    }

    @Test("A body over 64 KiB is refused, announced or chunked")
    func longBody() async throws {
        try await withAdminServer { client, world in
            let long = #"{"tenant":""# + String(repeating: "a", count: 70_000) + #""}"#
            let announced = try await client.send("POST", "/admin/v1/keys", body: long)
            #expect(announced.status == 413)
            #expect(try code(announced) == "weir_body_too_long")
            let chunk = String(long.utf8.count, radix: 16) + "\r\n" + long + "\r\n0\r\n\r\n"
            let head = client.request(
                "POST", "/admin/v1/keys", headers: ["Authorization: Bearer \(client.token)", "Transfer-Encoding: chunked"])
            #expect(try await client.raw(head + chunk).status == 413)
            #expect(world.state.withLock { $0.newKeys }.isEmpty)
        }
    }

    @Test("Usage is asked for by days that count in, and strictly")
    func usage() async throws {
        try await withAdminServer { client, world in
            let answer = try await client.send("GET", "/admin/v1/usage?by=key,model&from=2026-11-01&to=2026-11-30")
            #expect(answer.status == 200)
            let report = try JSONDecoder().decode(UsageReport.self, from: Data(answer.body.utf8))
            #expect(report.by == ["key", "model"] && report.from == "2026-11-01" && report.to == "2026-11-30")
            let query = try #require(world.state.withLock { $0.usageQueries.first })
            #expect(query.by == [.key, .model])
            #expect(try await client.send("GET", "/admin/v1/usage").status == 200)
            for bad in [
                "by=colour", "by=key,key", "by=", "from=yesterday", "from=2026-02-30", "from=2026-11-02&to=2026-11-01",
                "form=2026-11-01", "by=key&by=model",
            ] {
                #expect(try await client.send("GET", "/admin/v1/usage?" + bad).status == 400, "\(bad)")
            }
        }
    }

    @Test("Exports are told by year with the threshold that they reach, this year's in China where none is asked for")
    func exports() async throws {
        try await withAdminServer { client, _ in
            func report(_ query: String) async throws -> ExportReport {
                let answer = try await client.send("GET", "/admin/v1/exports" + query)
                #expect(answer.status == 200)
                return try JSONDecoder().decode(ExportReport.self, from: Data(answer.body.utf8))
            }
            let old = try await report("?year=2025")
            #expect(old.year == 2025 && old.rows.map(\.tenant) == ["acme", "zenith"])
            #expect(old.rows.map(\.path) == ["contract", "assessment"] && old.rows.map(\.isAtLeast) == [false, true])
            #expect(old.rows.map(\.persons) == [100_000, 1_000_000] && old.rows.map(\.sensitivePersons) == [0, 7])
            let before = Timestamp.now().yearInChina
            let year = try await report("").year
            #expect((before...Timestamp.now().yearInChina).contains(year))
            for bad in [
                "year=25", "year=20261", "year=now", "year=", "year=1999", "year=2262", "years=2026", "year=2026&year=2026",
            ] {
                #expect(try await client.send("GET", "/admin/v1/exports?" + bad).status == 400, "\(bad)")
            }
        }
    }

    @Test("Explain takes an identifier in the query, or a whole key in a header, and no whole key in the URL")
    func explain() async throws {
        try await withAdminServer { client, world in
            let (whole, digest) = KeyMaker.key()
            _ = try await client.send("GET", "/admin/v1/explain?key=key_0123456789abcdef&model=gpt-4o")
            _ = try await client.send(
                "GET", "/admin/v1/explain?model=gpt-4o&operation=embeddings", headers: ["weir-key: \(whole.value)"])
            #expect(
                world.state.withLock { $0.explainQueries } == [
                    ExplainQuery(key: .id("key_0123456789abcdef"), model: "gpt-4o", operation: .chat),
                    ExplainQuery(key: .digest(digest), model: "gpt-4o", operation: .embeddings),
                ])
            for bad in [
                "key=\(whole.value)&model=m", "model=m", "key=key_0123456789abcdef",
                "key=key_0123456789abcdef&model=m&operation=dance",
            ] {
                let answer = try await client.send("GET", "/admin/v1/explain?" + bad)
                #expect(answer.status == 400)
                #expect(!answer.body.contains(whole.value))
            }
        }
    }

    @Test("A refused reload tells every error; an accepted one its notes")
    func reload() async throws {
        try await withAdminServer { client, world in
            let good = try await client.send("POST", "/admin/v1/reload")
            #expect(good.status == 200)
            #expect(try JSONDecoder().decode(ReloadReport.self, from: Data(good.body.utf8)).notes == ["endpoint x is left out"])
            world.state.withLock { $0.reload = ReloadReport(ok: false, generation: 7, errors: ["weir.yaml:3:1: unknown key"]) }
            let bad = try await client.send("POST", "/admin/v1/reload")
            #expect(bad.status == 422)
            let error = try JSONDecoder().decode(AdminErrorBody.self, from: Data(bad.body.utf8)).error
            #expect(error.code == "weir_configuration_refused" && error.details == ["weir.yaml:3:1: unknown key"])
            #expect(try await client.send("POST", "/admin/v1/reload", body: #"{"force":true}"#).status == 400)
        }
    }

    @Test("readyz is 503 with the reason while a check fails")
    func ready() async throws {
        try await withAdminServer { client, world in
            world.state.withLock { $0.ready.append(ReadyCheck("engine", ok: false, detail: "it is starting")) }
            let answer = try await client.raw(client.request("GET", "/readyz"))
            #expect(answer.status == 503)
            let report = try JSONDecoder().decode(ReadyReport.self, from: Data(answer.body.utf8))
            #expect(!report.ready && report.checks.last == ReadyCheck("engine", ok: false, detail: "it is starting"))
        }
    }

    @Test("A whole key and the token are in no log line, and in no answer but the one that makes the key")
    func canaries() async throws {
        try await withAdminServer { client, world in
            let made = try await client.send("POST", "/admin/v1/keys", body: key)
            let created = try JSONDecoder().decode(CreatedKey.self, from: Data(made.body.utf8))
            let secret = created.key.value
            #expect(made.head.lowercased().contains("cache-control: no-store"))
            let id = created.record.id
            var answers: [RawClient.Answer] = []
            for (method, path) in [
                ("GET", "/admin/v1/keys"), ("DELETE", "/admin/v1/keys/\(secret)"), ("POST", "/admin/v1/keys/\(secret)/rotate"),
                ("GET", "/admin/v1/explain?key=\(secret)&model=m"), ("GET", "/admin/v1/usage?\(secret)=1"), ("GET", "/\(secret)"),
                ("GET", "/admin/v1/status"), ("GET", "/metrics"), ("DELETE", "/admin/v1/keys/\(id)"),
            ] {
                answers.append(try await client.send(method, path, headers: ["weir-key: \(secret)"]))
            }
            answers.append(try await client.send("POST", "/admin/v1/keys", body: #"{"\#(secret)":1}"#))
            answers.append(try await client.send("POST", "/admin/v1/keys", body: #"{"name":"\#(secret)""#))
            answers.append(
                try await client.raw(client.request("GET", "/admin/v1/keys", headers: ["Authorization: Bearer \(secret)"])))
            for answer in answers {
                #expect(!answer.body.contains(secret) && !answer.head.contains(secret))
                #expect(!answer.body.contains(client.token))
            }
            let logs = world.logs
            #expect(!logs.isEmpty && logs.contains("An administrative request was answered"))
            #expect(!logs.contains(secret) && !logs.contains(client.token))
            #expect("\(created)".contains("«secret»") && !"\(created)".contains(secret))
        }
    }

    @Test("A server that ends closes the connections that wait, says nothing of an error, and its port is free again")
    func end() async throws {
        let (waiting, answered) = AsyncStream<Void>.makeStream()
        let world = World()
        var held: Task<RawClient.Answer, any Error>?
        try await withAdminServer(world) { client, _ in
            // Kept alive: only the end of the server closes it.
            held = Task {
                defer { answered.finish() }
                return try await client.raw("GET /livez HTTP/1.1\r\nHost: admin\r\n\r\n")
            }
            while !world.logs.contains("/livez") { try await Task.sleep(for: .milliseconds(5)) }
        }
        for await _ in waiting {}
        let answer = try #require(try await held?.value)
        #expect(answer.status == 200)
        #expect(!world.logs.split(separator: "\n").contains { $0.hasPrefix("error") || $0.hasPrefix("critical") })
    }

    @Test("What is not HTTP gets no other answer than that, and the server goes on")
    func garbage() async throws {
        try await withAdminServer { client, _ in
            let garbage = try await client.raw("GARBAGE\r\n\r\n")
            #expect(garbage.status == 400)
            let many = (0..<200).map { "x-\($0): y" }
            _ = try? await client.raw(client.request("GET", "/livez", headers: many))
            let after = try await client.raw(client.request("GET", "/livez"))
            #expect(after.body == "ok\n")
        }
    }
}

private func code(_ answer: RawClient.Answer) throws -> String {
    try JSONDecoder().decode(AdminErrorBody.self, from: Data(answer.body.utf8)).error.code
}
