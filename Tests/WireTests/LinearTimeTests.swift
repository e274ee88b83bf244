import Core
import NIOCore
import Testing
import Wire

/// Quadratic work on 16 MB would take hours; these take seconds in a debug build.
@Suite("The work is linear in the bytes, whatever they are", .timeLimit(.minutes(3)))
struct LinearTimeTests {
    static let size = 16 * 1024 * 1024

    static func filled(_ prefix: String, _ piece: String, _ suffix: String) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(size + 1024)
        buffer.writeString(prefix)
        while buffer.readableBytes < size { buffer.writeString(piece) }
        buffer.writeString(suffix)
        return buffer
    }

    @Test("16 MB of hostile JSON is passed or refused in one pass")
    func hostile() {
        let accepted = [
            Self.filled("{\"a\":\"", String(repeating: "x", count: 4096), "\"}"),
            Self.filled("{\"a\":\"", String(repeating: "\\\\", count: 2048), "\"}"),
            Self.filled("{\"a\":[1", String(repeating: ",{\"k\":1}", count: 512), "]}"),
            Self.filled("{\"messages\":[{}", String(repeating: ",{\"content\":[{}]}", count: 256), "]}"),
        ]
        for body in accepted { #expect((try? scanRequest(body, dialect: .chat, maxDepth: 64)) != nil) }
        let refused = [
            Self.filled("{\"a\":", String(repeating: "[", count: 4096), ""),
            Self.filled("{\"a\":1", String(repeating: "1", count: 4096), "}"),
            Self.filled("{\"k\":1", ",\"l\":1", "}"), Self.filled("", String(repeating: " ", count: 4096), ""),
        ]
        for body in refused { #expect((try? scanRequest(body, dialect: .chat, maxDepth: 64)) == nil) }
    }

    @Test("An event that arrives byte by byte is collected once")
    func bytewise() {
        let text = String(repeating: "x", count: 256 * 1024)
        let event = Array("data: {\"choices\":[{\"delta\":{\"content\":\"\(text)\"}}]}\n\n".utf8)
        var reader = StreamReader(dialect: .chat, hideUsage: false)
        var forwarded = 0
        for byte in event { forwarded += reader.read(ByteBuffer(bytes: [byte])).forward?.readableBytes ?? 0 }
        #expect(forwarded == event.count)
        #expect(reader.outputBytes == text.utf8.count)
    }

    @Test("An event without end is given up at the limit")
    func endless() {
        var reader = StreamReader(dialect: .chat, hideUsage: false, maxEventBytes: 64 * 1024)
        let piece = ByteBuffer(string: "data: " + String(repeating: "x", count: 1018))
        var step = reader.read(piece)
        for _ in 0..<64 where step.progress == .open { step = reader.read(piece) }
        #expect(step.progress == .violated(.eventTooLong))
        #expect(reader.rest.readableBytes == 0)
    }
}
