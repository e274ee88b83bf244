import Core
import Foundation
import Gateway
import Ledger
import Policy
import Simulator
import Testing

/// Two endpoints, SE first, and a key for personal data of people in Sweden or China, whose clients may narrow.
private enum Border {
    static let policies = """
        @id("lists") permit (principal, action, resource);
        @id("cn-stays") forbid (principal, action, resource)
        when { context.dataClass in DataClass::"personal" && context.subjects.contains("CN") }
        unless { ["CN"].containsAll(resource.processedIn) && ["CN"].containsAll(resource.storedIn) };
        @id("sensitive-in-eu") forbid (principal, action, resource)
        when { context.dataClass in DataClass::"sensitive" }
        unless { Zone::"EU".countries.containsAll(resource.processedIn) };
        """

    static let labels = CallLabels(
        dataClass: "internal", categories: [], subjects: ["SE", "CN"], purposes: ["support", "research"], exportTags: [],
        clientNarrows: true)

    static func endpoints(_ ports: [String: Int]) -> [Endpoint] {
        zip(["SE", "CN"], [1, 2]).map { place, priority in
            var made = Endpoint.test(place, port: ports[place] ?? 0, models: ["m"], priority: priority)
            made.labels = Labels(
                processedIn: [place], storedIn: [place], operator: "Op", operatorCountry: place, trains: .never,
                retentionDays: 0)
            return made
        }
    }
}

@Suite("Policies on the data path")
struct PolicyJudgingTests {
    @Test("A call goes where policies let its labels go, and its hold names the policies, the set and the labels")
    func placed() async throws {
        try await Harness.with(
            scenario: FailoverTests.scenario(["SE", "CN"]), labels: Border.labels, policies: Border.policies,
            endpoints: Border.endpoints
        ) { weir async throws in
            #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "SE")
            let narrowed = try weir.chat(Ask.chat, headers: ["weir-class: personal", "weir-subject: CN"])
            #expect(narrowed.header("x-weir-endpoint") == "CN")
            #expect(try weir.chat(Ask.chat, headers: ["weir-class: personal"]).header("x-weir-endpoint") == "CN")
            let swede = try weir.chat(Ask.stream, headers: ["weir-class: personal", "weir-subject: SE", "weir-purpose: support"])
            #expect(swede.header("x-weir-endpoint") == "SE")
            let nowhere = try weir.chat(Ask.chat, headers: ["weir-class: sensitive", "weir-subject: CN"])
            #expect(nowhere.status == 403 && nowhere.code == "weir_policy_denied")
            #expect(nowhere.body.contains("cn-stays") && nowhere.body.contains("sensitive-in-eu"))
            let holds = try weir.holds()
            #expect(holds.map(\.route.endpoint) == ["SE", "CN", "CN", "SE"])
            for hold in holds {
                let judged = try #require(hold.judged)
                #expect(judged.by == ["lists"] && judged.policy == "00112233445566778899aabbccddeeff")
            }
            #expect(holds[1].judged?.labels.subjects == ["CN"] && holds[1].judged?.labels.dataClass == "personal")
            #expect(holds[3].judged?.labels.purposes == ["support"])
            #expect(weir.settles())
        }
    }

