import Foundation
import Glibc

/// An answer as it came.
struct RawAnswer: CustomStringConvertible {
    var status: Int
    /// Names in lower case.
    var headers: [(name: String, value: String)]
    /// Without the framing of chunks.
    var body: String
    /// The body ended as its framing said it would.
    var isWhole: Bool

    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
    func count(_ name: String) -> Int { headers.count { $0.name == name } }
    /// The `code` of an error body.
    var code: String? { error?["code"] as? String }
    var error: [String: Any]? {
        let object = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
        return object?["error"] as? [String: Any]
    }
    var description: String { "\(status) whole=\(isWhole) \(headers.map { "\($0.name): \($0.value)" }) \(body)" }
}

/// A blocking client on a plain socket that shares nothing with Weir's parsers.
// One thread reads; another may send.
final class RawClient: @unchecked Sendable {
    struct Broken: Error { var why: String }

    private let socket: Int32
    private var pending: [UInt8] = []

    /// - Parameter receiveBuffer: of the kernel, in bytes, so that a client can be slow.
    init(port: Int, timeout: Double = 10, receiveBuffer: Int32? = nil) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var time = timeval(tv_sec: Int(timeout), tv_usec: Int((timeout - timeout.rounded(.down)) * 1_000_000))
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        if var bytes = receiveBuffer { setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size)) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw Broken(why: "connect: \(errno)") }
    }

    deinit { Glibc.close(socket) }

    func close() { shutdown(socket, Int32(SHUT_RDWR)) }

    func finishSending() { shutdown(socket, Int32(SHUT_WR)) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Broken(why: "send: \(errno)") }
            sent += count
        }
    }

    /// Reads more bytes; false at the end of the connection.
    func more() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &buffer, buffer.count, 0)
        guard count >= 0 else { throw Broken(why: "receive: \(errno)") }
        pending += buffer[..<count]
        return count > 0
    }

    /// Whether the peer closes now, without another byte.
    func isClosedByPeer() -> Bool {
        guard pending.isEmpty, let more = try? more() else { return pending.isEmpty && errno == ECONNRESET }
        return !more
    }

    /// Everything until the end of the connection.
    func rest() throws -> String {
        while try more() {}
        defer { pending = [] }
        return String(decoding: pending, as: UTF8.self)
    }

    /// Reads until the bytes so far hold `text`.
    func read(until text: String) throws -> String {
        let wanted = Array(text.utf8)
        while pending.firstRange(of: wanted) == nil {
            guard try more() else { throw Broken(why: "closed before the text") }
        }
        return String(decoding: pending, as: UTF8.self)
    }

    /// Reads one answer, framing included; `100 Continue` is passed over.
    func answer(toHead: Bool = false) throws -> RawAnswer {
        while true {
            while pending.firstRange(of: Array("\r\n\r\n".utf8)) == nil {
                guard try more() else { throw Broken(why: "closed before an answer, after \(pending.count) bytes") }
            }
            guard let end = pending.firstRange(of: Array("\r\n\r\n".utf8)) else { continue }
            let lines = String(decoding: pending[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
            pending.removeSubrange(..<end.upperBound)
            let words = lines[0].split(separator: " ")
            let status = words.count > 1 ? Int(words[1]) ?? 0 : 0
            if status == 100 { continue }
            let headers = lines.dropFirst().map { line -> (name: String, value: String) in
                let parts = line.split(separator: ":", maxSplits: 1)
                return (parts[0].lowercased(), parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : "")
            }
            var answer = RawAnswer(status: status, headers: headers, body: "", isWhole: toHead)
            if toHead { return answer }
            if let length = answer.header("content-length").flatMap({ Int($0) }) {
                while pending.count < length { guard try more() else { break } }
                answer.isWhole = pending.count >= length
                answer.body = String(decoding: pending.prefix(length), as: UTF8.self)
                pending.removeFirst(min(length, pending.count))
            } else if answer.header("transfer-encoding") == "chunked" {
                (answer.body, answer.isWhole) = try chunks()
            } else {
                while try more() {}
                answer.body = String(decoding: pending, as: UTF8.self)
                answer.isWhole = true
                pending = []
            }
            return answer
        }
    }

    private func chunks() throws -> (String, Bool) {
        var body: [UInt8] = []
        while true {
            guard let line = try line(), let size = Int(line, radix: 16) else {
                return (String(decoding: body, as: UTF8.self), false)
            }
            while pending.count < size + 2 {
                guard try more() else { return (String(decoding: body + pending, as: UTF8.self), false) }
            }
            body += pending[..<size]
            pending.removeFirst(size + 2)
            if size == 0 { return (String(decoding: body, as: UTF8.self), true) }
        }
    }

    private func line() throws -> String? {
        while true {
            if let end = pending.firstRange(of: Array("\r\n".utf8)) {
                let text = String(decoding: pending[..<end.lowerBound], as: UTF8.self)
                pending.removeSubrange(..<end.upperBound)
                return text
            }
            guard try more() else { return nil }
        }
    }
}
