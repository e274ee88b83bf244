/// What a whole log was found to be.
public struct LogReport: Sendable, Hashable {
    public var origin: String
    public var size: UInt64
    public var root: LogHash
    /// Bytes of all entries that the checkpoint covers.
    public var entryBytes: UInt64 = 0
    /// The size that the witnesses have signed; `nil` when there is no `checkpoint.witnessed`.
    public var witnessedSize: UInt64?
    /// Entries after the checkpoint, in the journal's open tail; their checksums are right.
    public var tail: UInt64 = 0
}

/// How to check a log.
public struct LogTrust: Sendable {
    public var verifier: LogVerifier
    /// Each of them must have signed `checkpoint.witnessed`.
    public var witnesses: [WitnessVerifier]
    /// Signed notes of this log from other times and places: the log must have grown out of each.
    public var earlier: [(name: String, note: [UInt8])]
    /// Whether each entry must begin with its place as its sequence number, as entries of Weir do.
    public var isNumbered = true
    /// The folder of the journal's segments; `nil` for a log without them.
    public var segments: String?

    public init(verifier: LogVerifier, witnesses: [WitnessVerifier] = [], earlier: [(name: String, note: [UInt8])] = []) {
        (self.verifier, self.witnesses, self.earlier) = (verifier, witnesses, earlier)
    }
}

/// Checks a whole log, offline: the signatures, every hash of every tile, every entry, and that nothing is missing in between.
///
/// From the top: the checkpoint's root holds the right edge of the tiles, each hash of a tile holds the whole tile below it, and
/// a leaf hash holds its entry. So the first file that does not agree with what holds it is the one that was changed. A part of
/// the log is in memory at a time: one tile of each level and one bundle.
public func verifyLog(_ folder: LogFiles, _ check: LogTrust) throws -> LogReport {
    // Before the log's own, which only grows meanwhile beside a running Weir.
    let witnessed = try folder.witnessed()
    let checkpoint = try signed(folder.checkpoint(), TilePath.checkpoint, check, required: [])
    var walk = LogWalk(folder: folder, checkpoint: checkpoint, isNumbered: check.isNumbered)
    try walk.run()
    var report = LogReport(origin: checkpoint.origin, size: checkpoint.size, root: checkpoint.root)
    report.entryBytes = walk.entryBytes
    let tiles = TileHashes(folder, size: checkpoint.size)
    if let witnessed {
        report.witnessedSize = try prefix(
            witnessed, LogFiles.witnessedName, of: checkpoint, tiles, check, required: check.witnesses)
    } else if let witness = check.witnesses.first {
        throw LogDamage(file: LogFiles.witnessedName, reason: "the file is missing, so \(witness.name) has signed nothing")
    }
    for (name, note) in check.earlier { _ = try prefix(note, name, of: checkpoint, tiles, check, required: []) }
    if let segments = check.segments { report.tail = try verifyTail(segments, after: checkpoint.size) }
    return report
}

/// The checkpoint in a note with the log's signature, those of the required witnesses, and no wrong one of any known key.
private func signed(
    _ note: [UInt8], _ name: String, _ check: LogTrust, required: [WitnessVerifier]
) throws(LogDamage) -> Checkpoint {
    do throws(LogFormatError) {
        let note = try SignedNote(note)
        let checkpoint = try check.verifier.checkpoint(in: note)
        for witness in check.witnesses {
            let time = try witness.time(in: note)
            if time == nil, required.contains(where: { isSame($0.vkey, witness.vkey) }) {
                throw LogFormatError("the witness \(witness.name) has not signed")
            }
        }
        return checkpoint
    } catch {
        throw LogDamage(file: name, reason: error.reason)
    }
}