    @Test("Failover goes only where the call may go, though another endpoint is well")
    func failover() async throws {
        try await Harness.with(
            scenario: FailoverTests.scenario(["SE", "CN"]), labels: Border.labels, policies: Border.policies,
            endpoints: Border.endpoints
        ) { weir async throws in
            let personal = ["weir-class: personal", "weir-subject: CN"]
            try await weir.simulator.setFault(.status(500, code: nil), endpoint: "CN")
            for _ in 0..<3 { #expect(try weir.chat(Ask.chat, headers: personal).status >= 500) }
            #expect(!weir.simulator.record().contains { $0.endpoint == "SE" })
            try await weir.simulator.setFault(.status(500, code: nil), endpoint: "SE")
            try await weir.simulator.setFault(nil, endpoint: "CN")
            #expect(weir.settles())
        }
    }

    @Test("Headers of a client that are doubled, unknown, empty or odd are refused, and none of them widens")
    func tricks() async throws {
        try await Harness.with(
            scenario: FailoverTests.scenario(["SE", "CN"]), labels: Border.labels, policies: Border.policies,
            endpoints: Border.endpoints
        ) { weir async throws in
            let cases: [([String], Int, String)] = [
                (["weir-class: personal", "weir-class: public"], 400, "weir_header_repeated"),
                (["weir-class: personal", "WEIR-CLASS: personal"], 400, "weir_header_repeated"),
                (["weir-clas: personal"], 400, "weir_header_unknown"), (["Weir-Region: SE"], 400, "weir_header_unknown"),
                (["weir-class:"], 400, "weir_header_bad"), (["weir-class: pers\u{e9}nal"], 400, "weir_header_bad"),
                (["weir-class: personal\tx"], 400, "weir_header_bad"),
                (["weir-categories: health,,financial"], 400, "weir_header_bad"),
                (["weir-categories: health,health"], 400, "weir_header_bad"),
                (["weir-class: \(String(repeating: "a", count: 1_025))"], 400, "weir_header_bad"),
                (["weir-class: public"], 403, "weir_label_refused"), (["weir-class: PERSONAL"], 403, "weir_label_refused"),
                (["weir-class: %70ersonal"], 403, "weir_label_refused"), (["weir-subject: DE"], 403, "weir_label_refused"),
                (["weir-subject: SE,CN"], 403, "weir_label_refused"), (["weir-subject: anywhere"], 403, "weir_label_refused"),
                (["weir-purpose: sales"], 403, "weir_label_refused"), (["weir-categories: helth"], 403, "weir_label_refused"),
                (["weir-export-tags: a b"], 403, "weir_label_refused"),
            ]
            for (headers, status, code) in cases {
                let answer = try weir.chat(Ask.chat, headers: headers)
                #expect(answer.status == status && answer.code == code, "\(headers): \(answer)")
            }
            // A folded line is no header at all.
            #expect(try weir.chat(Ask.chat, headers: ["weir-class: personal\r\n public"]).status == 400)
            #expect(weir.simulator.record().isEmpty)
            #expect(try weir.chat(Ask.chat, headers: ["  weir-class: personal"]).status == 400)
            // White space around and the case of a name are nothing.
            let well = try weir.chat(Ask.chat, headers: ["WeIr-ClAsS:   personal  ", "weir-subject:SE"])
            #expect(well.status == 200 && well.header("x-weir-endpoint") == "SE")
        }
    }

    @Test("A client of a key whose labels are fixed may claim nothing, and what is unknown of a key stays so")
    func fixed() async throws {
        var labels = Border.labels
        labels.clientNarrows = nil
        try await Harness.with(
            scenario: FailoverTests.scenario(["SE", "CN"]), labels: labels, policies: Border.policies,
            endpoints: Border.endpoints
        ) { weir async throws in
            let answer = try weir.chat(Ask.chat, headers: ["weir-class: personal"])
            #expect(answer.status == 403 && answer.code == "weir_label_refused" && answer.body.contains("fixed"))
            #expect(weir.simulator.record().isEmpty)
        }
        try await Harness.with(
            scenario: FailoverTests.scenario(["SE", "CN"]), labels: CallLabels(clientNarrows: true),
            policies: Border.policies, endpoints: Border.endpoints
        ) { weir async throws in
            let silent = try weir.chat(Ask.chat)
            #expect(silent.status == 403 && silent.code == "weir_policy_denied" && silent.body.contains("unknown"))
            for claim in ["weir-class: public", "weir-subject: SE", "weir-purpose: x", "weir-export-tags: x"] {
                #expect(try weir.chat(Ask.chat, headers: [claim]).code == "weir_label_refused")
            }
            #expect(weir.simulator.record().isEmpty)
        }
    }

    @Test("GET /v1/models lists what policies let the key use")
    func models() async throws {
        let none = Border.policies + #"@id("off") forbid (principal, action, resource) when { context.model == Model::"m" };"#
        try await Harness.with(
            scenario: FailoverTests.scenario(["SE", "CN"]), labels: Border.labels, policies: none, endpoints: Border.endpoints
        ) { weir async throws in
            let client = try RawClient(port: weir.port)
            try client.send("GET /v1/models HTTP/1.1\r\nHost: w\r\napi-key: \(Harness.key)\r\n\r\n")
            #expect(try client.answer().body == #"{"object":"list","data":[]}"#)
        }
    }
}
