import NIOCore
import Wire

/// What a parser made of some bytes, in a form that both Weir's parsers and NIO's can be brought to. A body's pieces are joined,
/// since where it is cut depends on how it came.
struct HTTPTranscript: Equatable {
    var messages: [Message] = []
    var violation: HTTPViolation?
    /// Bytes that were consumed, and how many of them the last event had behind it.
    var consumed = 0
    var lastEvent = 0
    /// Whether a head of the kind `1xx` came after the last whole answer.
    var endsInformational = false

    var allComplete: Bool { messages.allSatisfy { $0.isComplete } }
    var anyComplete: Bool { messages.contains { $0.isComplete } }

    mutating func endMessage() {
        messages[messages.count - 1].isComplete = true
        messages[messages.count - 1].end = lastEvent
    }

    struct Message: Equatable {
        var startLine: [String] = []
        var fields: [String] = []
        var keepAlive = false
        var body: [UInt8] = []
        var isComplete = false
        /// Where it ended in the input; 0 while it has not.
        var end = 0
    }
}

/// Cuts bytes into the pieces that arrive; the parser sees what it left and what comes next.
func pieces(_ bytes: [UInt8], cutAt cuts: [Int]) -> [ArraySlice<UInt8>] {
    var start = 0
    var result: [ArraySlice<UInt8>] = []
    for cut in cuts + [bytes.count] {
        result.append(bytes[start..<cut])
        start = cut
    }
    return result
}

func requestTranscript(
    _ pieces: [ArraySlice<UInt8>], limits: HTTPLimits = HTTPLimits(), heads: ((RequestHead) -> Void)? = nil
) -> HTTPTranscript {
    var transcript = HTTPTranscript()
    var parser = RequestParser(limits: limits)
    var buffer = ByteBuffer()
    var given = 0
    do throws(HTTPViolation) {
        for piece in pieces {
            buffer.writeBytes(piece)
            given += piece.count
            while let event = try parser.next(&buffer) {
                transcript.lastEvent = given - buffer.readableBytes
                switch event {
                case .head(let request):
                    heads?(request)
                    let head = request.head
                    transcript.messages.append(
                        HTTPTranscript.Message(
                            startLine: [request.method.rawValue, head.string(request.target), "1.\(request.minorVersion)"],
                            fields: lines(head), keepAlive: request.keepAlive))
                case .body(let slice): transcript.messages[transcript.messages.count - 1].body += slice.readableBytesView
                case .end: transcript.endMessage()
                }
            }
        }
    } catch {
        transcript.violation = error
    }
    transcript.consumed = given - buffer.readableBytes
    return transcript
}

/// Reads answers to as many requests as there are `head` marks (true: the request was HEAD).
func responseTranscript(
    _ pieces: [ArraySlice<UInt8>], head isHead: [Bool] = [false], limits: HTTPLimits = HTTPLimits(), closes: Bool = false
) -> HTTPTranscript {
    var transcript = HTTPTranscript()
    var parser = ResponseParser(limits: limits)
    var buffer = ByteBuffer()
    var given = 0
    var awaited = isHead[...]
    parser.begin(headRequest: awaited.removeFirst())
    do throws(HTTPViolation) {
        for piece in pieces {
            buffer.writeBytes(piece)
            given += piece.count
            while let event = try parser.next(&buffer) {
                transcript.lastEvent = given - buffer.readableBytes
                switch event {
                case .head(let answer):
                    transcript.endsInformational = false
                    transcript.messages.append(
                        HTTPTranscript.Message(
                            startLine: ["\(answer.status)", "1.\(answer.minorVersion)"], fields: lines(answer.head),
                            keepAlive: answer.keepAlive))
                case .informational: transcript.endsInformational = true
                case .body(let slice): transcript.messages[transcript.messages.count - 1].body += slice.readableBytesView
                case .end:
                    transcript.endMessage()
                    // One that ends its connection has no successor.
                    if transcript.messages.last?.keepAlive == true, let next = awaited.popFirst() {
                        parser.begin(headRequest: next)
                    }
                }
            }
        }
        if closes { try parser.endOfInput() }
    } catch {
        transcript.violation = error
    }
    transcript.consumed = given - buffer.readableBytes
    return transcript
}

private func lines(_ head: HTTPHead) -> [String] {
    head.fields.map { "\(head.string($0.name)): \(head.string($0.value))" }
}

/// The bytes of `text`, with a line end for each `\n` and a bare line feed for each `␊`.
func wire(_ text: String) -> [UInt8] {
    text.unicodeScalars.flatMap { scalar -> [UInt8] in
        switch scalar {
        case "\n": [0x0D, 0x0A]
        case "␊": [0x0A]
        default: Array(String(scalar).utf8)
        }
    }
}
