public import Core

/// What one line of an invoice counts: one of Weir's meters, or several that the provider bills as one.
public struct MeterSet: Sendable, Hashable {
    public var bits: UInt16

    public init(_ meters: Meter...) { bits = meters.reduce(0) { $0 | 1 << UInt16($1.index) } }

    /// Reads `output+reasoning`; `nil` when a name is no meter.
    public init?(_ text: some StringProtocol) {
        bits = 0
        for name in text.split(separator: "+", omittingEmptySubsequences: false) {
            guard let meter = Meter(rawValue: String(name)) else { return nil }
            bits |= 1 << UInt16(meter.index)
        }
    }

    public func contains(_ meter: Meter) -> Bool { bits & 1 << UInt16(meter.index) != 0 }
    public var meters: [Meter] { Meter.all.filter(contains) }

    func sum(_ usage: Usage) -> Int64 {
        var sum: Int64 = 0
        var rest = bits
        while rest != 0 {
            sum += usage[Meter.all[rest.trailingZeroBitCount]]
            rest &= rest - 1
        }
        return sum
    }
}

extension MeterSet: CustomStringConvertible {
    public var description: String { meters.map(\.rawValue).joined(separator: "+") }
}
