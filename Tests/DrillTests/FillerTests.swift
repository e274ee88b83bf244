import Core
import Drill
import Testing

@Suite("Calls with nothing in them")
struct FillerTests {
    private func text(_ call: FilledCall) -> String { String(decoding: call.body, as: UTF8.self) }

    @Test("A body has the bytes of the call that it stands for, its limit, and says how long the answer was")
    func sizes() throws {
        for bytes in [150, 400, 10_000] as [Int64] {
            var shape = shape(usage: Usage(input: 60, output: 31), stream: true)
            (shape.bytes, shape.probableTokens) = (bytes, bytes / 4 + 1 + 74)
            let call = try #require(FilledCall(shape))
            #expect(call.path == "/v1/chat/completions" && call.body.count == Int(bytes))
            #expect(text(call).contains("\"max_tokens\":74,\"stream\":true") && text(call).contains("\"say 31."))
            // 60 less 6 that a chat has beside its text, and two for the words.
            #expect(text(call).count { $0 == "." } == 52)
        }
    }

    @Test("Each operation has its own path and members; a call without a limit names none, and its choices are asked for")
    func operations() throws {
        var shape = shape()
        shape.operation = .responses
        #expect(text(try #require(FilledCall(shape))).contains("\"max_output_tokens\":74"))
        shape.operation = .embeddings
        #expect(text(try #require(FilledCall(shape))).contains("\"input\":\"say "))
        shape.operation = .conversations
        #expect(FilledCall(shape) == nil)
        shape.operation = .completions
        (shape.bytes, shape.probableTokens, shape.outputBound) = (300, 300 / 4 + 1 + 2 * 512, 2_000)
        let open = text(try #require(FilledCall(shape)))
        #expect(!open.contains("max_tokens") && open.contains("\"n\":2") && open.contains("\"prompt\":\"say 5"))
        shape.model = "odd \"name\""
        #expect(text(try #require(FilledCall(shape))).contains(#""model":"odd \"name\"""#))
    }
}
