import Core
import NIOCore
import Policy
import Providers
import Wire

extension CallRelay {
    /// The provider's header lines as they came, without those about its own connection, and Weir's.
    func headers(from head: ResponseHead) -> ByteBuffer {
        var lines = ByteBufferAllocator().buffer(capacity: head.head.bytes.readableBytes + 256)
        if answer.isReshaped {
            lines.writeStaticString("content-type: application/json\r\n")
        } else {
            head.head.bytes.withUnsafeReadableBytes { bytes in
                for field in head.head.fields where !isOwn(UnsafeRawBufferPointer(rebasing: bytes[field.name.range])) {
                    if answer.isGathered, head.head.matches(field.name, "content-type") { continue }
                    lines.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[field.line.range]))
                }
            }
            if answer.isGathered { lines.writeStaticString("content-type: application/json\r\n") }
            if let upstream = head.head[.xRequestID] {
                lines.writeStaticString("x-upstream-request-id: ")
                lines.writeImmutableBuffer(head.head.slice(upstream))
                lines.writeStaticString("\r\n")
            }
        }
        if let names {
            lines.writeStaticString("x-request-id: ")
            names.writeRequestID(to: &lines)
            lines.writeStaticString("\r\nx-weir-attempt: ")
            lines.writeHexadecimal16(attemptID.high)
            lines.writeHexadecimal16(attemptID.low)
            lines.writeStaticString("\r\n")
        }
        lines.writeStaticString("x-weir-endpoint: ")
        lines.writeString(way?.target.name ?? "")
        lines.writeStaticString("\r\n")
        if let stoodIn {
            lines.writeStaticString("x-weir-model: ")
            lines.writeString(stoodIn)
            lines.writeStaticString("\r\n")
        }
        if !plan.rewrites.isEmpty {
            lines.writeStaticString("x-weir-rewrites: ")
            for (index, rewrite) in plan.rewrites.enumerated() {
                if index > 0 { lines.writeStaticString(", ") }
                lines.writeString(rewrite.rawValue)
            }
            lines.writeStaticString("\r\n")
        }
        if let clampedOutput {
            lines.writeString("x-weir-output-limit: \(clampedOutput)\r\n")
            lane.countClippedOutput()
        }
        return lines
    }
}

/// Whether a header of the provider's is about its connection, its framing or its own site, or is one that Weir sets itself.
private func isOwn(_ name: UnsafeRawBufferPointer) -> Bool {
    func named(_ text: StaticString) -> Bool {
        let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        return zip(name, wanted).allSatisfy { $0 == $1 || ($0 &- 0x41 < 26 && $0 | 0x20 == $1) }
    }
    switch name.count {
    case 2: return named("te")
    case 6: return named("server")
    case 7: return named("trailer") || named("upgrade") || named("alt-svc")
    case 10: return named("connection") || named("keep-alive") || named("set-cookie")
    case 12: return named("x-request-id") || named("x-weir-model")
    case 14: return named("content-length") || named("x-weir-attempt")
    case 15: return named("x-weir-endpoint") || named("x-weir-rewrites")
    case 16: return named("proxy-connection")
    case 17: return named("transfer-encoding")
    case 18: return named("proxy-authenticate")
    case 19: return named("x-weir-output-limit")
    case 25: return named("strict-transport-security")
    default: return false
    }
}

/// Whether a content type is that of an event stream, with or without parameters.
func isEventStream(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let wanted = "text/event-stream".utf8
    return bytes.count >= wanted.count && zip(bytes, wanted).allSatisfy { $0 == $1 || $0 | 0x20 == $1 }
}
