/// Holds what a journal's folder has against what its log's checkpoint says, while the segments are read.
///
/// The tree is taken up from whole tiles where the oldest segment begins, since everything before is synced there, and goes on with
/// the segments' entries. A checkpoint covers only what was durable, so a journal that ends before it has lost something.
struct LogCheck {
    let folder: LogFolder
    /// `nil` for a folder whose log has still to be made.
    let checkpoint: Checkpoint?
    /// The tree over the tiles and what has been added; it starts where the oldest segment does.
    private var tree = Frontier()
    private var reader: TileReader?
    /// Where the segments begin.
    private(set) var first: UInt64 = 0
    /// The tree at `resume`, once it has grown that far.
    private var treeAtResume: Frontier?

    /// From where the tiles are made anew, at the end of a bundle: what comes before is synced.
    var resume: UInt64 { (first + UInt64(tileWidth) - 1) / UInt64(tileWidth) * UInt64(tileWidth) }

    /// - Throws: `JournalError.corrupt` for a checkpoint that cannot be read, or is not signed as it should be.
    init(_ folder: LogFolder, verifier: LogVerifier?) throws {
        self.folder = folder
        guard let note = try folder.contents(TilePath.checkpoint) else {
            checkpoint = nil
            return
        }
        do throws(LogFormatError) {
            checkpoint =
                if let verifier { try verifier.checkpoint(in: note) } else { try Checkpoint(text: SignedNote(note).text) }
        } catch {
            throw JournalError.corrupt(.init(file: Self.file, offset: 0, sequence: 0, reason: error.reason))
        }
    }

    private static let file = "log/" + TilePath.checkpoint

    /// `first` is where the oldest segment begins; `nil` if there is none.
    mutating func begin(at first: UInt64?) throws {
        guard let checkpoint else {
            if let first, first > 0 { throw damage(first, "it is missing, and segments that it covered are gone") }
            return
        }
        guard let first else {
            if checkpoint.size > 0 { throw damage(0, "it covers \(checkpoint.size) entries, but every segment is missing") }
            return
        }
        guard first <= checkpoint.size else {
            throw damage(checkpoint.size, "it covers \(checkpoint.size) entries, but the segments begin at entry \(first)")
        }
        let reader = try TileReader(folder, size: first)
        tree = reader.frontier()
        self.reader = reader
        self.first = first
        try compare()
    }

    /// Hands over the entries that are older than the segments.
    mutating func replay(from: UInt64, _ body: (UInt64, UnsafeRawBufferPointer) throws -> Void) throws {
        try reader?.entries(from: from, to: first) { sequence, entry, _ in try body(sequence, entry) }
    }

    /// Adds the next entry of the segments.
    mutating func add(_ leaf: LogHash) throws {
        tree.append(leaf)
        try compare()
    }

    /// Everything has been added.
    func end() throws {
        guard let checkpoint, tree.size < checkpoint.size else { return }
        throw JournalError.corrupt(
            .init(
                file: Self.file, offset: 0, sequence: tree.size,
                reason: "it covers \(checkpoint.size) entries, but the journal ends before entry \(tree.size)"))
    }

    private mutating func compare() throws {
        if tree.size == resume { treeAtResume = tree }
        guard let checkpoint, tree.size == checkpoint.size, tree.root != checkpoint.root else { return }
        throw try damagedTile(checkpoint) ?? damage(first, "the tiles and segments do not lead to its root")
    }

    /// The whole tile that does not lead to the published hash above it, which can be told where that is in a partial tile.
    private func damagedTile(_ checkpoint: Checkpoint) throws -> JournalError? {
        guard let reader else { return nil }
        for (level, hashes) in reader.edge.enumerated() where level > 0 {
            let tile = TilePath.count(level: level, size: first) / UInt64(tileWidth)
            let width = TilePath.width(level: level, index: tile, size: checkpoint.size)
            guard let published = try folder.contents(TilePath.hashes(level: level, index: tile, width: width)) else { continue }
            for (place, hash) in hashes.enumerated() {
                guard !published.dropFirst(place * LogHash.byteCount).starts(with: hash.bytes) else { continue }
                let index = tile * UInt64(tileWidth) + UInt64(place)
                return .corrupt(
                    .init(
                        file: "log/" + TilePath.hashes(level: level - 1, index: index), offset: 0,
                        sequence: index << UInt64(8 * level), reason: "the tile does not lead to the hash above it"))
            }
        }
        return nil
    }

    /// Where the tiles go on, by the tiles themselves and by what was compared with the checkpoint; both must say the same.
    func resumed() throws -> TileReader {
        let reader = try TileReader(folder, size: resume)
        guard resume == 0 || reader.frontier() == treeAtResume else {
            throw JournalError.corrupt(
                .init(
                    file: "log/" + TilePath.hashes(level: 0, index: resume / UInt64(tileWidth) - 1), offset: 0, sequence: first,
                    reason: "the tile has other entries than the segments"))
        }
        return reader
    }

    private func damage(_ sequence: UInt64, _ reason: String) -> JournalError {
        .corrupt(.init(file: Self.file, offset: 0, sequence: sequence, reason: reason))
    }
}
