#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Finds short runs of bytes that were seen before and gives each a number, in the order in which they came.
struct ByteTable: Sendable {
    private struct Span: Sendable {
        var start: Int
        var count: Int
    }

    private var arena: [UInt8] = []
    private var spans: [Span] = []
    /// Numbers by hash, open addressing; -1 is free. At most half full.
    private var slots: [Int32] = Array(repeating: -1, count: 64)

    var count: Int { spans.count }

    func find(_ bytes: UnsafeRawBufferPointer) -> Int32? {
        let mask = slots.count - 1
        var slot = hash(bytes) & mask
        while true {
            let number = slots[slot]
            if number < 0 { return nil }
            if isSame(spans[Int(number)], bytes) { return number }
            slot = (slot + 1) & mask
        }
    }

    /// Adds what `find` did not find.
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        spans.append(Span(start: arena.count, count: bytes.count))
        arena.append(contentsOf: bytes)
        if spans.count * 2 > slots.count {
            slots = Array(repeating: -1, count: slots.count * 2)
            for number in spans.indices { place(number) }
        } else {
            place(spans.count - 1)
        }
    }

    private mutating func place(_ number: Int) {
        let span = spans[number]
        let mask = slots.count - 1
        var slot =
            arena.withUnsafeBytes {
                hash(UnsafeRawBufferPointer(rebasing: $0[span.start..<(span.start + span.count)]))
            } & mask
        while slots[slot] >= 0 { slot = (slot + 1) & mask }
        slots[slot] = Int32(number)
    }

    private func isSame(_ span: Span, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard span.count == bytes.count, let other = bytes.baseAddress else { return span.count == bytes.count }
        return arena.withUnsafeBytes { arena in
            guard let base = arena.baseAddress else { return false }
            return memcmp(base + span.start, other, span.count) == 0
        }
    }
}

/// Eight bytes at a time; what it is fed comes from the configuration, not from callers.
private func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
    var state = UInt64(truncatingIfNeeded: bytes.count) &* 0x9E37_79B9_7F4A_7C15
    var at = 0
    while at + 8 <= bytes.count {
        state = (state ^ bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &* 0xFF51_AFD7_ED55_8CCD
        state ^= state >> 32
        at += 8
    }
    while at < bytes.count {
        state = (state ^ UInt64(bytes[at])) &* 0xFF51_AFD7_ED55_8CCD
        at += 1
    }
    return Int(truncatingIfNeeded: (state ^ state >> 29) & 0x7FFF_FFFF)
}
