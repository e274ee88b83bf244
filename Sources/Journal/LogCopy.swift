/// Copies a journal's log to a second place while it is written to: first bundles and tiles, then the checkpoint over them, each time
/// what has come since. The copy is a log as C2SP tlog-tiles has it, and whole at every moment up to its own checkpoint.
public struct LogCopy: Sendable {
    private let source: LogFolder
    private let target: LogFolder
    private let verifier: LogVerifier
    /// The tree over the whole bundles that the copy holds; `nil` until the copy was looked at.
    private var tree: Frontier?

    /// How often a newer checkpoint is taken because the partial tiles of the last one have gone.
    private static let triesMax = 10

    /// `folder` is that of the running journal; `copy` is where the log's own files go.
    public init(of folder: String, to copy: String, verifier: LogVerifier, disk: some Disk = PosixDisk()) {
        source = LogFolder(journal: folder, disk: disk)
        target = LogFolder(path: copy, disk: disk)
        self.verifier = verifier
    }

    /// Copies what the newest checkpoint covers and the copy lacks. Everything is checked before the copy's checkpoint says so.
    /// - Returns: the checkpoint of the copy; `nil` as long as there is none.
    /// - Throws: `JournalError`: `.corrupt` for a source that is damaged, `.disk` for what may work again later.
    @discardableResult public mutating func step() throws -> Checkpoint? {
        do {
            for _ in 0..<Self.triesMax {
                guard let note = try source.contents(TilePath.checkpoint) else { return nil }
                let checkpoint = try read(note, source)
                if try copy(checkpoint) {
                    try target.publish(note)
                    try target.disk.syncFolder(target.path)
                    try removePartials(but: checkpoint)
                    return checkpoint
                }
            }
        } catch let error as DiskError {
            throw JournalError.disk(error)
        }
        throw JournalError.disk(
            DiskError(.read, source.path, code: 0, reason: "the log's partial tiles were gone each time they were to be copied"))
    }

    private func read(_ note: [UInt8], _ folder: LogFolder) throws -> Checkpoint {
        do throws(LogFormatError) { return try verifier.checkpoint(in: note) } catch {
            throw JournalError.corrupt(
                .init(file: folder.full(TilePath.checkpoint), offset: 0, sequence: 0, reason: error.reason))
        }
    }

    /// The tree over what the copy certainly holds: everything that its own checkpoint covers was synced.
    private func takeUp(_ newest: Checkpoint) throws -> Frontier {
        guard let note = try target.contents(TilePath.checkpoint) else { return Frontier() }
        let checkpoint = try read(note, target)
        guard checkpoint.size <= newest.size else {
            throw JournalError.shortened(from: checkpoint.size, next: newest.size)
        }
        let whole = checkpoint.size / UInt64(tileWidth) * UInt64(tileWidth)
        return try TileReader(target, size: whole).frontier()
    }

    /// - Returns: `false` if a partial file has gone meanwhile.
    private mutating func copy(_ checkpoint: Checkpoint) throws -> Bool {
        var tree = try self.tree ?? takeUp(checkpoint)
        var folders: Set<String> = []
        while tree.size + UInt64(tileWidth) <= checkpoint.size {
            let index = tree.size / UInt64(tileWidth)
            guard try copyBundle(index: index, width: tileWidth, into: &tree, &folders) else {
                throw damage(TilePath.entries(index: index), index, "it is missing")
            }
            var level = 0
            while level < 7, tree.size % (1 << UInt64(8 * (level + 1))) == 0 {
                let tile = TilePath.count(level: level + 1, size: tree.size) - 1
                guard try copyFile(TilePath.hashes(level: level, index: tile), &folders) != nil else {
                    throw damage(TilePath.hashes(level: level, index: tile), index, "it is missing")
                }
                level += 1
            }
        }
        self.tree = tree
        let width = TilePath.partialWidth(level: 0, size: checkpoint.size)
        if width > 0 {
            let index = checkpoint.size / UInt64(tileWidth)
            guard try copyBundle(index: index, width: width, into: &tree, &folders) else { return false }
        }
        guard tree.root == checkpoint.root else {
            // What was taken into the tree was wrong somewhere; the next try begins with what the copy's checkpoint covers.
            self.tree = nil
            throw damage(TilePath.checkpoint, 0, "the log's entries do not lead to its root")
        }
        var level = 0
        while TilePath.count(level: level, size: checkpoint.size) > 0 {
            let width = TilePath.partialWidth(level: level, size: checkpoint.size)
            let index = TilePath.count(level: level, size: checkpoint.size) / UInt64(tileWidth)
            if width > 0, try copyFile(TilePath.hashes(level: level, index: index, width: width), &folders) == nil {
                return false
            }
            level += 1
        }
        for folder in folders { try target.disk.syncFolder(folder) }
        return true
    }

