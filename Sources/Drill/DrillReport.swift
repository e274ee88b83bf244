public import Core

/// What a drill found, per tenant and model and in total. Money is decimal dollars, times are milliseconds.
public struct DrillReport: Sendable, Hashable, Codable {
    public struct Gone: Sendable, Hashable, Codable {
        public var endpoint: String
        public var because: String
    }

    public struct Cost: Sendable, Hashable, Codable {
        /// Of all calls, as it was charged.
        public var was: String
        /// The part of it that calls cost which are answered in the drill.
        public var ofAnswered: String
        /// Of those, in the drill.
        public var would: String
        /// By how much they cost more.
        public var difference: String
        /// Answered calls whose usage has no price where they would go: in no sum but `was`.
        public var unrated: Int
    }

    /// One measure of the calls for which both times are known.
    public struct Time: Sendable, Hashable, Codable {
        public struct Spread: Sendable, Hashable, Codable {
            public var p50: Double
            public var p95: Double
        }

        public var calls: Int
        /// Answered calls of which one of the two is not known.
        public var unknown: Int
        public var was: Spread?
        public var would: Spread?
    }

    public struct Refused: Sendable, Hashable, Codable {
        public var reason: String
        public var detail: String
        public var calls: Int
    }

    public struct Answered: Sendable, Hashable, Codable {
        public var endpoint: String
        public var calls: Int
    }

    public struct Line: Sendable, Hashable, Codable {
        /// Empty in the total.
        public var tenant: String
        public var model: String
        public var calls: Int
        /// Answered where they were answered.
        public var kept: Int
        /// Answered elsewhere.
        public var moved: Int
        public var refused: Int
        public var refusals: [Refused]
        public var answeredAt: [Answered]
        public var cost: Cost
        public var time: Time
        /// Of streams, to the first thing said.
        public var firstToken: Time
        /// Answered, and cut short by what limits leave.
        public var clamped: Int
        /// Calls that had no answer then, or whose end is not known: they count with no cost and no time.
        public var unanswered: Int
        /// Calls that were refused then. Of them the journal keeps no sizes, so they are not played and in no other number.
        public var refusedThen: Int64
    }

    public var without: [Gone]
    public var since: String
    public var until: String
    /// `computed`, or `played` against a simulator.
    public var mode: String
    public var seed: UInt64
    /// How many times faster than then calls were played.
    public var speed: Double?
    public var lines: [Line]
    public var total: Line
    /// Where each figure comes from.
    public var sources: [String: String]
    public var notes: [String]

    /// - Parameter speed: nil: the drill was computed and not played.
    public init(
        _ tally: DrillTally, without: Without, span: Range<Timestamp>, seed: UInt64, speed: Double?, sources: [String: String],
        notes: [String]
    ) {
        self.without = without.gone.map { Gone(endpoint: $0.endpoint, because: "\($0.because.rawValue) \($0.word)") }
        (since, until) = (span.lowerBound.description, span.upperBound.description)
        mode = speed == nil ? "computed" : "played"
        self.seed = seed
        self.speed = speed
        lines = tally.lines
        total = tally.totalLine
        self.sources = sources
        self.notes = notes
    }
}

/// One call and what became of it, added up by tenant and model.
public struct DrillTally: Sendable {
    fileprivate struct Sum {
        var calls = 0
        var kept = 0
        var moved = 0
        var refusals: [Outcome.Refused: Int] = [:]
        var places: [String: Int] = [:]
        var (was, ofAnswered, would) = (MoneyTotal.zero, MoneyTotal.zero, MoneyTotal.zero)
        var unrated = 0
        var times = Times()
        var firsts = Times()
        var clamped = 0
        var unanswered = 0
        var refusedThen: Int64 = 0

        struct Times {
            var was: [Int64] = []
            var would: [Int64] = []
            var unknown = 0

            mutating func add(_ was: Int64?, _ would: Int64?) {
                guard let was, let would else { return unknown += 1 }
                self.was.append(was)
                self.would.append(would)
            }
        }

        mutating func add(_ shape: Shape, _ outcome: Outcome) {
            calls += 1
            was += shape.charged
            if shape.answer == nil { unanswered += 1 }
            switch outcome.fate {
            case .kept: kept += 1
            case .moved: moved += 1
            case .refused(let refused): return refusals[refused, default: 0] += 1
            }
            places[outcome.endpoint ?? "", default: 0] += 1
            if outcome.isClamped { clamped += 1 }
            if let cost = outcome.cost {
                ofAnswered += shape.charged
                would += cost
            } else {
                unrated += 1
            }
            guard shape.answer != nil else { return }
            times.add(shape.microseconds, outcome.microseconds)
            if shape.stream { firsts.add(shape.firstTokenMicroseconds, outcome.firstTokenMicroseconds) }
        }
    }

