public import Core

/// Everything that the log says of one attempt, each entry with its proof: what a tenant is given to keep.
/// `docs/receipts.md` describes the text.
public struct Receipt: Sendable, Hashable {
    public var attempt: AttemptID
    public var entries: [Entry]

    public struct Entry: Sendable, Hashable {
        /// The entry's JSON, byte for byte as it was hashed.
        public var json: [UInt8]
        public var proof: TlogProof

        public init(json: [UInt8], proof: TlogProof) { (self.json, self.proof) = (json, proof) }
    }

    static let header = "weir-receipt/v1"
    /// An attempt has a hold, an end and few corrections.
    static let entriesMax = 1_000
    static let bytesMax = 128 * 1024 * 1024

    public init(attempt: AttemptID, entries: [Entry]) { (self.attempt, self.entries) = (attempt, entries) }

    public var bytes: [UInt8] {
        var text = Array("\(Self.header)\nattempt \(attempt)\nentries \(entries.count)\n".utf8)
        for entry in entries {
            let proof = entry.proof.bytes
            let lines = proof.count { $0 == UInt8(ascii: "\n") }
            text += Array("\nentry ".utf8) + entry.json + Array("\nproof \(lines)\n".utf8) + proof
        }
        return text
    }

    /// Reads what `bytes` writes, and nothing else.
    public init(_ bytes: some Collection<UInt8>) throws(LogFormatError) {
        let bytes = Array(bytes)
        guard bytes.count <= Self.bytesMax else { throw LogFormatError("the receipt is longer than 128 MiB") }
        var lines = Lines(bytes)
        guard lines.next().map({ $0.elementsEqual(Self.header.utf8) }) == true else {
            throw LogFormatError("a receipt begins with the line \(Self.header)")
        }
        guard let attempt = AttemptID(String(decoding: try lines.words(after: "attempt"), as: UTF8.self)) else {
            throw LogFormatError("an attempt is 32 hexadecimal digits in small letters")
        }
        self.attempt = attempt
        let count = try lines.number(after: "entries")
        guard (1...UInt64(Self.entriesMax)).contains(count) else { throw LogFormatError("a receipt has 1 to 1,000 entries") }
        entries = []
        for _ in 0..<count {
            guard lines.next()?.isEmpty == true else { throw LogFormatError("an empty line is missing before an entry") }
            let json = Array(try lines.words(after: "entry"))
            let proofLines = try lines.number(after: "proof")
            let start = lines.offset
            for _ in 0..<min(proofLines, UInt64(bytes.count)) where lines.next() == nil {
                throw LogFormatError("the receipt ends inside a proof")
            }
            entries.append(Entry(json: json, proof: try TlogProof(bytes[start..<lines.offset])))
        }
        guard lines.isAtEnd else { throw LogFormatError("something follows the receipt's last entry") }
        guard self.bytes == bytes else { throw LogFormatError("the receipt is not written as receipts are") }
    }
}

/// Checks a receipt with nothing but public keys: every entry is in the log that the key has signed, names this attempt and has
/// the sequence number of its place. That the log has no further entry of the attempt is not shown.
/// - Returns: the entries, in the order of the log.
public func verifyReceipt(
    _ text: some Collection<UInt8>, verifier: LogVerifier, witnesses: [WitnessVerifier] = []
) throws(LogFormatError) -> Receipt {
    let receipt = try Receipt(text)
    let value = Array(receipt.attempt.description.utf8)
    var next: UInt64 = 0
    for entry in receipt.entries {
        _ = try entry.proof.verify(entry: entry.json, verifier: verifier, witnesses: witnesses)
        let index = entry.proof.index
        guard index >= next else { throw LogFormatError("entry \(index) is not after the one before it in the receipt") }
        guard entry.json.withUnsafeBytes(entrySequence) == index else {
            throw LogFormatError("entry \(index) does not begin with its sequence number")
        }
        guard entry.json.withUnsafeBytes({ names(attempt: value, $0) }) else {
            throw LogFormatError("entry \(index) is not of the attempt \(receipt.attempt)")
        }
        next = index + 1
    }
    return receipt
}

