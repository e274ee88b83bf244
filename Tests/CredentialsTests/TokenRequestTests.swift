import Core
import Policy
import Testing

@testable import Credentials

@Suite("How authorities are asked, and what they answer")
struct TokenRequestTests {
    private static let authority = Authority(origin: Origin(tls: true, host: "login.example", port: 443))
    private static let now = Timestamp(seconds: 1_800_000_000)
    private static let secret = "s3cret/+ &%=\u{e9}"

    private static let entra = Credential.entra(
        EntraApplication(
            tenant: "contoso", client: "app-1", proof: .secret(Secret(secret)), scope: "https://ai.azure.com/.default",
            authority: authority))
    private static let federated = Credential.entra(
        EntraApplication(
            tenant: "contoso", client: "app-1", proof: .federatedToken(file: "token"), scope: "https://ai.azure.com/.default",
            authority: authority))
    private static let machine = Credential.managedIdentity(
        ManagedIdentity(client: "app-1", resource: "https://ai.azure.com", authority: authority))
    private static let huawei = Credential.huaweiIAM(
        HuaweiUser(
            domain: "acme \"A\"", user: "u", password: Secret("p\\\"w"), project: "cn-southwest-2", authority: authority))
    private static let keys = AccessKeys(access: Secret("AKvisible"), secret: Secret("SKhidden"))
    private static let volcengine = Credential.volcengine(
        VolcengineExchange(keys: keys, region: "cn-beijing", resource: "ep-1", lifetimeSeconds: 86_400, authority: authority))

    private func text(_ request: TokenRequest?) -> String {
        request.map { String(decoding: $0.body, as: UTF8.self) } ?? "nothing"
    }

