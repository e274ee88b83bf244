import Core
import Ledger
import TestKit
import Testing

@Suite("Entries")
struct EntryTests {
    @Test("Every kind of entry reads back as it was written, also with the oddest text")
    func roundTrip() throws {
        var random = SeededRandom(seed: 11)
        for round in 0..<400 {
            for entry in samples(&random) {
                let sequence = UInt64.random(in: 0...UInt64(Int64.max), using: &random)
                let at = Timestamp(nanoseconds: .random(in: .min...(.max), using: &random))
                let (readSequence, readAt, read) = try whole(entry, at, sequence).withUnsafeBytes { try Entry.parse($0) }
                #expect(read == entry, "round \(round)")
                #expect(readSequence == sequence && readAt == at)
            }
        }
    }

    @Test("60,000 entries with bytes changed, lost or added are refused by a typed error or read as an entry; nothing crashes")
    func mutated() throws {
        var random = SeededRandom(seed: 12)
        var refused = 0
        for _ in 0..<4_000 {
            for entry in samples(&random).shuffled(using: &random).prefix(18) {
                var bytes = try whole(entry, noon, 5)
                for _ in 0...Int.random(in: 0...2, using: &random) {
                    let at = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<5, using: &random) {
                    case 0: bytes[at] = .random(in: 0...255, using: &random)
                    case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                    case 2: bytes.remove(at: at)
                    case 3: bytes.insert(Array("{}[]\",:\\09-u".utf8).randomElement(using: &random)!, at: at)
                    default: bytes.removeSubrange(at...)
                    }
                    if bytes.isEmpty { break }
                }
                let result = bytes.withUnsafeBytes { bytes -> Result<Entry, EntryError> in
                    do throws(EntryError) { return .success(try Entry.parse(bytes).entry) } catch { return .failure(error) }
                }
                switch result {
                case .failure: refused += 1
                // What reads must also write again.
                case .success(let entry): #expect(entry.encoded(at: noon) != nil)
                }
            }
        }
        #expect(refused > 30_000)
    }

    @Test(
        "Amounts are canonical decimal strings that are not negative; anything else is refused",
        arguments: [
            "\"-1\"", "\"01\"", "\"+1\"", "\"1.0\"", "1", "\"\"", "\" 1\"", "\"9223372036854775808\"", "null", "\"1e3\"",
        ])
    func amounts(text: String) {
        let bytes = Array(
            "{\"v\":1,\"n\":3,\"t\":\"allowance\",\"at\":\"1\",\"key\":\"k\",\"window\":\"2026-11\",\"amount\":\(text)}".utf8)
        #expect(throws: EntryError.self) { try bytes.withUnsafeBytes { try Entry.parse($0) } }
    }

    @Test(
        "An exported person is 32 lower-case digits in an object of its own; anything else is refused",
        arguments: [
            "{}", "[]", "null", "\"\"", "{\"person\":5}", "{\"person\":\"\"}", "{\"person\":\"0123456789abcdef\"}",
            "{\"person\":\"0123456789ABCDEF0123456789abcdef\"}", "{\"person\":\"0123456789abcdef0123456789abcdef0\"}",
            "{\"person\":\"0123456789abcdef0123456789abcdef\",\"person\":\"0123456789abcdef0123456789abcdef\"}",
            "{\"person\":\"0123456789abcdef0123456789abcdef\",\"sensitive\":1}",
        ])
    func badPersons(text: String) throws {
        var random = SeededRandom(seed: 13)
        let holds = samples(&random).compactMap { if case .hold(let hold) = $0 { hold } else { nil } }
        var hold = try #require(holds.first)
        hold.exported = nil
        let plain = try whole(.hold(hold), noon, 4).dropLast()
        let good = "{\"person\":\"0123456789abcdef0123456789abcdef\"}"
        func parse(_ value: String) throws {
            let bytes = plain + Array(",\"exported\":\(value)}".utf8)
            _ = try bytes.withUnsafeBytes { try Entry.parse($0) }
        }
        try parse(good)
        #expect(throws: EntryError.self) { try parse(text) }
    }

    @Test("Another version, an unknown kind, a duplicate member and absurd depth are refused by name")
    func refusals() {
        func reason(_ text: String) -> EntryError.Reason? {
            Array(text.utf8).withUnsafeBytes { bytes in
                do throws(EntryError) {
                    _ = try Entry.parse(bytes)
                    return nil
                } catch { return error.reason }
            }
        }
        #expect(reason("{\"v\":3,\"n\":0,\"t\":\"stop\",\"at\":\"1\"}") == .unknownVersion)
        #expect(reason("{\"v\":1,\"n\":0,\"t\":\"stopp\",\"at\":\"1\"}") == .unknownKind)
        #expect(reason("{\"v\":1,\"n\":0,\"t\":\"stop\",\"at\":\"1\",\"at\":\"1\"}") == .duplicateMember)
        #expect(reason("{\"v\":1,\"n\":0,\"t\":\"stop\",\"at\":\"1\",\"x\":" + String(repeating: "[", count: 100_000)) == .depth)
        #expect(reason("{\"v\":1,\"n\":0,\"t\":\"stop\",\"at\":\"1\"} ") == .malformed)
        #expect(reason("") == .malformed)
    }

    private func whole(_ entry: Entry, _ at: Timestamp, _ sequence: UInt64) throws -> [UInt8] {
        let salt =
            sequence % 2 == 0 ? "\"v\":1,\"n\":\(sequence)," : "\"v\":2,\"n\":\(sequence),\"s\":\"AbCdefghij-_012345678Q\","
        return Array("{\(salt)".utf8) + (try #require(entry.encoded(at: at)))
    }

    private func samples(_ random: inout SeededRandom) -> [Entry] {
        func text() -> String {
            let pool: [Character] = ["a", "Z", "\"", "\\", "\n", "\u{0}", "\u{7f}", "é", "好", "🦆", "/", " ", "\u{2028}"]
            return String(
                (0..<Int.random(in: 0...12, using: &random)).map { _ in pool[Int.random(in: pool.indices, using: &random)] })
        }
        func number() -> Int64 {
            Bool.random(using: &random) ? .random(in: 0...(.max), using: &random) : .random(in: 0...9, using: &random)
        }
        func count() -> UInt64 { UInt64(number()) }
        func window() -> Window {
            Window(Month(year: .random(in: 1970...2261, using: &random), month: .random(in: 1...12, using: &random)))
        }
        func attempt() -> AttemptID { AttemptID(high: random.next(), low: random.next()) }
        func block() -> Entry.Block { Entry.Block(key: text(), window: window(), amount: nanos(number())) }
        func secrets() -> [KeySecret] {
            (0..<Int.random(in: 0...2, using: &random)).map { _ in
                KeySecret(
                    digest: KeyDigest(random.next(), random.next(), random.next(), random.next()),
                    expires: Bool.random(using: &random) ? Timestamp(nanoseconds: number()) : nil)
            }
        }
        func at() -> Timestamp { Timestamp(nanoseconds: number()) }
        func limits() -> AccountLimits {
            AccountLimits(
                spend: [
                    SpendLimit(
                        period: .day(zone: "Europe/Stockholm"), amount: nanos(number()),
                        grace: SpendLimit.Grace(name: text(), amount: nanos(number())), alertPercents: [50, 80, 100]),
                    SpendLimit(period: .rolling(seconds: 3_600), amount: nanos(number())),
                    SpendLimit(period: .total, amount: nanos(number())),
                ],
                pace: PaceLimit(requestsPerMinute: number(), tokensPerMinute: nil, concurrency: Int(number())))
        }
        var key = record(text(), team: text(), tenant: text(), limit: Bool.random(using: &random) ? number() : nil)
        key.secrets = secrets()
        if Bool.random(using: &random) { key.limits = limits() }
        if Bool.random(using: &random) {
            key.labels = CallLabels(
                dataClass: Bool.random(using: &random) ? text() : nil,
                categories: Bool.random(using: &random)
                    ? Set(DataCategory.allCases.filter { _ in Bool.random(using: &random) }) : nil,
                subjects: ["SE", text()], purposes: [text(), text()], exportTags: Bool.random(using: &random) ? [text()] : nil,
                clientNarrows: Bool.random(using: &random))
        }
        key.models = Bool.random(using: &random) ? [text(), text()] : nil
        if Bool.random(using: &random) { key.fallbacks = [text() + "1": [text(), text()], text() + "2": [text()]] }
        key.expires = Bool.random(using: &random) ? Timestamp(nanoseconds: number()) : nil
        let facts = RouteFacts(
            model: text(), upstreamModel: text(), endpoint: text(), link: text(), operator: text(), operatorCountry: text(),
            processedIn: [text(), text()], price: text(), asked: Bool.random(using: &random) ? text() : nil)
        return [
            .start(Entry.Start(node: text(), version: text(), clean: .random(using: &random))), .stop,
            .configuration(hash: text(), generation: count()), .key(key), .keyRotated(id: text(), secrets: secrets()),
            .limits(.team(tenant: text(), team: text()), limits()), .limits(.key(text()), .none),
            .window(
                pick([Period.day(zone: "Asia/Shanghai"), .rolling(seconds: 7), .monthUTC], &random), from: at(),
                to: at()),
            .alert(.tenant(text()), .week(zone: "UTC"), percent: 80, settled: nanos(number())),
            .lengthened(
                LengthenedEntry(
                    hold: count(), attempt: attempt(), amount: nanos(number()), outputBound: number(),
                    grace: Bool.random(using: &random) ? text() : nil)),
            .correction(
                CorrectionEntry(
                    hold: count(), attempt: attempt(), key: text(), before: nanos(number()), amount: nanos(-number()),
                    usage: Usage(input: -number(), imageOutput: number()), evidence: text(), why: text(), tier: .batch,
                    route: facts)),
            .keyRevoked(id: text(), why: text()), .limit(.tenant(text()), nil),
            .limit(.team(tenant: text(), team: text()), nanos(number())), .limit(.key(text()), nanos(number())),
            .allowance(block()), .allowanceReturned(block()), .allowanceDoubt(block(), why: text()),
            .allowanceVoided(doubt: count(), why: text()), .allowanceVoided(doubt: count(), why: text(), evidence: text()),
            .allowanceCharged(
                AllowanceChargeEntry(
                    doubt: count(), key: text(), attempt: Bool.random(using: &random) ? attempt() : nil, amount: nanos(number()),
                    freed: nanos(number()), usage: Usage(input: number(), output: number()), tier: .flex, evidence: text(),
                    why: text())),
            .hold(
                HoldEntry(
                    attempt: attempt(), call: text(), key: text(), window: Bool.random(using: &random) ? window() : nil,
                    amount: nanos(number()), drawn: .random(using: &random), grace: Bool.random(using: &random) ? text() : nil,
                    inputBound: number(), outputBound: number(),
                    size: Bool.random(using: &random) ? CallSize(bytes: number(), probableTokens: number()) : nil,
                    generation: count(),
                    operation: Operation.allCases.randomElement(using: &random) ?? .chat, stream: .random(using: &random),
                    tier: pick(ServiceTier.allCases, &random),
                    exported: Bool.random(using: &random)
                        ? ExportedPerson(Pseudonym(high: random.next(), low: random.next()), isSensitive: .random(using: &random))
                        : nil, route: facts)),
            .lossDoubt(
                LossDoubtEntry(
                    key: text(), amount: nanos(number()), log: text(), first: count(),
                    end: Bool.random(using: &random) ? count() : nil)),
            .overrun(hold: count(), attempt: attempt(), amount: nanos(number())),
            .end(
                EndEntry(
                    hold: count(), attempt: attempt(), how: .settled, settled: nanos(number()), back: nanos(number()),
                    usage: Usage(
                        input: number(), cachedInput: number(), cacheWrite: number(), cacheWriteHour: number(),
                        audioInput: number(), imageInput: number(), output: number(), reasoning: number(), audioOutput: number(),
                        imageOutput: number()),
                    estimated: .random(using: &random), tier: pick(ServiceTier.allCases, &random),
                    why: Bool.random(using: &random) ? text() : nil,
                    evidence: Bool.random(using: &random) ? text() : nil,
                    facts: AnswerFacts(
                        region: Bool.random(using: &random) ? text() : nil,
                        firstTokenMicroseconds: Bool.random(using: &random) ? number() : nil,
                        servedBy: Bool.random(using: &random)
                            ? ServedBy(deployment: text(), price: Bool.random(using: &random) ? text() : nil) : nil,
                        rewrites: Bool.random(using: &random) ? [text(), text()] : []),
                    rawUsage: Bool.random(using: &random) ? Array("{\"a\":{\"b\":[1,-2.5e3,null]}, \"c\":\"\\u00e9\"}".utf8) : nil
                )),
            .end(EndEntry(hold: count(), attempt: attempt(), how: .voided, settled: .zero, why: text())),
            .doubt(hold: count(), why: text()), .doubt(hold: count(), why: text(), region: text()),
            .suspended(Suspension(endpoint: text(), who: text(), why: text())),
            .suspended(
                Suspension(
                    endpoint: text(), contradictedBy: .init(region: text(), processedIn: [text(), text()], attempt: attempt()))),
            .resumed(endpoint: text(), who: text(), why: text()),
            .refused(
                from: Timestamp(nanoseconds: number()),
                [
                    Entry.Refusals(key: nil, code: text(), model: nil, count: number()),
                    Entry.Refusals(key: text(), code: text(), model: text(), count: number()),
                ]),
            .act(who: text(), what: text(), on: Bool.random(using: &random) ? text() : nil),
        ]
    }
}
