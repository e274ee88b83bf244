import Core
import Credentials
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Policy
import Synchronization
import Testing

/// What a token client does at the edge of trust: certificates, and answers that point elsewhere.
@Suite("Authorities that are trusted, and those that are not")
struct AuthorityTrustTests {
    private static let token = Say.json(#"{"token_type":"Bearer","expires_in":3600,"access_token":"eyJ.t"}"#)

    /// Asks once, and gives the token if there was one, and what is wrong otherwise.
    private static func ask(_ authority: Authority, log: LogCapture = LogCapture()) async throws -> (
        token: HeldToken?, trouble: String?
    ) {
        var endpoint = Endpoint.test("one", port: 1, provider: .azure, basePath: "")
        endpoint.credential = .entra(
            EntraApplication(
                tenant: "t", client: "c", proof: .secret(Secret("s3cret")), scope: "x/.default", authority: authority))
        let grant = try #require(endpoint.tokenGrant)
        let box = GivenToken()
        let keeper = TokenKeeper(TokenSurroundings(give: { token, _ in box.set(token) }, read: { _ in nil }, log: log.logger))
        await keeper.start([grant])
        await keeper.settle([grant], withinMilliseconds: 5_000)
        let trouble = await keeper.trouble(grant)
        await keeper.stop()
        return (box.token, trouble)
    }

    private final class GivenToken: Sendable {
        private let held = Mutex<HeldToken?>(nil)
        var token: HeldToken? { held.withLock { $0 } }
        func set(_ token: HeldToken?) { held.withLock { $0 = token } }
    }

    @Test(
        "A private authority is trusted by its file; without that, or under another name, it gets not a byte of the secret",
        .enabled(if: Certificate.canBeMade), arguments: ["trusted", "untrusted", "other name"])
    func certificate(_ which: String) async throws {
        let certificate = try Certificate(names: which == "other name" ? "DNS:elsewhere.example" : "DNS:localhost,IP:127.0.0.1")
        defer { certificate.remove() }
        let seen = SeenBytes()
        let context = try certificate.serverContext(protocols: ["http/1.1"])
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        NIOSSLServerHandler(context: context), OneAnswer(Self.token, seen),
                    ])
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        let authority = Authority(
            origin: Origin(tls: true, host: "localhost", port: listener.localAddress?.port ?? 0),
            trustFile: which == "untrusted" ? nil : certificate.certificate)
        let (token, trouble) = try await Self.ask(authority)
        if which == "trusted" {
            #expect(token?.value == Secret("eyJ.t") && trouble == nil)
            #expect(seen.text.contains("client_secret=s3cret"))
        } else {
            #expect(token == nil && trouble == "unreachable")
            #expect(seen.text == "")
        }
        try await listener.close()
    }

    @Test(
        "An authority that points elsewhere is not followed: the secret stays where it was granted to go",
        arguments: [301, 302, 307, 308])
    func redirection(_ status: Int) async throws {
        try await ScriptedUpstream.with({ _, _ in [.send(Self.token)] }) { other async throws in
            let target = other.port
            try await ScriptedUpstream.with({ _, _ in
                [
                    .send(
                        "HTTP/1.1 \(status) Moved\r\nlocation: http://127.0.0.1:\(target)/t/oauth2/v2.0/token\r\ncontent-length: 0\r\n\r\n"
                    )
                ]
            }) { first async throws in
                let (token, trouble) = try await Self.ask(
                    Authority(origin: Origin(tls: false, host: "127.0.0.1", port: first.port), basePath: "/proxy"))
                #expect(token == nil && trouble == "gave no token that can be read")
                #expect(first.requests.first?.path == "/proxy/t/oauth2/v2.0/token")
                #expect(other.requests.isEmpty)
            }
        }
    }

    @Test("An answer that is too long, cut or no HTTP is no token, and nothing of it is logged")
    func garbage() async throws {
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n" + String(repeating: "CANARYzq", count: 100_000),
            "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"access_token\":\"CANARYzq\"", "CANARYzq CANARYzq\r\n\r\n",
            Say.json(#"{"access_token":"CANARYzq\u0000","expires_in":1}"#),
            Say.json(#"{"error":"CANARYzq is not the secret: s3cret"}"#, status: "401 Unauthorized"),
        ] {
            try await ScriptedUpstream.with({ _, _ in [.send(answer), .close] }) { upstream async throws in
                let log = LogCapture()
                let (token, trouble) = try await Self.ask(
                    Authority(origin: Origin(tls: false, host: "127.0.0.1", port: upstream.port)), log: log)
                #expect(token == nil && trouble != nil)
                #expect((log.all + [trouble ?? ""]).allSatisfy { !$0.contains("CANARY") && !$0.contains("s3cret") }, "\(log.all)")
            }
        }
    }
}

private final class SeenBytes: Sendable {
    private let bytes = Mutex<[UInt8]>([])
    var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }
    func add(_ more: ByteBuffer) { bytes.withLock { $0 += more.readableBytesView } }
}

/// Answers whatever comes with one text.
private final class OneAnswer: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let answer: String
    private let seen: SeenBytes

    init(_ answer: String, _ seen: SeenBytes) { (self.answer, self.seen) = (answer, seen) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        seen.add(unwrapInboundIn(data))
        guard seen.text.contains("client_secret=") else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
