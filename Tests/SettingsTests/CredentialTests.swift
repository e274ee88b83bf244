import Core
import Foundation
import Policy
import Settings
import Testing

@Suite("Credentials and places of a configuration")
struct CredentialTests {
    private static let environment = ["SECRET": "hunter2", "ACCESS": "AK1", "WEIR_SHARE": "share"]

    private func endpoint(_ lines: String, models: String = "{m: {price: p, maxOutput: 1, as: ep-1}}") throws -> Endpoint {
        let places = lines.contains("deployment:") ? "" : "    processedIn: [SE]\n    storedIn: [SE]\n    operator: Op\n"
        let text = """
            weir: 1
            node: n
            data: d
            listen: {calls: 127.0.0.1:0, admin: 127.0.0.1:0}
            prices: {p: [{from: 2026-01-01, input: "1", output: "2"}]}
            tenants: {t: {places: any, operators: any, models: any, teams: {a: {}}}}
            endpoints:
              e:

            """ + lines.split(separator: "\n").map { "    \($0)\n" }.joined() + "    models: \(models)\n" + places
        let result = load(
            text, file: "/etc/weir/weir.yaml", environment: Self.environment,
            files: [
                "share/places.json": try read(repository.appendingPathComponent("share/places.json").path),
                "/etc/weir/ca.pem": "-----BEGIN CERTIFICATE-----",
            ])
        return try #require(try result.get().endpoints.first)
    }

    private func origin(_ host: String) -> Origin { Origin(tls: true, host: host, port: 443) }

    @Test("Entra ID: the usual authority and scope, those of the dated API and of China, and one's own")
    func entra() throws {
        let cases: [(more: String, version: String, scope: String, authority: Authority)] = [
            ("", "", "https://ai.azure.com/.default", Authority(origin: origin("login.microsoftonline.com"))),
            (
                "", "\napiVersion: 2024-10-21", "https://cognitiveservices.azure.com/.default",
                Authority(origin: origin("login.microsoftonline.com"))
            ),
            (
                ", cloud: china", "", "https://cognitiveservices.azure.cn/.default",
                Authority(origin: origin("login.chinacloudapi.cn"))
            ),
            (
                ", scope: api://x/.default, authority: 'https://login.corp:8443/proxy', trust: ca.pem", "", "api://x/.default",
                Authority(
                    origin: Origin(tls: true, host: "login.corp", port: 8_443), basePath: "/proxy", trustFile: "/etc/weir/ca.pem")
            ),
        ]
        for (more, version, scope, authority) in cases {
            let found = try endpoint(
                "provider: azure\nresource: acme\(version)\ncredential: {entra: {tenant: t, client: c, secret: {env: SECRET}\(more)}}"
            )
            #expect(
                found.credential
                    == .entra(
                        EntraApplication(
                            tenant: "t", client: "c", proof: .secret(Secret("hunter2")), scope: scope, authority: authority)))
            #expect(!"\(found)".contains("hunter2"))
            #expect(found.tokenGrant?.authority == authority && found.tokenGrant.map { "\($0)" } == "e at \(authority.origin)")
        }
        let federated = try endpoint(
            "provider: azure\nresource: acme\ncredential: {entra: {tenant: t, client: c, federatedToken: tokens/azure}}")
        guard case .entra(let application)? = federated.credential else { return #expect(Bool(false), "\(federated)") }
        #expect(application.proof == .federatedToken(file: "/etc/weir/tokens/azure"))
    }

