import NIOCore

/// Reads one body by its framing; hands out slices of the input as they come, without copying.
struct HTTPBody: Sendable {
    enum Step {
        case needsMore
        case data(ByteBuffer)
        case end
    }

    private enum Phase {
        case length(Int)
        case chunked(ChunkedBody)
    }

    private var phase = Phase.length(0)

    init() {}

    init(_ framing: HTTPFraming, maxBytes: Int) throws(HTTPViolation) {
        switch framing {
        case .none: break
        case .length(let count):
            guard count <= maxBytes else { throw .bodyTooLarge }
            phase = .length(count)
        case .chunked: phase = .chunked(ChunkedBody(maxBytes: maxBytes))
        }
    }

    mutating func next(_ buffer: inout ByteBuffer) throws(HTTPViolation) -> Step {
        switch phase {
        case .length(0): return .end
        case .length(let left):
            guard let slice = buffer.readSlice(length: min(left, buffer.readableBytes)), slice.readableBytes > 0 else {
                return .needsMore
            }
            phase = .length(left - slice.readableBytes)
            return .data(slice)
        case .chunked(var chunks):
            defer { phase = .chunked(chunks) }
            return try chunks.next(&buffer)
        }
    }
}
