import Core
@testable import Ledger
import TestKit
import Testing

@Suite("The scan of entries")
struct ScanTests {
    @Test("Holds, ends and allowances as Weir writes them are scanned, and the scan and the parser read them alike")
    func scansOwn() throws {
        var random = SeededRandom(seed: 31)
        let fold = known
        for _ in 0..<3_000 {
            for entry in samples(&random) {
                let bytes = try whole(entry, 5)
                let scanned = bytes.withUnsafeBytes { scanEntry($0, fold.names) }
                #expect(scanned != nil, "\(String(decoding: bytes, as: UTF8.self))")
                try expectAlike(bytes, fold)
            }
        }
    }

    @Test(
        "Of 150,000 entries with bytes changed, lost or added, the scan accepts none that the parser reads otherwise or refuses")
    func mutated() throws {
        var random = SeededRandom(seed: 32)
        let fold = known
        for _ in 0..<50_000 {
            for entry in samples(&random) {
                var bytes = try whole(entry, .random(in: 0...(.max), using: &random) >> 1)
                for _ in 0...Int.random(in: 0...1, using: &random) {
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
                try expectAlike(bytes, fold)
            }
        }
    }

    @Test("An unknown key, an unknown route, escaped text and another order of members are left to the parser")
    func leaves() throws {
        func isScanned(_ text: String) -> Bool {
            Array(text.utf8).withUnsafeBytes { scanEntry($0, known.names) != nil }
        }
        let allowance =
            "{\"v\":1,\"n\":3,\"t\":\"allowance\",\"at\":\"1\",\"key\":\"k1\",\"window\":\"2026-11\",\"amount\":\"5\"}"
        #expect(isScanned(allowance))
        for (old, new) in [
            ("k1", "k2"), ("k1", "\\u006b1"), ("\"5\"", "\"-0\""), ("\"5\"", "5"), ("2026-11", "1969-11"), (":1,", ": 1,"),
            ("\"v\":1,\"n\":3", "\"n\":3,\"v\":1"), ("\"v\":1,\"n\":3", "\"v\":2,\"n\":3"),
            ("\"v\":1,\"n\":3", "\"v\":2,\"n\":3,\"s\":\"AbCdefghij-_012345678R\""), ("2026-11", "2026-13"),
            ("\"5\"}", "\"5\",\"x\":1}"),
        ] {
            #expect(!isScanned(allowance.replacing(old, with: new)))
        }
    }

    private func expectAlike(_ bytes: [UInt8], _ fold: Fold) throws {
        try bytes.withUnsafeBytes { bytes in
            guard let (sequence, at, scanned) = scanEntry(bytes, fold.names) else { return }
            let parsed = try Entry.parse(bytes)
            #expect(parsed.sequence == sequence && parsed.at == at)
            switch (scanned, parsed.entry) {
            case (.hold(let row), .hold(let hold)):
                #expect(
                    hold.attempt == row.attempt && hold.call == row.call && hold.key == "k1" && row.key == 0
                        && hold.window == row.window && hold.amount == row.amount && row.at == at
                        && hold.drawn == row.drawn && hold.inputBound == row.inputBound
                        && hold.outputBound == row.outputBound && hold.generation == row.generation
                        && hold.operation == row.operation && hold.stream == row.stream && hold.tier == row.tier
                        && hold.grace == row.grace && hold.exported == row.exported && hold.route == row.route.facts)
            case (.end(let scanned), .end(let end)):
                let expected = ScannedEnd(end)
                #expect(
                    scanned.hold == expected.hold && scanned.attempt == expected.attempt
                        && scanned.isVoided == expected.isVoided && scanned.settled == expected.settled
                        && scanned.back == expected.back && scanned.usage == expected.usage
                        && scanned.isEstimated == expected.isEstimated && scanned.tier == expected.tier)
            case (.allowance(let key, let window, let amount), .allowance(let block)):
                #expect(key == 0 && block == Entry.Block(key: "k1", window: window, amount: amount))
            default: Issue.record("another kind")
            }
        }
    }

    /// A fold that knows key `k1` and one route with odd text in it.
    private var known: Fold {
        var fold = Fold()
        fold.restore(key: record("k1"), revoked: nil)
        _ = fold.restore(hold: Fold.OpenHold(entry: hold(1, 1), at: noon), 0)
        return fold
    }

    private func hold(_ number: Int64, _ attempt: UInt64) -> HoldEntry {
        HoldEntry(
            attempt: AttemptID(high: attempt, low: ~attempt), call: "req_\(attempt)", key: "k1",
            window: attempt % 7 == 0 ? november : nil,
            amount: nanos(number), drawn: attempt % 2 == 0, grace: attempt % 5 == 0 ? "exam" : nil, inputBound: number,
            outputBound: number, size: attempt % 4 == 1 ? CallSize(bytes: number, probableTokens: number) : nil, generation: 3,
            operation: Operation.allCases[Int(attempt % UInt64(Operation.allCases.count))], stream: attempt % 3 == 0,
            tier: ServiceTier.allCases[Int(attempt % 4)],
            exported: attempt % 11 < 4
                ? ExportedPerson(Pseudonym(high: ~attempt, low: attempt), isSensitive: attempt % 11 < 2) : nil,
            route: RouteFacts(
                model: "g\"pt\u{7f}", upstreamModel: "é", endpoint: "e", link: "public", operator: "o\\", operatorCountry: "US",
                processedIn: ["EU", "SE"], price: "list"))
    }

    private func samples(_ random: inout SeededRandom) -> [Entry] {
        func number() -> Int64 {
            Bool.random(using: &random) ? .random(in: 0...(.max), using: &random) : .random(in: 0...9, using: &random)
        }
        let attempt = random.next()
        return [
            .hold(hold(number(), attempt)),
            .end(
                EndEntry(
                    hold: UInt64(number()), attempt: AttemptID(high: attempt, low: 5), how: attempt % 3 == 0 ? .voided : .settled,
                    settled: nanos(number()), back: nanos(number()),
                    usage: Usage(
                        input: number(), cachedInput: number(), cacheWrite: number(), cacheWriteHour: number(),
                        audioInput: number(), imageInput: number(), output: number(), reasoning: number(), audioOutput: number(),
                        imageOutput: number()),
                    estimated: .random(using: &random), tier: ServiceTier.allCases[Int(attempt % 4)],
                    why: Bool.random(using: &random) ? "caller left" : nil,
                    facts: AnswerFacts(
                        region: Bool.random(using: &random) ? "East US 2" : nil,
                        firstTokenMicroseconds: Bool.random(using: &random) ? number() : nil,
                        servedBy: Bool.random(using: &random)
                            ? ServedBy(deployment: "std", price: Bool.random(using: &random) ? "gpt" : nil) : nil,
                        rewrites: Bool.random(using: &random) ? ["model", "store"] : []),
                    rawUsage: Bool.random(using: &random) ? Array("{\"a\":{\"b\":[1,-2.5e3,null]}, \"c\":\"\\u00e9\"}".utf8) : nil
                )),
            .allowance(Entry.Block(key: "k1", window: attempt % 2 == 0 ? november : nil, amount: nanos(number()))),
        ]
    }

    private func whole(_ entry: Entry, _ sequence: UInt64) throws -> [UInt8] {
        let salt =
            sequence % 2 == 0 ? "\"v\":1,\"n\":\(sequence)," : "\"v\":2,\"n\":\(sequence),\"s\":\"AbCdefghij-_012345678Q\","
        return Array("{\(salt)".utf8) + (try #require(entry.encoded(at: noon)))
    }
}
