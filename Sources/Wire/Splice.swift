public import NIOCore

/// One edit of a body: the bytes of `range` become `replacement`; an empty range inserts.
public struct Splice: Sendable, Hashable {
    /// Offsets from the body's first readable byte.
    public var range: Range<Int>
    public var replacement: [UInt8]

    public init(range: Range<Int>, replacement: [UInt8]) {
        self.range = range
        self.replacement = replacement
    }

    public init(range: Range<Int>, replacement: String) {
        self.init(range: range, replacement: Array(replacement.utf8))
    }
}

/// How long a body is after its splices.
public func splicedLength(_ body: ByteBuffer, _ splices: [Splice]) -> Int {
    var length = body.readableBytes
    for splice in splices { length += splice.replacement.count - splice.range.count }
    return length
}

extension ByteBuffer {
    /// Appends `body` with its splices. Splices are in order and do not overlap.
    public mutating func writeSpliced(_ body: ByteBuffer, _ splices: [Splice]) {
        reserveCapacity(minimumWritableBytes: splicedLength(body, splices))
        body.withUnsafeReadableBytes { bytes in
            var at = 0
            for splice in splices {
                precondition(
                    splice.range.lowerBound >= at && splice.range.upperBound <= bytes.count,
                    "splices are in order, do not overlap and lie within the body")
                writeBytes(UnsafeRawBufferPointer(rebasing: bytes[at..<splice.range.lowerBound]))
                writeBytes(splice.replacement)
                at = splice.range.upperBound
            }
            writeBytes(UnsafeRawBufferPointer(rebasing: bytes[at...]))
        }
    }
}

/// A body with its splices; the body itself where there are none.
public func spliced(
    _ body: ByteBuffer, _ splices: [Splice], allocator: ByteBufferAllocator = ByteBufferAllocator()
) -> ByteBuffer {
    if splices.isEmpty { return body }
    var out = allocator.buffer(capacity: splicedLength(body, splices))
    out.writeSpliced(body, splices)
    return out
}
