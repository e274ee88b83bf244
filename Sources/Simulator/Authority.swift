import NIOHTTP1
import Synchronization

/// What a played authority gives tokens for, and how long they live.
public struct PlayedIssue: Sendable {
    /// The directory, or Huawei's account.
    public var domain = ""
    /// The application, the user, or the name of an access key.
    public var client = ""
    /// Its secret, password or secret key.
    public var secret: String?
    /// What a federated token must be.
    public var federated: String?
    /// The scope, project, or inference endpoint that it may ask for; nil: any.
    public var scope: String?
    /// Of Volcengine's signatures.
    public var region = "cn-beijing"
    public var lifeMilliseconds = 3_600_000
}

/// An access key and its secret that requests must be signed with.
public struct PlayedKeys: Sendable {
    public var access: String
    public var secret: String
}

extension PlayedProvider {
    /// Those that answer calls below `/chat/completions` or a dialect's own path.
    public static var clouds: [PlayedProvider] { allCases.filter { !$0.isAuthority && $0 != .pangu } }

    /// It gives tokens, and answers no calls.
    var isAuthority: Bool { self == .entra || self == .huaweiIAM || self == .volcengine }
}

/// Every token that the played authorities have given, and until when it is good. All endpoints of a simulator look here.
final class TokenShelf: Sendable {
    private struct Given {
        var authority: String
        var until: Int64
    }

    private let given = Mutex<(tokens: [String: Given], next: UInt64)>(([:], 0))

    func issue(by authority: String, lifeMilliseconds: Int, prefix: String) -> String {
        given.withLock { given in
            given.next += 1
            let token = "\(prefix)\(String(Randomness.mixed(given.next &* 0x9E37), radix: 36))-\(given.next)"
            given.tokens[token] = Given(
                authority: authority, until: wallNanoseconds() + Int64(lifeMilliseconds) * 1_000_000)
            return token
        }
    }

    func accepts(_ token: String, of authority: String) -> Bool {
        given.withLock { given in
            given.tokens[token].map { $0.authority == authority && wallNanoseconds() < $0.until } ?? false
        }
    }

    func revoke(of authority: String) { given.withLock { $0.tokens = $0.tokens.filter { $0.value.authority != authority } } }

    func forget() { given.withLock { $0.tokens = [:] } }
}

extension Stage {
    /// What an authority says to a request for a token.
    func issue(_ head: HTTPRequestHead, _ path: String, _ query: String, _ bytes: [UInt8]) -> Answer {
        guard let issue = endpoint.issue else { return refusal(404, "not_found") }
        switch endpoint.provider {
        case .entra: return head.method == .GET ? machineToken(head, path, query, issue) : entraToken(path, bytes, issue)
        case .huaweiIAM: return huaweiToken(head, path, bytes, issue)
        case .volcengine: return volcengineKey(head, path, query, bytes, issue)
        default: return refusal(404, "not_found")
        }
    }

    /// An error in the authority's own shape.
    func refusal(_ status: Int, _ code: String?) -> Answer {
        switch endpoint.provider {
        case .huaweiIAM:
            .json(
                status,
                "{\"error\":{\"code\":\(status),\"message\":\"The username or password is wrong.\",\"title\":\(quoted(code ?? "Unauthorized"))}}"
            )
        case .volcengine:
            .json(
                status,
                "{\"ResponseMetadata\":{\"RequestId\":\"2026\",\"Action\":\"GetApiKey\",\"Version\":\"2024-01-01\",\"Service\":\"ark\","
                    + "\"Region\":\"cn-beijing\",\"Error\":{\"CodeN\":100010,\"Code\":\(quoted(code ?? "SignatureDoesNotMatch")),"
                    + "\"Message\":\"The request signature we calculated does not match.\"}}}")
        default:
            .json(
                status,
                "{\"error\":\(quoted(code ?? (status < 500 ? "invalid_client" : "server_error"))),\"error_description\":"
                    + "\"AADSTS7000215: Invalid client secret provided. Trace ID: 0\",\"error_codes\":[7000215],"
                    + "\"timestamp\":\"2026-11-23 13:49:49Z\",\"trace_id\":\"0\",\"correlation_id\":\"0\"}")
        }
    }

    private func entraToken(_ path: String, _ bytes: [UInt8], _ issue: PlayedIssue) -> Answer {
        guard path == "/\(issue.domain)/oauth2/v2.0/token" else { return refusal(400, "invalid_request") }
        let form = fields(String(decoding: bytes, as: UTF8.self))
        guard form["grant_type"] == "client_credentials" else { return refusal(400, "unsupported_grant_type") }
        guard form["client_id"] == issue.client else { return refusal(400, "unauthorized_client") }
        if let wanted = issue.scope, form["scope"] != wanted { return refusal(400, "invalid_scope") }
        if let federated = issue.federated {
            guard form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                form["client_assertion"] == federated
            else { return refusal(401, "invalid_client") }
        } else {
            guard let secret = issue.secret, form["client_secret"] == secret else { return refusal(401, "invalid_client") }
        }
        let seconds = (issue.lifeMilliseconds + 999) / 1_000
        let token = tokens.issue(by: endpoint.name, lifeMilliseconds: issue.lifeMilliseconds, prefix: "eyJ0eXAi.")
        return .json(
            200,
            "{\"token_type\":\"Bearer\",\"expires_in\":\(seconds),\"ext_expires_in\":\(seconds),\"access_token\":\(quoted(token))}"
        )
    }

