import Core
import Foundation
import Gateway
import Ledger
import Policy
import Simulator
import Testing

/// Endpoints inside and outside of China, and what the journal and the endpoints themselves know of each attempt.
@Suite("Exports: which attempts count, and what is kept of a person")
struct ExportRoutesTests {
    private static let personal = CallLabels(
        dataClass: "personal", categories: [], subjects: ["CN", "SE"], purposes: ["support"], exportTags: [], clientNarrows: true)

    private static func endpoints(_ places: [String]) -> @Sendable ([String: Int]) -> [Endpoint] {
        { ports in
            places.enumerated().map { .test($1, port: ports[$1] ?? 0, place: $1, priority: $0) }
        }
    }

    private func count(_ weir: Harness) -> ExportCount? { weir.ledger.exports(at: .now()).first?.count }

    @Test("A call that is tried at three endpoints outside is one person, whether its client names it or not")
    func failover() async throws {
        let places = ["SE", "US", "HK"]
        try await Harness.with(
            scenario: FailoverTests.scenario(places), labels: Self.personal, endpoints: Self.endpoints(places)
        ) { weir async throws in
            for name in ["SE", "US"] { try await weir.simulator.setFault(.status(500, code: nil), endpoint: name) }
            #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "HK")
            #expect(count(weir) == ExportCount(persons: 1, sensitivePersons: 0))
            let holds = try weir.holds()
            #expect(holds.map(\.route.endpoint) == places && Set(holds.map(\.exported)).count == 1)
            #expect(try weir.chat(Ask.chat, headers: ["weir-person: a"]).status == 200)
            #expect(try weir.chat(Ask.stream, headers: ["weir-person: a"]).status == 200)
            #expect(count(weir) == ExportCount(persons: 2, sensitivePersons: 0))
            #expect(weir.settles())
        }
    }

    @Test("At an endpoint inside the mainland nobody counts, until the call spills to one outside")
    func spill() async throws {
        let places = ["CN", "SE"]
        try await Harness.with(
            scenario: FailoverTests.scenario(places), labels: Self.personal, endpoints: Self.endpoints(places)
        ) { weir async throws in
            #expect(try weir.chat(Ask.chat, headers: ["weir-person: a"]).header("x-weir-endpoint") == "CN")
            #expect(count(weir) == nil)
            try await weir.simulator.setFault(.status(500, code: nil), endpoint: "CN")
            #expect(try weir.chat(Ask.chat, headers: ["weir-person: a"]).header("x-weir-endpoint") == "SE")
            #expect(count(weir) == ExportCount(persons: 1, sensitivePersons: 0))
            let holds = try weir.holds()
            #expect(holds.map(\.route.endpoint) == ["CN", "CN", "SE"])
            #expect(holds.map { $0.exported != nil } == [false, false, true])
        }
    }

    @Test("What a client narrows decides whether its call counts, and whether as sensitive; a person needs no leave to be named")
    func narrowed() async throws {
        let fixed = TestKey(id: "key_fixed", secret: "weir_fixed", labels: CallLabels(dataClass: "personal", subjects: ["CN"]))
        try await Harness.with(scenario: FailoverTests.scenario(["SE"]), keys: [fixed], labels: Self.personal) {
            weir async throws in
            func ask(_ headers: String..., key: String = Harness.key) throws -> Int {
                try weir.chat(Ask.chat, headers: headers, key: key).status
            }
            #expect(try ask("weir-person: a", "weir-subject: SE") == 200)
            #expect(count(weir) == nil)
            #expect(try ask("weir-person: a", "weir-subject: CN") == 200)
            #expect(count(weir) == ExportCount(persons: 1, sensitivePersons: 0))
            #expect(try ask("weir-person: a", "weir-class: sensitive") == 200)
            #expect(count(weir) == ExportCount(persons: 1, sensitivePersons: 1))
            #expect(try ask("weir-person: b", "weir-categories: health") == 200)
            #expect(count(weir) == ExportCount(persons: 2, sensitivePersons: 2))
            // The same person by another key of the tenant, whose labels are fixed.
            #expect(try ask("weir-person: a", key: "weir_fixed") == 200)
            #expect(try ask("weir-person: c", "weir-subject: SE", key: "weir_fixed") == 403)
            #expect(try ask("weir-person: c", key: "weir_fixed") == 200)
            #expect(count(weir) == ExportCount(persons: 3, sensitivePersons: 2))
        }
    }

