/// What a log asks of a witness (C2SP tlog-witness): sign this checkpoint, which grew out of the one of `old` entries that you
/// have signed, as the proof shows.
public struct AddCheckpoint: Sendable, Hashable {
    public var old: UInt64
    public var proof: [LogHash]
    public var note: SignedNote

    static let proofMax = 63
    /// A note and 63 hashes are far below it.
    public static let bytesMax = 256 * 1024

    public init(old: UInt64, proof: [LogHash], note: SignedNote) { (self.old, self.proof, self.note) = (old, proof, note) }

    /// The request for a witness that has signed `old` entries, with the proof from the tiles of a log's folder.
    public init(from old: UInt64, note: SignedNote, _ checkpoint: Checkpoint, tiles: TileHashes) throws(LogDamage) {
        precondition(old <= checkpoint.size, "a log only grows")
        self.init(
            old: old, proof: try consistencyProof(from: old, to: checkpoint.size, hash: tiles.hash), note: note)
    }

    public var bytes: [UInt8] {
        Array(("old \(old)\n" + proof.map { $0.base64 + "\n" }.joined() + "\n").utf8) + note.bytes
    }

    public init(_ bytes: some Collection<UInt8>) throws(LogFormatError) {
        guard bytes.count <= Self.bytesMax else { throw LogFormatError("the request is longer than 256 KiB") }
        var lines = Lines(Array(bytes))
        old = try lines.number(after: "old")
        proof = []
        var isEnded = false
        while !isEnded {
            guard let line = lines.next() else { throw LogFormatError("no empty line follows the proof") }
            guard !line.isEmpty else {
                isEnded = true
                continue
            }
            guard let hash = LogHash(base64: line) else { throw LogFormatError("a hash of the proof is not canonical base64") }
            guard proof.count < Self.proofMax else { throw LogFormatError("the proof has more than 63 hashes") }
            proof.append(hash)
        }
        note = try SignedNote(lines.rest)
    }
}
