import Core
import Foundation
import Journal
import Ledger
import Simulator
import Synchronization
import Testing

@Suite("Promise 2 over sockets: a limit is not overspent")
struct MoneyPromiseTests {
    /// Runs `body` on so many threads at once and waits for all of them.
    static func together(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let done = DispatchGroup()
        for index in 0..<count {
            done.enter()
            Thread.detachNewThread {
                body(index)
                done.leave()
            }
        }
        done.wait()
    }

    /// The journal's own arithmetic: at every prefix, what is settled, held and in allowances stays within the limit.
    private func staysWithin(_ limit: Money, _ weir: Harness) throws {
        _ = eventually { weir.ledger.journal.durable == weir.ledger.journal.next }
        var fold = Fold()
        _ = try weir.ledger.journal.read(from: 0, limit: .max) { sequence, bytes in
            try fold.apply(parsing: bytes, sequence)
            let most = fold.balances.filter { $0.key.account == .key("key_test") }.values.map(\.total).max() ?? 0
            #expect(most <= Int128(limit.nanos), "after entry \(sequence)")
        }
    }

    @Test("64 concurrent callers cannot pass a hard limit, whole or streamed, and every call is answered or refused")
    func concurrent() async throws {
        // A call of 64 bytes in and 1,000 tokens out may cost about 0.0041 dollars.
        let limit = try #require(Money(dollars: "0.05"))
        try await Harness.with(limit: limit) { weir async throws in
            let statuses = Mutex<[Int: Int]>([:])
            let codes = Mutex<Set<String>>([])
            Self.together(64) { index in
                for round in 0..<3 {
                    let answer = try? weir.chat((index + round).isMultiple(of: 2) ? Ask.chat : Ask.stream)
                    statuses.withLock { $0[answer?.status ?? 0, default: 0] += 1 }
                    if let code = answer?.code { codes.withLock { _ = $0.insert(code) } }
                }
            }
            let seen = statuses.withLock { $0 }
            #expect(Set(seen.keys).isSubset(of: [200, 429]) && (seen[200] ?? 0) > 0, "\(seen)")
            #expect(codes.withLock { $0 }.isSubset(of: ["weir_limit_reached"]))
            #expect(weir.settles())
            #expect(weir.simulator.record().count == seen[200])
            let account = try #require(weir.account)
            #expect(account.settled + account.reserved <= MoneyTotal(limit))
            try staysWithin(limit, weir)
        }
    }

    @Test("What the ledger settled is what the simulator billed, to the nano-dollar, under load and with streams cut")
    func agrees() async throws {
        let scenario = """
            seed: 7
            endpoints:
              - name: one
                output: 1..30
                reasoning: 0..5
                cachedPercent: 30
                faults:
                  - {fault: "cut-stream:5", every: 7}
                models: [up-m]
            """
        try await Harness.with(scenario: scenario) { weir async throws in
            Self.together(16) { _ in
                for _ in 0..<6 { _ = try? weir.chat(Ask.stream) }
            }
            #expect(weir.settles())
            #expect(eventually { weir.simulator.record().allSatisfy { $0.outcome != .open } })
            let record = Dictionary(uniqueKeysWithValues: weir.simulator.record().map { ($0.attempt ?? "", $0) })
            let ends = try weir.ends()
            #expect(record.count == 96 && ends.count == 96)
            for end in ends {
                let billed = try #require(record[end.attempt.description])
                let exact =
                    Int64(billed.billedInput - billed.billedCached) * 1_000 + Int64(billed.billedCached) * 500
                    + Int64(billed.billedOutput) * 4_000
                if end.estimated {
                    #expect(billed.fault != nil && end.settled.nanos >= exact)
                } else {
                    #expect(end.settled.nanos == exact)
                }
            }
            #expect(weir.held == .zero)
        }
    }

