import Core
import Foundation
import Gateway
import Ledger
import Simulator
import Testing

@Suite("Azure's spillover")
struct SpilloverTests {
    /// A provisioned deployment with room for one request, and a standard one beside it in the same resource.
    private static func scenario(property: Bool) -> String {
        """
        endpoints:
          - name: res
            provider: azure
            output: 6
            models:
              - { name: up-m, limits: { requests: 1, window: 60s }\(property ? ", spillover: std" : "") }
              - { name: std }
              - { name: other }
        """
    }

    private static let dearer = Price(
        from: CivilDate(year: 2020, month: 1, day: 1), input: TokenPrice(picos: 3_000_000),
        cachedInput: TokenPrice(picos: 1_500_000), output: TokenPrice(picos: 12_000_000))

    private static func with(
        property: Bool = true, spillover: Spillover? = Spillover(deployment: "std", price: "dear", isAsked: false),
        apiVersion: String? = nil, limit: Money? = Money(dollars: "1000"), spare: Bool = false,
        _ body: (Harness) async throws -> Void
    ) async throws {
        let scenario =
            scenario(property: property)
            + (spare ? "\n  - { name: spare, provider: openai, output: 6, models: [up-m] }\n" : "\n")
        try await Harness.with(
            scenario: scenario, limit: limit, prices: PriceBook(["price": [.test], "dear": [dearer]]), threads: 1,
            endpoints: { ports in
                var made = Endpoint.test("res", port: ports["res"] ?? 0, provider: .azure, basePath: "", apiVersion: apiVersion)
                made.models["m"]?.spillover = spillover
                made.isReserved = true
                return [made] + (spare ? [.test("spare", port: ports["spare"] ?? 0, provider: .openai, priority: 2)] : [])
            }, body)
    }

    @Test(
        "The deployment that answers is metered and charged, by property and by header, whole and streamed, v1 and dated",
        arguments: [true, false], [Ask.chat, Ask.stream])
    func charged(_ property: Bool, _ ask: String) async throws {
        for version in [nil, "2024-10-21"] {
            try await Self.with(
                property: property, spillover: Spillover(deployment: "std", price: "dear", isAsked: !property),
                apiVersion: version
            ) { weir async throws in
                let first = try weir.chat(ask)
                let second = try weir.chat(ask)
                #expect(first.status == 200 && first.header("x-ms-is-spilled-over") == "false")
                #expect(second.status == 200 && second.isWhole && second.header("x-ms-deployment-name") == "std")
                #expect(weir.settles())
                let (holds, ends) = (try weir.holds(), try weir.ends())
                #expect(ends.map(\.facts.servedBy) == [nil, ServedBy(deployment: "std", price: "dear")])
                #expect(ends.allSatisfy { !$0.estimated && $0.usage.output == 6 })
                // Three times the price, of the same usage, to the nano-dollar.
                #expect(ends[0].usage == ends[1].usage && ends[1].settled.nanos == 3 * ends[0].settled.nanos)
                #expect(Money(nanos: ends[0].usage.input * 1_000 + 6 * 4_000) == ends[0].settled)
                // Held for the dearer of the two from the start: nothing is overrun.
                #expect(holds.allSatisfy { $0.amount >= ends[1].settled } && holds[0].amount == holds[1].amount)
                #expect(weir.simulator.record().map(\.spilledTo) == [nil, "std"])
                // Nothing the deployments are called reaches the endpoint's own label.
                #expect(holds.map(\.route.upstreamModel) == ["up-m", "up-m"])
            }
        }
    }

    @Test("A deployment that answers and that nobody has priced is charged at its hold, with a count, and not at another's price")
    func unpriced() async throws {
        for spillover in [nil, Spillover(deployment: "other", price: "dear", isAsked: false)] {
            for ask in [Ask.chat, Ask.stream] {
                try await Self.with(spillover: spillover) { weir async throws in
                    try await weir.simulator.setFault(Fault("status:503"), endpoint: "res")
                    #expect(try weir.chat(ask).header("x-ms-deployment-name") == "std")
                    #expect(weir.settles())
                    let end = try #require(try weir.ends().last)
                    #expect(end.facts.servedBy == ServedBy(deployment: "std", price: nil))
                    let held = try weir.holds().last?.amount
                    #expect(end.estimated && end.settled == held)
                    #expect(end.usage.output == 6)
                    let metrics = try await weir.gateway.metrics()
                    #expect(metrics.unpricedUsages == 1)
                }
            }
        }
    }

    @Test("A stream that breaks off is estimated at the price of the deployment that said it")
    func broken() async throws {
        try await Self.with { weir async throws in
            _ = try weir.chat(Ask.chat)
            // The fault is the spilled deployment's: the first is full, and faults of the model's name belong to the one that is asked.
            try await ScriptedUpstream.with({ _, _ in
                [
                    .send(
                        Say.streamHead.replacing(
                            "\r\n\r\n", with: "\r\nx-ms-deployment-name: STD\r\nx-ms-is-spilled-over: true\r\n\r\n")
                            + Say.chunk(Say.delta("hello there"))), .close,
                ]
            }) { upstream async throws in
                let port = upstream.port
                try await Harness.with(
                    prices: PriceBook(["price": [.test], "dear": [Self.dearer]]),
                    endpoints: { _ in
                        var made = Endpoint.test("res", port: port, provider: .azure, basePath: "")
                        made.models["m"]?.spillover = Spillover(deployment: "std", price: "dear", isAsked: false)
                        return [made]
                    }
                ) { inner async throws in
                    _ = try inner.chat(Ask.stream)
                    #expect(inner.settles())
                    let end = try #require(try inner.ends().last)
                    #expect(end.estimated && end.facts.servedBy?.price == "dear")
                    #expect(end.settled == Money(nanos: end.usage.input * 3_000 + end.usage.output * 12_000))
                }
            }
        }
    }

    @Test("A client's own wish to spill goes nowhere, and without spillover a full deployment rests while the spare answers")
    func wishes() async throws {
        try await Self.with(property: false, spillover: nil, spare: true) { weir async throws in
            try await weir.simulator.setFault(Fault("rate-limit:60000"), endpoint: "res")
            let answer = try weir.chat(Ask.chat, headers: ["x-ms-spillover-deployment: std"])
            #expect(answer.status == 200 && answer.header("x-weir-endpoint") == "spare")
            // It rests as long as it asked: the next call goes to the spare at once.
            #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "spare")
            #expect(weir.settles())
            #expect(weir.simulator.record().map(\.endpoint) == ["res", "spare", "spare"])
            #expect(weir.simulator.record().allSatisfy { $0.spilledTo == nil })
        }
    }

    @Test("No limit is passed by a spill: the hold is the dearer deployment's from the start")
    func limits() async throws {
        // 1,000 output tokens are 0.004 dollars by the asked price and 0.012 by the other.
        let ask = #"{"model":"m","max_completion_tokens":1000,"messages":[{"role":"user","content":"hello there"}]}"#
        try await Self.with(limit: Money(dollars: "0.006")) { weir async throws in
            let answer = try weir.chat(ask)
            #expect(answer.status == 200 && answer.header("x-weir-output-limit") != nil)
            let held = try weir.holds()[0].amount
            #expect(held <= Money(dollars: "0.006") ?? .zero)
        }
    }
}
