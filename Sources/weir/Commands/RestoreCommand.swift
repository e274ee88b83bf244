import ArgumentParser
import Core
import Foundation
import Journal
import Ledger
import Settings
import Witness

/// `weir ledger restore`: makes a data folder out of a copy of a log, offline.
struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make a new data folder out of the copy that `backup` keeps, and say what the copy lacks.",
        discussion: """
            Every entry and hash of the copy is checked first. Entries that somebody knows of and that the copy lacks are named; \
            then the log goes on under a new name. docs/administration.md has the steps.
            """)

    @Option(help: "The copy: the folder that `backup` names.") var copy: String
    @Option(help: "The data folder to make. It must not be there yet, or be empty.") var data: String
    @Option(help: "The name of the node that goes on: a new one, unless --known shows that the copy lacks nothing.") var node:
        String
    @Option(
        help: """
            What is known of the log from elsewhere: a checkpoint that was kept, `checkpoint.witnessed`, or a witness's `state` \
            file. Repeat for more.
            """)
    var known: [String] = []
    @Option(help: "The public key of the copied log. (default: the file log.vkey in the copy)") var key: String?
    @Option(name: .customLong("log-key"), help: "The lost node's `log-key` file, needed to go on under its name.")
    var logKey: String?

    func run() throws {
        let verifier = try verifier()
        let known = try newest(known.map { try checkpoint($0, verifier) })
        let isSame = node == verifier.name
        if isSame, known == nil {
            throw CommandFailure(
                "Without --known nobody can tell whether the copy lacks entries that \(node) has signed. Give the witness's `state` "
                    + "file or a checkpoint, or go on under a new name with --node.")
        }
        let seed = try logKey.map(oldSeed)
        if isSame, seed == nil {
            throw CommandFailure(
                "To go on as \(node), its private key is needed: --log-key FILE. Without it, take a new name with --node.")
        }
        let isNew = !FileManager.default.fileExists(atPath: data)
        guard isNew || (try? FileManager.default.contentsOfDirectory(atPath: data).isEmpty) == true else {
            throw CommandFailure("\(data) is there and not empty. Restore into a new folder, so that nothing is overwritten.")
        }
        do { try restore(verifier, known, seed) } catch {
            // Half a folder must not be taken for a whole one.
            if isNew { try? FileManager.default.removeItem(atPath: data) }
            throw error
        }
    }

    private func restore(_ verifier: LogVerifier, _ known: Checkpoint?, _ seed: [UInt8]?) throws {
        try makePrivateFolder(data)
        let keyPath = data + "/" + LogKey.fileName
        if let seed {
            let digits = seed.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            guard
                FileManager.default.createFile(
                    atPath: keyPath, contents: Data((digits + "\n").utf8), attributes: [.posixPermissions: 0o600])
            else { throw CommandFailure("\(keyPath) cannot be written.") }
        }
        let signer = try told { try LogSigner(name: node, seed: LogKey.loadOrMake(path: keyPath)) }
        if node == verifier.name, signer.vkey != verifier.vkey {
            throw CommandFailure("--log-key is not the key of \(verifier.vkey), under which the copy was signed.")
        }
        let restored: Restored
        do {
            restored = try Journal.restore(
                copy: copy, verifier: verifier, to: data + "/journal", signer: signer, known: known)
        } catch JournalError.sameOrigin(let origin, let missing) {
            throw CommandFailure(
                "The copy lacks entries \(missing.lowerBound) to \(missing.upperBound - 1), which \(origin) has signed. Take a new "
                    + "name with --node: two logs of one name that differ are what a witness refuses.")
        } catch { throw CommandFailure("\(error)") }
        show(restored, try open(restored, verifier, signer), known, signer, verifier)
    }

    /// Opens the journal once, so that what the copy left open is in doubt, and what it lacks is said in the journal itself.
    private func open(_ restored: Restored, _ verifier: LogVerifier, _ signer: LogSigner) throws -> RecoveryReport {
        var settings = Journal.Settings(folder: data + "/journal")
        settings.log = LogSettings(signer: signer)
        let (ledger, report) = try told {
            try LiveLedger.open(
                settings, node: node, version: Node.version, zones: knownTimeZones(), at: .now())
        }
        let missing = restored.missing
        let lack = missing.isEmpty ? "lacks nothing that is known" : "lacks \(missing.lowerBound)..<\(missing.upperBound)"
        _ = try told { try ledger.act(who: "weir", what: "restored", on: "\(lack) of \(verifier.name)", at: .now()) }
        ledger.shutdown(at: .now())
        let last = ledger.journal.next
        ledger.journal.close()
        guard ledger.journal.durable == last else { throw CommandFailure("The journal in \(data) could not be written.") }
        return report
    }

    private func show(
        _ restored: Restored, _ report: RecoveryReport, _ known: Checkpoint?, _ signer: LogSigner, _ verifier: LogVerifier
    ) {
        print("\(restored.size) entries of \(verifier.name) are checked and restored to \(data), for the node \(node).")
        if !restored.missing.isEmpty {
            print(
                """
                The copy lacks entries \(restored.missing.lowerBound) to \(restored.missing.upperBound - 1) of \(verifier.name). \
                What was decided in them is not known: reconcile that time with the providers' invoices.
                """)
        } else if known == nil {
            print("What it lacks is not known: nothing was given with --known. The last second before the loss may be missing.")
        } else {
            print("It lacks nothing that is known.")
        }
        let doubts = report.newDoubts + report.oldDoubts
        print(
            "\(doubts) holds and \(report.doubtfulAllowances.count) allowances that the copy left open stay reserved, in doubt.")
        print("The log's key is now \(signer.vkey)")
    }

    // MARK: What is given

    private func verifier() throws -> LogVerifier {
        if let key { return try told { try LogVerifier(vkey: key) } }
        guard let text = try? String(contentsOfFile: copy + "/" + Backup.keyFile, encoding: .utf8) else {
            throw CommandFailure("There is no \(copy)/\(Backup.keyFile). Give the log's public key with --key.")
        }
        return try told { try LogVerifier(vkey: text.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    private func oldSeed(_ path: String) throws -> [UInt8] {
        guard let seed = try told({ try LogKey.load(path: path) }) else { throw CommandFailure("There is no \(path).") }
        return seed
    }

    /// A signed checkpoint, or what a witness remembers of this log. Its state has no signature: it is the operator's own witness.
    private func checkpoint(_ path: String, _ verifier: LogVerifier) throws -> Checkpoint {
        let bytes = try told { try fileBytes(path) }
        if let seen = WitnessState.seen(inFile: bytes) {
            guard let one = seen[verifier.name] else {
                throw CommandFailure("The witness of \(path) has signed nothing of \(verifier.name).")
            }
            return Checkpoint(origin: verifier.name, size: one.size, root: one.root)
        }
        do { return try verifier.checkpoint(in: bytes) } catch {
            throw CommandFailure("\(path) is neither a checkpoint of \(verifier.name) nor a witness's state: \(error)")
        }
    }

    private func newest(_ all: [Checkpoint]) throws -> Checkpoint? {
        let newest = all.max { $0.size < $1.size }
        guard all.allSatisfy({ $0.size != newest?.size || $0.root == newest?.root }) else {
            throw CommandFailure("What is known contradicts itself: two checkpoints of one size have different roots.")
        }
        return newest
    }

    private func told<T>(_ body: () throws -> T) throws -> T {
        do { return try body() } catch { throw CommandFailure("\(error)") }
    }
}
