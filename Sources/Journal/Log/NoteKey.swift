import Crypto

/// What a key under a note says with its signature; the byte is part of the key's identifier and of its text.
enum NoteKeyKind: UInt8, Sendable {
    /// The log says: this is my text.
    case log = 0x01
    /// A witness says: at this time the newest state that I saw of this log was this, and it grew out of the one before.
    case witness = 0x04
}

private let seedBytes = 32
private let signatureBytes = 64
/// A witness's signature follows its time, in seconds since 1970.
private let timeBytes = 8

/// The first four bytes of SHA-256(name ‖ newline ‖ kind ‖ public key).
private func keyID(_ name: String, _ kind: NoteKeyKind, _ publicKey: [UInt8]) -> UInt32 {
    var hasher = SHA256()
    hasher.update(data: Array(name.utf8) + [UInt8(ascii: "\n"), kind.rawValue] + publicKey)
    return hasher.finalize().prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
}

/// The public half of a key: who signs, and how that is checked.
struct NoteKey: Sendable {
    let name: String
    let kind: NoteKeyKind
    let id: UInt32
    private let publicBytes: [UInt8]
    private let key: Curve25519.Signing.PublicKey

    init(name: String, kind: NoteKeyKind, publicKey: [UInt8]) throws(LogFormatError) {
        guard isKeyName(name) else { throw LogFormatError("a key's name has no spaces and no plus sign, and is not empty") }
        guard publicKey.count == seedBytes, let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else {
            throw LogFormatError("the key of \(name) is not an Ed25519 key")
        }
        (self.name, self.kind, self.key, publicBytes) = (name, kind, key, publicKey)
        id = keyID(name, kind, publicKey)
    }

    /// `NAME+IDENTIFIER+BASE64`, as C2SP signed-note writes a verifier's key.
    init(text: String, kind: NoteKeyKind) throws(LogFormatError) {
        let parts = text.utf8.split(separator: UInt8(ascii: "+"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw LogFormatError("a key is NAME+IDENTIFIER+BASE64: \(text)") }
        guard let bytes = Base64.bytes(parts[2]), bytes.count == 1 + seedBytes else {
            throw LogFormatError("the last part of the key is not canonical base64 of an Ed25519 key: \(text)")
        }
        guard bytes[0] == kind.rawValue else {
            throw LogFormatError(
                kind == .log ? "this is no key of a log (type 1): \(text)" : "this is no key of a witness (type 4): \(text)")
        }
        try self.init(name: String(decoding: parts[0], as: UTF8.self), kind: kind, publicKey: Array(bytes[1...]))
        guard isSame(self.text, text) else { throw LogFormatError("the key's identifier does not belong to it: \(text)") }
    }

    var text: String {
        let digits = String(id, radix: 16)
        let identifier = String(repeating: "0", count: 8 - digits.count) + digits
        return "\(name)+\(identifier)+\(Base64.text([kind.rawValue] + publicBytes))"
    }

    func isValid(_ signature: some Collection<UInt8>, over message: [UInt8]) -> Bool {
        signature.count == signatureBytes && key.isValidSignature(Array(signature), for: message)
    }

    /// The one signature that claims to be of this key.
    func signature(in note: SignedNote) throws(LogFormatError) -> SignedNote.Signature? {
        let own = note.signatures.filter { $0.keyID == id && isSame($0.name, name) }
        guard own.count <= 1 else { throw LogFormatError("the note has two signatures of \(name)") }
        return own.first
    }
}

/// Signs the log's checkpoints. Holds the private key.
public struct LogSigner: Sendable {
    private let key: NoteKey
    private let secret: Curve25519.Signing.PrivateKey

    /// The name is the log's origin; the seed is 32 random bytes that are kept secret.
    public init(name: String, seed: [UInt8]) throws(LogFormatError) {
        (key, secret) = try keyPair(name, .log, seed)
    }

    public var name: String { key.name }
    /// The public key, as everybody who checks this log needs it.
    public var vkey: String { key.text }
    public var verifier: LogVerifier { LogVerifier(key: key) }

