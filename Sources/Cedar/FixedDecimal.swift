/// A number with four digits after the point, exact.
public struct FixedDecimal: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number times 10,000.
    public let tenThousandths: Int64

    private static let fractionDigits = 4

    public init(tenThousandths: Int64) { self.tenThousandths = tenThousandths }

    /// Reads digits, a point and one to four digits, with or without a minus before; nil for anything else and for what does
    /// not fit.
    public init?(_ text: String) {
        var rest = text.utf8[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative { rest.removeFirst() }
        let parts = rest.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, parts[1].count <= Self.fractionDigits else { return nil }
        let zeros = repeatElement(UInt8(ascii: "0"), count: Self.fractionDigits - parts[1].count)
        // Counted below zero, where the one number that has no positive counterpart fits.
        var value: Int64 = 0
        for part in [Array(parts[0]), Array(parts[1]) + zeros] {
            for byte in part {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
                let (next, underflow) = shifted.subtractingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
                guard !overflow, !underflow else { return nil }
                value = next
            }
        }
        if !isNegative {
            guard value != Int64.min else { return nil }
            value = -value
        }
        tenThousandths = value
    }

    public static func < (left: FixedDecimal, right: FixedDecimal) -> Bool { left.tenThousandths < right.tenThousandths }

    /// As `init` reads it again.
    public var description: String {
        let magnitude = tenThousandths.magnitude
        let fraction = String(magnitude % 10_000)
        let zeros = String(repeating: "0", count: Self.fractionDigits - fraction.utf8.count)
        return "\(tenThousandths < 0 ? "-" : "")\(magnitude / 10_000).\(zeros)\(fraction)"
    }
}
