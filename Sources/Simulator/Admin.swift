import NIOCore
import NIOHTTP1

/// The simulator's own door: reads the record, sets faults, forgets.
final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// A longer body is refused.
    static let bodyBytesMax = 65_536

    private let simulator: RunningSimulator
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(simulator: RunningSimulator) { self.simulator = simulator }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.removeAll()
        case .body(let bytes):
            body.append(contentsOf: bytes.readableBytesView)
            if body.count > AdminHandler.bodyBytesMax { context.close(promise: nil) }
        case .end:
            guard let head else { return }
            let parts = head.uri.split(separator: "?", maxSplits: 1).map(String.init)
            answer(head.method, parts.first ?? "", query(parts.count > 1 ? parts[1] : ""), JSONReader.read(body), context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(
        _ method: HTTPMethod, _ path: String, _ query: [String: String], _ body: JSON?, _ context: ChannelHandlerContext
    ) {
        switch (method, path) {
        case (.GET, "/livez"): send(.ok, "{}", context)
        case (.GET, "/record"):
            let rows = simulator.record().map { $0.json(event: nil) }
            send(.ok, "[" + rows.joined(separator: ",\n") + "]", context)
        case (.GET, "/invoice"):
            guard let invoice = Invoice.asked(query, simulator.record()) else {
                return send(.badRequest, #"{"error":"an invoice of that kind cannot be written"}"#, context)
            }
            send(.ok, invoice.text, context, type: invoice.style.layout == .openai ? "application/json" : "text/csv")
        case (.GET, "/ports"):
            let rows = simulator.ports.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\($0.value)" }
            send(.ok, "{" + rows.joined(separator: ",") + "}", context)
        case (.POST, "/reset"): run(context) { try await $0.reset() }
        case (.POST, "/revoke"):
            guard let authority = body?["authority"]?.string, simulator.ports[authority] != nil else {
                return send(.badRequest, #"{"error":"authority must name one of the scenario's endpoints"}"#, context)
            }
            simulator.revokeTokens(of: authority)
            send(.ok, "{}", context)
        case (.POST, "/fault"):
            guard let endpoint = body?["endpoint"]?.string, simulator.ports[endpoint] != nil else {
                return send(.badRequest, #"{"error":"endpoint must name one of the scenario's endpoints"}"#, context)
            }
            let text = body?["fault"]?.string
            let fault = text.flatMap { Fault($0) }
            if text != nil, fault == nil { return send(.badRequest, #"{"error":"fault is none that is known"}"#, context) }
            let times = body?["times"]?.int
            run(context) { try await $0.setFault(fault, endpoint: endpoint, times: times) }
        default:
            send(
                .notFound, #"{"error":"GET /record, GET /invoice, GET /ports, POST /reset, POST /fault, POST /revoke"}"#, context)
        }
    }

    private func run(_ context: ChannelHandlerContext, _ body: @escaping @Sendable (RunningSimulator) async throws -> Void) {
        let simulator = simulator
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        context.eventLoop.makeFutureWithTask { try await body(simulator) }.whenComplete { result in
            let (handler, context) = bound.value
            switch result {
            case .success: handler.send(.ok, "{}", context)
            case .failure: handler.send(.internalServerError, #"{"error":"the listener could not be opened again"}"#, context)
            }
        }
    }

    private func send(
        _ status: HTTPResponseStatus, _ text: String, _ context: ChannelHandlerContext, type: String = "application/json"
    ) {
        var body = ByteBuffer(string: text)
        body.writeStaticString("\n")
        let headers: HTTPHeaders = ["content-type": type, "content-length": String(body.readableBytes)]
        context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
}

/// The names and values behind a question mark; `%20` and the like are decoded.
private func query(_ text: String) -> [String: String] {
    func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(code)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
    let pairs = text.split(separator: "&").compactMap { part -> (String, String)? in
        let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return halves.count == 2 ? (decoded(halves[0]), decoded(halves[1])) : nil
    }
    return Dictionary(pairs) { first, _ in first }
}
