/// Turns durable entries into the transparency log's files, in this order: whole bundles and tiles as they fill, then the partial
/// ones, then a checkpoint over them. It knows no thread and no lock, so that a test can play every fault step by step.
///
/// Nothing that it writes has to be durable but the checkpoint, as long as the segments are there to make it anew. `sync` makes whole
/// files durable; a segment may go when everything in it is in such files.
/// Unchecked: the journal uses it under one lock.
final class Publisher: @unchecked Sendable {
    private let signer: LogSigner
    private let folder: LogFolder
    /// The tree over everything that was added.
    private(set) var tree: Frontier
    /// The tree when its last bundle became whole.
    private var wholeTree: Frontier
    /// By level, the hashes behind the last tile that was written.
    private var tiles: [[LogHash]]
    /// The entries behind the last bundle that was written, each after its length.
    private var bundle: [UInt8] = []
    private(set) var checkpoint: Checkpoint?
    /// Everything before this is in whole files that are durable.
    private(set) var syncedTo: UInt64
    /// Files of an earlier life, or whose sync failed, may be there up to this size. They are replaced and not written over.
    private var replaceUpTo: UInt64
    /// The partial files of the last checkpoint, and of the one before it.
    private var partials: [[String]] = [[], []]
    private var unsyncedFolders: Set<String> = []
    private var hasSwept = false

    /// Goes on where everything before is synced; what is there from an earlier life up to `end` is made anew.
    init(signer: LogSigner, resuming reader: TileReader, checkpoint: Checkpoint?, end: UInt64) {
        (self.signer, folder, self.checkpoint) = (signer, reader.folder, checkpoint)
        (tree, tiles, syncedTo) = (reader.frontier(), reader.edge, reader.size)
        wholeTree = tree
        replaceUpTo = Self.roundedUp(max(end, checkpoint?.size ?? 0))
    }

    private static func roundedUp(_ size: UInt64) -> UInt64 {
        (size + UInt64(tileWidth) - 1) / UInt64(tileWidth) * UInt64(tileWidth)
    }

    var size: UInt64 { tree.size }
    /// What whole bundles hold, once they are flushed.
    private var wholeSize: UInt64 { size / UInt64(tileWidth) * UInt64(tileWidth) }

    // MARK: Adding

    /// Adds the next entry. After an error it is in, and `flush` has to be called again before the next.
    func add(_ entry: UnsafeRawBufferPointer, _ leaf: LogHash) throws(DiskError) {
        bundle.append(UInt8(truncatingIfNeeded: entry.count >> 8))
        bundle.append(UInt8(truncatingIfNeeded: entry.count))
        bundle.append(contentsOf: entry)
        tree.append(leaf) { level, hash in
            if level == tiles.count {
                tiles.append([])
                tiles[level].reserveCapacity(tileWidth)
            }
            tiles[level].append(hash)
        }
        if size == wholeSize { try flush() }
    }

    /// Writes the bundle and the tiles that are full.
    func flush() throws(DiskError) {
        guard size == wholeSize, size > 0 else { return }
        wholeTree = tree
        let replacing = size <= replaceUpTo
        if !bundle.isEmpty {
            try write(bundle, TilePath.entries(index: size / UInt64(tileWidth) - 1), replacing: replacing)
            bundle.removeAll(keepingCapacity: true)
        }
        for level in tiles.indices where tiles[level].count == tileWidth {
            let index = TilePath.count(level: level + 1, size: size) - 1
            try folder.write(tiles[level], TilePath.hashes(level: level, index: index), replacing: replacing)
            tiles[level].removeAll(keepingCapacity: true)
        }
    }

