import Console
import Core
import Foundation

/// The longest answer that is read.
private let answerBytesMax = 64 * 1024 * 1024
/// How long a command waits for a connection, and for more of an answer.
private let connectSeconds = 5
private let answerSeconds = 60

/// Why a command could not do what it was told; its text is all that is printed.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// Talks to the admin API of a Weir on this machine: one request a connection, over loopback only, since the token travels in plaintext.
struct AdminClient {
    /// Without brackets.
    var host: String
    var port: Int
    var token: AdminToken
    /// How to start the server, for who finds none.
    var startHint: String

    /// Sends a request and decodes its answer, or throws what the server says against it.
    func call<Answer: Decodable>(
        _ method: String, _ path: String, query: [(String, String)] = [], headers: [(String, String)] = [],
        body: [UInt8]? = nil, as type: Answer.Type
    ) throws -> Answer {
        let answer = try exchange(method, path, query: query, headers: headers, body: body)
        guard let value = try? JSONDecoder().decode(Answer.self, from: Data(answer)) else {
            throw CommandFailure("\(address) answers in a way that this weir does not understand; is it another version?")
        }
        return value
    }

    /// The same for a request that is answered without a body.
    func call(_ method: String, _ path: String, body: [UInt8]? = nil) throws {
        _ = try exchange(method, path, body: body)
    }

    var address: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// What to say when nobody listens.
    var notRunning: CommandFailure {
        CommandFailure("Weir is not running at \(address). Start it with `\(startHint)`.")
    }

    private func exchange(
        _ method: String, _ path: String, query: [(String, String)] = [], headers: [(String, String)] = [], body: [UInt8]?
    ) throws -> [UInt8] {
        let pairs = query.map { "\(encoded($0.0))=\(encoded($0.1))" }.joined(separator: "&")
        var head = "\(method) \(path)\(pairs.isEmpty ? "" : "?" + pairs) HTTP/1.1\r\nHost: \(address)\r\nConnection: close\r\n"
        head += "Authorization: Bearer \(token.secret.value)\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if body != nil { head += "Content-Type: application/json\r\n" }
        if let body { head += "Content-Length: \(body.count)\r\n" }
        let received = try converse(Array(head.utf8) + Array("\r\n".utf8) + (body ?? []))
        let answer = try HTTPAnswer(received, from: address)
        guard (200..<300).contains(answer.status) else { throw refusal(answer) }
        return answer.body
    }

    private func refusal(_ answer: HTTPAnswer) -> CommandFailure {
        guard let error = try? JSONDecoder().decode(AdminErrorBody.self, from: Data(answer.body)).error else {
            return CommandFailure("\(address) answered with status \(answer.status).")
        }
        return CommandFailure(([error.message] + (error.details ?? []) + [error.action]).joined(separator: "\n"))
    }
}

// MARK: The socket

extension AdminClient {
    /// Sends everything, then reads until the server closes.
    private func converse(_ request: [UInt8]) throws -> [UInt8] {
        let socket = try connected()
        defer { close(socket) }
        var sent = 0
        while sent < request.count {
            let count = request[sent...].withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failed("The request could not be sent to") }
            sent += count
        }
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = recv(socket, &chunk, chunk.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failed("No whole answer came from") }
            if count == 0 { return received }
            received += chunk[..<count]
            guard received.count <= answerBytesMax else { throw CommandFailure("The answer of \(address) is too long.") }
        }
    }

    private func failed(_ what: String) -> CommandFailure {
        let reason = errno == EAGAIN ? "it took too long" : String(cString: strerror(errno))
        return CommandFailure("\(what) \(address): \(reason).")
    }

    private func connected() throws -> Int32 {
        let isV6 = host.contains(":")
        let descriptor = socket(isV6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failed("No socket for") }
        wait(descriptor, SO_SNDTIMEO, connectSeconds)
        wait(descriptor, SO_RCVTIMEO, answerSeconds)
        let result = isV6 ? connectV6(descriptor) : connectV4(descriptor)
        guard result == 0 else {
            let code = errno
            close(descriptor)
            if code == ECONNREFUSED { throw notRunning }
            errno = code
            throw failed("There is no connection to")
        }
        return descriptor
    }

    private func wait(_ descriptor: Int32, _ option: Int32, _ seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    private func connectV4(_ descriptor: Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private func connectV6(_ descriptor: Int32) -> Int32 {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = UInt16(port).bigEndian
        inet_pton(AF_INET6, host, &address.sin6_addr)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
            }
        }
    }
}

/// An answer that was read to the end of its connection.
private struct HTTPAnswer {
    var status: Int
    var body: [UInt8]

    init(_ bytes: [UInt8], from address: String) throws {
        let separator = Array("\r\n\r\n".utf8)
        guard let end = bytes.firstRange(of: separator) else { throw CommandFailure("\(address) does not answer in HTTP.") }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else {
            throw CommandFailure("\(address) does not answer in HTTP.")
        }
        var length = 0
        for line in lines.dropFirst() {
            let field = line.split(separator: ":", maxSplits: 1)
            guard field.count == 2, field[0].lowercased() == "content-length" else { continue }
            length = Int(field[1].trimmingCharacters(in: .whitespaces)) ?? -1
        }
        self.status = status
        body = Array(bytes[end.upperBound...])
        guard body.count == length else { throw CommandFailure("The answer of \(address) is not whole.") }
    }
}

/// RFC 3986: everything but unreserved characters is escaped.
private func encoded(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: result.unicodeScalars.append(Unicode.Scalar(byte))
        default: result += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
        }
    }
    return result
}
