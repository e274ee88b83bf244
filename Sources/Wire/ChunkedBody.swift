import NIOCore

/// Eight hexadecimal digits: 4 GiB, more than any body that is accepted.
private let chunkSizeDigitsMax = 8

/// Reads the chunked coding, RFC 9112 section 7.1, without extensions and trailers: nobody needs them here, and they hide bytes.
struct ChunkedBody: Sendable {
    private enum Phase { case size, data, dataEnd, lastEnd, done }

    private var phase = Phase.size
    private var left = 0
    private var allowed: Int

    init(maxBytes: Int) { allowed = maxBytes }

    mutating func next(_ buffer: inout ByteBuffer) throws(HTTPViolation) -> HTTPBody.Step {
        while true {
            switch phase {
            case .size:
                guard let line = try sizeLine(buffer) else { return .needsMore }
                guard line.size <= allowed else { throw .bodyTooLarge }
                allowed -= line.size
                left = line.size
                buffer.moveReaderIndex(forwardBy: line.bytes)
                phase = left == 0 ? .lastEnd : .data

            case .data:
                guard let slice = buffer.readSlice(length: min(left, buffer.readableBytes)), slice.readableBytes > 0 else {
                    return .needsMore
                }
                left -= slice.readableBytes
                if left == 0 { phase = .dataEnd }
                return .data(slice)

            case .dataEnd:
                guard try lineEnd(&buffer, otherwise: .badChunkEnd) else { return .needsMore }
                phase = .size

            case .lastEnd:
                guard try lineEnd(&buffer, otherwise: .trailers) else { return .needsMore }
                phase = .done

            case .done: return .end
            }
        }
    }

    /// The size that the line at the front announces and the line's length; `nil` while its end is not there.
    private func sizeLine(_ buffer: ByteBuffer) throws(HTTPViolation) -> (size: Int, bytes: Int)? {
        let parsed = buffer.withUnsafeReadableBytes { raw -> Result<(size: Int, bytes: Int)?, HTTPViolation> in
            var size = 0
            for (at, byte) in raw.enumerated() {
                if let digit = hexadecimal(byte) {
                    guard at < chunkSizeDigitsMax else { return .failure(.chunkTooLarge) }
                    size = size << 4 | digit
                    continue
                }
                switch byte {
                case carriageReturn where at > 0:
                    guard at + 1 < raw.count else { return .success(nil) }
                    return raw[at + 1] == lineFeed ? .success((size, at + 2)) : .failure(.bareCarriageReturn)
                case lineFeed: return .failure(.bareLineFeed)
                case UInt8(ascii: ";") where at > 0: return .failure(.chunkExtension)
                default: return .failure(.badChunkSize)
                }
            }
            return .success(nil)
        }
        return try parsed.get()
    }

    /// Consumes a line end; false while it is not whole.
    private func lineEnd(_ buffer: inout ByteBuffer, otherwise violation: HTTPViolation) throws(HTTPViolation) -> Bool {
        let first: UInt8? = buffer.getInteger(at: buffer.readerIndex)
        guard let first else { return false }
        guard first == carriageReturn else { throw first == lineFeed ? .bareLineFeed : violation }
        let second: UInt8? = buffer.getInteger(at: buffer.readerIndex + 1)
        guard let second else { return false }
        guard second == lineFeed else { throw .bareCarriageReturn }
        buffer.moveReaderIndex(forwardBy: 2)
        return true
    }
}

private func hexadecimal(_ byte: UInt8) -> Int? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte) - 0x30
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte) - 0x57
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte) - 0x37
    default: nil
    }
}
