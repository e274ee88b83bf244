import Core
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
            "anthropic-stream.sse": "17 0 171 0",
            "anthropic-message-delta-input-tokens-2026-stream.sse": "61 0 2 0",
        ]
        for (name, usage) in golden {
            let transcript = RecordedAnswer.named(name)
            #expect(readStream(transcript.bytes, dialect: transcript.dialect).usage == usage, "\(name)")
        }
    }

    @Test("A Messages stream joins its two reports of usage, and until the second there is none to charge")
    func messagesUsage() throws {
        let bytes = RecordedAnswer.named("anthropic-stream-cache.sse").bytes
        var reader = StreamReader(dialect: .messages, hideUsage: false)
        let text = String(decoding: bytes, as: UTF8.self)
        let cut = try #require(text.range(of: "event: message_delta")).lowerBound
        _ = reader.read(ByteBuffer(string: String(text[..<cut])))
        #expect(reader.usage == nil)
        #expect(reader.usageAtStart == Usage(input: 4, cacheWrite: 1165, output: 1))
        #expect(reader.outputBytes > 0)
        _ = reader.read(ByteBuffer(string: String(text[cut...])))
        let usage = Usage(input: 4, cacheWrite: 1165, output: 201)
        #expect(reader.usage == usage)
        #expect(reader.endOfInput() == .complete)
        let raw = try #require(reader.rawUsage)
        #expect(raw.withUnsafeReadableBytes { readUsage($0) } == usage)
        let thinking = readStream(RecordedAnswer.named("anthropic-stream-thinking.sse").bytes, dialect: .messages)
        #expect(thinking.outputBytes > 216, "thinking counts as generated")
    }

    @Test("A Messages stream fails by its error event, and `[DONE]` is not its end")
    func messagesEnds() {
        let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"c\"}}\n\n"
        let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n"
        let failed = readStream(Array((start + error).utf8), dialect: .messages)
        #expect(failed.close == .complete)
        #expect(failed.failure?.contains("overloaded_error") == true)
        #expect(failed.model == "c")
        #expect(readStream(Array((start + "data: [DONE]\n\n").utf8), dialect: .messages).violation == .endOutOfPlace)
        let ended = start + "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
        #expect(readStream(Array((ended + "data: [DONE]\n\n").utf8), dialect: .messages).close == .complete)
        #expect(readStream(Array((ended + start).utf8), dialect: .messages).violation == .eventAfterEnd)
    }

    @Test("What a recorded stream cut at any event says is that it was cut", arguments: RecordedAnswer.streams)
    func cutStream(_ transcript: RecordedAnswer) {
        var boundaries: [Int] = []
        for i in 1..<transcript.bytes.count where transcript.bytes[i] == 0x0A && transcript.bytes[i - 1] == 0x0A {
            boundaries.append(i + 1)
        }
        let whole = readStream(transcript.bytes, dialect: transcript.dialect)
        for end in [0] + boundaries where end < transcript.bytes.count {
            let cut = readStream(Array(transcript.bytes[..<end]), dialect: transcript.dialect)
            if cut.failure == nil { #expect(cut.close == .cut) } else { #expect(whole.failure != nil) }
            #expect(cut.forwarded == Array(transcript.bytes[..<end]))
        }
    }

    @Test("Usage that only Weir asked for is taken out whole, and nothing else")
    func hidden() {
        for transcript in RecordedAnswer.streams where transcript.dialect == .chat {
            let text = String(decoding: transcript.bytes, as: UTF8.self)
            let events = text.split(separator: "\n\n", omittingEmptySubsequences: false)
            let kept = events.filter { !($0.contains(#""choices":[]"#) && $0.contains(#""prompt_tokens""#)) }
            let record = readStream(transcript.bytes, dialect: .chat, hideUsage: true)
            #expect(record.forwarded == Array(kept.joined(separator: "\n\n").utf8), "\(transcript.name)")
            #expect(record.usage == readStream(transcript.bytes, dialect: .chat).usage)
        }
        let stays =
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n"
        #expect(readStream(Array(stays.utf8), dialect: .chat, hideUsage: true).forwarded == Array(stays.utf8))
    }

    @Test("Usage that is repeated is taken, not added")
    func repeated() {
        let chunk = { (n: Int) in
            "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":\(n)}}\n\n"
        }
        let record = readStream(Array((chunk(1) + chunk(2) + chunk(3) + "data: [DONE]\n\n").utf8), dialect: .chat)
        #expect(record.usage == "7 0 3 0")
        #expect(record.outputEvents == 3)
        #expect(record.outputBytes == 3)
        #expect(record.eventsSeen == 4)
    }

    @Test("An error inside a 200 is a failure, with the provider's body")
    func failure() {
        let recorded = RecordedAnswer.named("openai-responses-stream-error.sse")
        let record = readStream(recorded.bytes, dialect: .responses)
        #expect(record.close == .complete)
        #expect(!record.ended)
        #expect(readError(ByteBuffer(string: record.failure ?? "")).code == "insufficient_quota")

        let chat = readStream(
            Array("data: {\"error\":{\"code\":\"429\",\"message\":\"m\"}}\n\ndata: [DONE]\n\n".utf8), dialect: .chat)
        #expect(readError(ByteBuffer(string: chat.failure ?? "")).code == "429")
        #expect(!chat.ended)
        #expect(chat.violation == nil)
        let named = readStream(Array("event: error\ndata: {\"code\":\"x\"}\n\n".utf8), dialect: .chat)
        #expect(readError(ByteBuffer(string: named.failure ?? "")).code == "x")
        let failed =
            "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\"},\"usage\":null}}\n\n"
        #expect(readStream(Array(failed.utf8), dialect: .responses).failure == #"{"code":"server_error"}"#)
        #expect(readStream(Array("data: {\"choices\":[],\"error\":null}\n\n".utf8), dialect: .chat).failure == nil)
    }

    static let endings: [(dialect: Dialect, text: String, violation: StreamViolation?, close: StreamClose)] = [
        (.chat, "data: [DONE]\n\n", nil, .complete),
        (.chat, "data: [DONE]\n", nil, .complete),
        (.chat, "data: [DONE]", nil, .complete),
        (.chat, "data: [DON", nil, .cut),
        (.chat, "", nil, .cut),
        (.chat, "data: {}\n\n", nil, .cut),
        (.chat, "data: {\"choices\":[]}", nil, .cut),
        (.chat, "data: [DONE]\n\n\n\n: bye\n\n", nil, .complete),
        (.chat, "data: [DONE]\n\ndata: {}\n\n", .eventAfterEnd, .complete),
        (.chat, "data: [DONE]\n\ndata: [DONE]\n\n", .eventAfterEnd, .complete),
        (.chat, "data: [DONE]\n\nretry: 1\n\n", .eventAfterEnd, .complete),
        (.chat, "data: {\"a\":}\n\n", .malformedEvent, .cut),
        (.chat, "data: []\n\n", .malformedEvent, .cut),
        (.chat, "data: {}{}\n\n", .malformedEvent, .cut),
        (.chat, "data: {}\ndata: {}\n\n", .malformedEvent, .cut),
        (.chat, "<html>\n\n", .notAnEventStream, .cut),
        (.chat, "{\"error\":{}}\n\n", .notAnEventStream, .cut),
        (.responses, "data: {\"type\":\"response.completed\",\"response\":{}}\n\n", nil, .complete),
        (.responses, "event: response.completed\ndata: {\"response\":{}}\n\n", nil, .complete),
        (.responses, "data: {\"type\":\"response.incomplete\"}\n\n", nil, .complete),
        (.responses, "data: {\"type\":\"response.completed\"}\n\ndata: [DONE]\n\n", nil, .complete),
        (
            .responses, "data: {\"type\":\"response.completed\"}\n\ndata: {\"type\":\"response.created\"}\n\n", .eventAfterEnd,
            .complete
        ),
        (.responses, "data: [DONE]\n\n", .endOutOfPlace, .cut),
        (.responses, "data: {\"type\":\"response.created\"}\n\n", nil, .cut),
    ]

    @Test("An ending is the dialect's own: nothing else ends a stream, and nothing follows it", arguments: endings.indices)
    func ending(_ index: Int) {
        let (dialect, text, violation, close) = Self.endings[index]
        let bytes = Array(text.utf8)
        for cuts in [[], Array(0..<bytes.count)] {
            let record = readStream(bytes, cuts: cuts, dialect: dialect)
            #expect(record.violation == violation)
            #expect(record.close == close)
            if violation == nil { #expect(record.forwarded + record.rest == bytes) }
        }
    }

    @Test("Lines may end in LF, CR or CRLF, begin with a byte order mark, and spread data over several")
    func framing() {
        let event =
            "event: x\nid: 1\nretry: 2\ndata: {\"choices\":\ndata:[{\"text\":\"a\"}],\n: comment\ndata: \"model\":\"m\"}\n\ndata\ndata:[DONE]\n\n"
            .replacing("data\ndata:[DONE]", with: "data:[DONE]")
        for end in ["\n", "\r", "\r\n"] {
            for mark in ["", "\u{FEFF}"] {
                let bytes = Array((mark + event.replacing("\n", with: end)).utf8)
                for cuts in [[], Array(0..<bytes.count)] {
                    let record = readStream(bytes, cuts: cuts, dialect: .completions)
                    #expect(record.forwarded == bytes)
                    #expect(record.ended)
                    #expect(record.model == "m")
                    #expect(record.outputEvents == 1)
                }
            }
        }
    }

    @Test("A comment is passed on at once, so that a waiting caller's connection stays open")
    func comments() {
        var reader = StreamReader(dialect: .chat, hideUsage: true)
        #expect(reader.read(ByteBuffer(string: ": keep-alive\n")).forward == ByteBuffer(string: ": keep-alive\n"))
        #expect(reader.read(ByteBuffer(string: "\n")).forward == ByteBuffer(string: "\n"))
        #expect(reader.eventsSeen == 0)
        #expect(!reader.hasPartialEvent)
    }

    @Test("Events are forwarded as slices of what was read, and only whole")
    func whole() {
        var reader = StreamReader(dialect: .chat, hideUsage: false)
        let step = reader.read(ByteBuffer(string: "data: {}\n\ndata: {\"a\""))
        #expect(step.forward == ByteBuffer(string: "data: {}\n\n"))
        #expect(step.progress == .open)
        #expect(reader.hasPartialEvent)
        #expect(reader.read(ByteBuffer(string: ":1}\n")).forward == nil)
        #expect(reader.read(ByteBuffer(string: "\n")).forward == ByteBuffer(string: "data: {\"a\":1}\n\n"))
    }
}
