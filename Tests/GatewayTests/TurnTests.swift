import Cedar
import Core
import Foundation
import Gateway
import Glibc
import Ledger
import Policy
import Simulator
import Synchronization
import Testing

/// A way to an endpoint on which nothing passes until it is opened: connections are made, and no handshake gets an answer.
private final class HeldWay: Sendable {
    let port: Int
    private let listener: Int32
    private let target: Int
    private let opened = Atomic<Bool>(false)
    private let stopped = Atomic<Bool>(false)
    private let arrived = Atomic<Int>(0)

    /// Connections that wait or have passed.
    var connections: Int { arrived.load(ordering: .acquiring) }
    func open() { opened.store(true, ordering: .releasing) }

    init(to target: Int) throws {
        self.target = target
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 16) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard bound else { throw RawClient.Broken(why: "listen: \(errno)") }
        port = Int(in_port_t(bigEndian: address.sin_port))
        Thread.detachNewThread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                arrived.add(1, ordering: .releasing)
                Thread.detachNewThread { [self] in pass(client) }
            }
        }
    }

    func stop() {
        stopped.store(true, ordering: .releasing)
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func pass(_ client: Int32) {
        defer { close(client) }
        while !opened.load(ordering: .acquiring) {
            if stopped.load(ordering: .acquiring) { return }
            usleep(2_000)
        }
        let other = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(other) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(target).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(other, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return }
        var both = [pollfd(fd: client, events: Int16(POLLIN), revents: 0), pollfd(fd: other, events: Int16(POLLIN), revents: 0)]
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while !stopped.load(ordering: .acquiring) {
            guard poll(&both, 2, 100) >= 0 else { return }
            for (from, to) in [(0, 1), (1, 0)] where both[from].revents != 0 {
                let count = recv(both[from].fd, &buffer, buffer.count, 0)
                guard count > 0, send(both[to].fd, buffer, count, Int32(MSG_NOSIGNAL)) == count else { return }
            }
        }
    }
}

/// What calls wait for while a dated rule turns. No attempt leaves on a judgement that is older than the turn.
@Suite("The moment at which a rule turns")
struct TurnTests {
    private static let names = ["one", "two", "three"]

    private static func endpoints(_ ports: [String: Int]) -> [Endpoint] {
        names.enumerated().map { index, name in
            .test(name, port: ports[name] ?? 0, priority: index, timeouts: EndpointTimeouts(connect: 2_000, firstByte: 1_500))
        }
    }

