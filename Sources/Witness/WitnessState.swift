public import Journal

/// What a witness knows: the logs that it watches, and the newest state of each that it has signed.
///
/// It decides and remembers; it has no key, no file and no clock. A decision to sign counts only once it is on disk.
public struct WitnessState: Sendable {
    /// The newest state of a log that was signed.
    public struct Seen: Sendable, Hashable {
        public var size: UInt64
        public var root: LogHash

        public init(size: UInt64, root: LogHash) { (self.size, self.root) = (size, root) }
    }

    /// What comes of a request.
    public enum Answer: Sendable, Hashable {
        /// Remember this, then sign this text, then answer.
        case cosign(text: [UInt8], origin: String, seen: Seen)
        case refuse(Refusal)
    }

    /// With the HTTP status that C2SP tlog-witness gives it.
    public enum Refusal: Sendable, Hashable {
        /// 400
        case malformed(String)
        /// 404: no log that is watched has this name.
        case unknownOrigin
        /// 403: the log's key has not signed this.
        case notSigned
        /// 409: the proof begins at another size than the one that was signed last, which this is.
        case otherSize(UInt64)
        /// 409: as large as what was signed last, and not the same. The log was rewritten.
        case otherRoot(size: UInt64)
        /// 422: the log does not grow out of what was signed last, or that is not shown.
        case notConsistent
    }

    private let logs: [String: LogVerifier]
    public private(set) var seen: [String: Seen]

    public init(logs: [LogVerifier], seen: [String: Seen] = [:]) {
        self.logs = Dictionary(logs.map { ($0.name, $0) }) { first, _ in first }
        self.seen = seen
    }

    /// What the `state` file of a witness says; `nil` if it is none, or damaged.
    public static func seen(inFile bytes: [UInt8]) -> [String: Seen]? { StateFile.seen(bytes) }

    /// Judges a request. Nothing changes; that is for `remember`.
    public func judge(_ body: some Collection<UInt8>) -> Answer {
        let request: AddCheckpoint
        let stated: Checkpoint
        do throws(LogFormatError) {
            request = try AddCheckpoint(body)
            stated = try Checkpoint(text: request.note.text)
        } catch {
            return .refuse(.malformed(error.reason))
        }
        guard let log = logs[stated.origin] else { return .refuse(.unknownOrigin) }
        guard let checkpoint = try? log.checkpoint(in: request.note) else { return .refuse(.notSigned) }
        guard request.old <= checkpoint.size else {
            return .refuse(.malformed("the old size is greater than the checkpoint's"))
        }
        let last = seen[log.name] ?? Seen(size: 0, root: emptyRoot)
        guard request.old == last.size else { return .refuse(.otherSize(last.size)) }
        if checkpoint.size == last.size {
            guard checkpoint.root == last.root else { return .refuse(.otherRoot(size: last.size)) }
            guard request.proof.isEmpty else { return .refuse(.notConsistent) }
        } else if last.size == 0 {
            // Everything grows out of nothing, so there is nothing to prove.
            guard request.proof.isEmpty else { return .refuse(.notConsistent) }
        } else {
            guard
                verifyConsistency(
                    from: last.size, last.root, to: checkpoint.size, checkpoint.root, proof: request.proof)
            else { return .refuse(.notConsistent) }
        }
        let next = Seen(size: checkpoint.size, root: checkpoint.root)
        return .cosign(text: request.note.text, origin: log.name, seen: next)
    }

    /// The state after a decision to sign.
    public func remembering(_ origin: String, _ next: Seen) -> WitnessState {
        var state = self
        state.seen[origin] = next
        return state
    }
}

extension WitnessState.Refusal {
    public var status: Int {
        switch self {
        case .malformed: 400
        case .notSigned: 403
        case .unknownOrigin: 404
        case .otherSize, .otherRoot: 409
        case .notConsistent: 422
        }
    }

    /// A witness's size is its whole answer, so that a log can go on from there.
    public var body: String {
        switch self {
        case .malformed(let reason): "\(reason)\n"
        case .notSigned: "the checkpoint is not signed by the key of its log\n"
        case .unknownOrigin: "this witness does not watch a log of this name\n"
        case .otherSize(let size), .otherRoot(let size): "\(size)\n"
        case .notConsistent: "the proof does not show that this checkpoint grew out of the last one\n"
        }
    }

    public var contentType: String {
        switch self {
        case .otherSize, .otherRoot: "text/x.tlog.size"
        case .malformed, .notSigned, .unknownOrigin, .notConsistent: "text/plain; charset=utf-8"
        }
    }
}
