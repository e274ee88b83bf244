import Core
import Foundation
import Glibc
import Testing

extension EndToEnd {
    @Suite("Drills")
    struct DrillTests {
        private struct Report: Decodable, Equatable {
            struct Spread: Decodable, Equatable { var p50, p95: Double }
            struct Time: Decodable, Equatable {
                var calls, unknown: Int
                var was, would: Spread?
            }
            struct Cost: Decodable, Equatable { var was, ofAnswered, would, difference: String }
            struct Refused: Decodable, Equatable {
                var reason, detail: String
                var calls: Int
            }
            struct Answered: Decodable, Equatable {
                var endpoint: String
                var calls: Int
            }
            struct Line: Decodable, Equatable {
                var tenant, model: String
                var calls, kept, moved, refused, unanswered: Int
                var refusals: [Refused]
                var answeredAt: [Answered]
                var cost: Cost
                var time, firstToken: Time
            }
            struct Gone: Decodable, Equatable { var endpoint, because: String }

            var without: [Gone]
            var mode: String
            var lines: [Line]
            var total: Line
            var notes: [String]

            func line(_ tenant: String, _ model: String) throws -> Line {
                guard let line = lines.first(where: { $0.tenant == tenant && $0.model == model }) else {
                    throw Obstacle("no line of \(tenant) and \(model)")
                }
                return line
            }

            /// Every call is kept, moved or refused, in each line and in all of them together.
            var isConserved: Bool {
                (lines + [total]).allSatisfy { $0.calls == $0.kept + $0.moved + $0.refused }
                    && lines.reduce(0) { $0 + $1.calls } == total.calls && lines.reduce(0) { $0 + $1.refused } == total.refused
            }
        }

        /// Sweden is fast and cheap, Qwen three times as dear; `q` is served by Qwen alone, `n` by Sweden alone. What beta asks stays in Europe.
        private static let scenario = """
              - {name: sweden, provider: azure, credential: sim, output: 5..16, models: [m, n]}
              - {name: qwen, provider: dashscope, credential: sim, firstToken: 120ms, pace: 400, output: 5..16, models: [m, q]}

            """

        private func configuration(_ bench: Workbench, pace: String = "") throws -> String {
            let ports = try #require(bench.clouds).ports
            let top = """
                policy: {files: [house.cedar]}
                """
            let sweden = """
                  sweden:
                    provider: azure
                    url: http://127.0.0.1:\(ports["sweden"] ?? 0)
                    apiVersion: v1
                    credential: {env: SIM}
                    models: {m: {price: round, maxOutput: 64}, n: {price: round, maxOutput: 64}}
                    processedIn: [SE]
                    storedIn: [SE]
                    operator: Microsoft
                  qwen:
                    provider: dashscope
                    url: http://127.0.0.1:\(ports["qwen"] ?? 0)/compatible-mode/v1
                    credential: {env: SIM}
                    models: {m: {price: dear, maxOutput: 64}, q: {price: dear, maxOutput: 64}}
                    processedIn: [CN]
                    storedIn: [CN]
                    operator: Alibaba
                    priority: 2
                    \(pace)
                """
            let policies = """
                @id("lists") permit (principal, action, resource);
                @id("beta-stays") forbid (principal in Tenant::"beta", action, resource) unless { ["SE"].containsAll(resource.processedIn) };
                """
            try policies.write(to: bench.folder.appending(path: "house.cedar"), atomically: true, encoding: .utf8)
            return bench.configuration(
                top: top, endpoints: sweden,
                tenants: ["acme", "beta"].map { "  \($0): {places: any, operators: any, models: any, teams: {one: {}}}\n" }
                    .joined()
            ).replacing(
                "  free:", with: "  dear: [{from: 2020-01-01, input: \"3\", cachedInput: \"1.5\", output: \"12\"}]\n  free:")
        }

