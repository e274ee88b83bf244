import ArgumentParser
import Core
import Foundation
import Journal

/// Which log, and by which keys it is judged.
struct LogOptions: ParsableArguments {
    @Option(help: "Weir's data folder, or a copy of it; Weir may be running.") var data: String
    @Option(help: "The log's public key. (default: that of the private key in the data folder)") var key: String?

    var files: LogFiles { LogFiles.found(at: data) }

    /// The key that was given, else the public half of the one in the data folder.
    func verifier() throws -> LogVerifier {
        if let key { return try checked { try LogVerifier(vkey: key) } }
        return try ownLogKey(data: data).verifier
    }
}

/// The key of the log in a data folder, under the name that its checkpoint has.
func ownLogKey(data: String) throws -> LogSigner {
    guard let seed = try checked({ try LogKey.load(path: data + "/" + LogKey.fileName) }) else {
        throw CommandFailure("There is no \(data)/\(LogKey.fileName). Give the log's public key with --key.")
    }
    let note = try checked { try SignedNote(try LogFiles.found(at: data).checkpoint()) }
    return try checked { try LogSigner(name: try Checkpoint(text: note.text).origin, seed: seed) }
}

/// `weir ledger verify`: the whole log, offline.
struct VerifyLogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check the whole log offline: signatures, every tile and entry, no gaps, and the open tail behind it.")

    @OptionGroup var log: LogOptions
    @Option(name: .customLong("witness"), help: "The key of a witness that must have signed; repeat for more.")
    var witnesses: [String] = []
    @Option(help: "A file with a checkpoint that was kept: the log must have grown out of it; repeat for more.")
    var earlier: [String] = []

    func run() throws {
        let files = log.files
        var trust = LogTrust(verifier: try log.verifier())
        trust.witnesses = try witnesses.map { key in try checked { try WitnessVerifier(vkey: key) } }
        trust.earlier = try earlier.map { name in (name, try checked { try fileBytes(name) }) }
        trust.segments = files.segments
        let report = try checked { try verifyLog(files, trust) }
        print("\(report.origin): \(report.size) entries are as they were logged, root \(report.root.base64)")
        if let size = report.witnessedSize, !witnesses.isEmpty { print("witnessed up to entry \(size)") }
        if trust.segments != nil { print("\(report.tail) more in the open tail have their checksums") }
    }
}

/// `weir ledger prove`: shows what the log says of an attempt.
struct ProveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove", abstract: "Show the entries of an attempt, each proven to be in the log.")

    @OptionGroup var log: LogOptions
    @Argument(help: "The attempt, 32 hexadecimal digits.") var attempt: String

    func run() throws {
        let receipt = try receipt(of: attempt, log)
        for entry in receipt.entries {
            print("entry \(entry.proof.index), proven by \(entry.proof.hashes.count) hashes:")
            print(String(decoding: entry.json, as: UTF8.self))
        }
        if let note = receipt.entries.first?.proof.note {
            print("under this checkpoint:\n" + String(decoding: note.bytes, as: UTF8.self), terminator: "")
        }
    }
}

/// `weir ledger receipt`: what a tenant is given to keep.
struct ReceiptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receipt",
        abstract: "Write the entries of an attempt with their proofs, for `weir-verify receipt` (docs/receipts.md).")

    @OptionGroup var log: LogOptions
    @Argument(help: "The attempt, 32 hexadecimal digits.") var attempt: String
    @Option(help: "The file to write. (default: standard output)") var output: String?
    @Flag(help: "Leave out entries that no witness has signed yet.") var witnessed = false

    func run() throws {
        let bytes = try receipt(of: attempt, log, onlyWitnessed: witnessed).bytes
        guard let output else { return FileHandle.standardOutput.write(Data(bytes)) }
        try Data(bytes).write(to: URL(filePath: output), options: .withoutOverwriting)
    }
}

/// `weir ledger key`: by what others check this log.
struct LogKeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Print the log's public key, for tenants, auditors and witnesses.")

    @Option(help: "Weir's data folder.") var data: String

    func run() throws { print(try ownLogKey(data: data).vkey) }
}

private func receipt(of text: String, _ log: LogOptions, onlyWitnessed: Bool = false) throws -> Receipt {
    guard let attempt = AttemptID(text) else {
        throw ValidationError("An attempt is 32 hexadecimal digits in small letters, as in the journal.")
    }
    let verifier = try log.verifier()
    let found = try checked {
        try makeReceipt(attempt: attempt, log.files, verifier: verifier, onlyWitnessed: onlyWitnessed)
    }
    guard let found else {
        throw CommandFailure(
            onlyWitnessed
                ? "No witness has signed an entry of \(attempt) yet."
                : "The log has no entry of \(attempt) up to its last checkpoint. One of the last 200 ms comes with the next.")
    }
    return found
}

/// Errors of the log tell a person enough by themselves.
private func checked<T>(_ body: () throws -> T) throws -> T {
    do { return try body() } catch { throw CommandFailure("\(error)") }
}
