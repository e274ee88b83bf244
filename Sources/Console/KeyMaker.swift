public import Core
import Gateway

/// Makes keys and their identifiers, from the system's secure randomness.
public enum KeyMaker {
    /// A new key, as it is shown once, and the digest that is kept. 256 random bits after a prefix that scanners for leaked keys find.
    public static func key() -> (key: Secret, digest: KeyDigest) {
        let key = prefix + base64URL(randomBytes(32))
        return (Secret(key), digest(of: key))
    }

    /// Public identifier of a key: `key_` and 16 hexadecimal digits.
    public static func id() -> String {
        var random = SystemRandomNumberGenerator()
        return idPrefix + hexadecimal(random.next())
    }

    public static func digest(of key: String) -> KeyDigest {
        Array(key.utf8).withUnsafeBytes { KeyDigest(of: $0) }
    }

    /// Whether this is a whole key, which belongs in no URL, log or table.
    public static func isKey(_ text: String) -> Bool { text.hasPrefix(prefix) }

    public static func isID(_ text: String) -> Bool {
        text.hasPrefix(idPrefix) && text.utf8.count == idPrefix.utf8.count + 16
            && text.utf8.dropFirst(idPrefix.utf8.count).allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}

private let prefix = "weir_"
private let idPrefix = "key_"

func randomBytes(_ count: Int) -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
}

private let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

/// RFC 4648, section 5, without padding: 32 bytes are 43 characters.
func base64URL(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    var window: UInt32 = 0
    var bits: UInt32 = 0
    for byte in bytes {
        window = window << 8 | UInt32(byte)
        bits += 8
        while bits >= 6 {
            bits -= 6
            text.append(alphabet[Int(window >> bits & 63)])
        }
    }
    if bits > 0 { text.append(alphabet[Int(window << (6 - bits) & 63)]) }
    return String(decoding: text, as: UTF8.self)
}
