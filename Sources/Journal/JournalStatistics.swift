/// What the writer did since the journal was opened.
public struct JournalStatistics: Sendable, Hashable {
    public var commits: UInt64 = 0
    public var entries: UInt64 = 0
    /// Bytes written, filling included.
    public var bytes: UInt64 = 0
    /// Writes or syncs that failed.
    public var failures: UInt64 = 0
    /// From the start of a commit's write to the end of its sync.
    public var syncMicroseconds = LatencyHistogram()

    /// Checkpoints published.
    public var checkpoints: UInt64 = 0
    /// Durable entries that no checkpoint covered yet when the last one was published or tried.
    public var uncoveredEntries: UInt64 = 0
    /// Writes, syncs and reads for the log's files that failed.
    public var logFailures: UInt64 = 0
    /// Why the log's files could not be written the last time, if they still cannot.
    public var logTrouble: String?
    /// Segment files in the folder; those that the log covers are removed.
    public var segments = 0

    public init() {}
}

/// Counts of durations in buckets that grow by an eighth, so a percentile is at most an eighth too high.
public struct LatencyHistogram: Sendable, Hashable {
    /// Eight buckets for each doubling, up to 2³² µs.
    private static let bucketCount = 8 * 30
    public private(set) var total: UInt64 = 0
    public private(set) var sumMicroseconds: UInt64 = 0
    private var buckets = [UInt64](repeating: 0, count: bucketCount)

    public init() {}

    public mutating func add(_ microseconds: UInt64) {
        total += 1
        sumMicroseconds &+= microseconds
        buckets[Self.bucket(of: microseconds)] += 1
    }

    /// The smallest duration that at least this share of all were not longer than; 0 when there are none.
    public func percentile(_ share: Double) -> UInt64 {
        let wanted = UInt64((share * Double(total)).rounded(.up))
        var seen: UInt64 = 0
        for (index, count) in buckets.enumerated() {
            seen += count
            if count > 0, seen >= wanted { return Self.upperBound(ofBucket: index) }
        }
        return 0
    }

    /// How many were not longer than `microseconds`, to the precision of the buckets.
    public func count(through microseconds: UInt64) -> UInt64 {
        buckets[...Self.bucket(of: microseconds)].reduce(0, +)
    }

    private static func bucket(of value: UInt64) -> Int {
        guard value >= 8 else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        let fraction = Int(value >> UInt64(exponent - 3)) & 7
        return min(8 * (exponent - 2) + fraction, bucketCount - 1)
    }

    private static func upperBound(ofBucket index: Int) -> UInt64 {
        guard index >= 8 else { return UInt64(index) }
        let exponent = UInt64(index / 8 + 2)
        let step = UInt64(1) << (exponent - 3)
        return (UInt64(1) << exponent) + UInt64(index % 8) * step + step - 1
    }
}
