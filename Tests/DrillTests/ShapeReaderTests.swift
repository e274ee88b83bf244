import Core
import Drill
import Ledger
import Testing

@Suite("Shapes of calls from a journal")
struct ShapeReaderTests {
    private func hold(
        _ call: String, _ endpoint: String = "sweden", size: CallSize? = CallSize(bytes: 100, probableTokens: 100),
        standIn: String? = nil
    ) -> Entry {
        .hold(
            HoldEntry(
                attempt: AttemptID(high: 1, low: 2), call: call, key: "key_acme", amount: Money(nanos: 500), drawn: false,
                inputBound: 180, outputBound: 74, size: size, generation: 1, operation: .chat, stream: true,
                route: RouteFacts(
                    model: standIn ?? "m", upstreamModel: "up", endpoint: endpoint, link: "public", operator: "o",
                    operatorCountry: "SE", processedIn: ["SE"], asked: standIn == nil ? nil : "m")))
    }

    private func end(_ hold: UInt64, _ nanos: Int64?, first: Int64? = nil, why: String? = nil) -> Entry {
        .end(
            EndEntry(
                hold: hold, attempt: AttemptID(high: 1, low: 2), how: nanos == nil ? .voided : .settled,
                settled: Money(nanos: nanos ?? 0), usage: nanos == nil ? .zero : Usage(input: 9, output: 3), why: why,
                facts: AnswerFacts(firstTokenMicroseconds: first)))
    }

    private func read(_ entries: [(Int64, Entry)], from: Int64 = 0) -> ShapeReader {
        var reader = ShapeReader(after(from)..<after(10_000))
        reader.take(.key(key()), sequence: 0, at: after(-5_000))
        for (index, (milliseconds, entry)) in entries.enumerated() {
            reader.take(entry, sequence: UInt64(index + 1), at: after(milliseconds))
        }
        return reader
    }

    @Test(
        "Attempts that follow one another within a call are one shape: its cost is of all, its time from the first to the answer")
    func retries() throws {
        let reader = read([
            (0, hold("a")), (40, end(1, nil, why: "status_503")), (40, hold("a", "qwen")), (190, end(3, 700, first: 20_000)),
        ])
        let one = try #require(reader.shapes.first)
        #expect(reader.shapes.count == 1 && one.attempts.map(\.endpoint) == ["sweden", "qwen"])
        #expect(one.endpoint == "qwen" && one.charged == Money(nanos: 700) && one.microseconds == 190_000)
        #expect(one.firstTokenMicroseconds == 60_000 && one.failures.map(\.endpoint) == ["sweden"])
        #expect(one.stream && one.bytes == 100 && one.probableTokens == 100 && one.askedOutput == 74)
    }

    @Test("A model that stood in for another belongs to the call that asked for that one")
    func standIns() throws {
        let reader = read([
            (0, hold("a")), (40, end(1, nil, why: "status_503")), (40, hold("a", "qwen", standIn: "n")), (190, end(3, 700)),
        ])
        let one = try #require(reader.shapes.first)
        #expect(reader.shapes.count == 1 && one.model == "m" && one.attempts.map(\.standIn) == [nil, "n"])
    }

    @Test("A client that uses an id again makes another call: after an answer, later, or of another size")
    func reusedIDs() {
        let answered = read([(0, hold("a")), (40, end(1, 7)), (41, hold("a", "qwen")), (80, end(3, 7))])
        #expect(answered.shapes.count == 2)
        let later = read([(0, hold("a")), (40, end(1, nil)), (900, hold("a", "qwen")), (950, end(3, 7))])
        #expect(later.shapes.count == 2)
        let other = read([
            (0, hold("a")), (40, end(1, nil)), (40, hold("a", "qwen", size: CallSize(bytes: 7, probableTokens: 9))),
            (50, end(3, 7)),
        ])
        #expect(other.shapes.count == 2)
        let same = read([(0, hold("a")), (1, hold("a")), (40, end(1, 7)), (50, end(2, 7))])
        #expect(same.shapes.count == 2)
        // Two of one call beside each other at two endpoints, as hedged requests are.
        let hedged = read([(0, hold("a")), (9, hold("a", "qwen")), (40, end(2, 7)), (50, end(1, nil))])
        #expect(hedged.shapes.count == 1 && hedged.shapes[0].endpoint == "qwen")
    }

    @Test("Overruns and corrections are part of what a call cost, and corrections of what it used")
    func charges() {
        let correction = CorrectionEntry(
            hold: 1, attempt: AttemptID(high: 1, low: 2), key: "key_acme", before: Money(nanos: 550), amount: Money(nanos: -100),
            usage: Usage(output: -1), evidence: "invoice", why: "counted twice",
            route: RouteFacts(
                model: "m", upstreamModel: "up", endpoint: "sweden", link: "public", operator: "o", operatorCountry: "SE",
                processedIn: ["SE"]))
        let reader = read([
            (0, hold("a")), (40, .overrun(hold: 1, attempt: AttemptID(high: 1, low: 2), amount: Money(nanos: 50))),
            (40, end(1, 500)), (60, .correction(correction)),
        ])
        #expect(reader.shapes[0].charged == Money(nanos: 450) && reader.shapes[0].usage == Usage(input: 9, output: 2))
    }

    @Test("Only calls that begin in the span are shapes; earlier ones say how fast an endpoint was")
    func span() {
        let reader = read([(-900, hold("a")), (-800, end(1, 7)), (0, hold("b")), (20_000, end(3, 7)), (20_000, hold("c"))])
        #expect(reader.shapes.map(\.call) == ["b"] && reader.shapes[0].microseconds == 20_000_000)
        #expect(reader.speeds.speed(at: Speeds.Place(endpoint: "sweden", model: "m"))?.samples == 2)
    }

    @Test("What has no end, no size or no key is counted as such, and refusals of then by tenant and model")
    func unknowns() {
        let reader = read([
            (0, hold("a", size: nil)),
            (5, .refused(from: noon, [.init(key: "key_acme", code: "weir_limit_reached", model: "m", count: 3)])),
            (6, .refused(from: noon, [.init(key: nil, code: "weir_key_refused", model: nil, count: 2)])),
        ])
        #expect(reader.unsized == 1 && reader.shapes[0].answer == nil && reader.shapes[0].microseconds == nil)
        // 180 less 64 for the call and 16 for a message.
        #expect(reader.shapes[0].bytes == 100 && reader.shapes[0].probableTokens == 100)
        #expect(reader.refused == [.init(tenant: "acme", model: "m"): 3, .init(tenant: "", model: ""): 2])
        var nobody = ShapeReader(noon..<after(10))
        nobody.take(hold("a"), sequence: 1, at: noon)
        #expect(nobody.keyless == 1 && nobody.shapes.isEmpty)
    }

    @Test("What is suspended where the journal ends is")
    func suspensions() {
        let reader = read([
            (0, .suspended(Suspension(endpoint: "a", who: "w", why: "y"))),
            (1, .suspended(Suspension(endpoint: "b", who: "w", why: "y"))),
            (2, .resumed(endpoint: "a", who: "w", why: "y")),
        ])
        #expect(reader.suspended == ["b"])
    }
}

extension Shape {
    fileprivate var usage: Usage { answer?.usage ?? .zero }
}
