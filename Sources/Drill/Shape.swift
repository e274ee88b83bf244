public import Core
import Ledger

/// What the journal knows of one call without its content: who made it, of which model, how large, when, and how it went.
public struct Shape: Sendable {
    /// One try of it at one endpoint, as it was.
    public struct Attempt: Sendable {
        public enum Ending: Sendable, Hashable {
            case settled
            /// Nothing was charged, for this reason.
            case voided(String)
            /// Under way, or in doubt, where the journal ends.
            case open
        }

        public var endpoint: String
        /// The model that stood in for the one that was asked for; nil: none did.
        public var standIn: String?
        public var at: Timestamp
        public var ended: Timestamp?
        public var ending = Ending.open
        /// With overruns and corrections.
        public var charged = Money.zero
        public var usage = Usage.zero
        public var isEstimated = false
        public var firstTokenMicroseconds: Int64?

        public init(endpoint: String, standIn: String? = nil, at: Timestamp) {
            (self.endpoint, self.standIn, self.at) = (endpoint, standIn, at)
        }

        public var microseconds: Int64? { ended.map { max(0, ($0.nanoseconds - at.nanoseconds) / 1_000) } }
    }

    /// Its request id.
    public var call: String
    /// As it was when the call was made.
    public var key: KeyRecord
    /// The public name that its caller asked for.
    public var model: String
    public var operation: Operation
    public var stream: Bool
    public var tier: ServiceTier
    /// As it was judged; nil: nothing but what its key is bound to.
    public var labels: CallLabels?
    /// Of its body. Of entries that do not say it, what is left of the bound of its input.
    public var bytes: Int64
    /// What limits of tokens a minute count it as.
    public var probableTokens: Int64
    public var inputBound: Int64
    public var outputBound: Int64
    /// In the order in which they began; never empty.
    public var attempts: [Attempt]

    public init(
        call: String = "", key: KeyRecord, model: String, operation: Operation, stream: Bool, tier: ServiceTier = .standard,
        labels: CallLabels? = nil,
        bytes: Int64, probableTokens: Int64, inputBound: Int64, outputBound: Int64, attempts: [Attempt]
    ) {
        self.call = call
        self.key = key
        self.model = model
        self.operation = operation
        self.stream = stream
        self.tier = tier
        self.labels = labels
        self.bytes = bytes
        self.probableTokens = probableTokens
        self.inputBound = inputBound
        self.outputBound = outputBound
        self.attempts = attempts
    }

    public var at: Timestamp { attempts[0].at }

    /// The attempt that answered; nil: none did, or nobody knows yet.
    public var answer: Attempt? { attempts.last { $0.ending == .settled } }

    /// Where it went in the end.
    public var endpoint: String { (answer ?? attempts[attempts.count - 1]).endpoint }

    public var charged: Money { attempts.reduce(.zero) { $0 + $1.charged } }

    /// From its first hold to the end of its answer.
    public var microseconds: Int64? {
        answer?.ended.map { max(0, ($0.nanoseconds - at.nanoseconds) / 1_000) }
    }

    /// The same to the first thing said, where its answer was a stream.
    public var firstTokenMicroseconds: Int64? {
        guard let answer, let first = answer.firstTokenMicroseconds else { return nil }
        return (answer.at.nanoseconds - at.nanoseconds) / 1_000 + first
    }

    /// Endpoints that did not answer this very call, so that another was tried, and how long each took to say so.
    public var failures: [(endpoint: String, microseconds: Int64)] {
        let own = endpoint
        return attempts.dropLast().compactMap { attempt in
            guard attempt.endpoint != own, attempt.ending != .settled else { return nil }
            return (attempt.endpoint, attempt.microseconds ?? 0)
        }
    }

    /// The output limit that its caller asked for, over all choices; nil: none that the journal shows.
    public var askedOutput: Int64? {
        guard operation.generates else { return nil }
        let probable = probableTokens - (bytes / probableBytesPerToken + 1)
        return probable >= outputBound ? outputBound : nil
    }

    /// Separate outputs, where no limit hides how many.
    var choices: Int64 {
        guard operation.generates, askedOutput == nil else { return 1 }
        return max(1, (probableTokens - bytes / probableBytesPerToken - 1) / probableOutputTokens)
    }
}

/// Bytes of a request that limits of pace count as one token, and what a choice without a limit counts as: as the data path does.
let probableBytesPerToken: Int64 = 4
let probableOutputTokens: Int64 = 512
