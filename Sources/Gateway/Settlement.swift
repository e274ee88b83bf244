import Core
import Ledger
import Logging
import NIOCore
import Providers
import Wire

/// What an attempt is charged: what its provider counted, or what Weir could count where the provider did not say.
extension CallRelay {
    /// Ends the attempt's hold, and gives back the place that the attempt had at its endpoint.
    func end(_ hold: Hold, _ ending: End, rawUsage: ByteBuffer? = nil) {
        var used: Int64 = 0
        if case .settled(let usage, _, _, _) = ending {
            used = usage.tokens
            count { $0.usage = $0.usage + usage }
        }
        let now = Timestamp.now()
        leavePlace(used: used, at: now)
        let facts = answerFacts
        if let rawUsage {
            rawUsage.withUnsafeReadableBytes { _ = lane.ledger.end(hold, ending, facts, rawUsage: $0, at: now) }
        } else {
            lane.ledger.end(hold, ending, facts, at: now)
        }
        self.hold = nil
    }

    /// What the journal keeps of how the attempt was answered. One that was not sent, or not answered, has nothing to tell.
    var answerFacts: AnswerFacts {
        guard answer.head != nil else { return AnswerFacts() }
        return AnswerFacts(
            region: answer.region, firstTokenMicroseconds: answer.firstSaidAt.map { max(0, ($0 - sentAt).nanoseconds / 1_000) },
            servedBy: answer.servedBy, rewrites: plan.rewrites.map(\.rawValue))
    }

    /// The price of the deployment that answers; nil: nobody has named one.
    var dated: DatedPrice? { tariff?.price(of: answer.servedBy) }

    func leavePlace(used: Int64, at now: Timestamp) {
        guard let way, way.isPaced else { return }
        lane.board.ended(way.slot, beyond: used - probableTokens, at: now)
    }

    /// The charge for a usage that the provider reported, at the tier that it says it served.
    ///
    /// - Parameter isUnknown: it names a tier that Weir does not know, whose price nobody knows either.
    func settlement(_ usage: Usage, served: ServiceTier?, isUnknown: Bool) -> End {
        let tier = served ?? self.tier
        guard let hold else { return .settled(usage, .zero, estimated: true, tier: tier) }
        guard !isUnknown, let dated, let amount = dated.charge(usage, tier: tier, startedAt: heldAt) else {
            return atHold(hold, usage, tier: isUnknown ? nil : tier)
        }
        return .settled(usage, amount, estimated: false, tier: tier)
    }

    /// The whole hold is charged, since nobody knows a price for what was used. `tier` nil: it is one that Weir does not know.
    private func atHold(_ hold: Hold, _ usage: Usage, tier: ServiceTier?) -> End {
        lane.countUnpriced()
        lane.log.error(
            "a usage has no price and is settled at its hold",
            metadata: [
                "endpoint": "\(endpointName)", "price": "\(way?.served.price ?? "")", "tier": "\(tier?.rawValue ?? "unknown")",
                "deployment": "\(answer.servedBy?.deployment ?? way?.served.upstreamName ?? "")",
            ])
        return .settled(usage, hold.amount, estimated: true, tier: tier ?? self.tier)
    }

    /// Ends the hold of a stream that ended or was given up.
    func settleStream(_ reader: StreamReader, isComplete: Bool) {
        guard let hold else { return }
        if let usage = reader.usage, isComplete || reader.usageIsLast {
            let ending = settlement(usage, served: reader.servedTier, isUnknown: reader.hasUnknownTier)
            return end(hold, ending, rawUsage: reader.rawUsage)
        }
        endEstimated(hold, reader)
    }

    /// Ends a hold by what was counted of the stream, with the model's tokenizer where it has one.
    func endEstimated(_ hold: Hold, _ reader: StreamReader) {
        endEstimated(
            hold,
            Said(
                text: reader.text, bytes: reader.outputBytes, tokens: reader.estimatedTokens,
                usage: reader.usage ?? reader.usageAtStart, rawUsage: reader.rawUsage, tier: reader.servedTier))
    }

