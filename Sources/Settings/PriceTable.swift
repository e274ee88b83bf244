import Core
import Ledger

/// List prices as somebody has gathered them: `share/prices.json`. Contracts in the configuration start from its rows.
struct PriceTable {
    enum Row {
        /// Its day of effect is the configuration's to say. `writesAreInput`: what is written to the cache is billed as input.
        case price(Price, writesAreInput: Bool)
        /// Why it cannot price a call.
        case refused(String)
    }

    private var rows: [String: Row] = [:]

    subscript(id: String) -> Row? { rows[id] }
    var ids: [String] { rows.keys.sorted() }
}

extension PriceTable {
    /// Reads a table; nil, with errors that name row and place, when anything in it is not as it should be.
    init?(_ text: String, _ report: Report) {
        let bytes = Array(text.utf8)
        let reader = TableReader(bytes: bytes, report: report)
        do {
            let root = try PlacedJSON.parse(bytes)
            guard let models = root["models"]?.list, root["about"] != nil else {
                report.error(.start, "A price table is an object with `about` and a list `models`.")
                return nil
            }
            for model in models {
                guard let (id, row) = reader.row(model) else { continue }
                if rows.updateValue(row, forKey: id) != nil {
                    reader.error(model, "The row \(quoted(id, or: "of this id")) is there twice.")
                }
            }
        } catch {
            report.error(Spot(offset: error.offset, in: bytes), error.message)
        }
        if !report.errors.isEmpty { return nil }
    }
}

/// Turns rows into prices, by the form that share/prices.json has.
private struct TableReader {
    let bytes: [UInt8]
    let report: Report

    func error(_ value: PlacedJSON, _ message: String) { report.error(Spot(offset: value.offset, in: bytes), message) }

    private static let rowKeys: Set = [
        "id", "provider", "model", "mode", "zone", "maxInput", "maxOutput", "dimensions", "usdPerMTok", "longContext", "tiers",
        "offPeak", "uplift", "regionalUplift", "endpoints", "supports", "deprecation", "source",
    ]

    func row(_ value: PlacedJSON) -> (id: String, PriceTable.Row)? {
        guard let members = value.members, let id = value["id"]?.text, let mode = value["mode"]?.text else {
            error(value, "A row of a price table is an object with `id` and `mode`.")
            return nil
        }
        let name = quoted(id, or: "this row")
        for member in members where !Self.rowKeys.contains(member.name) {
            report.error(
                Spot(offset: member.offset, in: bytes),
                "\(quoted(member.name, or: "This")) is not a key of a row (\(name)): it could change what a call costs.")
        }
        switch mode {
        case "chat", "responses", "embedding": break
        case "rerank": return (id, .refused("is billed by search and not by token"))
        default:
            error(value["mode"] ?? value, "\(name) is of a mode that Weir cannot price.")
            return nil
        }
        let makesNoOutput = mode == "embedding"
        let brackets = brackets(value, name, makesNoOutput)
        guard !brackets.isEmpty else { return (id, .refused("has no price by token")) }
        let price = Price(
            from: CivilDate(daysSince1970: 0), brackets: brackets, offPeak: offPeak(value, name),
            makesNoOutput: makesNoOutput)
        // OpenAI's models have a price for cache writes only where they are dearer than input; they count them in any case.
        let isOpenAI = ["openai", "azure"].contains(value["provider"]?.text)
        let hasWrites = brackets.contains { $0.tiers.values.contains { $0[.cacheWrite] != nil } }
        return (id, .price(price, writesAreInput: isOpenAI && !hasWrites))
    }

    private func brackets(_ row: PlacedJSON, _ name: String, _ makesNoOutput: Bool) -> [Price.Bracket] {
        if let tiers = row["tiers"] {
            if let other = row["usdPerMTok"] ?? row["longContext"] {
                error(other, "\(name) has tiers, and a price beside them that overlaps them.")
            }
            return lengthTiers(tiers, name)
        }
        guard let base = row["usdPerMTok"] else { return [] }
        var brackets = [Price.Bracket(tiers: rates(base, name, makesNoOutput))]
        if let long = row["longContext"] {
            guard let above = long["aboveTokens"]?.whole, above > 0, let prices = long["usdPerMTok"] else {
                error(long, "`longContext` of \(name) takes `aboveTokens` and `usdPerMTok`.")
                return brackets
            }
            brackets.append(Price.Bracket(aboveInputTokens: above, tiers: rates(prices, name, makesNoOutput)))
        }
        return brackets
    }

