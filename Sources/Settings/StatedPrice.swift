import Core
import Ledger

/// Prices by meter as a contract states them, in its currency, with the place of each.
struct StatedRates {
    var meters: [Meter: (amount: ExactDecimal, spot: Spot)] = [:]
}

/// One price of the configuration before exchange rates are applied: what it takes from a row of the price table, by what factor, and
/// what it states itself.
struct StatedPrice {
    struct Above {
        var inputTokens: Int64
        var base: StatedRates
        var tiers: [ServiceTier: StatedRates]
    }

    var from: CivilDate
    /// The row that it starts from.
    var seed: Price?
    /// What is written to the cache is billed as input, unless a price for it is stated.
    var writesAreInput = false
    /// Discount and uplift together, on what the row says.
    var factor = ExactDecimal.one
    /// nil: dollars.
    var currency: String?
    var base = StatedRates()
    var tiers: [ServiceTier: StatedRates] = [:]
    var above: [Above] = []
    var offPeak: (windows: [Price.OffPeak.Window], rates: StatedRates)?
    var attested: String?
}

/// A price whose amounts are whole pico-dollars, and whether some were rounded to that or were too large.
struct PricedEntry {
    var price: Price
    var rounded: Set<Meter> = []
    var tooLarge: Set<Meter> = []
}

extension StatedPrice {
    /// The price from a day on, at the exchange rate of that day. Each amount is multiplied exactly and rounded once, half-even, to a
    /// pico-dollar a token, which is six decimals of a dollar a million tokens.
    func priced(from day: CivilDate, rate: ExactDecimal) -> PricedEntry {
        var brackets = seed?.brackets ?? [Price.Bracket(tiers: [:])]
        for one in above where !brackets.contains(where: { $0.aboveInputTokens == one.inputTokens }) {
            brackets.append(Price.Bracket(aboveInputTokens: one.inputTokens, tiers: [:]))
        }
        brackets.sort { $0.aboveInputTokens < $1.aboveInputTokens }
        var entry = PricedEntry(price: Price(from: day, brackets: brackets, makesNoOutput: seed?.makesNoOutput ?? false))
        entry.price.attested = attested
        for index in brackets.indices {
            let length = brackets[index].aboveInputTokens
            let stated = above.first { $0.inputTokens == length }
            let standard = length == 0 ? base : stated?.base ?? StatedRates()
            let others = length == 0 ? tiers : stated?.tiers ?? [:]
            for tier in ServiceTier.allCases {
                let own = tier == .standard ? standard : others[tier] ?? StatedRates()
                let listed = brackets[index].tiers[tier]
                if listed == nil, own.meters.isEmpty { continue }
                entry.price.brackets[index].tiers[tier] = combine(listed, own, rate, &entry)
            }
        }
        if let offPeak {
            entry.price.offPeak = Price.OffPeak(
                windows: offPeak.windows, rates: combine(nil, offPeak.rates, rate, &entry))
        } else if let listed = seed?.offPeak {
            entry.price.offPeak = Price.OffPeak(
                windows: listed.windows, rates: combine(listed.rates, StatedRates(), rate, &entry))
        }
        return entry
    }

    /// What is stated is paid as it is; the rest is the row's, by the factor.
    private func combine(
        _ listed: Rates?, _ stated: StatedRates, _ rate: ExactDecimal, _ entry: inout PricedEntry
    ) -> Rates {
        var rates = Rates()
        for meter in Meter.allCases {
            let exact =
                if let own = stated.meters[meter] {
                    own.amount.times(rate)
                } else if let price = listed?[meter] {
                    ExactDecimal(price).times(factor)
                } else {
                    ExactDecimal?.none
                }
            guard stated.meters[meter] != nil || listed?[meter] != nil else { continue }
            guard let (price, isExact) = exact?.tokenPrice() else {
                entry.tooLarge.insert(meter)
                continue
            }
            rates[meter] = price
            if !isExact { entry.rounded.insert(meter) }
        }
        if writesAreInput, rates[.cacheWrite] == nil { rates[.cacheWrite] = rates[.input] }
        return rates
    }
}