        private func drill(_ bench: Workbench, _ words: String...) throws -> Report {
            let said = try bench.run(
                [Workbench.binary.path, "drill", "--config", bench.file.path, "--since", "1h", "--json"] + words)
            guard said.status == 0 else { throw Obstacle("\(said)") }
            return try JSONDecoder().decode(Report.self, from: Data(said.output.utf8))
        }

        private func call(
            _ bench: Workbench, _ key: Workbench.Key, _ model: String, _ id: String, words: Int, stream: Bool = false
        ) throws {
            let content = String(repeating: "water ", count: words)
            let answer = try bench.chat(
                "{\"model\":\"\(model)\",\"max_tokens\":32\(stream ? ",\"stream\":true" : ""),"
                    + "\"messages\":[{\"role\":\"user\",\"content\":\"\(content)\"}]}",
                key: key, headers: ["x-request-id: \(id)"])
            #expect(answer.status == 200 && answer.isWhole, "\(answer)")
        }

        /// What the clouds billed for the calls whose ids begin so, at prices a token in nano-dollars.
        private func billed(_ received: [Received], _ begin: String, _ input: Int64, _ output: Int64) -> Int64 {
            received.filter { $0.requestID?.hasPrefix(begin) == true && $0.status == 200 }
                .reduce(0) { $0 + $1.billedInput * input + $1.billedOutput * output }
        }

        private func dollars(_ nanos: Int64) -> String { Money(nanos: nanos).description }

        /// 34 calls of two tenants: 12 of acme for m, the third of which sweden did not answer; 9 of beta for m; 7 for n, 6 for q.
        private func traffic(_ bench: Workbench, _ acme: Workbench.Key, _ beta: Workbench.Key) throws {
            for number in 0..<12 {
                if number == 2 { try bench.fault("status:503", at: "sweden", times: 1) }
                try call(bench, acme, "m", "acme-m-\(number)", words: 3 + number * 7, stream: number % 2 == 0)
            }
            for number in 0..<9 { try call(bench, beta, "m", "beta-m-\(number)", words: 2 + number * 5) }
            for number in 0..<7 { try call(bench, acme, "n", "acme-n-\(number)", words: 40) }
            for number in 0..<6 { try call(bench, acme, "q", "acme-q-\(number)", words: 5 + number, stream: true) }
        }

        @Test(
            "A drill without Azure says who is refused and why, and what the rest costs to the nano-dollar, beside a Weir that runs and after it was killed, and changes nothing"
        )
        func computed() async throws {
            try await Workbench.with { bench in
                try bench.play(Self.scenario)
                try bench.configure(try configuration(bench))
                let weir = try bench.start(environment: ["SIM": "sim"])
                let (acme, beta) = (try bench.key("a"), try bench.key("b", tenant: "beta"))
                let empty = try bench.weir("drill", "--config", bench.file.path, "--without", "azure")
                #expect(empty.status == 0 && empty.output.contains(" has no call from "), "\(empty)")
                try traffic(bench, acme, beta)
                #expect(try eventually(within: 10) { try drill(bench, "--without", "azure").total.unanswered == 0 })
                let report = try drill(bench, "--without", "azure")
                let received = try bench.received()
                #expect(!report.notes.contains { $0.contains("before sizes were journalled") }, "\(report.notes)")
                #expect(report.isConserved && report.mode == "computed" && report.without.map(\.endpoint) == ["sweden"])
                #expect(
                    report.total.calls == 34 && report.total.kept == 7 && report.total.moved == 11 && report.total.refused == 16)

                let moved = try report.line("acme", "m")
                // The one that sweden did not answer then was answered by qwen, and is again.
                #expect(moved.kept == 1 && moved.moved == 11 && moved.answeredAt.map(\.endpoint) == ["qwen"])
                let kept = billed(received, "acme-m-2", 3_000, 12_000)
                let (was, would) = (
                    billed(received, "acme-m-", 1_000, 4_000) - kept / 3, billed(received, "acme-m-", 3_000, 12_000) - kept
                )
                #expect(moved.cost.was == dollars(was + kept), "\(moved.cost)")
                #expect(moved.cost.would == dollars(would + kept), "\(moved.cost)")
                #expect(moved.cost.difference == dollars(would - was) && moved.cost.ofAnswered == moved.cost.was)
                // Of qwen's speed with m one stream has shown something, so nothing is unknown.
                #expect(moved.time.calls == 12 && moved.time.unknown == 0 && moved.firstToken.calls == 6)
                #expect((moved.time.would?.p50 ?? 0) > 100 && (moved.firstToken.would?.p50 ?? 0) >= 100)
                #expect((moved.time.was?.p50 ?? 1_000) < 100)

                let stays = try report.line("beta", "m")
                #expect(
                    stays.refused == 9 && stays.cost.would == "0.00"
                        && stays.cost.was == dollars(billed(received, "beta-m-", 1_000, 4_000)))
                #expect(stays.refusals.map(\.reason) == ["policy"])
                #expect(stays.refusals.first?.detail == "qwen: forbidden by policy beta-stays")
                #expect(try report.line("acme", "n").refusals.map(\.reason) == ["no endpoint"])
                let same = try report.line("acme", "q")
                #expect(same.kept == 6 && same.cost.was == same.cost.would && same.cost.difference == "0.00")
                #expect(same.cost.was == dollars(billed(received, "acme-q-", 3_000, 12_000)))

