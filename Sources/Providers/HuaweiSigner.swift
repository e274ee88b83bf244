public import Core
import Crypto

/// Signs the requests of one path at Huawei Cloud: `SDK-HMAC-SHA256` over method, path, some fields and the body's hash
/// (huaweicloudsdkcore 3.1.219, `signer.py`; `Tests/Cases/signatures` holds what that computes).
public struct HuaweiSigner: Sendable {
    private let access: String
    private let key: SymmetricKey
    private let host: String
    private let project: String?
    /// Method, path and the query that is none.
    private let front: String

    /// - Parameter path: as in the request line; without a query.
    public init(_ signature: HuaweiSignature, path: String, host: String) {
        access = signature.keys.access.value
        key = SymmetricKey(data: Array(signature.keys.secret.value.utf8))
        self.host = host
        project = signature.project
        // Whatever the path is, its signed form ends with a slash.
        front = "POST\n\(path.hasSuffix("/") ? path : path + "/")\n\n"
    }

    /// The header lines, each with its end, that sign a body of JSON at a moment.
    public func lines(body: UnsafeRawBufferPointer, at now: Timestamp) -> [UInt8] {
        let stamp = Self.stamp(now)
        var names = "content-type;host"
        var fields = "content-type:application/json\nhost:\(host)\n"
        if let project {
            names += ";x-project-id"
            fields += "x-project-id:\(project)\n"
        }
        names += ";x-sdk-date"
        fields += "x-sdk-date:\(stamp)\n"
        let canonical = "\(front)\(fields)\n\(names)\n\(hex(SHA256.hash(data: body)))"
        let toSign = "SDK-HMAC-SHA256\n\(stamp)\n\(hex(SHA256.hash(data: Array(canonical.utf8))))"
        let signature = hex(HMAC<SHA256>.authenticationCode(for: Array(toSign.utf8), using: key))
        var lines = "x-sdk-date: \(stamp)\r\n"
        if let project { lines += "x-project-id: \(project)\r\n" }
        lines += "authorization: SDK-HMAC-SHA256 Access=\(access), SignedHeaders=\(names), Signature=\(signature)\r\n"
        return Array(lines.utf8)
    }

    /// `20261123T134949Z`.
    private static func stamp(_ moment: Timestamp) -> String {
        moment.description.prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
    }

    private func hex(_ bytes: some Sequence<UInt8>) -> String {
        var out: [UInt8] = []
        for byte in bytes {
            for digit in [byte >> 4, byte & 15] { out.append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
        }
        return String(decoding: out, as: UTF8.self)
    }
}

extension Endpoint {
    /// What signs the calls in a dialect; nil: they are not signed.
    public func signer(for dialect: Dialect, model: ServedModel) -> HuaweiSigner? {
        guard case .huaweiKeys(let signature)? = credential else { return nil }
        let path = provider.wire.target(for: dialect, basePath: basePath, deployment: model.upstreamName, apiVersion: apiVersion)
        return HuaweiSigner(signature, path: path, host: origin.hostField)
    }
}
