import Foundation
import Glibc
import Synchronization

/// A listener of this machine that takes each request with 200 and keeps its body.
final class Webhook: Sendable {
    let port: Int
    private let socket: Int32
    private let received = Mutex<[String]>([])

    var bodies: [String] { received.withLock { $0 } }

    init() throws {
        let port = try freePort()
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard bound == 0, listen(socket, 16) == 0 else {
            Glibc.close(socket)
            throw Obstacle("no webhook can listen: \(errno)")
        }
        (self.port, self.socket) = (port, socket)
        Thread { [weak self] in
            while true {
                let connection = accept(socket, nil, nil)
                // Shut down with the test.
                guard connection >= 0 else { break }
                if let body = Self.answer(connection) { self?.received.withLock { $0.append(body) } }
            }
            Glibc.close(socket)
        }.start()
    }

    deinit { shutdown(socket, Int32(SHUT_RDWR)) }

    /// The body of the one request of a connection.
    private static func answer(_ connection: Int32) -> String? {
        defer { Glibc.close(connection) }
        var time = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            bytes += buffer[..<count]
            let text = String(decoding: bytes, as: UTF8.self)
            let parts = text.components(separatedBy: "\r\n\r\n")
            guard parts.count == 2, let head = parts.first?.lowercased() else { continue }
            let field = head.components(separatedBy: "content-length: ").dropFirst().first
            guard let length = field.flatMap({ Int($0.prefix { $0.isNumber }) }), parts[1].utf8.count >= length else { continue }
            let answer = Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8)
            _ = answer.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            return parts[1]
        }
    }
}
