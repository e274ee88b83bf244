/// Proof that an entry stands in a log, complete in itself: `c2sp.org/tlog-proof@v1`. Any tool that knows this form can check it.
public struct TlogProof: Sendable, Hashable {
    /// The entry's place, from 0.
    public var index: UInt64
    public var hashes: [LogHash]
    /// The checkpoint as the log and its witnesses signed it.
    public var note: SignedNote

    static let header = "c2sp.org/tlog-proof@v1"
    /// A tree of 2^64 leaves is no deeper.
    static let hashesMax = 64

    public init(index: UInt64, hashes: [LogHash], note: SignedNote) {
        (self.index, self.hashes, self.note) = (index, hashes, note)
    }

    public var bytes: [UInt8] {
        let head = "\(Self.header)\nindex \(index)\n" + hashes.map { $0.base64 + "\n" }.joined() + "\n"
        return Array(head.utf8) + note.bytes
    }

    /// Reads what `bytes` writes. Proofs with an `extra` line, which nothing holds to be true, are refused.
    public init(_ bytes: some Collection<UInt8>) throws(LogFormatError) {
        var lines = Lines(Array(bytes))
        guard lines.next().map({ $0.elementsEqual(Self.header.utf8) }) == true else {
            throw LogFormatError("a proof begins with the line \(Self.header)")
        }
        index = try lines.number(after: "index")
        hashes = []
        while let line = lines.next(), !line.isEmpty {
            guard let hash = LogHash(base64: line) else { throw LogFormatError("a hash of the proof is not canonical base64") }
            guard hashes.count < Self.hashesMax else { throw LogFormatError("the proof has more than 64 hashes") }
            hashes.append(hash)
        }
        note = try SignedNote(lines.rest)
    }

    /// Whether this entry is the one that is proven, under a checkpoint that the log has signed and each of the witnesses too.
    /// - Returns: the checkpoint.
    public func verify(
        entry: [UInt8], verifier: LogVerifier, witnesses: [WitnessVerifier]
    ) throws(LogFormatError) -> Checkpoint {
        let checkpoint = try verifier.checkpoint(in: note)
        for witness in witnesses {
            guard try witness.time(in: note) != nil else {
                throw LogFormatError("the witness \(witness.name) has not signed the checkpoint of entry \(index)")
            }
        }
        let leaf = leafHash(of: entry)
        guard verifyInclusion(leaf: leaf, index: index, size: checkpoint.size, proof: hashes, root: checkpoint.root) else {
            throw LogFormatError("entry \(index) is not in the log that the checkpoint states")
        }
        return checkpoint
    }
}

/// A text read line by line.
struct Lines {
    private let bytes: [UInt8]
    private(set) var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Without its newline; `nil` when no whole line is left.
    mutating func next() -> ArraySlice<UInt8>? {
        guard let end = bytes[offset...].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        defer { offset = end + 1 }
        return bytes[offset..<end]
    }

    var rest: ArraySlice<UInt8> { bytes[offset...] }
    var isAtEnd: Bool { offset == bytes.count }

    /// What follows a word and a space in the next line.
    mutating func words(after word: String) throws(LogFormatError) -> ArraySlice<UInt8> {
        guard let line = next(), line.starts(with: (word + " ").utf8) else {
            throw LogFormatError("a line is missing that begins with \"\(word) \"")
        }
        return line.dropFirst(word.utf8.count + 1)
    }

    mutating func number(after word: String) throws(LogFormatError) -> UInt64 {
        guard let number = strictDecimal(try words(after: word)) else {
            throw LogFormatError("the number after \"\(word) \" is not a decimal without zeros in front")
        }
        return number
    }
}
