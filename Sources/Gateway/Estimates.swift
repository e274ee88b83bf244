import Core
import Ledger
import NIOCore
import Synchronization
import Tokens
import Wire

/// A longer request is estimated by its bytes: copying it would keep an event loop too long.
private let estimatedBodyBytesMax = 4 * 1024 * 1024

/// Holds whose attempts nobody counted, while a tokenizer counts them away from the event loops. Each gets one end: by its
/// count, or in doubt at a shutdown that comes first.
final class Estimates: Sendable {
    private let estimator: Estimator
    private let ledger: LiveLedger
    /// By the hold's sequence number.
    private let waiting = Mutex<[UInt64: (hold: Hold, facts: AnswerFacts)]>([:])

    init(_ estimator: Estimator, _ ledger: LiveLedger) { (self.estimator, self.ledger) = (estimator, ledger) }

    var count: Int { waiting.withLock { $0.count } }

    /// Counts the tokens of a chat's request; false when too much waits already, and then nothing is called. The second word told: whether
    /// the vocabulary was there.
    func count(
        _ body: ByteBuffer, vocabulary: String, completion: @escaping @Sendable (_ tokens: Int64, _ isByVocabulary: Bool) -> Void
    ) -> Bool {
        let estimator = estimator
        return estimator.submit(vocabulary: vocabulary, operation: .chat, body: Array(body.readableBytesView), output: []) {
            completion($0.input, estimator.statistics.failures[vocabulary] == nil)
        }
    }

    /// What is known of an attempt besides its texts.
    struct Attempt: Sendable {
        var hold: Hold
        var dated: DatedPrice
        var tier: ServiceTier
        var heldAt: Timestamp
        /// Input tokens of images and audio, at their bounds.
        var partsBound: Int64
        var facts: AnswerFacts
        var said: Said
    }

    /// False when too much waits already: then nothing has been done.
    func submit(_ attempt: Attempt, vocabulary: String, operation: Operation, body: ByteBuffer) -> Bool {
        let sequence = attempt.hold.sequence
        waiting.withLock { $0[sequence] = (attempt.hold, attempt.facts) }
        let said = attempt.said
        let kept = said.text.readableBytes
        let accepted = estimator.submit(
            vocabulary: vocabulary, operation: operation, body: Array(body.readableBytesView),
            output: kept > 0 ? [Array(said.text.readableBytesView)] : []
        ) { [self] counted in
            guard waiting.withLock({ $0.removeValue(forKey: sequence) }) != nil else { return }
            var usage = counted
            usage.input += attempt.partsBound
            if kept > 0, said.bytes > kept {
                usage.output = Int64(clamping: Int128(usage.output) * Int128(said.bytes) / Int128(kept))
            }
            let ending = estimated(
                said.usage(counted: usage), told: said.usage, attempt.hold, attempt.dated, attempt.tier, attempt.heldAt)
            if said.usage != nil, let raw = said.rawUsage {
                raw.withUnsafeReadableBytes {
                    _ = ledger.end(attempt.hold, ending, attempt.facts, rawUsage: $0, at: .now())
                }
            } else {
                ledger.end(attempt.hold, ending, attempt.facts, at: .now())
            }
        }
        if !accepted { waiting.withLock { _ = $0.removeValue(forKey: sequence) } }
        return accepted
    }

    /// Puts in doubt what is still waiting; a count that comes afterwards changes nothing.
    func giveUp(at now: Timestamp) {
        let left = waiting.withLock { waiting in
            defer { waiting = [:] }
            return waiting
        }
        for item in left.values { ledger.end(item.hold, .doubt("shutdown"), item.facts, at: now) }
    }
}

extension CallRelay {
    /// Whether the text of a stream is worth keeping.
    var canEstimate: Bool { lane.estimates != nil && way?.vocabulary != nil }

    /// Hands the hold of an answer over to be counted; false when that cannot be, and nothing has been done.
    func submitEstimate(_ hold: Hold, _ said: Said) -> Bool {
        guard let estimates = lane.estimates, let dated, let vocabulary = way?.vocabulary,
            body.readableBytes <= estimatedBodyBytesMax
        else { return false }
        let attempt = Estimates.Attempt(
            hold: hold, dated: dated, tier: said.tier ?? tier, heldAt: heldAt, partsBound: partsBound,
            facts: answerFacts, said: said)
        guard estimates.submit(attempt, vocabulary: vocabulary, operation: operation, body: body) else { return false }
        lane.countEstimate(byTokenizer: true)
        leavePlace(used: probableTokens, at: .now())
        self.hold = nil
        return true
    }
}
