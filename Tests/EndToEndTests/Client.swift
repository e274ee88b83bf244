import Foundation
import Glibc

/// An answer as it came.
struct Answer: CustomStringConvertible, Sendable {
    var status: Int
    /// Names in lower case.
    var headers: [String: String]
    /// Without the framing of chunks.
    var body: String
    /// The body ended as its framing said it would.
    var isWhole: Bool

    var description: String { "\(status) whole=\(isWhole) \(headers) \(body)" }

    /// A value inside a JSON body, such as `error.code`.
    func value(_ path: String) -> Any? {
        var value = try? JSONSerialization.jsonObject(with: Data(body.utf8))
        for name in path.split(separator: ".") { value = (value as? [String: Any])?[String(name)] }
        return value
    }

    var code: String? { value("error.code") as? String }
}

/// A blocking HTTP/1.1 client on one connection to this machine. It shares nothing with Weir's parsers.
final class Client {
    struct Broken: Error { var why: String }

    private let socket: Int32
    private var pending: [UInt8] = []

    init(port: Int, timeoutSeconds: Int = 20) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var time = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        var one: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // What throws here is deinitialised too, which closes the socket, and only once.
        guard connected == 0 else { throw Broken(why: "connect: \(errno)") }
    }

    deinit { Glibc.close(socket) }

    /// One request and its answer on a connection of its own.
    static func once(
        port: Int, _ method: String, _ path: String, headers: [String] = [], body: String? = nil
    ) throws -> Answer {
        let client = try Client(port: port)
        try client.send(method, path, headers: headers + ["Connection: close"], body: body)
        return try client.answer()
    }

    func send(_ method: String, _ path: String, headers: [String] = [], body: String? = nil) throws {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1"] + headers
        if let body { lines += ["Content-Type: application/json", "Content-Length: \(body.utf8.count)"] }
        try send(raw: lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
    }

    func send(raw text: String) throws {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Broken(why: "send: \(errno)") }
            sent += count
        }
    }

    /// Reads one answer. What came of it before the connection broke is an answer that is not whole.
    func answer(whenHeadCame: (Answer) -> Void = { _ in }) throws -> Answer {
        let end = Array("\r\n\r\n".utf8)
        while pending.firstRange(of: end) == nil {
            guard try more() else { throw Broken(why: "closed before an answer, after \(pending.count) bytes") }
        }
        let head = pending.firstRange(of: end)?.lowerBound ?? 0
        let lines = String(decoding: pending[..<head], as: UTF8.self).components(separatedBy: "\r\n")
        pending.removeFirst(head + end.count)
        var answer = Answer(
            status: Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0, headers: [:], body: "", isWhole: false)
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            answer.headers[parts[0].lowercased()] = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
        }
        whenHeadCame(answer)
        if let length = answer.headers["content-length"].flatMap({ Int($0) }) {
            while pending.count < length { guard (try? more()) == true else { break } }
            answer.isWhole = pending.count >= length
            answer.body = String(decoding: pending.prefix(length), as: UTF8.self)
            pending.removeFirst(min(length, pending.count))
        } else if answer.headers["transfer-encoding"] == "chunked" {
            (answer.body, answer.isWhole) = chunks()
        } else {
            while (try? more()) == true {}
            answer.body = String(decoding: pending, as: UTF8.self)
        }
        return answer
    }

    /// Reads more bytes; false at the end of the connection.
    private func more() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        let count = recv(socket, &buffer, buffer.count, 0)
        guard count >= 0 else { throw Broken(why: "receive: \(errno)") }
        pending += buffer[..<count]
        return count > 0
    }

    private func chunks() -> (String, Bool) {
        var body: [UInt8] = []
        while let line = line(), let size = Int(line, radix: 16) {
            while pending.count < size + 2 {
                guard (try? more()) == true else { return (String(decoding: body + pending, as: UTF8.self), false) }
            }
            body += pending[..<size]
            pending.removeFirst(size + 2)
            if size == 0 { return (String(decoding: body, as: UTF8.self), true) }
        }
        return (String(decoding: body, as: UTF8.self), false)
    }

    private func line() -> String? {
        while true {
            if let end = pending.firstRange(of: Array("\r\n".utf8)) {
                let text = String(decoding: pending[..<end.lowerBound], as: UTF8.self)
                pending.removeSubrange(..<end.upperBound)
                return text
            }
            guard (try? more()) == true else { return nil }
        }
    }
}

/// A port of this machine that is free now, below those that the kernel gives to outgoing connections.
func freePort() throws -> Int {
    for _ in 0..<1_000 {
        let port = Int.random(in: 20_000..<32_000)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { Glibc.close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if bound == 0 { return port }
    }
    throw Obstacle("no port is free")
}