/// Checks that another checkpoint of this log is a beginning of it.
private func prefix(
    _ note: [UInt8], _ name: String, of checkpoint: Checkpoint, _ tiles: TileHashes, _ check: LogTrust,
    required: [WitnessVerifier]
) throws -> UInt64 {
    let other = try signed(note, name, check, required: required)
    guard other.size <= checkpoint.size else {
        throw LogDamage(
            file: TilePath.checkpoint, entry: checkpoint.size,
            reason: "the log has \(checkpoint.size) entries, but \(name) says that it once had \(other.size): it was shortened")
    }
    guard try treeRoot(size: other.size, hash: tiles.hash) == other.root else {
        throw LogDamage(file: name, reason: "the log does not begin with the \(other.size) entries that this checkpoint covers")
    }
    return other.size
}

/// Scans what lies behind the checkpoint in the journal's segments.
private func verifyTail(_ folder: String, after size: UInt64) throws -> UInt64 {
    var next = size
    do {
        try Journal.scan(folder: folder, from: size) { sequence, entry in
            guard sequence == next, entrySequence(entry) == sequence else {
                throw LogDamage(file: folder, entry: next, reason: "the entry that comes next is not in the segments")
            }
            next += 1
        }
    } catch let error as JournalError {
        guard case .corrupt(let damage) = error else { throw LogDamage(file: folder, reason: "\(error)") }
        throw LogDamage(file: damage.file, entry: damage.sequence, reason: "at byte \(damage.offset): \(damage.reason)")
    }
    return next - size
}