                let again = try drill(bench, "--without", "azure")
                #expect(again.lines == report.lines && again.total == report.total)

                // Other words for the same, one tenant alone, the table, and words that fit nothing.
                #expect(try drill(bench, "--without", "operator:Microsoft").total.refused == 16)
                #expect(try drill(bench, "--without", "SE").total.moved == 11)
                // All of q, and the one that sweden did not answer.
                #expect(try drill(bench, "--without", "qwen").total.refused == 7)
                #expect(try drill(bench, "--without", "azure,qwen").total.refused == 34)
                let one = try drill(bench, "--without", "azure", "--tenant", "beta")
                #expect(one.lines.map(\.tenant) == ["beta"] && one.total.calls == 9)
                let table = try bench.weir("drill", "--config", bench.file.path, "--without", "azure", "--since", "1h")
                #expect(table.status == 0 && table.output.contains("34 calls: 7 kept, 11 moved, 16 refused."), "\(table)")
                #expect(table.output.contains("qwen: forbidden by policy beta-stays"))
                let nothing = try bench.weir("drill", "--config", bench.file.path, "--without", "azur")
                #expect(nothing.status != 0 && nothing.errors.contains("providers azure, dashscope"), "\(nothing)")
                #expect(try bench.weir("drill", "--config", bench.file.path, "--without", "azure", "--since", "soon").status != 0)

