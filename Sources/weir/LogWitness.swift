import Core
import Journal
import Logging
import NIOCore
import Settings
import Synchronization
import Witness

/// Shows this node's checkpoints to its witness while Weir runs, and remembers how that goes.
final class LogWitness: Sendable {
    private let client: WitnessClient
    private let log: Logger
    private let state = Mutex(State())

    struct State: Sendable {
        /// One past the last entry that the witness has signed.
        var witnessed: UInt64 = 0
        var failures: UInt64 = 0
        /// The witness has signed what this log no longer says. It stays set until a restart.
        var isContradicted = false
        /// The reason that was logged last, so that a witness which is away is one line and not one a second.
        var reason: String?
    }

    init(_ settings: WitnessSettings, folder: String, verifier: LogVerifier, group: any EventLoopGroup, log: Logger) throws {
        let address = WitnessAddress(
            host: settings.origin.host, port: settings.origin.port, path: settings.path,
            verifier: try WitnessVerifier(vkey: settings.key))
        client = WitnessClient(folder: LogFiles(path: folder), verifier: verifier, witnesses: [address], group: group)
        self.log = log
    }

    var view: State { state.withLock { $0 } }

    /// Works until its task is cancelled.
    func run() async { await client.run { self.note($0) } }

    /// One more round, for the checkpoint that a stop leaves.
    func showLast() async { note(await client.step()) }

    private func note(_ outcome: WitnessClient.Outcome) {
        let line = state.withLock { state -> (Logger.Level, Logger.Message, String)? in
            switch outcome {
            case .nothingNew: return nil
            case .witnessed(let size):
                state.witnessed = size
                defer { state.reason = nil }
                return state.reason == nil ? nil : (.notice, "the witness signs again", "\(size)")
            case .failed(_, let reason):
                state.failures += 1
                defer { state.reason = reason }
                return state.reason == reason ? nil : (.warning, "the witness did not sign", reason)
            case .contradicted(_, let reason):
                state.failures += 1
                defer { (state.isContradicted, state.reason) = (true, reason) }
                return state.reason == reason ? nil : (.critical, "the witness has signed what this log no longer says", reason)
            }
        }
        if let (level, message, reason) = line { log.log(level: level, message, metadata: ["reason": "\(reason)"]) }
    }
}
