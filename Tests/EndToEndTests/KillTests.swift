import Core
import Foundation
import Glibc
import Ledger
import Testing

extension EndToEnd {
    @Suite("Weir under kill -9")
    struct KillTests {
        static let kills = 200
        static let soakKills = 1_000
        /// The latest moment of a kill, from when Weir is ready, or from its start.
        static let workMillisecondsMax: UInt64 = 400
        static let startMillisecondsMax: UInt64 = 300
        /// One kill in so many falls into a start.
        static let startShare: UInt64 = 5

        @Test("After 200 kills under load, every request that was sent is covered, no limit is passed and no money is invented")
        func kills() async throws { try await run(kills: Self.kills) }

        @Test("The same after 1,000 kills", .enabled(if: ProcessInfo.processInfo.environment["WEIR_SOAK"] == "1"))
        func killsSoak() async throws { try await run(kills: Self.soakKills) }

        private func run(kills: Int) async throws {
            try await Workbench.with { bench in
                let seed = UInt64.random(in: 0..<1_000_000)
                print("kill -9: seed \(seed)")
                var random = SplitMix(seed: seed)
                try bench.play(Self.clouds, seed: seed)
                try bench.configure(Self.configuration(bench))
                try bench.start(logLevel: "error")
                let keys = [
                    try bench.key("wide", limit: "50"), try bench.key("narrow", limit: "0.05"), try bench.key("open"),
                    try bench.key("in a team with a limit", team: "two"), try bench.key("of nobody's limit", tenant: "beta"),
                    try bench.key(
                        "tight", more: ["--limit", "day 0.05", "--limit", "rolling 60s 0.03", "--limit", "total 0.08"]),
                ]
                let load = Load(port: bench.callsPort, keys: keys, callersPerKey: 2, seed: seed)
                var killed: [Timestamp] = []
                for run in 0..<kills {
                    let inStart = run > 0 && random.next() % Self.startShare == 0
                    if run > 0 {
                        load.begin(run: run)
                        try bench.start(logLevel: "error", waits: !inStart)
                    }
                    let most = inStart ? Self.startMillisecondsMax : Self.workMillisecondsMax
                    usleep(UInt32(random.next() % (most * 1_000)))
                    let weir = try #require(bench.weir)
                    #expect(weir.ending == nil, "run \(run) ended by itself: \(bench.logged.suffix(1_000))")
                    weir.signal(SIGKILL)
                    #expect(weir.ending(within: 10) == 128 + SIGKILL)
                    killed.append(.now())
                }
                load.begin(run: kills)
                let last = try bench.start(logLevel: "error")
                usleep(400_000)
                load.stop()
                last.signal(SIGTERM)
                #expect(last.ending(within: 20) == 0)
                bench.clouds?.process.stop()

                let journal = try JournalAccount(folder: bench.data.appending(path: "journal"))
                try Self.judge(journal, load, keys, killed, try bench.received())
                try Self.judgeLog(bench)
            }
        }

