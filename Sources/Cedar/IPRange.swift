/// One IP address or a network of them, of version 4 or 6. An address and the network of the same digits differ, and so do two
/// spellings of one network: `10.0.0.1/8` is not `10.0.0.0/8`.
public struct IPRange: Hashable, Sendable, CustomStringConvertible {
    public let isV6: Bool
    /// The address, in the low 32 bits for version 4.
    public let bits: UInt128
    /// How many leading bits are the network's: 32 or 128 for a single address.
    public let prefixLength: Int

    /// The longest spelling: eight groups of four digits and a prefix.
    private static let spellingLengthMax = 43

    /// Reads an address or a network; nil when it is neither. Version 4 inside of version 6 is not taken.
    public init?(_ text: String) {
        guard text.utf8.count <= Self.spellingLengthMax else { return nil }
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
        if let bits = Self.versionFour(parts[0]) {
            isV6 = false
            self.bits = bits
        } else if let bits = Self.versionSix(parts[0]) {
            isV6 = true
            self.bits = bits
        } else {
            return nil
        }
        let width = isV6 ? 128 : 32
        guard parts.count == 2 else {
            prefixLength = width
            return
        }
        guard let length = Self.number(parts[1], digitsMax: isV6 ? 3 : 2), length <= width else { return nil }
        prefixLength = length
    }

    private init(isV6: Bool, bits: UInt128, prefixLength: Int) {
        self.isV6 = isV6
        self.bits = bits
        self.prefixLength = prefixLength
    }

    /// A number without leading zeros.
    private static func number(_ digits: Substring.UTF8View, digitsMax: Int) -> Int? {
        guard !digits.isEmpty, digits.count <= digitsMax, digits.first != UInt8(ascii: "0") || digits.count == 1 else {
            return nil
        }
        var value = 0
        for byte in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return value
    }

    private static func versionFour(_ text: Substring.UTF8View) -> UInt128? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt128 = 0
        for part in parts {
            guard let value = number(part, digitsMax: 3), value <= 255 else { return nil }
            bits = bits << 8 | UInt128(value)
        }
        return bits
    }

    private static func versionSix(_ text: Substring.UTF8View) -> UInt128? {
        let groups = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard groups.count >= 3 else { return nil }
        var values: [UInt128] = []
        /// Where `::` stands among the values.
        var gap: Int?
        for (index, group) in groups.enumerated() {
            if group.isEmpty {
                // An empty group at either end is one half of a `::` there; its other half is next to it.
                if index == 0 {
                    guard groups[1].isEmpty else { return nil }
                    continue
                }
                if index == groups.count - 1 {
                    guard groups[index - 1].isEmpty else { return nil }
                    continue
                }
                guard gap == nil else { return nil }
                gap = values.count
                continue
            }
            guard group.count <= 4 else { return nil }
            var value: UInt128 = 0
            for byte in group {
                guard let digit = hexDigit(byte) else { return nil }
                value = value << 4 | UInt128(digit)
            }
            values.append(value)
        }
        if let gap {
            guard values.count < 8 else { return nil }
            values.insert(contentsOf: repeatElement(0, count: 8 - values.count), at: gap)
        }
        guard values.count == 8 else { return nil }
        return values.reduce(0) { $0 << 16 | $1 }
    }

    private var width: Int { isV6 ? 128 : 32 }

    /// The bits of which the members of this network differ.
    private var hostMask: UInt128 {
        let length = width - prefixLength
        return length == 128 ? UInt128.max : (UInt128(1) << UInt128(length)) - 1
    }

    /// Whether every address of this is one of the other's.
    public func isWithin(_ other: IPRange) -> Bool {
        guard isV6 == other.isV6 else { return false }
        return bits & ~hostMask >= other.bits & ~other.hostMask && bits | hostMask <= other.bits | other.hostMask
    }

    /// Whether every address of this is a machine's own: `127.0.0.0/8`, `::1`.
    public var isLoopback: Bool {
        isWithin(isV6 ? IPRange(isV6: true, bits: 1, prefixLength: 128) : IPRange(isV6: false, bits: 127 << 24, prefixLength: 8))
    }

    /// Whether every address of this is for many receivers: `224.0.0.0/4`, `ff00::/8`.
    public var isMulticast: Bool {
        isWithin(
            isV6
                ? IPRange(isV6: true, bits: 0xFF << 120, prefixLength: 8) : IPRange(isV6: false, bits: 224 << 24, prefixLength: 4)
        )
    }

    /// As `init` reads it again; zeros of version 6 are written out.
    public var description: String {
        let address =
            isV6
            ? stride(from: 112, through: 0, by: -16).map { String(bits >> UInt128($0) & 0xFFFF, radix: 16) }.joined(
                separator: ":")
            : stride(from: 24, through: 0, by: -8).map { String(bits >> UInt128($0) & 0xFF) }.joined(separator: ".")
        return prefixLength == width ? address : "\(address)/\(prefixLength)"
    }
}
