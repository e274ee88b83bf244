import Core
import Wire

/// What an authority is asked, without its address: that is the grant's.
struct TokenRequest: Sendable, Hashable {
    var method = "POST"
    /// With its query; the authority's base path stands before it.
    var target: String
    var headers: [Field] = []
    var body: [UInt8] = []

    struct Field: Sendable, Hashable {
        var name: String
        var value: String
        init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
    }
}

/// What it answered, as far as anybody looks at it.
struct TokenReply: Sendable {
    var status: Int
    var retryAfterMilliseconds: Int64?
    /// `x-subject-token`, which carries Huawei's.
    var subjectToken: String?
    var body: [UInt8]
}

/// A token and how long it lives from when it was asked for.
struct FreshToken: Sendable, Hashable {
    var value: Secret
    var lifeMilliseconds: Int64
}

/// The longest token that a header carries; Huawei's are several kilobytes.
private let tokenBytesMax = 32_768
/// The longest word of an authority that is printed.
private let wordBytesMax = 64

extension Credential {
    /// How its authority is asked for a token; nil: it has none.
    ///
    /// - Parameter federated: what the file of a federated token holds now.
    func tokenRequest(federated: String?, at now: Timestamp) -> TokenRequest? {
        switch self {
        case .key, .huaweiKeys: nil
        case .entra(let application): application.request(federated: federated)
        case .managedIdentity(let identity): identity.request
        case .huaweiIAM(let user): user.request
        case .volcengine(let exchange): exchange.request(at: now)
        }
    }

    /// What its authority's answer says.
    func token(in reply: TokenReply, at now: Timestamp) throws(TokenTrouble) -> FreshToken {
        let json = reply.body.withUnsafeBytes { try? JSON($0) }
        guard (200..<300).contains(reply.status) else { throw trouble(reply, json) }
        let found: FreshToken?
        switch self {
        case .key, .huaweiKeys: found = nil
        case .entra, .managedIdentity: found = json.flatMap(entraToken)
        case .huaweiIAM: found = json.flatMap { huaweiToken(reply.subjectToken, $0, at: now) }
        case .volcengine:
            if let error = json?["ResponseMetadata"]?["Error"] { throw .refused(status: reply.status, word: word(error["Code"])) }
            found = json.flatMap { volcengineKey($0, at: now) }
        }
        guard let found, isHeaderText(found.value.value) else { throw .unreadable }
        return found
    }

    private func trouble(_ reply: TokenReply, _ json: JSON?) -> TokenTrouble {
        let isTemporary = json?["error"]?.string == "temporarily_unavailable"
        if reply.status >= 500 || reply.status == 408 || reply.status == 429 || isTemporary {
            return .failed(status: reply.status, retryAfterMilliseconds: reply.retryAfterMilliseconds)
        }
        guard reply.status >= 400 else { return .unreadable }
        var said = word(json?["error"]) + word(json?["error"]?["code"]) + word(json?["ResponseMetadata"]?["Error"]?["Code"])
        // Microsoft's own number of what is wrong, such as 7000215 for a secret that is not the application's.
        if let number = json?["error_codes"]?.array?.first?.integer { said += " AADSTS\(number)" }
        return .refused(status: reply.status, word: said)
    }
}

/// A word of an authority that may be printed: letters, digits and little else, and not long. Anything else could be what it was shown.
private func word(_ value: JSON?) -> String {
    let text: String
    switch value {
    case .string(let string)?: text = string
    case .number(let number)?: text = number
    default: return ""
    }
    let isWord = text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || "._-".utf8.contains($0)
    }
    return isWord && text.utf8.count <= wordBytesMax ? text : ""
}

private func isHeaderText(_ value: String) -> Bool {
    (1...tokenBytesMax).contains(value.utf8.count) && value.utf8.allSatisfy { (0x21...0x7E).contains($0) }
}

// MARK: - Microsoft Entra ID