    private func copyBundle(index: UInt64, width: Int, into tree: inout Frontier, _ folders: inout Set<String>) throws -> Bool {
        let name = TilePath.entries(index: index, width: width)
        guard let bytes = try copyFile(name, &folders) else { return false }
        try bytes.withUnsafeBytes { bytes in
            guard let entries = bundleEntries(bytes, width) else { throw damage(name, index, "it does not hold its entries") }
            for entry in entries { tree.append(leafHash(of: entry)) }
        }
        return true
    }

    /// - Returns: the file's bytes, which are durable in the copy; `nil` if there is no such file.
    private func copyFile(_ name: String, _ folders: inout Set<String>) throws -> [UInt8]? {
        guard let bytes = try source.contents(name) else { return nil }
        let result = bytes.withUnsafeBytes { bytes -> Result<Void, DiskError> in
            do throws(DiskError) {
                return .success(try target.write(bytes, name, replacing: true))
            } catch { return .failure(error) }
        }
        try result.get()
        try target.disk.sync(target.full(name))
        var folder = folderName(target.full(name))
        while folders.insert(folder).inserted, folder.utf8.count >= target.path.utf8.count { folder = folderName(folder) }
        return bytes
    }

    /// The copy keeps the partial files of its checkpoint only.
    private func removePartials(but checkpoint: Checkpoint) throws {
        try removePartials(beside: TilePath.entries(index: checkpoint.size / UInt64(tileWidth)), level: 0, checkpoint)
        var level = 0
        while TilePath.count(level: level, size: checkpoint.size) > 0 {
            let index = TilePath.count(level: level, size: checkpoint.size) / UInt64(tileWidth)
            try removePartials(beside: TilePath.hashes(level: level, index: index), level: level, checkpoint)
            level += 1
        }
    }

    private func removePartials(beside name: String, level: Int, _ checkpoint: Checkpoint) throws {
        let width = TilePath.partialWidth(level: level, size: checkpoint.size)
        let folder = target.full(folderName(name))
        for partial in (try? target.disk.list(folder)) ?? [] where partial.hasSuffix(".p") {
            let isNewest = folder + "/" + partial == target.full(name) + ".p"
            for file in (try? target.disk.list(folder + "/" + partial)) ?? [] where !isNewest || file != "\(width)" {
                try target.removeIfThere(folder + "/" + partial + "/" + file)
            }
            try? target.disk.removeFolder(folder + "/" + partial)
        }
    }

    private func damage(_ name: String, _ bundle: UInt64, _ reason: String) -> JournalError {
        .corrupt(.init(file: source.full(name), offset: 0, sequence: bundle * UInt64(tileWidth), reason: reason))
    }
}

/// The entries of a bundle, each after its length; `nil` unless there are exactly `count` of them.
func bundleEntries(_ bytes: UnsafeRawBufferPointer, _ count: Int) -> [UnsafeRawBufferPointer]? {
    var entries: [UnsafeRawBufferPointer] = []
    entries.reserveCapacity(count)
    var offset = 0
    while offset + 2 <= bytes.count {
        let length = Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
        guard offset + 2 + length <= bytes.count else { return nil }
        entries.append(UnsafeRawBufferPointer(rebasing: bytes[offset + 2..<offset + 2 + length]))
        offset += 2 + length
    }
    return offset == bytes.count && entries.count == count ? entries : nil
}
