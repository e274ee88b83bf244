import Core
import Foundation
import NIOCore
import Testing
import Wire

@testable import Dialects

@Suite("A recorded answer in another dialect")
struct StreamTests {
    static let recorded: [(name: String, dialect: Dialect)] = [
        ("anthropic-stream", .messages), ("anthropic-stream-tools", .messages), ("anthropic-stream-thinking", .messages),
        ("anthropic-stream-cache", .messages), ("anthropic-text-2026-stream", .messages),
        ("anthropic-tool-no-args-2026-stream", .messages), ("anthropic-refusal-2026-stream", .messages),
        ("openai-chat-stream-2026", .chat), ("openai-chat-stream-parallel-tools", .chat), ("openai-chat-stream-tools", .chat),
        ("azure-text-stream", .responses), ("azure-tool-call-stream", .responses), ("azure-deepseek-reasoning-stream", .chat),
        ("alibaba-reasoning-stream", .chat), ("alibaba-tool-call-stream", .chat), ("deepseek-reasoning-stream", .chat),
        ("deepseek-tool-call-stream", .chat), ("openai-responses-stream", .responses), ("deepseek-responses-stream", .responses),
    ]

    @Test(
        "Every recorded stream says the same to every client, ends once and well, and counts the same",
        arguments: recorded.indices)
    func streams(_ index: Int) throws {
        let (name, dialect) = Self.recorded[index]
        let bytes = try Cases.read("transcripts/\(name).sse")
        let source = read(bytes, dialect)
        try #require(source.close == .complete)
        let heard = Heard(bytes, dialect)
        for client in Cases.dialects where client != dialect {
            var translation = StreamTranslation(from: dialect, for: Cases.client(client))
            let said = translation.translate(bytes) ?? ByteBuffer()
            let result = read(said, client)
            #expect(result.close == .complete, "\(name) to \(client)")
            // OpenAI and the others have words of their own for the same meters; sums are the same. Messages cannot leave them out.
            let told = source.reader.usage ?? (client == .messages ? Usage() : nil)
            #expect(result.reader.usage?.inputTokens == told?.inputTokens, "\(name) to \(client)")
            #expect(result.reader.usage?.outputTokens == told?.outputTokens, "\(name) to \(client)")
            #expect(result.reader.usage?.cachedInput == told?.cachedInput, "\(name) to \(client)")
            var again = Heard(said, client)
            #expect(again.ends == 1 && heard.ends == 1)
            again.usage = heard.usage
            if case .sequence = heard.stop { again.stop = heard.stop }
            #expect(again == heard, "\(name) to \(client)")
            try Cases.expect(String(buffer: said), as: "dialects/streams/\(name)-to-\(client.rawValue).sse")
        }
    }

    @Test("However a stream is cut into reads, the same comes out", arguments: recorded.indices)
    func cuts(_ index: Int) throws {
        let (name, dialect) = Self.recorded[index]
        let bytes = try Cases.read("transcripts/\(name).sse")
        for client in Cases.dialects where client != dialect {
            var whole = StreamTranslation(from: dialect, for: Cases.client(client))
            let expected = String(buffer: whole.translate(bytes) ?? ByteBuffer())
            var reader = StreamReader(dialect: dialect, hideUsage: false)
            var translation = StreamTranslation(from: dialect, for: Cases.client(client))
            var said = ByteBuffer()
            var rest = bytes
            while let piece = rest.readSlice(length: min(7, rest.readableBytes)), piece.readableBytes > 0 {
                guard let events = reader.read(piece).forward, let more = translation.translate(events) else { continue }
                said.writeImmutableBuffer(more)
            }
            if reader.endOfInput() == .complete, reader.hasPartialEvent, let more = translation.translate(reader.rest) {
                said.writeImmutableBuffer(more)
            }
            #expect(String(buffer: said) == expected, "\(name) to \(client)")
        }
    }

    @Test("A stream that is cut has no end in any dialect", arguments: [0, 2, 7, 13, 17])
    func cut(_ index: Int) throws {
        let (name, dialect) = Self.recorded[index]
        let bytes = try Cases.read("transcripts/\(name).sse")
        let events = String(buffer: bytes).components(separatedBy: "\n\n")
        for client in Cases.dialects where client != dialect {
            for length in [1, events.count / 2, events.count - 3] where length > 0 {
                var translation = StreamTranslation(from: dialect, for: Cases.client(client))
                let part = ByteBuffer(string: events.prefix(length).joined(separator: "\n\n") + "\n\n")
                try #require(read(part, dialect).close == .cut)
                let said = translation.translate(part) ?? ByteBuffer()
                #expect(read(said, client).close == .cut, "\(name) to \(client), \(length) events")
            }
        }
    }

    static let answers: [(name: String, dialect: Dialect)] = [
        ("openai-chat-2026", .chat), ("azure-text", .responses), ("azure-tool-call", .responses), ("alibaba-reasoning", .chat),
        ("alibaba-tool-call", .chat), ("deepseek-reasoning", .chat), ("azure-responses-gpt-5.5", .responses),
    ]

    /// All but thoughts, whose seals not every dialect has a place for; arguments of calls without their white space.
    private func said(_ parts: [Part]) -> [Part] {
        parts.compactMap { part in
            switch part {
            case .reasoning: return nil
            case .toolCall(var call):
                call.arguments = JSON(within: call.arguments).map { JSON.written($0.description) } ?? call.arguments
                return .toolCall(call)
            default: return part
            }
        }
    }

    @Test("A whole answer says the same to every client", arguments: answers.indices)
    func whole(_ index: Int) throws {
        let (name, dialect) = Self.answers[index]
        let bytes = try Cases.read("transcripts/\(name).json")
        let source = try #require(Reply(try JSON(bytes), of: dialect))
        #expect(!source.parts.isEmpty)
        for client in Cases.dialects where client != dialect {
            let translated = try #require(translateReply(bytes, from: dialect, for: Cases.client(client)))
            let again = try #require(Reply(try JSON(translated), of: client))
            #expect(said(again.parts) == said(source.parts), "\(name) to \(client)")
            #expect(again.stop == source.stop && again.usage?.tokens == source.usage?.tokens, "\(name) to \(client)")
            #expect(try readAnswer(translated).usage?.outputTokens == source.usage?.outputTokens)
        }
    }
}