    /// The metadata service of a virtual machine; its numbers are texts.
    private func machineToken(_ head: HTTPRequestHead, _ path: String, _ query: String, _ issue: PlayedIssue) -> Answer {
        let asked = fields(query)
        guard path == "/metadata/identity/oauth2/token", head.headers.first(name: "metadata") == "true",
            asked["api-version"] == "2018-02-01"
        else { return refusal(400, "invalid_request") }
        if let wanted = issue.scope, asked["resource"] != wanted { return refusal(400, "invalid_resource") }
        if !issue.client.isEmpty, asked["client_id"] != issue.client { return refusal(400, "invalid_request") }
        let seconds = (issue.lifeMilliseconds + 999) / 1_000
        let token = tokens.issue(by: endpoint.name, lifeMilliseconds: issue.lifeMilliseconds, prefix: "eyJ0eXAi.")
        return .json(
            200,
            "{\"access_token\":\(quoted(token)),\"client_id\":\(quoted(issue.client)),\"expires_in\":\"\(seconds)\",\"expires_on\":\"\(wallNanoseconds() / 1_000_000_000 + Int64(seconds))\","
                + "\"resource\":\(quoted(asked["resource"] ?? "")),\"token_type\":\"Bearer\"}")
    }

    private func huaweiToken(_ head: HTTPRequestHead, _ path: String, _ bytes: [UInt8], _ issue: PlayedIssue) -> Answer {
        guard head.method == .POST, path == "/v3/auth/tokens", let auth = JSONReader.read(bytes)?["auth"] else {
            return refusal(400, "Bad Request")
        }
        let user = auth["identity"]?["password"]?["user"]
        guard user?["name"]?.string == issue.client, user?["domain"]?["name"]?.string == issue.domain,
            let secret = issue.secret, user?["password"]?.string == secret
        else { return refusal(401, nil) }
        if let project = issue.scope, auth["scope"]?["project"]?["name"]?.string != project { return refusal(401, nil) }
        let token = tokens.issue(by: endpoint.name, lifeMilliseconds: issue.lifeMilliseconds, prefix: "MIIF")
        let now = wallNanoseconds() / 1_000_000_000
        let ends = now + Int64((issue.lifeMilliseconds + 999) / 1_000)
        return .json(
            201,
            "{\"token\":{\"expires_at\":\"\(rfc3339(ends))\",\"issued_at\":\"\(rfc3339(now))\",\"methods\":[\"password\"],"
                + "\"user\":{\"name\":\(quoted(issue.client))}}}",
            [Header("X-Subject-Token", token)])
    }

    private func volcengineKey(
        _ head: HTTPRequestHead, _ path: String, _ query: String, _ bytes: [UInt8], _ issue: PlayedIssue
    ) -> Answer {
        let keys = PlayedKeys(access: issue.client, secret: issue.secret ?? "")
        guard Proofs.volcengine(head, path: path, query: query, body: bytes, keys: keys, region: issue.region) else {
            return refusal(401, nil)
        }
        let asked = fields(query)
        guard asked["Action"] == "GetApiKey", asked["Version"] == "2024-01-01", let body = JSONReader.read(bytes),
            let seconds = body["DurationSeconds"]?.int, let resources = body["ResourceIds"]?.array?.compactMap(\.string),
            resources.count == 1, body["ResourceType"]?.string == "endpoint"
        else { return refusal(400, "InvalidParameter") }
        if let wanted = issue.scope, resources != [wanted] { return refusal(404, "InvalidEndpoint.NotFound") }
        let life = min(issue.lifeMilliseconds, seconds * 1_000)
        let key = tokens.issue(by: endpoint.name, lifeMilliseconds: life, prefix: "ark-")
        return .json(
            200,
            "{\"ResponseMetadata\":{\"RequestId\":\"2026\",\"Action\":\"GetApiKey\",\"Version\":\"2024-01-01\",\"Service\":\"ark\",\"Region\":\"cn-beijing\"},"
                + "\"Result\":{\"ApiKey\":\(quoted(key)),\"ExpiredTime\":\(wallNanoseconds() / 1_000_000_000 + Int64((life + 999) / 1_000))}}"
        )
    }
}

extension Stage {
    /// Whether a request shows what this endpoint wants to see.
    func accepts(_ head: HTTPRequestHead, path: String, query: String, body: [UInt8]) -> Bool {
        if let keys = endpoint.signed {
            return Proofs.huawei(head, path: path, query: query, body: body, keys: keys)
        }
        if let authority = endpoint.authority {
            let shown =
                head.headers.first(name: "x-auth-token")
                ?? head.headers.first(name: "authorization").flatMap { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : nil }
            return shown.map { tokens.accepts($0, of: authority) } ?? false
        }
        return endpoint.provider.isAuthority || accepts(head.headers)
    }
}

/// The fields of a form or a query.
private func fields(_ text: String) -> [String: String] {
    let pairs = text.split(separator: "&").map { part -> (String, String) in
        let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (Proofs.unescaped(halves[0]), halves.count > 1 ? Proofs.unescaped(halves[1]) : "")
    }
    return Dictionary(pairs) { first, _ in first }
}

private func rfc3339(_ seconds: Int64) -> String {
    var days = Int(seconds / 86_400)
    let rest = Int(seconds % 86_400)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
    var year = 1970
    while days >= (isLeap(year) ? 366 : 365) {
        days -= isLeap(year) ? 366 : 365
        year += 1
    }
    let lengths = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    var month = 0
    while days >= lengths[month] {
        days -= lengths[month]
        month += 1
    }
    return "\(year)-\(two(month + 1))-\(two(days + 1))T\(two(rest / 3_600)):\(two(rest / 60 % 60)):\(two(rest % 60)).000000Z"
}