    @Test("A call whose person is named badly is refused with 400, reaches nobody and counts nobody")
    func refused() async throws {
        try await Harness.with(scenario: FailoverTests.scenario(["SE"]), labels: Self.personal) { weir async throws in
            let longest = String(repeating: "x", count: 128)
            for (headers, code) in [
                (["weir-person:"], "weir_bad_person"), (["weir-person:   "], "weir_bad_person"),
                (["weir-person: \(longest)x"], "weir_bad_person"), (["weir-person: a b"], "weir_bad_person"),
                (["weir-person: \u{e9}"], "weir_bad_person"), (["weir-person: a", "Weir-Person: a"], "weir_header_repeated"),
                (["weir-person: a", "WEIR-PERSON: b"], "weir_header_repeated"), (["weir-persons: a"], "weir_header_unknown"),
            ] {
                let answer = try weir.chat(Ask.chat, headers: headers)
                #expect(answer.status == 400 && answer.code == code, "\(headers): \(answer)")
                #expect(answer.header("x-should-retry") == "false")
            }
            // A folded line and a control byte are no HTTP.
            for headers in [["weir-person: a", " b"], ["weir-person: a\u{1}"], ["weir-person : a"]] {
                #expect(try weir.chat(Ask.chat, headers: headers).status == 400)
            }
            #expect(weir.simulator.record().isEmpty && count(weir) == nil)
            #expect(try weir.holds().isEmpty)
            #expect(try weir.chat(Ask.chat, headers: ["weir-person: \(longest)"]).status == 200)
        }
    }

    @Test("At a threshold new persons are refused and those that are counted go on; the models stay listed for them")
    func threshold() async throws {
        let policies = """
            @id("lists") permit (principal, action, resource);
            @id("few") forbid (principal, action, resource)
            when { context.subjects.contains("CN") } when { context.exportedPersons > 2 || context.exportedSensitivePersons > 0 };
            """
        try await Harness.with(
            scenario: FailoverTests.scenario(["SE"]), labels: Self.personal, policies: policies
        ) { weir async throws in
            func status(_ headers: String...) throws -> Int { try weir.chat(Ask.stream, headers: headers).status }
            #expect(try weir.get("/v1/models").body.contains("\"m\""))
            #expect(try ["a", "b", "a"].map { try status("weir-person: \($0)") } == [200, 200, 200])
            let refused = try weir.chat(Ask.chat, headers: ["weir-person: c"])
            #expect(refused.status == 403 && refused.code == "weir_policy_denied" && refused.body.contains("few"))
            // Nobody named is somebody new.
            #expect(try status() == 403)
            #expect(try status("weir-person: a") == 200)
            // Counted, but not with sensitive data.
            #expect(try status("weir-person: a", "weir-class: sensitive") == 403)
            // What does not count is not asked.
            #expect(try status("weir-person: c", "weir-subject: SE") == 200)
            #expect(try weir.get("/v1/models").body.contains("\"m\""))
            #expect(count(weir) == ExportCount(persons: 2, sensitivePersons: 0))
            #expect(weir.simulator.record().count == 5)
        }
    }

    @Test("A person's name reaches no endpoint, journal, file, log or metric; its pseudonym is in the hold alone")
    func kept() async throws {
        let capture = LogCapture()
        let script: @Sendable (Int, ReceivedBytes) -> [ScriptedUpstream.Act] = { _, _ in [.send(Say.whole)] }
        try await ScriptedUpstream.with(script) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                labels: Self.personal, log: capture.logger, endpoints: { _ in [.test("raw", port: port)] }
            ) { weir async throws in
                for person in ["CANARY1zq", "CANARY2zq"] {
                    #expect(try weir.chat(Ask.chat, headers: ["weir-person: \(person)"]).status == 200)
                    #expect(try weir.chat(Ask.chat, headers: ["weir-person: \(person) bad"]).status == 400)
                    #expect(try weir.chat("{", headers: ["weir-person: \(person)"]).status == 400)
                }
                #expect(weir.settles())
                weir.ledger.flushRefusals(at: .now())
                let entries = try weir.entries().map { "\($0)" }.joined(separator: "\n")
                var files = ""
                for name in try FileManager.default.contentsOfDirectory(atPath: weir.folder) {
                    let bytes = FileManager.default.contents(atPath: weir.folder + "/" + name) ?? Data()
                    files += String(decoding: bytes.filter { $0 != 0 }, as: UTF8.self)
                }
                let sent = upstream.requests.map { $0.head + $0.body }.joined()
                let metrics = "\(try await weir.gateway.metrics())"
                let log = capture.all.joined(separator: "\n")
                for (place, text) in [
                    ("journal", entries), ("files", files), ("requests", sent), ("metrics", metrics), ("log", log),
                ] {
                    #expect(!text.isEmpty && !text.contains("CANARY"), "in the \(place)")
                    #expect(!text.lowercased().contains("weir-person"), "in the \(place)")
                }
                let exported = try weir.holds().compactMap(\.exported)
                #expect(Set(exported).count == 2 && exported.count == 2)
                for one in exported {
                    #expect(files.contains("\"exported\":{\"person\":\"\(one.person)\"}"))
                    #expect(!(sent + log + metrics).contains(one.person.description))
                }
            }
        }
    }
}
