public import Core

/// An invoice's total divided over those who used it, so that the parts sum to the bill exactly.
public struct Chargeback: Sendable, Hashable {
    public struct Part: Sendable, Hashable {
        /// The values it is broken down by: tenant, team, key or model.
        public var group: [String]
        /// As the ledger charged it.
        public var charged: MoneyTotal
        /// Its part of the bill, in the bill's currency.
        public var part: Amount
    }

    public var by: [String]
    public var currency: String
    public var total: Amount
    public var parts: [Part]

    /// Divides by what the ledger charged, in units of so many decimals; groups that were charged nothing pay nothing, unless
    /// nobody was charged anything. The order of the parts is that of their groups, so that a tie falls the same way each time.
    ///
    /// `nil` when the total has more decimals than the units, or a group was charged less than nothing.
    public init?(
        total: Amount, currency: String, decimals: Int = 2, by: [String], _ groups: [(group: [String], charged: MoneyTotal)]
    ) {
        guard (0...Amount.decimals).contains(decimals) else { return nil }
        let (units, rest) = total.units.quotientAndRemainder(dividingBy: powerOfTen(Amount.decimals - decimals))
        guard rest == 0, groups.allSatisfy({ $0.charged.nanos >= 0 }) else { return nil }
        self.by = by
        self.currency = currency
        self.total = total
        let groups = groups.sorted { $0.group.lexicographicallyPrecedes($1.group) }
        let shares = apportion(units, groups.map(\.charged.nanos))
        parts = zip(groups, shares).map { group, share in
            Part(
                group: group.group, charged: group.charged,
                part: Amount(units: share * powerOfTen(Amount.decimals - decimals)))
        }
    }

    /// A last row is the total.
    public var table: ReportTable {
        let rows = parts.map { $0.group + [$0.charged.description, $0.part.description, currency] }
        let charged = parts.reduce(MoneyTotal.zero) { $0 + $1.charged }
        let labels = by.indices.map { $0 == 0 ? "total" : "" }
        return ReportTable(
            columns: by + ["charged", "part", "currency"],
            rows: rows + [labels + [charged.description, total.description, currency]])
    }
}
