/// SplitMix64 (Steele, Lea and Flood, 2014): small, seedable, the same on every machine.
struct Randomness: Sendable {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Randomness.mixed(state)
    }

    /// Uniform in 0 ..< 1.
    mutating func unit() -> Double {
        Double(next() >> 11) / 9_007_199_254_740_992.0
    }

    static func mixed(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// FNV-1a, so that the same request gets the same answer in every run.
func fingerprint(_ bytes: some Sequence<UInt8>, from seed: UInt64 = 0xCBF2_9CE4_8422_2325) -> UInt64 {
    var hash = seed
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return hash
}

/// `count` characters of an identifier, drawn from letters and digits.
func identifier(_ count: Int, _ random: inout Randomness) -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
    return String(decoding: (0..<count).map { _ in letters[Int(random.next() % 62)] }, as: UTF8.self)
}

/// A random UUID's text, version 4.
func uuid(_ random: inout Randomness) -> String {
    let hex = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for position in 0..<36 {
        switch position {
        case 8, 13, 18, 23: text.append(UInt8(ascii: "-"))
        case 14: text.append(UInt8(ascii: "4"))
        case 19: text.append(hex[8 + Int(random.next() % 4)])
        default: text.append(hex[Int(random.next() % 16)])
        }
    }
    return String(decoding: text, as: UTF8.self)
}
