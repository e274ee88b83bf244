import Core
import Foundation
import Ledger
import Logging
import Policy
import Simulator
import Synchronization
import Testing

@testable import Gateway

@Suite("What endpoints report of their region")
struct RegionTests {
    private static let judge = RegionJudge(
        PlaceCatalogue(
            clouds: [
                "azure": .init(
                    operator: "Microsoft", source: "test",
                    regions: [
                        "swedencentral": .init(country: "SE", display: "Sweden Central"),
                        "norwayeast": .init(country: "NO", display: "Norway East"),
                        "eastus2": .init(country: "US", display: "East US 2"),
                    ])
            ]))

    /// `one` is tried first. Both are labelled SE.
    private static func scenario(_ faults: String = "", firstToken: String = "0ms") -> String {
        """
        endpoints:
          - name: one
            provider: azure
            output: 4
            firstToken: \(firstToken)
            operations: [chat, completions, responses, embeddings]
            models: [up-m]
            faults: [\(faults)]
          - name: two
            provider: azure
            output: 4
            operations: [chat, completions, responses, embeddings]
            models: [up-m]
        """
    }

    private static func with(
        _ scenario: String, place: Place = "SE", threads: Int = 2, disk: SwitchedDisk = SwitchedDisk(), log: Logger? = nil,
        _ body: (Harness) async throws -> Void
    ) async throws {
        try await Harness.with(
            scenario: scenario, threads: threads, disk: disk, log: log, regions: judge,
            endpoints: { ports in
                ["one", "two"].enumerated().map { index, name in
                    .test(
                        name, port: ports[name] ?? 0, provider: .azure, basePath: "", place: name == "one" ? place : "SE",
                        priority: index)
                }
            }, body)
    }

    private static func onThreads(_ count: Int, _ body: @escaping @Sendable () -> Void) {
        let done = DispatchGroup()
        for _ in 0..<count {
            done.enter()
            Thread.detachNewThread {
                body()
                done.leave()
            }
        }
        done.wait()
    }

    private static func suspensions(_ weir: Harness) throws -> [Suspension] {
        try weir.entries().compactMap { if case .suspended(let suspension) = $0 { suspension } else { nil } }
    }

    private static func counts(_ weir: Harness, _ name: String = "one") async throws -> RegionCounts {
        try await weir.gateway.metrics().endpoints[name]?.regions ?? RegionCounts()
    }

