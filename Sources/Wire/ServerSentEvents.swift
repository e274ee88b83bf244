// The frames of `text/event-stream` (WHATWG HTML, section 9.2): lines ended by LF, CR or CRLF, blocks ended by a blank line.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What one block of a stream is.
enum SSEBlock: Sendable, Hashable {
    /// A blank line, or a comment on its own.
    case filler
    case event
}

/// Looks for the end of one block over any number of reads; each byte is looked at once.
///
/// All offsets count from the block's first byte, so that the block may move between reads.
struct SSEFrame {
    private var lineStart = 0
    private var scanned = 0
    /// A CR was the last byte so far: an LF right after it belongs to the same line end.
    private(set) var endsInCR = false
    /// The first `data` line's value.
    private(set) var data = 0..<0
    private(set) var dataLines = 0
    /// The last `event` line's value.
    private(set) var name = 0..<0
    private var fields = 0
    /// A line that no event stream has: the bytes are something else.
    private(set) var hasUnknownField = false

    /// Reads on in `bytes`, which begin at the block's first byte. The block's length once it is whole, its blank line included.
    mutating func advance(_ bytes: UnsafeRawBufferPointer) -> (length: Int, kind: SSEBlock)? {
        if endsInCR, scanned < bytes.count {
            endsInCR = false
            if bytes[scanned] == 0x0A {
                scanned += 1
                lineStart = scanned
            }
        }
        while true {
            guard let lineEnd = lineEnd(bytes, from: scanned) else {
                scanned = bytes.count
                return nil
            }
            let line = lineStart..<lineEnd
            var next = lineEnd + 1
            if bytes[lineEnd] == 0x0D {
                if next < bytes.count {
                    if bytes[next] == 0x0A { next += 1 }
                } else {
                    endsInCR = true
                }
            }
            lineStart = next
            scanned = next
            if line.isEmpty { return (next, fields == 0 ? .filler : .event) }
            if bytes[line.lowerBound] == UInt8(ascii: ":") {
                // Outside an event a comment stands for itself: providers send it to keep the connection open.
                if fields == 0 { return (next, .filler) }
            } else {
                fields += 1
                field(bytes, line)
            }
        }
    }

    private mutating func field(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) {
        switch SSEField(bytes, line) {
        case .data(let value):
            if dataLines == 0 { data = value }
            dataLines += 1
        case .event(let value): name = value
        case .id, .retry: break
        case .unknown: hasUnknownField = true
        }
    }
}

/// One line of an event, taken apart.
enum SSEField {
    case data(Range<Int>)
    case event(Range<Int>)
    case id
    case retry
    case unknown

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) {
        guard let base = bytes.baseAddress else {
            self = .unknown
            return
        }
        let text = base + line.lowerBound
        if line.count >= 5, memcmp(text, "data:", 5) == 0 {
            self = .data(SSEField.value(bytes, line, 5))
        } else if line.count >= 6, memcmp(text, "event:", 6) == 0 {
            self = .event(SSEField.value(bytes, line, 6))
        } else if line.count >= 3, memcmp(text, "id:", 3) == 0 {
            self = .id
        } else if line.count >= 6, memcmp(text, "retry:", 6) == 0 {
            self = .retry
        } else if line.count == 4, memcmp(text, "data", 4) == 0 {
            self = .data(line.upperBound..<line.upperBound)
        } else if line.count == 5, memcmp(text, "event", 5) == 0 {
            self = .event(line.upperBound..<line.upperBound)
        } else if line.count == 2, memcmp(text, "id", 2) == 0 {
            self = .id
        } else if line.count == 5, memcmp(text, "retry", 5) == 0 {
            self = .retry
        } else {
            self = .unknown
        }
    }

    /// What follows the colon, less one space.
    @inline(__always)
    private static func value(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>, _ colon: Int) -> Range<Int> {
        var start = line.lowerBound + colon
        if start < line.upperBound, bytes[start] == 0x20 { start += 1 }
        return start..<line.upperBound
    }
}

private let ones: UInt64 = 0x0101_0101_0101_0101
private let highs: UInt64 = 0x8080_8080_8080_8080

/// The next CR or LF, looked for eight bytes at a time.
@inline(__always)
func lineEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    guard let base = bytes.baseAddress else { return nil }
    var i = start
    let end = bytes.count
    while i &+ 8 <= end {
        let word = UInt64(littleEndian: (base + i).loadUnaligned(as: UInt64.self))
        let lf = word ^ (ones &* 0x0A)
        let cr = word ^ (ones &* 0x0D)
        let marks = (((lf &- ones) & ~lf) | ((cr &- ones) & ~cr)) & highs
        if marks != 0 { return i &+ marks.trailingZeroBitCount &>> 3 }
        i &+= 8
    }
    while i < end {
        let byte = base.load(fromByteOffset: i, as: UInt8.self)
        if byte == 0x0A || byte == 0x0D { return i }
        i &+= 1
    }
    return nil
}

/// The `data` of an event that spreads it over several lines, joined by LF as the standard says.
func joinedData(_ event: UnsafeRawBufferPointer) -> [UInt8] {
    var joined: [UInt8] = []
    joined.reserveCapacity(event.count)
    var lines = 0
    var start = 0
    while let end = lineEnd(event, from: start) {
        if end > start, case .data(let value) = SSEField(event, start..<end) {
            if lines > 0 { joined.append(0x0A) }
            lines += 1
            joined.append(contentsOf: UnsafeRawBufferPointer(rebasing: event[value]))
        }
        start = end + 1
    }
    return joined
}