    private func write(_ bytes: [UInt8], _ name: String, replacing: Bool) throws(DiskError) {
        let result = bytes.withUnsafeBytes { bytes -> Result<Void, DiskError> in
            do throws(DiskError) {
                return .success(try folder.write(bytes, name, replacing: replacing))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    // MARK: Checkpoints

    /// Whether something was added that no checkpoint covers, or what an earlier life published has still to be made whole.
    var hasNews: Bool {
        let covered = checkpoint?.size ?? 0
        return size > covered || !hasSwept && size == covered && size > 0
    }

    /// Writes what is partial and a checkpoint over it.
    ///
    /// - Parameter whole: ends at the last whole bundle if no checkpoint covers that yet. A log that grows fast then has no partial
    ///   bundles, whose making and removal cost the file system more than all the rest.
    /// - Returns: the signed note; `nil` without news.
    func publish(whole: Bool = false) throws(DiskError) -> [UInt8]? {
        guard hasNews else { return nil }
        try flush()
        let isWhole = whole && wholeSize > checkpoint?.size ?? 0
        // Levels above the lowest change with whole bundles only, so that they are right for both ends.
        let tree = isWhole ? wholeTree : self.tree
        let size = tree.size
        var names: [String] = []
        if !isWhole, !bundle.isEmpty {
            let width = TilePath.partialWidth(level: 0, size: size)
            names.append(TilePath.entries(index: size / UInt64(tileWidth), width: width))
            try write(bundle, names[0], replacing: size <= replaceUpTo)
        }
        for (level, hashes) in tiles.enumerated() where !hashes.isEmpty && (level > 0 || !isWhole) {
            let index = TilePath.count(level: level, size: size) / UInt64(tileWidth)
            let name = TilePath.hashes(level: level, index: index, width: hashes.count)
            names.append(name)
            // Upper levels seldom change from one checkpoint to the next.
            if partials[1].contains(name) { continue }
            try folder.write(hashes, name, replacing: size <= replaceUpTo)
        }
        let next = Checkpoint(origin: signer.name, size: size, root: tree.root)
        let note = signer.sign(next)
        try folder.publish(note)
        checkpoint = next
        if !hasSwept { sweep(keeping: Set(names)) }
        for name in partials[0] where !partials[1].contains(name) && !names.contains(name) { removePartial(name) }
        partials = [partials[1], names]
        return note
    }

    /// What is left of a partial file is of no harm, so an error is passed over.
    private func removePartial(_ name: String) {
        try? folder.removeIfThere(folder.full(name))
        // The folder goes with its last file, which it has when the tile has become whole.
        try? folder.disk.removeFolder(folderName(folder.full(name)))
    }

    /// Removes partial files of an earlier life beside the newest tiles.
    private func sweep(keeping names: Set<String>) {
        hasSwept = true
        let kept = Set(names.map(folder.full))
        let folders = Set(
            tiles.indices.map { level in
                folderName(TilePath.hashes(level: level, index: TilePath.count(level: level, size: size) / UInt64(tileWidth)))
            } + [folderName(TilePath.entries(index: size / UInt64(tileWidth)))])
        for folder in folders {
            let path = self.folder.full(folder)
            for partial in (try? self.folder.disk.list(path)) ?? [] where partial.hasSuffix(".p") {
                for name in (try? self.folder.disk.list(path + "/" + partial)) ?? [] {
                    let file = path + "/" + partial + "/" + name
                    if !kept.contains(file) { try? self.folder.disk.remove(file) }
                }
                try? self.folder.disk.removeFolder(path + "/" + partial)
            }
        }
    }

    /// What readers of bundles check against: the tree over the whole bundles that the checkpoint covers.
    func reader() -> TileReader {
        var edge = tiles
        if !edge.isEmpty { edge[0] = [] }
        return TileReader(folder, size: wholeSize, edge: edge)
    }

    // MARK: Syncing

    /// Makes whole files durable, in order, until everything before `end` is or `goesOn` says no.
    /// After an error the tree goes back to what is durable: from there on, what comes next is to be added again.
    func sync(before end: UInt64, while goesOn: () -> Bool) throws {
        do {
            while syncedTo < end, goesOn() {
                precondition(syncedTo + UInt64(tileWidth) <= wholeSize, "what is synced was written")
                let next = syncedTo + UInt64(tileWidth)
                try syncFile(TilePath.entries(index: syncedTo / UInt64(tileWidth)))
                var level = 0
                while next % (1 << UInt64(8 * (level + 1))) == 0 {
                    try syncFile(TilePath.hashes(level: level, index: TilePath.count(level: level + 1, size: next) - 1))
                    level += 1
                }
                syncedTo = next
            }
        } catch {
            // A file whose sync failed is made anew, with all that follow.
            let reader = try TileReader(folder, size: syncedTo)
            replaceUpTo = Self.roundedUp(size)
            (tree, tiles, bundle) = (reader.frontier(), reader.edge, [])
            wholeTree = tree
            throw error
        }
    }

    private func syncFile(_ name: String) throws(DiskError) {
        let path = folder.full(name)
        try folder.disk.sync(path)
        var parent = folderName(path)
        // With every folder above, up to the journal's own, since each may be new.
        while unsyncedFolders.insert(parent).inserted, parent.utf8.count >= folder.path.utf8.count { parent = folderName(parent) }
    }

    /// Makes durable that the files, and the checkpoint over them, have their names.
    func syncNames() throws(DiskError) {
        guard !unsyncedFolders.isEmpty else { return }
        for path in unsyncedFolders.union([folder.path]) { try folder.disk.syncFolder(path) }
        unsyncedFolders = []
    }
}
