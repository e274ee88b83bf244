import Core
import Ledger
import Yams

// The limits of one account: money over periods, and pace.

private let second: Int64 = 1000
private let day: Int64 = 86_400_000

/// Words that name a period; a calendar period also has a zone, a rolling one its length.
private enum PeriodName: String, CaseIterable { case day, week, month, rolling, total }

/// Reads `monthlyLimit`, `limits` and `pace` of a tenant, a team or a key's template.
func decodeAccountLimits(_ section: Section, _ world: World) -> AccountLimits {
    var limits = AccountLimits()
    if let monthly = money(section, "monthlyLimit") { limits.spend.append(SpendLimit(period: .monthUTC, amount: monthly)) }
    if let node = section.optional("limits") { limits.spend += decodeSpendLimits(node, section, limits.spend, world) }
    limits.pace = section.optionalSection("pace").map(decodePace) ?? .none
    return limits
}

func decodePace(_ section: Section) -> PaceLimit {
    let pace = PaceLimit(
        requestsPerMinute: section.optionalWhole("requests", in: 1...1_000_000_000),
        tokensPerMinute: section.optionalWhole("tokens", in: 1...1_000_000_000_000),
        concurrency: section.optionalWhole("concurrency", in: 1...1_000_000).map(Int.init))
    section.finish()
    if pace.isNone { section.report.error(section.spot, "`pace` limits `requests` or `tokens` a minute, or `concurrency`.") }
    return pace
}

private func decodeSpendLimits(_ node: Node, _ section: Section, _ before: [SpendLimit], _ world: World) -> [SpendLimit] {
    guard case .sequence(let sequence) = node else {
        section.report.error(Spot(node), "`limits` takes a list: `- {period: day, amount: \"50.00\"}`.")
        return []
    }
    if before.count + sequence.count > mostSpendLimits {
        section.report.error(
            Spot(node), "An account has at most \(mostSpendLimits) limits" + (before.isEmpty ? "." : ", `monthlyLimit` included.")
        )
    }
    var limits: [SpendLimit] = []
    for item in sequence {
        guard let entry = Section(item, "a limit", section.report), let limit = decodeSpendLimit(entry, world) else { continue }
        if (before + limits).contains(where: { $0.period == limit.period }) {
            section.report.error(entry.spot, "This account has a limit for the period `\(limit.period)` already.")
            continue
        }
        limits.append(limit)
    }
    return limits
}

private func decodeSpendLimit(_ section: Section, _ world: World) -> SpendLimit? {
    let period = decodePeriod(section, world)
    let amount = section.required("amount").flatMap { section.scalar($0, "amount") }.flatMap { readMoney($0, "amount", section) }
    let grace = section.optionalSection("grace").flatMap(decodeGrace)
    let alerts = section.optional("alerts").flatMap { section.list($0, "alerts") } ?? []
    if alerts.count > mostAlerts { section.report.error(section.spot(of: "alerts"), "A limit has at most \(mostAlerts) alerts.") }
    let percents = alerts.compactMap { text in
        section.value(text) { readQuantity($0, "alerts", Unit.percent, 1...1000) }
    }
    if Set(percents).count < percents.count {
        section.report.error(section.spot(of: "alerts"), "`alerts` names each percentage once.")
    }
    section.finish()
    guard let period, let amount else { return nil }
    return SpendLimit(period: period, amount: amount, grace: grace, alertPercents: percents.map(Int.init).sorted())
}

private func decodePeriod(_ section: Section, _ world: World) -> Period? {
    let name = section.choice("period", PeriodName.self)
    let zone = section.optionalText("zone")
    let over = section.optionalText("over")
    if let zone, name == .rolling || name == .total {
        section.report.error(zone.spot, "`zone` means something for calendar periods only: day, week and month.")
    }
    if let over, let name, name != .rolling {
        section.report.error(over.spot, "`over` means something for `period: rolling` only.")
    }
    switch name {
    case .day, .week, .month:
        guard let zone = readZone(zone, section, world) else { return nil }
        return name == .day ? .day(zone: zone) : name == .week ? .week(zone: zone) : .month(zone: zone)
    case .rolling:
        guard section.required("over", "Write how long: `over: 24h`.") != nil else { return nil }
        let length = section.milliseconds("over", 0, in: (60 * second)...(366 * day))
        return length == 0 ? nil : .rolling(seconds: length / 1000)
    case .total: return .total
    case nil: return nil
    }
}

/// A name of the IANA database that this machine knows; `UTC` when none is written.
private func readZone(_ text: Section.Text?, _ section: Section, _ world: World) -> String? {
    guard let text else { return "UTC" }
    if text.value == "UTC" { return "UTC" }
    guard world.timeZone(text.value) != nil else {
        section.report.error(
            text.spot, "`zone` takes a time zone of the IANA database, such as `Asia/Shanghai`, that this machine has (tzdata).",
            meant: ["utc", "z", "gmt"].contains(text.value.lowercased()) ? "UTC" : nil)
        return nil
    }
    return text.value
}

private func decodeGrace(_ section: Section) -> SpendLimit.Grace? {
    let name = section.value(section.text("name")) { readProse($0, "name", max: 64) }
    let amount = section.required("amount").flatMap { section.scalar($0, "amount") }.flatMap { readMoney($0, "amount", section) }
    section.finish()
    guard let name, let amount else { return nil }
    return SpendLimit.Grace(name: name, amount: amount)
}

private func money(_ section: Section, _ key: String) -> Money? {
    section.optionalText(key).flatMap { readMoney($0, key, section) }
}

private func readMoney(_ text: Section.Text, _ key: String, _ section: Section) -> Money? {
    section.value(text) { text in
        guard let money = Money(dollars: text), money >= .zero else {
            return .wrong("`\(key)` takes US dollars: digits with at most nine decimals, such as \"1000.00\".")
        }
        return .value(money)
    }
}
