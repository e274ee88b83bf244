import NIOCore
import Wire

/// What a parser made of some bytes, in a form that both Weir's parsers and NIO's can be brought to. A body's pieces are joined,
/// since where it is cut depends on how it came.
struct Transcript: Equatable {
    var messages: [Message] = []
    var violation: HTTPViolation?
    /// Bytes that were not consumed.
    var left = 0

    var allComplete: Bool { messages.allSatisfy { $0.isComplete } }
    var anyComplete: Bool { messages.contains { $0.isComplete } }

    struct Message: Equatable {
        var startLine: [String] = []
        var fields: [String] = []
        var keepAlive = false
        var body: [UInt8] = []
        var isComplete = false
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
) -> Transcript {
    var transcript = Transcript()
    var parser = RequestParser(limits: limits)
    var buffer = ByteBuffer()
    do throws(HTTPViolation) {
        for piece in pieces {
            buffer.writeBytes(piece)
            while let event = try parser.next(&buffer) {
                switch event {
                case .head(let request):
                    heads?(request)
                    let head = request.head
                    transcript.messages.append(
                        Transcript.Message(
                            startLine: [request.method.rawValue, head.string(request.target), "1.\(request.minorVersion)"],
                            fields: lines(head), keepAlive: request.keepAlive))
                case .body(let slice): transcript.messages[transcript.messages.count - 1].body += slice.readableBytesView
                case .end: transcript.messages[transcript.messages.count - 1].isComplete = true
                }
            }
        }
    } catch {
        transcript.violation = error
    }
    transcript.left = buffer.readableBytes
    return transcript
}

/// Reads answers to as many requests as there are `head` marks (true: the request was HEAD).
func responseTranscript(
    _ pieces: [ArraySlice<UInt8>], head isHead: [Bool] = [false], limits: HTTPLimits = HTTPLimits(), closes: Bool = false
) -> Transcript {
    var transcript = Transcript()
    var parser = ResponseParser(limits: limits)
    var buffer = ByteBuffer()
    var awaited = isHead[...]
    parser.begin(headRequest: awaited.removeFirst())
    do throws(HTTPViolation) {
        for piece in pieces {
            buffer.writeBytes(piece)
            while let event = try parser.next(&buffer) {
                switch event {
                case .head(let answer):
                    transcript.messages.append(
                        Transcript.Message(
                            startLine: ["\(answer.status)", "1.\(answer.minorVersion)"], fields: lines(answer.head),
                            keepAlive: answer.keepAlive))
                case .informational: break
                case .body(let slice): transcript.messages[transcript.messages.count - 1].body += slice.readableBytesView
                case .end:
                    transcript.messages[transcript.messages.count - 1].isComplete = true
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
    transcript.left = buffer.readableBytes
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
