public import Journal

/// A witness at work: its key, its file, and one request after the other. An actor because deciding and remembering must not be
/// parted: two requests at once would otherwise both be judged by the same state.
public actor WitnessKeeper {
    /// What goes back to who asked.
    public enum Reply: Sendable, Hashable {
        /// A signature line.
        case cosigned(String)
        case refused(WitnessState.Refusal)
        /// Nothing was signed. The disk does not take what has to be remembered.
        case failed(String)
    }

    private var state: WitnessState
    private let signer: WitnessSigner
    private let file: StateFile
    private let lock: any DiskLock
    private let seconds: @Sendable () -> UInt64

    public nonisolated let vkey: String

    /// Opens the witness in a folder, or makes one there with a new key when it is empty.
    ///
    /// A key without its state is refused: it would sign a log's past again and so help to rewrite it.
    /// - Parameter seconds: the time since 1970.
    public init(
        folder: String, name: String, logs: [LogVerifier], seconds: @escaping @Sendable () -> UInt64
    ) throws(WitnessProblem) {
        do throws(DiskError) {
            try PosixDisk().makeFolder(folder)
            lock = try PosixDisk().lock(folder + "/lock")
        } catch {
            throw WitnessProblem(error.isHeldByAnother ? "another witness uses \(folder)" : "\(error)")
        }
        file = StateFile(path: folder + "/state")
        do throws(LogKey.Problem) {
            let keyPath = folder + "/witness-key"
            let hasKey = try LogKey.load(path: keyPath) != nil
            let known = try Self.loaded(file)
            switch (known, hasKey) {
            case (nil, true):
                throw LogKey.Problem(
                    "\(file.path) is missing, so this witness does not know what it has signed. Put the newest copy back.")
            case (let seen?, false) where !seen.isEmpty:
                throw LogKey.Problem("\(keyPath) is missing, though the witness has signed with it. Put it back.")
            default: break
            }
            // The state comes first: a key that is there has always had one.
            if known == nil { try Self.saved(file) }
            let seed = try LogKey.loadOrMake(path: keyPath)
            do throws(LogFormatError) { signer = try WitnessSigner(name: name, seed: seed) } catch {
                throw LogKey.Problem(error.reason)
            }
            state = WitnessState(logs: logs, seen: known ?? [:])
        } catch {
            lock.release()
            throw WitnessProblem(error.description)
        }
        vkey = signer.vkey
        self.seconds = seconds
    }

    private static func loaded(_ file: StateFile) throws(LogKey.Problem) -> [String: WitnessState.Seen]? {
        do throws(WitnessProblem) { return try file.load() } catch { throw LogKey.Problem(error.description) }
    }

    private static func saved(_ file: StateFile) throws(LogKey.Problem) {
        do throws(WitnessProblem) { try file.save([:]) } catch { throw LogKey.Problem(error.description) }
    }

    /// Judges a request and, if it is right, remembers on disk what it signs before it signs.
    public func add(_ body: [UInt8]) -> Reply {
        switch state.judge(body) {
        case .refuse(let refusal): return .refused(refusal)
        case .cosign(let text, let origin, let seen):
            let next = state.remembering(origin, seen)
            if next.seen != state.seen {
                do throws(WitnessProblem) { try file.save(next.seen) } catch { return .failed(error.description) }
                state = next
            }
            return .cosigned(signer.cosign(text, at: seconds()).line)
        }
    }

    /// How much of each log was signed.
    public var sizes: [String: UInt64] { state.seen.mapValues(\.size) }

    /// Lets another witness have the folder.
    public func close() { lock.release() }
}
