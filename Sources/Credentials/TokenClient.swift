import AsyncHTTPClient
import Core
import NIOCore
import NIOHTTP1
import NIOSSL
import Policy
import Wire

/// How long one try may take.
private let tryTimeout = TimeAmount.seconds(10)
/// The longest answer that is read.
private let replyBytesMax = 256 * 1_024

/// Sends requests for tokens. It sends nothing without a grant, and nowhere but where that allows; a redirection is not followed, since it
/// would carry the secret elsewhere.
struct TokenClient: Sendable {
    private let http: HTTPClient

    /// - Parameter trustFile: PEM file of the authorities to trust; nil: the system's.
    init(trustFile: String?) {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let trustFile { tls.trustRoots = .file(trustFile) }
        var settings = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        settings.httpVersion = .http1Only
        settings.timeout.connect = .seconds(5)
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    func send(_ request: TokenRequest, by grant: Grant) async throws(TokenTrouble) -> TokenReply {
        var message = HTTPClientRequest(url: "\(grant.authority.origin)\(grant.authority.basePath)\(request.target)")
        message.method = .init(rawValue: request.method)
        for field in request.headers { message.headers.add(name: field.name, value: field.value) }
        message.headers.add(name: "user-agent", value: "weir")
        message.headers.add(name: "accept", value: "application/json")
        if request.method == "POST" { message.body = .bytes(request.body) }
        do {
            let answer = try await http.execute(message, timeout: tryTimeout)
            let body = try await answer.body.collect(upTo: replyBytesMax)
            return TokenReply(
                status: Int(answer.status.code),
                retryAfterMilliseconds: answer.headers.first(name: "retry-after").flatMap { Int64($0) }
                    .flatMap { (0...1_000_000).contains($0) ? $0 * 1_000 : nil },
                subjectToken: answer.headers.first(name: "x-subject-token"), body: Array(body.readableBytesView))
        } catch {
            // What went wrong in detail could quote the request.
            throw .unreachable
        }
    }

    func close() async { try? await http.shutdown() }
}
