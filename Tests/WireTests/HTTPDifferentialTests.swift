import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing
import Wire

/// Requests, and as many answers.
private let cases = httpCases(52_000)

/// llhttp, as NIO wraps it, has been attacked for years. Weir's parsers accept less; what they accept, they must read alike.
@Suite("Against llhttp")
struct HTTPDifferentialTests {
    @Test("A request that Weir accepts, llhttp reads as the same one")
    func requests() throws {
        let seed = httpSeed()
        print("HTTPDifferentialTests.requests WEIR_SEED=\(seed)")
        var mutator = HTTPMutator(dice: HTTPDice(seed: seed))
        let good = HTTPRequestTests.valid.map(\.1)
        let bad = HTTPSmugglingTests.requests.map { wire($0.1) }
        var reader = NIOReader.requests()
        var accepted = 0
        for number in 0..<cases {
            let bytes = mutator.next(isRequest: true, good: good, bad: bad)
            let whole = requestTranscript([bytes[...]])
            let cut = requestTranscript(pieces(bytes, cutAt: mutator.cuts(bytes.count)))
            guard whole == cut else {
                Issue.record("seed \(seed), case \(number): the cut changes what is read\n\(shown(bytes))\n\(whole)\n\(cut)")
                return
            }
            let (expected, end, parted) = comparable(whole)
            guard !expected.isEmpty else { continue }
            accepted += 1
            let (got, error) = reader.read(bytes[..<end])
            guard error == nil, agree(expected, got, parted: parted) else {
                Issue.record("seed \(seed), case \(number): \(String(describing: error))\n\(shown(bytes))\n\(expected)\n\(got)")
                return
            }
            if parted || !got.allSatisfy({ $0.isComplete && $0.keepAlive }) { reader = .requests() }
        }
        print("HTTPDifferentialTests.requests: \(accepted) of \(cases) had an accepted head")
        #expect(accepted > cases / 4)
    }

    @Test("An answer that Weir accepts, llhttp reads as the same one")
    func answers() throws {
        let seed = httpSeed()
        print("HTTPDifferentialTests.answers WEIR_SEED=\(seed)")
        var mutator = HTTPMutator(dice: HTTPDice(seed: seed))
        let good = HTTPResponseTests.valid.map(\.1)
        let bad = HTTPResponseTests.refusals.map { wire($0.1) }
        var reader = NIOReader.answers()
        var accepted = 0
        for number in 0..<cases {
            let bytes = mutator.next(isRequest: false, good: good, bad: bad)
            let head = (0..<3).map { _ in mutator.dice.oneIn(5) }
            let whole = responseTranscript([bytes[...]], head: head)
            let cut = responseTranscript(pieces(bytes, cutAt: mutator.cuts(bytes.count)), head: head)
            guard whole == cut else {
                Issue.record("seed \(seed), case \(number): the cut changes what is read\n\(shown(bytes))\n\(whole)\n\(cut)")
                return
            }
            let (expected, end, parted) = comparable(whole, head: head)
            guard !expected.isEmpty else { continue }
            accepted += 1
            let awaited = expected.count + (whole.endsInformational && end == whole.lastEvent ? 1 : 0)
            for isHead in head.prefix(awaited) { reader.announce(isHead) }
            let (got, error) = reader.read(bytes[..<end])
            guard error == nil, agree(expected, got, parted: parted) else {
                Issue.record("seed \(seed), case \(number): \(String(describing: error))\n\(shown(bytes))\n\(expected)\n\(got)")
                return
            }
            if parted || whole.endsInformational || !got.allSatisfy({ $0.isComplete && $0.keepAlive }) { reader = .answers() }
        }
        print("HTTPDifferentialTests.answers: \(accepted) of \(cases) had an accepted head")
        #expect(accepted > cases / 4)
    }

    private func shown(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self).debugDescription }
}

/// The messages that llhttp can be asked about, and where they end: it stops after those that `parts` names.
private func comparable(_ whole: HTTPTranscript, head: [Bool] = []) -> (
    messages: [HTTPTranscript.Message], end: Int, parted: Bool
) {
    let last = whole.messages.indices.first { index in
        parts(whole.messages[index]) || (index < head.count && head[index] && !isFramed(whole.messages[index]))
    }
    guard let last else { return (whole.messages, whole.lastEvent, false) }
    let isWhole = whole.messages[last].isComplete
    return (Array(whole.messages[...last]), isWhole ? whole.messages[last].end : whole.lastEvent, true)
}

