import Core
import Ledger
import Yams

/// The price lists: each a sequence of prices that follow one another in time.
func decodePrices(_ section: Section) -> [String: [Price]] {
    var lists: [String: [Price]] = [:]
    for member in section.members("a price list", .model) {
        // A list that cannot be read still exists, so that the endpoints which name it are not blamed.
        lists[member.name] = prices(member.value, member.name, section.report)
    }
    return lists
}

private func prices(_ node: Node, _ name: String, _ report: Report) -> [Price] {
    guard case .sequence(let sequence) = node else {
        report.error(
            Spot(node), "A price list takes a list of prices: `- {from: 2026-01-01, input: \"2.50\", output: \"10.00\"}`.")
        return []
    }
    if sequence.isEmpty { report.error(Spot(node), "A price list needs at least one price: a missing price is a refusal.") }
    var list: [Price] = []
    for item in sequence {
        guard let section = Section(item, "a price of \(quoted(name, or: "this list"))", report) else { continue }
        guard let price = decodePrice(section) else { continue }
        if let last = list.last, price.from <= last.from {
            let problem =
                price.from == last.from
                ? "overlaps the one before: both begin on \(price.from)" : "begins before the one above it"
            report.error(section.spot(of: "from"), "This price \(problem). Dates have to ascend.")
            continue
        }
        list.append(price)
    }
    return list
}

private func decodePrice(_ section: Section) -> Price? {
    let from = section.value(section.text("from")) { text in
        CivilDate(text).map { .value($0) } ?? .wrong("`from` takes a day: `2026-01-31`.")
    }
    let input = section.value(section.text("input")) { readPrice($0, "input") }
    let cached = section.value(section.optionalText("cachedInput")) { readPrice($0, "cachedInput") }
    let output = section.value(section.text("output")) { readPrice($0, "output") }
    let attested = section.value(section.optionalText("attested"), readAttestation)
    section.finish()
    guard let from, let input, let output else { return nil }
    let price = Price(from: from, input: input, cachedInput: cached ?? input, output: output, attested: attested)
    if !section.has("attested"),
        let zero = [("input", input), ("cachedInput", cached ?? input), ("output", output)].first(where: { $0.1.picos == 0 })
    {
        section.report.error(
            section.spot(of: zero.0), "A price of zero counts as unknown. If it is free, add `attested: \"name, 2026-01-31\"`.")
    }
    return price
}

private func readPrice(_ text: String, _ key: String) -> Reading<TokenPrice> {
    if let price = TokenPrice(dollarsPerMillion: text) { return .value(price) }
    return .wrong("`\(key)` takes dollars per million tokens: digits with at most six decimals, such as \"2.50\".")
}

private func readAttestation(_ text: String) -> Reading<String> {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    guard parts.count >= 2, let last = parts.last, CivilDate(last.trimmingSpaces) != nil,
        !parts[0].trimmingSpaces.isEmpty, case .value = readProse(text, "attested", max: 200)
    else { return .wrong("`attested` takes who says that it is free, and when: \"Ada Lovelace, 2026-01-31\".") }
    return .value(text)
}