    @Test(
        "A report that agrees with the label is in the end entry of whole answers, streams and errors, and nothing else happens")
    func agrees() async throws {
        try await Self.with(Self.scenario()) { weir async throws in
            for body in [Ask.chat, Ask.streamWithUsage, Ask.stream] { #expect(try weir.chat(body).status == 200) }
            #expect(try weir.chat(Ask.embedding, path: "/v1/embeddings").status == 200)
            try await weir.simulator.setFault(Fault("status:400"), endpoint: "one", times: 1)
            #expect(try weir.chat(Ask.chat).status == 400)
            #expect(weir.settles())
            #expect(try weir.ends().map(\.facts.region) == Array(repeating: "Sweden Central", count: 5))
            #expect(try Self.suspensions(weir).isEmpty)
            var agreed = RegionCounts()
            agreed.agreed = 5
            #expect(try await Self.counts(weir) == agreed)
        }
    }

    @Test("An endpoint that reports nothing is served as ever, and its entries name no region")
    func silent() async throws {
        try await Harness.with(regions: Self.judge) { weir async throws in
            #expect(try weir.chat(Ask.chat).status == 200)
            #expect(weir.settles())
            #expect(try weir.ends().map(\.facts.region) == [nil])
        }
    }

    @Test(
        "The answer that contradicts is delivered; then nothing goes there, the next endpoint answers, and one alert tells of it",
        arguments: [Ask.chat, Ask.stream])
    func contradicts(_ body: String) async throws {
        try await Self.with(Self.scenario(#"{ fault: "region:East US 2", from: 3 }"#)) { weir async throws in
            let told = Mutex<[AlertNotice]>([])
            weir.ledger.onAlert { notice in told.withLock { $0.append(notice) } }
            var answers: [RawAnswer] = []
            for _ in 0..<7 { answers.append(try weir.chat(body)) }
            #expect(answers.allSatisfy { $0.status == 200 && $0.isWhole })
            #expect(answers.map { $0.header("x-weir-endpoint") } == ["one", "one", "one", "two", "two", "two", "two"])
            #expect(weir.settles())
            let received = weir.simulator.record().filter { $0.endpoint == "one" }
            #expect(received.count == 3)

            let suspension = try #require(try Self.suspensions(weir).first)
            #expect(try Self.suspensions(weir).count == 1)
            #expect(suspension.endpoint == "one" && suspension.who == "weir")
            #expect(suspension.report?.region == "East US 2" && suspension.report?.processedIn == ["SE"])
            #expect(suspension.report?.attempt.description == received.last?.attempt)
            #expect(told.withLock { $0 } == [.suspended(suspension)])
            let regions = try weir.ends().map(\.facts.region)
            #expect(regions == ["Sweden Central", "Sweden Central", "East US 2"] + Array(repeating: "Sweden Central", count: 4))

            // Another snapshot with the same endpoint changes nothing.
            let catalogue = Catalogue(generation: 2, endpoints: weir.endpoints, tenants: weir.tenants)
            let current = weir.gateway.snapshot
            try await weir.gateway.install(
                Snapshot(
                    catalogue: catalogue, prices: weir.prices, limits: weir.limits, keys: current.keys, board: weir.board,
                    regions: Self.judge), board: weir.board)
            #expect(try weir.chat(body).header("x-weir-endpoint") == "two")
            #expect(weir.board.health(of: catalogue).map { $0.availability(at: .now()) }.first == .suspended)

            // Resumed, it is tried once more, says so once more, and is suspended once more.
            let board = weir.board
            _ = try weir.ledger.resume(endpoint: "one", who: "a", why: "b", at: .now()) { board.resume("one") }
            #expect(try weir.chat(body).header("x-weir-endpoint") == "one")
            #expect(try weir.chat(body).header("x-weir-endpoint") == "two")
            #expect(try Self.suspensions(weir).count == 2)
        }
    }

    @Test("An error that comes from elsewhere counts as an answer does, also when another endpoint answers the call")
    func errors() async throws {
        let elsewhere = Say.error("503 Busy", headers: ["x-ms-region: East US 2"])
        try await ScriptedUpstream.with({ _, _ in [.send(elsewhere)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                regions: Self.judge,
                endpoints: { [.test("raw", port: port, priority: 0), .test("one", port: $0["one"] ?? 0, priority: 1)] }
            ) { weir async throws in
                for _ in 0..<3 { #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "one") }
                #expect(upstream.requests.count == 1)
                #expect(try Self.suspensions(weir).map(\.endpoint) == ["raw"])
                #expect(weir.settles())
                #expect(try weir.ends().map(\.facts.region) == ["East US 2", nil, nil, nil])
            }
        }
    }

    struct Head: Sendable, CustomTestStringConvertible {
        var fields: [String]
        var text: String?
        var verdict: RegionVerdict?
        var testDescription: String { fields.joined(separator: " | ") }
    }

    @Test(
        "Headers that are repeated, listed, written otherwise or absurd cannot hide a contradiction, and are kept short",
        arguments: [
            Head(
                fields: ["x-ms-region: Sweden Central", "X-MS-Region: East US 2"], text: "Sweden Central, East US 2",
                verdict: .contradicts),
            Head(fields: ["x-ms-region: East US 2, Sweden Central"], text: "East US 2, Sweden Central", verdict: .contradicts),
            Head(fields: ["x-ms-region: EASTUS2"], text: "EASTUS2", verdict: .contradicts),
            Head(
                fields: ["x-ms-region: swedencentral", "x-ms-region: Sweden Central"], text: "swedencentral, Sweden Central",
                verdict: .agrees),
            Head(fields: ["x-ms-region: Atlantis"], text: "Atlantis", verdict: .unknown),
            Head(
                fields: ["x-ms-region: " + String(repeating: "z", count: 9_000)], text: String(repeating: "z", count: 64),
                verdict: .unknown),
            Head(fields: ["x-ms-region: "], text: nil, verdict: nil),
        ])
    func heads(_ head: Head) async throws {
        let ok = Say.whole.replacing("\r\n\r\n", with: "\r\n" + head.fields.joined(separator: "\r\n") + "\r\n\r\n")
        try await ScriptedUpstream.with({ _, _ in [.send(ok)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(regions: Self.judge, endpoints: { _ in [.test("raw", port: port)] }) { weir async throws in
                #expect(try weir.chat(Ask.chat).status == 200)
                #expect(weir.settles())
                #expect(try weir.ends().map(\.facts.region) == [head.text])
                let second = try weir.chat(Ask.chat)
                #expect(second.status == (head.verdict == .contradicts ? 503 : 200))
                let counts = try await Self.counts(weir, "raw")
                #expect(counts.contradicted == (head.verdict == .contradicts ? 1 : 0))
                #expect(counts.unknown == (head.verdict == .unknown ? 2 : 0))
                #expect(counts.agreed == (head.verdict == .agrees ? 2 : 0))
            }
        }
    }

    @Test("A region that nobody knows is served and journalled, counted each time and logged once, without its words")
    func unknown() async throws {
        let lines = Lines()
        let log = Logger(label: "test") { _ in lines }
        try await Self.with(Self.scenario(#"{ fault: "region:Atlantis" }"#), log: log) { weir async throws in
            for _ in 0..<5 { #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "one") }
            #expect(weir.settles())
            #expect(try weir.ends().map(\.facts.region) == Array(repeating: "Atlantis", count: 5))
            #expect(try await Self.counts(weir).unknown == 5)
            #expect(lines.all.filter { $0.contains("does not know") }.count == 1)
            #expect(!lines.all.contains { $0.contains("Atlantis") })
        }
    }

    @Test("A label that promises no place is contradicted by none")
    func anywhere() async throws {
        try await Self.with(Self.scenario(#"{ fault: "region:East US 2" }"#), place: Core.anywhere) { weir async throws in
            for _ in 0..<3 { #expect(try weir.chat(Ask.chat).header("x-weir-endpoint") == "one") }
            #expect(try Self.suspensions(weir).isEmpty)
        }
    }

    @Test(
        "With many calls under way on several loops, nothing that was held after the suspension is sent, and it is journalled once"
    )
    func underWay() async throws {
        let scenario = Self.scenario(#"{ fault: "region:East US 2", from: 60 }"#, firstToken: "5ms..40ms")
        try await Self.with(scenario, threads: 4) { weir async throws in
            Self.onThreads(24) {
                guard let client = try? RawClient(port: weir.port) else { return }
                for _ in 0..<12 {
                    guard (try? client.send(Harness.request(Ask.stream))) != nil, let answer = try? client.answer() else {
                        Issue.record("a call broke")
                        return
                    }
                    #expect(answer.status == 200)
                }
            }
            #expect(weir.settles())
            let entries = try weir.entries()
            let suspended = entries.indices.filter { if case .suspended = entries[$0] { true } else { false } }
            #expect(suspended.count == 1)
            let end = try #require(suspended.first)
            var held: [String: Int] = [:]
            var voided = 0
            for (sequence, entry) in entries.enumerated() {
                switch entry {
                case .hold(let hold) where hold.route.endpoint == "one": held[hold.attempt.description] = sequence
                case .end(let ending) where ending.why == "endpoint_suspended": voided += 1
                default: break
                }
            }
            let received = weir.simulator.record().filter { $0.endpoint == "one" }.compactMap(\.attempt)
            #expect(received.count >= 60)
            for attempt in received {
                let hold = try #require(held[attempt], "sent without a hold")
                #expect(hold < end, "held at \(hold), sent after the suspension at \(end)")
            }
            print("suspended at entry \(end); \(received.count) were sent there, \(voided) held and not sent")
            #expect(try await Self.counts(weir).contradicted == received.count - 59)
        }
    }

    @Test("What waits for the disk when its endpoint is suspended is not sent there; another endpoint answers")
    func waiting() async throws {
        let disk = SwitchedDisk()
        defer { disk.stalls = false }
        try await Self.with(Self.scenario(), disk: disk) { weir async throws in
            defer { disk.stalls = false }
            disk.stalls = true
            let client = try RawClient(port: weir.port)
            try client.send(Harness.request(Ask.chat))
            #expect(eventually { weir.openHolds == 1 })
            #expect(weir.board.suspend("one"))
            disk.stalls = false
            let answer = try client.answer()
            #expect(answer.status == 200 && answer.header("x-weir-endpoint") == "two")
            #expect(weir.settles())
            #expect(try weir.ends().map(\.why) == ["endpoint_suspended", nil])
            #expect(try weir.ends().map(\.facts.region) == [nil, "Sweden Central"])
            #expect(!weir.simulator.record().contains { $0.endpoint == "one" })
        }
    }

    @Test("No caller sees an answer that contradicts before the suspension is on disk; in memory it holds at once")
    func durable() async throws {
        let disk = SwitchedDisk()
        defer { disk.stalls = false }
        let elsewhere = Say.whole.replacing("\r\n\r\n", with: "\r\nx-ms-region: East US 2\r\n\r\n")
        try await ScriptedUpstream.with({ _, _ in [.wait(milliseconds: 400), .send(elsewhere)] }) { upstream async throws in
            let port = upstream.port
            try await Harness.with(disk: disk, regions: Self.judge, endpoints: { _ in [.test("raw", port: port)] }) {
                weir async throws in
                defer { disk.stalls = false }
                let client = try RawClient(port: weir.port, timeout: 1.5)
                try client.send(Harness.request(Ask.chat))
                #expect(eventually { upstream.requests.count == 1 })
                disk.stalls = true
                #expect(eventually { weir.ledger.suspensions["raw"] != nil })
                #expect(weir.board.health(of: weir.gateway.snapshot.catalogue).first?.suspended == true)
                #expect((try? client.more()) != true, "nothing is delivered while the disk stalls")
                disk.stalls = false
                #expect(try client.answer().status == 200)
                #expect(try Self.suspensions(weir).count == 1)
            }
        }
    }

    @Test("What was heard is kept for a few regions, and each keeps its verdict whatever came between")
    func heard() {
        var heard = HeardRegions()
        func bytes(_ text: String, _ body: (UnsafeRawBufferPointer) -> Void) { Array(text.utf8).withUnsafeBytes(body) }
        for round in 0..<40 {
            let text = "Region \(round % 11)"
            bytes(text) { raw in
                if let found = heard.find(raw) {
                    #expect(found.text == text)
                } else {
                    heard.add(raw, HeardRegions.Heard(text: text, verdict: .agrees))
                }
                #expect(heard.find(raw)?.text == text)
            }
        }
        bytes("Region") { #expect(heard.find($0) == nil) }
    }
}

/// Keeps every line with its metadata.
private final class Lines: LogHandler, Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) { lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") } }
}