/// Where llhttp and Weir part on purpose: it leaves the connection to the protocol of an `Upgrade`, which Weir declines. It also
/// takes an answer to HEAD without framing for one that ends its connection, and heeds `Proxy-Connection`, which no standard has
/// (so no case has it either).
private func parts(_ message: HTTPTranscript.Message) -> Bool {
    message.fields.contains { $0.lowercased().hasPrefix("upgrade:") }
}

private func isFramed(_ message: HTTPTranscript.Message) -> Bool {
    message.fields.contains { $0.lowercased().hasPrefix("content-length:") || $0.lowercased().hasPrefix("transfer-encoding:") }
}

/// Whether two readers saw the same messages. A connection that Weir would keep, llhttp keeps too (but for the last one where
/// they part); not the other way round.
private func agree(_ ours: [HTTPTranscript.Message], _ theirs: [HTTPTranscript.Message], parted: Bool) -> Bool {
    guard ours.count == theirs.count else { return false }
    return zip(ours, theirs).enumerated().allSatisfy { index, pair in
        let (our, their) = pair
        return our.startLine == their.startLine && our.fields == their.fields && our.body == their.body
            && our.isComplete == their.isComplete
            && (their.keepAlive || !our.keepAlive || (parted && index == ours.count - 1))
    }
}

/// NIO's decoder in a channel of its own, kept over many cases while it stands between two messages.
private final class NIOReader {
    private let channel: EmbeddedChannel
    private let record: Record

    private init(_ handlers: [any ChannelHandler], _ record: Record) {
        channel = EmbeddedChannel(handlers: handlers)
        self.record = record
    }

    static func requests() -> NIOReader {
        let record = Record()
        return NIOReader([ByteToMessageHandler(HTTPRequestDecoder()), RequestRecorder(record: record)], record)
    }

    static func answers() -> NIOReader {
        let record = Record()
        return NIOReader([ByteToMessageHandler(HTTPResponseDecoder()), AnswerRecorder(record: record)], record)
    }

    /// Tells the decoder that a request was sent, as its encoder would.
    func announce(_ isHead: Bool) {
        let part = HTTPClientRequestPart.head(HTTPRequestHead(version: .http1_1, method: isHead ? .HEAD : .GET, uri: "/"))
        _ = try? channel.writeOutbound(part)
        _ = try? channel.readOutbound(as: HTTPClientRequestPart.self)
    }

    func read(_ bytes: ArraySlice<UInt8>) -> ([HTTPTranscript.Message], (any Error)?) {
        record.messages.removeAll(keepingCapacity: true)
        do {
            try channel.writeInbound(ByteBuffer(bytes: bytes))
            return (record.messages, nil)
        } catch {
            return (record.messages, error)
        }
    }

    deinit { _ = try? channel.finish(acceptAlreadyClosed: true) }
}

private final class Record {
    var messages: [HTTPTranscript.Message] = []

    func head(_ startLine: [String], _ headers: HTTPHeaders, keepAlive: Bool) {
        let fields = headers.map { "\($0.name): \(trimmed($0.value))" }
        messages.append(HTTPTranscript.Message(startLine: startLine, fields: fields, keepAlive: keepAlive))
    }

    func body(_ buffer: ByteBuffer) { messages[messages.count - 1].body += buffer.readableBytesView }
    func end() { messages[messages.count - 1].isComplete = true }

    private func trimmed(_ value: String) -> String {
        guard value.utf8.last == 0x20 || value.utf8.last == 0x09 else { return value }
        return String(value.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}

private final class RequestRecorder: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    private let record: Record
    init(record: Record) { self.record = record }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            record.head([head.method.rawValue, head.uri, "1.\(head.version.minor)"], head.headers, keepAlive: head.isKeepAlive)
        case .body(let buffer): record.body(buffer)
        case .end: record.end()
        }
    }
}

private final class AnswerRecorder: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    private let record: Record
    init(record: Record) { self.record = record }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            record.head(["\(head.status.code)", "1.\(head.version.minor)"], head.headers, keepAlive: head.isKeepAlive)
        case .body(let buffer): record.body(buffer)
        case .end: record.end()
        }
    }
}
