import Core
import Yams

/// What one unit of a currency is in dollars from a day on, as a contract or a bank has it.
struct ExchangeRate {
    var from: CivilDate
    var dollars: ExactDecimal
}

/// The currencies of `currencies`, each with its rates in ascending order of their days.
typealias Currencies = [String: [ExchangeRate]]

func decodeCurrencies(_ section: Section) -> Currencies {
    var currencies: Currencies = [:]
    for entry in section.entries {
        _ = section.optional(entry.name)
        let code = entry.name
        guard code.utf8.count == 3, code.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else {
            section.report.error(entry.spot, "A currency has three capital letters, such as `CNY`.")
            continue
        }
        if code == "USD" {
            section.report.error(entry.spot, "Everything is counted in `USD`, which has no rate.")
            continue
        }
        currencies[code] = rates(entry.value, code, section.report)
    }
    return currencies
}

private func rates(_ node: Node, _ code: String, _ report: Report) -> [ExchangeRate] {
    guard case .sequence(let sequence) = node, !sequence.isEmpty else {
        report.error(
            Spot(node), "A currency takes a list of rates: `- {from: 2026-01-01, usd: \"0.1389\", source: \"contract 7\"}`.")
        return []
    }
    var list: [ExchangeRate] = []
    for item in sequence {
        guard let section = Section(item, "a rate of `\(code)`", report) else { continue }
        let from = section.day("from")
        let dollars = section.value(section.text("usd")) { text -> Reading<ExactDecimal> in
            if let rate = ExactDecimal(text), !rate.isZero { return .value(rate) }
            return .wrong(
                "`usd` takes what one \(code) is in dollars: digits with at most \(ExactDecimal.decimalsMax) decimals, above zero."
            )
        }
        // Nothing is computed with it; a rate that nobody can look up is none.
        _ = section.value(section.text("source")) { readProse($0, "source", max: 200) }
        section.finish()
        guard let from, let dollars else { continue }
        if let last = list.last, from <= last.from {
            report.error(section.spot(of: "from"), "This rate \(ascentProblem(from, last.from)). Dates have to ascend.")
            continue
        }
        list.append(ExchangeRate(from: from, dollars: dollars))
    }
    return list
}

/// What is wrong with a day that does not come after the one before.
func ascentProblem(_ day: CivilDate, _ before: CivilDate) -> String {
    day == before ? "overlaps the one before: both begin on \(day)" : "begins before the one above it"
}

extension Section {
    func day(_ key: String) -> CivilDate? {
        value(text(key)) { text in
            CivilDate(text).map { .value($0) } ?? .wrong("`\(key)` takes a day: `2026-01-31`.")
        }
    }
}
