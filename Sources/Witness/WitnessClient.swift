public import Journal
public import NIOCore
import NIOPosix

/// Where a witness listens and by which key it signs.
public struct WitnessAddress: Sendable {
    public var host: String
    public var port: Int
    /// What stands before `/add-checkpoint`.
    public var path: String
    public var verifier: WitnessVerifier

    public init(host: String, port: Int, path: String = "", verifier: WitnessVerifier) {
        (self.host, self.port, self.verifier) = (host, port, verifier)
        self.path = path.hasSuffix("/") ? String(path.dropLast()) : path
    }
}

/// Shows a log's checkpoints to its witnesses, at most one a second, and keeps the newest that all of them have signed in
/// `checkpoint.witnessed` beside the log's own. The log does not wait for it.
public actor WitnessClient {
    /// How it went, for logs and metrics.
    public enum Outcome: Sendable, Hashable {
        /// The log has nothing that the witnesses have not signed.
        case nothingNew
        /// All have signed this many entries, and it is on disk.
        case witnessed(size: UInt64)
        /// A witness did not sign; the next round tries again.
        case failed(witness: String, reason: String)
        /// A witness has signed something of this log that the log no longer has. Somebody must look.
        case contradicted(witness: String, reason: String)
    }

    /// The least time from one round to the next.
    public static let intervalMilliseconds = 1_000

    private let folder: LogFiles
    private let verifier: LogVerifier
    private let witnesses: [WitnessAddress]
    private let group: any EventLoopGroup
    private var known: [String: UInt64] = [:]
    private var done: Checkpoint?

    public init(folder: LogFiles, verifier: LogVerifier, witnesses: [WitnessAddress], group: any EventLoopGroup) {
        (self.folder, self.verifier, self.witnesses, self.group) = (folder, verifier, witnesses, group)
    }

    /// Works until its task is cancelled.
    public func run(_ report: @Sendable (Outcome) -> Void) async {
        while !Task.isCancelled {
            report(await step())
            try? await Task.sleep(for: .milliseconds(Self.intervalMilliseconds))
        }
    }

    /// One round: shows the log's newest checkpoint to every witness.
    public func step() async -> Outcome {
        do {
            guard folder.has(TilePath.checkpoint) else { return .nothingNew }
            let note = try SignedNote(try folder.checkpoint())
            let checkpoint = try verifier.checkpoint(in: note)
            guard checkpoint != done else { return .nothingNew }
            // Other signatures on the note are not for this witness to see.
            let tiles = TileHashes(folder, size: checkpoint.size)
            var signed = note
            for witness in witnesses {
                switch try await sign(note, checkpoint, tiles, by: witness) {
                case .signature(let signature): signed.signatures.append(signature)
                case .outcome(let outcome): return outcome
                }
            }
            try replaceFile(folder.path + "/" + LogFiles.witnessedName, with: signed.bytes)
            done = checkpoint
            return .witnessed(size: checkpoint.size)
        } catch {
            return .failed(witness: "", reason: "\(error)")
        }
    }

    private enum Signed {
        case signature(SignedNote.Signature)
        case outcome(Outcome)
    }

    private func sign(
        _ note: SignedNote, _ checkpoint: Checkpoint, _ tiles: TileHashes, by witness: WitnessAddress
    ) async throws -> Signed {
        let name = witness.verifier.name
        // The second try begins where the first learned that the witness stands.
        for attempt in 0..<2 {
            let old = min(known[name] ?? 0, checkpoint.size)
            let body = try AddCheckpoint(from: old, note: note, checkpoint, tiles: tiles).bytes
            let answer: PlainAnswer
            do { answer = try await post(body, to: witness, group: group) } catch {
                return .outcome(.failed(witness: name, reason: "\(error)"))
            }
            switch judge(answer, note, checkpoint, old, witness.verifier) {
            case .signature(let signature):
                known[name] = checkpoint.size
                return .signature(signature)
            case .goOnFrom(let size) where attempt == 0: known[name] = size
            case .goOnFrom: return .outcome(.failed(witness: name, reason: "its size changes under us"))
            case .failed(let reason): return .outcome(.failed(witness: name, reason: reason))
            case .contradicted(let reason): return .outcome(.contradicted(witness: name, reason: reason))
            }
        }
        return .outcome(.failed(witness: name, reason: "it does not say where it stands"))
    }
}

/// What a witness's answer means for the log that asked.
enum Verdict: Sendable, Hashable {
    case signature(SignedNote.Signature)
    /// Ask again with this old size.
    case goOnFrom(UInt64)
    case failed(String)
    case contradicted(String)
}

func judge(
    _ answer: PlainAnswer, _ note: SignedNote, _ checkpoint: Checkpoint, _ old: UInt64, _ verifier: WitnessVerifier
) -> Verdict {
    let text = String(decoding: answer.body, as: UTF8.self)
    switch answer.status {
    case 200:
        for line in answer.body.split(separator: UInt8(ascii: "\n")) {
            guard let signature = try? SignedNote.Signature(line: line) else { continue }
            let alone = SignedNote(text: note.text, signatures: [signature])
            if (try? verifier.time(in: alone)) != nil { return .signature(signature) }
        }
        return .failed("its answer has no right signature of the key \(verifier.vkey)")
    case 409:
        guard text.hasSuffix("\n"), let size = UInt64(text.dropLast()) else { return .failed("its size is not a number") }
        if size > checkpoint.size {
            return .contradicted("it has signed \(size) entries of this log, which has \(checkpoint.size)")
        }
        if size == old { return .contradicted("it has signed \(size) other entries than this log has") }
        return .goOnFrom(size)
    case 422: return .contradicted("the log did not grow out of the \(old) entries that it has signed")
    default: return .failed("it answered with status \(answer.status): \(text.prefix(200).filter { $0 != "\n" })")
    }
}
