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
        self.rows = rows.map { Line($0, query.by) }
        var sum = UsageRow(
            group: [], calls: 0, voided: 0, estimated: 0, usage: .zero, charged: .zero, estimatedCharge: .zero)
        for row in rows {
            sum.calls += row.calls
            sum.voided += row.voided
            sum.estimated += row.estimated
            sum.usage = sum.usage + row.usage
            sum.charged = sum.charged + row.charged
            sum.estimatedCharge = sum.estimatedCharge + row.estimatedCharge
        }
        total = Line(sum, [])
    }
}

extension UsageReport.Line {
    fileprivate init(_ row: UsageRow, _ by: [UsageDimension]) {
        group = Dictionary(zip(by.map(\.rawValue), row.group)) { first, _ in first }
        calls = row.calls
        voided = row.voided
        estimatedCalls = row.estimated
        inputTokens = row.usage.input
        cachedInputTokens = row.usage.cachedInput
        outputTokens = row.usage.output
        reasoningTokens = row.usage.reasoning
        charged = row.charged.description
        estimatedCharge = row.estimatedCharge.description
        let perMille = row.charged.nanos > 0 ? row.estimatedCharge.nanos * 1000 / row.charged.nanos : 0
        estimatedSharePercent = "\(perMille / 10).\(perMille % 10)"
    }
}
