import Foundation
import Testing

extension EndToEnd {
    @Suite("The ledger's commands")
    struct LedgerCommandTests {
        @Test("A log verifies while Weir runs, proves one attempt to a stranger, and folds from nothing to the same books")
        func proves() async throws {
            try await Workbench.with { bench in
                try CommandTests.startSimple(bench)
                let key = try bench.key("prover", limit: "5")
                let attempts = try (0..<20).map { round in
                    let body = CommandTests.hello.replacing("hello", with: "round \(round)")
                    return try #require(try bench.chat(body, key: key).headers["x-weir-attempt"])
                }
                let data = bench.data.path
                // The key is read from the log's first checkpoint, which may still be on its way.
                var vkey = ""
                #expect(
                    try eventually(within: 5) {
                        vkey = try bench.weir("ledger", "key", "--data", data).lastLine
                        return vkey.hasPrefix("e2e+")
                    })
                let receipt = bench.folder.appending(path: "receipt").path
                #expect(
                    try eventually(within: 5) {
                        try bench.weir("ledger", "receipt", attempts[19], "--data", data, "--output", receipt).status == 0
                    })
                let verified = try bench.weir("ledger", "verify", "--data", data)
                #expect(verified.status == 0 && verified.output.contains("entries are as they were logged"), "\(verified)")

                // A stranger has the receipt and the key, and no Weir.
                let proven = try bench.verify("receipt", receipt, "--key", vkey)
                #expect(proven.status == 0, "\(proven)")
                #expect(proven.output.contains("attempt \(attempts[19])") && !proven.output.contains(attempts[18]))
                let bytes = try text(URL(filePath: receipt))
                let forged = bench.folder.appending(path: "forged")
                try bytes.replacing("\"model\":\"m\"", with: "\"model\":\"n\"").write(
                    to: forged, atomically: true, encoding: .utf8)
                #expect(try text(forged) != bytes)
                #expect(try bench.verify("receipt", forged.path, "--key", vkey).status == 1)

