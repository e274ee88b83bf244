import NIOCore
import NIOPosix

@testable import Simulator

/// What came back on a connection.
struct Reply {
    var bytes: [UInt8] = []
    /// The server ended the connection.
    var ended = false
    /// The connection was reset or refused.
    var failed = false

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var status: Int { Int(String(decoding: bytes.dropFirst(9).prefix(3), as: UTF8.self)) ?? 0 }
    var head: String { String(decoding: bytes[..<(bodyStart ?? bytes.count)], as: UTF8.self) }
    var rawBody: String { bodyStart.map { String(decoding: bytes[$0...], as: UTF8.self) } ?? "" }

    /// Where the body starts, once the head is whole.
    var bodyStart: Int? {
        var at = 0
        while let found = bytes[at...].firstIndex(of: UInt8(ascii: "\n")) {
            if found >= 3, bytes[(found - 3)...found].elementsEqual([13, 10, 13, 10]) { return found + 1 }
            at = found + 1
        }
        return nil
    }

    /// The body, without its chunks' frames.
    var body: String {
        let raw = rawBody
        guard head.lowercased().contains("transfer-encoding: chunked") else { return raw }
        var bytes = Array(raw.utf8)[...]
        var out: [UInt8] = []
        while let end = bytes.firstIndex(of: UInt8(ascii: "\r")),
            let size = Int(String(decoding: bytes[bytes.startIndex..<end], as: UTF8.self), radix: 16), size > 0,
            bytes.endIndex >= end + 2 + size
        {
            out += bytes[(end + 2)..<(end + 2 + size)]
            bytes = bytes.dropFirst(end - bytes.startIndex + 2 + size + 2)
        }
        return String(decoding: out, as: UTF8.self)
    }

    func header(_ name: String) -> String? {
        for line in head.split(whereSeparator: \.isNewline) where line.lowercased().hasPrefix(name + ": ") {
            return String(line.dropFirst(name.count + 2))
        }
        return nil
    }

    func headers(_ name: String) -> Int {
        head.split(whereSeparator: \.isNewline).count { $0.lowercased().hasPrefix(name + ":") }
    }

    /// The body as JSON.
    var json: JSON { JSONReader.read(Array(body.utf8)) ?? .null }

    /// What stands behind each `data:`.
    var data: [String] { body.split(separator: "\n").filter { $0.hasPrefix("data: ") }.map { String($0.dropFirst(6)) } }
    var events: [JSON] { data.compactMap { JSONReader.read(Array($0.utf8)) } }
}

extension JSON {
    subscript(index: Int) -> JSON? { array.flatMap { $0.indices.contains(index) ? $0[index] : nil } }
}

/// Keys and bodies that tests send.
enum Ask {
    static func post(_ path: String, _ body: String, _ headers: [String: String] = [:]) -> String {
        let fields = headers.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)\r\n" }.joined()
        return "POST \(path) HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n\(fields)"
            + "content-length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    static func chat(
        _ members: String = "", stream: Bool = false, model: String = "m", fault: String? = nil,
        path: String = "/v1/chat/completions",
        _ headers: [String: String] = [:]
    ) -> String {
        var headers = headers
        if let fault { headers["x-sim-fault"] = fault }
        return post(
            path,
            "{\"model\":\"\(model)\",\"stream\":\(stream),\"messages\":[{\"role\":\"user\",\"content\":\"Hello, weir\"}]\(members)}",
            headers)
    }
}

/// Sends bytes and reads until the server ends, `enough` is so, or the client leaves.
func exchange(
    _ port: Int, _ request: String, enough: @escaping @Sendable (Reply) -> Bool = isWhole,
    leavingWhen leaves: @escaping @Sendable () -> Bool = { false }
) async -> Reply {
    // Far more than anything needs, so that a busy machine does not fail a test.
    let limit = TimeAmount.seconds(30)
    let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
    do {
        channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup).connect(host: "127.0.0.1", port: port) {
            channel in
            channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel(wrappingChannelSynchronously: channel) }
        }
    } catch {
        return Reply(ended: true, failed: true)
    }
    let timer = channel.channel.eventLoop.scheduleTask(in: limit) { channel.channel.close(promise: nil) }
    let leaver = channel.channel.eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(20), delay: .milliseconds(20)) { _ in
        if leaves() { channel.channel.close(promise: nil) }
    }
    defer {
        timer.cancel()
        leaver.cancel()
    }
    let collected = Collected()
    let deadline = NIODeadline.now() + limit
    do {
        try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: request))
            for try await piece in inbound {
                await collected.add(piece)
                if enough(await collected.reply) { return }
            }
            if NIODeadline.now() < deadline, !leaves() { await collected.end(failed: false) }
        }
    } catch {
        if NIODeadline.now() < deadline, !leaves() { await collected.end(failed: true) }
    }
    return await collected.reply
}

private actor Collected {
    var reply = Reply()
    func add(_ piece: ByteBuffer) { reply.bytes += piece.readableBytesView }
    func end(failed: Bool) {
        reply.ended = true
        reply.failed = failed
    }
}

/// A whole answer by its own framing.
@Sendable func isWhole(_ reply: Reply) -> Bool {
    guard let start = reply.bodyStart else { return false }
    if let length = reply.header("content-length").flatMap({ Int($0) }) { return reply.bytes.count >= start + length }
    return reply.bytes[start...].suffix(5).elementsEqual("0\r\n\r\n".utf8)
}

/// Plays `yaml` while `body` runs.
func playing(_ yaml: String, file: String = "test.yaml", _ body: (RunningSimulator) async throws -> Void) async throws {
    let scenario = try Scenario.load(yaml: yaml, file: file)
    let simulator = try await RunningSimulator.start(scenario, group: .singletonMultiThreadedEventLoopGroup)
    do {
        try await body(simulator)
    } catch {
        await simulator.stop()
        throw error
    }
    await simulator.stop()
}

extension RunningSimulator {
    /// The port of the endpoint `e`.
    var port: Int { ports["e"] ?? 0 }

    /// The last request, once it is no longer open.
    func lastEnded() async throws -> ReceivedRequest? {
        for _ in 0..<2_000 {
            if let last = record().last, last.outcome != .open { return last }
            try await Task.sleep(for: .milliseconds(10))
        }
        return record().last
    }
}
