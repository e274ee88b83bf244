import Core
import Synchronization

/// Counts the tokens of calls whose provider told no usage, on a thread of its own: a long prompt takes milliseconds, which an
/// event loop has not.
///
/// Each submitted call's completion is called exactly once, on that thread, with no lock held; after a refused submission it is
/// never called.
public final class Estimator: Sendable {
    /// Calls that may wait. At a millisecond each, a second's work.
    public static let waitingMax = 1_024
    /// Bytes of their requests and answers together.
    public static let waitingBytesMax = 64 << 20

    public struct Statistics: Sendable, Hashable {
        /// Counted with a vocabulary.
        public var counted = 0
        /// Estimated from bytes, for want of a vocabulary or because of a shutdown.
        public var estimated = 0
        public var refused = 0
        /// Vocabularies that could not be loaded, and why.
        public var failures: [String: VocabularyError] = [:]

        public init(counted: Int = 0, estimated: Int = 0, refused: Int = 0) {
            self.counted = counted
            self.estimated = estimated
            self.refused = refused
        }
    }

    private struct Job: Sendable {
        var vocabulary: String?
        var operation: Operation
        var body: [UInt8]
        var output: [[UInt8]]
        var completion: @Sendable (Usage) -> Void
    }

    private let queue: JobQueue<Job>
    private let thread: Mutex<OwnThread?>
    private let figures: Figures

    /// `folder` holds the vocabularies; each is loaded when the first call wants it, and kept.
    public init(folder: String, waitingMax: Int = Estimator.waitingMax, waitingBytesMax: Int = Estimator.waitingBytesMax) {
        let queue = JobQueue<Job>(jobsMax: waitingMax, bytesMax: waitingBytesMax)
        let figures = Figures()
        self.queue = queue
        self.figures = figures
        let thread = OwnThread {
            var shelf = Shelf(folder: folder)
            while let (job, isClosing) = queue.take() {
                let usage = Estimator.usage(of: job, isClosing ? nil : shelf.tokenizer(job.vocabulary, figures), figures)
                job.completion(usage)
            }
        }
        if thread == nil { queue.close() }
        self.thread = Mutex(thread)
    }

    /// Without `shutdown` the thread ends after what waits, and nobody waits for it.
    deinit { queue.close() }

    /// Hands a call over; false when too much waits already or after `shutdown`: count it by `ByteEstimate` then.
    /// `vocabulary` nil, or one that cannot be had: counted by bytes. `output`: the contents of JSON strings as they came, escapes
    /// and all.
    public func submit(
        vocabulary: String?, operation: Operation, body: [UInt8], output: [[UInt8]],
        completion: @escaping @Sendable (Usage) -> Void
    ) -> Bool {
        let job = Job(vocabulary: vocabulary, operation: operation, body: body, output: output, completion: completion)
        // An empty piece has a header too.
        let accepted = queue.put(job, bytes: output.reduce(body.count) { $0 + $1.count + 32 })
        if !accepted { figures.value.withLock { $0.refused += 1 } }
        return accepted
    }

    /// Takes no more; what waits is estimated from its bytes, and then the thread has ended. Not to be called by a completion.
    public func shutdown() {
        queue.close()
        let thread = self.thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
    }

    public var statistics: Statistics { figures.value.withLock { $0 } }

    private static func usage(of job: Job, _ tokenizer: Tokenizer?, _ figures: Figures) -> Usage {
        let prompt = promptText(job.body, operation: job.operation)
        guard let tokenizer, let prompt else {
            figures.value.withLock { $0.estimated += 1 }
            var usage = ByteEstimate.usage(prompt: prompt, bodyBytes: job.body.count, output: job.output)
            if let tokenizer { usage.output = Int64(tokenizer.outputTokens(job.output)) }
            return usage
        }
        figures.value.withLock { $0.counted += 1 }
        return Usage(input: Int64(tokenizer.promptTokens(prompt)), output: Int64(tokenizer.outputTokens(job.output)))
    }
}

/// The statistics, shared with the thread, which must not keep the estimator alive.
private final class Figures: Sendable {
    let value = Mutex(Estimator.Statistics())
}

/// The vocabularies that were wanted so far; the thread's own.
private struct Shelf {
    /// Names come from the configuration; a wrong one is not looked for again.
    static let namesMax = 64

    let folder: String
    private var loaded: [String: Tokenizer?] = [:]

    init(folder: String) { self.folder = folder }

    mutating func tokenizer(_ name: String?, _ figures: Figures) -> Tokenizer? {
        guard let name else { return nil }
        if let known = loaded[name] { return known }
        guard loaded.count < Self.namesMax, !name.contains("/") else { return nil }
        var tokenizer: Tokenizer?
        do {
            tokenizer = Tokenizer(try Vocabulary(name: name, folder: folder))
        } catch {
            figures.value.withLock { $0.failures[name] = error }
        }
        loaded[name] = .some(tokenizer)
        return tokenizer
    }
}
