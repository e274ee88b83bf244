import Core
import Foundation
import Providers
import Testing

@Suite("Signed requests to Huawei Cloud")
struct HuaweiSignerTests {
    struct Vectors: Decodable {
        struct Vector: Decodable {
            var name, host, path, body, stamp, authorization: String
            var project: String?
        }
        var access, secret: String
        var huawei: [Vector]
    }

    static let vectors: Vectors = {
        let file = repository.appending(path: "Tests/Cases/signatures/vectors.json")
        do { return try JSONDecoder().decode(Vectors.self, from: Data(contentsOf: file)) } catch { fatalError("\(error)") }
    }()

    static func moment(_ stamp: String) -> Timestamp {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "UTC")
        format.dateFormat = "yyyyMMdd'T'HHmmss'Z'"
        return Timestamp(seconds: Int64((format.date(from: stamp) ?? .distantPast).timeIntervalSince1970))
    }

    private func lines(_ vector: Vectors.Vector, secret: String? = nil, body: String? = nil, path: String? = nil) -> [String] {
        let keys = AccessKeys(access: Secret(Self.vectors.access), secret: Secret(secret ?? Self.vectors.secret))
        let signer = HuaweiSigner(
            HuaweiSignature(keys: keys, project: vector.project), path: path ?? vector.path, host: vector.host)
        let bytes = Array((body ?? vector.body).utf8)
        let text = bytes.withUnsafeBytes { signer.lines(body: $0, at: Self.moment(vector.stamp)) }
        return String(decoding: text, as: UTF8.self).components(separatedBy: "\r\n")
    }

    @Test("Every signature is the one that Huawei's own SDK computes", arguments: HuaweiSignerTests.vectors.huawei.indices)
    func computed(_ index: Int) {
        let vector = Self.vectors.huawei[index]
        let lines = lines(vector)
        #expect(lines.contains("x-sdk-date: \(vector.stamp)") && lines.last == "")
        #expect(lines.contains("authorization: \(vector.authorization)"), "\(vector.name)")
        #expect(lines.contains { $0.hasPrefix("x-project-id: ") } == (vector.project != nil))
    }

    @Test("Another secret, body or path is another signature, and the secret is in none")
    func others() {
        let vector = Self.vectors.huawei[0]
        let all = [lines(vector), lines(vector, secret: "other"), lines(vector, body: "{ }"), lines(vector, path: "/v1/other")]
        #expect(Set(all.map { $0.first { $0.hasPrefix("authorization") } }).count == 4)
        #expect(all.joined().allSatisfy { !$0.contains(Self.vectors.secret) })
    }

    @Test("What signs a call is its endpoint's path and host, the port too, and only `huaweiKeys` signs")
    func endpoints() {
        let vector = Self.vectors.huawei[2]
        var signed = endpoint(.pangu, tls: false, host: "127.0.0.1", port: 18_105, basePath: "/v1/0a1b2c3d4e5f")
        let served = ServedModel(upstreamName: "7f9c-1", price: "p", maxOutputTokens: 1)
        #expect(signed.signer(for: .chat, model: served) == nil)
        let keys = AccessKeys(access: Secret(Self.vectors.access), secret: Secret(Self.vectors.secret))
        signed.credential = .huaweiKeys(HuaweiSignature(keys: keys, project: vector.project))
        let lines = Array(vector.body.utf8).withUnsafeBytes { bytes in
            signed.signer(for: .chat, model: served)?.lines(body: bytes, at: Self.moment(vector.stamp)) ?? []
        }
        #expect(String(decoding: lines, as: UTF8.self).contains("authorization: \(vector.authorization)\r\n"))
        let head = String(decoding: signed.head(for: .chat, model: served).bytes, as: UTF8.self)
        #expect(head.hasPrefix("POST \(vector.path) HTTP/1.1\r\n") && head.contains("\r\nhost: \(vector.host)\r\n"))
        #expect(!head.contains("authorization"))
    }
}

@Suite("Hosts per region")
struct HostTests {
    @Test("Each host of each provider is recognised as its own region's and no other's, a customer's own too")
    func regions() {
        for provider in ProviderKind.allCases {
            for host in provider.hosts {
                for name in [nil, "acme-1"] {
                    guard let text = host.host(name: name) else { continue }
                    #expect(
                        !text.contains("{") && text.allSatisfy { $0.isLowercase || $0.isNumber || ".-".contains($0) }, "\(text)")
                    #expect(provider.hosts.filter { $0.matches(text) } == [host], "\(text)")
                }
            }
        }
        #expect(ProviderKind.dashscope.hosts.compactMap { $0.host(name: "ws") }.count == 6)
        #expect(ProviderKind.azure.hosts.first?.host(name: "acme") == "acme.openai.azure.com")
        #expect(ProviderKind.azure.hosts.first?.host(name: nil) == nil)
        #expect(
            !ProviderKind.azure.hosts[0].matches("openai.azure.com")
                && !ProviderKind.azure.hosts[0].matches("a.b.openai.azure.com"))
        #expect(ProviderKind.vllm.hosts.isEmpty)
    }
}
