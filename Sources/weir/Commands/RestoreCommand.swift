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
            then the log goes on under a new name. What those entries may have cost is held in doubt, as you bound it. \
            docs/administration.md has the steps.
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

    @Option(
        help: """
            TENANT=DOLLARS: the most that lost entries may have cost the tenant. It stays reserved until evidence charges or voids \
            it. 0 says that nothing was lost. Repeat for each tenant with a limit, unless --known shows that nothing is missing.
            """)
    var holdInDoubt: [String] = []

    func run() throws {
        let bounds = try bounds()
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
        do { try restore(verifier, known, seed, bounds) } catch {
            // Half a folder must not be taken for a whole one.
            let manager = FileManager.default
            let made = isNew ? [data] : ((try? manager.contentsOfDirectory(atPath: data)) ?? []).map { data + "/" + $0 }
            for path in made { try? manager.removeItem(atPath: path) }
            throw error
        }
    }

    private func restore(
        _ verifier: LogVerifier, _ known: Checkpoint?, _ seed: [UInt8]?, _ bounds: [String: Money]
    ) throws {
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
        // Without anybody else's word the copy may lack entries, and nobody knows how many.
        let loss = Loss(
            log: verifier.name, first: restored.size, end: known == nil ? nil : restored.missing.upperBound,
            isPossible: known == nil || !restored.missing.isEmpty)
        show(restored, try open(restored, loss, bounds, signer), bounds, known, signer, verifier)
    }

    /// Entries that the copy lacks, or may lack.
    private struct Loss {
        var log: String
        var first: UInt64
        /// nil: nobody knows.
        var end: UInt64?
        var isPossible: Bool
    }

    /// Opens the journal once, so that what the copy left open is in doubt, and what it lacks is said in the journal itself.
    private func open(
        _ restored: Restored, _ loss: Loss, _ bounds: [String: Money], _ signer: LogSigner
    ) throws -> RecoveryReport {
        var settings = Journal.Settings(folder: data + "/journal")
        settings.log = LogSettings(signer: signer)
        let (ledger, report) = try told {
            try LiveLedger.open(
                settings, node: node, version: Node.version, zones: knownTimeZones(), at: .now())
        }
        let missing = restored.missing
        let lack = missing.isEmpty ? "lacks nothing that is known" : "lacks \(missing.lowerBound)..<\(missing.upperBound)"
        _ = try told { try ledger.act(who: "weir", what: "restored", on: "\(lack) of \(loss.log)", at: .now()) }
        do { try hold(loss, bounds, ledger) } catch {
            ledger.journal.close()
            throw error
        }
        ledger.shutdown(at: .now())
        let last = ledger.journal.next
        ledger.journal.close()
        guard ledger.journal.durable == last else { throw CommandFailure("The journal in \(data) could not be written.") }
        return report
    }

    /// Reserves what the loss may have cost. A limit that nobody gives a bound for would be kept by luck, so that is refused.
    private func hold(_ loss: Loss, _ bounds: [String: Money], _ ledger: LiveLedger) throws {
        guard loss.isPossible else {
            guard bounds.isEmpty else { throw CommandFailure("The copy lacks nothing: there is nothing to hold in doubt.") }
            return
        }
        let unstated = ledger.limitedTenants.filter { bounds[$0] == nil }
        guard unstated.isEmpty else {
            let options = unstated.map { "--hold-in-doubt '\($0)=DOLLARS'" }.joined(separator: " ")
            throw CommandFailure(
                "The copy \(loss.end == nil ? "may lack" : "lacks") entries, and what they cost counts against limits. State the "
                    + "most that each tenant can have spent in them (0 if nothing): \(options). It stays reserved until evidence "
                    + "charges or voids it.")
        }
        for (tenant, amount) in bounds.sorted(by: { $0.key < $1.key }) {
            do {
                try ledger.holdLost(amount, of: tenant, log: loss.log, first: loss.first, end: loss.end, at: .now())
            } catch LedgerError.unknownTenant {
                throw CommandFailure("--hold-in-doubt: the copy knows no tenant `\(tenant)`.")
            } catch { throw CommandFailure("\(error)") }
        }
    }

    private func bounds() throws -> [String: Money] {
        var bounds: [String: Money] = [:]
        for text in holdInDoubt {
            guard let sign = text.lastIndex(of: "="), let amount = Money(dollars: String(text[text.index(after: sign)...])),
                amount >= .zero
            else { throw ValidationError("`--hold-in-doubt` takes TENANT=DOLLARS, such as acme=12.50.") }
            guard bounds.updateValue(amount, forKey: String(text[..<sign])) == nil else {
                throw ValidationError("`--hold-in-doubt` names \(text[..<sign]) twice.")
            }
        }
        return bounds
    }

    private func show(
        _ restored: Restored, _ report: RecoveryReport, _ bounds: [String: Money], _ known: Checkpoint?, _ signer: LogSigner,
        _ verifier: LogVerifier
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
        for (tenant, amount) in bounds.sorted(by: { $0.key < $1.key }) {
            print("Of the tenant \(tenant) \(amount) dollars are in doubt for what is missing.")
        }
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