extension EntraApplication {
    /// The client-credentials grant of the v2.0 token endpoint (azure-identity 1.27.0, `aad_client_base.py`).
    func request(federated: String?) -> TokenRequest? {
        var form = [("client_id", client), ("grant_type", "client_credentials"), ("scope", scope)]
        switch proof {
        case .secret(let secret): form.append(("client_secret", secret.value))
        case .federatedToken:
            guard let federated else { return nil }
            form.append(("client_assertion", federated))
            form.append(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"))
        }
        let body = form.map { "\(percentEncoded($0.0))=\(percentEncoded($0.1))" }.joined(separator: "&")
        return TokenRequest(
            target: "/\(percentEncoded(tenant))/oauth2/v2.0/token",
            headers: [.init("content-type", "application/x-www-form-urlencoded")], body: Array(body.utf8))
    }
}

extension ManagedIdentity {
    /// The metadata service of a virtual machine (azure-identity 1.27.0, `imds.py`; the header as msal 1.39.0 sends it).
    var request: TokenRequest {
        var query = "api-version=2018-02-01&resource=\(percentEncoded(resource))"
        if let client { query += "&client_id=\(percentEncoded(client))" }
        return TokenRequest(
            method: "GET", target: "/metadata/identity/oauth2/token?\(query)", headers: [.init("metadata", "true")])
    }
}

private func entraToken(_ json: JSON) -> FreshToken? {
    guard let value = json["access_token"]?.string, let life = json["expires_in"] else { return nil }
    // A number from Entra ID, a text from the metadata service.
    guard let seconds = life.integer ?? life.string.flatMap({ Int64($0) }) else { return nil }
    return FreshToken(value: Secret(JSON.plain(value)), lifeMilliseconds: milliseconds(seconds))
}

// MARK: - Huawei Cloud

extension HuaweiUser {
    /// A token of a project, by password (support.huaweicloud.com, IAM, "Obtaining a User Token Through Password Authentication").
    var request: TokenRequest {
        func text(_ value: String) -> String { "\"\(JSON.written(value))\"" }
        let body =
            #"{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":\#(text(user)),"password":\#(text(password.value)),"#
            + #""domain":{"name":\#(text(domain))}}}},"scope":{"project":{"name":\#(text(project))}}}}"#
        return TokenRequest(
            target: "/v3/auth/tokens", headers: [.init("content-type", "application/json;charset=utf8")], body: Array(body.utf8))
    }
}

/// The token is in the head; how long it lives follows from the authority's own two moments, so that clocks need not agree.
private func huaweiToken(_ value: String?, _ json: JSON, at now: Timestamp) -> FreshToken? {
    guard let value, let token = json["token"], let ends = token["expires_at"]?.string.flatMap(moment) else { return nil }
    let issued = token["issued_at"]?.string.flatMap(moment) ?? now
    return FreshToken(value: Secret(value), lifeMilliseconds: ends.milliseconds(since: issued))
}

/// Reads `2026-11-23T13:49:49.125000Z`, to the second.
func moment(_ text: String) -> Timestamp? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"), bytes[10] == UInt8(ascii: "T"),
        let date = CivilDate(text.prefix(10))
    else { return nil }
    let clock = text.dropFirst(11).prefix(8).split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) ?? -1 }
    guard clock.count == 3, (0..<24).contains(clock[0]), (0..<60).contains(clock[1]), (0...60).contains(clock[2]) else {
        return nil
    }
    return Timestamp(seconds: Int64(date.daysSince1970) * 86_400 + clock[0] * 3_600 + clock[1] * 60 + clock[2])
}

// MARK: - Volcengine

extension VolcengineExchange {
    /// `GetApiKey` of the control plane, signed (volcenginesdk-ark 5.0.54, `ark_api.py`; volcengine-ark-runtime 5.0.54, `StsTokenManager`). The
    /// SDK names one resource at a time, and so does this.
    func request(at now: Timestamp) -> TokenRequest {
        let body =
            #"{"DurationSeconds": \#(lifetimeSeconds), "ResourceIds": ["\#(JSON.written(resource))"], "ResourceType": "\#(resourceType)"}"#
        let query = [("Action", "GetApiKey"), ("Version", "2024-01-01")]
        let signature = VolcengineSignature(
            keys: keys, region: region, service: "ark", host: authority.origin.hostField, path: "/", query: query,
            contentType: "application/json", body: Array(body.utf8), at: now)
        return TokenRequest(
            target: "/?Action=GetApiKey&Version=2024-01-01", headers: signature.fields, body: Array(body.utf8))
    }

    private var resourceType: String { resource.hasPrefix("bot-") ? "bot" : "endpoint" }
}

private func volcengineKey(_ json: JSON, at now: Timestamp) -> FreshToken? {
    guard let result = json["Result"], let key = result["ApiKey"]?.string, let ends = result["ExpiredTime"]?.integer else {
        return nil
    }
    return FreshToken(value: Secret(JSON.plain(key)), lifeMilliseconds: milliseconds(ends - now.seconds))
}

// MARK: - Forms

private func milliseconds(_ seconds: Int64) -> Int64 {
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
    return overflow ? (seconds < 0 ? 0 : .max) : product
}

/// Everything but RFC 3986's unreserved characters is escaped, which forms and queries read alike.
func percentEncoded(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: out.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            let digits = String(byte, radix: 16, uppercase: true)
            out += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
        }
    }
    return out
}