                // Killed, with the beginning of a write that never came to its end: all that is whole is told.
                weir.signal(SIGKILL)
                _ = weir.ending(within: 10)
                let journal = bench.data.appending(path: "journal")
                func written() throws -> [Data] {
                    try FileManager.default.contentsOfDirectory(atPath: journal.path).filter { $0.hasPrefix("segment-") }.sorted()
                        .map { try Data(contentsOf: journal.appending(path: $0)) }
                }
                let before = try written()
                #expect(try drill(bench, "--without", "azure").lines == report.lines)
                #expect(try written() == before && before.count == 1)
                try tearTail(journal)
                let torn = try drill(bench, "--without", "azure")
                #expect(torn.isConserved && torn.total.calls == 34 && torn.total.cost.would == report.total.cost.would)
                // What was written and is another now is no journal any more, and no figure is made of it.
                try changeAnEntry(journal)
                let changed = try bench.weir("drill", "--config", bench.file.path, "--without", "azure", "--since", "1h")
                #expect(
                    changed.status != 0 && changed.output.isEmpty && changed.errors.contains("the journal is damaged"),
                    "\(changed)")
            }
        }

        private func changeNewestSegment(_ folder: URL, _ body: (inout [UInt8], _ last: Int) -> Void) throws {
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("segment-") }
            let file = folder.appending(path: try #require(names.max()))
            var bytes = [UInt8](try Data(contentsOf: file))
            body(&bytes, try #require(bytes.lastIndex { $0 != 0 }))
            try Data(bytes).write(to: file)
        }

        /// The file ends within a sector that is no batch.
        private func tearTail(_ folder: URL) throws {
            try changeNewestSegment(folder) { bytes, last in
                bytes.removeSubrange((last / 512 * 512 + 512)...)
                bytes += Array(repeating: UInt8(ascii: "B"), count: 100)
            }
        }

        /// In the middle of what was acknowledged.
        private func changeAnEntry(_ folder: URL) throws {
            try changeNewestSegment(folder) { bytes, last in bytes[last / 2] ^= 0x55 }
        }

        @Test("An endpoint that takes five requests a minute takes five of what comes to it, and what it had before counts too")
        func quota() async throws {
            try await Workbench.with { bench in
                try bench.play(Self.scenario)
                try bench.configure(try configuration(bench))
                try bench.start(environment: ["SIM": "sim"])
                let acme = try bench.key("a")
                for number in 0..<3 { try call(bench, acme, "q", "q-\(number)", words: 3) }
                for number in 0..<8 { try call(bench, acme, "m", "m-\(number)", words: 3) }
                #expect(try eventually(within: 10) { try drill(bench, "--without", "azure").total.unanswered == 0 })
                #expect(try drill(bench, "--without", "azure").total.moved == 8)
                // Of what is left, as it is to be: five a minute, three of which q uses.
                try bench.configure(try configuration(bench, pace: "pace: {requests: 5}"))
                let narrow = try drill(bench, "--without", "azure")
                #expect(narrow.isConserved && narrow.total.kept == 3 && narrow.total.moved == 2 && narrow.total.refused == 6)
                #expect(try narrow.line("acme", "m").refusals.map(\.reason) == ["quota"])
                // Played, it is Weir's own quota that refuses.
                let played = try drill(
                    bench, "--without", "azure", "--scenario", bench.folder.appending(path: "clouds.yaml").path, "--speed", "1")
                #expect(played.isConserved && played.total.kept == 3 && played.total.moved == 2 && played.total.refused == 6)
                #expect(try played.line("acme", "m").refusals.map(\.reason) == ["quota"])
            }
        }

        @Test(
            "The residency example without Azure: what is about Swedes has nowhere to go, by the policy's name, and the rest fits into China, computed and played alike"
        )
        func residency() async throws {
            try await Workbench.with { bench in
                let example = Workbench.repository.appending(path: "examples/residency")
                let clouds = try text(example.appending(path: "clouds.yaml"))
                let endpoints = try #require(clouds.components(separatedBy: "endpoints:\n").last)
                    .split(separator: "\n").filter { !$0.contains("port:") }.joined(separator: "\n")
                let ports = try bench.play(endpoints + "\n").ports
                var weir = try text(example.appending(path: "weir.yaml"))
                for (old, new) in [
                    ("127.0.0.1:18111", "127.0.0.1:\(ports["azure-sweden"] ?? 0)"),
                    ("127.0.0.1:18112", "127.0.0.1:\(ports["azure-global"] ?? 0)"),
                    ("127.0.0.1:18113", "127.0.0.1:\(ports["qwen-beijing"] ?? 0)"),
                    ("127.0.0.1:8090", "127.0.0.1:\(bench.callsPort)"),
                    ("127.0.0.1:8091", "127.0.0.1:\(bench.adminPort)"), ("../../.weir/residency", "data"),
                ] { weir = weir.replacing(old, with: new) }
                try bench.configure(weir)
                try FileManager.default.copyItem(
                    at: example.appending(path: "residency.cedar"), to: bench.folder.appending(path: "residency.cedar"))
                let places = ["WEIR_SHARE": Workbench.repository.appending(path: "share").path, "WEIR_SIM_KEY": "simulated"]
                try bench.start(environment: places)
                let (support, engineering) = (try bench.key("s", team: "support"), try bench.key("e", team: "engineering"))
                for number in 0..<18 {
                    let subject = number % 3 == 0 ? [] : ["weir-subject: \(number % 3 == 1 ? "SE" : "CN")"]
                    let body = #"{"model":"assistant","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#
                    #expect(
                        try bench.chat(body, key: number % 3 == 0 ? engineering : support, headers: subject).status == 200)
                }
                func drill(_ words: String...) throws -> Report {
                    let said = try bench.run(
                        [Workbench.binary.path, "drill", "--config", bench.file.path, "--json", "--without", "azure"] + words,
                        environment: ["WEIR_SHARE": places["WEIR_SHARE"] ?? ""])
                    guard said.status == 0 else { throw Obstacle("\(said)") }
                    return try JSONDecoder().decode(Report.self, from: Data(said.output.utf8))
                }
                #expect(try eventually(within: 10) { try drill().total.unanswered == 0 })
                for report in [
                    try drill(), try drill("--scenario", bench.folder.appending(path: "clouds.yaml").path, "--speed", "1"),
                ] {
                    #expect(report.isConserved && report.without.map(\.endpoint) == ["azure-global", "azure-sweden"])
                    #expect(report.total.kept == 6 && report.total.moved == 6 && report.total.refused == 6, "\(report.total)")
                    #expect(report.total.answeredAt == [.init(endpoint: "qwen-beijing", calls: 12)])
                    #expect(
                        report.total.refusals == [
                            .init(reason: "policy", detail: "qwen-beijing: forbidden by policy europe-stays", calls: 6)
                        ])
                }
            }
        }

        @Test(
            "Played against the simulator, calls go where the computed drill sends them, are refused by the same policy and charged the same, and their times are the simulator's"
        )
        func played() async throws {
            try await Workbench.with { bench in
                try bench.play(Self.scenario)
                try bench.configure(try configuration(bench))
                try bench.start(environment: ["SIM": "sim"])
                let (acme, beta) = (try bench.key("a"), try bench.key("b", tenant: "beta"))
                try traffic(bench, acme, beta)
                #expect(try eventually(within: 10) { try drill(bench, "--without", "azure").total.unanswered == 0 })
                let before = try bench.received().count
                let clouds = bench.folder.appending(path: "clouds.yaml").path
                let computed = try drill(bench, "--without", "azure")
                let played = try drill(bench, "--without", "azure", "--scenario", clouds, "--speed", "2")
                #expect(played.isConserved && played.mode == "played")
                for line in computed.lines {
                    let other = try played.line(line.tenant, line.model)
                    #expect(other.calls == line.calls && other.kept == line.kept && other.moved == line.moved, "\(other)")
                    #expect(other.refusals.map(\.reason) == line.refusals.map(\.reason))
                    #expect(other.refusals.map(\.detail) == line.refusals.map(\.detail))
                    // As many tokens in and out as were counted then, at the same prices.
                    #expect(other.cost.would == line.cost.would, "\(line.tenant) \(line.model)")
                }
                // The first token takes 120 ms there, played in 60.
                let first = try #require(try played.line("acme", "m").firstToken.would)
                #expect(first.p50 >= 119 && first.p50 < 1_000, "\(first)")
                #expect(try bench.received().count == before, "the drill asked the clouds that run")
                let missing = try bench.weir(
                    "drill", "--config", bench.file.path, "--without", "azure", "--since", "1h", "--scenario",
                    bench.folder.appending(path: "none.yaml").path)
                #expect(missing.status != 0 && missing.errors.contains("none.yaml"), "\(missing)")
                try "endpoints: [{name: qwen, provider: dashscope, models: [q]}]".write(
                    toFile: bench.folder.appending(path: "half.yaml").path, atomically: true, encoding: .utf8)
                let half = try bench.weir(
                    "drill", "--config", bench.file.path, "--without", "azure", "--since", "1h", "--scenario",
                    bench.folder.appending(path: "half.yaml").path)
                #expect(half.status != 0 && half.errors.contains("m at qwen"), "\(half)")
            }
        }
    }
}
