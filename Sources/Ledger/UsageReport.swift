public import Core
import GRDB

/// What a usage report can be broken down by.
public enum UsageDimension: String, Sendable, CaseIterable {
    case key, model, endpoint, minute, day, month, tenant, team, `operator`, tier
}

/// The model, endpoint and operator of what was charged by evidence for a send whose hold was lost, and its route with it.
public let unknownRouteName = "unknown (allowance charged)"

/// One line of a usage report.
public struct UsageRow: Sendable, Hashable {
    /// In the order of the dimensions that were asked for; days and months as text in UTC, minutes as RFC 3339.
    public var group: [String]
    /// Attempts that were charged.
    public var calls: Int64
    /// Attempts that cost nothing.
    public var voided: Int64
    /// Those of `calls` whose amount Weir counted or assumed.
    public var estimated: Int64
    /// With what corrections changed in these minutes, as is `charged`.
    public var usage: Usage
    public var charged: MoneyTotal
    public var estimatedCharge: MoneyTotal
    /// Corrections of attempts that ended in these minutes or before.
    public var corrections: Int64
    public var correctedCharge: MoneyTotal

    public init(
        group: [String], calls: Int64, voided: Int64, estimated: Int64, usage: Usage, charged: MoneyTotal,
        estimatedCharge: MoneyTotal, corrections: Int64 = 0, correctedCharge: MoneyTotal = .zero
    ) {
        self.group = group
        self.calls = calls
        self.voided = voided
        self.estimated = estimated
        self.usage = usage
        self.charged = charged
        self.estimatedCharge = estimatedCharge
        self.corrections = corrections
        self.correctedCharge = correctedCharge
    }
}

/// One line of a report of refused calls.
public struct RefusalRow: Sendable, Hashable {
    public var key: String?
    public var code: String
    public var model: String?
    public var count: Int64
}

extension Books {
    /// Calls, tokens and money of the minutes in `from ..< to`, by the dimensions given, in their order.
    public func usage(by dimensions: [UsageDimension], from: Timestamp, to: Timestamp) throws -> [UsageRow] {
        let owners = state.keys.mapValues { ($0.record.tenant, $0.record.team) }
        var rows: [[String]: UsageRow] = [:]
        try queue.read { database in
            let cursor = try Row.fetchCursor(
                database, sql: "SELECT * FROM usage WHERE minute >= ? AND minute < ?",
                arguments: [minute(from, up: false), minute(to, up: true)])
            while let row = try cursor.next() {
                let key: String = row["key"]
                let at = Timestamp(seconds: (row["minute"] as Int64) * 60)
                let group = dimensions.map { dimension -> String in
                    switch dimension {
                    case .key: key
                    case .model: row["model"]
                    case .endpoint: row["endpoint"]
                    case .operator: row["operator"]
                    case .tier: row["tier"]
                    case .minute: at.description
                    case .day: at.date.description
                    case .month: at.month.description
                    case .tenant: owners[key]?.0 ?? ""
                    case .team: owners[key].map { "\($0.0)/\($0.1)" } ?? ""
                    }
                }
                rows[group, default: UsageRow(group)].add(row)
            }
        }
        return rows.values.sorted { $0.group.lexicographicallyPrecedes($1.group) }
    }

    /// Calls that were refused, by key, code and model.
    public func refusals(from: Timestamp, to: Timestamp) throws -> [RefusalRow] {
        try queue.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT key, code, model, SUM(count) AS count FROM refusals WHERE minute >= ? AND minute < ?
                    GROUP BY key, code, model ORDER BY key, code, model
                    """,
                arguments: [minute(from, up: false), minute(to, up: true)]
            ).map { row in
                let (key, model): (String, String) = (row["key"], row["model"])
                return RefusalRow(
                    key: key.isEmpty ? nil : key, code: row["code"], model: model.isEmpty ? nil : model,
                    count: row["count"])
            }
        }
    }

    /// Every line of every account in its current window, as the journal tells it up to the watermark.
    public func balances() -> [(place: Fold.Place, limit: SpendLimit?, balance: Fold.Balance)] {
        let fold = state
        let limits = fold.limits
        return fold.balances.map { place, balance in
            (place, limits[place.account]?.spend.first { $0.period == place.period }, balance)
        }.sorted {
            ($0.place.account.description, $0.place.period.description) < (
                $1.place.account.description, $1.place.period.description
            )
        }
    }
}

/// The minute a moment lies in, or the first that does not begin before it.
private func minute(_ moment: Timestamp, up: Bool) -> Int64 {
    let (quotient, remainder) = moment.nanoseconds.quotientAndRemainder(dividingBy: 60_000_000_000)
    return quotient + (up && remainder > 0 ? 1 : 0)
}

extension UsageRow {
    fileprivate init(_ group: [String]) {
        self.init(
            group: group, calls: 0, voided: 0, estimated: 0, usage: .zero, charged: .zero, estimatedCharge: .zero)
    }

    fileprivate mutating func add(_ row: Row) {
        calls += row["calls"] as Int64
        voided += row["voided"] as Int64
        estimated += row["estimated"] as Int64
        usage = usage.saturatingAdd(Usage(row))
        corrections += row["corrections"] as Int64
        correctedCharge += Money(nanos: row["correctedNanos"])
        charged += Money(nanos: row["nanos"])
        estimatedCharge += Money(nanos: row["estimatedNanos"])
    }
}
