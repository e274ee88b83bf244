/// How fast endpoints answered, by the newest of their own attempts. An endpoint that was never used has no speed here: nothing is
/// assumed of it.
public struct Speeds: Sendable {
    /// Of each model at each endpoint.
    static let samplesMost = 128

    public struct Place: Sendable, Hashable {
        public var endpoint: String
        public var model: String

        public init(endpoint: String, model: String) { (self.endpoint, self.model) = (endpoint, model) }
    }

    /// One answered attempt.
    public struct Sample: Sendable, Hashable {
        public var outputTokens: Int64
        public var microseconds: Int64
        public var firstTokenMicroseconds: Int64?

        public init(outputTokens: Int64, microseconds: Int64, firstTokenMicroseconds: Int64? = nil) {
            (self.outputTokens, self.microseconds) = (outputTokens, microseconds)
            self.firstTokenMicroseconds = firstTokenMicroseconds
        }
    }

    private var samples: [Place: (newest: [Sample], next: Int)] = [:]

    public init() {}

    mutating func add(_ sample: Sample, at place: Place) {
        var kept = samples.removeValue(forKey: place) ?? ([], 0)
        if kept.newest.count < Self.samplesMost {
            kept.newest.append(sample)
        } else {
            kept.newest[kept.next] = sample
            kept.next = (kept.next + 1) % Self.samplesMost
        }
        samples[place] = kept
    }

    /// nil: the journal has no answered attempt there.
    public func speed(at place: Place) -> Speed? { samples[place].map { Speed($0.newest) } }
}

/// How long one endpoint takes for an answer of so many tokens.
public struct Speed: Sendable, Hashable {
    /// How many attempts say so.
    public var samples: Int
    /// The median of its streams; nil: it answered none.
    public var firstTokenMicroseconds: Int64?
    private var startMicroseconds: Int64
    private var nanosecondsPerToken: Int64

    /// A line through the samples whose slope is the median of the slopes between any two of them (Theil and Sen), so that one slow
    /// answer does not make an endpoint slow.
    init(_ samples: [Speeds.Sample]) {
        self.samples = samples.count
        firstTokenMicroseconds = median(samples.compactMap(\.firstTokenMicroseconds))
        var slopes: [Int64] = []
        for (index, a) in samples.enumerated() {
            for b in samples[..<index] where a.outputTokens != b.outputTokens {
                slopes.append((a.microseconds - b.microseconds) * 1_000 / (a.outputTokens - b.outputTokens))
            }
        }
        let slope = max(0, median(slopes) ?? 0)
        nanosecondsPerToken = slope
        startMicroseconds = max(0, median(samples.map { $0.microseconds - $0.outputTokens * slope / 1_000 }) ?? 0)
    }

    public func microseconds(outputTokens: Int64) -> Int64 { startMicroseconds + outputTokens * nanosecondsPerToken / 1_000 }
}

/// The lower of the two in the middle where there are two.
func median(_ values: [Int64]) -> Int64? { percentile(50, of: values) }

/// The least value that so many percent of all do not exceed; nil of nothing.
func percentile(_ percent: Int, of values: [Int64]) -> Int64? {
    guard !values.isEmpty else { return nil }
    return values.sorted()[max(0, (values.count * percent + 99) / 100 - 1)]
}
