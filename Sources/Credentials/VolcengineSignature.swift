import Core
import Crypto

/// The signature of one request to Volcengine's control plane (HMAC-SHA256, version 4; volcenginesdk-core 5.0.54, `signv4.py`).
struct VolcengineSignature: Sendable {
    /// The fields to send, the signature among them; all but that are signed, and `host` beside them.
    let fields: [TokenRequest.Field]

    init(
        keys: AccessKeys, region: String, service: String, host: String, path: String, query: [(String, String)],
        contentType: String, body: [UInt8], at now: Timestamp
    ) {
        let stamp = basicTime(now)
        let day = String(stamp.prefix(8))
        let bodyHash = hex(SHA256.hash(data: body))
        let signed = [
            ("content-type", contentType), ("host", host), ("x-content-sha256", bodyHash), ("x-date", stamp),
        ]
        let names = signed.map(\.0).joined(separator: ";")
        let canonical = [
            "POST", path,
            query.sorted { $0.0 < $1.0 }.map { "\(percentEncoded($0.0))=\(percentEncoded($0.1))" }.joined(separator: "&"),
            signed.map { "\($0.0):\($0.1)\n" }.joined(), names, bodyHash,
        ].joined(separator: "\n")
        let scope = "\(day)/\(region)/\(service)/request"
        let toSign = ["HMAC-SHA256", stamp, scope, hex(SHA256.hash(data: Array(canonical.utf8)))].joined(separator: "\n")
        var key = SymmetricKey(data: Array(keys.secret.value.utf8))
        for part in [day, region, service, "request"] { key = SymmetricKey(data: hmac(part, key)) }
        fields = [
            .init("content-type", contentType), .init("x-date", stamp), .init("x-content-sha256", bodyHash),
            .init(
                "authorization",
                "HMAC-SHA256 Credential=\(keys.access.value)/\(scope), SignedHeaders=\(names), Signature=\(hex(hmac(toSign, key)))"
            ),
        ]
    }
}

private func hmac(_ text: String, _ key: SymmetricKey) -> HMAC<SHA256>.MAC {
    HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)
}

private func hex(_ bytes: some Sequence<UInt8>) -> String {
    var out = ""
    for byte in bytes {
        let digits = String(byte, radix: 16)
        out += digits.utf8.count == 1 ? "0\(digits)" : digits
    }
    return out
}

/// `20261123T134949Z`.
private func basicTime(_ moment: Timestamp) -> String {
    let text = moment.description
    return text.prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
}
