import Foundation
import Glibc

/// A client of HTTP/2 that says what it likes: it writes frames itself, through OpenSSL's own tool, and shares nothing with Weir.
final class RawHTTP2 {
    typealias Field = (name: [UInt8], value: [UInt8])

    enum Ending: Equatable {
        case answered(well: Bool)
        case reset
        /// The whole connection ended.
        case closed
    }

    struct Broken: Error { var why: String }

    private static let waitMilliseconds: Int32 = 10_000
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var pending: [UInt8] = []
    private var stream: UInt32 = 1

    init(port: Int) throws {
        // A connection that Weir closed must not end the tests.
        signal(SIGPIPE, SIG_IGN)
        process.executableURL = URL(fileURLWithPath: Certificate.openssl)
        process.arguments = ["s_client", "-quiet", "-alpn", "h2", "-connect", "127.0.0.1:\(port)"]
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        write(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0, 0, []))
        // Room for all answers of the connection.
        write(frame(8, 0, 0, [0x3F, 0xFF, 0x00, 0x00]))
    }

    deinit { if process.isRunning { process.terminate() } }

    /// Asks for one chat on a stream of its own and reads how that ended.
    func ask(_ fields: [Field], body: [UInt8], trailers: [Field] = []) throws -> Ending {
        let number = stream
        stream += 2
        let pseudo = [(":method", "POST"), (":scheme", "https"), (":path", "/v1/chat/completions"), (":authority", "localhost")]
        let head = pseudo.map { (Array($0.utf8), Array($1.utf8)) } + fields
        write(frame(1, 0x4, number, block(head)))
        write(frame(0, trailers.isEmpty ? 0x1 : 0, number, body))
        if !trailers.isEmpty { write(frame(1, 0x5, number, block(trailers))) }
        var well = false
        while let (type, flags, id, payload) = try next() {
            if type == 7 { return .closed }
            guard id == number else { continue }
            if type == 3 { return .reset }
            // The static table's entry 8 is `:status: 200`; nothing else is answered well here.
            if type == 1, payload.first == 0x88 { well = true }
            if type <= 1, flags & 0x1 != 0 { return .answered(well: well) }
        }
        return .closed
    }

    /// Field lines as literals that are not indexed, RFC 7541 section 6.2.2, without Huffman's code.
    private func block(_ fields: [Field]) -> [UInt8] {
        fields.flatMap { [0x00] + string($0.name) + string($0.value) }
    }

    private func string(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
        var length: [UInt8] = [127]
        var rest = bytes.count - 127
        while rest >= 128 {
            length.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        return length + [UInt8(rest)] + bytes
    }

    private func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        let count = payload.count
        return [UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255), type, flags]
            + [24, 16, 8, 0].map { UInt8(stream >> $0 & 255) } + payload
    }

    private func write(_ bytes: [UInt8]) { try? input.fileHandleForWriting.write(contentsOf: Data(bytes)) }

    private func next() throws -> (type: UInt8, flags: UInt8, stream: UInt32, payload: [UInt8])? {
        while true {
            if pending.count >= 9 {
                let count = Int(pending[0]) << 16 | Int(pending[1]) << 8 | Int(pending[2])
                if pending.count >= 9 + count {
                    let id = pending[5..<9].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
                    let found = (pending[3], pending[4], id, Array(pending[9..<(9 + count)]))
                    pending.removeFirst(9 + count)
                    return found
                }
            }
            let descriptor = output.fileHandleForReading.fileDescriptor
            var readable = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&readable, 1, Self.waitMilliseconds) > 0 else { throw Broken(why: "no frame came") }
            var buffer = [UInt8](repeating: 0, count: 16_384)
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return nil }
            pending += buffer[..<count]
        }
    }
}
