import Core
import Ledger
import Yams

/// What price lists may refer to.
final class PriceSources {
    let currencies: Currencies
    private let world: World
    private let report: Report
    /// Tables by the path that the configuration gives; nil for one that cannot be read, which is reported once.
    private var tables: [String: PriceTable?] = [:]

    init(currencies: Currencies, world: World, report: Report) {
        self.currencies = currencies
        self.world = world
        self.report = report
    }

    /// The table that a price takes its row from. It is read when the first price asks for it: a configuration that states all its
    /// prices needs none.
    func table(_ file: String?, at spot: Spot) -> PriceTable? {
        let key = file ?? ""
        if let known = tables[key] { return known }
        let table = read(file, spot)
        tables[key] = .some(table)
        return table
    }

    private func read(_ file: String?, _ spot: Spot) -> PriceTable? {
        guard let path = file.map(world.path) ?? shareFile("prices.json", environment: world.environment) else {
            report.error(spot, "The price table `prices.json` is not found: set WEIR_SHARE to the folder `share` of Weir.")
            return nil
        }
        let text: String
        do {
            text = try world.readFile(path)
        } catch {
            report.error(spot, "The price table cannot be read: \((error as? FileProblem)?.description ?? path).")
            return nil
        }
        let problems = Report(file: path)
        let table = PriceTable(text, problems)
        report.adopt(problems)
        return table
    }
}

/// The price lists: each a sequence of prices that follow one another in time.
func decodePrices(_ section: Section, _ sources: PriceSources) -> [String: [Price]] {
    var lists: [String: [Price]] = [:]
    for member in section.members("a price list", .model) {
        // A list that cannot be read still exists, so that the endpoints which name it are not blamed.
        lists[member.name] = prices(member.value, member.name, section.report, sources)
    }
    return lists
}

private func prices(_ node: Node, _ name: String, _ report: Report, _ sources: PriceSources) -> [Price] {
    guard case .sequence(let sequence) = node else {
        report.error(
            Spot(node), "A price list takes a list of prices: `- {from: 2026-01-01, input: \"2.50\", output: \"10.00\"}`.")
        return []
    }
    if sequence.isEmpty { report.error(Spot(node), "A price list needs at least one price: a missing price is a refusal.") }
    var list: [(stated: StatedPrice, section: Section)] = []
    for item in sequence {
        guard let section = Section(item, "a price of \(quoted(name, or: "this list"))", report) else { continue }
        guard let price = decodePrice(section, sources) else { continue }
        if let last = list.last?.stated, price.from <= last.from {
            report.error(
                section.spot(of: "from"), "This price \(ascentProblem(price.from, last.from)). Dates have to ascend.")
            continue
        }
        list.append((price, section))
    }
    return list.indices.flatMap { index in
        let until = index + 1 < list.count ? list[index + 1].stated.from : nil
        return convert(list[index].stated, until: until, name, list[index].section, sources)
    }
}

/// The price in dollars: one entry, and one more for each new exchange rate while it holds.
private func convert(
    _ stated: StatedPrice, until: CivilDate?, _ name: String, _ section: Section, _ sources: PriceSources
) -> [Price] {
    var steps = [(from: stated.from, rate: ExactDecimal.one)]
    if let currency = stated.currency {
        let rates = sources.currencies[currency] ?? []
        guard let current = rates.last(where: { $0.from <= stated.from }) else {
            section.report.error(
                section.spot(of: "currency"),
                "`currencies` has no rate of `\(currency)` for \(stated.from), when this price begins.")
            return []
        }
        steps[0].rate = current.dollars
        steps += rates.filter { $0.from > stated.from && $0.from < until ?? CivilDate(year: 9999, month: 12, day: 31) }
            .map { ($0.from, $0.dollars) }
    }
    return steps.compactMap { step in
        let entry = stated.priced(from: step.from, rate: step.rate)
        guard entry.tooLarge.isEmpty else {
            section.report.error(section.spot, "A price is too large to count with: \(words(entry.tooLarge)).")
            return nil
        }
        if !entry.rounded.isEmpty {
            section.report.note(
                "price \(name) from \(step.from): rounded half-even to six decimals of a dollar a million tokens: "
                    + words(entry.rounded))
        }
        return entry.price
    }
}

private func words(_ meters: Set<Meter>) -> String {
    Meter.allCases.filter(meters.contains).map(\.rawValue).joined(separator: ", ")
}

