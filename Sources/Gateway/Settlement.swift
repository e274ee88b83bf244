import Core
import Ledger
import Logging
import NIOCore
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
        if let rawUsage {
            rawUsage.withUnsafeReadableBytes { _ = lane.ledger.end(hold, ending, rawUsage: $0, at: now) }
        } else {
            lane.ledger.end(hold, ending, at: now)
        }
        self.hold = nil
    }

    func leavePlace(used: Int64, at now: Timestamp) {
        guard let way, way.isPaced else { return }
        lane.board.ended(way.slot, beyond: used - probableTokens, at: now)
    }

    /// The charge for a usage that the provider reported, at the tier that it says it served.
    func settlement(_ usage: Usage, served: ServiceTier?, estimated: Bool = false) -> End {
        let tier = served ?? self.tier
        guard let dated, let hold else { return .settled(usage, .zero, estimated: true, tier: tier) }
        guard let amount = charge(usage, dated.price, tier: tier, startedAt: heldAt) else {
            lane.countUnpriced()
            lane.log.error(
                "a usage has no price and is settled at its hold",
                metadata: ["endpoint": "\(endpointName)", "price": "\(way?.served.price ?? "")", "tier": "\(tier)"])
            return .settled(usage, hold.amount, estimated: true, tier: tier)
        }
        return .settled(usage, amount, estimated: estimated, tier: tier)
    }

    /// Ends the hold of a stream that ended or was given up.
    func settleStream(_ reader: StreamReader, isComplete: Bool) {
        guard let hold else { return }
        if let usage = reader.usage, isComplete || reader.usageIsLast {
            return end(hold, settlement(usage, served: reader.servedTier), rawUsage: reader.rawUsage)
        }
        endEstimated(hold, reader)
    }

    /// Ends a hold by what was counted of the stream, with the model's tokenizer where it has one.
    func endEstimated(_ hold: Hold, _ reader: StreamReader) {
        if var usage = reader.usage {
            // Told on the way and not at the end: no less than this, and what has come since.
            usage.output += max(0, reader.estimatedTokens - usage.outputTokens)
            return end(hold, settlement(usage, served: reader.servedTier, estimated: true), rawUsage: reader.rawUsage)
        }
        if submitEstimate(hold, reader) { return }
        end(hold, estimate(outputTokens: reader.estimatedTokens))
    }

    /// What an attempt cost when its provider did not say: the input's bound and what was counted of the output, never above the hold.
    func estimate(outputTokens output: Int64?) -> End {
        guard let dated, let hold else { return .voided("no_price") }
        lane.countEstimate(byTokenizer: false)
        // Where nothing could be counted, the upper bound is all that is known.
        guard let output else { return .settled(Usage(input: inputBound), hold.amount, estimated: true, tier: tier) }
        return cappedEstimate(Usage(input: inputBound, output: output), hold, dated.price, tier, heldAt)
    }
}

/// An estimate is no evidence that more was used than the hold bounds.
func cappedEstimate(_ usage: Usage, _ hold: Hold, _ price: Price, _ tier: ServiceTier, _ heldAt: Timestamp) -> End {
    let amount = min(charge(usage, price, tier: tier, startedAt: heldAt) ?? hold.amount, hold.amount)
    return .settled(usage, amount, estimated: true, tier: tier)
}

extension StreamReader {
    /// Fewer bytes of text than a token has in any common language, so that an estimate is rather high.
    private static let bytesPerToken = 3
    /// More bytes of text, as written in JSON, than tokens have on average in any language.
    private static let bytesPerTokenAtMost = 8
    /// Events that may carry no token of their own, such as the first of a tool call.
    private static let emptyEvents = 16

    /// Output tokens of a stream whose provider did not count them.
    var estimatedTokens: Int64 { Int64(max(outputEvents, (outputBytes + Self.bytesPerToken - 1) / Self.bytesPerToken)) }

    /// Output tokens that there are at the least.
    var leastTokens: Int64 {
        let counted = Int64(max(outputEvents, outputBytes / Self.bytesPerTokenAtMost) - Self.emptyEvents)
        guard let usage else { return counted }
        return max(counted, usage.outputTokens)
    }
}
