import Core
import Foundation
import NIOCore
import Testing
import Wire

/// SplitMix64: small, and the same on every machine.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func chance(_ oneIn: Int) -> Bool { below(oneIn) == 0 }
    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
}

/// The seed of a random test: WEIR_SEED repeats a run.
func testSeed(_ test: String) -> UInt64 {
    let seed = ProcessInfo.processInfo.environment["WEIR_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...UInt64.max)
    print("\(test): WEIR_SEED=\(seed)")
    return seed
}

/// `Tests/Cases`, found from this file.
let casesFolder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Cases")

/// One recorded answer.
struct RecordedAnswer: Sendable, CustomTestStringConvertible {
    var name: String
    var bytes: [UInt8]
    var testDescription: String { name }

    static let all: [RecordedAnswer] = {
        let folder = casesFolder.appending(path: "transcripts")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.sorted().filter { $0 != "index.json" && !$0.hasSuffix(".md") }.compactMap { name in
            (try? Data(contentsOf: folder.appending(path: name))).map { RecordedAnswer(name: name, bytes: Array($0)) }
        }
    }()

    /// Those that are streams of a dialect that Weir reads.
    static let streams = all.filter { $0.name.hasSuffix(".sse") }
    static let answers = all.filter { $0.name.hasSuffix(".json") }

    /// The Responses API and Anthropic's Messages name their events.
    var dialect: Dialect {
        if bytes.starts(with: "event: response".utf8) { return .responses }
        return bytes.starts(with: "event: message_start".utf8) ? .messages : .chat
    }

    static func named(_ name: String) -> RecordedAnswer {
        all.first { $0.name == name } ?? RecordedAnswer(name: name, bytes: [])
    }
}

/// Everything a reader said over a whole stream.
struct StreamRecord: Equatable {
    var forwarded: [UInt8] = []
    var usage: String = ""
    var rawUsage: String?
    var servedTier: String?
    var model: String?
    var failure: String?
    var violation: StreamViolation?
    var ended = false
    var close = StreamClose.cut
    var outputEvents = 0
    var outputBytes = 0
    var eventsSeen = 0
    var rest: [UInt8] = []
}

/// Reads `bytes` in pieces that end at `cuts`.
func readStream(
    _ bytes: [UInt8], cuts: [Int] = [], dialect: Dialect, hideUsage: Bool = false,
    maxEventBytes: Int = StreamReader.eventBytesMax
) -> StreamRecord {
    var reader = StreamReader(dialect: dialect, hideUsage: hideUsage, maxEventBytes: maxEventBytes)
    var record = StreamRecord()
    var start = 0
    for end in cuts + [bytes.count] where end >= start {
        let step = reader.read(ByteBuffer(bytes: bytes[start..<end]))
        if let forward = step.forward { record.forwarded += Array(forward.readableBytesView) }
        if case .failed(let body) = step.progress { record.failure = String(buffer: body) }
        if case .violated(let violation) = step.progress { record.violation = violation }
        start = end
    }
    record.close = reader.endOfInput()
    record.ended = reader.ended
    record.usage = reader.usage.map { "\($0.input) \($0.cachedInput) \($0.output) \($0.reasoning)" } ?? "none"
    record.rawUsage = reader.rawUsage.map { String(buffer: $0) }
    record.servedTier = reader.servedTier?.rawValue
    record.model = reader.reportedModel.map { String(buffer: $0) }
    record.outputEvents = reader.outputEvents
    record.outputBytes = reader.outputBytes
    record.eventsSeen = reader.eventsSeen
    record.rest = Array(reader.rest.readableBytesView)
    return record
}

/// Ascending places to cut `count` bytes at; sometimes every byte, sometimes few.
func randomCuts(_ count: Int, _ dice: inout Dice) -> [Int] {
    guard count > 0 else { return [] }
    switch dice.below(4) {
    case 0: return []
    case 1:
        var cuts: [Int] = []
        var at = 0
        while at < count {
            at += 1 + dice.below(3)
            if at < count { cuts.append(at) }
        }
        return cuts
    default: return (0..<1 + dice.below(12)).map { _ in dice.below(count) }.sorted()
    }
}