    @Test("Entra ID: the form of the client-credentials grant, escaped whatever the secret holds")
    func entraForm() {
        let request = Self.entra.tokenRequest(federated: nil, at: Self.now)
        #expect(request?.target == "/contoso/oauth2/v2.0/token" && request?.method == "POST")
        #expect(
            text(request)
                == "client_id=app-1&grant_type=client_credentials&scope=https%3A%2F%2Fai.azure.com%2F.default"
                + "&client_secret=s3cret%2F%2B%20%26%25%3D%C3%A9")
        #expect(request?.headers == [.init("content-type", "application/x-www-form-urlencoded")])
    }

    @Test("Entra ID: a federated token is shown as it is now, and without one nothing is asked")
    func federatedForm() {
        #expect(Self.federated.tokenRequest(federated: nil, at: Self.now) == nil)
        let body = text(Self.federated.tokenRequest(federated: "a.b.c", at: Self.now))
        #expect(
            body.contains(
                "client_assertion=a.b.c&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"))
        #expect(!body.contains("client_secret"))
    }

    @Test("A machine's identity is asked for with a GET and the header that no browser sends")
    func machineQuery() {
        let request = Self.machine.tokenRequest(federated: nil, at: Self.now)
        #expect(request?.method == "GET" && request?.headers == [.init("metadata", "true")])
        #expect(
            request?.target
                == "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fai.azure.com&client_id=app-1")
    }

    @Test("Huawei: user, account and project in JSON, escaped")
    func huaweiBody() {
        let request = Self.huawei.tokenRequest(federated: nil, at: Self.now)
        #expect(request?.target == "/v3/auth/tokens")
        #expect(
            text(request)
                == #"{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"u","password":"p\\\"w","domain":{"name":"acme \"A\""}}}},"scope":{"project":{"name":"cn-southwest-2"}}}}"#
        )
    }

    @Test("Volcengine: one inference endpoint is named, and the request is signed")
    func volcengineBody() {
        let request = Self.volcengine.tokenRequest(federated: nil, at: Self.now)
        #expect(request?.target == "/?Action=GetApiKey&Version=2024-01-01")
        #expect(text(request) == #"{"DurationSeconds": 86400, "ResourceIds": ["ep-1"], "ResourceType": "endpoint"}"#)
        #expect(request?.headers.map(\.name) == ["content-type", "x-date", "x-content-sha256", "authorization"])
        #expect(request?.headers[1].value == "20270115T080000Z")
    }

    static let good: [(credential: Credential, status: Int, subject: String?, body: String, value: String, seconds: Int64)] = [
        (
            entra, 200, nil, #"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"eyJ.a-b_c"}"#,
            "eyJ.a-b_c", 3_599
        ),
        (
            machine, 200, nil, #"{"access_token":"eyJ.m","expires_in":"86399","expires_on":"1","token_type":"Bearer"}"#, "eyJ.m",
            86_399
        ),
        (
            huawei, 201, "MIIF",
            #"{"token":{"expires_at":"2027-01-16T08:00:00.000000Z","issued_at":"2027-01-15T08:00:00.000000Z","methods":["password"]}}"#,
            "MIIF", 86_400
        ),
        (huawei, 201, "MIIF", #"{"token":{"expires_at":"2027-01-15T08:00:10.5Z"}}"#, "MIIF", 10),
        (
            volcengine, 200, nil, #"{"ResponseMetadata":{"RequestId":"1"},"Result":{"ApiKey":"k-1","ExpiredTime":1800000600}}"#,
            "k-1",
            600
        ),
    ]

    @Test("A token is read where each authority puts it, with the time that it lives", arguments: good.indices)
    func reads(_ index: Int) throws {
        let (credential, status, subject, body, value, seconds) = Self.good[index]
        let token = try credential.token(
            in: TokenReply(status: status, subjectToken: subject, body: Array(body.utf8)), at: Self.now)
        #expect(token.value == Secret(value) && token.lifeMilliseconds == seconds * 1_000)
    }

    static let bad: [(credential: Credential, status: Int, body: String, trouble: TokenTrouble)] = [
        (
            entra, 401, #"{"error":"invalid_client","error_description":"AADSTS7000215: s3cret","error_codes":[7000215]}"#,
            .refused(status: 401, word: "invalid_client AADSTS7000215")
        ),
        (entra, 400, #"{"error":"s3cret/+ &%="}"#, .refused(status: 400, word: "")),
        (entra, 400, "no JSON", .refused(status: 400, word: "")),
        (entra, 400, #"{"error":"temporarily_unavailable"}"#, .failed(status: 400, retryAfterMilliseconds: 7)),
        (entra, 503, "", .failed(status: 503, retryAfterMilliseconds: 7)),
        (entra, 429, "{}", .failed(status: 429, retryAfterMilliseconds: 7)),
        (entra, 302, "", .unreadable),
        (entra, 200, "{}", .unreadable),
        (entra, 200, #"{"access_token":"","expires_in":1}"#, .unreadable),
        (entra, 200, #"{"access_token":"a\r\nx-evil: 1","expires_in":1}"#, .unreadable),
        (entra, 200, #"{"access_token":"a","expires_in":"soon"}"#, .unreadable),
        (
            huawei, 401, #"{"error":{"code":401,"message":"The username or password is wrong.","title":"Unauthorized"}}"#,
            .refused(status: 401, word: "401")
        ),
        (huawei, 201, #"{"token":{"expires_at":"2027-01-16T08:00:00.000000Z"}}"#, .unreadable),
        (
            volcengine, 403, #"{"ResponseMetadata":{"Error":{"Code":"AccessDenied"}}}"#,
            .refused(status: 403, word: "AccessDenied")
        ),
        (
            volcengine, 200, #"{"ResponseMetadata":{"Error":{"Code":"SignatureDoesNotMatch"}}}"#,
            .refused(status: 200, word: "SignatureDoesNotMatch")
        ),
    ]

    @Test(
        "What is no token is told apart: refused, failing, or not to be read; no more than a word of it is kept",
        arguments: bad.indices)
    func troubles(_ index: Int) {
        let (credential, status, body, trouble) = Self.bad[index]
        let reply = TokenReply(status: status, retryAfterMilliseconds: 7, body: Array(body.utf8))
        #expect(throws: trouble) { try credential.token(in: reply, at: Self.now) }
    }

    @Test("Nothing that is printed shows a secret")
    func printing() {
        for credential in [
            Self.entra, Self.federated, Self.machine, Self.huawei, Self.volcengine, .huaweiKeys(HuaweiSignature(keys: Self.keys)),
        ] {
            for text in ["\(credential)", String(reflecting: credential)] {
                #expect(
                    !text.contains("s3cret") && !text.contains("SKhidden") && !text.contains("AKvisible") && !text.contains("p\\")
                )
            }
        }
        let token = HeldToken(value: Secret("eyJ.t"), until: Self.now, number: 1, renewableFrom: Self.now)
        #expect(!"\(token)".contains("eyJ"))
    }
}
