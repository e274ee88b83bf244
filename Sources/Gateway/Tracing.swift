import Core
import NIOCore
import Wire

/// The names under which a call is known outside: accepted from the caller when well-formed, otherwise made; passed on either way.
struct CallNames {
    /// Longest request id that is accepted, in bytes.
    static let requestIDBytesMax = 128

    let call: CallID
    /// The caller's own request id.
    private let given: String?
    /// W3C trace: the caller's, or a new one; the span is ours.
    private let trace: CallID
    private let span: UInt64
    private let flags: UInt8

    init(_ head: RequestHead, using random: inout QuickRandom) {
        call = CallID(using: &random)
        let fields = head.head
        if let id = fields[.xRequestID], !fields.isRepeated(.xRequestID), fields.withBytes(of: id, isPlainID) {
            given = fields.string(id)
        } else {
            given = nil
        }
        span = random.next() | 1
        if let parent = fields[.traceparent], !fields.isRepeated(.traceparent),
            let found = fields.withBytes(of: parent, readTraceparent)
        {
            (trace, flags) = found
        } else {
            (trace, flags) = (call, 1)
        }
    }

    var requestID: String { given ?? call.description }

    func writeRequestID(to buffer: inout ByteBuffer) {
        if let given {
            buffer.writeString(given)
        } else {
            buffer.writeHexadecimal16(call.high)
            buffer.writeHexadecimal16(call.low)
        }
    }

    /// `00-<trace>-<our span>-<flags>` (W3C Trace Context).
    func writeTraceparent(to buffer: inout ByteBuffer) {
        buffer.writeStaticString("00-")
        buffer.writeHexadecimal16(trace.high)
        buffer.writeHexadecimal16(trace.low)
        buffer.writeStaticString("-")
        buffer.writeHexadecimal16(span)
        buffer.writeStaticString(flags & 1 == 1 ? "-01" : "-00")
    }
}

extension ByteBuffer {
    /// Sixteen lower-case digits.
    mutating func writeHexadecimal16(_ word: UInt64) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: 16) { digits in
            for position in 0..<16 {
                let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * position)) & 0xF
                digits[position] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble
            }
            return 16
        }
    }
}

private func isPlainID(_ bytes: UnsafeRawBufferPointer) -> Bool {
    !bytes.isEmpty && bytes.count <= CallNames.requestIDBytesMax
        && bytes.allSatisfy { isLetterOrDigit($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E || $0 == 0x3A }
}

/// W3C Trace Context, version 00; all-zero identifiers are invalid.
private func readTraceparent(_ bytes: UnsafeRawBufferPointer) -> (CallID, UInt8)? {
    guard bytes.count == 55, bytes[0] == 0x30, bytes[1] == 0x30, bytes[2] == 0x2D, bytes[35] == 0x2D, bytes[52] == 0x2D,
        let high = hexadecimalWord(bytes[3..<19]), let low = hexadecimalWord(bytes[19..<35]),
        let parent = hexadecimalWord(bytes[36..<52]), let flags = hexadecimalWord(bytes[53..<55]),
        high | low != 0, parent != 0
    else { return nil }
    return (CallID(high: high, low: low), UInt8(truncatingIfNeeded: flags))
}

private func hexadecimalWord(_ digits: Slice<UnsafeRawBufferPointer>) -> UInt64? {
    var word: UInt64 = 0
    for digit in digits {
        switch digit {
        case 0x30...0x39: word = word << 4 | UInt64(digit - 0x30)
        case 0x61...0x66: word = word << 4 | UInt64(digit - 0x57)
        default: return nil
        }
    }
    return word
}

private func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
}