private func decodePrice(_ section: Section, _ sources: PriceSources) -> StatedPrice? {
    let from = section.day("from")
    var price = StatedPrice(from: from ?? CivilDate(daysSince1970: 0))
    let seed = section.optionalText("seed")
    let file = section.value(section.optionalText("file")) { readPath($0, "file") }
    if let seed {
        guard let row = seedRow(seed, file, section, sources) else {
            section.askForAll()
            return nil
        }
        (price.seed, price.writesAreInput) = row
    }
    for key in ["file", "discount", "uplift"] where seed == nil && section.has(key) {
        section.report.error(
            section.spot(of: key), "`\(key)` needs a `seed` that it applies to: a price that is stated is paid as it is.")
    }
    price.factor = factor(section)
    price.currency = section.value(section.optionalText("currency")) { code in
        if code == "USD" { return .wrong("`currency` is left out for dollars.") }
        return sources.currencies[code] != nil
            ? .value(code)
            : .wrong("`currency` has to be one of `currencies`.", meant: likely(code, among: Array(sources.currencies.keys)))
    }
    price.attested = section.value(section.optionalText("attested"), readAttestation)
    let isAttested = section.has("attested")
    let listed = price.seed?.brackets[0].tiers[.standard]
    price.base = section.rates(needed: section.needs(listed, price.seed), attested: isAttested)
    price.tiers = section.tiers(over: price.seed?.brackets[0], price.seed, attested: isAttested)
    price.above = decodeAbove(section, price.seed, attested: isAttested)
    price.offPeak = section.optionalSection("offPeak").flatMap { decodeOffPeak($0, attested: isAttested) }
    section.finish()
    guard from != nil, section.isWhole(price) else { return nil }
    return price
}

/// The row that `seed` names, when it prices tokens.
private func seedRow(_ id: Section.Text, _ file: String?, _ section: Section, _ sources: PriceSources) -> (Price, Bool)? {
    guard let table = sources.table(file, at: id.spot) else { return nil }
    switch table[id.value] {
    case .price(let price, let writesAreInput): return (price, writesAreInput)
    case .refused(let why):
        section.report.error(id.spot, "\(quoted(id.value, or: "This row")) \(why): it cannot price a call.")
    case nil:
        section.report.error(
            id.spot, "The price table has no row \(quoted(id.value, or: "of this id")).",
            meant: likely(id.value, among: table.ids))
    }
    return nil
}

private func factor(_ section: Section) -> ExactDecimal {
    let kept = section.value(section.optionalText("discount")) { text -> Reading<ExactDecimal> in
        if text.hasSuffix("%"), let percent = ExactDecimal(text.dropLast(), decimalsMax: 4),
            let kept = ExactDecimal(afterDiscount: percent), !kept.isZero
        {
            return .value(kept)
        }
        return .wrong("`discount` takes a share below 100%, with at most four decimals, such as \"8%\".")
    }
    let uplift = section.value(section.optionalText("uplift")) { text -> Reading<ExactDecimal> in
        if let uplift = ExactDecimal(text, decimalsMax: 6), !uplift.isZero { return .value(uplift) }
        return .wrong("`uplift` takes a factor above zero with at most six decimals, such as \"1.10\".")
    }
    return (kept ?? .one).times(uplift ?? .one) ?? .one
}

private func decodeAbove(_ section: Section, _ seed: Price?, attested: Bool) -> [StatedPrice.Above] {
    guard let node = section.optional("above") else { return [] }
    guard case .sequence(let sequence) = node, !sequence.isEmpty else {
        section.report.error(
            Spot(node), "`above` takes a list: `- {inputTokens: 272000, input: \"5.00\", output: \"22.50\"}`.")
        return []
    }
    var list: [StatedPrice.Above] = []
    for item in sequence {
        guard let part = Section(item, "an entry of `above`", section.report) else { continue }
        let tokens = part.whole("inputTokens", in: 1...1_000_000_000)
        let bracket = seed?.brackets.first { $0.aboveInputTokens == tokens }
        let base = part.rates(needed: part.needs(bracket?.tiers[.standard], seed), attested: attested)
        let tiers = part.tiers(over: bracket, seed, attested: attested)
        part.finish()
        guard let tokens else { continue }
        if let last = list.last, tokens <= last.inputTokens {
            part.report.error(
                part.spot(of: "inputTokens"),
                tokens == last.inputTokens
                    ? "This length overlaps the one before: both begin above \(tokens) tokens."
                    : "Lengths have to ascend: this one is below the one before it.")
            continue
        }
        list.append(StatedPrice.Above(inputTokens: tokens, base: base, tiers: tiers))
    }
    return list
}

private enum Weekday: String, CaseIterable {
    case mon, tue, wed, thu, fri, sat, sun
    var number: Int { (Self.allCases.firstIndex(of: self) ?? 0) + 1 }
}