    /// A signed note's bytes: what stands in the file `checkpoint`.
    public func sign(_ checkpoint: Checkpoint) -> [UInt8] {
        SignedNote(
            text: checkpoint.text,
            signatures: [.init(name: name, keyID: key.id, bytes: signature(secret, over: checkpoint.text))]
        ).bytes
    }
}

/// Checks that a checkpoint was signed by the log.
public struct LogVerifier: Sendable {
    let key: NoteKey

    init(key: NoteKey) { self.key = key }

    public init(vkey: String) throws(LogFormatError) { key = try NoteKey(text: vkey, kind: .log) }

    public var name: String { key.name }
    public var vkey: String { key.text }

    /// The checkpoint in a note that this log's key has signed; the log's name is its origin.
    public func checkpoint(in note: SignedNote) throws(LogFormatError) -> Checkpoint {
        guard let signature = try key.signature(in: note) else {
            throw LogFormatError("the checkpoint is not signed by \(key.text)")
        }
        guard key.isValid(signature.bytes, over: note.text) else {
            throw LogFormatError("the signature of \(key.name) on the checkpoint is wrong")
        }
        let checkpoint = try Checkpoint(text: note.text)
        guard isSame(checkpoint.origin, key.name) else {
            throw LogFormatError("the checkpoint is of another log, \(checkpoint.origin)")
        }
        return checkpoint
    }

    public func checkpoint(in bytes: some Collection<UInt8>) throws(LogFormatError) -> Checkpoint {
        try checkpoint(in: SignedNote(bytes))
    }
}

/// Signs what a witness saw. Holds the private key.
public struct WitnessSigner: Sendable {
    private let key: NoteKey
    private let secret: Curve25519.Signing.PrivateKey

    public init(name: String, seed: [UInt8]) throws(LogFormatError) {
        (key, secret) = try keyPair(name, .witness, seed)
    }

    public var name: String { key.name }
    public var vkey: String { key.text }
    public var verifier: WitnessVerifier { WitnessVerifier(key: key) }

    /// A cosignature over a note's text: as of `seconds` since 1970 this is the newest that the witness saw.
    public func cosign(_ text: [UInt8], at seconds: UInt64) -> SignedNote.Signature {
        let time = (0..<timeBytes).map { UInt8(truncatingIfNeeded: seconds >> UInt64(56 - 8 * $0)) }
        return .init(name: name, keyID: key.id, bytes: time + signature(secret, over: cosigned(text, at: seconds)))
    }
}

/// Checks that a witness has cosigned a checkpoint.
public struct WitnessVerifier: Sendable {
    let key: NoteKey

    init(key: NoteKey) { self.key = key }

    public init(vkey: String) throws(LogFormatError) { key = try NoteKey(text: vkey, kind: .witness) }

    public var name: String { key.name }
    public var vkey: String { key.text }

    /// When the witness signed, in seconds since 1970; `nil` if it did not. A wrong signature of it is an error.
    public func time(in note: SignedNote) throws(LogFormatError) -> UInt64? {
        guard let signature = try key.signature(in: note) else { return nil }
        let seconds = signature.bytes.prefix(timeBytes).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        guard signature.bytes.count == timeBytes + signatureBytes, seconds <= UInt64(Int64.max),
            key.isValid(signature.bytes[timeBytes...], over: cosigned(note.text, at: seconds))
        else { throw LogFormatError("the signature of the witness \(key.name) on the checkpoint is wrong") }
        return seconds
    }
}

private func keyPair(
    _ name: String, _ kind: NoteKeyKind, _ seed: [UInt8]
) throws(LogFormatError) -> (NoteKey, Curve25519.Signing.PrivateKey) {
    guard seed.count == seedBytes, let secret = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else {
        throw LogFormatError("the seed of a signing key is 32 bytes")
    }
    return (try NoteKey(name: name, kind: kind, publicKey: Array(secret.publicKey.rawRepresentation)), secret)
}

private func signature(_ secret: Curve25519.Signing.PrivateKey, over message: [UInt8]) -> [UInt8] {
    guard let signature = try? secret.signature(for: message) else {
        preconditionFailure("signing in memory with a whole key cannot fail")
    }
    return Array(signature)
}

private func cosigned(_ text: [UInt8], at seconds: UInt64) -> [UInt8] {
    Array("cosignature/v1\ntime \(seconds)\n".utf8) + text
}