    @Test("A provider that bills beyond the hold is booked in full, and the next call is refused")
    func overrun() async throws {
        let lie = Say.json(
            #"{"id":"c","choices":[],"usage":{"prompt_tokens":90000,"completion_tokens":90000,"total_tokens":180000}}"#)
        let limit = try #require(Money(dollars: "0.10"))
        try await ScriptedUpstream.with({ _, _ in [.send(lie)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(limit: limit, endpoints: { _ in [.test("raw", port: port)] }) { weir async throws in
                #expect(try weir.chat(Ask.chat).status == 200)
                #expect(weir.settles())
                let billed = MoneyTotal(nanos: 90_000 * 1_000 + 90_000 * 4_000)
                #expect(weir.account?.settled == billed)
                let overruns = try weir.entries().compactMap { if case .overrun(_, _, let amount) = $0 { amount } else { nil } }
                #expect(overruns.count == 1)
                let next = try weir.chat(Ask.chat)
                #expect(next.status == 429 && next.code == "weir_limit_reached")
                #expect(upstream.requests.count == 1)
            }
        }
    }

    @Test("A refusal for money says why, names the account and is not to be retried")
    func refusal() async throws {
        try await Harness.with(limit: Money(dollars: "0.0001")) { weir async throws in
            for (body, path) in [
                (Ask.chat, "/v1/chat/completions"), (Ask.stream, "/v1/chat/completions"), (Ask.completion, "/v1/completions"),
                (Ask.embedding.replacingOccurrences(of: "hello", with: String(repeating: "hello ", count: 40)), "/v1/embeddings"),
                (Ask.response, "/v1/responses"), (Ask.chat, "/openai/deployments/m/chat/completions?api-version=2024-10-21"),
            ] {
                let answer = try weir.chat(body, path: path)
                #expect(answer.status == 429 && answer.code == "weir_limit_reached", "\(path): \(answer)")
                #expect(answer.header("x-should-retry") == "false" && answer.header("retry-after") == nil)
                #expect(answer.body.contains("key key_test"))
            }
            #expect(weir.simulator.record().isEmpty && weir.openHolds == 0)
        }
    }

    @Test("A limit of zero admits nothing")
    func zeroLimit() async throws {
        try await Harness.with(limit: .zero) { weir async throws in
            #expect(try weir.chat(Ask.chat).status == 429)
            #expect(weir.simulator.record().isEmpty)
        }
    }

    @Test("No price, a price of the future or a zero that nobody attests is a refusal; an attested zero is free")
    func prices() async throws {
        let zero = TokenPrice(picos: 0)
        let day = CivilDate(year: 2020, month: 1, day: 1)
        let cases: [(PriceBook, Int)] = [
            (PriceBook(), 403), (PriceBook(["other": [.test]]), 403),
            (
                PriceBook([
                    "price": [
                        Price(
                            from: CivilDate(year: 2999, month: 1, day: 1), input: TokenPrice(picos: 1),
                            cachedInput: TokenPrice(picos: 1),
                            output: TokenPrice(picos: 1))
                    ]
                ]), 403
            ),
            (PriceBook(["price": [Price(from: day, input: zero, cachedInput: zero, output: zero)]]), 403),
            (
                PriceBook([
                    "price": [Price(from: day, input: TokenPrice(picos: 1), cachedInput: TokenPrice(picos: 1), output: zero)]
                ]), 403
            ),
            (PriceBook(["price": [Price(from: day, input: zero, cachedInput: zero, output: zero, attested: "Ada")]]), 200),
        ]
        for (prices, status) in cases {
            try await Harness.with(limit: .zero, prices: prices) { weir async throws in
                let answer = try weir.chat(Ask.chat)
                #expect(answer.status == status, "\(answer)")
                if status != 200 { #expect(answer.code == "weir_price_missing" && weir.simulator.record().isEmpty) }
                #expect(weir.openHolds == 0 && weir.account?.settled == .zero)
            }
        }
    }

    @Test("While the journal cannot be written nothing is sent; when it can again, Weir goes on")
    func journalFails() async throws {
        let disk = SwitchedDisk()
        try await Harness.with(disk: disk) { weir async throws in
            #expect(try weir.chat(Ask.chat).status == 200)
            disk.fails = true
            // The first entry finds out; whether its call was sent is covered by the allowance.
            _ = try? weir.exchange(Harness.request(Ask.chat), timeout: 1)
            #expect(eventually { weir.ledger.journal.state != .running })
            let sent = weir.simulator.record().count
            for body in [Ask.chat, Ask.stream] {
                let answer = try weir.chat(body)
                #expect(answer.status == 503 && answer.code == "weir_journal_unavailable", "\(answer)")
                #expect(answer.header("retry-after") != nil)
            }
            #expect(weir.simulator.record().count == sent)
            disk.fails = false
            #expect(eventually(within: 5) { (try? weir.chat(Ask.chat).status) == 200 })
            #expect(weir.settles())
        }
    }
}