    /// Each tier has to begin where the one before it ends.
    private func lengthTiers(_ tiers: PlacedJSON, _ name: String) -> [Price.Bracket] {
        var brackets: [Price.Bracket] = []
        var end: Int64 = 0
        for tier in tiers.list ?? [] {
            guard let from = tier["fromTokens"]?.whole, let to = tier["toTokens"]?.whole, to > from,
                let prices = tier["usdPerMTok"]
            else {
                error(tier, "A tier of \(name) takes `fromTokens`, a greater `toTokens` and `usdPerMTok`.")
                continue
            }
            if from < end { error(tier, "A tier of \(name) overlaps the one before it.") }
            if from > end { error(tier, "Between a tier of \(name) and the one before it there is a gap.") }
            end = to
            brackets.append(Price.Bracket(aboveInputTokens: from, tiers: rates(prices, name, false)))
        }
        if brackets.isEmpty { error(tiers, "`tiers` of \(name) is a list of at least one tier.") }
        return brackets
    }

    private static let meters: [String: (ServiceTier, Meter)] = [
        "input": (.standard, .input), "cachedInput": (.standard, .cachedInput), "cacheWrite": (.standard, .cacheWrite),
        "cacheWrite1h": (.standard, .cacheWriteHour), "output": (.standard, .output),
        "reasoningOutput": (.standard, .reasoning), "audioInput": (.standard, .audioInput),
        "audioOutput": (.standard, .audioOutput), "batchInput": (.batch, .input), "batchOutput": (.batch, .output),
        "batchCachedInput": (.batch, .cachedInput), "flexInput": (.flex, .input), "flexOutput": (.flex, .output),
        "flexCachedInput": (.flex, .cachedInput), "priorityInput": (.priority, .input),
        "priorityOutput": (.priority, .output), "priorityCachedInput": (.priority, .cachedInput),
    ]

    /// Zeros are kept: they mean unknown until somebody attests them.
    private func rates(_ value: PlacedJSON, _ name: String, _ makesNoOutput: Bool) -> [ServiceTier: Rates] {
        var tiers: [ServiceTier: Rates] = [:]
        guard let members = value.members else {
            error(value, "`usdPerMTok` of \(name) is an object.")
            return tiers
        }
        for member in members {
            guard let (tier, meter) = Self.meters[member.name] else {
                error(member.value, "\(quoted(member.name, or: "This")) is no meter that Weir knows (\(name)).")
                continue
            }
            guard let text = member.value.text, let price = TokenPrice(dollarsPerMillion: text) else {
                error(
                    member.value,
                    "`\(member.name)` of \(name) takes dollars per million tokens as text, with at most six decimals.")
                continue
            }
            // An embedding's output is written as 0; it has none.
            if makesNoOutput, meter == .output { continue }
            tiers[tier, default: Rates()][meter] = price
        }
        return tiers
    }

    private func offPeak(_ row: PlacedJSON, _ name: String) -> Price.OffPeak? {
        guard let value = row["offPeak"] else { return nil }
        guard let prices = value["usdPerMTok"], let rates = rates(prices, name, false)[.standard],
            let list = value["windowsUTC"]?.list
        else {
            error(value, "`offPeak` of \(name) takes `usdPerMTok` and `windowsUTC`.")
            return nil
        }
        var windows: [Price.OffPeak.Window] = []
        for item in list {
            let days = (item["weekdays"]?.list ?? []).compactMap(\.whole)
            let hours = item["hours_utc"].map { $0.list ?? [$0] } ?? []
            guard !days.isEmpty, days.allSatisfy({ (1...7).contains($0) }), !hours.isEmpty else {
                error(item, "A window of \(name) takes `weekdays` from 1 to 7 and `hours_utc`.")
                continue
            }
            for span in hours {
                guard let found = offPeakWindows(span.text ?? "", weekdays: Set(days.map { Int($0) })) else {
                    error(span, "Hours of \(name) are written as `22:00-06:00`.")
                    continue
                }
                windows += found
            }
        }
        return Price.OffPeak(windows: windows, rates: rates)
    }
}

/// Windows of hours such as `22:00-06:00` on some weekdays: past midnight they reach into the day after. `00:00-00:00` is the whole
/// day; any other span that ends where it begins says nothing, and is nil.
func offPeakWindows(_ hours: String, weekdays: Set<Int>) -> [Price.OffPeak.Window]? {
    let ends = hours.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let from = minuteOfDay(ends[0]), let to = minuteOfDay(ends[1]), from < 1440 else { return nil }
    let end = to == 0 ? 1440 : to
    if from < end { return [Price.OffPeak.Window(weekdays: weekdays, fromMinute: from, toMinute: end)] }
    guard from > end else { return nil }
    return [
        Price.OffPeak.Window(weekdays: weekdays, fromMinute: from, toMinute: 1440),
        Price.OffPeak.Window(weekdays: Set(weekdays.map { $0 % 7 + 1 }), fromMinute: 0, toMinute: end),
    ]
}

private func minuteOfDay(_ text: Substring) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }), let hour = digits(parts[0]), let minute = digits(parts[1]),
        minute < 60, hour < 24 || (hour == 24 && minute == 0)
    else { return nil }
    return Int(hour * 60 + minute)
}
