import Core
import Foundation
import Testing

@testable import Credentials

@Suite("Signed requests to Volcengine's control plane")
struct VolcengineSignatureTests {
    struct Vectors: Decodable {
        struct Vector: Decodable { var name, host, region, body, stamp, authorization, contentHash: String }
        var access, secret: String
        var volcengine: [Vector]
    }

    static let vectors: Vectors = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Cases/signatures/vectors.json")
        do { return try JSONDecoder().decode(Vectors.self, from: Data(contentsOf: file)) } catch { fatalError("\(error)") }
    }()

    private static func moment(_ stamp: String) -> Timestamp {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "UTC")
        format.dateFormat = "yyyyMMdd'T'HHmmss'Z'"
        return Timestamp(seconds: Int64((format.date(from: stamp) ?? .distantPast).timeIntervalSince1970))
    }

    @Test(
        "Every signature is the one that Volcengine's own SDK computes",
        arguments: VolcengineSignatureTests.vectors.volcengine.indices)
    func computed(_ index: Int) {
        let vector = Self.vectors.volcengine[index]
        let signature = VolcengineSignature(
            keys: AccessKeys(access: Secret(Self.vectors.access), secret: Secret(Self.vectors.secret)), region: vector.region,
            service: "ark", host: vector.host, path: "/", query: [("Version", "2024-01-01"), ("Action", "GetApiKey")],
            contentType: "application/json", body: Array(vector.body.utf8), at: Self.moment(vector.stamp))
        let fields = Dictionary(uniqueKeysWithValues: signature.fields.map { ($0.name, $0.value) })
        #expect(fields["authorization"] == vector.authorization, "\(vector.name)")
        #expect(fields["x-content-sha256"] == vector.contentHash && fields["x-date"] == vector.stamp)
    }

    @Test("What is asked of the control plane is the body that the SDK signs, byte for byte")
    func body() {
        let vector = Self.vectors.volcengine[1]
        let exchange = VolcengineExchange(
            keys: AccessKeys(access: Secret(Self.vectors.access), secret: Secret(Self.vectors.secret)), region: "cn-beijing",
            resource: "ep-20261123-abc", lifetimeSeconds: 86_400,
            authority: Authority(origin: Origin(tls: true, host: "ark.cn-beijing.volcengineapi.com", port: 443)))
        let request = exchange.request(at: Self.moment(vector.stamp))
        #expect(String(decoding: request.body, as: UTF8.self) == vector.body)
        #expect(request.headers.last?.value == vector.authorization)
    }
}
