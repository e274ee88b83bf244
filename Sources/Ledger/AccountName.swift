public import Core

/// A node of the tree that money is counted on: tenant → team → key.
public enum AccountName: Sendable, Hashable {
    case tenant(String)
    case team(tenant: String, team: String)
    /// A key, by its public identifier.
    case key(String)
}

extension AccountName: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tenant(let tenant): "tenant \(tenant)"
        case .team(let tenant, let team): "team \(tenant)/\(team)"
        case .key(let id): "key \(id)"
        }
    }
}

/// A calendar month (UTC) as one number, so that windows compare and step cheaply: months since the year 0.
public struct Window: Sendable, Hashable, Comparable {
    public var months: Int32

    public init(months: Int32) { self.months = months }
    public init(_ month: Month) { months = Int32(clamping: month.year * 12 + month.month - 1) }

    public var month: Month { Month(year: Int(months) / 12, month: Int(months) % 12 + 1) }
    /// The first moment of the next window: when a limit that is used up counts from zero again.
    public var end: Timestamp { month.next.start }

    public static func < (a: Window, b: Window) -> Bool { a.months < b.months }
}

extension Window: CustomStringConvertible {
    public var description: String { month.description }
}