    /// Ends the hold of a whole answer whose provider did not count by the answer's text.
    func endEstimated(_ hold: Hold, _ answer: AnswerScan) {
        guard let text = readAnswerText(self.answer.bytes, dialect: sentDialect) else {
            return end(hold, estimate(outputTokens: nil))
        }
        let tokens = Int64(Said.tokens(ofBytes: text.bytes))
        endEstimated(hold, Said(text: text.beginning, bytes: text.bytes, tokens: tokens, tier: answer.servedTier))
    }

    private func endEstimated(_ hold: Hold, _ said: Said) {
        let usage = said.usage(counted: Usage(input: inputBound, output: said.tokens))
        guard let dated else { return end(hold, atHold(hold, usage, tier: said.tier)) }
        if submitEstimate(hold, said) { return }
        lane.countEstimate(byTokenizer: false)
        end(
            hold, estimated(usage, told: said.usage, hold, dated, said.tier ?? tier, heldAt),
            rawUsage: said.usage == nil ? nil : said.rawUsage)
    }

    /// What an attempt cost when its provider did not say: the input's bound and what was counted of the output, never above the hold.
    func estimate(outputTokens output: Int64?) -> End {
        guard let hold else { return .voided("no_price") }
        guard let dated else { return atHold(hold, Usage(input: inputBound, output: output ?? 0), tier: tier) }
        lane.countEstimate(byTokenizer: false)
        // Where nothing could be counted, the upper bound is all that is known.
        guard let output else { return .settled(Usage(input: inputBound), hold.amount, estimated: true, tier: tier) }
        return estimated(Usage(input: inputBound, output: output), told: nil, hold, dated, tier, heldAt)
    }
}

/// What an answer said, as far as it came, when nobody told in the end how many tokens it was.
struct Said: Sendable {
    /// The beginning of it, as written in JSON.
    var text: ByteBuffer
    /// All of it.
    var bytes: Int
    /// By its bytes.
    var tokens: Int64
    /// Told on the way: no less than this.
    var usage: Usage?
    var rawUsage: ByteBuffer?
    /// As it says it is served.
    var tier: ServiceTier?

    /// Fewer bytes of text than a token has in any common language, so that an estimate is rather high.
    private static let bytesPerToken = 3

    static func tokens(ofBytes bytes: Int) -> Int { (bytes + bytesPerToken - 1) / bytesPerToken }

    /// What was told on the way, and what has come since by a count of the whole.
    func usage(counted: Usage) -> Usage {
        guard var told = usage else { return counted }
        told.output += max(0, counted.output - told.outputTokens)
        return told
    }
}

/// An estimate is no evidence that more was used than the hold bounds; what the provider told on the way is.
func estimated(
    _ usage: Usage, told: Usage?, _ hold: Hold, _ dated: DatedPrice, _ tier: ServiceTier, _ heldAt: Timestamp
) -> End {
    var amount = min(dated.charge(usage, tier: tier, startedAt: heldAt) ?? hold.amount, hold.amount)
    if let told { amount = max(amount, dated.charge(told, tier: tier, startedAt: heldAt) ?? amount) }
    return .settled(usage, amount, estimated: true, tier: tier)
}

extension StreamReader {
    /// More bytes of text, as written in JSON, than tokens have on average in any language.
    private static let bytesPerTokenAtMost = 8
    /// Events that may carry no token of their own, such as the first of a tool call.
    private static let emptyEvents = 16

    /// Output tokens of a stream whose provider did not count them.
    var estimatedTokens: Int64 { Int64(max(outputEvents, Said.tokens(ofBytes: outputBytes))) }

    /// Output tokens that there are at the least.
    var leastTokens: Int64 {
        let counted = Int64(max(outputEvents, outputBytes / Self.bytesPerTokenAtMost) - Self.emptyEvents)
        guard let usage else { return counted }
        return max(counted, usage.outputTokens)
    }
}
