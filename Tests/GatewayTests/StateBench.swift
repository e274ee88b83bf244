import Core
import Foundation
import Gateway
import Ledger
import Policy
import Simulator
import Testing

/// A Weir with two tenants and two endpoints that keep state, `one` first.
struct StateBench {
    static let cap: Int64 = 5_000
    static let otherKey = TestKey(id: "key_other", secret: "weir_test_other_tenant", tenant: "globex")

    static let scenario = """
        endpoints:
          - name: one
            provider: openai
            output: 8
            models: [up-m, up-n]
          - name: two
            provider: openai
            output: 8
            models: [up-m]
        """

    let weir: Harness

    static func with(
        scenario: String = StateBench.scenario, limit: Money? = Money(dollars: "1000"), keys: [TestKey] = [],
        labels: CallLabels = .unknown, policies: String? = nil, threads: Int = 2, disk: SwitchedDisk = SwitchedDisk(),
        state: KeptState? = KeptState(maxTokens: StateBench.cap, allowsConversations: true),
        endpoints make: (@Sendable ([String: Int]) -> [Endpoint])? = nil,
        _ body: (StateBench) async throws -> Void
    ) async throws {
        let globex = TenantPolicy(tenant: "globex", teams: ["team"], places: .any, operators: .any, models: .any)
        try await Harness.with(
            scenario: scenario, limit: limit, tenants: [globex], keys: [otherKey] + keys, labels: labels, policies: policies,
            threads: threads, disk: disk,
            endpoints: make ?? { Self.endpoints($0, state: state) }
        ) { weir async throws in try await body(StateBench(weir: weir)) }
    }

    static func endpoints(_ ports: [String: Int], state: KeptState?) -> [Endpoint] {
        ports.sorted { $0.key < $1.key }.enumerated().map { index, port in
            .test(
                port.key, port: port.value, provider: .openai, models: port.key == "one" ? ["m", "n"] : ["m"],
                priority: index + 1, state: state)
        }
    }

    /// One answer of the Responses API.
    struct Reply {
        var raw: RawAnswer
        /// The response object: the answer, or that of a stream's last event.
        var object: [String: Any]

        var id: String { object["id"] as? String ?? "" }
        var previous: String? { object["previous_response_id"] as? String }
        var inputTokens: Int { (object["usage"] as? [String: Any])?["input_tokens"] as? Int ?? -1 }
        var outputTokens: Int { (object["usage"] as? [String: Any])?["output_tokens"] as? Int ?? -1 }
        var endpoint: String? { raw.header("x-weir-endpoint") }
        var rewrites: Set<String> {
            Set((raw.header("x-weir-rewrites") ?? "").components(separatedBy: ", ").filter { !$0.isEmpty })
        }
    }

    func respond(
        _ members: String = "", model: String = "m", stream: Bool = false, headers: [String] = [], key: String = Harness.key
    ) throws -> Reply {
        let body =
            #"{"model":"\#(model)","input":"hello there""# + (stream ? #","stream":true"# : "")
            + (members.isEmpty ? "" : "," + members) + "}"
        let raw = try weir.chat(body, path: "/v1/responses", headers: headers, key: key)
        let text = stream && raw.status == 200 ? Self.events(raw.body).last ?? "" : raw.body
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
        return Reply(raw: raw, object: stream && raw.status == 200 ? object["response"] as? [String: Any] ?? [:] : object)
    }

    func respond(
        after previous: String, model: String = "m", stream: Bool = false, headers: [String] = [], key: String = Harness.key
    ) throws -> Reply {
        try respond(
            #""previous_response_id":"\#(previous)""#, model: model, stream: stream, headers: headers, key: key)
    }

    static func events(_ body: String) -> [String] {
        body.components(separatedBy: "\n").filter { $0.hasPrefix("data: ") }.map { String($0.dropFirst(6)) }
    }

    /// What the endpoints were asked, the latest last.
    var asked: [ReceivedRequest] { weir.simulator.record() }

    /// Delivers another configuration, as a reload does.
    func reload(_ generation: UInt64, endpoints: [Endpoint], tenants: [TenantPolicy]? = nil) async throws {
        let tenants = tenants ?? weir.tenants
        let catalogue = Catalogue(generation: generation, endpoints: endpoints, tenants: tenants)
        var entries: [KeyDigest: KeyEntry] = [:]
        for key in weir.ledger.keys {
            entries[key.record.secrets[0].digest] = KeyEntry(
                record: key.record, account: key.index, in: catalogue, expires: nil)
        }
        let snapshot = Snapshot(
            catalogue: catalogue, prices: weir.prices, limits: weir.limits, keys: entries, board: weir.board)
        try await weir.gateway.install(snapshot, board: weir.board)
    }
}

extension RawAnswer {
    /// All of it but what names this one call.
    var withoutNames: String {
        let kept = headers.filter { $0.name != "x-request-id" }.map { "\($0.name): \($0.value)" }
        return "\(status) \(isWhole) \(kept) \(body)"
    }
}