    /// From a moment on nothing goes to these endpoints.
    private static func close(_ closed: [String], in milliseconds: Int64, _ weir: Harness) async throws -> Timestamp {
        let turn = Timestamp.now().advanced(byMilliseconds: milliseconds)
        // Policies turn to the millisecond.
        let moment = Timestamp(nanoseconds: turn.nanoseconds / 1_000_000 * 1_000_000)
        let policies =
            #"@id("lists") permit (principal, action, resource);"#
            + closed.map {
                #"@id("\#($0)-closes") @effective("\#(moment)") forbid (principal, action, resource == Endpoint::"\#($0)");"#
            }
            .joined(separator: "\n")
        let world = PolicyWorld(endpoints: weir.endpoints, tenants: weir.tenants, zones: [:])
        let timeline = try #require(
            PolicyTimeline(try PolicyBook([Source(name: "turn.cedar", text: policies)], in: world), in: world, at: .now()))
        #expect(timeline.stages.count == 2 && timeline.stages[1].from == moment)
        let now = weir.gateway.snapshot
        let catalogue = Catalogue(
            generation: now.generation + 1, endpoints: weir.endpoints, tenants: weir.tenants, policies: timeline)
        let keys = now.keys.mapValues { KeyEntry(record: $0.record, account: $0.account, in: catalogue, expires: $0.expires) }
        try await weir.gateway.install(
            Snapshot(
                catalogue: catalogue, prices: now.prices, limits: now.limits, keys: keys, policyHash: "turn", board: weir.board),
            board: weir.board)
        return moment
    }

    private static func pass(_ moment: Timestamp) { _ = eventually(within: 5) { Timestamp.now() > moment } }

    private static func places(_ weir: Harness) -> [String] { weir.simulator.record().map(\.endpoint) }

    @Test("What waits for the disk across the turn is not sent where it may not go any more; another endpoint answers")
    func disk() async throws {
        let disk = SwitchedDisk()
        defer { disk.stalls = false }
        try await Harness.with(scenario: FailoverTests.scenario(Self.names), disk: disk, endpoints: Self.endpoints) {
            weir async throws in
            defer { disk.stalls = false }
            let turn = try await Self.close(["one"], in: 3_000, weir)
            _ = try weir.entries()
            disk.stalls = true
            let clients = try [Ask.chat, Ask.stream, Ask.chat].map { body in
                let client = try RawClient(port: weir.port)
                try client.send(Harness.request(body))
                return client
            }
            #expect(eventually(within: 2) { weir.openHolds == clients.count })
            #expect(Timestamp.now() < turn, "this machine is too slow for the test")
            Self.pass(turn)
            disk.stalls = false
            for client in clients {
                let answer = try client.answer()
                #expect(answer.status == 200 && answer.header("x-weir-endpoint") == "two", "\(answer)")
            }
            #expect(weir.settles())
            #expect(Self.places(weir) == ["two", "two", "two"])
            #expect(try weir.ends().count { $0.why == "policy_denied" } == clients.count)
        }
    }

    @Test("Where the turn closes every endpoint, what waited is refused with the policy's name, and nothing arrives")
    func nowhere() async throws {
        let disk = SwitchedDisk()
        defer { disk.stalls = false }
        try await Harness.with(scenario: FailoverTests.scenario(Self.names), disk: disk, endpoints: Self.endpoints) {
            weir async throws in
            defer { disk.stalls = false }
            let turn = try await Self.close(Self.names, in: 3_000, weir)
            _ = try weir.entries()
            disk.stalls = true
            let client = try RawClient(port: weir.port)
            try client.send(Harness.request(Ask.chat))
            #expect(eventually(within: 2) { weir.openHolds == 1 })
            #expect(Timestamp.now() < turn, "this machine is too slow for the test")
            Self.pass(turn)
            disk.stalls = false
            let answer = try client.answer()
            #expect(
                answer.status == 403 && answer.code == "weir_policy_denied" && answer.body.contains("one-closes"), "\(answer)")
            #expect(weir.settles() && weir.held == .zero && Self.places(weir).isEmpty)
        }
    }

    @Test("Another try after the turn skips the endpoint that closed meanwhile", arguments: [Ask.chat, Ask.stream])
    func retry(_ body: String) async throws {
        try await Harness.with(scenario: FailoverTests.scenario(Self.names), endpoints: Self.endpoints) { weir async throws in
            try await weir.simulator.setFault(.stallHead(milliseconds: nil), endpoint: "one", times: 1)
            let turn = try await Self.close(["two"], in: 1_000, weir)
            let answer = try weir.chat(body)
            #expect(Timestamp.now() > turn)
            #expect(answer.status == 200 && answer.header("x-weir-endpoint") == "three", "\(answer)")
            // What the first may have billed stays in doubt.
            #expect(weir.settles(holds: 1))
            #expect(Self.places(weir) == ["one", "three"])
        }
    }

    @Test("A body that comes slowly across the turn is judged when it is there")
    func body() async throws {
        try await Harness.with(scenario: FailoverTests.scenario(Self.names), endpoints: Self.endpoints) { weir async throws in
            let turn = try await Self.close(["one", "two"], in: 2_500, weir)
            let request = Harness.request(Ask.chat)
            let client = try RawClient(port: weir.port)
            try client.send(String(request.dropLast(20)))
            #expect(Timestamp.now() < turn, "this machine is too slow for the test")
            Self.pass(turn)
            try client.send(String(request.suffix(20)))
            #expect(try client.answer().header("x-weir-endpoint") == "three")
            #expect(Self.places(weir) == ["three"])
        }
    }

    @Test("No call that begins at or after the turn arrives where it closed, and each that arrived began before it")
    func crowd() async throws {
        try await Harness.with(scenario: FailoverTests.scenario(Self.names), endpoints: Self.endpoints) { weir async throws in
            let turn = try await Self.close(["one"], in: 1_000, weir)
            let begun = Mutex<[String: Int64]>([:])
            MoneyPromiseTests.together(8) { worker in
                guard let client = try? RawClient(port: weir.port) else { return }
                var number = 0
                while Timestamp.now() < turn.advanced(byMilliseconds: 500) {
                    number += 1
                    let id = "c\(worker)-\(number)"
                    begun.withLock { $0[id] = Timestamp.now().nanoseconds }
                    try? client.send(Harness.request(Ask.chat, headers: ["x-request-id: \(id)"]))
                    guard (try? client.answer()) != nil else { return }
                }
            }
            let received = weir.simulator.record()
            let late = begun.withLock { begun in
                received.filter { $0.endpoint == "one" && (begun[$0.requestID ?? ""] ?? .max) >= turn.nanoseconds }
            }
            #expect(late.isEmpty, "\(late.count) of \(received.count)")
            let counts = Dictionary(grouping: received, by: \.endpoint).mapValues(\.count)
            print("around the turn: \(counts)")
            #expect(counts["one", default: 0] > 10 && counts["two", default: 0] > 10)
            // Each was held, judged by what stood then; holds after the turn name the other endpoint.
            for hold in try weir.holds() where hold.route.endpoint == "one" {
                #expect((begun.withLock { $0[hold.call] } ?? .max) < turn.nanoseconds)
            }
        }
    }

    private enum Meanwhile: CaseIterable { case nothing, turn, suspension, bothClose }

    @Test(
        "What waits for a new connection while the rule turns, or its endpoint is suspended, does not leave on it",
        .enabled(if: Certificate.canBeMade), arguments: Meanwhile.allCases)
    private func connection(_ meanwhile: Meanwhile) async throws {
        let certificate = try Certificate()
        defer { certificate.remove() }
        // A second Weir with TLS is a fair endpoint: it counts the calls that reach it.
        try await Harness.with(tls: certificate.serverContext(protocols: ["http/1.1"])) { inner async throws in
            let way = try HeldWay(to: inner.port)
            defer { way.stop() }
            try await Harness.with(
                scenario: FailoverTests.scenario(["two"]), threads: 1,
                endpoints: { ports in
                    var one = Endpoint.test(
                        "one", port: way.port, credential: Harness.key, priority: 0, tls: true, host: "localhost",
                        trustFile: certificate.certificate)
                    one.models["m"]?.upstreamName = "m"
                    return [one, .test("two", port: ports["two"] ?? 0, priority: 1)]
                }
            ) { weir async throws in
                let closed =
                    switch meanwhile {
                    case .nothing, .suspension: [String]()
                    case .turn: ["one"]
                    case .bothClose: ["one", "two"]
                    }
                let turn = try await Self.close(closed.isEmpty ? ["two"] : closed, in: closed.isEmpty ? 60_000 : 3_000, weir)
                let client = try RawClient(port: weir.port)
                try client.send(Harness.request(Ask.chat))
                #expect(eventually(within: 2) { way.connections == 1 && weir.openHolds == 1 })
                if meanwhile == .suspension { #expect(weir.board.suspend("one")) }
                if !closed.isEmpty {
                    #expect(Timestamp.now() < turn, "this machine is too slow for the test")
                    Self.pass(turn)
                }
                way.open()
                let answer = try client.answer()
                let calls = try await inner.gateway.metrics().calls
                switch meanwhile {
                case .nothing: #expect(answer.header("x-weir-endpoint") == "one" && calls == 1, "\(answer)")
                case .turn, .suspension: #expect(answer.header("x-weir-endpoint") == "two" && calls == 0, "\(answer)")
                case .bothClose: #expect(answer.code == "weir_policy_denied" && calls == 0, "\(answer)")
                }
                #expect(weir.settles())
                let why = try weir.ends().map(\.why)
                switch meanwhile {
                case .nothing: #expect(why == [nil])
                case .turn: #expect(why == ["policy_denied", nil])
                case .suspension: #expect(why == ["endpoint_suspended", nil])
                case .bothClose: #expect(why == ["policy_denied"])
                }
                #expect(Self.places(weir).count == (meanwhile == .turn || meanwhile == .suspension ? 1 : 0))
            }
        }
    }
}