/// Looks through a log for what it says of an attempt, and proves each entry of it. Works beside a running Weir: what counts is
/// the checkpoint that lies there when it begins, the witnessed one if that says something of the attempt too.
/// - Parameter onlyWitnessed: whether entries that no witness has seen are left out.
/// - Returns: `nil` when the log has no entry of it.
public func makeReceipt(
    attempt: AttemptID, _ folder: LogFiles, verifier: LogVerifier, onlyWitnessed: Bool = false
) throws -> Receipt? {
    func opened(_ bytes: [UInt8], _ file: String) throws(LogDamage) -> (SignedNote, Checkpoint) {
        do throws(LogFormatError) {
            let note = try SignedNote(bytes)
            return (note, try verifier.checkpoint(in: note))
        } catch { throw LogDamage(file: file, reason: error.reason) }
    }
    let witnessed = try folder.witnessed().map { try opened($0, LogFiles.witnessedName) }
    let latest = try opened(try folder.checkpoint(), TilePath.checkpoint)
    let scanned = onlyWitnessed ? witnessed?.1.size ?? 0 : latest.1.size
    let found = try entries(of: attempt, folder, size: scanned)
    guard let last = found.last else { return nil }
    // Prefer the note that witnesses have signed, as long as it covers everything.
    let (note, checkpoint) = witnessed.flatMap { last.index < $0.1.size ? $0 : nil } ?? latest
    let tiles = TileHashes(folder, size: checkpoint.size)
    let receipt = Receipt(
        attempt: attempt,
        entries: try found.map { index, json in
            let hashes = try inclusionProof(index: index, size: checkpoint.size, hash: tiles.hash)
            return Receipt.Entry(json: json, proof: TlogProof(index: index, hashes: hashes, note: note))
        })
    do throws(LogFormatError) { return try verifyReceipt(receipt.bytes, verifier: verifier) } catch {
        throw LogDamage(file: folder.path, reason: "the log does not prove its own entries: \(error.reason)")
    }
}

private func entries(of attempt: AttemptID, _ folder: LogFiles, size: UInt64) throws -> [(index: UInt64, json: [UInt8])] {
    let value = Array(attempt.description.utf8)
    var found: [(index: UInt64, json: [UInt8])] = []
    for tile in 0..<(size + UInt64(tileWidth) - 1) / UInt64(tileWidth) {
        let (bytes, _) = try folder.bundle(index: tile, size: size)
        _ = bytes.withUnsafeBytes { bytes in
            forEachEntry(ofBundle: bytes, count: TilePath.width(level: 0, index: tile, size: size)) { place, entry in
                if names(attempt: value, entry) { found.append((tile * UInt64(tileWidth) + UInt64(place), Array(entry))) }
            }
        }
    }
    return found
}

private let attemptMember = Array(#""attempt":""#.utf8)

/// Whether an entry has the member `attempt` with this value. Objects inside it, such as a provider's usage, do not count.
func names(attempt: [UInt8], _ entry: UnsafeRawBufferPointer) -> Bool {
    var depth = 0
    var place = 0
    while place < entry.count {
        switch entry[place] {
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
        case UInt8(ascii: "\""):
            let value = place + attemptMember.count
            if depth == 1, value <= entry.count, entry[place..<value].elementsEqual(attemptMember) {
                let end = value + attempt.count
                return end < entry.count && entry[end] == UInt8(ascii: "\"") && entry[value..<end].elementsEqual(attempt)
            }
            place += 1
            while place < entry.count, entry[place] != UInt8(ascii: "\"") {
                place += entry[place] == UInt8(ascii: "\\") ? 2 : 1
            }
        default: break
        }
        place += 1
    }
    return false
}
