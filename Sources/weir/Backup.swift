import Foundation
import Journal
import Logging
import Synchronization

/// Copies the journal's log to a second folder while Weir runs, once a second, on a queue of its own: it reads and syncs files, which
/// no event loop may wait for.
final class Backup: Sendable {
    /// The log's public key, beside its copy: who restores checks the copy with it, or better with one kept elsewhere.
    static let keyFile = "log.vkey"
    static let intervalMilliseconds = 1_000

    private let folder: String
    private let vkey: String
    private let log: Logger
    private let queue = DispatchQueue(label: "weir.backup")
    private let copy: Mutex<LogCopy>
    private let state = Mutex(State())

    struct State: Sendable {
        /// Entries in the copy.
        var size: UInt64 = 0
        var failures: UInt64 = 0
        /// The reason that was logged last, so that a disk which is away is one line and not one a second.
        var reason: String?
        var hasKey = false
        var isStopped = false
    }

    init(of journal: String, to folder: String, verifier: LogVerifier, log: Logger) {
        self.folder = folder
        vkey = verifier.vkey
        self.log = log
        copy = Mutex(LogCopy(of: journal, to: folder, verifier: verifier))
    }

    var view: State { state.withLock { $0 } }

    /// Copies from now on, once a second.
    func start() {
        queue.async { [self] in
            guard !state.withLock({ $0.isStopped }) else { return }
            step()
            queue.asyncAfter(deadline: .now() + .milliseconds(Self.intervalMilliseconds)) { self.start() }
        }
    }

    /// Copies what the journal's last checkpoint covers, and then nothing more.
    func stop() async {
        state.withLock { $0.isStopped = true }
        await withCheckedContinuation { done in
            queue.async {
                self.step()
                done.resume()
            }
        }
    }

    private func step() {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let size = try copy.withLock { try $0.step() }?.size ?? 0
            if size > 0, !state.withLock({ $0.hasKey }) {
                try Data((vkey + "\n").utf8).write(to: URL(filePath: folder + "/" + Self.keyFile), options: .atomic)
            }
            copied(size)
        } catch let error as JournalError {
            failed("\(error)")
        } catch {
            failed(error.localizedDescription)
        }
    }

    private func copied(_ size: UInt64) {
        let isBack = state.withLock { state in
            state.size = size
            state.hasKey = state.hasKey || size > 0
            defer { state.reason = nil }
            return state.reason != nil
        }
        if isBack { log.notice("the log is copied again", metadata: ["entries": "\(size)"]) }
    }

    private func failed(_ reason: String) {
        let isNew = state.withLock { state in
            state.failures += 1
            defer { state.reason = reason }
            return state.reason != reason
        }
        if isNew { log.error("the log is not copied", metadata: ["folder": "\(folder)", "reason": "\(reason)"]) }
    }
}
