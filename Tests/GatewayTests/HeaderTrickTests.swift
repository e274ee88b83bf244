import Core
import Foundation
import Ledger
import NIOCore
import Policy
import Simulator
import TestKit
import Testing
import Wire

@testable import Gateway

/// Header lines as an attacker would write them.
private enum Tricks {
    /// A key for internal data of people in Sweden or China that is tagged already.
    static let key = CallLabels(
        dataClass: "internal", categories: [.health], subjects: ["SE", "CN"], purposes: ["support", "research"],
        exportTags: ["EAR99"], clientNarrows: true)

    static let policies = """
        @id("lists") permit (principal, action, resource);
        @id("cn-stays") forbid (principal, action, resource)
        when { context.dataClass in DataClass::"personal" && context.subjects.contains("CN") }
        unless { ["CN"].containsAll(resource.processedIn) };
        @id("sensitive-in-eu") forbid (principal, action, resource)
        when { context.dataClass in DataClass::"sensitive" || context.categories.contains("genomic") }
        unless { ["SE"].containsAll(resource.processedIn) };
        @id("tagged") forbid (principal, action, resource)
        when { context.exportTags.contains("ITAR") && resource.operatorCountry != "SE" };
        """

    /// The policies in the test's own words.
    static func mayBe(_ labels: CallLabels, at place: String) -> Bool {
        let rank = labels.dataClass.flatMap(LabelOracle.classes.firstIndex(of:)) ?? 9
        if rank >= 2, labels.subjects.contains("CN"), place != "CN" { return false }
        if rank >= 3 || labels.categories?.contains(.genomic) != false, place != "SE" { return false }
        return labels.exportTags?.contains("ITAR") == false || place == "SE"
    }

    static func endpoints(_ ports: [String: Int]) -> [Endpoint] {
        ["SE", "CN"].enumerated().map { index, place in
            var made = Endpoint.test(place, port: ports[place] ?? 0, models: ["m"], priority: index)
            made.labels = Labels(processedIn: [place], storedIn: [place], operator: "Op", operatorCountry: place)
            return made
        }
    }

    static let good: [(String, [String])] = [
        ("weir-class", ["personal", "sensitive", "internal", "personal"]), ("weir-subject", ["SE", "CN"]),
        ("weir-purpose", ["support", "research"]),
        ("weir-categories", ["genomic", "health", "financial,genomic", "health , omic"]),
        ("weir-export-tags", ["ITAR", "EAR99", "5A002, ITAR", "a.b_c-d"]), ("weir-person", ["customer-17", "a,b"]),
        ("x-note", ["personal", "\u{e9}"]),
    ]
    static let bad: [String] = [
        "public", "PERSONAL", "Personal", "%70ersonal", "personal%00", "+AHA-ersonal", "=?utf-8?q?personal?=", "\"personal\"",
        "personal;q=1", "personal,public", "public, personal", "personal public", "utf-8''personal", "\u{feff}personal",
        "\u{202e}lanosrep", "\u{ff50}ersonal", "p\u{435}rsonal", "personal\u{200b}", "perso\u{301}nal", "pers\\u006fnal",
        "&#112;ersonal",
        "{\"class\":\"public\"}", "personal\t", "\tpersonal", "per\tsonal", "SE,CN", "se", "S\u{395}", "SE\u{a0}", "DE",
        "anywhere", "EU",
        "Support", "sales", "*", "any", "none", "null", "", " ", ",", "health,,genomic", "health,health", ",health", "helth",
        "ITAR;x",
        "a b", "-", "personal\0", "personal\u{7f}", "personal\u{1}", "personal\u{b}", "personal\r", "personal\n", "personal\rx",
        "personal\r\n public", "personal\r\nweir-class: public", "personal\r\n\tpublic", "personal\nweir-class: public",
        String(repeating: "a", count: 65), String(repeating: "a", count: 129), String(repeating: "a", count: 1_025),
        (0..<33).map { "t\($0)" }.joined(separator: ","), (0..<32).map { "t\($0)" }.joined(separator: ","),
    ]
    /// Bytes that are no text.
    static let raw: [[UInt8]] = [
        [0xC1, 0xB0], [0xE0, 0x81, 0xB0], [0xED, 0xA0, 0x80], [0xFF, 0xFE], [0x80], [0xF0, 0x8F, 0x81, 0xB0],
    ]