                for _ in 0..<2 {
                    let rebuilt = try bench.weir("ledger", "rebuild", "--data", data)
                    #expect(rebuilt.status == 0 && rebuilt.output.contains("the kept books say the same"), "\(rebuilt)")
                    // Once beside a Weir that runs, once without.
                    bench.stop()
                }
                #expect(try bench.verify("log", data, "--key", vkey).status == 0)
                try bench.start()
                #expect(try bench.weir("ledger", "verify", "--data", data).status == 0)
            }
        }

        @Test("Usage comes as table, CSV and JSON; an invoice's total is shared to the cent; another price list rates it again")
        func reports() async throws {
            try await Workbench.with { bench in
                try CommandTests.startSimple(bench)
                for name in ["a", "b", "c"] {
                    let key = try bench.key(name)
                    for _ in 0..<3 { #expect(try bench.chat(CommandTests.hello, key: key).status == 200) }
                }
                let config = ["--config", bench.file.path]
                func usage(_ words: String...) throws -> Workbench.Said {
                    try bench.run([Workbench.binary.path, "usage", "--by", "key"] + config + words)
                }
                // Three equal keys cannot share 100 cents evenly.
                let shared = ["--chargeback", "1.00"]
                let table = try usage(shared[0], shared[1])
                #expect(table.status == 0 && table.output.contains("part"), "\(table)")
                #expect(table.lastLine.hasPrefix("total") && table.lastLine.hasSuffix("1.00"))
                let csv = try usage("--format", "csv", shared[0], shared[1]).output.components(separatedBy: "\r\n")
                let parts = csv.dropFirst().dropLast().compactMap { $0.split(separator: ",").last.map(String.init) }
                #expect(csv[0].hasPrefix("key,calls,") && csv[0].hasSuffix(",part"))
                #expect(parts.sorted() == ["0.33", "0.33", "0.34"], "\(csv)")
                let json = try usage("--format", "json", shared[0], shared[1])
                let report = try JSONDecoder().decode(Shared.self, from: Data(json.output.utf8))
                #expect(report.rows.map(\.part) == parts && report.total.part == "1.00")
                #expect(report.rows.allSatisfy { $0.calls == 3 && $0.group.count == 1 })
                let plain = try usage("--format", "csv").output
                #expect(plain.split(separator: "\r\n").first?.hasSuffix(",corrected") == true, "\(plain)")
                #expect(try usage("--chargeback", "1.005").status != 0)
                let fine = try usage("--chargeback", "1.005", "--decimals", "3", "--format", "csv").output
                #expect(fine.contains(",0.335\r\n"), "\(fine)")

                // Twice the prices, twice the money.
                let dear = bench.folder.appending(path: "dear.yaml")
                try text(bench.file).replacing(
                    #"input: "1", cachedInput: "0.5", output: "4""#, with: #"input: "2", cachedInput: "1", output: "8""#
                )
                .write(to: dear, atomically: true, encoding: .utf8)
                let today = try Self.today(bench)
                let rerated = try bench.weir(
                    "ledger", "rerate", "--config", bench.file.path, "--from", today.from, "--to", today.to, "--prices", dear.path
                )
                #expect(rerated.status == 0, "\(rerated)")
                let total = try #require(rerated.output.split(separator: "\n").first { $0.hasPrefix("total") })
                let numbers = total.split(separator: " ").dropFirst().compactMap { Decimal(string: String($0)) }
                try #require(numbers.count == 4, "\(rerated.output)")
                #expect(numbers[0] == 9 && numbers[1] > 0 && numbers[2] == 2 * numbers[1] && numbers[3] == numbers[1])
            }
        }

        private struct Shared: Decodable {
            struct Line: Decodable {
                var group: [String: String]
                var calls: Int
                var part: String
            }
            var rows: [Line]
            var total: Line
        }

        @Test("An alert reaches its webhook once; a day's limit and a pace refuse with account, period, what is left and when")
        func limits() async throws {
            try await Workbench.with { bench in
                let hook = try Webhook()
                try bench.play(CommandTests.clouds(["one"]))
                let tenants = """
                      acme:
                        places: any
                        operators: any
                        models: any
                        limits: [{period: day, zone: Asia/Shanghai, amount: "0.0004", alerts: [50%]}]
                        teams: {one: {}, two: {}}
                      beta: {places: any, operators: any, models: any, pace: {requests: 2}, teams: {one: {}}}
                    """
                try bench.configure(
                    bench.configuration(
                        top: "alerts: {webhook: \"http://127.0.0.1:\(hook.port)/alerts\"}",
                        endpoints: bench.endpoint("one", models: [("m", "m")]), tenants: tenants))
                try bench.start()
                let key = try bench.key("spender")
                var refused: Answer?
                for _ in 0..<100 where refused == nil {
                    let answer = try bench.chat(CommandTests.hello, key: key)
                    if answer.status != 200 { refused = answer }
                }
                let answer = try #require(refused)
                #expect(answer.status == 429 && answer.code == "weir_limit_reached", "\(answer)")
                let message = try #require(answer.value("error.message") as? String)
                #expect(message.contains("limit of $0.0004 a day (Asia/Shanghai) of tenant acme has $0.000"), "\(message)")
                // Midnight in Shanghai.
                #expect(message.contains("this call could cost up to $") && message.contains("T16:00:00"), "\(message)")
                #expect(answer.headers["x-should-retry"] == "false")

                #expect(eventually(within: 10) { !hook.bodies.isEmpty })
                let alert = try #require(hook.bodies.first)
                for part in [
                    #""type":"weir.limit""#, #""node":"e2e""#, #""account":"tenant acme""#, #""percent":50"#,
                    #""limit":"0.0004""#,
                ] {
                    #expect(alert.contains(part), "\(alert)")
                }
                #expect(bench.logged.contains("a limit comes near"))

                let swift = try bench.key("swift", tenant: "beta")
                let paced = try (0..<3).map { _ in try bench.chat(CommandTests.hello, key: swift) }
                #expect(paced.map(\.status) == [200, 200, 429], "\(paced)")
                #expect(paced[2].code == "weir_pace_limited" && paced[2].headers["retry-after"] != nil, "\(paced[2])")
                #expect((paced[2].value("error.message") as? String)?.contains("2 requests a minute") == true)
                #expect(hook.bodies.count == 1, "\(hook.bodies)")
            }
        }

        @Test("The simulator's invoice agrees; what it gets wrong is found; what it proves is booked once")
        func reconciles() async throws {
            try await Workbench.with { bench in
                try CommandTests.startSimple(bench)
                let key = try bench.key("billed")
                for round in 0..<12 {
                    let stream = round % 2 == 0 ? "true" : "false"
                    let body =
                        "{\"model\":\"m\",\"stream\":\(stream),\"messages\":[{\"role\":\"user\",\"content\":\"round \(round)\"}]}"
                    #expect(try bench.chat(body, key: key).status == 200)
                }
                let agreed = try Self.reconcile(bench)
                #expect(agreed.status == 0, "\(agreed)")
                #expect(agreed.output.contains("12 attempts agree") && !agreed.output.contains("dispute"), "\(agreed.output)")

                let wrong = try Self.reconcile(bench, defects: "wrong-price:1,missing:1")
                #expect(wrong.status == 1, "\(wrong)")
                #expect(wrong.output.contains("priced-differently") && wrong.output.contains("missing-there"), "\(wrong.output)")

                // An answer that tells no usage is estimated; the invoice knows.
                try bench.fault("no-usage", at: "one", times: 1)
                let silent =
                    #"{"model":"m","messages":[{"role":"user","content":"a b c d e f g h i j k l m n o p, and so on; 1 2 3"}]}"#
                let attempt = try #require(try bench.chat(silent, key: key).headers["x-weir-attempt"])
                let proposals = bench.folder.appending(path: "proposals.csv")
                let proposed = try Self.reconcile(bench, more: ["--propose", proposals.path])
                let lines = try text(proposals).split(separator: "\r\n")
                #expect(lines.count == 2 && lines.last?.contains(attempt) == true, "\(proposed.output) \(lines)")
                let booked = try bench.weir("ledger", "correct", proposals.path, "--config", bench.file.path)
                #expect(booked.status == 0 && booked.output.contains("1 booked"), "\(booked)")
                let again = try bench.weir("ledger", "correct", proposals.path, "--config", bench.file.path)
                #expect(again.output.contains("0 booked, 1 were booked before"), "\(again)")
                let corrected = try Self.reconcile(bench, more: ["--propose", proposals.path])
                #expect(corrected.status == 0, "\(corrected)")
                #expect(try text(proposals).split(separator: "\r\n").count == 1)
                #expect(try bench.weir("ledger", "rebuild", "--data", bench.data.path).status == 0)
            }
        }

        /// Compares what the simulator says it bills with the journal of a Weir that runs.
        private static func reconcile(_ bench: Workbench, defects: String = "", more: [String] = []) throws -> Workbench.Said {
            let query =
                "format=requests&decimals=9&prices=input:1,cached%20input:0.5,output:4"
                + (defects.isEmpty ? "" : "&defects=\(defects)")
            let answer = try Client.once(port: bench.clouds?.adminPort ?? 0, "GET", "/invoice?\(query)")
            guard answer.status == 200 else { throw Obstacle("no invoice: \(answer)") }
            let invoice = bench.folder.appending(path: "invoice.csv")
            try answer.body.write(to: invoice, atomically: true, encoding: .utf8)
            let mapping = bench.folder.appending(path: "mapping")
            try """
            id = request_id
            time = time
            model = model
            endpoint = endpoint
            meter = meter
            quantity = quantity
            amount = amount
            meter.input = input
            meter.cached input = cachedInput
            meter.output = output+reasoning
            rounding = half-up 9 line
            """.write(to: mapping, atomically: true, encoding: .utf8)
            let days = try today(bench)
            return try bench.run(
                [
                    Workbench.binary.path, "ledger", "reconcile", invoice.path, "--mapping", mapping.path, "--from", days.from,
                    "--to", days.to, "--data", bench.data.path, "--config", bench.file.path,
                ] + more)
        }

        /// The days that the test was in: two when it met midnight.
        private static func today(_ bench: Workbench) throws -> (from: String, to: String) {
            let began = try bench.folder.resourceValues(forKeys: [.creationDateKey]).creationDate ?? Date()
            func day(_ date: Date) -> String { String(date.ISO8601Format().prefix(10)) }
            return (day(began), day(Date()))
        }
    }
}
