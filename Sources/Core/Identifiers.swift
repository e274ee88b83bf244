/// Names one call across journal, logs and headers: 128 random bits, unique rather than secret.
public struct CallID: Sendable, Hashable {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

    public init(using generator: inout some RandomNumberGenerator) {
        high = generator.next()
        low = generator.next()
    }
}

/// Names one try of a call at one endpoint, the unit of policy, hold, charge and audit: 32 hexadecimal digits in text.
public struct AttemptID: Sendable, Hashable {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

    public init(using generator: inout some RandomNumberGenerator) {
        high = generator.next()
        low = generator.next()
    }

    public init?(_ text: some StringProtocol) {
        guard text.utf8.count == 32, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }),
            let high = UInt64(text.prefix(16), radix: 16), let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }
}

extension CallID: CustomStringConvertible {
    public var description: String { hexadecimal(high, low) }
}

extension AttemptID: CustomStringConvertible {
    public var description: String { hexadecimal(high, low) }
}

/// 16 lower-case hexadecimal digits.
public func hexadecimal(_ word: UInt64) -> String {
    String(unsafeUninitializedCapacity: 16) { digits in
        writeHexadecimal(word, to: digits, at: 0)
        return 16
    }
}

private func hexadecimal(_ high: UInt64, _ low: UInt64) -> String {
    String(unsafeUninitializedCapacity: 32) { digits in
        writeHexadecimal(high, to: digits, at: 0)
        writeHexadecimal(low, to: digits, at: 16)
        return 32
    }
}

private func writeHexadecimal(_ word: UInt64, to digits: UnsafeMutableBufferPointer<UInt8>, at start: Int) {
    for position in 0..<16 {
        let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * position)) & 0xF
        digits[start + position] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble
    }
}

/// A fast generator for identifiers and weighted choices (xoshiro256**, Blackman and Vigna 2018). Not for secrets.
public struct QuickRandom: RandomNumberGenerator, Sendable {
    private var a: UInt64, b: UInt64, c: UInt64, d: UInt64

    public init(seededBy source: inout some RandomNumberGenerator) {
        // Xoshiro must not start from zeros only.
        (a, b, c, d) = (source.next() | 1, source.next(), source.next(), source.next())
    }

    public mutating func next() -> UInt64 {
        let product = b &* 5
        let result = (product << 7 | product >> 57) &* 9
        let shifted = b << 17
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= shifted
        d = d << 45 | d >> 19
        return result
    }
}
