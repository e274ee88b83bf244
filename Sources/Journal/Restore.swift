/// What came back from a copy of a log.
public struct Restored: Sendable, Hashable {
    /// The journal goes on with this sequence number.
    public var size: UInt64
    /// Sequence numbers that are known to have been given and that the copy lacks. What was decided under them is not known.
    public var missing: Range<UInt64>
}

extension Journal {
    /// Makes a journal out of a copy of a log, after every entry and every hash of it was checked.
    ///
    /// A copy has no segments, so that it opens only after this: whoever restores is told what it lacks.
    /// - Parameters:
    ///   - copy: the folder with the log's own files, as `LogCopy` makes it.
    ///   - verifier: of the log that was copied.
    ///   - folder: where the journal is made; it must not hold one.
    ///   - signer: of the journal that goes on. With a new origin if the copy lacks entries: under the old one there would be two
    ///     logs that differ, and a witness refuses the second.
    ///   - known: the newest checkpoint that is known from anywhere else: a witness, the old folder.
    /// - Throws: `JournalError.corrupt` for a copy that is damaged, or that is not the log that `known` is of.
    public static func restore(
        copy: String, verifier: LogVerifier, to folder: String, signer: LogSigner, known: Checkpoint?,
        disk: some Disk = PosixDisk()
    ) throws -> Restored {
        do {
            let source = LogFolder(path: copy, disk: disk)
            let checkpoint = try verify(source, verifier, known: known)
            if let known, known.size > checkpoint.size, isSame(signer.name, verifier.name) {
                throw JournalError.sameOrigin(origin: signer.name, missing: checkpoint.size..<known.size)
            }
            try disk.makeFolder(folder)
            try disk.syncFolder(folderName(folder))
            guard try disk.list(folder).allSatisfy({ Segment.ordinal($0) == nil && $0 != "log" }) else {
                throw JournalError.disk(DiskError(.create, folder, code: 0, reason: "there is a journal already"))
            }
            try write(source, checkpoint, folder, signer)
            let end = max(checkpoint.size, known?.size ?? 0)
            return Restored(size: checkpoint.size, missing: checkpoint.size..<end)
        } catch let error as DiskError {
            throw JournalError.disk(error)
        }
    }

    /// Recomputes every hash of a log from its entries.
    private static func verify(_ log: LogFolder, _ verifier: LogVerifier, known: Checkpoint?) throws -> Checkpoint {
        func damage(_ name: String, _ sequence: UInt64, _ reason: String) -> JournalError {
            .corrupt(.init(file: log.full(name), offset: 0, sequence: sequence, reason: reason))
        }
        guard let note = try log.contents(TilePath.checkpoint) else { throw damage(TilePath.checkpoint, 0, "it is missing") }
        let checkpoint: Checkpoint
        do throws(LogFormatError) { checkpoint = try verifier.checkpoint(in: note) } catch {
            throw damage(TilePath.checkpoint, 0, error.reason)
        }
        var tree = Frontier()
        while tree.size < checkpoint.size {
            let index = tree.size / UInt64(tileWidth)
            let width = TilePath.width(level: 0, index: index, size: checkpoint.size)
            let name = TilePath.entries(index: index, width: width)
            guard let bundle = try log.contents(name) else { throw damage(name, tree.size, "it is missing") }
            let leaves = try bundle.withUnsafeBytes { bytes in
                guard let entries = bundleEntries(bytes, width) else {
                    throw damage(name, tree.size, "it does not hold its entries")
                }
                return entries.map { leafHash(of: $0) }
            }
            for leaf in leaves {
                tree.append(leaf)
                if let known, known.size == tree.size, known.root != tree.root {
                    throw damage(TilePath.checkpoint, tree.size, "it is not of the log that the known checkpoint is of")
                }
            }
            let tile = TilePath.hashes(level: 0, index: index, width: width)
            guard try log.contents(tile) == leaves.flatMap(\.bytes) else { throw damage(tile, tree.size, "it has other hashes") }
        }
        guard tree.root == checkpoint.root else { throw damage(TilePath.checkpoint, 0, "the entries do not lead to its root") }
        return checkpoint
    }

    /// The whole tiles and bundles, made durable; what is in the last bundle goes into a segment, from which the rest is made anew.
    private static func write(_ source: LogFolder, _ checkpoint: Checkpoint, _ folder: String, _ signer: LogSigner) throws {
        let target = LogFolder(journal: folder, disk: source.disk)
        let whole = checkpoint.size / UInt64(tileWidth) * UInt64(tileWidth)
        let publisher = Publisher(
            signer: signer, resuming: TileReader(target, size: 0, edge: []), checkpoint: nil, end: checkpoint.size)
        let batch = Batch()
        while publisher.size < checkpoint.size {
            let index = publisher.size / UInt64(tileWidth)
            let width = TilePath.width(level: 0, index: index, size: checkpoint.size)
            let bundle = try source.contents(TilePath.entries(index: index, width: width)) ?? []
            try bundle.withUnsafeBytes { bytes in
                for entry in bundleEntries(bytes, width) ?? [] {
                    if publisher.size >= whole { batch.add(recovered: entry, sequence: publisher.size) }
                    try publisher.add(entry, leafHash(of: entry))
                }
            }
        }
        try publisher.sync(before: whole) { true }
        guard publisher.tree.root == checkpoint.root else {
            throw JournalError.corrupt(
                .init(file: source.full(TilePath.checkpoint), offset: 0, sequence: 0, reason: "the copy changed meanwhile"))
        }
        _ = try publisher.publish()
        try publisher.syncNames()
        try source.disk.syncFolder(target.path)
        var writer = Writer(
            settings: Settings(folder: folder), disk: source.disk, durable: whole, chain: .zero, nextOrdinal: 0)
        if batch.isEmpty { try writer.startSegment() } else { _ = try writer.commit(batch) }
        writer.close()
    }
}