        private static func judge(
            _ journal: JournalAccount, _ load: Load, _ keys: [Workbench.Key], _ killed: [Timestamp], _ received: [Received]
        ) throws {
            let (sent, seen) = (load.sent, load.seen)
            let answered = seen.count { $0.status == 200 }
            let refused = seen.count { $0.code == "weir_limit_reached" }

            // Everything that the clouds received is known, or covered by money that stays reserved.
            var byAttempt: [AttemptID: Received] = [:]
            var uncovered: [[Int]: Money] = [:]
            for request in received {
                let attempt = try #require(request.attempt.flatMap { AttemptID($0) })
                #expect(byAttempt.updateValue(request, forKey: attempt) == nil, "the attempt \(attempt) was sent twice")
                if journal.holds[attempt] != nil { continue }
                let call = try #require(sent[request.requestID ?? ""])
                uncovered[[call.key, call.run], default: .zero] += call.bound
            }
            for (place, money) in uncovered {
                let (key, run) = (place[0], place[1])
                #expect(run < killed.count, "the last run ended in order, and an attempt of it has no entry")
                guard run < killed.count else { continue }
                #expect(money <= journal.doubtfulAllowance(of: keys[key].id, after: killed[run]), "run \(run), key \(key)")
            }

            // No byte of an answer reached its caller before its hold was durable.
            for answer in seen where answer.status == 200 {
                let attempt = try #require(answer.attempt.flatMap { AttemptID($0) })
                #expect(journal.holds[attempt] != nil, "the answer of \(attempt) was delivered and its hold is lost")
            }

            // No total passes its limit. The fold has checked it at each entry already.
            for (place, balance) in journal.fold.balances {
                let limits = journal.fold.limits[place.account]?.spend ?? []
                guard let limit = limits.first(where: { $0.period == place.period }) else { continue }
                #expect(balance.total <= Int128(limit.amount.nanos), "\(place.account), \(place.period)")
            }
            #expect(journal.overruns == 0)

            // What is settled on the provider's word is what the provider billed.
            var settled: Int64 = 0
            var billed: Int64 = 0
            for (attempt, end) in journal.told {
                let request = try #require(byAttempt[attempt], "\(attempt) is settled and was never received")
                let usage = end.usage
                #expect(usage.input + usage.cachedInput == request.billedInput)
                #expect(usage.cachedInput == request.billedCached)
                #expect(usage.output + usage.reasoning == request.billedOutput)
                settled += end.settled.nanos
                billed +=
                    1_000 * (request.billedInput - request.billedCached) + 500 * request.billedCached + 4_000
                    * request.billedOutput
            }
            #expect(settled == billed)

            // The test has met what it is about.
            print(
                "kill -9: \(sent.count) calls sent, \(received.count) attempts received, \(answered) answered, \(refused) refused for money,",
                "\(journal.fold.next) entries, \(journal.told.count) settled as told (\(Money(nanos: settled)) dollars),",
                "\(journal.holdsInDoubt) holds in doubt, attempts without an entry in \(uncovered.count) runs of a key")
            #expect(answered > 500)
            #expect(refused > 0)
            let periods = Set(journal.fold.balances.keys.map { $0.period.description.prefix { $0 != " " } })
            #expect(periods == ["month", "day", "rolling", "total"])
            #expect(journal.told.count > 500)
            #expect(journal.holdsInDoubt > 0)
        }

        /// The log is what was written, and says what the books say; who has no Weir sees that too.
        private static func judgeLog(_ bench: Workbench) throws {
            let verified = try bench.weir("ledger", "verify", "--data", bench.data.path)
            #expect(verified.status == 0, "\(verified)")
            let rebuilt = try bench.weir("ledger", "rebuild", "--data", bench.data.path)
            #expect(rebuilt.status == 0 && rebuilt.output.contains("the kept books say the same"), "\(rebuilt)")
            let key = try bench.weir("ledger", "key", "--data", bench.data.path).lastLine
            let stranger = try bench.verify("log", bench.data.path, "--key", key)
            #expect(stranger.status == 0 && stranger.output.hasPrefix("OK: e2e has "), "\(stranger)")
        }

        private static let clouds = """
              - name: steady
                output: 4..16
                firstToken: 2ms..20ms
                pace: 1000
                cachedPercent: 25
                models: [m]
              - name: shaky
                output: 4..16
                firstToken: 0ms..10ms
                faults:
                  - {fault: "status:500", share: 0.05}
                  - {fault: "cut-stream:2", share: 0.02}
                models: [m]

            """

        private static func configuration(_ bench: Workbench) -> String {
            let most = Int(Load.outputLimitMax)
            return bench.configuration(
                endpoints: bench.endpoint("steady", models: [("m", "m")], maxOutput: most)
                    + bench.endpoint("shaky", models: [("m", "m")], maxOutput: most, more: "    whenCallerLeaves: cancel"),
                tenants: """
                      acme:
                        places: any
                        operators: any
                        models: any
                        monthlyLimit: "200"
                        limits: [{period: day, zone: Asia/Shanghai, amount: "190"}, {period: total, amount: "195"}]
                        teams:
                          one: {limits: [{period: rolling, over: 60s, amount: "150"}]}
                          two: {monthlyLimit: "20", limits: [{period: day, amount: "15"}, {period: total, amount: "18"}]}
                      beta: {places: any, operators: any, models: any, teams: {one: {}}}
                    """)
        }
    }
}