    @Test("A machine's identity, with the metadata service's own address")
    func machine() throws {
        let found = try endpoint("provider: azure\nresource: acme\ncredential: {managedIdentity: {}}")
        #expect(
            found.credential
                == .managedIdentity(
                    ManagedIdentity(
                        client: nil, resource: "https://ai.azure.com",
                        authority: Authority(origin: Origin(tls: false, host: "169.254.169.254", port: 80)))))
    }

    @Test("Huawei: the project follows from the region, and IAM's host from the project")
    func huawei() throws {
        let found = try endpoint(
            "provider: pangu\nregion: cn-southwest-2\nproject: 0a1b\ncredential: {huaweiIAM: {domain: d, user: u, password: {env: SECRET}}}"
        )
        #expect(found.origin == origin("pangu.cn-southwest-2.myhuaweicloud.com") && found.basePath == "/v1/0a1b")
        #expect(
            found.credential
                == .huaweiIAM(
                    HuaweiUser(
                        domain: "d", user: "u", password: Secret("hunter2"), project: "cn-southwest-2",
                        authority: Authority(origin: origin("iam.cn-southwest-2.myhuaweicloud.com")))))
        let signed = try endpoint(
            "provider: pangu\nregion: cn-southwest-2\nproject: 0a1b\ncredential: {huaweiKeys: {access: {env: ACCESS}, secret: {env: SECRET}}}"
        )
        #expect(
            signed.credential
                == .huaweiKeys(
                    HuaweiSignature(keys: AccessKeys(access: Secret("AK1"), secret: Secret("hunter2")), project: "0a1b")))
        #expect(signed.tokenGrant == nil)
    }

    @Test("Volcengine: a key for the one inference endpoint that all its models are")
    func volcengine() throws {
        let found = try endpoint(
            "provider: ark\nregion: cn-beijing\ncredential: {volcengine: {access: {env: ACCESS}, secret: {env: SECRET}, lifetime: 2h}}"
        )
        #expect(
            found.credential
                == .volcengine(
                    VolcengineExchange(
                        keys: AccessKeys(access: Secret("AK1"), secret: Secret("hunter2")), region: "cn-beijing",
                        resource: "ep-1",
                        lifetimeSeconds: 7_200, authority: Authority(origin: origin("ark.cn-beijing.volcengineapi.com")))))
    }

    @Test("A secret whose variable is not set leaves the endpoint out, with a note that says which")
    func absent() throws {
        let text = smallest.replacing("provider: openai", with: "provider: azure")
            .replacing("credential: none", with: "credential: {entra: {tenant: t, client: c, secret: {env: NOT_THERE}}}")
        let configuration = try load(text).get()
        #expect(configuration.endpoints.isEmpty)
        #expect(configuration.notes.contains("endpoint e left out: NOT_THERE is not set"))
    }

    static let hosts: [(lines: String, host: String, basePath: String)] = [
        ("provider: openai\nregion: eu\ncredential: none", "eu.api.openai.com", "/v1"),
        ("provider: openai\nregion: global\ncredential: none", "api.openai.com", "/v1"),
        ("provider: anthropic\nregion: global\ncredential: none", "api.anthropic.com", "/v1"),
        ("provider: azure\nresource: Acme-1\ncredential: none", "acme-1.openai.azure.com", ""),
        (
            "provider: azure\nresource: acme\ncredential: none\ndeployment: {cloud: azure, region: swedencentral, sku: Standard}",
            "acme.openai.azure.com", ""
        ),
        (
            "provider: azure\nresource: acme\ncredential: none\ndeployment: {cloud: azure-china, region: chinaeast2, sku: Standard}\n"
                + "attest: {processedIn: [CN], storedIn: [CN], by: Ada, on: 2026-05-01, document: 'sha256:\(String(repeating: "0a", count: 32))'}",
            "acme.openai.azure.cn", ""
        ),
        ("provider: dashscope\nregion: cn-beijing", "dashscope.aliyuncs.com", "/compatible-mode/v1"),
        (
            "provider: dashscope\nregion: ap-southeast-1\nworkspace: ws-1", "ws-1.ap-southeast-1.maas.aliyuncs.com",
            "/compatible-mode/v1"
        ),
        (
            "provider: dashscope\nworkspace: ws-1\ndeployment: {cloud: alibaba, region: eu-central-1, sku: EU}",
            "ws-1.eu-central-1.maas.aliyuncs.com", "/compatible-mode/v1"
        ),
        ("provider: modelarts\ndeployment: {cloud: huawei, region: me-east-1}", "api-me-east-1.modelarts-maas.com", "/v1"),
        ("provider: ark\ndeployment: {cloud: byteplus, region: ap-southeast-1}", "ark.ap-southeast.bytepluses.com", "/api/v3"),
        ("provider: ark\nregion: eu-west-1", "ark.eu-west.bytepluses.com", "/api/v3"),
        ("provider: deepseek\ndeployment: {cloud: deepseek, region: cn}", "api.deepseek.com", "/v1"),
        ("provider: modelarts\nurl: https://maas.corp\ndeployment: {cloud: huawei, region: me-east-1}", "maas.corp", "/v1"),
    ]

    @Test(
        "A host follows from the region, or from the deployment of the labels; a URL goes before both", arguments: hosts.indices)
    func place(_ index: Int) throws {
        let (lines, host, basePath) = Self.hosts[index]
        let found = try endpoint(lines)
        #expect(found.origin == origin(host) && found.basePath == basePath)
    }
}
