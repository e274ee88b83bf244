import Foundation
import Glibc
import Testing

extension EndToEnd {
    @Suite("Regions that providers report")
    struct RegionTests {
        private static func azure(_ name: String, _ faults: String = "") -> String {
            "  - {name: \(name), provider: azure, output: 4, models: [m], faults: [\(faults)]}\n"
        }

        private static func configure(_ bench: Workbench, top: String = "") throws {
            let first = bench.endpoint("se", provider: "azure", path: "", models: [("m", "m")], more: "    priority: 1")
            let second = bench.endpoint("other", provider: "azure", path: "", models: [("m", "m")], more: "    priority: 2")
            try bench.configure(bench.configuration(top: top, endpoints: first + second))
        }

        private static func endpoints(_ bench: Workbench, _ words: String...) throws -> Workbench.Said {
            try bench.run([Workbench.binary.path, "endpoints"] + words + ["--config", bench.file.path])
        }

        private static func standings(_ bench: Workbench) throws -> [String: String] {
            let said = try endpoints(bench)
            #expect(said.status == 0, "\(said)")
            let rows = said.output.split(separator: "\n").dropFirst(2).map { $0.split(separator: " ").map(String.init) }
            return Dictionary(rows.map { ($0[0], $0[1]) }) { first, _ in first }
        }

        @Test(
            "The first answer from elsewhere suspends its endpoint: alerted, shown everywhere, over kill -9, until it is resumed")
        func life() async throws {
            try await Workbench.with { bench in
                let hook = try Webhook()
                try bench.play(Self.azure("se", #"{fault: "region:East US 2", from: 3}"#) + Self.azure("other"))
                try Self.configure(bench, top: "alerts: {webhook: \"http://127.0.0.1:\(hook.port)/hook\"}")
                try bench.start()
                let key = try bench.key("k")
                func ask() throws -> String? {
                    let answer = try bench.chat(CommandTests.hello, key: key)
                    #expect(answer.status == 200, "\(answer)")
                    return answer.headers["x-weir-endpoint"]
                }
                #expect(try (0..<3).map { _ in try ask() } == ["se", "se", "se"])
                // Who has the answer has the suspension on disk.
                let weir = try #require(bench.weir)
                weir.signal(SIGKILL)
                #expect(weir.ending(within: 10) == 128 + SIGKILL)
                try bench.start()
                #expect(try (0..<3).map { _ in try ask() } == ["other", "other", "other"])
                #expect(try Self.standings(bench) == ["se": "suspended", "other": "available"])
                let list = try Self.endpoints(bench).output
                #expect(list.contains("it reported East US 2, and its label says SE"), "\(list)")
                #expect(bench.logged.contains("an endpoint reported a region outside of its label and is suspended"))
                #expect(bench.logged.contains("an endpoint is suspended"), "a start says so")

                let explained = try bench.weir("explain", "--key", key.id, "--model", "m", "--config", bench.file.path).output
                #expect(explained.contains("suspended: it reported East US 2"), "\(explained)")
                let metrics = try Client.once(port: bench.adminPort, "GET", "/metrics").body
                let samples = metrics.split(separator: "\n")
                #expect(samples.contains { $0.hasPrefix("weir_endpoint_suspended{weir_endpoint=\"se\"") && $0.hasSuffix(" 1") })
                #expect(
                    samples.contains { $0.hasPrefix("weir_endpoint_suspended{weir_endpoint=\"other\"") && $0.hasSuffix(" 0") })
                #expect(samples.contains { $0.hasPrefix("weir_region_reports_total") && $0.contains("verdict=\"agrees\"} 3") })

                #expect(try Self.endpoints(bench, "resume", "se").status != 0, "a reason is needed")
                #expect(try Self.endpoints(bench, "resume", "other", "--why", "x").status != 0)
                let resumed = try Self.endpoints(bench, "resume", "se", "--why", "support says it was a mistake")
                #expect(resumed.status == 0 && resumed.output == "se is resumed.\n", "\(resumed)")
                #expect(try Self.standings(bench) == ["se": "available", "other": "available"])
                #expect(try ask() == "se", "and says again that it is elsewhere")
                #expect(try ask() == "other")
                #expect(eventually(within: 10) { hook.bodies.contains { $0.contains("weir.suspended") } })
                let told = try #require(hook.bodies.last { $0.contains("weir.suspended") })
                #expect(told.contains("\"region\":\"East US 2\"") && told.contains("\"endpoint\":\"se\""), "\(told)")

                bench.stop()
                try bench.start()
                #expect(try ask() == "other")
                let data = bench.data.path
                #expect(try bench.weir("ledger", "verify", "--data", data).status == 0)
                let rebuilt = try bench.weir("ledger", "rebuild", "--data", data)
                #expect(rebuilt.status == 0 && rebuilt.output.contains("the kept books say the same"), "\(rebuilt)")
            }
        }

        @Test(
            "An administrator suspends and resumes by hand; a reload lifts nothing, also for an endpoint that is gone meanwhile")
        func byHand() async throws {
            try await Workbench.with { bench in
                try bench.play(Self.azure("se") + Self.azure("other"))
                try Self.configure(bench)
                try bench.start()
                let key = try bench.key("k")
                func ask() throws -> Answer { try bench.chat(CommandTests.hello, key: key) }
                #expect(try ask().headers["x-weir-endpoint"] == "se")
                for name in ["se", "other"] {
                    #expect(try Self.endpoints(bench, "suspend", name, "--why", "maintenance").status == 0)
                }
                #expect(try Self.endpoints(bench, "suspend", "se", "--why", "again").errors.contains("suspended already"))
                #expect(try Self.endpoints(bench, "suspend", "nobody", "--why", "x").status != 0)
                #expect(try Self.endpoints(bench, "suspend", "../keys", "--why", "x").status != 0)
                let refused = try ask()
                #expect(refused.status == 503 && refused.code == "weir_no_endpoint_available", "\(refused)")
                let explained = try bench.weir("explain", "--key", key.id, "--model", "m", "--config", bench.file.path).output
                #expect(explained.contains("Refused until `weir endpoints resume`"), "\(explained)")

                // Without `se`, and with it again.
                let both = try text(bench.file)
                let alone = bench.endpoint("other", provider: "azure", path: "", models: [("m", "m")])
                try bench.configure(bench.configuration(endpoints: alone))
                #expect(try bench.weir("reload", "--config", bench.file.path).status == 0)
                #expect(try Self.standings(bench) == ["se": "absent", "other": "suspended"])
                try both.write(to: bench.file, atomically: true, encoding: .utf8)
                #expect(try bench.weir("reload", "--config", bench.file.path).status == 0)
                #expect(try Self.standings(bench) == ["se": "suspended", "other": "suspended"])
                #expect(try ask().status == 503)
                #expect(try Self.endpoints(bench, "resume", "other", "--why", "done").status == 0)
                #expect(try ask().headers["x-weir-endpoint"] == "other")
            }
        }
    }
}
