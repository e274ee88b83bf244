import Core
import NIOCore
import Testing
import Wire

@Suite("What a whole answer says")
struct AnswerTextTests {
    private func text(_ body: String, _ operation: Core.Operation) -> String? {
        readAnswerText(ByteBuffer(string: body), dialect: operation.dialect).map { String(buffer: $0.beginning) }
    }

    @Test("Text, reasoning and calls of each dialect are taken, labels are not")
    func dialects() {
        let chat =
            #"{"id":"i","choices":[{"index":0,"message":{"role":"assistant","content":"a\n","reasoning_content":"b","tool_calls":[{"x":1}],"refusal":null,"annotations":[]},"finish_reason":"stop"},{"message":{"content":"c"}}]}"#
        #expect(text(chat, .chat) == #"a\nb[{"x":1}]c"#)
        #expect(text(#"{"choices":[{"text":"a","index":0},{"text":"b"}]}"#, .completions) == "ab")
        let response =
            #"{"output":[{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"s"}]},{"type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"t","annotations":[]},{"type":"refusal","refusal":"u"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}"#
        #expect(text(response, .responses) == "stuf{}")
        #expect(text(#"{"data":[{"embedding":[1]}]}"#, .embeddings) == "")
    }

    @Test("What has no place for words, or is no whole object, says nothing that could be counted")
    func nothing() {
        for body in ["{}", "[]", "", #"{"choices":7}"#, #"{"choices":[{"message":{"content":"a"}}]"#, #"{"output":[]} x"#] {
            #expect(text(body, .chat) == nil, "\(body)")
            #expect(text(body, .responses) == nil, "\(body)")
        }
        #expect(text(#"{"choices":[]}"#, .chat) == "")
    }

    @Test("Only the beginning is kept, all of it is counted")
    func long() throws {
        let words = String(repeating: "x", count: StreamReader.textBytesMax)
        let body = ByteBuffer(string: #"{"choices":[{"text":"\#(words)"},{"text":"\#(words)"}]}"#)
        let found = try #require(readAnswerText(body, dialect: .completions))
        #expect(found.bytes == 2 * StreamReader.textBytesMax && found.beginning.readableBytes == StreamReader.textBytesMax)
    }
}
