import Core

/// Counts of one event loop: plain values that only the loop touches; the admin side asks each loop for a copy.
public struct LoopMetrics: Sendable {
    /// Seconds; OpenTelemetry's advice for `gen_ai.server.request.duration` (semantic-conventions-genai).
    public static let durationBuckets: [Double] = [
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    ]

    public struct Histogram: Sendable {
        public var counts = [UInt64](repeating: 0, count: LoopMetrics.durationBuckets.count + 1)
        public var sumSeconds = 0.0

        mutating func add(nanoseconds: Int64) {
            let seconds = Double(nanoseconds) / 1e9
            sumSeconds += seconds
            counts[LoopMetrics.durationBuckets.firstIndex { seconds <= $0 } ?? LoopMetrics.durationBuckets.count] += 1
        }

        mutating func add(_ other: Histogram) {
            sumSeconds += other.sumSeconds
            for index in counts.indices { counts[index] += other.counts[index] }
        }
    }

    /// What happened at one endpoint.
    public struct EndpointCounts: Sendable {
        public var attempts: UInt64 = 0
        public var answered: UInt64 = 0
        public var failed: UInt64 = 0
        public var throttled: UInt64 = 0
        public var usage = Usage.zero
        public var regions = RegionCounts()
        public var duration = Histogram()
        public var firstByte = Histogram()
    }

    public var endpoints: [String: EndpointCounts] = [:]
    /// Refusals and failures that callers saw, by code.
    public var failures: [String: UInt64] = [:]
    public var calls: UInt64 = 0
    public var connections = 0
    public var callsInFlight = 0
    public var callersGone: UInt64 = 0
    public var upstreamConnections = 0
    public var clippedOutputs: UInt64 = 0
    /// Holds that grew while their stream ran past them.
    public var lengthenedHolds: UInt64 = 0
    /// Streams that were ended because no more could be held for them.
    public var stoppedStreams: UInt64 = 0
    /// Usages of a meter or tier without a price, settled at their hold.
    public var unpricedUsages: UInt64 = 0
    public var tokenizedEstimates: UInt64 = 0
    public var byteEstimates: UInt64 = 0
    /// Answers without a caller that were given up because too many of them were read on.
    public var givenUpDrains: UInt64 = 0
    /// Second attempts that started beside a slow first one, and those of them that answered.
    public var hedges: UInt64 = 0
    public var hedgesWon: UInt64 = 0

    public init() {}

    public mutating func add(_ other: LoopMetrics) {
        for (name, counts) in other.endpoints {
            var sum = endpoints[name] ?? EndpointCounts()
            sum.attempts += counts.attempts
            sum.answered += counts.answered
            sum.failed += counts.failed
            sum.throttled += counts.throttled
            sum.regions.add(counts.regions)
            sum.usage = sum.usage + counts.usage
            sum.duration.add(counts.duration)
            sum.firstByte.add(counts.firstByte)
            endpoints[name] = sum
        }
        failures.merge(other.failures, uniquingKeysWith: +)
        calls += other.calls
        connections += other.connections
        callsInFlight += other.callsInFlight
        callersGone += other.callersGone
        upstreamConnections += other.upstreamConnections
        clippedOutputs += other.clippedOutputs
        lengthenedHolds += other.lengthenedHolds
        stoppedStreams += other.stoppedStreams
        unpricedUsages += other.unpricedUsages
        tokenizedEstimates += other.tokenizedEstimates
        byteEstimates += other.byteEstimates
        givenUpDrains += other.givenUpDrains
        hedges += other.hedges
        hedgesWon += other.hedgesWon
    }
}
