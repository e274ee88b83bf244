public import Core

/// Why limits cannot be taken.
public enum LimitsError: Error, Sendable, Hashable {
    /// Two limits for one period.
    case twice(Period)
    /// A rolling period of no or negative length, an alert that is no percent, or an amount below zero.
    case value(Period)
    /// A zone that this machine does not know.
    case unknownZone(String)
    /// More than this many limits on one account.
    case tooMany(Int)
}

/// Money limits of one account, and alerts of one limit. Whoever reads limits from people refuses the same.
public let mostSpendLimits = 16
public let mostAlerts = 8
/// Of a grace's name, in bytes.
let longestGraceName = 64

extension AccountLimits {
    /// What is wrong with them, if anything; `zones` are those that have a calendar.
    func problem(zones: [String: CivilZone]) -> LimitsError? {
        if spend.count > mostSpendLimits { return .tooMany(mostSpendLimits) }
        var periods: Set<Period> = []
        for limit in spend {
            if !periods.insert(limit.period).inserted { return .twice(limit.period) }
            if let zone = limit.period.zone, zone != "UTC", zones[zone] == nil { return .unknownZone(zone) }
            if case .rolling(let seconds) = limit.period, seconds <= 0 { return .value(limit.period) }
            let graceIsRight = limit.grace.map { $0.amount >= .zero && $0.name.utf8.count <= longestGraceName } ?? true
            guard limit.amount >= .zero, graceIsRight, limit.alertPercents.count <= mostAlerts,
                limit.alertPercents.allSatisfy({ (1...1000).contains($0) }),
                zip(limit.alertPercents, limit.alertPercents.dropFirst()).allSatisfy({ $0 < $1 })
            else { return .value(limit.period) }
        }
        return nil
    }
}
