import Core
import Crypto
import Wire

extension Snapshot {
    /// The key that a request carries, looked up by the SHA-256 of the whole of it. Labels come from here, never from headers.
    func authenticate(_ head: HTTPHead, at now: Timestamp) -> Result<KeyEntry, Failure> {
        let bearer = head[.authorization]
        let azure = head[.apiKey]
        let anthropic = head[.xAPIKey]
        guard let span = bearer ?? azure ?? anthropic else { return .failure(.missingKey) }
        let isOne = (bearer == nil ? 0 : 1) + (azure == nil ? 0 : 1) + (anthropic == nil ? 0 : 1) == 1
        guard isOne, !head.isRepeated(.authorization), !head.isRepeated(.apiKey), !head.isRepeated(.xAPIKey) else {
            return .failure(.twoKeys)
        }
        let digest = head.withBytes(of: span) { bytes -> KeyDigest? in
            guard bearer != nil else { return KeyDigest(of: bytes) }
            // RFC 6750: the scheme is matched in any case.
            let scheme = "bearer ".utf8
            guard bytes.count > scheme.count, zip(bytes, scheme).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) else { return nil }
            return KeyDigest(of: UnsafeRawBufferPointer(rebasing: bytes[scheme.count...]))
        }
        guard let digest, let entry = keys[digest] else { return .failure(.unknownKey) }
        if let expires = entry.expires, expires <= now { return .failure(.unknownKey) }
        return .success(entry)
    }
}

extension KeyDigest {
    /// The digest of a key as a caller sends it.
    public init(of key: UnsafeRawBufferPointer) {
        let words = SHA256.hash(data: key).withUnsafeBytes { bytes in
            (0..<4).map { UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
        }
        self.init(words[0], words[1], words[2], words[3])
    }
}
