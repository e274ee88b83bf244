import Foundation
import NIOCore
import Testing
import Wire

@Suite("A stream is read for its usage, errors and end, and handed on as it came")
struct StreamReaderTests {
    @Test("A recorded stream is forwarded byte for byte, whatever its reads", arguments: RecordedAnswer.streams)
    func recorded(_ transcript: RecordedAnswer) {
        var dice = Dice(seed: testSeed("recorded \(transcript.name)"))
        let whole = readStream(transcript.bytes, dialect: transcript.dialect)
        #expect(whole.violation == nil)
        #expect(whole.close == .complete)
        #expect(whole.forwarded == transcript.bytes)
        #expect(whole.rest.isEmpty)
        for _ in 0..<20 {
            let split = readStream(transcript.bytes, cuts: randomCuts(transcript.bytes.count, &dice), dialect: transcript.dialect)
            #expect(split == whole)
        }
    }

    @Test("Usage is the last that was reported, as meters that do not overlap")
    func recordedUsage() {
        let golden: [String: String] = [
            "alibaba-reasoning-stream.sse": "24 0 271 1084",
            "alibaba-text-stream.sse": "18 0 779 0",
            "azure-model-router-stream.sse": "15 0 14 64",
            "deepseek-reasoning-stream.sse": "18 0 14 205",
            "deepseek-text-stream.sse": "13 0 400 0",
            "deepseek-tool-call-stream.sse": "19 320 44 39",
            "deepseek-responses-stream.sse": "90 0 8 7",
            "openai-chat-stream-2026.sse": "16 0 300 0",
            "openai-responses-stream.sse": "14 0 9 0",
            "openai-chat-stream.sse": "none",
        ]
        for (name, usage) in golden {
            let transcript = RecordedAnswer.named(name)
            #expect(readStream(transcript.bytes, dialect: transcript.dialect).usage == usage, "\(name)")
        }
    }
}