/// The sequence number in the beginning that each entry of the journal has, `{"v":V,"n":N,`; `nil` for other bytes.
func entrySequence(_ entry: UnsafeRawBufferPointer) -> UInt64? {
    let start = entrySequencePrefix.count
    guard entry.count > start + 1 else { return nil }
    for place in 0..<start where entry[place] != entrySequencePrefix[place] {
        // One digit of version.
        guard place == entryVersionPlace, (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(entry[place]) else { return nil }
    }
    var end = start
    while end < entry.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(entry[end]) { end += 1 }
    guard end < entry.count, entry[end] == UInt8(ascii: ",") else { return nil }
    return strictDecimal(UnsafeRawBufferPointer(rebasing: entry[start..<end]))
}

private let entrySequencePrefix = Array(#"{"v":2,"n":"#.utf8)
private let entryVersionPlace = 5

/// One pass over tiles and entries, from the left.
private struct LogWalk {
    let folder: LogFiles
    let checkpoint: Checkpoint
    let isNumbered: Bool
    var entryBytes: UInt64 = 0

    mutating func run() throws {
        guard checkpoint.size > 0 else { return }
        let top = (0..<8).last { TilePath.count(level: $0, size: checkpoint.size) > 0 } ?? 0
        let edge = try (0...top).map { level -> (hashes: [LogHash], file: String)? in
            let index = TilePath.count(level: level, size: checkpoint.size) / UInt64(tileWidth)
            let width = TilePath.partialWidth(level: level, size: checkpoint.size)
            return width == 0 ? nil : try folder.tile(level: level, index: index, size: checkpoint.size)
        }
        let root = Frontier(size: checkpoint.size) { level, index in
            edge[level]?.hashes[Int(index % UInt64(tileWidth))] ?? .zero
        }.root
        guard root == checkpoint.root else { throw try damagedEdge(edge) }
        for level in (0...top).reversed() {
            guard let tile = edge[level] else { continue }
            try below(level, TilePath.count(level: level, size: checkpoint.size) / UInt64(tileWidth), tile.hashes)
        }
    }

    /// Checks everything that the true hashes of a tile stand for.
    private mutating func below(_ level: Int, _ index: UInt64, _ hashes: [LogHash]) throws {
        try leftOver(level, index, hashes)
        guard level > 0 else { return try entries(index, hashes) }
        for (column, hash) in hashes.enumerated() {
            let child = index * UInt64(tileWidth) + UInt64(column)
            let tile = try folder.tile(level: level - 1, index: child, size: checkpoint.size)
            guard subtreeRoot(tile.hashes) == hash else {
                throw LogDamage(
                    file: tile.file, entry: child << UInt64(tileHeight * level),
                    reason: "its hashes are not those that the tile above it was made from")
            }
            try below(level - 1, child, tile.hashes)
        }
    }

    private mutating func entries(_ index: UInt64, _ hashes: [LogHash]) throws {
        let first = index * UInt64(tileWidth)
        let bundle = try folder.bundle(index: index, size: checkpoint.size)
        let used = try bundle.bytes.withUnsafeBytes { bytes in
            try forEachEntry(ofBundle: bytes, count: hashes.count) { place, entry in
                let number = first + UInt64(place)
                guard leafHash(of: entry) == hashes[place] else {
                    throw LogDamage(file: bundle.file, entry: number, reason: "the entry is not the one that was logged")
                }
                guard !isNumbered || entrySequence(entry) == number else {
                    throw LogDamage(
                        file: bundle.file, entry: number,
                        reason: "the entry does not begin with its sequence number; entries are missing or of another log")
                }
                entryBytes += UInt64(entry.count)
            }
        }
        let isOfThisSize = bundle.file == TilePath.entries(index: index, width: hashes.count)
        guard let used, used == bundle.bytes.count || !isOfThisSize else {
            throw LogDamage(
                file: bundle.file, entry: first, reason: "the bundle does not hold exactly \(hashes.count) entries")
        }
    }

    /// Narrower files from when the log was smaller must say the same. Weir removes them; others may keep them.
    private func leftOver(_ level: Int, _ index: UInt64, _ hashes: [LogHash]) throws {
        for (width, name) in folder.partials(TilePath.hashes(level: level, index: index)) where width < hashes.count {
            let bytes = try folder.read(name, bytesMax: tileWidth * LogHash.byteCount)
            guard bytes == hashes[..<width].flatMap(\.bytes) else {
                throw LogDamage(
                    file: name, entry: index << UInt64(tileHeight * (level + 1)), reason: "its hashes are not those of the log")
            }
        }
        guard level == 0 else { return }
        for (width, name) in folder.partials(TilePath.entries(index: index)) where width < hashes.count {
            let bytes = try folder.read(name, bytesMax: tileWidth * (65_535 + 2))
            let first = index * UInt64(tileWidth)
            let used = try bytes.withUnsafeBytes { bytes in
                try forEachEntry(ofBundle: bytes, count: width) { place, entry in
                    guard leafHash(of: entry) == hashes[place] else {
                        throw LogDamage(
                            file: name, entry: first + UInt64(place), reason: "the entry is not the one that was logged")
                    }
                }
            }
            guard used == bytes.count else {
                throw LogDamage(file: name, entry: first, reason: "the bundle does not hold exactly \(width) entries")
            }
        }
    }

    /// Finds out, from below, which of the files at the right edge does not give the root that the log's key has signed.
    private func damagedEdge(_ edge: [(hashes: [LogHash], file: String)?]) throws -> LogDamage {
        for (level, tile) in edge.enumerated() {
            guard let tile else { continue }
            let index = TilePath.count(level: level, size: checkpoint.size) / UInt64(tileWidth)
            let bundle = level == 0 ? try folder.bundle(index: index, size: checkpoint.size) : nil
            var leaves: [LogHash] = []
            if let bundle {
                _ = bundle.bytes.withUnsafeBytes {
                    forEachEntry(ofBundle: $0, count: tile.hashes.count) { leaves.append(leafHash(of: $1)) }
                }
            }
            for (column, hash) in tile.hashes.enumerated() {
                let place = index * UInt64(tileWidth) + UInt64(column)
                let entry = place << UInt64(tileHeight * level)
                if level == 0 {
                    guard column < leaves.count, leaves[column] == hash else {
                        return LogDamage(
                            file: tile.file, entry: entry,
                            reason: "this tile, or the bundle of its entries, does not give the root that the checkpoint states")
                    }
                } else if subtreeRoot(try folder.tile(level: level - 1, index: place, size: checkpoint.size).hashes) != hash {
                    return LogDamage(
                        file: tile.file, entry: entry,
                        reason: "its hash of the tile below does not give the root that the checkpoint states")
                }
            }
        }
        return LogDamage(
            file: TilePath.checkpoint, reason: "tiles and entries agree with each other, but not with the signed root")
    }
}
