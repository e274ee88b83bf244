public import NIOCore

/// One event of a stream, taken apart: its name where it has one, and its data.
public struct StreamedEvent: Sendable {
    public var name: String
    public var data: ByteBuffer

    /// The mark that ends OpenAI's older dialects.
    public var isDone: Bool { data.readableBytes == 6 && data.withUnsafeReadableBytes { bytesEqual($0, "[DONE]") } }
}

/// The events of bytes that hold whole events only, as `StreamReader` hands them on. The last may lack its blank line. Comments and events
/// without data are left out.
public func wholeEvents(_ bytes: ByteBuffer) -> [StreamedEvent] { wholeEvents(bytes, isClosed: false) }

private func wholeEvents(_ bytes: ByteBuffer, isClosed: Bool) -> [StreamedEvent] {
    var events: [StreamedEvent] = []
    bytes.withUnsafeReadableBytes { raw in
        var start = 0
        while start < raw.count {
            let block = UnsafeRawBufferPointer(rebasing: raw[start...])
            var frame = SSEFrame()
            guard let (length, kind) = frame.advance(block) else {
                var ended = ByteBuffer(bytes: block)
                ended.writeStaticString("\n\n")
                // Nothing comes after it, so this ends.
                if !block.isEmpty, !isClosed { events += wholeEvents(ended, isClosed: true) }
                return
            }
            if kind == .event, frame.dataLines > 0, let event = event(block, frame, length, bytes, at: start) {
                events.append(event)
            }
            start += length
        }
    }
    return events
}

private func event(
    _ block: UnsafeRawBufferPointer, _ frame: SSEFrame, _ length: Int, _ bytes: ByteBuffer, at start: Int
) -> StreamedEvent? {
    let name = String(decoding: UnsafeRawBufferPointer(rebasing: block[frame.name]), as: UTF8.self)
    if frame.dataLines > 1 {
        return StreamedEvent(
            name: name, data: ByteBuffer(bytes: joinedData(UnsafeRawBufferPointer(rebasing: block[..<length]))))
    }
    let place = bytes.readerIndex + start + frame.data.lowerBound
    guard !frame.data.isEmpty, let data = bytes.getSlice(at: place, length: frame.data.count) else { return nil }
    return StreamedEvent(name: name, data: data)
}
