import Core
import NIOCore
import Testing
import Wire

@testable import Dialects

@Suite("A whole answer out of a stream")
struct GatheringTests {
    /// What a whole answer says, put together as a stream's pieces are.
    private func heard(_ reply: Reply) -> (text: String, thought: String, calls: [ToolCall]) {
        var said = (text: "", thought: "", calls: [ToolCall]())
        for part in reply.parts {
            switch part {
            case .text(let text), .refusal(let text): said.text += text
            case .reasoning(let thought): said.thought += thought.text
            case .toolCall(let call): said.calls.append(call)
            case .image, .toolResult: break
            }
        }
        return said
    }

    private func plain(_ arguments: String) -> String {
        JSON(within: arguments.isEmpty ? "{}" : arguments)?.description ?? arguments
    }

    @Test("says what the stream said, for every recorded stream and every client", arguments: StreamTests.recorded.indices)
    func recorded(_ index: Int) throws {
        let (name, dialect) = StreamTests.recorded[index]
        let bytes = try Cases.read("transcripts/\(name).sse")
        let source = Heard(bytes, dialect)
        var gathering = Gathering(dialect)
        gathering.take(bytes)
        let whole = try #require(gathering.answer())
        let reply = try #require(Reply(try JSON(whole), of: dialect), "\(name): \(String(buffer: whole))")
        let said = heard(reply)
        #expect(said.text == source.text, "\(name)")
        // Of a response the whole tells the thoughts as a list.
        if dialect != .responses { #expect(said.thought == source.thought, "\(name)") }
        #expect(said.calls.map(\.name) == source.calls.map(\.name) && said.calls.map(\.id) == source.calls.map(\.id))
        #expect(said.calls.map { plain($0.arguments) } == source.calls.map { plain($0.arguments) })
        #expect(reply.stop == source.stop, "\(name)")
        let told = try readAnswer(whole).usage
        #expect(reply.usage == source.usage && reply.usage == told, "\(name)")
        for client in Cases.dialects where client != dialect {
            let translated = try #require(translateReply(whole, from: dialect, for: Cases.client(client)))
            let again = heard(try #require(Reply(try JSON(translated), of: client)))
            #expect(again.text == source.text && again.calls.map(\.name) == source.calls.map(\.name), "\(name) to \(client)")
        }
    }

    @Test("is the same however the stream is cut into reads")
    func cuts() throws {
        for (name, dialect) in StreamTests.recorded {
            let bytes = try Cases.read("transcripts/\(name).sse")
            var atOnce = Gathering(dialect)
            atOnce.take(bytes)
            var reader = StreamReader(dialect: dialect, hideUsage: false)
            var gathering = Gathering(dialect)
            var rest = bytes
            while let piece = rest.readSlice(length: min(7, rest.readableBytes)), piece.readableBytes > 0 {
                if let events = reader.read(piece).forward { gathering.take(events) }
            }
            if reader.endOfInput() == .complete, reader.hasPartialEvent { gathering.take(reader.rest) }
            #expect(gathering.answer() == atOnce.answer(), "\(name)")
        }
    }

    private func whole(_ events: [String], _ dialect: Dialect = .chat) -> String? {
        var gathering = Gathering(dialect)
        gathering.take(ByteBuffer(string: events.map { "data: \($0)\n\n" }.joined()))
        return gathering.answer().map { String(buffer: $0) }
    }

    @Test("has every choice, its log probabilities, and members that nobody knows")
    func choices() {
        let answer = whole([
            #"{"id":"","object":"chat.completion.chunk","created":0,"model":"","prompt_filter_results":[1],"choices":[]}"#,
            #"{"id":"c","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":1,"delta":{"role":"assistant","content":"b"},"logprobs":{"content":[{"token":"b"}],"refusal":null},"finish_reason":null}],"usage":null}"#,
            #"{"id":"c","created":7,"model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null,"content_filter_results":{"hate":{"filtered":false}}}]}"#,
            #"{"id":"c","created":7,"model":"m","choices":[{"index":1,"delta":{"content":"B\n","new":"x"},"logprobs":{"content":[{"token":"B"}]},"finish_reason":"length"}]}"#,
            #"{"id":"c","created":7,"model":"m","choices":[{"index":0,"delta":{"new":"y"},"finish_reason":"stop"}],"system_fingerprint":"fp","obfuscation":"zz"}"#,
            #"{"id":"c","created":7,"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#, "[DONE]",
        ])
        #expect(
            answer
                == #"{"id":"c","object":"chat.completion","created":7,"prompt_filter_results":[1],"model":"m","system_fingerprint":"fp","#
                + #""choices":[{"index":0,"message":{"role":"assistant","content":"a","new":"y"},"content_filter_results":{"hate":{"filtered":false}},"finish_reason":"stop"},"#
                + #"{"index":1,"message":{"role":"assistant","content":"bB\n","new":"x"},"logprobs":{"content":[{"token":"b"},{"token":"B"}],"refusal":null},"finish_reason":"length"}],"#
                + #""usage":{"prompt_tokens":1,"completion_tokens":2}}"#)
    }

    @Test("of completions and of DashScope's own dialect, its older texts and its parts too")
    func others() {
        #expect(
            whole(
                [
                    #"{"id":"c","choices":[{"index":0,"text":"a"}]}"#,
                    #"{"choices":[{"index":0,"text":"b","finish_reason":"stop"}]}"#,
                ], .completions)
                == #"{"id":"c","object":"text_completion","choices":[{"index":0,"text":"ab","finish_reason":"stop"}]}"#)
        #expect(
            whole(
                [
                    #"{"output":{"text":"a","finish_reason":"null"},"usage":{"output_tokens":1},"request_id":"r"}"#,
                    #"{"output":{"text":"b","finish_reason":"stop"},"usage":{"output_tokens":2},"request_id":"r"}"#,
                ], .generation)
                == #"{"output":{"text":"ab","finish_reason":"stop"},"usage":{"output_tokens":2},"request_id":"r"}"#)
        let parts = whole(
            [
                #"{"output":{"choices":[{"message":{"role":"assistant","content":[{"text":"a"}]},"finish_reason":"null"}]}}"#,
                #"{"output":{"choices":[{"message":{"role":"assistant","content":[{"text":"b"}]},"finish_reason":"null"}]}}"#,
                #"{"output":{"choices":[{"message":{"role":"assistant","content":[]},"finish_reason":"stop"}]}}"#,
            ], .multimodalGeneration)
        #expect(
            parts
                == #"{"output":{"choices":[{"message":{"role":"assistant","content":[{"text":"ab"}]},"finish_reason":"stop"}]}}"#)
    }

    @Test("is none where the stream did not say why it ended")
    func unfinished() {
        #expect(whole([#"{"id":"c","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#, "[DONE]"]) == nil)
        #expect(whole(["[DONE]"]) == nil)
        #expect(
            whole([
                #"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
                #"{"choices":[{"index":1,"delta":{"content":"b"}}]}"#, "[DONE]",
            ]) == nil)
        #expect(
            whole([#"{"type":"message_start","message":{"id":"m","content":[]}}"#, #"{"type":"message_stop"}"#], .messages) == nil
        )
        // A piece of an unknown kind is not left out.
        #expect(
            whole(
                [
                    #"{"type":"message_start","message":{"id":"m","content":[]}}"#,
                    #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                    #"{"type":"content_block_delta","index":0,"delta":{"type":"new_delta","x":1}}"#,
                    #"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#, #"{"type":"message_stop"}"#,
                ], .messages) == nil)
        #expect(whole([#"{"type":"response.created","response":{"id":"r"}}"#], .responses) == nil)
    }
}
