import Core
import Ledger
import Policy
import Providers
import Wire

/// A price and the moment from which it holds; shared, so that a call copies one reference.
final class DatedPrice: Sendable {
    let from: Timestamp
    let price: Price
    /// Of nearly every call: text at the standard tier of a price without brackets or times of day. Worked out once, since looking
    /// tiers and meters up anew takes longer than the arithmetic.
    private let plainBound: DearestPrices?
    private let plainRates: Rates?

    init(from: Timestamp, price: Price) {
        (self.from, self.price) = (from, price)
        let isPlain = price.brackets.count == 1 && price.brackets[0].aboveInputTokens == 0 && price.offPeak == nil
        plainBound = isPlain ? DearestPrices(TokenBound(input: 0, output: 1), price) : nil
        plainRates = isPlain ? price.rates(inputTokens: 0, tier: .standard, startedAt: from) : nil
    }

    func upperBound(_ bound: TokenBound) -> Money? {
        if let plainBound, !bound.hasAudio, bound.tier == .standard { return plainBound.upperBound(bound) }
        return Ledger.upperBound(bound, price)
    }

    func charge(_ usage: Usage, tier: ServiceTier, startedAt moment: Timestamp) -> Money? {
        if let plainRates, tier == .standard { return Ledger.charge(usage, plainRates) }
        return Ledger.charge(usage, price, tier: tier, startedAt: moment)
    }
}

/// The dated prices of one list.
struct PriceHistory: Sendable {
    /// By rising day; no price where the book has none that is known.
    private let prices: [(from: Timestamp, dated: DatedPrice?)]

    init(_ list: String, in book: PriceBook) {
        prices = book.history(list).map { price in
            let from = price.from.start
            return (from, book.price(list, at: from).map { DatedPrice(from: from, price: $0) })
        }
    }

    /// The price that holds at a moment; nil is a refusal, never zero.
    func price(at now: Timestamp) -> DatedPrice? { prices.last { $0.from <= now }?.dated }
}

/// What an attempt may be charged by: the price of the deployment that is asked, and that of one that may answer in its place. A hold is
/// good for the dearer of them.
struct Tariff: Sendable {
    let asked: DatedPrice
    let spilled: DatedPrice?

    func upperBound(_ bound: TokenBound) -> Money? {
        guard let amount = asked.upperBound(bound) else { return nil }
        guard let spilled else { return amount }
        return spilled.upperBound(bound).map { max(amount, $0) }
    }

    /// The longest output of each of `choices` that a headroom still pays for.
    func affordableOutput(_ headroom: Money, _ bound: TokenBound, choices: Int64) -> Int64? {
        guard let output = Ledger.affordableOutput(headroom, bound, choices: choices, asked.price) else { return nil }
        guard let spilled else { return output }
        return Ledger.affordableOutput(headroom, bound, choices: choices, spilled.price).map { min(output, $0) }
    }

    /// The price of the deployment that answered; nil: nobody has named one.
    func price(of servedBy: ServedBy?) -> DatedPrice? {
        guard let servedBy else { return asked }
        return servedBy.price == nil ? nil : spilled
    }
}

extension Way {
    /// Longer names are clipped: Azure's own are at most so long.
    private static let deploymentBytesMax = 64

    /// The deployment that answered, where the answer says that it is another one than was asked for.
    func servedBy(_ head: HTTPHead) -> ServedBy? {
        guard let name = target.servedDeployment(in: head), name.lowercased() != served.upstreamName.lowercased() else {
            return nil
        }
        if let spillover = served.spillover, spillover.deployment.lowercased() == name.lowercased() {
            return ServedBy(deployment: spillover.deployment, price: spillover.price)
        }
        // The provider's words, as far as they can be a name.
        let bytes = name.utf8.prefix(Self.deploymentBytesMax).map { (0x21...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
        return ServedBy(deployment: String(decoding: bytes, as: UTF8.self), price: nil)
    }
}
