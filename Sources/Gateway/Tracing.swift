import Core
import NIOCore
import Wire

/// The names under which a call is known outside: accepted from the caller when well-formed, otherwise made; passed on either way.
struct CallNames {
    /// Longest request id that is accepted, in bytes.
    static let requestIDBytesMax = 128

    let call: CallID
    let requestID: String
    /// A W3C `traceparent` of our own span in the caller's trace.
    let traceparent: String

    init(_ head: RequestHead, using random: inout QuickRandom) {
        call = CallID(using: &random)
        let fields = head.head
        if let span = fields[.xRequestID], !fields.isRepeated(.xRequestID), fields.withBytes(of: span, isPlainID) {
            requestID = fields.string(span)
        } else {
            requestID = call.description
        }
        let own = hexadecimal(random.next() | 1)
        if let span = fields[.traceparent], !fields.isRepeated(.traceparent), fields.withBytes(of: span, isTraceparent) {
            let text = fields.string(span)
            // version 00: 00-<trace 32>-<parent 16>-<flags 2>
            traceparent = "00-\(text.dropFirst(3).prefix(32))-\(own)-\(text.suffix(2))"
        } else {
            traceparent = "00-\(call)-\(own)-01"
        }
    }
}

private func isPlainID(_ bytes: UnsafeRawBufferPointer) -> Bool {
    !bytes.isEmpty && bytes.count <= CallNames.requestIDBytesMax
        && bytes.allSatisfy { isLetterOrDigit($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E || $0 == 0x3A }
}

/// W3C Trace Context, version 00; all-zero identifiers are invalid.
private func isTraceparent(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count == 55, bytes[0] == 0x30, bytes[1] == 0x30, bytes[2] == 0x2D, bytes[35] == 0x2D, bytes[52] == 0x2D else {
        return false
    }
    let digits = [3..<35, 36..<52, 53..<55]
    guard digits.allSatisfy({ bytes[$0].allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) } }) else {
        return false
    }
    return bytes[3..<35].contains { $0 != 0x30 } && bytes[36..<52].contains { $0 != 0x30 }
}

private func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
}
