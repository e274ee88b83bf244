public import Core
public import NIOCore
import Wire

/// The body of a call in the dialect of its target.
public func translateRequest(
    _ body: ByteBuffer, from dialect: Dialect, stream: Bool, for target: Target
) throws(Uncarried) -> ByteBuffer {
    let tree: JSON
    do throws(ScanError) { tree = try JSON(body, isStrict: true) } catch { throw Uncarried("body", error.message) }
    let ask =
        switch dialect {
        case .chat: try Ask(chat: tree)
        case .messages: try Ask(messages: tree)
        case .responses: try Ask(responses: tree)
        case .generation, .multimodalGeneration: try Ask(generation: tree, stream: stream)
        case .completions, .embeddings, .conversations, .tokenCount: throw Uncarried("body", "this dialect is not translated")
        }
    let written =
        switch target.dialect {
        case .chat: try ask.chat(for: target)
        case .messages: try ask.messages(for: target)
        case .responses: try ask.responses(for: target)
        case .generation, .multimodalGeneration: try ask.generation(for: target)
        case .completions, .embeddings, .conversations, .tokenCount: throw Uncarried("body", "this dialect is not translated")
        }
    return written.buffer(capacity: body.readableBytes + 1_024)
}

/// A whole answer in the dialect of its client; nil: it has not the shape of its own.
public func translateReply(_ body: ByteBuffer, from dialect: Dialect, for client: Client) -> ByteBuffer? {
    guard let tree = try? JSON(body) else { return nil }
    return Reply(tree, of: dialect)?.written(for: client).buffer
}

/// The message of an error in any provider's shape, so that it can be said in another.
public func errorMessage(_ body: ByteBuffer) -> String? {
    guard let tree = try? JSON(body) else { return nil }
    let inner = tree["error"]
    let text = inner?["message"]?.string ?? inner?.string ?? tree["message"]?.string ?? tree["error_msg"]?.string
    return text.map(JSON.plain)
}

/// Translates a stream, event by event. It says what its source said and no end before the source's own.
public struct StreamTranslation: Sendable {
    private enum Writer {
        case chat(ChatStream)
        case messages(MessagesStream)
        case responses(ResponsesStream)
        case generation(GenerationStream)
        /// While it writes, so that its texts grow in place.
        case writing
    }

    private var reader: PieceReader
    private var writer: Writer

    public init(from dialect: Dialect, for client: Client) {
        reader = PieceReader(dialect)
        switch client.dialect {
        case .messages: writer = .messages(MessagesStream(client))
        case .responses: writer = .responses(ResponsesStream(client))
        case .generation, .multimodalGeneration: writer = .generation(GenerationStream(client))
        case .chat, .completions, .embeddings, .conversations, .tokenCount: writer = .chat(ChatStream(client))
        }
    }

    /// Takes whole events; what the client gets for them, which may be nothing yet.
    public mutating func translate(_ events: ByteBuffer) -> ByteBuffer? {
        var out = ""
        for event in wholeEvents(events) {
            for piece in reader.read(event) { write(piece, to: &out) }
        }
        return out.isEmpty ? nil : ByteBuffer(string: out)
    }

    private mutating func write(_ piece: Piece, to out: inout String) {
        var taken = Writer.writing
        swap(&taken, &writer)
        switch consume taken {
        case .writing: break
        case .chat(var stream):
            stream.write(piece, to: &out)
            writer = .chat(stream)
        case .messages(var stream):
            stream.write(piece, to: &out)
            writer = .messages(stream)
        case .responses(var stream):
            stream.write(piece, to: &out)
            writer = .responses(stream)
        case .generation(var stream):
            stream.write(piece, to: &out)
            writer = .generation(stream)
        }
    }
}

extension JSON {
    fileprivate var buffer: ByteBuffer { ByteBuffer(string: description) }

    /// - Parameter capacity: what it will probably come to, so that megabytes are not moved as it grows.
    fileprivate func buffer(capacity: Int) -> ByteBuffer {
        var out = ""
        out.reserveCapacity(capacity)
        write(to: &out)
        return ByteBuffer(string: out)
    }
}
