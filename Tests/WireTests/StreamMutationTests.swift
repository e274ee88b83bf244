import Core
import Foundation
import NIOCore
import Testing
import Wire

@Suite("A broken stream does no harm")
struct StreamMutationTests {
    static let cases = 100_000

    static let streams: [(dialect: Dialect, text: String)] = [
        (
            .chat,
            "data: {\"choices\":[{\"delta\":{\"content\":\"Hej\"}}],\"usage\":null,\"model\":\"m\"}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n"
        ),
        (
            .chat,
            ": keep-alive\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"é\"}}]}\r\n\r\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\r\n\r\ndata: [DONE]\r\n\r\n"
        ),
        (.chat, "data: {\"choices\":[]}\r\rdata: {\"error\":{\"code\":\"x\"}}\r\rdata: [DONE]\r\r"),
        (
            .completions,
            "\u{FEFF}data: {\"choices\":\ndata: [{\"text\":\"a\"}]}\n\nevent: message\nid: 1\nretry: 5\ndata:[DONE]\n\n: bye\n"
        ),
        (
            .responses,
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"model\":\"m\",\"error\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n"
        ),
        (
            .responses,
            "event: error\ndata: {\"type\":\"error\",\"error\":{}}\n\nevent: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"c\"}}}\n\n"
        ),
    ]

    static let tokens = [
        "\n", "\r", "\r\n", "\n\n", "\r\n\r\n", "data: ", "data", "event: error\n", ": c\n", ":\r", "[DONE]", "data: [DONE]\n\n",
        "{}", "null",
        "\u{FEFF}", "retry: 1\n", "data: {}\n\n", "\"usage\":", "\"error\":1,", "data:\n", "x: y\n",
    ]

    @Test("Over 100,000 mutated streams, what is read and forwarded does not depend on how the bytes were cut")
    func mutated() {
        var dice = Dice(seed: testSeed("mutated streams"))
        var failures = 0
        for _ in 0..<Self.cases where failures < 10 {
            let (dialect, text) = dice.pick(Self.streams)
            let bytes = mutate(Array(text.utf8), &dice)
            let hide = dice.chance(2)
            let most = dice.chance(4) ? 40 + dice.below(200) : StreamReader.eventBytesMax
            let whole = readStream(bytes, dialect: dialect, hideUsage: hide, maxEventBytes: most)
            let cuts = randomCuts(bytes.count, &dice)
            let split = readStream(bytes, cuts: cuts, dialect: dialect, hideUsage: hide, maxEventBytes: most)
            if split != whole {
                failures += 1
                Issue.record(
                    "\(dialect) hide \(hide) max \(most) cuts \(cuts): \(String(decoding: bytes, as: UTF8.self).debugDescription)\n\(whole)\n\(split)"
                )
            }
            if !hide, !bytes.starts(with: whole.forwarded + whole.rest) {
                failures += 1
                Issue.record("forwarded is no prefix: \(String(decoding: bytes, as: UTF8.self).debugDescription)")
            }
            if !hide, whole.violation == nil, whole.failure == nil, whole.forwarded + whole.rest != bytes {
                failures += 1
                Issue.record("bytes are missing: \(String(decoding: bytes, as: UTF8.self).debugDescription)")
            }
        }
    }

    private func mutate(_ bytes: [UInt8], _ dice: inout Dice) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<dice.below(4) where !bytes.isEmpty {
            let at = dice.below(bytes.count)
            switch dice.below(5) {
            case 0: bytes[at] = UInt8(truncatingIfNeeded: dice.next())
            case 1: bytes.removeSubrange(at..<min(bytes.count, at + 1 + dice.below(5)))
            case 2: bytes.removeSubrange(at...)
            default: bytes.insert(contentsOf: dice.pick(Self.tokens).utf8, at: at)
            }
        }
        return bytes
    }
}