    private var sums: [ShapeReader.Refused: Sum] = [:]
    private var total = Sum()
    /// nil: all.
    private let tenant: String?

    /// - Parameter tenant: the only one whose calls are told. All are played, since all take from the same quotas.
    public init(tenant: String? = nil) { self.tenant = tenant }

    public var calls: Int { total.calls }

    public mutating func add(_ shape: Shape, _ outcome: Outcome) {
        if let tenant, shape.key.tenant != tenant { return }
        sums[ShapeReader.Refused(tenant: shape.key.tenant, model: shape.model), default: Sum()].add(shape, outcome)
        total.add(shape, outcome)
    }

    /// Calls that were refused when they were made.
    public mutating func add(refusedThen counts: [ShapeReader.Refused: Int64]) {
        for (place, count) in counts where tenant == nil || place.tenant == tenant {
            // Those of nobody, or of no model that is configured, are in the total only.
            if sums[place] != nil || (!place.tenant.isEmpty && !place.model.isEmpty) {
                sums[place, default: Sum()].refusedThen += count
            }
            total.refusedThen += count
        }
    }

    public var lines: [DrillReport.Line] {
        sums.sorted { ($0.key.tenant, $0.key.model) < ($1.key.tenant, $1.key.model) }
            .map { DrillReport.Line($0.key.tenant, $0.key.model, $0.value) }
    }

    public var totalLine: DrillReport.Line { DrillReport.Line("", "", total) }
}

extension DrillReport.Line {
    fileprivate init(_ tenant: String, _ model: String, _ sum: DrillTally.Sum) {
        self.init(
            tenant: tenant, model: model, calls: sum.calls, kept: sum.kept, moved: sum.moved,
            refused: sum.refusals.values.reduce(0, +),
            refusals: sum.refusals.map {
                DrillReport.Refused(reason: $0.key.reason.rawValue, detail: $0.key.detail, calls: $0.value)
            }
            .sorted { (-$0.calls, $0.reason, $0.detail) < (-$1.calls, $1.reason, $1.detail) },
            answeredAt: sum.places.map { DrillReport.Answered(endpoint: $0.key, calls: $0.value) }
                .sorted { (-$0.calls, $0.endpoint) < (-$1.calls, $1.endpoint) },
            cost: DrillReport.Cost(
                was: sum.was.description, ofAnswered: sum.ofAnswered.description, would: sum.would.description,
                difference: (sum.would - sum.ofAnswered).description, unrated: sum.unrated),
            time: DrillReport.Time(sum.times), firstToken: DrillReport.Time(sum.firsts), clamped: sum.clamped,
            unanswered: sum.unanswered, refusedThen: sum.refusedThen)
    }
}

extension DrillReport.Time {
    fileprivate init(_ times: DrillTally.Sum.Times) {
        self.init(
            calls: times.was.count, unknown: times.unknown, was: Spread(times.was), would: Spread(times.would))
    }
}

extension DrillReport.Time.Spread {
    fileprivate init?(_ microseconds: [Int64]) {
        guard let middle = percentile(50, of: microseconds), let high = percentile(95, of: microseconds) else { return nil }
        self.init(p50: Double(middle) / 1_000, p95: Double(high) / 1_000)
    }
}
