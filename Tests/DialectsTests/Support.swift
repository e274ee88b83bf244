import Core
import Foundation
import NIOCore
import Testing
import Wire

@testable import Dialects

enum Cases {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Cases")

    static func read(_ path: String) throws -> ByteBuffer {
        ByteBuffer(bytes: try Data(contentsOf: root.appending(path: path)))
    }

    /// Compares with what is kept, or keeps it where `WEIR_RECORD_CASES` says so.
    static func expect(_ text: String, as path: String) throws {
        let file = root.appending(path: path)
        if ProcessInfo.processInfo.environment["WEIR_RECORD_CASES"] != nil {
            return try Data(text.utf8).write(to: file)
        }
        let kept = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        #expect(text == kept, "\(path)")
    }

    static func target(_ dialect: Dialect) -> Target {
        Target(
            dialect: dialect, model: "up/stream-1", limitName: dialect == .chat ? "max_completion_tokens" : "max_tokens",
            reasoning: dialect.isGeneration ? .enableThinking : .effort, maxOutput: 4_096)
    }

    static func client(_ dialect: Dialect, pieces: Bool = true) -> Client {
        Client(dialect: dialect, model: "public", now: 1_700_000_000, wantsPieces: pieces)
    }

    static let dialects: [Dialect] = [.chat, .messages, .responses, .generation]
}

/// Reads a stream to its end as the gateway reads any.
func read(_ stream: ByteBuffer, _ dialect: Dialect) -> (reader: StreamReader, close: StreamClose) {
    var reader = StreamReader(dialect: dialect, hideUsage: false, keepsText: true)
    _ = reader.read(stream)
    return (reader, reader.endOfInput())
}

/// Everything that a stream says, piece by piece put together.
struct Heard: Equatable {
    var text = ""
    var thought = ""
    var calls: [ToolCall] = []
    var stop: Stop?
    var usage: Usage?
    var ends = 0

    init(_ stream: ByteBuffer, _ dialect: Dialect) {
        var pieces = PieceReader(dialect)
        for event in wholeEvents(stream) {
            for piece in pieces.read(event) {
                switch piece {
                case .text(let more), .refusal(let more): text += more
                case .thought(let more): thought += more
                case .call(_, let id, let name): calls.append(ToolCall(id: id, name: name, arguments: ""))
                case .arguments(let index, let more): calls[index].arguments += more
                case .stop(let why): stop = why
                case .usage(let more): usage = more
                case .end: ends += 1
                case .start, .seal: break
                }
            }
        }
    }
}
