import Core
import NIOCore
import Testing
import Wire

@Suite("The text that a stream generated is kept for an estimate, and no more than that")
struct StreamTextTests {
    private func chunk(_ delta: String) -> String { "data: {\"choices\":[{\"index\":0,\"delta\":\(delta)}]}\n\n" }

    private func text(_ events: String, _ dialect: Dialect = .chat, keepsText: Bool = true, pieces: Int = 1) -> StreamReader {
        var reader = StreamReader(dialect: dialect, hideUsage: false, keepsText: keepsText)
        let bytes = Array(events.utf8)
        let size = (bytes.count + pieces - 1) / pieces
        for start in stride(from: 0, to: bytes.count, by: size) {
            _ = reader.read(ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)]))
        }
        return reader
    }

    @Test("Text, reasoning and tool calls, as written in JSON, and not the role", arguments: [1, 2, 7, 50])
    func chat(_ pieces: Int) {
        let events =
            chunk(#"{"role":"assistant","content":""}"#) + chunk(#"{"content":"a\nb"}"#)
            + chunk(#"{"reasoning_content":"c","content":"d"}"#) + chunk(#"{"tool_calls":[{"x":1}]}"#) + chunk("{}")
        let reader = text(events, pieces: pieces)
        #expect(String(buffer: reader.text) == #"a\nbcd[{"x":1}]"#)
        #expect(reader.outputBytes == reader.text.readableBytes && reader.outputEvents == 3)
        #expect(text(events, keepsText: false).text.readableBytes == 0)
    }

    @Test("Deltas of the Responses dialect")
    func responses() {
        let events =
            #"data: {"type":"response.output_text.delta","delta":"ab"}"# + "\n\n"
            + #"data: {"type":"response.output_text.done","text":"ab"}"# + "\n\n"
            + #"data: {"type":"response.function_call_arguments.delta","delta":"{}"}"# + "\n\n"
        #expect(String(buffer: text(events, .responses).text) == "ab{}")
    }

    @Test("Beyond the limit nothing is kept, and all of it is counted")
    func limit() {
        let piece = String(repeating: "x", count: 1_000)
        let reader = text(String(repeating: chunk("{\"content\":\"\(piece)\"}"), count: 100))
        #expect(reader.text.readableBytes == StreamReader.textBytesMax && reader.outputBytes == 100_000)
    }
}
