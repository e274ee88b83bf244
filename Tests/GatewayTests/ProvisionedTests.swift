import Core
import Foundation
import Gateway
import Ledger
import Policy
import Simulator
import Testing

@Suite("Provisioned throughput at Azure")
struct ProvisionedTests {
    /// A provisioned deployment that takes short prompts, and a standard one in another resource.
    private static func scenario(spareMax: Int? = nil) -> String {
        """
        endpoints:
          - { name: ptu, provider: azure, output: 6, models: [{ name: up-m, inputMax: 40 }] }
          - { name: payg, provider: azure, output: 6, models: [{ name: up-m\(spareMax.map { ", inputMax: \($0)" } ?? "") }] }
        """
    }

    private static func with(
        spareMax: Int? = nil, sparePlace: Place = "SE", tenant: TenantPolicy = .test, _ body: (Harness) async throws -> Void
    ) async throws {
        try await Harness.with(
            scenario: scenario(spareMax: spareMax), tenant: tenant,
            endpoints: { ports in
                var ptu = Endpoint.test("ptu", port: ports["ptu"] ?? 0, provider: .azure, basePath: "")
                ptu.isReserved = true
                return [
                    ptu,
                    .test("payg", port: ports["payg"] ?? 0, provider: .azure, basePath: "", place: sparePlace),
                ]
            }, body)
    }

    private static func long(stream: Bool) -> String {
        let words = Array(repeating: "word", count: 60).joined(separator: " ")
        return #"{"model":"m","stream":\#(stream),"messages":[{"role":"user","content":"\#(words)"}]}"#
    }

    @Test("A full deployment rests as long as retry-after-ms says, and no longer; meanwhile the spare takes its calls")
    func rests() async throws {
        try await Self.with { weir async throws in
            #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "ptu")
            // Beside it stands `retry-after: 2`, which rounds up.
            try await weir.simulator.setFault(Fault("rate-limit:1200"), endpoint: "ptu", times: 1)
            let before = Timestamp.now()
            #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "payg")
            let after = Timestamp.now()
            let catalogue = weir.gateway.snapshot.catalogue
            let health = weir.board.health(of: catalogue)[0]
            guard case .cooling(let end) = health.availability(at: after) else {
                Issue.record("it does not rest: \(health.availability(at: after))")
                return
            }
            #expect(end >= before.advanced(byMilliseconds: 1_200) && end <= after.advanced(byMilliseconds: 1_200))
            #expect(try weir.chat(Ask.stream).header("x-weir-endpoint") == "payg")
            var early = 0
            let isBack = eventually(within: 10) {
                let served = (try? weir.chat(Ask.chat))?.header("x-weir-endpoint")
                if served == "ptu", Timestamp.now() < end { early += 1 }
                return served == "ptu"
            }
            #expect(isBack && early == 0, "not a moment before its time")
            #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "ptu")
            #expect(weir.settles())
            let refused = try weir.ends().filter { $0.how == .voided }
            #expect(refused.map(\.why) == ["status_429"])
        }
    }

    @Test(
        "A prompt that is too long for it goes to an endpoint that takes it; it does not rest for that", arguments: [false, true])
    func tooLong(_ stream: Bool) async throws {
        try await Self.with { weir async throws in
            let answer = try weir.chat(Self.long(stream: stream))
            #expect(answer.status == 200 && answer.isWhole && answer.header("x-weir-endpoint") == "payg", "\(answer)")
            #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "ptu")
            #expect(weir.settles())
            #expect(try weir.ends().map(\.how) == [.voided, .settled, .settled])
            #expect(try weir.ends().first?.why == "status_400")
        }
    }

    @Test(
        "Where no endpoint takes it, its caller hears what the last one said, in the provider's words", arguments: [false, true])
    func tooLongForAll(_ stream: Bool) async throws {
        try await Self.with(spareMax: 30) { weir async throws in
            let answer = try weir.chat(Self.long(stream: stream))
            #expect(answer.status == 400 && answer.code == "context_length_exceeded", "\(answer)")
            #expect(answer.body.contains("maximum context length is 30 tokens"))
            #expect(weir.settles())
            #expect(try weir.ends().map(\.how) == [.voided, .voided] && weir.account?.settled == .zero)
        }
    }

    @Test(
        "An endpoint that policy denies is not asked for a long prompt either, and the refusal says that the prompt is too long")
    func tooLongAndDenied() async throws {
        var tenant = TenantPolicy.test
        tenant.places = .only(["SE"])
        try await Self.with(sparePlace: "US", tenant: tenant) { weir async throws in
            let answer = try weir.chat(Self.long(stream: false))
            #expect(answer.status == 400 && answer.code == "context_length_exceeded", "\(answer)")
            #expect(weir.simulator.record().map(\.endpoint) == ["ptu"])
        }
    }

    @Test("A prompt that is too long spills over at Azure where a deployment is named for that, and is charged as that one")
    func spills() async throws {
        let scenario = """
            endpoints:
              - { name: ptu, provider: azure, output: 6, models: [{ name: up-m, inputMax: 40, spillover: std }, std] }
            """
        try await Harness.with(
            scenario: scenario,
            endpoints: { ports in
                var ptu = Endpoint.test("ptu", port: ports["ptu"] ?? 0, provider: .azure, basePath: "")
                ptu.models["m"]?.spillover = Spillover(deployment: "std", price: "price", isAsked: false)
                return [ptu]
            }
        ) { weir async throws in
            #expect(try weir.chat(Self.long(stream: true)).header("x-ms-deployment-name") == "std")
            #expect(weir.settles())
            #expect(try weir.ends().map(\.facts.servedBy) == [ServedBy(deployment: "std", price: "price")])
        }
    }

    @Test("A spill that does not say where to is charged at its hold, not at the price of what was asked")
    func unnamed() async throws {
        let body = String(Say.whole[(Say.whole.range(of: "\r\n\r\n")?.upperBound ?? Say.whole.startIndex)...])
        for (field, isSpilled) in [
            ("x-ms-spillover-from-deployment: up-m", true), ("x-ms-is-spilled-over: true", true),
            ("x-ms-is-spilled-over: false", false), ("x-ms-deployment-name:", false),
        ] {
            let answer = Say.json(body, headers: [field])
            try await ScriptedUpstream.with({ _, _ in [.send(answer)] }) { upstream async throws in
                let port = upstream.port
                try await Harness.with(endpoints: { _ in [.test("raw", port: port, provider: .azure, basePath: "")] }) {
                    weir async throws in
                    #expect(try weir.chat(Ask.chat).status == 200)
                    #expect(weir.settles())
                    let (hold, end) = (try #require(try weir.holds().last), try #require(try weir.ends().last))
                    #expect(end.facts.servedBy == (isSpilled ? ServedBy(deployment: "unknown", price: nil) : nil), "\(field)")
                    #expect(end.estimated == isSpilled && (end.settled == hold.amount) == isSpilled)
                }
            }
        }
    }
}
