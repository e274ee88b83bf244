#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Random bits for entries, so that a leaf hash in somebody else's proof says nothing about the entry. They come from the system,
/// many at a time.
struct SaltSource: Sendable {
    /// 128 bits as base64url without padding.
    static let characters = 22
    /// What the system gives in one call.
    private static let stockBytes = 256
    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    private var stock = [UInt8](repeating: 0, count: stockBytes)
    private var used = stockBytes

    /// Writes a new salt as text.
    mutating func write(into space: UnsafeMutableRawBufferPointer) {
        if used == Self.stockBytes { refill() }
        let (high, low) = stock.withUnsafeBytes { bytes in
            (
                bytes.loadUnaligned(fromByteOffset: used, as: UInt64.self),
                bytes.loadUnaligned(fromByteOffset: used + 8, as: UInt64.self)
            )
        }
        used += 16
        let alphabet = Self.alphabet.utf8Start
        for place in 0..<10 {
            space[place] = alphabet[Int(high >> UInt64(58 - 6 * place) & 63)]
            space[11 + place] = alphabet[Int(low >> UInt64(56 - 6 * place) & 63)]
        }
        space[10] = alphabet[Int((high & 15) << 2 | low >> 62)]
        space[21] = alphabet[Int((low & 3) << 4)]
    }

    private mutating func refill() {
        let result = stock.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) }
        if result != 0 {
            // The standard library asks in another way, and stops the process rather than give bits that are not random.
            var generator = SystemRandomNumberGenerator()
            for place in stock.indices { stock[place] = generator.next() }
        }
        used = 0
    }
}
