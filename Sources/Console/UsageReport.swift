public import Core
public import Ledger

/// Which usage a report counts, and how it is broken down.
public struct UsageQuery: Sendable, Hashable {
    public var by: [UsageDimension]
    /// First and last day in UTC, both counted.
    public var from: CivilDate
    public var to: CivilDate

    public init(by: [UsageDimension], from: CivilDate, to: CivilDate) {
        self.by = by
        self.from = from
        self.to = to
    }

    public var start: Timestamp { from.start }
    /// The moment at which the last day is over.
    public var end: Timestamp { CivilDate(daysSince1970: to.daysSince1970 + 1).start }
}

/// Calls, tokens and money of some days, for people and spreadsheets. Amounts are decimal dollars.
public struct UsageReport: Sendable, Hashable, Codable {
    public struct Line: Sendable, Hashable, Codable {
        /// The value of each dimension that was asked for; empty in the total.
        public var group: [String: String]
        /// Attempts that were charged.
        public var calls: Int64
        /// Attempts that cost nothing.
        public var voided: Int64
        /// Those of `calls` whose amount Weir counted or assumed.
        public var estimatedCalls: Int64
        public var inputTokens: Int64
        public var cachedInputTokens: Int64
        public var outputTokens: Int64
        public var reasoningTokens: Int64
        public var charged: String
        public var estimatedCharge: String
        /// Of the money, in percent with one decimal.
        public var estimatedSharePercent: String
        /// Tokens by meter, all ten; they do not overlap, so their sum is everything that was used.
        public var meters: [String: Int64]
        /// Corrections that were booked in these days, and what they changed; `charged` and `meters` have them in already.
        public var corrections: Int64
        public var correctedCharge: String
    }

    /// The dimensions in the order that was asked for.
    public var by: [String]
    public var from: String
    public var to: String
    public var rows: [Line]
    public var total: Line

    public init(_ query: UsageQuery, _ rows: [UsageRow]) {
        by = query.by.map(\.rawValue)
        from = query.from.description
        to = query.to.description
        let by = by
        self.rows = rows.map { row in
            var one = Sum()
            one.add(row)
            return Line(one, Dictionary(zip(by, row.group)) { first, _ in first })
        }
        var sum = Sum()
        for row in rows { sum.add(row) }
        total = Line(sum, [:])
    }
}

/// Rows of the books added up.
private struct Sum {
    var calls: Int64 = 0
    var voided: Int64 = 0
    var estimated: Int64 = 0
    var usage = Usage.zero
    var charged = MoneyTotal.zero
    var estimatedCharge = MoneyTotal.zero
    var corrections: Int64 = 0
    var correctedCharge = MoneyTotal.zero

    mutating func add(_ row: UsageRow) {
        calls += row.calls
        voided += row.voided
        estimated += row.estimated
        usage = usage + row.usage
        charged = charged + row.charged
        estimatedCharge = estimatedCharge + row.estimatedCharge
        corrections += row.corrections
        correctedCharge = correctedCharge + row.correctedCharge
    }
}

extension UsageReport.Line {
    fileprivate init(_ sum: Sum, _ group: [String: String]) {
        self.group = group
        calls = sum.calls
        voided = sum.voided
        estimatedCalls = sum.estimated
        inputTokens = sum.usage.input
        cachedInputTokens = sum.usage.cachedInput
        outputTokens = sum.usage.output
        reasoningTokens = sum.usage.reasoning
        charged = sum.charged.description
        estimatedCharge = sum.estimatedCharge.description
        let perMille = sum.charged.nanos > 0 ? sum.estimatedCharge.nanos * 1000 / sum.charged.nanos : 0
        estimatedSharePercent = "\(perMille / 10).\(perMille % 10)"
        meters = Dictionary(uniqueKeysWithValues: Meter.allCases.map { ($0.rawValue, sum.usage[$0]) })
        corrections = sum.corrections
        correctedCharge = sum.correctedCharge.description
    }
}