private func decodeOffPeak(
    _ section: Section, attested: Bool
) -> (windows: [Price.OffPeak.Window], rates: StatedRates)? {
    var windows: [Price.OffPeak.Window] = []
    let form = "`windows` takes a list: `- {days: [sat, sun], hours: [\"22:00-06:00\"]}`, in UTC."
    if let node = section.required("windows") {
        if case .sequence(let sequence) = node, !sequence.isEmpty {
            for item in sequence {
                guard let part = Section(item, "a window of `offPeak`", section.report) else { continue }
                let days = part.optional("days").flatMap { part.list($0, "days") }.map { texts in
                    texts.compactMap { text in part.value(text) { readChoice($0, "days") as Reading<Weekday> } }
                }
                let hours = part.required("hours").flatMap { part.list($0, "hours") } ?? []
                part.finish()
                let numbers = Set((days ?? Weekday.allCases).map(\.number))
                for span in hours {
                    if let found = offPeakWindows(span.value, weekdays: numbers) {
                        windows += found
                    } else {
                        section.report.error(
                            span.spot, "Hours are written as `22:00-06:00` (UTC); the whole day is `00:00-00:00`.")
                    }
                }
            }
        } else {
            section.report.error(Spot(node), form)
        }
    }
    let rates = section.rates(needed: [.input, .output], attested: attested)
    section.finish()
    return windows.isEmpty ? nil : (windows, rates)
}

extension Section {
    /// What has to be stated, since the row does not say it.
    fileprivate func needs(_ listed: Rates?, _ seed: Price?) -> [Meter] {
        let needed: [Meter] = seed?.makesNoOutput == true ? [.input] : [.input, .output]
        return needed.filter { listed?[$0] == nil }
    }

    /// The meters that stand in this mapping. A zero among them says that something is free, which somebody has to attest.
    fileprivate func rates(needed: [Meter], attested: Bool) -> StatedRates {
        var rates = StatedRates()
        for meter in Meter.allCases {
            let key = meter.rawValue
            let text = needed.contains(meter) ? self.text(key) : optionalText(key)
            guard let text, let amount = value(text, { readPrice($0, key) }) else { continue }
            rates.meters[meter] = (amount, text.spot)
        }
        if !attested, let zero = Meter.allCases.compactMap({ rates.meters[$0] }).first(where: { $0.amount.isZero }) {
            report.error(
                zero.spot, "A price of zero counts as unknown. If it is free, add `attested: \"name, 2026-01-31\"`.")
        }
        return rates
    }

    /// `tiers: {priority: {…}}`: the standard tier is what stands outside of it.
    fileprivate func tiers(over bracket: Price.Bracket?, _ seed: Price?, attested: Bool) -> [ServiceTier: StatedRates] {
        guard let section = optionalSection("tiers") else { return [:] }
        var tiers: [ServiceTier: StatedRates] = [:]
        for tier in ServiceTier.allCases where tier != .standard {
            guard let part = section.optionalSection(tier.rawValue) else { continue }
            tiers[tier] = part.rates(needed: part.needs(bracket?.tiers[tier], seed), attested: attested)
            part.finish()
        }
        section.finish()
        return tiers
    }

    /// Whether everything that a call needs is known, and says what is not: a zero of the row is unknown until it is attested.
    fileprivate func isWhole(_ price: StatedPrice) -> Bool {
        guard let seed = price.seed else { return price.base.meters[.input] != nil && price.base.meters[.output] != nil }
        let listed = seed.brackets[0].tiers[.standard] ?? Rates()
        for meter in seed.makesNoOutput ? [Meter.input] : [.input, .output] where price.base.meters[meter] == nil {
            guard let rate = listed[meter] else { return false }
            if rate.picos == 0, price.attested == nil {
                report.error(
                    spot(of: "seed"),
                    "The row says 0 for `\(meter.rawValue)`, which counts as unknown. State the price, or add `attested: \"name, 2026-01-31\"` if it is free."
                )
                return false
            }
        }
        return true
    }

    /// Keeps the keys of a mapping that is given up from being reported as unknown.
    fileprivate func askForAll() { for entry in entries { _ = optional(entry.name) } }
}

private func readPrice(_ text: String, _ key: String) -> Reading<ExactDecimal> {
    if let price = ExactDecimal(text, decimalsMax: 6) { return .value(price) }
    return .wrong("`\(key)` takes dollars per million tokens: digits with at most six decimals, such as \"2.50\".")
}

private func readAttestation(_ text: String) -> Reading<String> {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    guard parts.count >= 2, let last = parts.last, CivilDate(last.trimmingSpaces) != nil,
        !parts[0].trimmingSpaces.isEmpty, case .value = readProse(text, "attested", max: 200)
    else { return .wrong("`attested` takes who says that it is free, and when: \"Ada Lovelace, 2026-01-31\".") }
    return .value(text)
}