    static func line(using random: inout SeededRandom) -> [UInt8] {
        guard let (plain, values) = good.randomElement(using: &random) else { return [] }
        var name = Array(plain.utf8)
        if Int.random(in: 0..<3, using: &random) == 0 {
            for at in name.indices where Bool.random(using: &random) && (0x61...0x7A).contains(name[at]) { name[at] ^= 0x20 }
        }
        if Int.random(in: 0..<12, using: &random) == 0 { spoil(&name, using: &random) }
        var value = Array((values.randomElement(using: &random) ?? "").utf8)
        if Int.random(in: 0..<6, using: &random) == 0 { value = Array((bad.randomElement(using: &random) ?? "").utf8) }
        if Int.random(in: 0..<24, using: &random) == 0 {
            value.insert(contentsOf: raw.randomElement(using: &random) ?? [], at: Int.random(in: 0...value.count, using: &random))
        }
        if Int.random(in: 0..<40, using: &random) == 0, !value.isEmpty {
            value[Int.random(in: value.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        let before = ["", " ", "  ", "\t", " \t "].randomElement(using: &random) ?? ""
        let after = ["", "", " ", "\t", "  \t"].randomElement(using: &random) ?? ""
        return name + [0x3A] + Array(before.utf8) + value + Array(after.utf8)
    }

    private static func spoil(_ name: inout [UInt8], using random: inout SeededRandom) {
        switch Int.random(in: 0..<9, using: &random) {
        case 0: name = name.map { $0 == 0x2D ? 0x5F : $0 }
        case 1: name.append(0x20)
        case 2: name.insert(0x20, at: 0)
        case 3: name.append(contentsOf: [0x73])
        case 4: name = Array("x-".utf8) + name
        case 5: name.replaceSubrange(1...1, with: Array("\u{435}".utf8))
        case 6: name = name.map { $0 == 0x2D ? 0x0D : $0 }
        case 7: name.insert(0, at: Int.random(in: 0...name.count, using: &random))
        default: name = Array("weir-".utf8) + Array("region".utf8)
        }
    }

    static func lines(using random: inout SeededRandom) -> [[UInt8]] {
        (0..<Int.random(in: 1...4, using: &random)).map { _ in line(using: &random) }
    }

    static func request(_ lines: [[UInt8]], id: String = "x", body: String = Ask.chat) -> [UInt8] {
        var bytes = Array(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: weir\r\nContent-Type: application/json\r\nX-Request-ID: \(id)\r\nAuthorization: Bearer \(Harness.key)\r\n"
                .utf8)
        for line in lines { bytes += line + [0x0D, 0x0A] }
        return bytes + Array("Content-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
    }

    static func shown(_ lines: [[UInt8]]) -> String {
        lines.map { String(decoding: $0, as: UTF8.self).debugDescription }.joined(separator: " | ")
    }
}

@Suite("Headers that would widen")
struct HeaderTrickTests {
    @Test("A hundred thousand heads mean what the documentation says of them, and none is judged with more than its key's labels")
    func parsing() throws {
        var random = SeededRandom(seed: testSeed("HeaderTrickTests.parsing"))
        let caller = Caller(
            key: "key_test", team: "team", tenantName: "acme", tenant: 0, number: 0, models: nil, labels: Tricks.key)
        var counts = (judged: 0, narrowed: 0, refused: 0)
        var wrong: [String] = []
        for _ in 0..<100_000 {
            let lines = Tricks.lines(using: &random)
            let expected = LabelOracle.labels(of: lines, under: Tricks.key)
            let found = Self.judged(lines, caller)
            if found != expected || found.map({ LabelOracle.isWider($0, than: Tricks.key) }) == true {
                wrong.append("\(Tricks.shown(lines)): \(String(describing: found)), not \(String(describing: expected))")
            }
            if let found {
                if found == Tricks.key { counts.judged += 1 } else { counts.narrowed += 1 }
            } else {
                counts.refused += 1
            }
        }
        print("heads: \(counts)")
        #expect(wrong.isEmpty, "\(wrong.count) heads: \(wrong.prefix(3))")
        #expect(counts.judged > 10_000 && counts.narrowed > 10_000 && counts.refused > 10_000)
    }

    /// As the gateway reads a head; nil: it refuses it.
    private static func judged(_ lines: [[UInt8]], _ caller: Caller) -> CallLabels? {
        var bytes = ByteBuffer(bytes: Tricks.request(lines))
        var parser = RequestParser()
        guard let event = try? parser.next(&bytes), case .head(let request) = event else { return nil }
        do { _ = try request.head.person() } catch { return nil }
        switch claimedLabels(request.head, of: caller, in: .standard) {
        case .success(let own): return own ?? caller.labels
        case .failure: return nil
        }
    }

    @Test("Over sockets, thousands of heads go only where their labels may be, by the simulator's own record")
    func sockets() async throws {
        let seed = testSeed("HeaderTrickTests.sockets")
        try await Harness.with(
            scenario: FailoverTests.scenario(["SE", "CN"]), labels: Tricks.key, policies: Tricks.policies,
            endpoints: Tricks.endpoints
        ) { weir async throws in
            var random = SeededRandom(seed: seed)
            var asked: [String: [[UInt8]]] = [:]
            var client = try RawClient(port: weir.port)
            for number in 0..<4_000 {
                let lines = Tricks.lines(using: &random)
                let id = "trick-\(number)"
                asked[id] = lines
                let expected = LabelOracle.labels(of: lines, under: Tricks.key)
                try client.send(Tricks.request(lines, id: id))
                let answer = try client.answer()
                if let expected {
                    let place = ["SE", "CN"].first { Tricks.mayBe(expected, at: $0) }
                    #expect(answer.header("x-weir-endpoint") == place, "\(Tricks.shown(lines)): \(answer)")
                    #expect(place != nil || answer.code == "weir_policy_denied", "\(Tricks.shown(lines)): \(answer)")
                } else {
                    #expect((400..<500).contains(answer.status), "\(Tricks.shown(lines)): \(answer)")
                }
                if answer.status >= 400 { client = try RawClient(port: weir.port) }
            }
            try Self.compare(weir, asked, least: 1_000)
        }
    }

    /// Holds what arrived, and what the journal says of it, against what was asked.
    private static func compare(_ weir: Harness, _ asked: [String: [[UInt8]]], least: Int) throws {
        #expect(weir.settles())
        let holds = Dictionary(grouping: try weir.holds()) { $0.attempt.description }
        let received = weir.simulator.record()
        #expect(received.count >= least, "too little arrived to tell anything")
        for request in received {
            let lines = try #require(asked[request.requestID ?? ""])
            let labels = LabelOracle.labels(of: lines, under: Tricks.key)
            #expect(
                labels.map { Tricks.mayBe($0, at: request.endpoint) } == true, "\(Tricks.shown(lines)) at \(request.endpoint)")
            let said = try #require(holds[request.attempt ?? ""]?.first?.judged).labels
            #expect(said.dataClass == labels?.dataClass && said.subjects == labels?.subjects, "\(Tricks.shown(lines)): \(said)")
            #expect(said.purposes == labels?.purposes && said.categories == labels?.categories, "\(Tricks.shown(lines)): \(said)")
            #expect(said.exportTags == labels?.exportTags, "\(Tricks.shown(lines)): \(said)")
        }
        let places = Dictionary(grouping: received, by: \.endpoint).mapValues(\.count)
        print("\(asked.count) asked, arrived: \(places)")
        #expect(places.count == 2)
    }

    @Test("What one request of a connection says does not stay for the next, also when both come at once")
    func pipelined() async throws {
        try await Harness.with(
            scenario: FailoverTests.scenario(["SE", "CN"]), labels: Tricks.key, policies: Tricks.policies,
            endpoints: Tricks.endpoints
        ) { weir async throws in
            let personal = ["weir-class: personal", "weir-subject: CN"].map { Array($0.utf8) }
            let client = try RawClient(port: weir.port)
            var all: [UInt8] = []
            for number in 0..<6 { all += Tricks.request(number % 2 == 0 ? personal : [], id: "p\(number)") }
            try client.send(all)
            for number in 0..<6 {
                #expect(try client.answer().header("x-weir-endpoint") == (number % 2 == 0 ? "CN" : "SE"), "request \(number)")
            }
        }
    }

    @Test("A label behind the body is refused over HTTP/1.1, whatever the trailer says")
    func trailers() async throws {
        try await Harness.with(
            scenario: FailoverTests.scenario(["SE", "CN"]), labels: Tricks.key, policies: Tricks.policies,
            endpoints: Tricks.endpoints
        ) { weir async throws in
            for trailer in ["Weir-Class: personal", "weir-class: public", "x-note: 1"] {
                let chunk = "\(String(Ask.chat.utf8.count, radix: 16))\r\n\(Ask.chat)\r\n0\r\n\(trailer)\r\n\r\n"
                let answer = try weir.exchange(
                    "POST /v1/chat/completions HTTP/1.1\r\nHost: w\r\nContent-Type: application/json\r\nTrailer: weir-class\r\nAuthorization: Bearer \(Harness.key)\r\nTransfer-Encoding: chunked\r\n\r\n\(chunk)"
                )
                #expect(answer.status == 400, "\(trailer): \(answer)")
            }
            #expect(weir.simulator.record().isEmpty)
        }
    }

    @Test(
        "Over HTTP/2 the same heads mean the same, and what only HTTP/2 can say (other cases, line ends, trailers) reaches nobody",
        .enabled(if: Certificate.canBeMade))
    func http2() async throws {
        let seed = testSeed("HeaderTrickTests.http2")
        let certificate = try Certificate()
        defer { certificate.remove() }
        try await Harness.with(
            scenario: FailoverTests.scenario(["SE", "CN"]), labels: Tricks.key, policies: Tricks.policies,
            tls: certificate.serverContext(protocols: ["h2"]), endpoints: Tricks.endpoints
        ) { weir async throws in
            var client = try RawHTTP2(port: weir.port)
            var asked: [String: [[UInt8]]] = [:]
            func ask(_ lines: [[UInt8]], id: String, trailers: [String] = []) throws -> RawHTTP2.Ending {
                asked[id] = lines
                let fields = lines.compactMap { line -> RawHTTP2.Field? in
                    let colon = line.firstIndex(of: 0x3A) ?? line.count
                    return (Array(line[..<colon]), Array(line.dropFirst(colon + 1)))
                }
                let own = [
                    ("content-type", "application/json"), ("x-request-id", id), ("authorization", "Bearer \(Harness.key)"),
                ]
                let ending = try client.ask(
                    own.map { (Array($0.utf8), Array($1.utf8)) } + fields, body: Array(Ask.chat.utf8),
                    trailers: trailers.map { (Array("weir-class".utf8), Array($0.utf8)) })
                if ending == .closed { client = try RawHTTP2(port: weir.port) }
                return ending
            }
            func bytes(_ lines: String...) -> [[UInt8]] { lines.map { Array($0.utf8) } }

            #expect(try ask(bytes("weir-class:personal", "weir-subject:CN"), id: "good") == .answered(well: true))
            let before = weir.simulator.record().count
            #expect(before == 1)
            for (index, lines) in [
                bytes("Weir-Class:personal"), bytes("weir-class:personal\r\nweir-class: public"),
                bytes("weir-class:personal\r\n public"),
                bytes("weir-class:personal\0"), bytes("weir-class:personal\n"), bytes("x-note:a\r\nweir-class: personal"),
                bytes("x-note\r\nweir-class:personal"), bytes("weir-class :personal"), bytes(" weir-class:personal"),
                bytes("weir-class:personal", "weir-class:personal"), bytes("weir-class:personal", "weir-class:public"),
                bytes("weir-class:"), bytes("weir-class:public"), bytes("weir-region:SE"),
                bytes("x-note:a\r\n\r\nGET / HTTP/1.1"),
                bytes("transfer-encoding:chunked"), bytes("connection:weir-class", "weir-class:personal"),
            ].enumerated() {
                #expect(try ask(lines, id: "bad\(index)") != .answered(well: true), "\(Tricks.shown(lines))")
            }
            for trailer in ["personal", "public", ""] {
                #expect(try ask([], id: "trailer-\(trailer)", trailers: [trailer]) != .answered(well: true), "\(trailer)")
            }
            #expect(weir.simulator.record().count == before, "something of it arrived")

            var random = SeededRandom(seed: seed)
            for number in 0..<600 {
                // Whatever would break the connection was asked above, and names that are not in lower case are no HTTP/2.
                let lines = Tricks.lines(using: &random).filter { line in
                    line.allSatisfy { $0 >= 0x20 || $0 == 9 }
                        && line.prefix { $0 != 0x3A }.allSatisfy { (0x21...0x7E).contains($0) }
                }.map { line in
                    let colon = line.firstIndex(of: 0x3A) ?? 0
                    return line[..<colon].map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 } + line[colon...]
                }
                let expected = LabelOracle.labels(of: lines, under: Tricks.key)
                let mayGo = expected.map { labels in ["SE", "CN"].contains { Tricks.mayBe(labels, at: $0) } } ?? false
                let ending = try ask(lines, id: "h2-\(number)")
                if !mayGo { #expect(ending != .answered(well: true), "\(Tricks.shown(lines))") }
            }
            try Self.compare(weir, asked, least: 150)
        }
    }
}
