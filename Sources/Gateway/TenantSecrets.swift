public import Crypto

/// The secret of this node from which each tenant's own keys are derived, so that what is made for one tenant means nothing to another.
public struct TenantSecrets: Sendable {
    /// Its file in Weir's data folder, in the form of `LogKey`.
    public static let fileName = "tenant-key"

    /// What a derived key is for; one key never serves two purposes.
    public enum Purpose: String, Sendable {
        /// Names persons in the journal without telling who they are.
        case person
        /// Signs the ids of state that lives at a provider.
        case state
    }

    /// Keys that nobody keeps: what is made by them means nothing after this process.
    public static let unkept: TenantSecrets = {
        var random = SystemRandomNumberGenerator()
        return TenantSecrets(seed: (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) })
    }()

    private let seed: SymmetricKey

    /// - Parameter seed: 32 random bytes that only this node has.
    public init(seed: [UInt8]) { self.seed = SymmetricKey(data: seed) }

    /// 32 bytes by HKDF-SHA-256 (RFC 5869), for one tenant and one purpose.
    public func key(for tenant: String, _ purpose: Purpose) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: seed, salt: Array("weir".utf8), info: Array("\(purpose.rawValue)\n\(tenant)".utf8),
            outputByteCount: 32)
    }
}
