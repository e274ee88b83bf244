import Foundation
import Glibc
import Synchronization

/// A request as an endpoint received it, byte for byte.
struct ReceivedBytes: Sendable {
    /// Start line and header lines, without the empty line.
    var head: String
    var body: String

    var path: String { String(head.split(separator: " ", maxSplits: 2)[1]) }
    func header(_ name: String) -> String? {
        for line in head.components(separatedBy: "\r\n").dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts[0].lowercased() == name { return parts[1].trimmingCharacters(in: .whitespaces) }
        }
        return nil
    }
}

/// An endpoint that answers each request with bytes of the test's choice, good or bad, and keeps what it was sent.
final class ScriptedUpstream: Sendable {
    enum Act: Sendable {
        case send(String)
        case wait(milliseconds: UInt32)
        /// Sends as much as the other side takes, up to so many copies.
        case flood(String, copies: Int)
        case close
        case reset
        /// Reads until the other side closes, then notes it.
        case awaitClose
    }

    let port: Int
    private let listener: Int32
    private let script: @Sendable (Int, ReceivedBytes) -> [Act]
    private let state = Mutex(State())

    private struct State {
        var requests: [ReceivedBytes] = []
        var sockets: Set<Int32> = []
        var floodedBytes = 0
        var clientsGone = 0
        var connections = 0
        var stopped = false
    }

    var requests: [ReceivedBytes] { state.withLock { $0.requests } }
    var floodedBytes: Int { state.withLock { $0.floodedBytes } }
    var clientsGone: Int { state.withLock { $0.clientsGone } }
    var connections: Int { state.withLock { $0.connections } }

    /// - Parameter script: what to do for request number n, from 1.
    init(_ script: @escaping @Sendable (Int, ReceivedBytes) -> [Act]) throws {
        self.script = script
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 128) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard bound else { throw RawClient.Broken(why: "listen: \(errno)") }
        port = Int(in_port_t(bigEndian: address.sin_port))
        Thread.detachNewThread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                state.withLock { state in
                    state.sockets.insert(client)
                    state.connections += 1
                }
                Thread.detachNewThread { [self] in
                    serve(client)
                    state.withLock { _ = $0.sockets.remove(client) }
                    Glibc.close(client)
                }
            }
        }
    }

    /// Runs `body` with an endpoint that plays `script`, then ends it.
    static func with(
        _ script: @escaping @Sendable (Int, ReceivedBytes) -> [Act], _ body: (ScriptedUpstream) async throws -> Void
    ) async throws {
        let upstream = try ScriptedUpstream(script)
        defer { upstream.stop() }
        try await body(upstream)
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        Glibc.close(listener)
        state.withLock { state in
            state.stopped = true
            for socket in state.sockets { shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }

    private func serve(_ client: Int32) {
        var pending: [UInt8] = []
        while let request = read(client, &pending) {
            let number = state.withLock { state in
                state.requests.append(request)
                return state.requests.count
            }
            for act in script(number, request) {
                switch act {
                case .send(let text): guard send(client, Array(text.utf8)) else { return }
                case .wait(let milliseconds): usleep(milliseconds * 1_000)
                case .flood(let text, let copies):
                    let bytes = Array(text.utf8)
                    for _ in 0..<copies {
                        guard send(client, bytes) else { break }
                        state.withLock { $0.floodedBytes += bytes.count }
                    }
                case .close: return
                case .reset:
                    var lingering = linger(l_onoff: 1, l_linger: 0)
                    setsockopt(client, SOL_SOCKET, SO_LINGER, &lingering, socklen_t(MemoryLayout<linger>.size))
                    return
                case .awaitClose:
                    var byte: UInt8 = 0
                    while recv(client, &byte, 1, 0) > 0 {}
                    state.withLock { $0.clientsGone += 1 }
                    return
                }
            }
        }
    }

    private func send(_ client: Int32, _ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { Glibc.send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private func read(_ client: Int32, _ pending: inout [UInt8]) -> ReceivedBytes? {
        func more() -> Bool {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { return false }
            pending += buffer[..<count]
            return true
        }
        while true {
            if let end = pending.firstRange(of: Array("\r\n\r\n".utf8)) {
                var request = ReceivedBytes(head: String(decoding: pending[..<end.lowerBound], as: UTF8.self), body: "")
                let length = request.header("content-length").flatMap { Int($0) } ?? 0
                while pending.count < end.upperBound + length { guard more() else { return nil } }
                request.body = String(decoding: pending[end.upperBound..<end.upperBound + length], as: UTF8.self)
                pending.removeFirst(end.upperBound + length)
                return request
            }
            guard more() else { return nil }
        }
    }
}
