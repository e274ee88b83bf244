import Foundation
import Glibc
import Testing

extension EndToEnd {
    @Suite("Exports from mainland China")
    struct ExportTests {
        private static let tenants = """
              acme:
                places: any
                operators: any
                models: any
                teams: {one: {}}
                company: {criticalInfrastructure: no}
                labels: {class: personal, categories: [], subjects: [CN], purposes: [support], exportTags: [], clients: narrow}

            """

        private struct Report: Decodable {
            struct Row: Decodable, Equatable {
                var tenant: String
                var persons: Int64
                var sensitivePersons: Int64
                var isAtLeast: Bool
                var path: String
            }

            var year: Int
            var rows: [Row]
        }

        @Test(
            "With the law's rule on, persons are counted once over kill -9, sensitive data wait for a filing, and the report says where the company stands"
        )
        func life() async throws {
            try await Workbench.with { bench in
                try bench.play(CommandTests.clouds(["one"]))
                let endpoints = bench.endpoint("one", models: [("m", "m")])
                try bench.configure(
                    bench.configuration(top: "policy: {rules: [cn.export.count]}", endpoints: endpoints, tenants: Self.tenants))
                try bench.start()
                let key = try bench.key("k")
                func ask(_ headers: String...) throws -> Int {
                    try bench.chat(CommandTests.hello, key: key, headers: headers).status
                }
                func weir(_ words: String...) throws -> Workbench.Said {
                    let said = try bench.run([Workbench.binary.path] + words + ["--config", bench.file.path])
                    #expect(said.status == 0, "\(said)")
                    return said
                }
                func rows() throws -> [Report.Row] {
                    let said = try weir("exports", "--format", "json")
                    return try JSONDecoder().decode(Report.self, from: Data(said.output.utf8)).rows
                }
                #expect(try rows() == [])
                for person in ["customer-17x", "customer-18x", "customer-17x"] {
                    #expect(try ask("weir-person: \(person)") == 200)
                }
                #expect(try ask() == 200)
                let three = Report.Row(tenant: "acme", persons: 3, sensitivePersons: 0, isAtLeast: false, path: "exempt")
                #expect(try rows() == [three])
                // Whoever has an answer is counted, whatever happens to Weir.
                let process = try #require(bench.weir)
                process.signal(SIGKILL)
                #expect(process.ending(within: 10) == 128 + SIGKILL)
                try bench.start()
                #expect(try rows() == [three])
                #expect(try ask("weir-person: customer-18x") == 200)
                #expect(try rows() == [three])

                // One person with sensitive data needs a filing.
                let refused = try bench.chat(
                    CommandTests.hello, key: key, headers: ["weir-person: customer-17x", "weir-class: sensitive"])
                #expect(refused.status == 403 && refused.body.contains("cn.export.count/contract"), "\(refused)")
                #expect(try rows() == [three])
                let explained = try weir("explain", "--key", key.id, "--model", "m").output
                #expect(
                    explained.contains("Admitted") && explained.contains("with this call's: 4, with sensitive data 0"),
                    "\(explained)")
                let sensitive = try weir("explain", "--key", key.id, "--model", "m", "--class", "sensitive").output
                #expect(sensitive.contains("Refused") && sensitive.contains("cn.export.count/contract"), "\(sensitive)")

                // With the filing on record at both ends it goes, and the report says what it rests on.
                try bench.configure(
                    bench.configuration(
                        top: "policy: {rules: [cn.export.count]}",
                        endpoints: bench.endpoint("one", models: [("m", "m")], more: "    records: {cn-standard-contract: SC-1}"),
                        tenants: Self.tenants.replacing(
                            "criticalInfrastructure: no",
                            with: "criticalInfrastructure: no, records: {cn-standard-contract: SC-1}")))
                _ = try weir("reload")
                #expect(try ask("weir-person: customer-17x", "weir-class: sensitive") == 200)
                let now = Report.Row(tenant: "acme", persons: 3, sensitivePersons: 1, isAtLeast: false, path: "contract")
                #expect(try rows() == [now])
                #expect(try weir("exports", "--format", "csv").output.hasSuffix(",3,1,contract\r\n"))
                let table = try weir("exports").output
                #expect(table.contains("acme") && table.contains("no legal advice"), "\(table)")
                #expect(
                    try weir("exports", "--year", "2020", "--format", "csv").output == "tenant,year,persons,sensitive,reached\r\n"
                )
                #expect(try bench.weir("exports", "--year", "20", "--config", bench.file.path).status != 0)

                let token = try text(bench.data.appending(path: "admin.token")).trimmingCharacters(in: .whitespacesAndNewlines)
                let metrics = try Client.once(
                    port: bench.adminPort, "GET", "/metrics", headers: ["Authorization: Bearer \(token)"])
                #expect(metrics.body.contains("weir_exported_persons{tenant=\"acme\"} 3\n"))
                #expect(metrics.body.contains("weir_exported_sensitive_persons{tenant=\"acme\"} 1\n"))
                #expect(try !Client.once(port: bench.adminPort, "GET", "/metrics").body.contains("weir_exported_persons{"))
                bench.stop()
                let made = try bench.weir("ledger", "rebuild", "--data", bench.data.path)
                #expect(made.status == 0 && made.output.contains("the kept books say the same"), "\(made)")
                let found = try bench.run(["/usr/bin/grep", "-rlaF", "-e", "customer-1", bench.data.path, bench.log.path])
                #expect(found.status == 1 && found.output.isEmpty, "found in \(found.output)")
                let mode = try bench.run(["/usr/bin/stat", "-c", "%a", bench.data.appending(path: "tenant-key").path])
                #expect(mode.lastLine == "600")
            }
        }
    }
}
