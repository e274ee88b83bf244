/// The transparency log's files below the journal's folder: tiles of hashes, bundles of entries, the checkpoint.
///
/// Only whole tiles and bundles are ever relied on by the journal itself. The partial ones are there for those who read the log.
struct LogFolder: Sendable {
    let path: String
    let disk: any Disk

    static let tileBytes = tileWidth * LogHash.byteCount
    /// What is written under this name takes its real one when it is whole.
    static let newSuffix = ".new"

    /// The log of the journal in a folder.
    init(journal folder: String, disk: any Disk) {
        path = folder + "/log"
        self.disk = disk
    }

    /// A log that lies in a folder of its own.
    init(path: String, disk: any Disk) {
        (self.path, self.disk) = (path, disk)
    }

    func full(_ name: String) -> String { path + "/" + name }

    func contents(_ name: String) throws(DiskError) -> [UInt8]? { try disk.contents(of: full(name)) }

    /// The hashes of a whole tile; `nil` if it is not there or has not its size.
    func tile(level: Int, index: UInt64) throws(DiskError) -> [LogHash]? {
        guard let bytes = try contents(TilePath.hashes(level: level, index: index)), bytes.count == Self.tileBytes else {
            return nil
        }
        return bytes.withUnsafeBytes { bytes in
            (0..<tileWidth).map { bytes.loadUnaligned(fromByteOffset: $0 * LogHash.byteCount, as: LogHash.self) }
        }
    }

    /// Writes a file, with the folders that it needs. One that others may be reading is replaced at once, not written over.
    func write(_ bytes: UnsafeRawBufferPointer, _ name: String, replacing: Bool) throws(DiskError) {
        let target = full(name)
        let first = replacing ? target + Self.newSuffix : target
        do throws(DiskError) {
            // Nobody can say anything about the old file if a sync of it has failed, so it is not written to again.
            if replacing { try removeIfThere(first) }
            try disk.write(bytes, to: first)
        } catch {
            guard error.isMissing else { throw error }
            try disk.makeFolder(folderName(target))
            try disk.write(bytes, to: first)
        }
        if replacing { try disk.rename(first, to: target) }
    }

    func write(_ hashes: [LogHash], _ name: String, replacing: Bool) throws(DiskError) {
        let result = hashes.withUnsafeBytes { bytes -> Result<Void, DiskError> in
            do throws(DiskError) { return .success(try write(bytes, name, replacing: replacing)) } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// Puts a checkpoint in the place of the one before, durable before anybody can see it.
    func publish(_ note: [UInt8]) throws(DiskError) {
        let target = full(TilePath.checkpoint)
        let new = target + Self.newSuffix
        try removeIfThere(new)
        do throws(DiskError) {
            try disk.write(note, to: new)
        } catch {
            guard error.isMissing else { throw error }
            try disk.makeFolder(path)
            try disk.write(note, to: new)
        }
        try disk.sync(new)
        try disk.rename(new, to: target)
    }

    func removeIfThere(_ path: String) throws(DiskError) {
        do throws(DiskError) { try disk.remove(path) } catch { if !error.isMissing { throw error } }
    }
}

/// The path without its last part.
func folderName(_ path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
